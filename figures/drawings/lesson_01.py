"""Draw the figures of lesson 01: bit orders, and shifted images.

Run `python -m figures.drawings.lesson_01`.
"""

import torch
from matplotlib.patches import Rectangle

from figures.drawings.line_art import PAPER, SHADE, arrow, canvas, label, number_grid, save_svg
from vtff_lib.lbp import OFFSETS, local_binary_pattern
from vtff_lib.plots.pictures import COLOURS, INK

WINDOW = torch.tensor([[120, 42, 88], [37, 90, 103], [91, 65, 200]])
IMAGE = torch.tensor(
    [[120, 42, 88, 91, 95], [37, 90, 103, 80, 75], [91, 65, 200, 120, 70], [50, 60, 180, 150, 40]]
)
ONE = COLOURS["lbp"]  # a neighbour whose bit is 1


def orders() -> None:
    """Draw what each neighbour is worth in both orders, for the worked example."""
    _, axes = canvas(14, 6.2)
    for left, order in ((1.2, "reading"), (9.2, "circular")):
        worth = [[""] * 3 for _ in range(3)]
        fills = [[PAPER, PAPER, PAPER], [PAPER, SHADE, PAPER], [PAPER, PAPER, PAPER]]
        digits = ""
        for bit, (row, column) in enumerate(OFFSETS[order]):
            worth[1 + row][1 + column] = str(2 ** (7 - bit))
            is_one = bool(WINDOW[1 + row, 1 + column] >= WINDOW[1, 1])
            digits += str(int(is_one))
            if is_one:
                fills[1 + row][1 + column] = ONE
        label(axes, left + 1.8, 5.85, f"{order} order", fontsize=11)
        number_grid(axes, left, 5.0, worth, cell=1.2, fills=fills, fontsize=12)
        label(axes, left + 1.8, 0.5, f"{digits} in binary = {int(digits, 2)}", fontsize=11)
    for row in range(3):  # reading: along the lines
        arrow(axes, (0.5, 4.4 - 1.2 * row), (1.0, 4.4 - 1.2 * row))
    arrow(axes, (5.3, 3.2), (8.4, 3.2))
    label(axes, 6.85, 3.75, "same eight answers,\nother places in the byte")
    around = ((12.5, 1.1), (8.9, 1.1), (8.9, 5.3), (13.4, 5.3), (13.4, 3.2), (12.9, 3.2))
    arrow(axes, *around)  # circular: from the lower right to the right neighbour
    save_svg(axes.figure, "lbp_orders")


def shifts() -> None:
    """Draw all centres of an image, all their upper right neighbours, and the comparison."""
    _, axes = canvas(18, 6.2)
    rows = IMAGE.tolist()
    frames = (
        (0.4, "centres", "image[1:-1, 1:-1]", 1, 1),
        (6.5, "their upper right\nneighbours", "image[:-2, 2:]", 0, 2),
    )
    for left, title, words, row, column in frames:
        number_grid(axes, left, 4.9, rows, cell=1.0)
        colour, style = (INK, "-") if row else (ONE, "--")
        frame = Rectangle(
            (left + column, 4.9 - row - 2), 3, 2, fill=False, edgecolor=colour, lw=3.5, ls=style
        )
        axes.add_patch(frame)
        label(axes, left + 2.5, 5.55, title, fontsize=10.5)
        label(axes, left + 2.5, 0.45, words, family="monospace")
    bits = (IMAGE[:-2, 2:] >= IMAGE[1:-1, 1:-1]).int().tolist()
    fills = [[ONE if bit else PAPER for bit in row] for row in bits]
    arrow(axes, (11.9, 3.0), (13.2, 3.0))
    label(axes, 12.5, 3.4, "≥")
    number_grid(axes, 13.6, 4.0, bits, cell=1.0, fills=fills)
    label(axes, 15.1, 5.3, "one bit of six codes\nat once, worth 32", fontsize=10.5)
    save_svg(axes.figure, "lbp_shifts")


def main() -> None:
    """Draw all."""
    assert local_binary_pattern(WINDOW)[1, 1] == 141
    orders()
    shifts()


if __name__ == "__main__":
    main()
