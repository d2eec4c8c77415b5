"""Two calls timed in turn, and their ratio."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from figures.benchmarks.clock import seconds


@dataclass
class Result:
    """One comparison: medians in ms, and the median of the pairwise ratios."""

    what: str
    ours_ms: float
    against: str
    against_ms: float
    ratio: str
    value: float

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.ours_ms} ms; {self.against}: {self.against_ms} ms -> "
            f"{self.value} {self.ratio}"
        )


def milliseconds(run: Callable[[], object]) -> float:
    """Time one call."""
    return 1000 * seconds(run)


def compare(
    what: str, ours: Callable, against: str, theirs: Callable, ratio: str, repeats: int
) -> Result:
    """Time two calls in turn. `ratio` says which way round: "times as fast" or "times the time"."""
    ours(), theirs()
    pairs = [(milliseconds(ours), milliseconds(theirs)) for _ in range(repeats)]
    quotients = [b / a if ratio == "times as fast" else a / b for a, b in pairs]
    a, b = (median(column) for column in zip(*pairs, strict=True))
    return Result(what, round(a, 2), against, round(b, 2), ratio, round(median(quotients), 2))
