"""What the drawings of the lessons are made of: number grids, boxes, arrows and blocks, as SVG.

Every `lesson_*.py` beside this module draws the figures of one lesson with it. Colours are those of
`vtff_lib.plots.COLOURS`: one thing, one colour. The ground is white, so that a drawing can be read
on a dark page and in print.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text

from figures.experiments.harness import FIGURES
from vtff_lib import files
from vtff_lib.plots.pictures import INK

PAPER = "white"
SHADE = "#EDEDED"  # a cell that is not spoken of
SLIDES = FIGURES / "slides"
SLIDE, LETTERS = (1240, 610), 24.2  # pixels: of a drawing on a slide, and of its smallest letters
TEXT = 9.5  # points, on a drawing as wide as a page


def canvas(width: float, height: float, inches: float = 7.2) -> tuple[Figure, Axes]:
    """Return a figure and axes of `width` × `height` units, y upwards, drawn `inches` wide."""
    figure = Figure(figsize=(inches, inches * height / width), dpi=160)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.set_axis_off()
    return figure, axes


def label(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write `text` centred at (x, y), in ink unless a colour is given."""
    settings: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": TEXT, "color": INK}
    axes.text(x, y, text, **settings | style)


def number_grid(
    axes: Axes,
    x: float,
    y: float,
    rows: Sequence[Sequence[object]],
    cell: float = 1.0,
    fills: Sequence[Sequence[str]] | None = None,
    **style: Any,
) -> None:
    """Draw a table of cells whose upper left corner is (x, y).

    Args:
        axes: from `canvas`.
        x, y: of the corner.
        rows: what stands in the cells, row by row; `""` leaves one empty.
        cell: width and height of one.
        fills: their colours; white if not given.
        style: of the text.
    """
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            corner = (x + j * cell, y - (i + 1) * cell)
            fill = fills[i][j] if fills else PAPER
            axes.add_patch(Rectangle(corner, cell, cell, facecolor=fill, edgecolor=INK, lw=1))
            label(axes, corner[0] + cell / 2, corner[1] + cell / 2, f"{value}", **style)


def box(
    axes: Axes, x: float, y: float, w: float, h: float, text: str, colour: str = INK, **style: Any
) -> None:
    """Draw a part of a model, centred at (x, y), framed in `colour`; `style` is of its text."""
    shape = "round,pad=0,rounding_size=0.12"
    corner = (x - w / 2, y - h / 2)
    axes.add_patch(
        FancyBboxPatch(corner, w, h, boxstyle=shape, facecolor=PAPER, edgecolor=colour, lw=2)
    )
    label(axes, x, y, text, **style)


def arrow(axes: Axes, *points: tuple[float, float], colour: str = INK) -> None:
    """Draw a line through `points` that ends in an arrowhead."""
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, color=colour, lw=1.8, solid_capstyle="round")
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style)


def block(
    axes: Axes,
    x: float,
    y: float,
    size: tuple[float, float, float],
    colour: str,
    text: str = "",
    cells: tuple[int, int] | None = None,
) -> None:
    """Draw a map as a block: its front face has the lower left corner (x, y).

    Args:
        axes: from `canvas`.
        x, y: of the corner.
        size: width, height and depth (channels); the depth goes up and to the right.
        colour: of the faces, paler on top and side.
        text: under the block, its shape say.
        cells: rows and columns to rule on the front face.
    """
    width, height, depth = size
    dx, dy = depth * 0.6, depth * 0.45
    front = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    top = [front[3], front[2], (x + width + dx, y + height + dy), (x + dx, y + height + dy)]
    side = [front[1], (x + width + dx, y + dy), (x + width + dx, y + height + dy), front[2]]
    for face, alpha in ((top, 0.25), (side, 0.45), (front, 0.7)):
        axes.add_patch(Polygon(face, facecolor=PAPER, edgecolor=INK, lw=1))
        axes.add_patch(Polygon(face, facecolor=colour, edgecolor=INK, lw=1, alpha=alpha))
    rows, columns = cells or (1, 1)
    for i in range(1, rows):
        axes.plot([x, x + width], [y + i * height / rows] * 2, color=INK, lw=0.7)
    for j in range(1, columns):
        axes.plot([x + j * width / columns] * 2, [y, y + height], color=INK, lw=0.7)
    if text:
        label(axes, x + (width + dx) / 2, y - 0.12, text, va="top")


def save_svg(figure: Figure, name: str, wide: Sequence[Figure] = ()) -> None:
    """Write `figures/<name>.svg`, the same bytes at every run, and what is shown of it on a slide.

    Args:
        figure: the drawing.
        name: of its file.
        wide: what stands on slides in its place, one on each; the drawing itself if not given. They
            are written to `figures/slides`, with no letters too small for the last row.
    """
    write(figure, FIGURES / f"{name}.svg")
    for number, each in enumerate(wide or [figure]):
        enlarge_letters(each)
        write(each, SLIDES / f"{name}{f'_{number + 1}' if wide else ''}.svg")


def part_of(figure: Figure, x: tuple[float, float], y: tuple[float, float]) -> Figure:
    """Return a drawing on a canvas cut down to a part of it, between shares of its sides."""
    (axes,) = figure.axes
    for limits, change, (low, high) in (
        (axes.get_xlim(), axes.set_xlim, x),
        (axes.get_ylim(), axes.set_ylim, y),
    ):
        change(low * limits[1], high * limits[1])
    width, height = figure.get_size_inches()
    figure.set_size_inches(width * (x[1] - x[0]), height * (y[1] - y[0]))
    return figure


def in_two(draw: Callable[[], Figure], at: float, upright: bool = False) -> list[Figure]:
    """Return a drawing cut in two at a share of its width, or of its height."""
    if upright:
        return [part_of(draw(), (0, 1), part) for part in ((at, 1), (0, at))]
    return [part_of(draw(), part, (0, 1)) for part in ((0, at), (at, 1))]


def write(figure: Figure, path: Path) -> None:
    """Write a drawing as SVG."""
    with mpl.rc_context({"svg.hashsalt": path.stem}), files.whole(path) as whole:
        figure.savefig(whole, format="svg", facecolor=PAPER, metadata={"Date": None})


def enlarge_letters(figure: Figure) -> None:
    """Make letters as large as `SLIDE` asks for, where they are smaller."""
    width, height = figure.get_size_inches() * 72  # points
    least = LETTERS / min(SLIDE[0] / width, SLIDE[1] / height)
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontsize(max(text.get_fontsize(), least))
