"""How sure a figure is: 95 % confidence intervals. Taught in 07."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vtff_lib.refusals import check_sizes, check_whole, shown

Z = 1.959964  # 95 % of a normal distribution lie within ± Z standard deviations


class Estimate(NamedTuple):
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Return the three, each in the format `spec`: `0.81 [0.79, 0.83]`."""
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def wilson(successes: int, trials: int) -> Estimate:
    """Return the share of successes with Wilson's score interval.

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n),   p = successes/n, n = trials, z = 1.96

    Unlike p ± z √(p(1-p)/n) it keeps within 0 and 1, and is honest where p is 0 or 1 or n is
    small. Without trials nothing is known: NaN, from 0 to 1.

    Raises:
        ValueError: unless `successes` is a whole number from 0 to `trials`.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    check_whole("trials", trials, low=0, high=2**53)
    check_whole("successes", successes, low=0, high=trials)
    if trials == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share, spread = successes / trials, Z**2 / trials
    middle = share + spread / 2
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4)
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    return Estimate(share, max(0.0, low), min(1.0, high))


def bootstrap(
    scores: Callable[[np.ndarray], np.ndarray], count: int, seed: int = 0, repeats: int = 1000
) -> list[Estimate]:
    """Return figures that no formula gives an interval for, with percentile intervals.

    As many images as there are are drawn with replacement, again and again; the interval is where
    the middle 95 % of the figures fall.

    Args:
        scores: from indices of images, `(count,)`, to the figures `(F,)`; NaN where one is unknown.
        count: number of images.
        seed: of the draws.
        repeats: number of draws.

    Raises:
        ValueError: if a number is out of range.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife".
    """
    check_sizes(count=count, repeats=repeats)
    check_whole("seed", seed, low=0, high=2**63)
    if not callable(scores):
        raise ValueError(f"scores={shown(scores)} will not do; give a function of indices.")
    random = np.random.default_rng(seed)
    values = scores(np.arange(count))
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "fiub":
        raise ValueError(f"scores(…) is {shown(values)}; return an array of numbers, (F,).")
    draws = np.stack([scores(random.integers(0, count, count)) for _ in range(repeats)])
    low, high = np.nanpercentile(draws, (2.5, 97.5), axis=0)
    return [Estimate(*map(float, figures)) for figures in zip(values, low, high, strict=True)]
