"""Go through all tests of maps, in the order of the plan.

    python -m figures.experiments.maps            the renders
    python -m figures.experiments.maps PACK       FER+ too, packed by data_scripts/prepare.py

The plan is `figures/plans/maps.toml`. Killed at any moment, the same command goes on where it was:
each test keeps what it has found in `build/maps/`, each training its last checkpoint. One thread.
About three core-hours in all, most of them for trainings.
"""

import sys

from figures.experiments import (
    forgetting,
    muscle_pairs,
    planted_truth,
    remove_and_retrain,
    silenced,
    truth_tests,
)
from figures.experiments.maps_under_test import PLAN, other_seeds, trained


def first_question() -> None:
    """Ask the quicker half of `muscle_pairs`, which is stored with the other half."""
    for name, model in trained().items():
        muscle_pairs.first_question(name, model)


STAGES = {
    "first_question": first_question,
    "muscle_pairs": muscle_pairs.main,
    "truth_tests": truth_tests.main,
    "forgetting": forgetting.main,
    "silenced": silenced.main,
    "other_seeds": other_seeds,
    "planted_truth": planted_truth.main,
    "remove_and_retrain": remove_and_retrain.main,
}


def main() -> None:
    """Go through all stages; only the last takes a pack."""
    program, *pack = sys.argv
    for stage in PLAN["order"]["stages"]:
        print(stage, flush=True)
        sys.argv = [program, *(pack if stage == "remove_and_retrain" else [])]
        STAGES[stage]()


if __name__ == "__main__":
    main()
