"""Draw the figures of lesson 08: `python -m figures.drawings.lesson_08`.

`maps_sources`: where in the model each map is taken. `maps_rollout`: rollout by hand, path by path.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from figures.drawings.line_art import (
    PAPER,
    SHADE,
    arrow,
    box,
    canvas,
    in_two,
    label,
    number_grid,
    save_svg,
)  # fmt: skip
from vtff_lib.plots.pictures import COLOURS, INK

SMALL = 9.0  # points
PALE = "#D5ECF9"  # the tokens' light blue, pale enough to write on


def slip(axes: Axes, x: float, y: float, names: list[str], asks: bool, width: float = 2.7) -> None:
    """Hang the names of some maps at (x, y); white if they are made for a class, grey if not."""
    height = 0.2 + 0.46 * len(names)
    style = {"facecolor": PAPER, "lw": 1.4} if asks else {"facecolor": SHADE, "lw": 0.8}
    corner = (x - width / 2, y - height)
    axes.add_patch(Rectangle(corner, width, height, edgecolor=INK, zorder=4, **style))
    for index, name in enumerate(names):
        label(axes, x, y - 0.33 - 0.46 * index, name, fontsize=SMALL, zorder=5)


def draw_sources() -> Figure:
    """Return the model from left to right, and under each part the maps that are taken there."""
    figure, axes = canvas(17.4, 6.5, inches=8.6)
    row = 5.1
    box(axes, 1.1, row, 1.5, 1.0, "face")
    box(axes, 4.0, row + 0.55, 1.9, 0.8, "RGB trunk", COLOURS["rgb"])
    box(axes, 4.0, row - 0.55, 1.9, 0.8, "LBP trunk", COLOURS["lbp"])
    box(axes, 7.2, row, 1.7, 1.0, "fusion", COLOURS["gate"])
    box(axes, 10.2, row, 1.9, 1.0, "fused map")
    box(axes, 13.2, row, 1.7, 1.0, "encoder", COLOURS["tokens"])
    box(axes, 16.1, row, 1.9, 1.0, "head,\nclass scores")
    for side in (0.55, -0.55):
        arrow(axes, (1.85, row), (2.3, row), (2.3, row + side), (3.05, row + side))
        axes.plot([4.95, 5.7, 5.7], [row + side, row + side, row], color=INK, lw=1.8)
    arrow(axes, (5.7, row), (6.35, row))
    arrow(axes, (8.05, row), (9.25, row))
    arrow(axes, (11.15, row), (12.35, row))
    arrow(axes, (14.05, row), (15.15, row))

    hang = 3.6
    for x, top in ((4.0, 4.15), (7.2, 4.6), (10.2, 4.6), (13.2, 4.6)):
        axes.plot([x, x], [top, hang], color=INK, lw=0.8, ls=":")
    slip(axes, 4.0, hang, ["Grad-CAM, RGB", "Grad-CAM, LBP"], True)
    slip(axes, 7.2, hang, ["gate", "L(U), G(U)", "energy share"], False)
    slip(axes, 10.2, hang, ["Grad-CAM, fused"], True)
    slip(axes, 13.2, hang, ["attention", "rollout"], False)
    slip(axes, 13.2, hang - 1.3, ["gradient ×", "attention"], True)

    arrow(axes, (1.1, 4.6), (1.1, 0.64), (16.1, 0.64), (16.1, 4.5))
    slip(
        axes,
        8.6,
        1.2,
        ["integrated gradients, occlusion:", "change the face, watch a score"],
        True,
        5.6,
    )
    return figure


# Attention of the example: row i says where token i looks.
LAYERS = (
    ((1, 0, 0), (0, 0, 1), (0, 0, 1)),
    ((0, 1, 0), (0, 1, 0), (0, 0, 1)),
)
NAMES = ("[cls]", "a", "b")
STEPS = (  # of all paths from [cls]: layer, from, to, share, and whether the shortcut alone goes so
    (1, 0, 0, "½", True),
    (1, 0, 1, "½", False),
    (0, 0, 0, "1", False),
    (0, 1, 1, "½", True),
    (0, 1, 2, "½", False),
)


def draw_rollout() -> Figure:
    """Return the two tables of attention, and the paths that lead from [cls] down to the cells."""
    figure, axes = canvas(16.8, 5.6, inches=8.4)
    cell = 0.72
    for layer, x in ((1, 1.4), (0, 5.0)):
        rows = LAYERS[layer]
        fills = [[PALE if value else PAPER for value in row] for row in rows]
        label(axes, x + 1.5 * cell, 4.75, f"attention, layer {layer}", fontweight="bold")
        number_grid(axes, x, 3.9, rows, cell, fills)
        for index, name in enumerate(NAMES):
            label(axes, x - 0.42, 3.9 - (index + 0.5) * cell, name, fontsize=SMALL)
            label(axes, x + (index + 0.5) * cell, 4.15, name, fontsize=SMALL)
    label(axes, 3.95, 0.85, "Row: who looks. Column: at whom.\nEach row sums to 1.", fontsize=SMALL)

    columns = (10.3, 12.6, 14.9)
    for layer, start, end, share, shortcut in STEPS:
        top, bottom = (4.6, 2.8) if layer else (2.8, 1.0)
        xs, ys = (columns[start], columns[end]), (top - 0.32, bottom + 0.32)
        style = {"color": INK, "ls": (0, (2, 1.5))} if shortcut else {"color": COLOURS["tokens"]}
        axes.plot(xs, ys, lw=3, **style, zorder=1)
        beside = sum(xs) / 2 + (-0.3 if start == end else 0.32)
        label(axes, beside, sum(ys) / 2 + 0.1, share, fontsize=SMALL)
    levels = ((4.6, "after layer 1", 1), (2.8, "after layer 0", 2), (1.0, "at the start", 3))
    for y, name, reached in levels:
        label(axes, 8.85, y, name, fontsize=SMALL)
        for index, x in enumerate(columns):
            fill = COLOURS["tokens"] if index < reached else SHADE
            axes.add_patch(Circle((x, y), 0.36, facecolor=fill, edgecolor=INK, lw=1, zorder=3))
            label(axes, x, y, NAMES[index], fontsize=SMALL, zorder=4)
    for x, share in zip(columns, ("½", "¼", "¼"), strict=True):
        label(axes, x, 0.3, share, fontweight="bold")
    return figure


def main() -> None:
    """Draw all figures of the lesson."""
    save_svg(draw_sources(), "maps_sources")
    save_svg(draw_rollout(), "maps_rollout", in_two(draw_rollout, 0.45))


if __name__ == "__main__":
    main()
