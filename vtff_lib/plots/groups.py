"""How groups are drawn: faces that differ in one thing, and what each change does.

Taught in 10.
"""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots.pictures import INK, Picture, draw_image, panels, picture
from vtff_lib.refusals import check_by_name

STYLES = ((INK, "o", "full"), ("#8A8A8A", "s", "none"), (INK, "D", "none"))  # readable in grey


def faces_by_name(
    faces: Mapping[str, Tensor], alt: str, caption: str = "", columns: int = 4
) -> Picture:
    """Return images `(3, H, W)`, uint8, in rows of `columns`, each under its name."""
    check_by_name("faces", faces)
    figure, axes = panels(len(faces), columns, size=1.8)
    for axis, (name, image) in zip(axes, faces.items(), strict=True):
        draw_image(axis, image, name)
    return picture(figure, alt, caption)


def gap_chart(
    groups: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
    xlabel: str,
    alt: str,
    caption: str = "",
) -> Picture:
    """Return differences with their intervals around a line at 0, under headings.

    Args:
        groups: by heading, then by row from the top, then by series: up to three, the same in all
            rows, which the legend names.
        xlabel: what is drawn.
        alt, caption: words of the picture.

    Raises:
        ValueError: if there is nothing to draw, or there are more than three series.
    """
    check_by_name("groups", groups)
    if not all(groups.values()):
        raise ValueError("A heading has no rows; give each at least one.")
    lines = [line for heading, rows in groups.items() for line in (heading, *rows)]
    first = next(iter(next(iter(groups.values())).values()))
    if len(first) > len(STYLES):
        raise ValueError(f"{len(first)} series are too many; three can be told apart.")
    figure = Figure(figsize=(5.6, 0.9 + 0.2 * len(lines)), layout="constrained")
    axis = figure.add_subplot()
    axis.axvline(0, color=INK, lw=0.8)
    for series, style in zip(first, STYLES, strict=False):
        colour, marker, fill = style
        side = 0.16 - 0.32 * list(first).index(series) / max(1, len(first) - 1)
        height = 0.0
        for rows in groups.values():
            for place, row in enumerate(rows.values(), start=1):
                told, at = row[series], height - place + side
                axis.plot([told.low, told.high], [at, at], color=colour, lw=1.5)
                axis.plot(told.value, at, marker=marker, fillstyle=fill, color=colour, ms=4.5)
            height -= 1 + len(rows)
        axis.plot([], [], color=colour, marker=marker, fillstyle=fill, label=series)
    rows_at = {-place: line for place, line in enumerate(lines) if line not in groups}
    axis.set_yticks(list(rows_at), list(rows_at.values()), fontsize=9)
    for place, line in enumerate(lines):
        if line in groups:  # nothing is drawn beside it
            beside = axis.get_yaxis_transform()
            axis.text(0.01, -place, line, transform=beside, fontsize=9, weight="bold", va="center")
    axis.set_ylim(-len(lines) + 0.4, 0.6)
    axis.set_xlabel(xlabel, fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=9, loc="lower right")
    return picture(figure, alt, caption)
