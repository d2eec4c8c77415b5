"""The checks of lesson 03 on what L and G notice: a test that finds it, and a twin."""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.attention import LocalAttention
from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import (
    Wrong,
    call,
    close,
    exercise,
    require,
    require_tensor,
)


class _Matrices(LocalAttention):
    """Right: every place of every face is a row."""

    def forward(self, u: Tensor) -> Tensor:
        count, channels, height, width = u.shape
        rows = u.permute(0, 2, 3, 1).reshape(-1, channels)
        squeeze, norm1, _, excite, norm2 = cast(Any, self.layers)
        hidden = norm1((rows @ squeeze.weight.flatten(1).T)[..., None, None]).relu()
        scores = norm2((hidden.flatten(1) @ excite.weight.flatten(1).T)[..., None, None])
        return scores.reshape(count, 1, height, width)


class _OnePlaceAtATime(LocalAttention):
    """Right: a loop over the places."""

    def forward(self, u: Tensor) -> Tensor:
        if self.training:  # batch norm needs all places at once
            return self.layers(u)
        height, width = u.shape[2:]
        rows = [
            torch.cat([self.layers(u[:, :, i : i + 1, j : j + 1]) for j in range(width)], dim=3)
            for i in range(height)
        ]
        return torch.cat(rows, dim=2)


class _InEinsums(LocalAttention):
    """Right: sums over named dimensions."""

    def forward(self, u: Tensor) -> Tensor:
        squeeze, norm1, _, excite, norm2 = cast(Any, self.layers)
        hidden = norm1(torch.einsum("sc,nchw->nshw", squeeze.weight[:, :, 0, 0], u)).relu()
        return norm2(torch.einsum("os,nshw->nohw", excite.weight[:, :, 0, 0], hidden))


class _SteadyAttention(nn.Module):
    """The lesson's: group norm, which in each face takes mean and spread over all places."""

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        squeezed = channels // reduction
        self.layers = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1, bias=False),
            nn.GroupNorm(1, squeezed),
            nn.ReLU(),
            nn.Conv2d(squeezed, 1, 1),
        )

    def forward(self, u: Tensor) -> Tensor:
        return self.layers(u)


def _with(change: Callable[[Tensor, Tensor], Tensor]) -> type[LocalAttention]:
    """Return L that scores `u` and then returns `change(scores, u)`."""

    class Changed(LocalAttention):
        def forward(self, u: Tensor) -> Tensor:
            return change(super().forward(u), u)

    return Changed


class _Neighbours(LocalAttention):
    def forward(self, u: Tensor) -> Tensor:
        return self.layers(F.avg_pool2d(u, 3, stride=1, padding=1))


class _BatchStatistics(LocalAttention):
    def forward(self, u: Tensor) -> Tensor:
        return self.layers[3](F.batch_norm(self.layers[0](u), None, None, training=True).relu())


def _by_row(scores: Tensor, _: Tensor) -> Tensor:
    return scores + 0.3 * torch.arange(scores.shape[2], dtype=scores.dtype)[:, None]


def _without_the_border(scores: Tensor, _: Tensor) -> Tensor:
    inside = torch.zeros_like(scores)
    inside[..., 1:-1, 1:-1] = 1
    return scores * inside


def _turned(scores: Tensor, _: Tensor) -> Tensor:
    return scores.transpose(2, 3).reshape(scores.shape)


def _those_before(scores: Tensor, u: Tensor) -> Tensor:
    before = scores.flatten(2).cumsum(2).reshape(scores.shape) - scores
    return scores + 0.1 * before


RIGHT: dict[str, Callable[..., nn.Module]] = {
    "as 1×1 convolutions": LocalAttention,
    "with every place as a row of a matrix": _Matrices,
    "in a loop over the places": _OnePlaceAtATime,
    "with einsum": _InEinsums,
}
FAULTY: dict[str, Callable[..., nn.Module]] = {
    "takes mean and spread over all places of a face (the one of the lesson)": _SteadyAttention,
    "divides by the largest score of the face, be it positive or negative": _with(
        lambda scores, u: scores / (scores.abs().amax((2, 3), keepdim=True) + 1e-6)
    ),
    "shares the scores of a face out by a softmax": _with(
        lambda scores, u: scores.flatten(2).softmax(2).reshape(scores.shape)
    ),
    "looks at the neighbours of a place": _Neighbours,
    "adds a little of the scores of all places before, in reading order": _with(_those_before),
    "takes from each score the mean of the batch at that place": _with(
        lambda scores, u: scores - scores.mean(0, keepdim=True)
    ),
    "in eval mode still normalises with the batch at hand": _BatchStatistics,
    "mixes in a tenth of the face before it in the batch": _with(
        lambda scores, u: 0.9 * scores + 0.1 * scores.roll(1, 0)
    ),
    "puts scores at other places: height and width are exchanged": _with(_turned),
    "adds something that depends on the row": _with(_by_row),
    "scores nothing at the border": _with(_without_the_border),
    "gives every channel a score": _with(lambda scores, u: scores.expand_as(u)),
}


@exercise("03", "Find the fault: an L that is not local")
def fault_in_attention(answer: Callable[[Callable[..., nn.Module]], object]) -> str:
    """Check Exercise 4 of lesson 03: a test of L that finds whatever else a score depends on."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right versions and fails all {len(FAULTY)} faulty ones. "
        "In the lesson's, group norm takes the mean over a face's places, which is the same "
        "after a shuffle."
    )


@exercise("03", "A twin that G cannot tell apart")
def twin_for_global(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 5 of lesson 03: another map with the same mean in every channel."""
    for size in ((2, 5, 3, 4), (3, 2, 5, 3)):
        u = torch.randn(size)
        twin = require_tensor(call(answer, u), size, f"The twin of a map {size}").to(u.dtype)
        require(twin.isfinite().all(), "There are values in your twin that are no finite numbers.")
        require(not close(twin, u), "Your twin is u itself: change it.")
        _judge_means(twin, u)
        old, new = u.flatten(2).transpose(1, 2), twin.flatten(2).transpose(1, 2)  # (N, H·W, C)
        apart = torch.cdist(new, old)  # (N, new place, old place)
        moved = (apart.min(dim=2).values < 1e-4).all()
        require(
            not moved,
            "A good thought: shuffled places do leave G as it is. But the vectors are the old "
            "ones, and so are L's scores, in another order. Find values that u has at no place.",
        )
        kept = (apart.min(dim=2).values < 1e-4).sum().item()
        require(
            not kept,
            f"The means are right, but {kept} of the {apart.shape[0] * apart.shape[1]} places hold "
            "a vector that u has too. Change every place.",
        )
    return (
        "The means of the channels are all that G gets to see, and they are the same. L, which "
        "reads each place, has other scores for your twin."
    )


def _judge_means(twin: Tensor, u: Tensor) -> None:
    mistakes = {
        (1,): "You kept the mean over the channels at every place. G averages the other way: over "
        "the places, for every channel.",
        (1, 2, 3): "The mean over each whole face is kept, but not that of every channel, and G "
        "sees every channel by itself.",
        (0, 2, 3): "The means are kept over the batch, but not for each face; every face needs its "
        "own.",
    }
    rounding = 1e-4 + 1e-6 * twin.abs().max().item()
    means, right = twin.mean((2, 3)), u.mean((2, 3))
    apart = (means - right).abs()
    if apart.max() <= rounding:
        return
    for dims, words in mistakes.items():
        require((twin.mean(dims) - u.mean(dims)).abs().max() > rounding, words)
    face, channel = divmod(int(apart.argmax()), apart.shape[1])
    raise Wrong(
        f"G can tell them apart: in face {face} the mean of channel {channel} was "
        f"{right[face, channel]:.3g} and is now {means[face, channel]:.3g}. Whatever you add at "
        "some places has to be taken away at others."
    )
