"""The checks of lesson 02, first part: convolution, batch norm, receptive field."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import (
    call,
    close,
    exercise,
    judge,
    number,
    require,
    require_tensor,
)

SIZES = (  # size, kernel, stride, padding
    (224, 7, 2, 3),
    (56, 3, 1, 1),
    (10, 3, 1, 0),
    (8, 3, 2, 0),
    (9, 5, 3, 2),
    (5, 1, 2, 0),
    (6, 2, 5, 0),
)


@exercise("02", "The size that leaves a convolution")
def size_after_convolution(answer: Callable[[int, int, int, int], int]) -> str:
    """Check Exercise 1 of lesson 02: size, kernel, stride and padding to the size after it."""
    sizes = [number(call(answer, *case), f"The size after {case}") for case in SIZES]
    right = [
        F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]
        for n, k, s, p in SIZES
    ]

    def of(formula: Callable[[int, int, int, int], float]) -> list[float]:
        return [formula(*case) for case in SIZES]

    mistakes = {
        "You added the padding once. It is put on both sides.": of(
            lambda n, k, s, p: (n + p - k) // s + 1
        ),
        "One place is missing, the first: the window stands somewhere before its first step.": (
            of(lambda n, k, s, p: (n + 2 * p - k) // s)
        ),
        "You rounded up. Where less than a whole step is left, the window does not fit any more.": (
            of(lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1)
        ),
        "You rounded to the nearest whole step; a step that does not fit is not taken at all.": (
            of(lambda n, k, s, p: round((n + 2 * p - k) / s) + 1)
        ),
        "Your sizes are not whole numbers: half a step is no step. Which way do you round?": (
            of(lambda n, k, s, p: (n + 2 * p - k) / s + 1)
        ),
        "You left out the padding.": of(lambda n, k, s, p: (n - k) // s + 1),
        "You left out the stride.": of(lambda n, k, s, p: n + 2 * p - k + 1),
        "You divided the size by the stride. The width of the kernel counts too.": (
            of(lambda n, k, s, p: n // s)
        ),
        "You counted all places of the window, then divided by the stride. Divide the steps "
        "*after* the first place instead.": of(lambda n, k, s, p: (n + 2 * p - k + 1) // s),
    }
    judge(sizes, right, mistakes, lambda: _wrong_size(sizes, right), tolerance=0)
    return (
        "That is it. Kernel 3 with padding 1 keeps the size, and with stride 2 it halves it, "
        "rounded up: nearly all of ResNet is made of these two."
    )


def _wrong_size(sizes: Sequence[float], right: Sequence[int]) -> str:
    trials = zip(SIZES, sizes, right, strict=True)
    (n, k, s, p), mine, wanted = next(trial for trial in trials if trial[1] != trial[2])
    return (
        f"Of {n} pixels, kernel {k}, stride {s} and padding {p} make {wanted}; yours is {mine:g}."
    )


@exercise("02", "The running statistics of a batch norm")
def running_statistics(answer: Callable[..., tuple[Tensor, Tensor]]) -> str:
    """Check Exercise 2 of lesson 02: running mean and variance `(C,)` after one more batch."""
    for shape, momentum in (((2, 3, 2, 3), 0.1), ((5, 4, 1, 3), 0.3)):
        scale, shift = torch.rand(shape[1], 1, 1) + 0.5, 3 * torch.randn(shape[1], 1, 1)
        x = scale * torch.randn(shape) + shift
        mean, var = torch.randn(shape[1]), torch.rand(shape[1]) + 0.5
        statistics = call(answer, mean, var, x, momentum)
        require(
            isinstance(statistics, tuple | list | Tensor) and len(statistics) == 2,
            "Return two things: the new running mean and the new running variance.",
        )
        shapes = {
            (1, shape[1], 1, 1): f"The shapes are {(1, shape[1], 1, 1)}; the running numbers have "
            f"shape {shape[1:2]}. Did you keep the dimensions?",
            shape[:2]: f"You have numbers for each image, {shape[:2]}. A batch norm has one mean "
            "and one variance a channel, over all images and places.",
            shape[1:]: f"You have numbers for each place, {shape[1:]}: take the mean over the "
            "places too.",
        }
        for values, what in zip(statistics, ("mean", "variance"), strict=True):
            require_tensor(values, shape[1:2], f"The running {what} of {shape[1]} channels", shapes)
        _judge_statistics(torch.stack(tuple(statistics)), mean, var, x, momentum)
    return (
        "The same as PyTorch's. With momentum 0.1, a batch's share has shrunk to a third after "
        "about ten more: the running numbers follow the last two dozen batches or so."
    )


def _judge_statistics(
    statistics: Tensor, mean: Tensor, var: Tensor, x: Tensor, momentum: float
) -> None:
    norm = nn.BatchNorm2d(len(mean), momentum=momentum)
    norm.running_mean, norm.running_var = mean.clone(), var.clone()
    norm(x)
    assert norm.running_mean is not None
    right = torch.stack([norm.running_mean, norm.running_var])
    before, dims = torch.stack([mean, var]), (0, 2, 3)
    batch = torch.stack([x.mean(dims), x.var(dims)])

    def mixed(batch: Tensor, share: float = momentum) -> Tensor:
        return (1 - share) * before + share * batch

    biased = torch.stack([x.mean(dims), x.var(dims, correction=0)])
    over_all = torch.stack([x.mean().expand_as(mean), x.var().expand_as(mean)])
    turned = "Your momentum is the wrong way round: in PyTorch it is the share of the *new* batch."
    mistakes = {
        turned: mixed(batch, 1 - momentum),
        f"{turned} And there is a second mistake, in the variance.": mixed(biased, 1 - momentum),
        "Your mean is right. For the running variance PyTorch divides by n - 1, not by n; in the "
        "forward pass it divides by n.": mixed(biased),
        "You returned the numbers of this batch alone. Mix them with the running ones.": batch,
        "You added to the running numbers without making them smaller first: the two shares must "
        "sum to 1.": before + momentum * batch,
        "You mixed in the standard deviation. It is the variance that is kept.": mixed(
            torch.stack([batch[0], x.std(dims)])
        ),
        "Mean and variance have changed places in what you return.": mixed(batch).flip(0),
        "You took one mean over all channels. Every channel has its own.": mixed(over_all),
        "Your variance is the mean of each image's own. Take it over all images at once: how they "
        "differ from each other counts too.": mixed(
            torch.stack([batch[0], x.var((2, 3)).mean(0)]),
        ),
    }
    pairs = zip(("mean", "variance"), statistics, right, strict=True)
    differing = [what for what, mine, wanted in pairs if not close(mine, wanted)]
    judge(
        statistics,
        right,
        mistakes,
        f"The running {' and '.join(differing)} should be {_rounded(right)} (mean, variance); "
        f"yours are {_rounded(statistics)}.",
    )


def _rounded(values: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in values.tolist()]


Layers = Sequence[tuple[int, int, int]]  # kernel, stride, padding
FIRST_STAGE: Layers = ((7, 2, 3), (3, 2, 1), *[(3, 1, 1)] * 4)
SEEN: tuple[tuple[int, Layers], ...] = (
    (10, ((7, 2, 3),)),
    (4, ((3, 1, 1), (5, 3, 2))),
    (4, ((5, 3, 2), (3, 1, 1))),
    (6, ((5, 3, 0), (2, 2, 1), (3, 1, 0))),
    (10, FIRST_STAGE),
    (0, FIRST_STAGE),
)


@exercise("02", "The pixels that a cell can see")
def seen_pixels(answer: Callable[[int, list], tuple[int, int]]) -> str:
    """Check Exercise 5 of lesson 02: the first and last pixel behind a cell."""
    ends: list[tuple[float, float]] = []
    for index, layers in SEEN:
        pair = call(answer, index, list(layers))
        require(
            isinstance(pair, tuple | list) and len(pair) == 2,
            "Return two numbers: the first and the last pixel.",
        )
        what = f"A pixel that cell {index} sees"
        ends.append((number(pair[0], what), number(pair[1], what)))
    right = [_ends(index, layers) for index, layers in SEEN]
    mistakes = {
        "You went from the input up. Start at the cell and go down: the last layer comes first.": [
            _ends(index, layers[::-1]) for index, layers in SEEN
        ],
        "You left out the padding: it moves everything towards the start.": [
            _ends(index, [(k, s, 0) for k, s, _ in layers]) for index, layers in SEEN
        ],
        "You left out the strides: one step of a cell is `stride` steps of what is below it.": [
            _ends(index, [(k, 1, p) for k, _, p in layers]) for index, layers in SEEN
        ],
        "Your last pixel is one too far in each layer: a window of k that starts at a ends at "
        "a + k - 1.": [_ends(index, layers, beyond=1) for index, layers in SEEN],
        "Negative numbers are right here: they say how far the cell looks into the padding. Do not "
        "cut them off.": [(max(first, 0), last) for first, last in right],
        "You returned the first pixel and how many there are. The last one is asked for.": [
            (first, last - first + 1) for first, last in right
        ],
        "Your first pixels are right. The last ones forget that the window's own end must go "
        "through every layer: last · stride - padding + kernel - 1.": [
            (first, first + layers[0][0] - 1)
            for (first, _), (_, layers) in zip(right, SEEN, strict=True)
        ],
    }
    judge(ends, right, mistakes, lambda: _wrong_ends(ends, right), tolerance=0)
    return (
        "Right. Look at cell 0 of the first stage: it sees -21 to 21. Half of what it could see "
        "lies outside the image, and is zeros."
    )


def _wrong_ends(ends: Sequence[tuple[float, float]], right: Sequence[tuple[int, int]]) -> str:
    trials = zip(SEEN, ends, right, strict=True)
    (index, layers), mine, wanted = next(trial for trial in trials if trial[1] != trial[2])
    return (
        f"Through (kernel, stride, padding) {layers}, cell {index} sees pixels {wanted[0]} to "
        f"{wanted[1]}; yours are {mine[0]:g} to {mine[1]:g}."
    )


def _ends(index: int, layers: Layers, beyond: int = 0) -> tuple[int, int]:
    """Return the first and last pixel, found by collecting all of them."""
    cells = {index}
    for kernel, stride, padding in reversed(layers):
        cells = {cell * stride - padding + tap for cell in cells for tap in range(kernel + beyond)}
    return min(cells), max(cells)
