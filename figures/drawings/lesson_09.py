"""Draw the figure of lesson 09: `python -m figures.drawings.lesson_09`.

`fusion_controls`: the model, and models that it is compared with, each with the doubt it settles.
"""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.drawings.line_art import arrow, box, canvas, label, save_svg
from vtff_lib.plots.pictures import COLOURS, INK

WIDE, TALL = 4.0, 7.3  # of the place for one model
VIEWS = {"RGB": COLOURS["rgb"], "LBP": COLOURS["lbp"], "contrast": COLOURS["local"]}


class Model(NamedTuple):
    """A model as it is drawn."""

    name: str
    views: tuple[str, ...]
    fusion: str
    doubt: str


MODELS = (
    Model("full", ("RGB", "LBP"), "ASF", "does fusion help,\nor …"),
    Model("LBP, for as long", ("LBP",), "", "… one good view,\nand time?"),
    Model("mean", ("RGB", "LBP"), "½ (a + b)", "… adding,\nwithout attention?"),
    Model("two on RGB", ("RGB", "RGB"), "ASF", "… a second trunk\non any view?"),
    Model("contrast", ("RGB", "contrast"), "ASF", "… any view without\nits local mean?"),
    Model("average", ("RGB", "LBP"), "mean", "… two models\nthat never meet?"),
)


def draw_model(axes: Axes, x: float, y: float, model: Model) -> None:
    """Draw one model centred at `x`, above `y`: views at the bottom, scores on top."""
    label(axes, x, y + 6.75, model.name, fontweight="bold")
    places = [x - 0.95, x + 0.95] if len(model.views) == 2 else [x]
    apart = model.name == "average"
    towers = places if apart else [x]
    trunk, middle, top = y + 2.0, y + 3.8, y + 5.6
    encoder, fusion = (middle, top) if apart else (top, middle)
    for place, view in zip(places, model.views, strict=True):
        box(axes, place, trunk, 1.7, 0.8, view, VIEWS[view], fontsize=9)
        arrow(axes, (place, trunk + 0.4), (place, (middle if model.fusion else top) - 0.42))
    for place in towers:
        box(axes, place, encoder, 1.7 if apart else 3.6, 0.8, "encoder", COLOURS["tokens"])
    if model.fusion:
        colour = COLOURS["gate"] if model.fusion == "ASF" else INK
        box(axes, x, fusion, 3.6, 0.8, model.fusion, colour)
        for place in towers:
            arrow(axes, (place, middle + 0.4), (place, top - 0.42))
    label(axes, x, y + 0.85, model.doubt, fontsize=9)


def draw_controls(models: Sequence[Model] = MODELS) -> Figure:
    """Return models, three in a row."""
    rows = len(models) // 3
    figure, axes = canvas(3 * WIDE, rows * TALL, inches=4.8)
    for place, model in enumerate(models):
        row, column = divmod(place, 3)
        draw_model(axes, WIDE * (column + 0.5), TALL * (rows - 1 - row), model)
    for column in (1, 2):
        axes.axvline(WIDE * column, color=INK, lw=0.5, ls=":")
    if rows > 1:
        axes.axhline(TALL, color=INK, lw=0.5, ls=":")
    return figure


def main() -> None:
    """Write the figure."""
    halves = [draw_controls(MODELS[:3]), draw_controls(MODELS[3:])]
    save_svg(draw_controls(), "fusion_controls", halves)


if __name__ == "__main__":
    main()
