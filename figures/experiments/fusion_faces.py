"""Which faces does fusion win, and which does it lose? Told from the stored answers, no training.

    python -m figures.experiments.fusion_faces

For each stage of `figures/plans/fusion.toml` that has been run, faces are sorted by which of two
models is right on them, RGB alone and LBP alone of the same seed: both, one, or none. Then it is
told how often each fusion is right in each of the four groups.

A gate that chooses one view's answer for each face can be right on the first three groups at most:
that is its *ceiling*. Its control is the ceiling of two models of *one* view that differ in nothing
but their seed: they, too, are right on different faces.
"""

from itertools import pairwise
from statistics import mean
from typing import Any

import numpy as np

from figures.experiments.fusion_models import AVERAGE
from figures.experiments.fusion_told import STAGES
from figures.experiments.harness import FIGURES, Record, experiment, read_runs
from vtff_lib.evaluation.comparisons import compare

FUSED = ("full", "sum", "mean", "average")
GROUPS = ("both", "rgb alone", "lbp alone", "none")


def answers(run: Record, name: str) -> np.ndarray:
    """Return for each test face whether a model was right, `(N,)` bool."""
    return np.array([each == "1" for each in run["variants"][name]["right"]])


def groups(run: Record) -> dict[str, np.ndarray]:
    """Return which faces belong to each group, by which view alone is right on them."""
    rgb, lbp = (answers(run, name) for name in AVERAGE)
    return dict(zip(GROUPS, (rgb & lbp, rgb & ~lbp, lbp & ~rgb, ~rgb & ~lbp), strict=True))


def interval(values: list[float]) -> list[float]:
    """Return the mean over seeds, and the ends of its 95 % t interval if there are several."""
    if len(values) < 2:
        return [round(each, 4) for each in values]
    return [round(each, 4) for each in compare(values, [0.0] * len(values)).difference]


def ceilings(runs: list[Record]) -> dict[str, list[float]]:
    """Return how often one of two models is right: of both views, and of one view twice."""
    found = {"rgb and lbp": [1 - groups(run)["none"].mean() for run in runs]}
    for view in AVERAGE:
        found[f"{view} twice"] = [
            (answers(one, view) | answers(other, view)).mean() for one, other in pairwise(runs)
        ]
    return {name: interval([float(each) for each in shares]) for name, shares in found.items()}


def tell(runs: list[Record]) -> dict[str, Any]:
    """Return the sizes of the groups, how often each fusion is right in them, and the ceilings."""
    sorted_faces = [groups(run) for run in runs]
    right: dict[str, dict[str, float]] = {}
    for name in (name for name in FUSED if all(name in run["variants"] for run in runs)):
        right[name] = {
            group: round(
                mean(
                    float(answers(run, name)[each[group]].mean())
                    for run, each in zip(runs, sorted_faces, strict=True)
                    if each[group].any()
                ),
                4,
            )
            for group in GROUPS
        }
    return {
        "seeds": [run["seed"] for run in runs],
        "share_of_faces": {
            group: interval([float(each[group].mean()) for each in sorted_faces])
            for group in GROUPS
        },
        "right": right,
        "ceiling": ceilings(runs),
    }


@experiment("fusion_faces.json", "numpy")
def main() -> Record:
    """Return what there is to tell of each stage that has both views alone."""
    needed = {*AVERAGE, "full"}
    told = {}
    for stage, plan in STAGES.items():
        stored = read_runs(FIGURES / plan["file"])
        runs = [run for run in stored if needed <= run["variants"].keys()]
        if runs:
            told[stage] = tell(runs)
    return {"stages": told}


if __name__ == "__main__":
    main()
