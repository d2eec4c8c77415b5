"""What times a call, and how many digits of it are told."""

import time
from collections.abc import Callable
from statistics import median

import torch


def seconds(run: Callable[[], object]) -> float:
    """Time one call and all that it started on a GPU."""
    synchronise()
    start = time.perf_counter()
    run()
    synchronise()
    return time.perf_counter() - start


def synchronise() -> None:
    """Wait until the GPU, if one is in use, has done all it was told to."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def median_seconds(run: Callable[[], object]) -> float:
    """Time a call eleven times, after three that are not timed; return the median."""
    times = [seconds(run) for _ in range(14)]
    return median(times[3:])


def significant(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")
