"""What the runs of `figures/plans/fusion.toml` say: differences, two intervals, and verdicts."""

import math
import tomllib
from collections.abc import Iterator
from statistics import mean, median
from typing import Any

import numpy as np

from figures.experiments.ablation import by_seed, paired
from figures.experiments.fusion_models import LONGER, words
from figures.experiments.harness import FIGURES, Record
from vtff_lib.evaluation.comparisons import crossed, holm, student_t

PLAN: dict[str, Any] = tomllib.loads(
    (FIGURES / "plans" / "fusion.toml").read_text(encoding="utf-8")
)
STAGES: dict[str, dict[str, Any]] = PLAN["stages"]


def models_of(stage: str) -> list[str]:
    """Return the names of a stage's models in the order in which a seed's are trained."""
    plan = STAGES[stage]
    longer = [name + LONGER for name in plan["for_as_long"]]
    trained = [name for name in plan["models"] if name != "average"]
    return [*trained, *longer, *(name for name in plan["models"] if name == "average")]


def epochs_of(stage: str, name: str) -> int:
    """Return for how many epochs a model is trained."""
    return STAGES[stage]["longer" if name.endswith(LONGER) else "epochs"]


def comparisons_of(stage: str) -> list[tuple[str, str]]:
    """Return the comparisons that the plan corrects together, as pairs (first, second)."""
    plan = STAGES[stage]
    against_full = [("full", name) for name in plan.get("compare", {})]
    return against_full + [("sum", name) for name in plan.get("compare_sum", {})]


def by_person(runs: list[Record], name: str) -> np.ndarray:
    """Return the share of each person's faces that a model was right on, `(seeds, people)`."""
    rows = []
    for run in runs:
        right = np.array([int(each) for each in run["variants"][name]["right"]])
        rows.append(right.reshape(run["test_people"], -1).mean(axis=1))
    return np.stack(rows)


def difference(runs: list[Record], first: str, second: str) -> Record:
    """Return first minus second: seed by seed with a t interval, and over seeds and faces."""
    told = paired(by_seed(runs, first), by_seed(runs, second))
    both = [run for run in runs if {first, second} <= run["variants"].keys()]
    if len(both) > 1:
        faces = crossed(by_person(both, first) - by_person(both, second)).mean
        told["faces_low"], told["faces_high"] = round(faces.low, 4), round(faces.high, 4)
    return told


def verdict(told: Record, p: float) -> str:
    """Return what the rule of the plan says of a difference with its corrected p."""
    if p < PLAN["level"] and not told["faces_low"] <= 0 <= told["faces_high"]:
        return "better" if told["difference"] > 0 else "worse"
    low, high = min(told["low"], told["faces_low"]), max(told["high"], told["faces_high"])
    inside = -PLAN["worth_having"] < low and high < PLAN["worth_having"]
    return "as good as equal" if inside else "open"


def differences(stage: str, runs: list[Record]) -> Iterator[tuple[tuple[str, str], Record]]:
    """Yield full minus each other model, and what else is compared."""
    others = [("full", name) for name in models_of(stage) if name != "full"]
    for first, second in dict.fromkeys([*others, *comparisons_of(stage)]):
        if any({first, second} <= run["variants"].keys() for run in runs):
            yield (first, second), difference(runs, first, second)


def summarise(stage: str, runs: list[Record]) -> Record:
    """Return the plan of a stage, each model's means, the differences, and the verdicts."""
    plan = {key: value for key, value in PLAN.items() if not isinstance(value, dict)}
    variants = {}
    for name in models_of(stage):
        records = [run["variants"][name] for run in runs if name in run["variants"]]
        if records:
            variants[name] = {
                "what": words(name),
                "seeds": len(records),
                "accuracy": round(mean(record["accuracy"] for record in records), 4),
                "macro_f1": round(mean(record["macro_f1"] for record in records), 4),
                "parameters": records[0]["parameters"],
                "epochs": epochs_of(stage, name),
                "cpu_seconds": median(record["cpu_seconds"] for record in records),
            }
    found = dict(differences(stage, runs))
    planned = {pair: found.get(pair, {}) for pair in comparisons_of(stage)}
    verdicts = {}
    if planned and all(told.get("seeds") == STAGES[stage]["seeds"] for told in planned.values()):
        corrected = holm({" - ".join(pair): told["p"] for pair, told in planned.items()})
        for pair, told in planned.items():
            p = corrected[" - ".join(pair)]
            verdicts[" - ".join(pair)] = {"holm_p": round(p, 6), "verdict": verdict(told, p)}
    return {
        "plan": plan | {"stage": STAGES[stage]},
        "variants": variants,
        "differences": {" - ".join(pair): told for pair, told in found.items()},
        "planned": verdicts,
    }


def smallest_shown(deviation: float, pairs: int, comparisons: int, power: float) -> float:
    """Return the true difference that Holm's hardest step would find with a chance of `power`.

        (t + t') s/√n,   t of the level divided by the number of comparisons

    Of one comparison it is `vtff_lib.evaluation.comparisons.detectable`.
    """
    t = student_t(pairs - 1, 1 - PLAN["level"] / comparisons)
    return (t + student_t(pairs - 1, 2 * power - 1)) * deviation / math.sqrt(pairs)
