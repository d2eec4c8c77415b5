"""Draw the figures of lesson 05: `python -m figures.drawings.lesson_05`.

`encoder_tokens`: from a map to tokens, with [cls] and positions. `encoder_attention`: three tokens,
by hand. `encoder_block`: a block with the norm before and after.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from figures.drawings.line_art import (
    SHADE,
    arrow,
    box,
    canvas,
    in_two,
    label,
    number_grid,
    save_svg,
)
from vtff_lib.plots.pictures import COLOURS, INK

PALE = "#D5ECF9"  # the tokens' light blue, pale enough to write on
SMALL = 9.0  # points
TOP = 4.96  # of the first cell, in the drawing of tokens


def draw_tokens() -> Figure:
    """Return the way from a map of two channels to seven tokens of three numbers."""
    figure, axes = canvas(16.9, 6.6, inches=8.4)
    cell, width = 0.62, 1.86  # of a number, and of a token
    for channel, (top, fill) in enumerate(((4.75, "white"), (2.75, SHADE))):
        rows = [[10 * channel + 3 * i + j for j in range(3)] for i in range(2)]
        number_grid(axes, 0.4, top, rows, cell, [[fill] * 3] * 2, fontsize=SMALL)
        label(axes, 1.33, top + 0.3, f"channel {channel}", fontsize=SMALL)
    label(axes, 1.33, 5.75, "fused map", fontweight="bold")
    label(axes, 1.33, 0.6, "(C, h, w)\n2 × 2 × 3")

    arrow(axes, (2.6, 3.1), (4.4, 3.1))
    label(axes, 3.5, 3.7, "flatten,\ntranspose", fontsize=SMALL)
    rows = [[place, 10 + place] for place in range(6)]
    number_grid(axes, 4.6, TOP, rows, cell, [["white", SHADE]] * 6, fontsize=SMALL)
    label(axes, 5.22, 5.42, "cells", fontweight="bold")
    label(axes, 5.22, 0.6, "(h·w, C)\n6 × 2")

    arrow(axes, (6.1, 3.1), (7.9, 3.1))
    label(axes, 7.0, 3.7, "linear\nC → C$_p$", fontsize=SMALL)
    arrow(axes, (7.0, 5.43), (7.9, 5.43))
    label(axes, 6.42, 5.43, "[cls],\nlearned", fontsize=SMALL)
    label(axes, 8.1 + width / 2, 6.2, "[cls], then cells", fontweight="bold")
    label(axes, 8.1 + width / 2, 0.6, "(1 + h·w, C$_p$)\n7 × 3")
    label(axes, 10.42, 3.1, "+", fontsize=16)
    label(axes, 11.98, 6.2, "positions", fontweight="bold")
    label(axes, 11.98, 0.6, "(1 + h·w, C$_p$)\n7 × 3")
    label(axes, 13.55, 3.1, "=", fontsize=16)
    label(axes, 14.0 + width / 2, 6.2, "tokens", fontweight="bold")
    label(axes, 14.0 + width / 2, 0.6, "(T, C$_p$)\n7 × 3")
    names = ["[cls]", *(f"row {i}, col {j}" for i in (1, 2) for j in (1, 2, 3))]
    for index, name in enumerate(names):
        top = TOP + 0.78 if index == 0 else TOP - (index - 1) * cell
        number_grid(axes, 8.1, top, [[""] * 3], cell, [[PALE if index else "white"] * 3])
        axes.add_patch(
            Rectangle((10.85, top - cell), 2.26, cell, facecolor="white", edgecolor=INK, lw=1)
        )
        label(axes, 11.98, top - cell / 2, name, fontsize=SMALL)
        number_grid(axes, 14.0, top, [[""] * 3], cell, [[COLOURS["tokens"]] * 3])
    return figure


def draw_attention() -> Figure:
    """Return how the first of three tokens gets its new value."""
    figure, axes = canvas(16.4, 4.1, inches=8.2)
    cell, top = 0.66, 2.3
    middle = top - 1.5 * cell
    label(axes, 2.2, 3.78, "query of A", fontweight="bold")
    number_grid(axes, 0.88, 3.5, [[2, 0, 1, 1]], cell, [[PALE] * 4])
    label(axes, 2.2, top + 0.26, "keys", fontweight="bold")
    number_grid(axes, 0.88, top, [[1, 0, 1, 1], [1, 3, 0, 0], [0, 2, 1, -1]], cell)
    for row, name in enumerate("ABC"):
        label(axes, 0.5, top - (row + 0.5) * cell, name)
    arrow(axes, (3.6, 3.17), (4.3, 3.17), (4.3, middle), (5.1, middle))
    arrow(axes, (3.6, middle), (5.1, middle))
    label(axes, 4.4, middle - 0.5, "dot product", fontsize=SMALL)

    columns = (
        (5.25, ("4", "2", "0"), "scores", "÷ √d"),
        (7.75, ("2", "1", "0"), "scaled", "softmax"),
        (10.25, ("0.67", "0.24", "0.09"), "weights", ""),
    )
    for x, values, name, step in columns:
        fills = [[PALE if name == "weights" else "white"]] * 3
        number_grid(axes, x, top, [[value] for value in values], cell, fills, fontsize=SMALL)
        label(axes, x + cell / 2, top + 0.26, name, fontweight="bold")
        if step:
            arrow(axes, (x + 0.85, middle), (x + 2.35, middle))
            label(axes, x + 1.55, middle - 0.5, step, fontsize=SMALL)
    label(axes, 11.35, middle, "×", fontsize=15)
    number_grid(axes, 11.8, top, [[100, 0], [0, 100], [0, 0]], cell, fontsize=SMALL)
    label(axes, 11.8 + cell, top + 0.26, "values", fontweight="bold")
    arrow(axes, (13.3, middle), (14.5, middle))
    label(axes, 13.85, middle - 0.5, "sum", fontsize=SMALL)
    fills = [[PALE] * 2]
    number_grid(axes, 14.65, middle + 0.38, [["66.5", "24.5"]], 0.76, fills, fontsize=SMALL)
    label(axes, 15.41, middle + 0.65, "new A", fontweight="bold")
    return figure


def plus(axes: Axes, x: float, y: float) -> None:
    """Draw the sum of stream and branch."""
    axes.add_patch(Circle((x, y), 0.26, facecolor="white", edgecolor=INK, lw=1.5, zorder=4))
    label(axes, x, y - 0.02, "+", fontsize=13, zorder=5)


def draw_block() -> Figure:
    """Return a pre-LN block above a post-LN block, each with its residual stream."""
    figure, axes = canvas(16, 7.4, inches=8.0)
    colour = COLOURS["tokens"]
    for stream, name in ((4.6, "pre-LN"), (0.9, "post-LN")):
        branch = stream + 1.55
        label(axes, 0.85, stream + 0.45, name, fontweight="bold")
        axes.plot([0.4, 15.2], [stream, stream], color=colour, lw=5, zorder=1)
        arrow(axes, (15.0, stream), (15.7, stream), colour=colour)
        pre = name == "pre-LN"
        starts, sums = ((1.9, 8.6), (7.4, 13.6)) if pre else ((1.9, 8.6), (5.6, 11.6))
        parts = (("norm1", "attention"), ("norm2", "MLP"))
        for start, end, (norm, part) in zip(starts, sums, parts, strict=True):
            if pre:
                arrow(axes, (start, stream), (start, branch), (start + 0.5, branch))
                box(axes, start + 1.2, branch, 1.4, 0.8, norm)
                arrow(axes, (start + 1.9, branch), (start + 2.5, branch))
                box(axes, start + 3.4, branch, 1.8, 0.8, part)
                arrow(axes, (start + 4.3, branch), (end, branch), (end, stream + 0.26))
            else:
                arrow(axes, (start, stream), (start, branch), (start + 0.6, branch))
                box(axes, start + 1.5, branch, 1.8, 0.8, part)
                arrow(axes, (start + 2.4, branch), (end, branch), (end, stream + 0.26))
                box(axes, end + 1.4, stream, 1.4, 0.8, norm)
            plus(axes, end, stream)
    return figure


def main() -> None:
    """Draw all figures of the lesson."""
    save_svg(draw_tokens(), "encoder_tokens", in_two(draw_tokens, 0.44))
    save_svg(draw_attention(), "encoder_attention", in_two(draw_attention, 0.53))
    save_svg(draw_block(), "encoder_block")


if __name__ == "__main__":
    main()
