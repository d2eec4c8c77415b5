"""The check of lesson 03 on U, one map from two."""

from collections.abc import Callable

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, exercise, judge, require_tensor


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
        right = mixed(rgb_map, rgb_weight) + mixed(lbp_map, lbp_weight)
        mistakes = _mistakes(rgb_map, lbp_map, rgb_weight, lbp_weight)
        judge(u, right, mistakes, _difference(u.double(), right.double()))
    return (
        "U mixes all channels of both maps, and no place with another. That is what a 1×1 "
        "convolution does."
    )


def _mistakes(
    rgb_map: Tensor, lbp_map: Tensor, rgb_weight: Tensor, lbp_weight: Tensor
) -> dict[str, Tensor]:
    rgb_part, lbp_part = mixed(rgb_map, rgb_weight), mixed(lbp_map, lbp_weight)
    right = rgb_part + lbp_part
    mistakes = {
        "You added the maps as they are; each is to be multiplied by its own weight first.": (
            rgb_map + lbp_map
        ),
        "Only the RGB map is multiplied by its weight; the LBP map is added as it is.": (
            rgb_part + lbp_map
        ),
        "Only the LBP map is multiplied by its weight; the RGB map is added as it is.": (
            rgb_map + lbp_part
        ),
        "Each map got the other's weight: rgb_weight belongs to rgb_map.": (
            mixed(rgb_map, lbp_weight) + mixed(lbp_map, rgb_weight)
        ),
        "You multiplied by the transposed weights: row i of a weight makes channel i of U.": (
            mixed(rgb_map, rgb_weight.T) + mixed(lbp_map, lbp_weight.T)
        ),
        "You transposed rgb_weight: row i of a weight makes channel i of U.": (
            mixed(rgb_map, rgb_weight.T) + lbp_part
        ),
        "You transposed lbp_weight: row i of a weight makes channel i of U.": (
            rgb_part + mixed(lbp_map, lbp_weight.T)
        ),
        "Both maps got rgb_weight; the LBP map has a weight of its own.": (
            mixed(rgb_map + lbp_map, rgb_weight)
        ),
        "Both maps got lbp_weight; the RGB map has a weight of its own.": (
            mixed(rgb_map + lbp_map, lbp_weight)
        ),
        "You took the mean of the two parts; U is their sum.": right / 2,
        "You took the difference of the two parts; U is their sum.": rgb_part - lbp_part,
        "You multiplied the two parts; U is their sum.": rgb_part * lbp_part,
        "You took the larger of the two parts; U is their sum.": rgb_part.maximum(lbp_part),
        "You put a ReLU behind the sum; U may be negative.": right.relu(),
        "You put a sigmoid behind the sum; U is the sum itself.": right.sigmoid(),
        "Only the RGB map is in your U; the LBP map is missing.": rgb_part,
        "Only the LBP map is in your U; the RGB map is missing.": lbp_part,
        "You used only the diagonal of the weights; channel i of U is made from all channels, "
        "not from channel i alone.": (
            rgb_weight.diagonal()[:, None, None] * rgb_map
            + lbp_weight.diagonal()[:, None, None] * lbp_map
        ),
        "You summed each row of the weights; every channel has a weight of its own.": (
            rgb_weight.sum(1)[:, None, None] * rgb_map + lbp_weight.sum(1)[:, None, None] * lbp_map
        ),
        "You mixed the maps by one weight, the sum of the two.": (
            mixed(rgb_map + lbp_map, rgb_weight + lbp_weight)
        ),
        "You added the RGB map itself once more; U has only the two parts.": right + rgb_map,
        "You added the LBP map itself once more; U has only the two parts.": right + lbp_map,
        "The channels come out in the reverse order.": right.flip(1),
        "You averaged over the batch; every face has a U of its own.": (
            right.mean(0, keepdim=True).expand_as(right)
        ),
        "Every face got the U of the first.": right[:1].expand_as(right),
        "`reshape` or `view` put channels in the place of rows: to move a dimension, use "
        "`permute`, or name the dimensions in `einsum`.": (
            _rows_confused(rgb_map, rgb_weight) + _rows_confused(lbp_map, lbp_weight)
        ),
        "The channels stand at the end, and `reshape` cut the numbers anew instead of moving them "
        "back: use `permute`.": (right.permute(0, 2, 3, 1).reshape(right.shape)),
    }
    if rgb_map.shape[2] == len(rgb_weight):
        mistakes |= {
            "You mixed the rows of the map, as `weight @ map` does: `@` works on the last two "
            "dimensions. It is the channels, dimension 1, that are to be mixed.": (
                rgb_weight @ rgb_map + lbp_weight @ lbp_map
            )
        }
    return mistakes


def _rows_confused(maps: Tensor, weight: Tensor) -> Tensor:
    rows = maps.reshape(len(maps), -1, maps.shape[1])  # (N, H·W, C), in pieces that are no place
    return (rows @ weight.T).reshape(maps.shape)


def _difference(given: Tensor, right: Tensor) -> str:
    """Say in which faces and where first a U of the right shape is wrong."""
    wrong = ~torch.isclose(given, right, rtol=1e-5, atol=1e-5).all(dim=1)  # (N, H, W)
    if not wrong.any():
        return ""
    face, row, column = wrong.nonzero()[0].tolist()
    good = [n for n in range(len(wrong)) if not wrong[n].any()]
    but = f" Right are faces {', '.join(map(str, good))}, counted from 0." if good else ""
    theirs, ours = (
        ", ".join(f"{x:.3g}" for x in maps[face, :, row, column].tolist())
        for maps in (given, right)
    )
    return (
        f"The shape is right, the numbers are not: in face {face}, row {row}, column {column} "
        f"(counted from 0) U should be ({ours}); yours is ({theirs}).{but}"
    )
