"""Draw the figure of lesson 09: `python -m figures.drawings.lesson_09`.

`fusion_controls`: the model, and the models it is compared with, each with the doubt it settles.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.drawings.line_art import arrow, box, canvas, label, save_svg
from vtff_lib.plots.pictures import COLOURS, INK

COLUMN = 3.5
VIEWS = {"RGB": COLOURS["rgb"], "LBP": COLOURS["lbp"]}


def model(axes: Axes, x: float, name: str, views: list[str], fusion: str, doubt: str) -> None:
    """Draw one model as a column centred at `x`, views at the bottom and scores on top."""
    label(axes, x, 6.55, name, fontweight="bold")
    places = [x - 0.82, x + 0.82] if len(views) == 2 else [x]
    for place, view in zip(places, views, strict=True):
        label(axes, place, 1.55, view, color=INK)
        arrow(axes, (place, 1.8), (place, 2.2))
        wide = 2.2 if "wider" in name else 1.35
        box(axes, place, 2.6, wide, 0.8, "trunk", VIEWS[view])
    if fusion:
        for place in places:
            arrow(axes, (place, 3.0), (place, 3.5))
        colour = COLOURS["gate"] if fusion == "ASF" else INK
        box(axes, x, 3.9, 3.0, 0.8, fusion, colour)
        arrow(axes, (x, 4.3), (x, 4.8))
    else:
        arrow(axes, (x, 3.0), (x, 4.8))
    box(axes, x, 5.2, 3.0, 0.8, "encoder, head", COLOURS["tokens"])
    label(axes, x, 0.6, doubt, fontsize=9)


def draw_controls() -> Figure:
    """Return five models side by side."""
    figure, axes = canvas(5 * COLUMN + 0.2, 7.0, inches=8.8)
    models = [
        ("full", ["RGB", "LBP"], "ASF", "the method"),
        ("RGB alone", ["RGB"], "", "does fusion help?"),
        ("sum", ["RGB", "LBP"], "+", "does attention matter,\nor only the second view?"),
        ("two on RGB", ["RGB", "RGB"], "ASF", "does LBP matter,\nor only a second trunk?"),
        ("RGB, wider", ["RGB"], "", "or only more\nweights?"),
    ]
    for place, each in enumerate(models):
        model(axes, 0.1 + COLUMN * (place + 0.5), *each)
    for place in range(1, 5):
        axes.axvline(0.1 + COLUMN * place, color=INK, lw=0.5, ls=":", ymin=0.04, ymax=0.97)
    return figure


def main() -> None:
    """Write the figure."""
    save_svg(draw_controls(), "fusion_controls")


if __name__ == "__main__":
    main()
