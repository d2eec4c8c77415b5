"""The checks of lesson 01, third part: what light leaves alone, and a test that finds faults."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise, require, require_answer
from vtff_lib.lbp import OFFSETS, local_binary_pattern

READING = OFFSETS["reading"]
WEIGHTS = torch.tensor([[128, 64, 32], [16, 0, 8], [4, 2, 1]])
LIGHT = {  # letter: whether codes stay, and what whoever thinks otherwise has overlooked
    "A": (True, "A stays: the larger of two values is still the larger after both are × 0.4."),
    "B": (True, "B stays: from 0 to 1, x ** 2.2 rises wherever x rises."),
    "C": (False, "C does not stay: two values above 0.625 both become 1, and a smaller neighbour "
          "becomes an equal one: 0.7 and 0.9. Clipping is not strictly increasing."),
    "D": (True, "D stays: each channel has its own factor, but a pixel is only ever compared with "
          "neighbours in its own channel."),
    "E": (False, "E does not stay: a negative falls where the values rise, so the larger "
          "of two values becomes the smaller."),
    "F": (False, "F does not stay: rounding to whole steps makes near values equal, and a smaller "
          "neighbour becomes an equal one."),
    "G": (False, "G does not stay: the factor differs from column to column, so it is no function "
          "of the value. A neighbour that is a little darker may get the larger factor."),
    "H": (True, "H stays: a logarithm bends the scale, but rises all the way."),
}  # fmt: skip


@exercise("01", "Which changes of light leave every code as it is")
def light_that_leaves_codes(answer: Any) -> str:
    """Check Exercise 4 of lesson 01: the letters of the changes, in a set, a list or a text."""
    require_answer(answer)
    require(
        isinstance(answer, str | set | frozenset | list | tuple)
        and all(isinstance(letter, str) for letter in answer),
        'Give the letters of your choice, such as {"A", "C"}.',
    )
    chosen = {letter.strip().upper() for letter in answer} - {"", ","}
    require(chosen, "You chose none. At least one of the eight leaves every code as it is.")
    unknown = sorted(chosen - set(LIGHT))
    require(not unknown, f"{unknown} is not among the letters A to H.")
    for letter, (stays, words) in LIGHT.items():
        require((letter in chosen) == stays, words)
    return (
        "Four changes are strictly increasing functions of each channel's values, and so leave "
        "every comparison alone. The other four make values equal, reverse their order, or depend "
        "on the place."
    )


Lbp = Callable[[Tensor], Tensor]


def by_shifts(
    image: Tensor,
    compare: Callable[[Tensor, Tensor], Tensor] = torch.ge,
    places: tuple[tuple[int, int], ...] = READING,
    ring: Callable[[Tensor], Tensor] = lambda image: F.pad(image, (1, 1, 1, 1)),
) -> Tensor:
    """Return the codes of images by eight shifts of them."""
    height, width = image.shape[-2:]
    padded = ring(image)
    codes = torch.zeros_like(image, dtype=torch.uint8)
    for row, column in places:
        neighbours = padded[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]
        codes = 2 * codes + compare(neighbours, image).to(torch.uint8)
    return codes


def in_one_expression(image: Tensor) -> Tensor:
    """Return the codes of images by all their windows, side by side."""
    windows = F.pad(image, (1, 1, 1, 1)).unfold(-2, 3, 1).unfold(-2, 3, 1)  # (..., H, W, 3, 3)
    return ((windows >= windows[..., 1:2, 1:2]) * WEIGHTS).sum(dim=(-2, -1)).to(torch.uint8)


def by_rolling(image: Tensor) -> Tensor:
    """Return the codes of images by rolling a larger one."""
    padded = F.pad(image, (1, 1, 1, 1))
    bits = [(padded.roll((-i, -j), (-2, -1)) >= padded)[..., 1:-1, 1:-1] for i, j in READING]
    return torch.stack(bits, dim=-1).mul(1 << torch.arange(7, -1, -1)).sum(dim=-1).byte()


def in_256_levels(image: Tensor) -> Tensor:
    """Return the codes of images, of which fractions are rounded: the fault that is given."""
    if image.is_floating_point():
        image = (255 * image).round()
    return in_one_expression(image)


def _repeated(image: Tensor) -> Tensor:
    rows, columns = (torch.arange(-1, size + 1).clamp(0, size - 1) for size in image.shape[-2:])
    return image[..., rows, :][..., columns]


def _rolled(image: Tensor) -> Tensor:
    return torch.cat([image[..., -1:], image, image[..., :1]], dim=-1)[
        ..., [-1, *range(image.shape[-2]), 0], :
    ]


def _nearly(neighbours: Tensor, centres: Tensor) -> Tensor:
    return neighbours.double() >= centres.double() - 1e-3


RIGHT: dict[str, Lbp] = {
    "by eight shifts": by_shifts,
    "all windows side by side": in_one_expression,
    "by rolling a larger image": by_rolling,
    "the library's": local_binary_pattern,
}
FAULTY: dict[str, Lbp] = {
    "stands in the cell above": in_256_levels,
    "asks `>` in place of `≥`": lambda image: by_shifts(image, torch.gt),
    "repeats the pixels of the edge outside the image": lambda image: by_shifts(
        image, ring=_repeated
    ),
    "takes what is outside from the other side": lambda image: by_shifts(image, ring=_rolled),
    "reads the window column by column": lambda image: by_shifts(
        image, places=tuple((column, row) for row, column in READING)
    ),
    "takes bytes for signed ones, so that 200 is less than 100": lambda image: by_shifts(
        image.to(torch.int8) if image.dtype == torch.uint8 else image
    ),
    "takes negative numbers for 0": lambda image: by_shifts(image.clamp(min=0)),
    "counts a neighbour that is smaller by less than 0.001 as equal": lambda image: by_shifts(
        image, _nearly
    ),
    "puts each code at the mirrored place": lambda image: by_shifts(image).flip(-1),
    "gives all channels the codes of their mean": lambda image: (
        by_shifts(image.double().mean(dim=-3, keepdim=True)).expand(image.shape)
        if image.ndim > 2
        else by_shifts(image)
    ),
}


@exercise("01", "Find the fault: a test that tells a right LBP from faulty ones")
def fault_in_lbp(answer: Callable[[Lbp], Any]) -> str:
    """Check Exercise 5 of lesson 01: a test of an LBP for images of bytes or floats."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right versions and fails the one above and "
        f"{len(FAULTY) - 1} other faulty ones: {', '.join(list(FAULTY)[1:4])}, and so on. It asks "
        "for what LBP promises, not for one way to write it."
    )
