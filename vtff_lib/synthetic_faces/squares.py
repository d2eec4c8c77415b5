"""Words for the squares of a face: "left brow", "right mouth corner", "chin".

The renderer knows which part of the face each pixel shows. Left and right are those of the picture.
"""

import torch
from torch import Tensor

from vtff_lib.refusals import check_tensor
from vtff_lib.synthetic_faces.regions import REGIONS

LEAST = 0.15  # of a square that must show a part for the square to bear its name
CHIN = 0.55  # of the way down from nose to chin, where the mouth's part ends
SIDED = {  # what a part is called to the left or right of the middle, and in it
    "brows": ("{} brow", "between the brows"),
    "eyes": ("{} eye", "between the eyes"),
    "nose": ("{} side of the nose", "nose"),
    "cheeks": ("{} cheek", "cheeks"),
    "forehead": ("{} forehead", "middle of the forehead"),
    "mouth": ("{} mouth corner", "middle of the mouth"),
    "chin": ("{} side of the chin", "chin"),
}


def squares_in_words(regions: Tensor, grid: tuple[int, int]) -> list[str]:
    """Return a name for each square of a face, row by row; several may share one.

    Args:
        regions: `(H, W)` uint8, 1 + an index into `REGIONS`, 0 where no part is seen.
        grid: rows and columns; H and W are multiples of them.

    Raises:
        ValueError: if `regions` is no such map.
    """
    check_tensor("regions", regions, "(H, W)", "uint8")
    height, width = (side // count for side, count in zip(regions.shape, grid, strict=True))
    _, columns = (regions > 0).nonzero(as_tuple=True)
    middle = columns.double().mean().item() if len(columns) else regions.shape[1] / 2
    mouth = (regions == 1 + REGIONS.index("mouth")).any(dim=1).nonzero().flatten().tolist()
    chin = mouth[0] + CHIN * (mouth[-1] + 1 - mouth[0]) if mouth else 0.0
    words = []
    for square in range(grid[0] * grid[1]):
        top, left = square // grid[1] * height, square % grid[1] * width
        inside = regions[top : top + height, left : left + width]
        counts = torch.bincount(inside.flatten().long(), minlength=len(REGIONS) + 1)[1:]
        if counts.max() < LEAST * height * width:
            words.append("outside the face")
            continue
        part = REGIONS[int(counts.argmax())]
        part = "chin" if part == "mouth" and top + height / 2 > chin else part
        beside, between = SIDED[part]
        off = left + width / 2 - middle
        side = "left" if off < 0 else "right"
        words.append(between if abs(off) < 0.6 * width else beside.format(side))
    return words
