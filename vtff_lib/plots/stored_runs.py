"""Pictures of stored runs: curves, runs side by side, confidence against the share right.

Taught in 07 and 07b.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure

from vtff_lib.plots.pictures import INK, Picture, picture, tidy
from vtff_lib.refusals import check_by_name

LINES = ("-", "--", ":", "-.")
BREAK = 2.5  # nats: above it a loss is drawn smaller, in a strip of its own


def run_curves(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    quantity: str,
    caption: str = "",
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    time: str = "epoch",
) -> Picture:
    """Return curves of runs, in panels side by side on one scale.

    Args:
        panels: by title; in each, the values of a curve by its name, one for each `time`.
        quantity: what is drawn.
        caption: what to look for.
        limits: of the scale.
        level: height of a dotted line, of guessing say.
        time: what the values are counted by, from 1.

    Raises:
        ValueError: if `panels` is no mapping of titles.
    """
    check_by_name("panels", panels)
    width = 3.0 * len(panels) if len(panels) > 1 else 5.5
    figure = Figure(figsize=(width, 2.5), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for (name, values), line in zip(curves.items(), cycle(LINES)):
            axis.plot(range(1, len(values) + 1), values, ls=line, c=INK, lw=1.5, label=name)
        if level is not None:
            axis.axhline(level, color=INK, lw=0.8, ls=":")
        if len(curves) > 1:
            axis.legend(frameon=False, fontsize=8)
        tidy(axis, time, "" if axis is not axes[0] else quantity)
        axis.set_title(title, fontsize=9, loc="left", color=INK)
    axes[0].set_ylim(limits)
    ends = "; ".join(
        f"{title}: " * bool(title)
        + ", ".join(f"{name} from {v[0]:.2g} to {v[-1]:.2g}" for name, v in curves.items())
        for title, curves in panels.items()
    )
    return picture(figure, f"Curves of the {quantity} by {time}. {ends}.", caption)


def side_by_side(
    runs: Mapping[str, Mapping[str, Sequence[float]]], every: int, caption: str = ""
) -> Picture:
    """Return loss and accuracy of runs on eight classes by name, a column for each.

    Args:
        runs: each with `train_loss`, `valid_loss`, `train_accuracy` and `valid_accuracy`.
        every: steps from one value to the next.
        caption: what to look for.

    Losses have two scales: from 0 to `BREAK`, and above it in a narrow strip, to 5 at least.

    Raises:
        ValueError: if `runs` is no mapping of names.
    """
    check_by_name("runs", runs)
    figure = Figure(figsize=(1 + 1.04 * len(runs), 3.1), layout="constrained")
    shown: dict[str, Any] = {"sharex": True, "sharey": "row", "squeeze": False}
    rows = figure.subplots(3, len(runs), height_ratios=(1, 2.4, 2.4), **shown)
    kinds = ("loss", "loss", "accuracy")
    for column, (name, run) in enumerate(runs.items()):
        for axis, what in zip(rows[:, column], kinds, strict=True):
            axis.plot(run[f"train_{what}"], "--", color=INK, lw=1, label="training")
            axis.plot(run[f"valid_{what}"], color=INK, lw=1.7, label="validation")
            tidy(axis, "", "")
            axis.tick_params(labelsize=9)
        for axis, level in zip(rows[1:, column], (math.log(8), 1 / 8), strict=True):
            axis.axhline(level, color=INK, lw=0.8, ls=":")
        rows[0, column].set_title(name, fontsize=9, color=INK)
        rows[0, column].spines["bottom"].set_visible(False)
        rows[0, column].tick_params(bottom=False)
    losses = (max(*run["train_loss"], *run["valid_loss"]) for run in runs.values())
    rows[0, 0].set(ylim=(BREAK, max(5, *losses)), yticks=(3, 5))
    rows[1, 0].set(ylim=(0, BREAK), yticks=(0, 1, 2))
    rows[2, 0].set_ylim(0, 1.05)
    rows[1, 0].set_ylabel("loss (nats)", fontsize=9)
    rows[2, 0].set_ylabel("accuracy", fontsize=9)
    rows[2, 0].legend(frameon=False, fontsize=9, loc="upper left")
    figure.supxlabel(f"time, a point every {every} steps", fontsize=9)
    ends = "; ".join(
        f"{name}: training accuracy ends at {run['train_accuracy'][-1]:.0%}, validation at "
        f"{run['valid_accuracy'][-1]:.0%}"
        for name, run in runs.items()
    )
    return picture(figure, f"Loss and accuracy of {len(runs)} runs. {ends}.", caption)


def reliability(
    bins: Sequence[Mapping[str, float]], shares: Mapping[str, str], caption: str = ""
) -> Picture:
    """Return shares over the mean confidence, a disc for each bin, as large as its images are many.

    Args:
        bins: each with `images`, mean `confidence`, and the shares.
        shares: what to draw: the key in a bin by what the legend calls it. Two at most; the second
            is drawn hollow.
        caption: what to look for.

    Raises:
        ValueError: if `shares` is no mapping of names, or they are more than two.
    """
    check_by_name("shares", shares)
    if len(shares) > 2:
        raise ValueError(f"{len(shares)} shares are too many; two can be told apart.")
    figure = Figure(figsize=(4.2, 3.15), layout="constrained")
    axis = figure.add_subplot()
    axis.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":")
    images = sum(each["images"] for each in bins)
    sizes = [8 + 400 * each["images"] / images for each in bins]
    confidence = [each["confidence"] for each in bins]
    told = []
    for (name, key), fill in zip(shares.items(), (INK, "none"), strict=False):
        values = [each[key] for each in bins]
        axis.scatter(confidence, values, s=sizes, facecolor=fill, edgecolor=INK, alpha=0.7)
        axis.scatter([], [], s=40, facecolor=fill, edgecolor=INK, alpha=0.7, label=name)
        off = sum(n["images"] * abs(n[key] - n["confidence"]) for n in bins) / images
        told.append(f"{name}, on average {off:.3f} from the diagonal")
    axis.set(xlim=(0, 1.03), ylim=(0, 1.05))
    axis.set_aspect("equal")
    axis.legend(frameon=False, fontsize=9, loc="upper left")
    tidy(axis, "mean confidence", "share")
    axis.tick_params(labelsize=9)
    alt = f"Shares over mean confidence in {len(bins)} bins: {'; '.join(told)}."
    return picture(figure, alt, caption)
