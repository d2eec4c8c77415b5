"""The checks of lesson 09, third part: a test for a comparison."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Run = dict[str, list[float]]  # "valid" and "test": accuracies after each epoch
Runs = Mapping[int, Run]
Compared = Callable[[Runs, Runs], list[float]]


def both_have(first: Runs, second: Runs) -> list[int]:
    """Return the seeds of both, the smallest first."""
    return sorted(first.keys() & second.keys())


def first_best(run: Run, scores: str = "valid") -> int:
    """Return the first of the best epochs of a run."""
    return run[scores].index(max(run[scores]))


def last_best(run: Run) -> int:
    """Return the last of the best epochs."""
    return len(run["valid"]) - 1 - run["valid"][::-1].index(max(run["valid"]))


def seed_by_seed(
    first: Runs,
    second: Runs,
    *,
    seeds: Callable[[Runs, Runs], Iterable[int]] = both_have,
    ours: Callable[[Run, Run], float] = lambda run, other: run["test"][first_best(run)],
    theirs: Callable[[Run, Run], float] = lambda run, other: run["test"][first_best(run)],
    minus: Callable[[float, float], float] = lambda a, b: a - b,
) -> list[float]:
    """Return differences of what is reported of two models' runs.

    Args:
        first, second: runs by seed.
        seeds: those that are compared, in their order.
        ours, theirs: from a run, and the other model's, to what is reported of it.
        minus: from both reports to their difference.
    """
    pairs = [(first[seed], second[seed]) for seed in seeds(first, second)]
    return [minus(ours(one, other), theirs(other, one)) for one, other in pairs]


def with_numpy(first: Runs, second: Runs) -> list[float]:
    """Collect two arrays, then subtract."""
    seeds = np.intersect1d([*first], [*second])
    reported = [
        [runs[seed]["test"][int(np.argmax(runs[seed]["valid"]))] for seed in seeds.tolist()]
        for runs in (first, second)
    ]
    ours, theirs = map(np.array, reported)
    return [float(gap) for gap in ours - theirs]


def from_the_top(first: Runs, second: Runs) -> list[float]:
    """Go through all seeds there may be, the largest first, and turn the list at the end."""
    found: list[float] = []
    for seed in range(max([*first, *second], default=-1), -1, -1):
        if seed in first and seed in second:
            best = []
            for run in (first[seed], second[seed]):
                epochs = zip(run["valid"], run["test"], strict=True)
                best.append(max(epochs, key=lambda scores: scores[0])[1])
            found.append(best[0] - best[1])
    return found[::-1]


def by_place(first: Runs, second: Runs) -> list[float]:
    """Pair runs by the place at which they stand."""
    pairs = zip(first.values(), second.values(), strict=False)
    return [a["test"][first_best(a)] - b["test"][first_best(b)] for a, b in pairs]


def as_if_nought(first: Runs, second: Runs) -> list[float]:
    """Count a run that is missing as one that got nothing right."""
    nothing = {"valid": [0.0], "test": [0.0]}
    seeds = sorted(first.keys() | second.keys())
    every = [{seed: runs.get(seed, nothing) for seed in seeds} for runs in (first, second)]
    return seed_by_seed(*every)


def forgetful(first: Runs, second: Runs) -> list[float]:
    """Sort the validation scores that were given."""
    found = seed_by_seed(first, second)
    for run in [*first.values(), *second.values()]:
        run["valid"].sort()
    return found


def common_epoch(run: Run, other: Run) -> float:
    """Report the epoch that was the other model's best."""
    return run["test"][min(first_best(other), len(run["test"]) - 1)]


def at(choice: Callable[[Run], int], scores: str = "test") -> Callable[[Run, Run], float]:
    """Return a report of the score at a chosen epoch."""
    return lambda run, other: run[scores][choice(run)]


def last_of(run: Run) -> int:
    """Return the last epoch."""
    return len(run["test"]) - 1


def alike(report: Callable[[Run, Run], float]) -> Compared:
    """Return a comparison that reports both models in one way."""
    return partial(seed_by_seed, ours=report, theirs=report)


RIGHT: dict[str, Compared] = {
    "one seed after another": seed_by_seed,
    "as two arrays": with_numpy,
    "from the largest seed down, then turned": from_the_top,
}
FAULTY: dict[str, Compared] = {
    "reports the second model at the epoch that was best for the first": partial(
        seed_by_seed, theirs=common_epoch
    ),
    "reports the first model at the epoch that was best for the second": partial(
        seed_by_seed, ours=common_epoch
    ),
    "chooses the epoch of the first model well and takes the second's last": partial(
        seed_by_seed, theirs=at(last_of)
    ),
    "chooses the epoch on the test faces": alike(at(partial(first_best, scores="test"))),
    "chooses the first model's epoch on the test faces, and the second's on validation": partial(
        seed_by_seed, ours=at(partial(first_best, scores="test"))
    ),
    "always takes the last epoch": alike(at(last_of)),
    "takes the last of equally good epochs": alike(at(last_best)),
    "reports validation": alike(at(first_best, "valid")),
    "pairs runs by the place at which they stand, not by their seed": by_place,
    "counts a run that is missing as one that got nothing right": as_if_nought,
    "gives the differences in the order in which the runs came": partial(
        seed_by_seed, seeds=lambda a, b: [seed for seed in a if seed in b]
    ),
    "sorts seeds as words, 10 before 9": partial(
        seed_by_seed, seeds=lambda a, b: sorted(a.keys() & b.keys(), key=str)
    ),
    "loses the seed 0": partial(
        seed_by_seed, seeds=lambda a, b: [seed for seed in both_have(a, b) if seed]
    ),
    "subtracts the first from the second": partial(seed_by_seed, minus=lambda a, b: b - a),
    "drops the sign": partial(seed_by_seed, minus=lambda a, b: abs(a - b)),
    "leaves out pairs that are equal": lambda a, b: [each for each in seed_by_seed(a, b) if each],
    "changes the scores that it was given": forgetful,
}


@exercise("09", "Find the fault: a comparison")
def fault_in_comparison(answer: Callable[[Compared], Any]) -> str:
    """Check Exercise 5 of lesson 09: a test for comparisons, tried on right and faulty ones."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right comparisons and fails {len(FAULTY)} faulty ones. "
        "What is done to one model has to be done to the other."
    )
