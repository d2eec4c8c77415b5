"""Draw the line art of lesson 04: broadcasting, selective fusion.

python -m figures.drawings.lesson_04
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from figures.drawings.line_art import (
    PAPER,
    SHADE,
    TEXT,
    arrow,
    box,
    canvas,
    label,
    number_grid,
    save_svg,
)
from vtff_lib.plots.pictures import COLOURS, INK

GREEN, PINK, GATE = COLOURS["global"], COLOURS["local"], COLOURS["gate"]
PALE_GREEN, PALE_PINK, PALE_GATE = "#B8E3D6", "#EFDCE6", "#F6D3BF"
SMALL = 9.0


def draw_sum() -> None:
    """C×1×1 and 1×H×W are stretched to C×H×W and added."""
    figure, axes = canvas(18.4, 8.0)
    scores, places = (10, 20), [[1, 2, 3], [4, 5, 6]]
    for channel, score in enumerate(scores):
        top = 6.4 - 3.2 * channel
        label(axes, 1.4, top - 1, f"channel {channel}", fontsize=SMALL)
        fills = [[PALE_GREEN, SHADE, SHADE], [SHADE] * 3]
        number_grid(axes, 2.9, top, [[score] * 3] * 2, fills=fills)
        label(axes, 7.1, top - 1, "+", fontsize=15)
        pale = SHADE if channel else PALE_PINK
        number_grid(axes, 8.3, top, places, fills=[[pale] * 3] * 2)
        label(axes, 12.5, top - 1, "=", fontsize=15)
        number_grid(axes, 13.9, top, [[score + place for place in row] for row in places])
    columns = (
        (4.4, "G, (2, 1, 1)", GREEN, "one number a channel,\nat every place"),
        (9.8, "L, (1, 2, 3)", PINK, "one number a place,\nin every channel"),
        (15.4, "G ⊕ L, (2, 2, 3)", INK, "one number for every\nchannel at every place"),
    )
    for x, name, colour, words in columns:
        label(axes, x, 7.4, name, weight="bold")
        axes.plot([x - 1.5, x + 1.5], [6.95, 6.95], color=colour, lw=3)
        label(axes, x, 0.6, words, fontsize=SMALL)
    save_svg(figure, "broadcasting_sum")


def draw_shapes(
    axes: Axes, x: float, title: str, rows: Sequence[Sequence[str]], result: Sequence[str]
) -> None:
    """Draw two shapes under each other, aligned at the right, and what they give."""
    label(axes, x + 2.45, 6.3, title, weight="bold")
    for y, sizes in zip((5.6, 4.4, 2.7), (*rows, result), strict=True):
        for column, size in enumerate(sizes, start=4 - len(sizes)):
            pale = SHADE if size.strip("()") == "1" else PAPER
            fill = PALE_GATE if size == "✗" else pale
            colour = "#666666" if size.startswith("(") else INK
            number_grid(axes, x + 1.3 * column, y, [[size]], fills=[[fill]], color=colour)
    axes.plot([x - 0.1, x + 5.0], [2.95, 2.95], color=INK, lw=1.2)


def draw_rules() -> None:
    """Three pairs of shapes: two that fit and one that does not."""
    figure, axes = canvas(19.6, 6.9)
    batch, scores = ("8", "64", "7", "7"), ("64", "1", "1")
    draw_shapes(axes, 0.6, "G and L", (scores, ("1", "7", "7")), ("64", "7", "7"))
    draw_shapes(axes, 7.4, "a batch and G", (batch, ("(1)", *scores)), batch)
    alone, clash = ("(1)", "(1)", "(1)", "64"), ("8", "64", "7", "✗")
    draw_shapes(axes, 14.2, "a batch and 64 numbers", (batch, alone), clash)
    label(axes, 3.05, 0.85, "a 1 is stretched", fontsize=SMALL)
    label(axes, 9.85, 0.85, "what is missing on the left\ncounts as 1", fontsize=SMALL)
    label(axes, 16.65, 0.85, "7 meets 64: an error, though\nchannels were meant", fontsize=SMALL)
    save_svg(figure, "broadcasting_rules")


def symbol(axes: Axes, x: float, y: float, text: str, colour: str = INK) -> None:
    """Draw an operation as a circle with its sign."""
    axes.add_patch(Circle((x, y), 0.38, facecolor=PAPER, edgecolor=colour, lw=2))
    label(axes, x, y, text, fontsize=TEXT + 2)


def draw_fusion() -> None:
    """From the two maps to the fused one."""
    figure, axes = canvas(20, 8.6)
    rgb, lbp = COLOURS["rgb"], COLOURS["lbp"]
    box(axes, 1.8, 7.2, 2.7, 1.5, "$X_{RGB}$\nC×H×W", rgb)
    box(axes, 1.8, 1.4, 2.7, 1.5, "$X_{LBP}$\nC×H×W", lbp)
    box(axes, 4.6, 4.3, 1.7, 1.3, "U", INK)
    arrow(axes, (1.8, 6.45), (1.8, 4.6), (3.75, 4.6), colour=rgb)
    arrow(axes, (1.8, 2.15), (1.8, 4.0), (3.75, 4.0), colour=lbp)
    box(axes, 7.6, 5.4, 2.3, 1.3, "G(U)\nC×1×1", GREEN)
    box(axes, 7.6, 3.2, 2.3, 1.3, "L(U)\n1×H×W", PINK)
    arrow(axes, (5.45, 4.5), (5.9, 4.5), (5.9, 5.4), (6.45, 5.4))
    arrow(axes, (5.45, 4.1), (5.9, 4.1), (5.9, 3.2), (6.45, 3.2))
    symbol(axes, 10.2, 4.3, "⊕")
    arrow(axes, (8.75, 5.4), (10.2, 5.4), (10.2, 4.7), colour=GREEN)
    arrow(axes, (8.75, 3.2), (10.2, 3.2), (10.2, 3.9), colour=PINK)
    arrow(axes, (10.6, 4.3), (11.4, 4.3))
    box(axes, 12.4, 4.3, 1.9, 1.5, "σ\ngate", GATE)
    symbol(axes, 14.9, 7.2, "⊗", rgb)
    symbol(axes, 14.9, 1.4, "⊗", lbp)
    arrow(axes, (3.15, 7.2), (14.5, 7.2), colour=rgb)
    arrow(axes, (3.15, 1.4), (14.5, 1.4), colour=lbp)
    arrow(axes, (13.35, 4.6), (14.9, 4.6), (14.9, 6.8), colour=GATE)
    arrow(axes, (13.35, 4.0), (14.9, 4.0), (14.9, 1.8), colour=GATE)
    label(axes, 15.1, 5.7, "1 − gate", ha="left")
    label(axes, 15.1, 2.9, "gate", ha="left")
    symbol(axes, 17.2, 4.3, "+")
    arrow(axes, (15.3, 7.2), (17.2, 7.2), (17.2, 4.7), colour=rgb)
    arrow(axes, (15.3, 1.4), (17.2, 1.4), (17.2, 3.9), colour=lbp)
    arrow(axes, (17.6, 4.3), (17.95, 4.3))
    box(axes, 18.95, 4.3, 1.9, 1.5, "$X_{fused}$\nC×H×W", INK)
    save_svg(figure, "selective_fusion")


def main() -> None:
    """Draw all."""
    draw_sum()
    draw_rules()
    draw_fusion()


if __name__ == "__main__":
    main()
