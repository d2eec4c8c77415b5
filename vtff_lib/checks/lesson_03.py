"""The checks of lesson 03: U, global and local attention, and who notices what."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.checks.judging import (
    Wrong,
    call,
    close,
    exercise,
    far,
    judge,
    require,
    require_answer,
    require_tensor,
)
from vtff_lib.checks.models import random_norm

GLOBAL, LOCAL, BOTH, NEITHER = "G", "L", "both", "neither"
WHO = (GLOBAL, LOCAL, BOTH, NEITHER)


def mixed(maps: Tensor, weight: Tensor) -> Tensor:
    """Multiply the vector at every place of `maps` `(N, C, H, W)` by `weight` `(K, C)`."""
    return torch.einsum("kc,nchw->nkhw", weight, maps)


@exercise("03", "U from two maps")
def mixed_map(answer: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 1 of lesson 03: U = W_c · X_RGB + W_l · X_LBP at every place."""
    for count, height, width in ((2, 4, 5), (3, 2, 7)):
        rgb_map, lbp_map = torch.randn(2, count, 4, height, width)
        rgb_weight, lbp_weight = torch.randn(2, 4, 4)
        u = call(answer, rgb_map, lbp_map, rgb_weight, lbp_weight)
        u = require_tensor(u, tuple(rgb_map.shape), f"U of two maps {tuple(rgb_map.shape)}")
        rgb_part, lbp_part = mixed(rgb_map, rgb_weight), mixed(lbp_map, lbp_weight)
        mistakes = {
            "You added the maps as they are; each is to be multiplied by its own weight first.": (
                rgb_map + lbp_map
            ),
            "Each map got the other's weight: rgb_weight belongs to rgb_map.": (
                mixed(rgb_map, lbp_weight) + mixed(lbp_map, rgb_weight)
            ),
            "You multiplied by the transposed weights: row i of a weight makes channel i of U.": (
                mixed(rgb_map, rgb_weight.T) + mixed(lbp_map, lbp_weight.T)
            ),
            "Both maps got rgb_weight; the LBP map has a weight of its own.": (
                mixed(rgb_map + lbp_map, rgb_weight)
            ),
            "Both maps got lbp_weight; the RGB map has a weight of its own.": (
                mixed(rgb_map + lbp_map, lbp_weight)
            ),
            "You took the mean of the two parts; U is their sum.": (rgb_part + lbp_part) / 2,
            "Only the RGB map is in your U; the LBP map is missing.": rgb_part,
            "Only the LBP map is in your U; the RGB map is missing.": lbp_part,
            "You used only the diagonal of the weights; channel i of U is made from all channels, "
            "not from channel i alone.": (
                rgb_weight.diagonal()[:, None, None] * rgb_map
                + lbp_weight.diagonal()[:, None, None] * lbp_map
            ),
        }
        if height == 4:
            mistakes |= {
                "`weight @ map` mixed the rows of the map: `@` works on the last two dimensions. "
                "It is the channels, dimension 1, that are to be mixed.": rgb_weight @ rgb_map
                + lbp_weight @ lbp_map
            }
        right = rgb_part + lbp_part
        words = f"The shape is right, but your U is off by up to {far(u, right):.3g}."
        judge(u, right, mistakes, words)
    return (
        "U mixes all channels of both maps, and no place with another. That is what a 1×1 "
        "convolution does."
    )


@exercise("03", "Global attention")
@torch.no_grad()
def scores_of_channels(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 2 of lesson 03: G = norm2(excite(relu(norm1(squeeze(mean)))))."""
    channels, squeezed = 6, 3
    squeeze = nn.Conv2d(channels, squeezed, 1, bias=False)
    excite = nn.Conv2d(squeezed, channels, 1, bias=False)
    nn.init.normal_(squeeze.weight), nn.init.normal_(excite.weight)
    norm1, norm2 = random_norm(squeezed), random_norm(channels)
    for size in ((2, channels, 3, 5), (5, channels, 4, 2)):
        u = torch.randn(size) + 0.5
        what, wanted = f"G of a map {size}", (*size[:2], 1, 1)
        shapes = {
            size: f"{what} should be {wanted}; yours still has H and W. Take the mean over the "
            "places first.",
            size[:2]: f"{what} should be {wanted}; yours is {size[:2]}. Keep the two empty "
            "dimensions (keepdim=True): lesson 04 broadcasts along them.",
        }
        scores = require_tensor(
            call(answer, u, squeeze, norm1, excite, norm2), wanted, what, shapes
        )
        _judge_global(scores, u, squeeze, norm1, excite, norm2)
    return (
        "That is squeeze-and-excitation with batch norm. No place is named in it after the first "
        "step, so no place can be favoured."
    )


def _judge_global(
    scores: Tensor, u: Tensor, squeeze: Any, norm1: Any, excite: Any, norm2: Any
) -> None:
    def end(pooled: Tensor) -> Tensor:
        return norm2(excite(norm1(squeeze(pooled)).relu()))

    def bare(pooled: Tensor) -> Tensor:
        return norm2(excite(norm1(squeeze(pooled))))

    places = (2, 3)
    mean = u.mean(places, keepdim=True)
    right = end(mean)
    mistakes = {
        "You pooled after the ReLU. It has then cut each place by itself, and the mean of that is "
        "another number: pool first.": end(u).mean(places, keepdim=True),
        "You took the largest value of each channel; G takes the mean. (CBAM uses both.)": (
            end(u.amax(places, keepdim=True))
        ),
        "You summed over the places; take the mean, or G depends on the size of the map.": (
            end(u.sum(places, keepdim=True))
        ),
        "You averaged over the batch too; every face has a mean of its own.": (
            end(mean.mean(0, keepdim=True).expand_as(mean))
        ),
        "There is no ReLU between squeeze and excite. Without it the two are one linear layer.": (
            bare(mean)
        ),
        "The ReLU stands at the end; it belongs between squeeze and excite. Scores may be "
        "negative.": bare(mean).relu(),
        "There is a second ReLU at the end; scores may be negative.": right.relu(),
        "You put a sigmoid at the end. Here scores stay as they are; lesson 04 says where the "
        "sigmoid stands.": right.sigmoid(),
        "norm1 is missing: it stands between squeeze and ReLU.": (
            norm2(excite(squeeze(mean).relu()))
        ),
        "The ReLU came before norm1; normalise first.": norm2(excite(norm1(squeeze(mean).relu()))),
        "norm2 is missing: it comes last.": excite(norm1(squeeze(mean)).relu()),
    }
    words = f"The shape is right, but your G is off by up to {far(scores, right):.3g}."
    judge(scores, right, mistakes, words)


@exercise("03", "Local attention")
def scores_of_places(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 3 of lesson 03: L = excite · relu(squeeze · u) at every place."""
    for size in ((2, 6, 3, 5), (3, 6, 7, 2)):
        count, channels, height, width = size
        u, squeeze, excite = torch.randn(size) + 0.3, torch.randn(4, channels), torch.randn(4)
        scores = call(answer, u, squeeze, excite)
        shapes = _local_shapes(size)
        scores = require_tensor(scores, (count, 1, height, width), f"L of a map {size}", shapes)
        _judge_local(scores, u, squeeze, excite)
    return "One score for each place, made from all channels of that place and from nothing else."


def _local_shapes(size: tuple[int, ...]) -> dict[tuple[int, ...], str]:
    count, channels, height, width = size
    shapes = {
        size: f"Yours has a score for each of {channels} channels; L has one for all of them: "
        "excite is a single row.",
        (count, 4, height, width): "Yours still has the 4 squeezed channels; excite weighs and "
        "sums them.",
        (count, height, width): "The channel dimension is gone; keep it, with length 1: lesson 04 "
        "broadcasts along it.",
        (count, 1, width, height): "Height and width have changed places.",
        (count, 1, 1, 1): "The places are gone: L does not pool.",
    }
    should = f"L of a map {size} should be {(count, 1, height, width)}."
    return {shape: f"{should} {words}" for shape, words in shapes.items()}


def _judge_local(scores: Tensor, u: Tensor, squeeze: Tensor, excite: Tensor) -> None:
    def end(hidden: Tensor) -> Tensor:
        return mixed(hidden, excite[None])

    count, channels, height, width = u.shape
    hidden = mixed(u, squeeze)
    right = end(hidden.relu())
    rows = u.reshape(count, height * width, channels) @ squeeze.T  # places and channels confused
    mean = u.mean((2, 3), keepdim=True)
    mistakes = {
        "There is no ReLU between squeeze and excite. Without it the two are one linear layer.": (
            end(hidden)
        ),
        "The ReLU stands at the end; it belongs between squeeze and excite. Scores may be "
        "negative.": end(hidden).relu(),
        "There is a second ReLU at the end; scores may be negative.": right.relu(),
        "You added up the squeezed channels; excite gives each its own weight.": (
            hidden.relu().sum(1, keepdim=True)
        ),
        "You took the mean of the squeezed channels; excite gives each its own weight.": (
            hidden.relu().mean(1, keepdim=True)
        ),
        "`reshape` cut the numbers of (C, H, W) into new rows, so a row is no longer one place. "
        "Bring the channels to the end first: u.flatten(2).transpose(1, 2), or permute.": (
            (rows.relu() @ excite).reshape(right.shape)
        ),
        "All places have one score: you pooled first. L does not pool.": (
            end(mixed(mean, squeeze).relu()).expand_as(right)
        ),
        "You shared the scores out by a softmax over the places. Here places do not compete; "
        "scores stay as they are.": right.flatten(1).softmax(1).reshape(right.shape),
        "You put a sigmoid at the end. Here scores stay as they are; lesson 04 says where the "
        "sigmoid stands.": right.sigmoid(),
    }
    words = f"The shape is right, but your L is off by up to {far(scores, right):.3g}."
    judge(scores, right, mistakes, words)


@exercise("03", "A twin that G cannot tell apart")
def twin_for_global(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 4 of lesson 03: another map with the same mean in every channel."""
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
    means, right = twin.mean((2, 3)), u.mean((2, 3))
    if close(means, right, 1e-4):
        return
    for dims, words in mistakes.items():
        require(not close(twin.mean(dims), u.mean(dims), 1e-4), words)
    raise Wrong(
        "G can tell them apart: the mean of a channel differs by "
        f"{(means - right).abs().max().item():.3g}. Whatever you add at some places has to be "
        "taken away at others."
    )


# Of each change: who notices, and a question that leads there.
CHANGES: tuple[tuple[str, str], ...] = (
    (LOCAL, "1: what does mirroring do to the mean of a channel? And to the value at one place?"),
    (BOTH, "2: column 0 of a squeeze now meets what was in channel 1. In which of the two?"),
    (LOCAL, "3: how much is added to the channel in all? And to each of the two corners?"),
    (BOTH, "4: how much does the mean of 49 values move when one of them does?"),
    (NEITHER, "5: where does batch norm take its mean and spread from in eval mode?"),
    (BOTH, "6: where does batch norm take its mean and spread from in training, in G and in L?"),
)


@exercise("03", "Who notices?")
def who_notices(answer: Any) -> str:
    """Check Exercise 5 of lesson 03: of six changes, whether G, L, both or neither notice them."""
    require_answer(answer)
    words = answer.split() if isinstance(answer, str) else answer
    require(
        isinstance(words, list | tuple) and len(words) == len(CHANGES),
        f"Give a list of {len(CHANGES)} words, one for each change, in order.",
    )
    lower = {who.lower(): who for who in WHO}
    for number, (given, (right, question)) in enumerate(zip(words, CHANGES, strict=True), start=1):
        who = lower.get(str(given).strip().lower())
        require(
            given is not None and given is not ..., f"Change {number} is still open: fill it in."
        )
        require(who, f"Change {number}: {given!r:.20} is none of 'G', 'L', 'both', 'neither'.")
        require(who == right, f"Not {who} at change {question}")
    return "You can tell from the arithmetic alone what each of them is able to see."


@exercise("03", "The parameters of G and L")
def parameters_of_both(answer: Callable[[int, int], int]) -> str:
    """Check Exercise 6 of lesson 03: 3C²/r + 5C/r + 2C + 2."""
    for channels, reduction in ((6, 2), (512, 8), (20, 5)):
        count = call(answer, channels, reduction)
        require(
            isinstance(count, int | float) or (isinstance(count, Tensor) and count.numel() == 1),
            f"Return one number; yours is {count!r:.60}.",
        )
        _judge_count(float(count), channels, reduction)
    return "At full size nearly all are in the squeezes and in G's excite, which shrink as r grows."


def _judge_count(count: float, channels: int, reduction: int) -> None:
    c, s = channels, channels // reduction
    matrices = 3 * c * s + s  # two squeezes, G's excite, and the row of L
    norms = 2 * (s + c + s + 1)
    right = matrices + norms
    mistakes = {
        "You left out the batch norms: each learns a scale and a shift for every channel.": (
            matrices
        ),
        "You counted one number for each channel of a batch norm; it learns two, a scale and a "
        "shift.": matrices + norms // 2,
        "You counted the running mean and variance; they are measured, not learned.": right + norms,
        "You gave the convolutions biases; they have none, batch norm brings the shift.": (
            right + s + c + s + 1
        ),
        "You gave L an excite for every channel; it has a single row.": 4 * c * s + 4 * s + 4 * c,
        "That is G alone; add L.": 2 * c * s + 2 * s + 2 * c,
        "That is L alone; add G.": c * s + 3 * s + 2,
        "You squeezed to r channels; the squeezed width is C/r.": (
            3 * c * reduction + 5 * reduction + 2 * c + 2
        ),
    }
    case = f"For C = {c}, r = {reduction}:"
    judge(
        count,
        right,
        {f"{case} {words}": value for words, value in mistakes.items()},
        f"{case} G and L have {right:,} together; yours is {count:,.0f}.",
        tolerance=0,
    )
