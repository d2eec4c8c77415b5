"""Draw `truth_tests.svg` from `truth_tests.json`: `python -m figures.drawings.truth_tests`."""

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.drawings.line_art import save_svg
from figures.experiments.harness import FIGURES
from vtff_lib.plots.pictures import INK

CONTROLS = {"random map": (":", "#999999"), "centred blob": ("--", "#666666")}  # no view's colour
PANELS = {  # test: its title, and whether low or high is good
    "deletion, mean": ("deletion, mean fill: area", "low"),
    "insertion, mean": ("insertion, mean fill: area", "high"),
    "pointing": ("pointing: share of hits", "high"),
    "deletion, blur": ("deletion, blurred: area", "low"),
    "insertion, blur": ("insertion, blurred: area", "high"),
    "mass": ("mass inside the regions", "high"),
}


def better(row: dict[str, Any], good: str) -> bool:
    """Return whether a map surely does better than both controls."""
    differences = [row[f"minus {control}"] for control in CONTROLS]
    if good == "low":
        return all(gap["high"] < 0 for gap in differences)
    return all(gap["low"] > 0 for gap in differences)


def draw_test(axes: Axes, test: dict[str, Any], title: str, good: str, names: list[str]) -> None:
    """Draw the mean of each map with its interval; filled where it surely beats both controls."""
    for control, (dashes, colour) in CONTROLS.items():
        mean = test[control]["mean"]
        axes.axvspan(mean["low"], mean["high"], color=colour, alpha=0.2, lw=0)
        axes.axvline(mean["value"], color=colour, ls=dashes, lw=1.6, label=control)
    for row, name in enumerate(names):
        mean = test[name]["mean"]
        axes.plot([mean["low"], mean["high"]], [row, row], color=INK, lw=1.3)
        fill = INK if better(test[name], good) else "white"
        axes.plot(mean["value"], row, "o", ms=5, mfc=fill, mec=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_title(f"{title} ({good} is good)", fontsize=9, color=INK)
    axes.tick_params(labelsize=8, length=0)
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)


def draw_randomised(axes: Axes, tests: dict[str, Any], names: list[str]) -> None:
    """Draw how alike each map stays while the model forgets, as a table of numbers."""
    stages = [test for test in tests if test.startswith("randomised")]
    values = np.array([[tests[stage][name]["mean"]["value"] for stage in stages] for name in names])
    axes.imshow(np.abs(values), cmap="Greys", vmin=0, vmax=2.2, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}".replace("-0.00", "0.00")
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="black")
    words = [
        stage.removeprefix("randomised ").replace("encoder.blocks.", "block ") for stage in stages
    ]
    axes.set_xticks(range(len(stages)), [words[0], *(f"+ {word}" for word in words[1:])])
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(labelsize=8, length=0)
    axes.spines[:].set_visible(False)
    title = "rank correlation with the map of a model that forgot (1: the map never changed)"
    axes.set_title(title, fontsize=9, color=INK)


def draw(result: dict[str, Any]) -> Figure:
    """Return six tests above, the randomised weights below."""
    tests = result["tests"]
    names = [name for name in tests["mass"] if name not in CONTROLS]
    figure = Figure(figsize=(9.6, 9.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.75, 1])
    for place, (test, (title, good)) in enumerate(PANELS.items()):
        axes = above.add_subplot(2, 3, place + 1)
        draw_test(axes, tests[test], title, good, names)
        if place % 3:
            axes.set_yticklabels([])
    handles = axes.get_legend_handles_labels()[0]
    for fill, meaning in ((INK, "surely better than both"), ("white", "not surely")):
        handles += [Line2D([], [], color=INK, marker="o", ms=5, mfc=fill, label=meaning)]
    above.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=8, frameon=False)
    draw_randomised(below.add_subplot(), tests, [*names, *CONTROLS])
    return figure


def main() -> None:
    """Draw what was written down."""
    result = json.loads((FIGURES / "truth_tests.json").read_text(encoding="utf-8"))
    save_svg(draw(result), "truth_tests")


if __name__ == "__main__":
    main()
