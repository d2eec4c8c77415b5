"""How comparisons are drawn: scores that belong together, a forest plot, and curves side by side.

Taught in 09.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots.pictures import COLOURS, INK, Picture, picture, tidy
from vtff_lib.refusals import check_by_name

# Colour, line and mark: readable in grey, too. A name that holds one of these words has its style.
STYLES = {
    "full": (INK, "-", "o"),
    "sum": ("#7A7A7A", "--", "D"),
    "two": (COLOURS["tokens"], (0, (5, 1, 1, 1)), "v"),
    "contrast": (COLOURS["local"], (0, (1, 1)), "P"),
    "lbp": (COLOURS["lbp"], "-.", "^"),
    "rgb": (COLOURS["rgb"], ":", "s"),
    "gate": (COLOURS["gate"], "-", "o"),
}


def _style_of(name: str) -> tuple[str, Any, str]:
    """Return colour, line and mark of what has this name.

    Raises:
        ValueError: if no word of the name has a style.
    """
    words = name.lower().replace(",", " ").split()
    for known, style in STYLES.items():
        if known in words:
            return style
    raise ValueError(f"{name!r} has no style; use one of the words {', '.join(STYLES)} in it.")


def paired_points(
    scores: Mapping[str, Mapping[int, float]], ylabel: str, alt: str, caption: str = ""
) -> Picture:
    """Return one mark for each score, by name (see `STYLES`) and seed; lines join a seed's."""
    check_by_name("scores", scores)
    figure = Figure(figsize=(4.6, 3), layout="constrained")
    axis = figure.add_subplot()
    names = list(scores)
    for seed in sorted({seed for by_seed in scores.values() for seed in by_seed}):
        columns = [column for column, name in enumerate(names) if seed in scores[name]]
        axis.plot(columns, [scores[names[column]][seed] for column in columns], c="#B0B0B0", lw=1)
    for column, (name, by_seed) in enumerate(scores.items()):
        (colour, _, mark), values = _style_of(name), list(by_seed.values())
        axis.scatter([column] * len(values), values, color=colour, marker=mark, s=22, zorder=3)
    axis.set_xticks(range(len(names)), names)
    tidy(axis, "", ylabel)
    axis.tick_params(labelsize=9)
    return picture(figure, alt, caption)


def forest_plot(
    rows: Mapping[str, Estimate],
    xlabel: str,
    alt: str,
    caption: str = "",
    strong: Collection[str] = (),
    band: float = 0.0,
) -> Picture:
    """Return differences with their intervals, the first row on top, around a line at 0.

    Taught in 07b.

    Args:
        rows: by name.
        xlabel: what is drawn.
        alt, caption: words of the picture.
        strong: rows that are drawn thick, with diamonds.
        band: half the width of a grey band around 0.
    """
    check_by_name("rows", rows)
    figure = Figure(figsize=(6.3, 0.7 + 0.25 * len(rows)), layout="constrained")
    axis = figure.add_subplot()
    axis.axvspan(-band, band, color="#EDEDED", zorder=0)
    axis.axvline(0, color=INK, lw=0.8)
    for height, (name, difference) in enumerate(rows.items()):
        colour, width, mark = (COLOURS["gate"], 2.4, "D") if name in strong else (INK, 1.2, "o")
        axis.plot([difference.low, difference.high], [height, height], color=colour, lw=width)
        axis.plot(difference.value, height, mark, color=colour, ms=5)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.invert_yaxis()
    tidy(axis, xlabel, "")
    axis.tick_params(labelsize=9)
    return picture(figure, alt, caption)


def curves_in_panels(
    panels: Mapping[str, Mapping[str, Tensor]],
    ticks: Mapping[str, Sequence[object]],
    ylabel: str,
    alt: str,
    caption: str = "",
    level: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Picture:
    """Return curves in panels side by side, three in a row.

    Args:
        panels: by the words under the panel; in each, curves by name, see `STYLES`: `(K,)`, or
            `(3, K)` with the low and the high ends of intervals.
        ticks: what stands under the points of a panel, by its words.
        ylabel: of all panels, which share one scale.
        alt, caption: words of the picture.
        level: height of a dotted line, of guessing say.
        limits: of the scale.
    """
    check_by_name("panels", panels)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    size = (3 * columns if columns > 1 else 4.6, 2.4 * rows + 0.6 * (rows == 1))
    figure = Figure(figsize=size, layout="constrained")
    for number, (title, curves) in enumerate(panels.items()):
        axis = figure.add_subplot(rows, columns, number + 1)
        for name, values in curves.items():
            colour, line, mark = _style_of(name)
            middle = values[0] if values.ndim == 2 else values
            axis.plot(middle, ls=line, marker=mark, color=colour, ms=3.5, lw=1.4, label=name)
            if values.ndim == 2:
                axis.fill_between(range(len(middle)), *values[1:], color=colour, alpha=0.13, lw=0)
        if level is not None:
            axis.axhline(level, color=INK, lw=0.8, ls=":")
        axis.set_xticks(range(len(ticks[title])), list(map(str, ticks[title])))
        axis.set_ylim(limits)
        tidy(axis, title, "" if number % columns else ylabel)
        axis.tick_params(labelsize=9)
    axis.legend(fontsize=9, frameon=False)
    return picture(figure, alt, caption)
