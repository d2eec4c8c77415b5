"""Draw `truth_tests.svg` from what the tests of maps wrote down.

    python -m figures.drawings.truth_tests

Five tests, one below the other and narrow, so that they can be read on a phone: each map's score
with its interval, a tick for the same map of other people with the same answer (its class prior),
lines for the controls. A dot is filled where the map has shown something of this face by the plan.
"""

import json
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.drawings.line_art import save_svg
from figures.experiments.harness import FIGURES
from vtff_lib.plots.pictures import COLOURS, INK

PANELS = {  # test: the question above it, and below it what the number is
    "order": ("Which of two muscles mattered more?", "pairs in the right order, ½ is chance"),
    "unusual": ("Does it know what is unusual here?", "muscles on the right side, ½ is chance"),
    "deletion": ("Is it needed, what the map marks?", "probability left without it, low is good"),
    "pointing": ("Does it point at the expression?", "share of hits"),
    "planted": ("Does it find a planted square?", "share of hits, where the square decided"),
}
OTHERS = "no map: the muscle's mean\neffect, or mean mask, in others"
LINES = {  # control: dashes and words
    "random": (":", "maps of chance"),
    "blob": ("--", "blob in the middle"),
    "edges": ("-.", "edges: sees no model"),
    "mean loss by this unit, same answer": ("-", OTHERS),
    "mean mask: prior": ("-", OTHERS),
}
SHORT = {"integrated gradients": "int. gradients", "gradient ×": "grad ×", " alone": ""}
PRIOR = COLOURS["gate"]
TEXT = 10.5  # points, on a drawing 5 inches wide
SLIDE = (6.6, 3.3)  # inches, of one test


def short(name: str) -> str:
    """Return a name that fits."""
    for long, brief in SHORT.items():
        name = name.replace(long, brief)
    return name


def draw_test(axes: Axes, test: dict[str, Any], title: str, what: str) -> None:
    """Draw one test: a row for each map."""
    for control, (dashes, words) in LINES.items():
        if control in test["controls"]:
            value = test["controls"][control]["value"]
            axes.axvline(value, color="#888888", ls=dashes, lw=1.5, label=words)
    for row, (name, told) in enumerate(test["maps"].items()):
        prior = test["controls"][f"{name}: class prior"]["value"]
        axes.plot(prior, row, marker="|", ms=13, mew=2.2, color=PRIOR, lw=0)
        axes.plot([told["mean"]["low"], told["mean"]["high"]], [row, row], color=INK, lw=1.6)
        fill = INK if told["shown"] else "white"
        axes.plot(told["mean"]["value"], row, "o", ms=7, mfc=fill, mec=INK, mew=1.3)
    axes.set_yticks(range(len(test["maps"])), [short(name) for name in test["maps"]])
    axes.set_ylim(len(test["maps"]) - 0.4, -0.6)
    axes.set_title(title, fontsize=TEXT + 1.5, color=INK, fontweight="bold", loc="right")
    axes.set_xlabel(what, fontsize=TEXT, color=INK)
    axes.tick_params(labelsize=TEXT, length=0)
    axes.grid(axis="y", color="#E3E3E3", lw=0.7)
    axes.spines[["top", "right", "left"]].set_visible(False)


def draw(tests: dict[str, dict[str, Any]], chosen: Sequence[str] = tuple(PANELS)) -> Figure:
    """Return the tests one below the other, with one legend."""
    tall = 1.3 + 2.82 * len(chosen)
    figure = Figure(figsize=(5, tall) if len(chosen) > 1 else SLIDE, layout="constrained")
    panels = figure.subplots(len(chosen), 1, squeeze=False)[:, 0]
    lines: dict[str, Any] = {}
    for axes, test in zip(panels, chosen, strict=True):
        draw_test(axes, tests[test], *PANELS[test])
        lines |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    marks = {
        "map, beyond its controls": {"marker": "o", "mfc": INK, "mec": INK},
        "map, not shown to be": {"marker": "o", "mfc": "white", "mec": INK},
        "same map of others,\nsame answer": {"marker": "|", "ms": 13, "mew": 2.2},
    }
    for words, style in marks.items():
        lines[words] = Line2D([], [], color=PRIOR, lw=0, **{"ms": 7} | style)
    place, columns = ("right", 1) if len(chosen) == 1 else ("upper", 2)
    figure.legend(
        lines.values(), lines, loc=f"outside {place} center", ncols=columns, fontsize=TEXT - 0.5,
        frameon=False, columnspacing=0.8, handlelength=1.9,
    )  # fmt: skip
    return figure


def stored() -> dict[str, dict[str, Any]]:
    """Return what was written down, by test; of the planted worlds, that of four places."""
    muscles, usual, planted = (
        json.loads((FIGURES / f"{file}.json").read_text(encoding="utf-8"))
        for file in ("muscle_pairs", "truth_controls", "planted_truth")
    )
    found = {"planted": planted["worlds"]["four places"]["pointing"]}
    return muscles["tests"] | usual["tests"] | found


def main() -> None:
    """Draw what was written down."""
    tests = stored()
    save_svg(draw(tests), "truth_tests", [draw(tests, [test]) for test in PANELS])


if __name__ == "__main__":
    main()
