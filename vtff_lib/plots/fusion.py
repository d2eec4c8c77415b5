"""Sums of scores, gates and readings of the paper in pictures. Taught in 04."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from torch import Tensor

from vtff_lib.plots.pictures import (
    COLOURS,
    INK,
    Picture,
    draw_class_scores,
    draw_image,
    draw_map,
    picture,
    tidy,
)
from vtff_lib.refusals import check_by_name, check_sizes, check_tensor

WIDTH = 5.0  # inches: what is drawn for 360 pixels can be read there
TEXT = 9.5  # points


def sums_and_rests(tables: Mapping[str, Tensor], sums: Mapping[str, Tensor]) -> Picture:
    """Return tables `(C, H·W)`, the nearest sum of each, and what is left, on one signed scale.

    Args:
        tables: by name.
        sums: the nearest sums of channel and place scores, by the same names.
    """
    check_by_name("tables", tables)
    check_by_name("sums", sums)
    figure = Figure(figsize=(WIDTH, 0.75 + 1.15 * len(tables)), layout="constrained")
    axes = figure.subplots(len(tables), 3, squeeze=False)
    widest = max(table.abs().max().item() for table in tables.values())
    for row, (name, table) in zip(axes, tables.items(), strict=True):
        for axis, values in zip(row, (table, sums[name], table - sums[name]), strict=True):
            drawn = draw_map(axis, values, "", "signed", (-widest, widest))
            axis.set_aspect(0.7)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name.removeprefix("a "), fontsize=TEXT, color=INK)
    for axis, title in zip(axes[0], ("the table", "its best sum", "what is left"), strict=True):
        axis.set_title(title, fontsize=TEXT, color=INK)
    _bar(
        figure, drawn, axes.ravel().tolist(), "score: a row for each channel, a column for a place"
    )
    names = ", ".join(tables)
    return picture(
        figure,
        f"For {names}: the table in colours, the nearest sum of channel and place scores, and the "
        "difference. The sum leaves nothing, the product a pattern, the checkerboard itself.",
        "The nearest sums of channel and place scores, and what they cannot say.",
    )


def readings_of_the_gate(summary: Mapping[str, Mapping[str, float]], seeds: int) -> Picture:
    """Return the accuracy of each reading less the first one's, with its interval.

    Args:
        summary: by `"reading, gated branch"`, what `figures/experiments/gate_readings.py` wrote
            down: `difference` and `interval_95`, as shares.
        seeds: how many runs each mean is of.
    """
    check_by_name("summary", summary)
    figure = Figure(figsize=(WIDTH, 1.0 + 0.3 * len(summary)), layout="constrained")
    axis = figure.add_subplot()
    axis.axvline(0, color=INK, lw=0.8, ls=":")
    marks = {"lbp": "o", "rgb": "D"}
    for height, (name, told) in enumerate(summary.items()):
        colour, mark = COLOURS[name.split(", ")[1]], marks[name.split(", ")[1]]
        middle, reach = 100 * told["difference"], 100 * told["interval_95"]
        axis.plot([middle - reach, middle + reach], [height, height], color=colour, lw=2)
        axis.plot(middle, height, mark, color=colour, ms=6)
    axis.set_yticks(range(len(summary)), [name.split(", ")[0] for name in summary])
    axis.invert_yaxis()
    tidy(axis, "points of accuracy, less the first row's", "")
    axis.tick_params(labelsize=TEXT)
    shown = [
        Line2D([], [], color=COLOURS[branch], marker=mark, lw=2, label=f"{branch.upper()} gated")
        for branch, mark in marks.items()
    ]
    figure.legend(handles=shown, loc="outside upper right", ncols=2, fontsize=TEXT, frameon=False)
    apart = [
        name
        for name, told in summary.items()
        if abs(told["difference"]) > told["interval_95"] and told["interval_95"]
    ]
    return picture(
        figure,
        f"Six rows of marks with intervals. Those that do not reach 0: {', '.join(apart) or 'none'}"
        ".",
        f"Mean of {seeds} seeds and 95 % interval; differences are taken seed by seed.",
    )


def under_lamps(faces: Mapping[float, Tensor], gates: Mapping[float, Tensor]) -> Picture:
    """Return one face under several lamps and, below each, its gate.

    Args:
        faces: `(3, H, W)`, by the lamp's angle.
        gates: `(h, w)`, the mean over channels, by the same angles.
    """
    check_by_name("faces", {str(angle): face for angle, face in faces.items()})
    figure = Figure(figsize=(WIDTH, 4.3), layout="constrained")
    axes = figure.subplots(2, len(faces), squeeze=False)
    for (above, below), (angle, face) in zip(axes.T, faces.items(), strict=True):
        draw_image(above, face)
        above.set_title(f"lamp at {angle:g}", fontsize=TEXT, color=INK)
        drawn = draw_map(below, gates[angle], "", "share")
    for axis in axes.flat:
        axis.set_axis_off()
    _bar(figure, drawn, axes[1].tolist(), "share of LBP, mean over channels")
    return picture(
        figure,
        f"One face under {len(faces)} lamps, and below each its gate as a map of 7 by 7 cells from "
        "blue, all RGB, to orange, all LBP.",
        "One face under three lamps, and its gate below. Positive angles are on the right.",
    )


def halves_under_lamps(differences: Mapping[float, Tensor]) -> Picture:
    """Return boxes of what the left half of the gate has more than the right half.

    Args:
        differences: one number a face, `(N,)`, by the lamp's angle.
    """
    check_by_name("differences", {str(angle): each for angle, each in differences.items()})
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axis = figure.add_subplot()
    axis.axhline(0, color=INK, lw=0.8, ls=":")
    axis.boxplot(
        [each.numpy() for each in differences.values()],
        widths=0.6,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "#F6D3BF"},
        medianprops={"color": INK},
    )
    axis.set_xticklabels([f"{angle:g}" for angle in differences])
    tidy(axis, "lamp, from left to right", "gate, left less right half")
    axis.tick_params(labelsize=TEXT)
    faces = len(next(iter(differences.values())))
    means = ", ".join(f"{each.mean():z.2f}" for each in differences.values())
    return picture(
        figure,
        f"A box for each of {len(differences)} lamps, from left to right. The means are {means}.",
        f"{faces} faces under each lamp. Boxes hold the middle half of them, whiskers reach from "
        "5 to 95 %.",
    )


def mixed_channel(
    face: Tensor, maps: Mapping[str, Tensor], gate: Tensor, scores: Tensor, names: Sequence[str]
) -> Picture:
    """Return a face, one channel of maps and gate, each with its bar, and the class scores.

    Args:
        face: `(3, H, W)`.
        maps: two inputs and their mixture by name, `(h, w)`, drawn on one scale.
        gate: `(h, w)`, of the same channel.
        scores: `(K,)`, the probabilities of the classes.
        names: of the classes.
    """
    check_by_name("maps", maps)
    check_sizes(maps=len(maps))
    check_tensor("gate", gate, "(h, w)", finite=True)
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    axes = figure.subplots(2, 3).ravel().tolist()
    for axis in axes[:5]:
        axis.set_axis_off()
    draw_image(axes[0], face)
    top = max(values.max().item() for values in maps.values()) or 1.0
    shown = [*((values, "amount", top) for values in maps.values()), (gate, "share", 1.0)]
    for axis, (values, scale, high) in zip(axes[1:], shown, strict=False):
        _bar(figure, draw_map(axis, values, "", scale, (0.0, high)), [axis], "")
    for axis, title in zip(axes, ("face", *maps, "gate: LBP's share"), strict=False):
        axis.set_title(title, fontsize=TEXT, color=INK)
    _bar(figure, axes[0].images[0], [axes[0]], "").set_visible(False)  # so that all are alike
    bars = draw_class_scores(axes[5], scores, names)
    axes[5].set(xticks=[], yticks=[])
    axes[5].spines[["top", "right", "bottom"]].set_visible(False)
    words = {"fontsize": TEXT - 0.5, "color": INK, "va": "center"}
    for place, (bar, name) in enumerate(zip(bars, names, strict=True)):
        axes[5].text(0.03, place, name, **words)
        axes[5].text(1.0, place, f"{bar.get_width():.2f}", ha="right", **words)
    best = max(range(len(bars)), key=lambda place: bars[place].get_width())
    average = gate.mean().item()
    first = f"First choice: {names[best]} ({scores[best]:.2f})."
    return picture(
        figure,
        f"A face, one channel of {', '.join(maps)}, its gate, and bars for {len(names)} words. "
        f"{first}",
        f"The gate of this channel is {average:.0%} on average. {first}",
    )


def _bar(figure: Figure, drawn: AxesImage, axes: list[Axes], label: str) -> Axes:
    low, high = drawn.get_clim()
    bar = figure.colorbar(drawn, ax=axes, location="bottom", pad=0.04, aspect=15 * len(axes))
    middle: list[Any] = [(low + high) / 2] if len(axes) > 1 else []
    ticks = [low, *middle, high]
    bar.ax.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks], fontsize=TEXT - 0.5)
    bar.ax.tick_params(length=2, pad=1)
    bar.set_label(label, fontsize=TEXT)
    return bar.ax
