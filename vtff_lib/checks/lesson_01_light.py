"""The checks of lesson 01, third part: what light leaves alone, and a test that finds faults."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise, require, require_answer
from vtff_lib.checks.versions import Dice, asks
from vtff_lib.lbp import OFFSETS, local_binary_pattern

READING = OFFSETS["reading"]
WEIGHTS = torch.tensor([[128, 64, 32], [16, 0, 8], [4, 2, 1]])


@dataclass(frozen=True)
class Change:
    """A change of light: its name, its code with a number in it, and a thought about it.

    Nothing here says whether codes stay. That is tried, on an image of dice.
    """

    name: str
    code: str  # of `x`, (N, 3, H, W), from 0 to 1
    thought: str
    numbers: tuple[Any, ...] = ("",)  # of which a version has one, the lesson the first

    def with_number(self, number: Any) -> "Change":
        """Return the change with a number filled in, in code and thought."""
        code, thought = (text.replace("{}", f"{number}") for text in (self.code, self.thought))
        return replace(self, code=code, thought=thought)

    def __call__(self, x: Tensor) -> Tensor:
        """Return images (N, 3, H, W) in this light."""
        return eval(self.code, {"torch": torch, "x": x})  # the code above, as it is shown


CHANGES = (
    Change("darker", "{} * x", "Is the larger of two values still the larger after both are × {}?",
           (0.4, 0.3, 0.6, 0.7)),
    Change("gamma", "x**{}", "From 0 to 1, does it rise wherever x rises?", (2.2, 1.8, 2.6, 3)),
    Change("brighter, clipped", "({} * x).clamp(max=1)",
           "Can two values that differ both become 1?", (1.6, 1.5, 2, 2.5)),
    Change("yellow lamp", "x * torch.tensor([{}])[:, None, None]",
           "Each channel has its own factor. Of which channel are the neighbours that a pixel is "
           "compared with?", ("1.0, 0.9, 0.5", "1.0, 0.8, 0.4", "0.9, 0.8, 0.6")),
    Change("negative", "1 - x", "Does it rise where the values rise?"),
    Change("darker, 8 bits", "({} * x * 255).round() / 255",
           "Can rounding to whole steps make two values equal that were not?", (0.4, 0.3, 0.5)),
    Change("side light", "x * torch.linspace({}, 1, x.shape[-1])",
           "The factor differs from column to column. Is it a function of the value alone?",
           (0.4, 0.3, 0.6)),
    Change("logarithm", "torch.log(1 + {} * x) / torch.log(torch.tensor(1.0 + {}))",
           "It bends the scale. Does it rise all the way?", (9, 4, 19)),
)  # fmt: skip


def changes() -> dict[str, Change]:
    """Return the changes of the version in force, by letter."""
    dice = Dice("light_that_leaves_codes")
    chosen = [change.with_number(dice.one_of(*change.numbers)) for change in CHANGES]
    return dict(zip("ABCDEFGH", dice.shuffled(chosen), strict=True))


class Lights(dict[str, Change]):
    """The changes of a version, by letter and name: functions that Jupyter shows as a table."""

    def _repr_markdown_(self) -> str:
        rows = [f"| {name} | `{change.code}` |" for name, change in self.items()]
        return "\n".join(["| light | of `x` it makes |", "|---|---|", *rows])


@asks("light_that_leaves_codes")
def lights() -> Lights:
    """Return the eight changes of your version."""
    return Lights({f"{letter} {change.name}": change for letter, change in changes().items()})


def moved(change: Change) -> str:
    """Say which comparison a change turns round, in an image of dice; nothing if it turns none."""
    dice = torch.Generator().manual_seed(1)
    image = torch.randint(256, (1, 3, 40, 40), generator=dice).double() / 255
    after = change(image)
    inside = (..., slice(1, -1), slice(1, -1))
    before_codes, after_codes = (local_binary_pattern(each)[inside] for each in (image, after))
    differ = (before_codes != after_codes).nonzero()
    if not len(differ):
        return ""
    one, channel, row, column = differ[0].tolist()
    bits = int(before_codes[one, channel, row, column]) ^ int(
        after_codes[one, channel, row, column]
    )
    down, across = READING[7 - bits.bit_length() + 1]
    centre = (one, channel, row + 1, column + 1)
    beside = (one, channel, row + 1 + down, column + 1 + across)
    return (
        f"a pixel of {image[centre]:.3f} has a neighbour of {image[beside]:.3f}; afterwards they "
        f"are {after[centre]:.3f} and {after[beside]:.3f}"
    )


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
    eight = changes()
    unknown = sorted(chosen - set(eight))
    require(not unknown, f"{unknown} is not among the letters A to H.")
    for letter, change in eight.items():
        turned = moved(change)
        require(
            not turned or letter not in chosen,
            f"{letter} does not stay. {change.thought} In an image of dice, {turned}.",
        )
        require(
            turned or letter in chosen,
            f"{letter} stays: in an image of dice, not one code differs. {change.thought}",
        )
    return (
        "Those are strictly increasing functions of each channel's values, and so leave every "
        "comparison alone. The others make values equal, reverse their order, or depend on the "
        "place."
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
