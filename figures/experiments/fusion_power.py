"""What can the planned comparison of fusions be expected to show? Told from its pilot, beforehand.

    python -m figures.experiments.fusion_power

The deviations of the pairs are those of `figures/ablation.json`, whose seeds are not used again.
"""

import json
from statistics import median

from figures.experiments.fusion_told import PLAN, STAGES, comparisons_of, smallest_shown
from figures.experiments.harness import FIGURES, Record, experiment
from vtff_lib.evaluation.comparisons import detectable


@experiment("fusion_power.json")
def main() -> Record:
    """Return the smallest differences that the plan's seeds show, from each deviation found."""
    pilot = json.loads((FIGURES / PLAN["pilot"]["file"]).read_text(encoding="utf-8"))
    found = {
        name: pilot["summary"]["variants"][name]["full_minus_this"]["deviation"]
        for name in PLAN["pilot"]["deviations"]
    }
    pairs, comparisons = len(STAGES["renders"]["seeds"]), len(comparisons_of("renders"))
    return {
        "pairs": pairs,
        "comparisons": comparisons,
        "power": PLAN["power"],
        "smallest_shown": {
            name: {
                "deviation": round(deviation, 4),
                "by_the_hardest_step": round(
                    smallest_shown(deviation, pairs, comparisons, PLAN["power"]), 4
                ),
                "by_the_last_step": round(detectable(deviation, pairs, PLAN["power"]), 4),
            }
            for name, deviation in [*found.items(), ("median", median(found.values()))]
        },
    }


if __name__ == "__main__":
    main()
