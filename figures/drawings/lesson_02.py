"""Draw the schemes of lesson 02: a kernel on an image, the block, the stages, a receptive field.

    python -m figures.drawings.lesson_02

Writes `figures/resnet_convolution.svg`, `resnet_block.svg`, `resnet_stages.svg` and
`resnet_receptive_field.svg`. The numbers of the first are computed from the lesson's image.
"""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from figures.drawings.line_art import (
    PAPER,
    SHADE,
    arrow,
    block,
    box,
    canvas,
    label,
    number_grid,
    save_svg,
)
from vtff_lib.plots.pictures import COLOURS, INK

IMAGE = np.array([[10, 10, 10, 90, 90, 90]] * 4)
KERNEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
LIGHT, DARK = "#FFFFFF", "#D9D9D9"
WINDOW = "#BFE0F5"
GREY = "#B8B8B8"
SMALL = 9.0  # points


def main() -> None:
    """Draw and write all four."""
    convolution()
    residual_block()
    stages()
    receptive_field()


def convolution() -> None:
    """A window of the image, times the kernel, is one number of the output."""
    answers = np.array(
        [[(IMAGE[i : i + 3, j : j + 3] * KERNEL).sum() for j in range(4)] for i in range(2)]
    )
    figure, axes = canvas(20, 5.6)
    place = (0, 1)  # of the window that is shown
    fills = [[LIGHT if value > 50 else DARK for value in row] for row in IMAGE]
    number_grid(axes, 0.5, 4.9, IMAGE.tolist(), fills=fills)
    frame(axes, 0.5 + place[1], 4.9 - place[0], 3, 3)
    label(axes, 3.5, 0.4, "image, 4×6")

    label(axes, 7.35, 3.2, "times", fontsize=11)
    number_grid(axes, 8.2, 4.7, KERNEL.tolist(), fills=[[SHADE] * 3] * 3)
    label(axes, 9.7, 1.2, "kernel, 3×3")

    label(axes, 12.7, 3.75, "summed", fontsize=11)
    arrow(axes, (11.7, 3.2), (13.8, 3.2))
    cells = [[WINDOW if (i, j) == place else PAPER for j in range(4)] for i in range(2)]
    number_grid(axes, 14.3, 4.5, answers.tolist(), cell=1.3, fills=cells)
    label(axes, 16.9, 1.05, "output, 2×4: one number\nfor each place of the window")
    save_svg(figure, "resnet_convolution")


def frame(axes: Axes, x: float, y: float, width: float, height: float) -> None:
    """Draw a thick frame whose upper left corner is (x, y)."""
    axes.add_patch(
        Rectangle((x, y - height), width, height, fill=False, edgecolor=COLOURS["rgb"], lw=3.5)
    )


def residual_block() -> None:
    """The basic block, where the shape stays and where it changes."""
    figure, axes = canvas(20, 9.2)
    for x, title, first, shortcut in (
        (3.2, "the shape stays", "conv 3×3", None),
        (
            11.7,
            "the shape changes",
            "conv 3×3, stride 2\nchannels doubled",
            "conv 1×1,\nstride 2, BN",
        ),
    ):
        one_block(axes, x, title, first, shortcut)
    save_svg(figure, "resnet_block")


def one_block(axes: Axes, x: float, title: str, first: str, shortcut: str | None) -> None:
    """Draw a block downwards, its layers at `x` and its shortcut to the right of them."""
    side, joint = x + 4.3, 1.75
    label(axes, x + 1.9, 8.85, title, fontsize=11, weight="bold")
    label(axes, x, 8.2, "x")
    arrow(axes, (x, 7.95), (x, 7.25))
    box(axes, x, 6.7, 3.9, 1.1, first)
    arrow(axes, (x, 6.15), (x, 5.65))
    box(axes, x, 5.3, 3.9, 0.7, "BN, ReLU")
    arrow(axes, (x, 4.95), (x, 4.45))
    box(axes, x, 4.1, 3.9, 0.7, "conv 3×3")
    arrow(axes, (x, 3.75), (x, 3.25))
    box(axes, x, 2.9, 3.9, 0.7, "BN")
    arrow(axes, (x, 2.55), (x, joint + 0.25))
    label(axes, x - 2.6, 4.85, "f(x)", fontsize=11)
    if shortcut:
        arrow(axes, (x, 7.65), (side, 7.65), (side, 5.7))
        box(axes, side, 5.15, 3.0, 1.1, shortcut)
        arrow(axes, (side, 4.6), (side, joint), (x + 0.25, joint))
        label(axes, side + 0.1, 3.2, "downsample", ha="left", color="#555555", fontsize=SMALL)
    else:
        arrow(axes, (x, 7.65), (side - 1.6, 7.65), (side - 1.6, joint), (x + 0.25, joint))
        label(axes, side - 1.4, 4.85, "shortcut:\nx as it is", ha="left")
    axes.plot([x], [joint], marker="o", ms=17, mfc=PAPER, mec=INK, mew=1.8)
    label(axes, x, joint, "+", fontsize=13)
    arrow(axes, (x, joint - 0.25), (x, 1.15))
    box(axes, x, 0.8, 2.2, 0.6, "ReLU")
    label(
        axes,
        x + 1.3,
        0.8,
        "relu(x + f(x))" if not shortcut else "relu(shortcut(x) + f(x))",
        ha="left",
    )


STATIONS = (  # name, shape, side of the drawn block, its depth
    ("image", "3×224×224", 3.0, 0.25),
    ("conv 7×7\nstride 2", "64×112×112", 2.3, 0.5),
    ("max pool\nstride 2", "64×56×56", 1.75, 0.5),
    ("layer1", "64×56×56", 1.75, 0.5),
    ("layer2\nstride 2", "128×28×28", 1.3, 0.9),
    ("layer3\nstride 2", "256×14×14", 0.95, 1.5),
    ("layer4\nstride 2", "512×7×7", 0.7, 2.4),
)
GAP = 0.95


def stages() -> None:
    """Where height and width halve, and where the channels double."""
    figure, axes = canvas(22.4, 6.0)
    x, middle, reduction = 0.3, 3.3, 1
    for index, (name, shape, side, depth) in enumerate(STATIONS):
        bottom = middle - side / 2
        colour = COLOURS["rgb"] if index else GREY
        cells = (7, 7) if index == len(STATIONS) - 1 else None
        block(axes, x, bottom, (side, side, depth), colour, cells=cells)
        reduction *= 2 if "stride" in name else 1
        centre = x + (side + depth * 0.6) / 2
        label(axes, centre, 1.5, shape, va="top", fontsize=SMALL)
        label(axes, centre, 0.95, f"R = {reduction}", va="top", fontsize=SMALL, weight="bold")
        label(axes, centre, 5.9, name, va="top", fontsize=SMALL)
        x += side + depth * 0.6
        if index < len(STATIONS) - 1:
            arrow(axes, (x + 0.12, middle), (x + GAP - 0.12, middle))
            x += GAP
    save_svg(figure, "resnet_stages")


ROWS = (  # height in the drawing, cells, jump, those on the way to the last, words
    (4.6, 13, 1, range(3, 10), "input", "field 1, jump 1"),
    (2.7, 7, 2, range(2, 5), "after conv 3×3, stride 2", "field 3, jump 2"),
    (0.8, 7, 2, range(3, 4), "after conv 3×3, stride 1", "field 7, jump 2"),
)


def receptive_field() -> None:
    """One cell of the last row, and all that it sees, in one dimension."""
    figure, axes = canvas(20, 5.4)
    for y, count, jump, seen, name, field in ROWS:
        for index in range(count):
            square(axes, place_of(index, jump), y, COLOURS["rgb"] if index in seen else SHADE)
        label(axes, 14.0, y + 0.25, name, ha="left")
        label(axes, 14.0, y - 0.3, field, ha="left", color="#555555")
    for (top, _, fine, *_), (bottom, _, coarse, targets, *_) in pairwise(ROWS):
        for target in targets:
            for step in (-1, 0, 1):  # the three cells of a kernel
                source = target * (coarse // fine) + step
                ends = place_of(source, fine), place_of(target, coarse)
                axes.plot(ends, (top - 0.4, bottom + 0.4), color=INK, lw=1)
    save_svg(figure, "resnet_receptive_field")


def place_of(index: int, jump: int) -> float:
    """Return where the cell `index` of a row stands."""
    return 0.8 + index * jump


def square(axes: Axes, x: float, y: float, fill: str) -> None:
    """Draw a cell centred at (x, y)."""
    axes.add_patch(Rectangle((x - 0.4, y - 0.4), 0.8, 0.8, facecolor=fill, edgecolor=INK, lw=1))


if __name__ == "__main__":
    main()
