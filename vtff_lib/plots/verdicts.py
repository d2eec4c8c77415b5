"""How planned comparisons are drawn: two intervals each, and what was ruled of it.

Taught in 09.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots.pictures import COLOURS, INK, Picture, picture, tidy
from vtff_lib.refusals import check_by_name, check_choice

# A colour and a mark for each ruling; "" is for what no plan rules.
RULINGS = {
    "better": (COLOURS["global"], "o", COLOURS["global"]),
    "worse": (COLOURS["gate"], "D", COLOURS["gate"]),
    "as good as equal": (INK, "s", INK),
    "open": (INK, "o", "white"),
    "": (INK, "o", INK),
}
ROW, HEADING = 0.36, 0.3  # inches


class Ruled(NamedTuple):
    """A difference as it is drawn."""

    seeds: Estimate  # with its interval over seeds
    faces: Estimate  # and over seeds and faces
    ruling: str = ""  # a word of `RULINGS`


def verdict_plot(
    groups: Mapping[str, Mapping[str, Ruled]],
    xlabel: str,
    alt: str,
    caption: str = "",
    band: float = 0.0,
) -> Picture:
    """Return differences, each under its name with its ruling beside it, in groups.

    Args:
        groups: by heading; `""` draws none. In each, differences by name.
        xlabel: what is drawn.
        alt, caption: words of the picture.
        band: half the width of a grey band around 0.

    Raises:
        ValueError: if a group or a ruling is none.
    """
    check_by_name("groups", groups)
    for heading, rows in groups.items():
        check_by_name(f"groups[{heading!r}]", rows)
        for row in rows.values():
            check_choice("ruling", row.ruling, RULINGS)
    tall = sum(bool(heading) * HEADING + ROW * len(rows) for heading, rows in groups.items())
    figure = Figure(figsize=(4.6, tall + 0.65), layout="constrained")
    axis = figure.add_subplot()
    axis.axvspan(-band, band, color="#EDEDED", zorder=0)
    axis.axvline(0, color=INK, lw=0.8, zorder=1)
    depth = 0.0
    for heading, rows in groups.items():
        if heading:
            _write(axis, 0.0, depth + HEADING / 2, heading, weight="bold")
            depth += HEADING
        for name, row in rows.items():
            _draw(axis, depth, name, row)
            depth += ROW
    axis.set_ylim(depth, 0)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    tidy(axis, xlabel, "")
    axis.tick_params(labelsize=9)
    return picture(figure, alt, caption)


def _draw(axis: Axes, depth: float, name: str, row: Ruled) -> None:
    colour, mark, fill = RULINGS[row.ruling]
    height = depth + 0.7 * ROW
    axis.plot([row.faces.low, row.faces.high], [height] * 2, color=colour, lw=1)
    axis.plot([row.seeds.low, row.seeds.high], [height] * 2, color=colour, lw=3)
    axis.plot(row.seeds.value, height, mark, color=colour, mfc=fill, ms=6)
    _write(axis, 0.0, depth + 0.27 * ROW, name)
    _write(axis, 1.0, depth + 0.27 * ROW, row.ruling, color=colour, ha="right", weight="bold")


def _write(axis: Axes, x: float, y: float, words: str, **style: Any) -> None:
    """Write words at a share of the width, and at a depth."""
    settings: dict[str, Any] = {"color": INK, "ha": "left"} | style
    axis.text(
        x, y, words, transform=axis.get_yaxis_transform(), va="center", fontsize=9, **settings
    )
