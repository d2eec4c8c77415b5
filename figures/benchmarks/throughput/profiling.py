"""Where the time of a step of ours goes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from figures.benchmarks.clock import significant
from figures.benchmarks.throughput.groups import GROUPS, IDLE, LBP, OPTIMISER, time_by_group
from figures.benchmarks.throughput.our_loop import OurLoop
from vtff_lib.training import loop


def profile_of(ours: OurLoop, steps: int) -> dict[str, Any]:
    """Return where the time of a step goes: wall and device ms, and each group's share of the wall.

    The profiler itself takes time on the CPU, so a GPU looks more idle than it is.
    """
    cuda = ours.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with named_ranges(ours):
        with profile(activities=activities):  # the first one sets the profiler up
            ours.seconds(1)
        with profile(activities=activities) as profiler:
            wall = ours.seconds(steps)
    spent = time_by_group(profiler.events(), cuda)  # microseconds
    busy = sum(spent.values())
    total = max(1e6 * wall, busy)
    spent[IDLE] = total - busy
    return {
        "steps": steps,
        "wall_ms": significant(1e3 * wall / steps),
        "device_ms": significant(busy / 1e3 / steps),
        "shares": {group: round(spent[group] / total, 4) for group in GROUPS},
    }


@contextmanager
def named_ranges(ours: OurLoop) -> Iterator[None]:
    """Let the profiler know which part of a step an operator belongs to."""

    def named(name: str, run: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            with record_function(name):
                return run(*args, **kwargs)

        return call

    places = [
        (loop, "update_average", OPTIMISER),
        (nn.utils, "clip_grad_norm_", OPTIMISER),
        (ours.state.optimiser, "step", OPTIMISER),
        (ours.state.optimiser, "zero_grad", OPTIMISER),
    ]
    if not ours.config.compiled:  # else a new `forward` would be compiled again; see `PATTERNS`
        places.append((ours.state.model.lbp, "forward", LBP))
    with ExitStack() as stack:
        for owner, attribute, name in places:
            call = named(name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, call))
        yield
