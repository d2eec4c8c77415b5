"""The checks of lesson 04: broadcasting, sums, the gate and the fusion."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.checks.judging import (
    call,
    close,
    exercise,
    judge,
    require,
    require_answer,
    require_tensor,
)
from vtff_lib.fusion import AttentionalSelectiveFusion

ERROR = "error"
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((64, 1, 1), (1, 7, 7)),
    ((8, 64, 7, 7), (64, 1, 1)),
    ((8, 64, 7, 7), (64,)),
    ((8, 1), (8,)),
    ((5, 1, 7), (4, 1)),
)
SHAPES = ((64, 7, 7), (8, 64, 7, 7), ERROR, (8, 8), (5, 4, 7))
# What a likely mistake makes of a pair, by its place in the list.
SLIPS: dict[tuple[int, Any], str] = {
    (0, (65, 8, 8)): "a: sizes are not added. A 1 takes the size of the other.",
    (0, ERROR): "a: 64 and 1 do fit, and so do 1 and 7: a 1 is stretched.",
    (1, ERROR): (
        "b: four sizes and three do fit: shapes are aligned at the right, and what is missing on "
        "the left counts as 1."
    ),
    (1, (64, 7, 7)): "b: the batch is lost. The result has as many sizes as the longer shape.",
    (2, (8, 64, 7, 7)): (
        "c: that is what was meant, but shapes are aligned at the right: 64 meets the last 7, not "
        "the channels."
    ),
    (2, (8, 64, 7, 64)): "c: 7 and 64 differ and neither is 1. PyTorch repeats nothing but a 1.",
    (3, (8,)): "d: aligned at the right, (8,) becomes (1, 8). What do (8, 1) and (1, 8) give?",
    (3, (8, 1)): "d: the 1 at the end of (8, 1) meets an 8, so it is stretched too.",
    (4, ERROR): "e: aligned at the right, (4, 1) becomes (1, 4, 1). Compare column by column.",
    (4, (5, 4, 1)): "e: the last column has 7 and 1. Which of them is stretched?",
}


@exercise("04", "Shapes that fit, and shapes that do not")
def broadcast_shapes(answer: Sequence[Any]) -> str:
    """Check Exercise 1 of lesson 04: what five pairs of shapes broadcast to."""
    require_answer(answer)
    require(
        isinstance(answer, list | tuple) and len(answer) == len(SHAPES),
        f'Give a list with five entries, a to e, each a shape such as (2, 3) or "{ERROR}".',
    )
    for place, (given, shape) in enumerate(zip(answer, SHAPES, strict=True)):
        size = given.lower() if isinstance(given, str) else given
        size = tuple(size) if isinstance(size, list | tuple) else size  # torch.Size too
        slip = SLIPS.get((place, size)) if isinstance(size, str | tuple) else None
        require(size == shape, slip or _unfit(place, given))
    return (
        "All five. The dangerous one is d: two shapes that fit by accident, and no error says so."
    )


def _unfit(place: int, given: Any) -> str:
    first, second = PAIRS[place]
    return (
        f"{'abcde'[place]}: {given!r} does not come out of {first} and {second}. Write them under "
        "each other, aligned at the right, and go column by column."
    )


@exercise("04", "Stretch channel scores without a copy")
def stretched_channels(answer: Callable[[Tensor, int, int], Tensor]) -> str:
    """Check Exercise 2 of lesson 04: (N, C) -> (N, C, H, W), a view."""
    scores = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    shapes = {
        (2, 3, 1, 1): "Your scores have the four sizes, but the two 1s are not stretched yet.",
        (2, 3, 5, 4): "Height and width have changed places.",
        (6, 4, 5): "Two images of three channels became six channels; keep N and C apart.",
        (2, 4, 5, 3): "The channels ended up last. In (N, C, H, W) they come second.",
        (3, 4, 5): "The batch is lost: you stretched the scores of one image only.",
    }
    what = "Two images of three channel scores, at 4×5 places,"
    stretched = require_tensor(call(answer, scores, 4, 5), (2, 3, 4, 5), what, shapes)
    require(
        close(stretched, scores[:, :, None, None].expand(2, 3, 4, 5)),
        f"Channel scores {scores.tolist()} became {stretched.tolist()}.",
    )
    require(
        stretched.untyped_storage().nbytes() < stretched.numel() * stretched.element_size(),
        f"The values are right, but your tensor holds all {stretched.numel()} numbers in memory: "
        "it is a copy. A stride of 0 would do with 6.",
    )
    turned = torch.arange(12.0).reshape(4, 3).T  # (3, 4), with strides (1, 3)
    stretched = require_tensor(call(answer, turned, 2, 2), (3, 4, 2, 2), "Scores at 2×2 places")
    require(
        close(stretched, turned[:, :, None, None].expand(3, 4, 2, 2)),
        "Right for scores that lie row by row in memory, wrong for a transposed tensor: take the "
        "strides of the scores as they are.",
    )
    return "The right values, and not one number more in memory than the scores have."


def _noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _sum(channels: int, height: int, width: int, seed: int) -> Tensor:
    places = _noise(1, height, width, seed=seed + 100)
    return 2 * _noise(channels, 1, 1, seed=seed) + places


def _touched(scores: Tensor, *place: int) -> Tensor:
    scores = scores.clone()
    scores[place] += 1.0
    return scores


@exercise("04", "Is it a sum of channel and place scores?")
def is_a_sum(answer: Callable[[Tensor], bool]) -> str:
    """Check Exercise 3 of lesson 04: tell (C, H, W) scores that are a sum from others."""
    checkerboard = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # (2, 1, 2)
    by_row = _noise(4, 3, 1, seed=1) + _noise(1, 1, 5, seed=2)
    by_column = _noise(4, 1, 5, seed=3) + _noise(1, 3, 1, seed=4)
    product = (1 + _noise(4, 1, 1, seed=5).abs()) * _noise(1, 3, 5, seed=6)
    cases = {
        "You reject G ⊕ L with G = [10, 20, 40] and L = [[1, 2], [3, 5]], whose rank is 2.": (
            torch.tensor([10.0, 20, 40])[:, None, None] + torch.tensor([[1.0, 2], [3, 5]]),
            True,
        ),
        "You accept a sum of whole numbers and reject one of random decimals: floats are rounded, "
        "so what should be 0 comes out as 0.0000001. Allow for that.": (
            _sum(4, 3, 5, seed=0),
            True,
        ),
        "You accept the checkerboard, which no G and L make, though its rank is 2 too.": (
            checkerboard,
            False,
        ),
        "You accept a product of channel and place scores. Its places keep their order in all "
        "channels, and yet no sum makes it: differences between places grow with the channel.": (
            product,
            False,
        ),
        "You reject a map that is the same at all places. It is a sum: let L be 0.": (
            _noise(4, 1, 1, seed=7) * torch.ones(4, 3, 5),
            True,
        ),
        "You reject a sum of scores in the ten thousands, where rounding is larger too: compare "
        "with the size of the scores, not with a fixed number.": (
            1e4 * _sum(4, 3, 5, seed=8),
            True,
        ),
        "You accept a checkerboard whose scores are small: 0.00001 and 0. What counts as rounding "
        "must go with the size of the scores.": (1e-5 * checkerboard, False),
        "You accept a sum that was changed in its last channel alone: compare all channels.": (
            _touched(_sum(4, 3, 5, seed=9), 3, 1, 2),
            False,
        ),
        "You accept scores in which each channel prefers other rows. Look down the height too, not "
        "only along the width.": (by_row, False),
        "You accept scores in which each channel prefers other columns. Look along the width too, "
        "not only down the height.": (by_column, False),
        "You accept a sum that was changed at its last place alone: compare all places.": (
            _touched(_sum(4, 3, 5, seed=10), 2, 2, 4),
            False,
        ),
    }
    for words, (scores, wanted) in cases.items():
        verdict = call(answer, scores)
        require(
            not isinstance(verdict, Tensor) or verdict.numel() == 1,
            "Return one yes or no for the whole map, not one for each cell.",
        )
        require(bool(verdict) == wanted, words)
    return (
        "All eleven told apart. What is left when the best sum is taken away decides, not the rank."
    )


@exercise("04", "The gate and the mixture")
def gated_mixture(answer: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> str:
    """Check Exercise 4 of lesson 04: (gate, fused) from both maps and both scores."""
    rgb_map, lbp_map = _noise(2, 3, 4, 5, seed=0), _noise(2, 3, 4, 5, seed=1)
    global_map, local_map = _noise(2, 3, 1, 1, seed=2), _noise(2, 1, 4, 5, seed=3)
    pair = call(answer, rgb_map, lbp_map, global_map, local_map)
    require(
        isinstance(pair, tuple | list) and len(pair) == 2,
        "Return two tensors: `gate, fused`.",
    )
    gate, fused = (
        require_tensor(tensor, (2, 3, 4, 5), f"The {name} of maps (2, 3, 4, 5)")
        for tensor, name in zip(pair, ("gate", "fused map"), strict=True)
    )
    g, local = global_map, local_map
    right = torch.sigmoid(g + local)
    mistakes = {
        "There is no sigmoid: your gate is G ⊕ L itself, and may be any number.": g + local,
        "Your gate is σ(G) ⊕ σ(L): a reading of the paper, but one that reaches from 0 to 2. Here "
        "the sigmoid comes after the sum.": g.sigmoid() + local.sigmoid(),
        "Your gate is σ(G ⊗ L), of the product; the scores are added.": torch.sigmoid(g * local),
        "Your gate is σ(G) ⊗ σ(L); add the scores first, then take one sigmoid.": (
            g.sigmoid() * local.sigmoid()
        ),
        "Your gate is a softmax over the channels; each weight is squeezed on its own.": (
            (g + local).softmax(dim=1)
        ),
        "You returned 1 - gate as the gate, the weight of the RGB map.": 1 - right,
    }
    judge(gate, right, mistakes, "Your gate is not σ(G ⊕ L).")
    mistakes = {
        "The gate is right, but it multiplies the RGB map. It is the share of the LBP map.": (
            rgb_map * right + lbp_map * (1 - right)
        ),
        "The gate is right, but it multiplies both maps; RGB gets the rest, 1 - gate.": (
            (lbp_map + rgb_map) * right
        ),
        "The gate is right, but the RGB map is added whole: its share is 1 - gate.": (
            lbp_map * right + rgb_map
        ),
        "The gate is right, but the rest is not 1 - gate: you took σ(1 - G ⊕ L).": (
            lbp_map * right + rgb_map * torch.sigmoid(1 - g - local)
        ),
    }
    right = lbp_map * right + rgb_map * (1 - right)
    judge(fused, right, mistakes, "The gate is right; the mixture of the two maps is not.")
    return "The gate is in (0, 1), and every fused value lies between the two it was made from."


def _fusion() -> AttentionalSelectiveFusion:
    """Return a fusion of 8 channels in eval mode, whose batch norms are not the identity."""
    fusion = AttentionalSelectiveFusion(8, reduction=4).eval()
    for name, value in fusion.state_dict().items():
        if name.endswith((".bias", ".running_mean")):
            nn.init.normal_(value)
    return fusion


def _gate(fusion: AttentionalSelectiveFusion, u: Tensor) -> Tensor:
    return torch.sigmoid(fusion.global_attention(u) + fusion.local_attention(u))


@exercise("04", "A fusion that gates either branch")
def selective_fusion(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 5 of lesson 04: the forward pass, with `gated_branch`."""
    fusion = _fusion()
    rgb, lbp = _noise(3, 8, 5, 4, seed=1), _noise(3, 8, 5, 4, seed=2)
    what = "The fused map of (3, 8, 5, 4)"
    with torch.no_grad():
        fused = [
            require_tensor(call(answer, fusion, rgb, lbp, branch), (3, 8, 5, 4), what)
            for branch in ("lbp", "rgb")
        ]
        _judge_branches(torch.stack(fused), fusion, rgb, lbp)
    return (
        "U is the same whichever branch is gated; only who gets the gate and who the rest has "
        "changed."
    )


def _judge_branches(
    fused: Tensor, fusion: AttentionalSelectiveFusion, rgb: Tensor, lbp: Tensor
) -> None:
    """Say what is wrong with the fused maps `(2, N, C, H, W)`, LBP gated and RGB gated."""

    def mixed(gate: Tensor) -> Tensor:
        return torch.stack([torch.lerp(rgb, lbp, gate), torch.lerp(lbp, rgb, gate)])

    w_rgb, w_lbp = fusion.rgb_weight, fusion.lbp_weight
    u = w_lbp(lbp) + w_rgb(rgb)
    gate = _gate(fusion, u)
    right = mixed(gate)
    swapped = mixed(_gate(fusion, w_lbp(rgb) + w_rgb(lbp)))
    weighted = w_rgb(rgb), w_lbp(lbp)
    mistakes = {
        'gated_branch="rgb" gives what "lbp" gives: the argument is not used yet.': (right[[0, 0]]),
        'The branches are the wrong way round: with gated_branch="lbp" the LBP map gets the gate, '
        "the RGB map 1 - gate.": right.flip(0),
        'With "rgb" you swapped the maps before U was made, so each went through the other\'s '
        "weights. Swap them only where they are mixed.": torch.stack([right[0], swapped[1]]),
        "U is wrong: each map went through the weights of the other.": swapped,
        "U is the plain sum: rgb_weight and lbp_weight are left out.": (
            mixed(_gate(fusion, lbp + rgb))
        ),
        "Your gate has seen the RGB map alone. U is the sum of both weighted maps.": (
            mixed(_gate(fusion, w_rgb(rgb)))
        ),
        "There is no sigmoid around G ⊕ L.": (
            mixed(fusion.global_attention(u) + fusion.local_attention(u))
        ),
        "You mixed the weighted maps W_c · X_RGB and W_l · X_LBP. The weights only make U; what is "
        "mixed are the maps themselves.": torch.stack(
            [torch.lerp(*weighted, gate), torch.lerp(*weighted[::-1], gate)]
        ),
    }
    branch = "rgb" if close(fused[0], right[0]) else "lbp"
    judge(
        fused,
        right,
        mistakes,
        f'With gated_branch="{branch}" the fused map is not X ⊗ gate + X ⊗ (1 - gate).',
    )


@exercise("04", "Push a gate")
def pushed_gate(answer: Callable[[Tensor, float], Tensor]) -> str:
    """Check Exercise 6 of lesson 04: σ(score + shift), from the gate and the shift."""
    scores = torch.tensor([[-2.0, -0.5, 0.0, 1.0, 3.0]])
    gate, shift = scores.sigmoid(), 1.5
    pushed = require_tensor(call(answer, gate, shift), (1, 5), "A gate (1, 5), pushed,")
    right = torch.sigmoid(scores + shift)
    mistakes = {
        "You added the shift to the gate itself, which leaves (0, 1). It is the scores that are "
        "shifted.": gate + shift,
        "You added the shift to the gate and cut off what is above 1: all differences are gone. It "
        "is the scores that are shifted.": (gate + shift).clamp(0, 1),
        "You took the sigmoid of a gate, which is a sigmoid already. Undo the first one.": (
            torch.sigmoid(gate + shift)
        ),
        "You stopped at the shifted scores; a gate is their sigmoid.": scores + shift,
        "A positive shift made your gate smaller.": torch.sigmoid(scores - shift),
        "You undid the sigmoid and did it again, but the shift is not in it.": gate,
        "You shifted odds, not scores. The score is the logarithm of the odds gate/(1 - gate).": (
            1 - 1 / (1 + scores.exp() + shift)
        ),
    }
    judge(
        pushed,
        right,
        mistakes,
        f"Scores {scores.tolist()[0]} shifted by {shift} should give the gate {_rounded(right)}; "
        f"yours gives {_rounded(pushed)}.",
    )
    back = require_tensor(call(answer, gate, -shift), (1, 5), "A gate (1, 5), pushed,")
    require(close(back, torch.sigmoid(scores - shift)), "Right for a positive shift, not for -1.5.")
    return "Pushed at the scores, a gate stays in (0, 1) and keeps the order of its places."


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.flatten().tolist()]
