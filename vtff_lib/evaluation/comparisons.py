"""Is one way of training better than another? Pairs of runs, their interval, and how many to make.

Two runs of one seed share the order of the images and, where they can, the first weights. What that
does to both falls out of their difference, so differences are taken seed by seed.

Taught in 09.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from scipy import special

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.refusals import BELOW_1, check_number, check_whole, finite_numbers, shown


class Comparison(NamedTuple):
    """What pairs of runs say of a difference."""

    difference: Estimate  # the mean over the pairs, with its 95 % interval
    deviation: float  # of the pairs' differences
    p: float  # how often chance alone would give a mean this far from 0 or farther
    pairs: int


def student_p(t: float, degrees: float) -> float:
    """Return how often |t| or more comes about by chance, with this many degrees of freedom.

    Raises:
        ValueError: if there is no degree of freedom, or `t` is no number; infinity will do.
    """
    check_number("degrees", degrees, 1)
    if not isinstance(t, float) or math.isnan(t):
        check_number("t", t)
    return float(2 * special.stdtr(degrees, -abs(t)))


def student_t(degrees: float, share: float = 0.95) -> float:
    """Return the t between whose minus and plus `share` of Student's distribution lies.

    Args:
        degrees: of freedom, from 1.
        share: from 0 to below 1.

    Raises:
        ValueError: if a number is out of range.

    Source: "Student" 1908, "The probable error of a mean".
    """
    check_number("degrees", degrees, 1)
    check_number("share", share, 0, BELOW_1)
    return float(special.stdtrit(degrees, (1 + share) / 2))


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare pairs: first minus second, seed by seed, with a paired t interval.

        d ± t s/√n,   d and s: mean and deviation of the n differences, t = student_t(n - 1)

    Args:
        first, second: scores, one for each seed, in the same order.

    Raises:
        ValueError: if the two differ in length, there are fewer than two pairs, or one is no finite
            number.
    """
    first, second = finite_numbers("first", first), finite_numbers("second", second)
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(
            f"{len(first)} scores came with {len(second)}; give two of each or more, one for each "
            "seed, in the same order."
        )
    pairs = zip(first, second, strict=True)
    differences = finite_numbers("first - second", [a - b for a, b in pairs])
    count, middle, spread = len(differences), mean(differences), stdev(differences)
    error = spread / math.sqrt(count)
    reach = student_t(count - 1) * error
    t = middle / error if error else (math.inf if middle else 0.0)
    estimate = Estimate(middle, middle - reach, middle + reach)
    return Comparison(estimate, spread, student_p(t, count - 1), count)


class Crossed(NamedTuple):
    """What several draws, each on the same people, say of a mean."""

    mean: Estimate  # with its 95 % interval
    error: float  # the standard error
    p: float  # how often chance alone would give a mean this far from 0 or farther


def crossed(scores: np.ndarray) -> Crossed:
    """Return the mean of scores, with an interval over draws *and* people.

        mean ± t e,   e² = s²(means of draws)/D + s²(means of people)/P

    A draw is whatever might have come out otherwise for all people at once: a trained model, new
    weights, a map of chance. An interval over people alone says nothing of other draws. t has
    Satterthwaite's degrees of freedom: with few draws that disagree it is wide, as it should be.
    One draw leaves the interval over people. What the scores of single cells add is counted in both
    parts, so the interval is rather too wide than too narrow.

    Args:
        scores: `(D, P)`, NaN where a person has none; each person counts once, however often drawn.

    Raises:
        ValueError: if it is no such array, a draw has no score, or fewer than two people have one.

    Sources: Satterthwaite 1946, "An approximate distribution of estimates of variance components";
    the crossed design as in Owen 2007, "The pigeonhole bootstrap".
    """
    if not isinstance(scores, np.ndarray) or scores.ndim != 2 or scores.dtype.kind not in "fiub":
        raise ValueError(f"scores={shown(scores)} will not do; give an array of numbers, (D, P).")
    scores = scores.astype(float)
    known = ~np.isnan(scores)
    scores, known = scores[:, known.any(axis=0)], known[:, known.any(axis=0)]
    if scores.shape[1] < 2 or not known.any(axis=1).all() or np.isinf(scores).any():
        raise ValueError(
            f"{len(scores)} draws came with scores of {scores.shape[1]} people; give finite scores "
            "of two or more, and some in each draw."
        )
    people = np.nanmean(scores, axis=0)
    margins = [people, np.nanmean(scores, axis=1)] if len(scores) > 1 else [people]
    parts = [(len(margin) - 1, margin.var(ddof=1) / len(margin)) for margin in margins]
    middle, variance = float(people.mean()), sum(part for _, part in parts)
    error = math.sqrt(variance)
    if not error:
        return Crossed(Estimate(middle, middle, middle), 0.0, 0.0 if middle else 1.0)
    freedom = variance**2 / sum(part**2 / degrees for degrees, part in parts)
    reach = student_t(freedom) * error
    p = student_p(middle / error, freedom)
    return Crossed(Estimate(middle, middle - reach, middle + reach), error, p)


def sign_flips(differences: Sequence[float]) -> float:
    """Return the exact p of a mean of pairs, without a word on how they are distributed.

    If neither of a pair is better, its difference might as well have come with the other sign. So
    all 2^n ways of giving signs are as likely; p is the share of those whose mean is as far from 0
    or farther. With n pairs it cannot fall below 2/2^n.

    Args:
        differences: one for each pair, 1 to 20: 2^n sums are looked at.

    Raises:
        ValueError: if there are none, more than twenty, or one is no finite number.

    Source: Fisher 1935, "The design of experiments".
    """
    differences = finite_numbers("differences", differences)
    if not 1 <= len(differences) <= 20:
        raise ValueError(f"{len(differences)} differences will not do; give 1 to 20.")
    least = abs(sum(differences)) * (1 - 1e-9)  # a rounding must not lose the one that was found
    sizes = [abs(difference) for difference in differences]
    ways = list(product((-1, 1), repeat=len(sizes)))
    far = sum(
        abs(sum(sign * size for sign, size in zip(way, sizes, strict=True))) >= least
        for way in ways
    )
    return far / len(ways)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values corrected for how many they are, by name.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none becomes smaller than
    one before it, and none larger than 1. If nothing is there to find, the chance that any falls
    below 0.05 is then 0.05 at most, however many are looked at.

    Raises:
        ValueError: if `p_values` is no mapping, or one is no number from 0 to 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    if not isinstance(p_values, Mapping):
        raise ValueError(f"p_values={shown(p_values)} will not do; give p values by name.")
    for name, p in p_values.items():
        check_number(f"p_values[{name!r}]", p, 0, 1)
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def detectable(deviation: float, pairs: int, power: float = 0.8) -> float:
    """Return the true difference that `pairs` would find with a chance of `power`, about.

        (t + t') s/√n,   t = student_t(n - 1), t' = student_t(n - 1, 2 power - 1)

    To find means: the 95 % interval leaves out 0. The formula is the usual approximation.

    Args:
        deviation: s, of the differences between pairs.
        pairs: n, from 2.
        power: from 0.5 to below 1.

    Raises:
        ValueError: if a number is out of range.
    """
    check_number("deviation", deviation, 0)
    check_whole("pairs", pairs, low=2)
    check_number("power", power, 0.5, BELOW_1)
    both = student_t(pairs - 1) + student_t(pairs - 1, 2 * power - 1)
    return both * deviation / math.sqrt(pairs)
