"""The checks of lesson 09: pairs, many comparisons, how many seeds, which epoch, twins."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import mean, pstdev, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    Either,
    Wrong,
    call,
    exercise,
    far,
    judge,
    number,
    require_tensor,
)
from vtff_lib.evaluation.comparisons import detectable, holm, student_t

Z, Z_POWER = 1.959964, 0.841621  # of a normal distribution: 95 % within, 80 % below


@exercise("09", "An interval from pairs")
def interval_from_pairs(answer: Callable[[Sequence[float], Sequence[float]], Any]) -> str:
    """Check Exercise 1 of lesson 09: mean, low and high of first minus second, seed by seed."""
    dice = random.Random(0)
    for count in (5, 3, 8):
        shared = [dice.gauss(0.7, 0.08) for _ in range(count)]
        first = [s + dice.gauss(0.02, 0.01) for s in shared]
        second = [s + dice.gauss(0.0, 0.01) for s in shared]
        interval = _numbers(call(answer, list(first), list(second)), 3, "mean, low and high")
        _judge_interval(interval, first, second)
    return (
        "What a seed does to both runs falls out of their difference. Had the two lists been "
        "compared as wholes, it would have drowned the difference."
    )


def _numbers(given: Any, count: int, what: str) -> list[float]:
    """Return some numbers that a function gave, in whatever container."""
    if isinstance(given, Tensor | np.ndarray):
        given = given.tolist()
    if not isinstance(given, list | tuple) or len(given) != count:
        raise Wrong(f"Return {count} numbers, {what}; yours is {given!r:.60}.")
    return [number(value, f"Each of {what}") for value in given]


def _around(values: Sequence[float], t: float, spread: float | None = None) -> list[float]:
    """Return the mean of some values and mean ± t s/√n."""
    spread = stdev(values) if spread is None else spread
    reach = t * spread / math.sqrt(len(values))
    return [mean(values), mean(values) - reach, mean(values) + reach]


def _judge_interval(interval: list[float], first: Sequence[float], second: Sequence[float]) -> None:
    """Say which mistake a wrong interval comes from."""
    n = len(first)
    t = student_t(n - 1)
    pairs = [a - b for a, b in zip(first, second, strict=True)]
    right = _around(pairs, t)
    middle, spread = mean(pairs), stdev(pairs)
    apart = math.sqrt(stdev(first) ** 2 + stdev(second) ** 2)
    mistakes = {
        "Your signs are turned round: first minus second.": _around([-d for d in pairs], t),
        "You compared the two lists as wholes. The scores come in pairs: subtract seed by seed, "
        "and take the deviation of the differences.": _around(pairs, student_t(2 * n - 2), apart),
        "Your deviation is that of two separate lists. Take the deviation of the differences: what "
        "both runs of a seed share falls out there.": _around(pairs, t, apart),
        "You divided the squares by n; a deviation estimated from a sample divides by n - 1 "
        "(`statistics.stdev`, or `ddof=1` in NumPy).": _around(pairs, t, pstdev(pairs)),
        "You used 1.96, which is for hundreds of pairs. With so few, the deviation itself is "
        "uncertain: take t.": _around(pairs, Z),
        "Your t has n degrees of freedom; n differences around their own mean have n - 1.": (
            _around(pairs, student_t(n))
        ),
        "Your t has 2n - 2 degrees of freedom, as for two separate lists; n pairs have n - 1.": (
            _around(pairs, student_t(2 * n - 2))
        ),
        "The √n is missing: that is how far single differences scatter, not their mean.": (
            [middle, middle - t * spread, middle + t * spread]
        ),
        "You divided by n; a mean of n scatters √n times less than one.": (
            [middle, middle - t * spread / n, middle + t * spread / n]
        ),
        "That is the mean plus and minus one standard error; a 95 % interval is t standard errors "
        "wide on each side.": _around(pairs, 1.0),
        "Those are the smallest and the largest difference. An interval for the mean is what t, s "
        "and n give.": [middle, min(pairs), max(pairs)],
        "The order is mean, low, high.": [right[1], right[0], right[2]],
        "Low and high have changed places.": [right[0], right[2], right[1]],
        "That is the interval of the first scores alone; it is wanted for the difference.": (
            _around(first, t)
        ),
    }
    judge(
        interval,
        right,
        mistakes,
        f"For {n} pairs the answer should be ({right[0]:.4f}, {right[1]:.4f}, {right[2]:.4f}); "
        f"yours is ({interval[0]:.4f}, {interval[1]:.4f}, {interval[2]:.4f}).",
    )


@exercise("09", "Holm's correction")
def holms_correction(answer: Callable[[Sequence[float]], Any]) -> str:
    """Check Exercise 2 of lesson 09: p values corrected for how many they are, in their order."""
    for given in (
        [0.6, 0.02, 0.7],
        [0.03, 0.004, 0.2],
        [0.012, 0.013, 0.014, 0.9],
        [0.6, 0.7],
        [0.04, 0.01, 0.03, 0.8, 0.005],
        [0.02],
    ):
        values = call(answer, list(given))
        _judge_holm(_numbers(values, len(given), "one for each p, in their order"), given)
    return "The smallest pays for all, the next for one fewer. Looking at more costs more."


def _judge_holm(values: list[float], given: Sequence[float]) -> None:
    """Say which mistake wrong corrected values come from."""
    right = list(holm({str(place): p for place, p in enumerate(given)}).values())
    m = len(given)
    order = sorted(range(m), key=lambda place: given[place])
    rank = [order.index(place) for place in range(m)]
    times = [(m - rank[place]) * p for place, p in enumerate(given)]
    largest, uncapped = 0.0, [0.0] * m
    for place in order:
        largest = max(largest, times[place])
        uncapped[place] = largest
    upward, smallest = [0.0] * m, 1.0
    for place in reversed(order):
        smallest = min(smallest, m / (rank[place] + 1) * given[place])
        upward[place] = smallest
    by_place, so_far = [], 0.0
    for place, p in enumerate(given):
        so_far = max(so_far, min(1.0, (m - place) * p))
        by_place.append(so_far)
    turned = [min(1.0, (rank[place] + 1) * p) for place, p in enumerate(given)]
    mistakes = {
        "Nothing is corrected yet.": list(given),
        "You multiplied each by m, which is Bonferroni's correction: right too, but stricter than "
        "need be. Only the smallest is multiplied by m.": [min(1.0, m * p) for p in given],
        "You multiplied each by m, and some are above 1 now. Only the smallest is multiplied by m, "
        "and no p is above 1.": [m * p for p in given],
        "Some of yours are above 1; a p is a share: cut off at 1.": uncapped,
        "One of yours is smaller than that of a smaller p. Going up, no corrected p may fall below "
        "the one before.": [min(1.0, p) for p in times],
        "Two things are missing at the end: no corrected p falls below the one before, and none is "
        "above 1.": times,
        "The numbers are right and sorted; give them back in the order in which they came.": (
            sorted(right)
        ),
        "That is Benjamini and Hochberg's correction, which bounds the share of false findings "
        "among all findings. Holm's multiplies the k-th smallest by m + 1 - k.": upward,
        "You went through them in the order in which they came; begin with the smallest.": by_place,
        "Your factors are turned round: the smallest is multiplied by m, the largest by 1.": turned,
    }
    judge(
        values,
        right,
        mistakes,
        f"Of {given} Holm makes {[round(p, 4) for p in right]}; yours is "
        f"{[round(p, 4) for p in values]}.",
    )


@exercise("09", "How many seeds?")
def how_many_seeds(answer: Callable[[float, float], int]) -> str:
    """Check Exercise 3 of lesson 09: the fewest pairs whose detectable difference is small enough.

    It may be written with `detectable` or with `student_t`.
    """
    for deviation, effect in ((0.03, 0.03), (0.02, 0.03), (0.03, 0.015), (0.01, 0.05)):
        _judge_seeds(
            number(call(answer, deviation, effect), "The number of seeds"), deviation, effect
        )
    return "Half the effect takes about four times the seeds. Ask this before, not after."


def _fewest(
    deviation: float, effect: float, reach: Callable[[float, int], float] = detectable
) -> int:
    """Return the fewest pairs, from 2 to 60, whose reach is `effect` or less."""
    return next((n for n in range(2, 60) if reach(deviation, n) <= effect), 60)


def _judge_seeds(seeds: float, deviation: float, effect: float) -> None:
    """Say which mistake a wrong number of seeds comes from."""
    right, ratio = _fewest(deviation, effect), deviation / effect
    mistakes = {
        "Your seeds make the interval just as wide as the effect. Half of all experiments would "
        "miss it then; a power of 0.8 asks for `detectable`.": (
            _fewest(deviation, effect, lambda s, n: student_t(n - 1) * s / math.sqrt(n))
        ),
        "You used 1.96 and 0.84 of a normal distribution. With few seeds t is larger, and it "
        "depends on n: try one n after another.": math.ceil(((Z + Z_POWER) * ratio) ** 2),
        "You used 1.96, and left the power out.": math.ceil((Z * ratio) ** 2),
        "Your difference falls as 1/n; it falls as 1/√n.": (
            _fewest(deviation, effect, lambda s, n: detectable(s, n) / math.sqrt(n))
        ),
        "That is for a power of 0.9; 0.8 is asked for.": (
            _fewest(deviation, effect, lambda s, n: detectable(s, n, 0.9))
        ),
        "One too few: with yours, the detectable difference is still larger than the effect.": (
            right - 1
        ),
        "One too many: one fewer would do.": right + 1,
    }
    judge(
        seeds,
        right,
        mistakes,
        f"To find {effect} when differences scatter by {deviation} takes {right} seeds; yours is "
        f"{seeds:g}.",
        tolerance=0,
    )


@exercise("09", "The score that may be reported")
def score_to_report(answer: Callable[[Sequence[float], Sequence[float]], float]) -> str:
    """Check Exercise 4 of lesson 09: the test accuracy of the epoch that validation chose."""
    for valid, test in (
        ([0.61, 0.74, 0.70, 0.73], [0.60, 0.71, 0.75, 0.69]),
        ([0.30, 0.55, 0.50, 0.55, 0.40], [0.20, 0.53, 0.62, 0.58, 0.44]),
        ([0.80, 0.79, 0.78], [0.71, 0.78, 0.77]),
        ([0.50, 0.65, 0.69], [0.59, 0.64, 0.61]),
    ):
        score = number(call(answer, list(valid), list(test)), "The score")
        first = valid.index(max(valid))
        last = len(valid) - 1 - valid[::-1].index(max(valid))
        right = test[first]
        mistakes = {
            "You chose the epoch on the test faces. The largest of several noisy numbers is too "
            "large on average; choose on validation.": max(test),
            "That is the validation accuracy of the epoch. It was chosen for being large, so it is "
            "too large on average: report the test accuracy there.": max(valid),
            "You returned the epoch; its test accuracy is asked for.": Either((first, first + 1)),
            "Two epochs are equally good on validation, and you took the last; take the first, as "
            "is said in the exercise.": test[last],
            "You took the last epoch. That is honest too, if it was settled before; here "
            "validation chooses.": test[-1],
            "You took the epoch that is worst on validation.": test[valid.index(min(valid))],
            "You took the mean of all epochs.": mean(test),
            "You are off by one epoch.": test[(first + 1) % len(test)],
        }
        judge(
            score,
            right,
            mistakes,
            f"For validation {valid} and test {test} the score is {right}; yours is {score:g}.",
        )
    return "One look at the test faces, at an epoch that was chosen without them."


@exercise("09", "Test pictures without a twin elsewhere")
def without_twins(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 5 of lesson 09: which test pictures have no equal outside the test split."""
    pictures, splits = _planted()
    shapes = {
        (int((splits == 2).sum()),): "Your mask has one entry for each test picture; give one for "
        "each of all N pictures, False outside the test split.",
    }
    kept = require_tensor(
        call(answer, pictures, splits), tuple(splits.shape), "The mask", shapes, dtype=None
    )
    right = _clean(pictures, splits)
    same_sum = pictures.flatten(1).sum(dim=1)
    equal_sum = same_sum[:, None] == same_sum
    mean_face = pictures.float().mean(dim=(1, 2, 3))
    near = (mean_face[:, None] - mean_face).abs() < 2
    mistakes = {
        "You leave out test pictures with a twin in the test split itself. Nothing was learned "
        "from those; only twins elsewhere leak.": _clean(pictures, splits, test_too=True),
        "All test pictures are still there.": splits == 2,
        "Your mask is turned round: True is for pictures to keep.": ~right,
        "You marked the test pictures that have a twin; those without are wanted.": (
            ~_clean(pictures, splits) & (splits == 2)
        ),
        "You compared with train alone. A twin in valid leaks too: the settings were chosen "
        "there.": _clean(pictures, splits, sources=(0,)),
        "You compared with valid alone; most twins are in train.": (
            _clean(pictures, splits, sources=(1,))
        ),
        "Pictures of other splits are marked as well; the mask is for test pictures.": (
            _no_twin(pictures, splits)
        ),
        "You compare sums of pixels; other pictures can have the same sum. All pixels have to be "
        "equal.": _by_rule(equal_sum, splits),
        "You compare brightness; all pixels have to be equal.": _by_rule(near, splits),
        "One equal pixel is enough for you; all have to be equal.": (
            _by_rule(_any_equal(pictures), splits)
        ),
        "Too much passes as equal: you compare one colour channel, or allow a small difference. "
        "All pixels of all three have to be equal.": _by_rule(_channel_equal(pictures), splits),
        "You compare with the picture before alone; a twin may be anywhere.": (
            _neighbours(pictures, splits)
        ),
    }
    judge(kept, right, mistakes, f"Your mask is off by up to {far(kept, right):.3g}.")
    return "A twin lets a model be right by memory. Report both scores, with and without."


def _planted() -> tuple[Tensor, Tensor]:
    """Return pictures `(N, 3, 4, 5)` with twins within and across splits, and their splits."""
    pictures = torch.randint(0, 256, (24, 3, 4, 5), dtype=torch.uint8)
    splits = torch.tensor([0, 2, 1, 0, 2, 0, 2, 1] * 3)
    pictures[4] = pictures[0]  # test, as in train
    pictures[6] = pictures[2]  # test, as in valid
    pictures[12] = pictures[9]  # both in test
    pictures[5] = pictures[3]  # both in train
    pictures[15] = pictures[8]  # valid, as in train
    pictures[1] = pictures[8].flip(-1)  # same pixels in another place: no twin
    pictures[14] = pictures[11]
    pictures[14, 2, 1, 1] ^= 128  # one value of blue differs: no twin
    pictures[17] = pictures[16]  # side by side: test, as in train
    return pictures, splits


def _equal(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1)
    return (flat[:, None] == flat).all(dim=2)


def _any_equal(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1)
    return (flat[:, None] == flat).any(dim=2)


def _channel_equal(pictures: Tensor) -> Tensor:
    return _equal(pictures[:, :1])


def _by_rule(same: Tensor, splits: Tensor, sources: Sequence[int] = (0, 1)) -> Tensor:
    """Return which test pictures are the same as none of the splits `sources`."""
    outside = torch.isin(splits, torch.tensor(sources))
    return (splits == 2) & ~(same & outside).any(dim=1)


def _clean(
    pictures: Tensor, splits: Tensor, sources: Sequence[int] = (0, 1), test_too: bool = False
) -> Tensor:
    same = _equal(pictures) & ~torch.eye(len(splits), dtype=torch.bool)
    return _by_rule(same, splits, (0, 1, 2) if test_too else sources)


def _no_twin(pictures: Tensor, splits: Tensor) -> Tensor:
    """Return which pictures, of any split, have no equal in another split."""
    return ~(_equal(pictures) & (splits[:, None] != splits)).any(dim=1)


def _neighbours(pictures: Tensor, splits: Tensor) -> Tensor:
    before = (pictures[1:] == pictures[:-1]).flatten(1).all(dim=1)
    clean = splits == 2
    clean[1:] &= ~(before & (splits[:-1] != 2))
    return clean
