"""The checks of lesson 09, second part: pairs, and many comparisons."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import mean, pstdev, stdev
from typing import Any

import numpy as np
from torch import Tensor

from vtff_lib.checks.judging import Either, Wrong, call, exercise, judge, number
from vtff_lib.evaluation.comparisons import holm, student_t

Z = 1.959964  # of a normal distribution: 95 % within


@exercise("09", "An interval from pairs")
def interval_from_pairs(answer: Callable[[Sequence[float], Sequence[float]], Any]) -> str:
    """Check Exercise 3 of lesson 09: mean, low and high of first minus second, seed by seed."""
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
        "Your t is for 90 %; `student_t` takes the share that lies between -t and t, 0.95.": (
            _around(pairs, student_t(n - 1, 0.9))
        ),
        "`student_t` takes the share that lies between -t and t, which is 0.95, not 0.975.": (
            _around(pairs, student_t(n - 1, 0.975))
        ),
        "You sorted the scores. Then the first two are no longer those of one seed.": (
            _around([a - b for a, b in zip(sorted(first), sorted(second), strict=True)], t)
        ),
        "You divided by the root of n - 1; `stdev` has seen to the one that is lost already.": (
            _around(pairs, t * math.sqrt(n / (n - 1)))
        ),
        "You took the variance; the deviation is its root.": _around(pairs, t, spread**2),
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
        "That is the interval of the second scores alone; it is wanted for the difference.": (
            _around(second, t)
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
    """Check Exercise 4 of lesson 09: p values corrected for how many they are, in their order."""
    for given in (
        [0.36, 0.95, 0.35],
        [0.03, 0.004, 0.2],
        [0.012, 0.013, 0.014, 0.9],
        [0.6, 0.7],
        [0.04, 0.01, 0.03, 0.8, 0.005],
        [0.02],
        [0.03, 0.01, 0.01],
        [0.02, 0.5, 0.02, 0.02],
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
    stepped, least = [0.0] * m, 1.0
    for place in reversed(order):
        least = min(least, times[place])
        stepped[place] = least
    one_of_equals = [
        each if given.index(p) == place else 0.0
        for place, (p, each) in enumerate(zip(given, right, strict=True))
    ]
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
        "You divided. A p that was looked for among many has to grow.": [p / m for p in given],
        "That is Šidák's correction, for comparisons that know nothing of each other. Holm's "
        "multiplies.": [1 - (1 - p) ** m for p in given],
        "Your factors begin at m - 1; the smallest is multiplied by m itself.": Either(
            [
                [min(1.0, (m - 1) * p) for p in given],
                [min(1.0, (m - 1 - rank[place]) * p) for place, p in enumerate(given)],
            ]
        ),
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
        "That is Hochberg's correction, which goes down from the largest and needs more to hold. "
        "Holm's begins with the smallest, and no later one falls below an earlier one.": stepped,
        "Of equal p values only the first has got its number: `index` finds that one each time. Go "
        "through the places.": Either(
            [one_of_equals, [each or p for each, p in zip(one_of_equals, given, strict=True)]]
        ),
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
