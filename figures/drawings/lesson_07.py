"""Draw the figure of lesson 07: `python -m figures.drawings.lesson_07`.

`training_step`: what happens in one step of training, and what comes back to the model.
"""

from itertools import pairwise

from matplotlib.figure import Figure

from figures.drawings.line_art import arrow, box, canvas, label, save_svg
from vtff_lib.plots.pictures import COLOURS, INK

WIDE, HIGH = 3.1, 1.25
PLACES = (1.9, 5.9, 9.9, 13.9)  # of the boxes, from left to right


def draw_step() -> Figure:
    """Return the eight parts of a step, in the order in which they come."""
    figure, axes = canvas(15.8, 5.4, inches=8.4)
    above = [
        ("plan", "which images", INK),
        ("augmentation", "turn, mirror, light", COLOURS["rgb"]),
        ("model", "LBP made inside", COLOURS["lbp"]),
        ("loss", "against soft targets", INK),
    ]
    below = [
        ("moving average", "what is kept", COLOURS["tokens"]),
        ("AdamW", "rate of this step", INK),
        ("clip", "at most length 1", INK),
        ("backward", "the gradient", INK),
    ]
    for height, parts in ((4.3, above), (1.5, below)):
        for place, (name, what, colour) in zip(PLACES, parts, strict=True):
            box(axes, place, height, WIDE, HIGH, "", colour)
            label(axes, place, height + 0.24, name, fontweight="bold")
            label(axes, place, height - 0.26, what, fontsize=9)
    for left, right in pairwise(PLACES):
        arrow(axes, (left + WIDE / 2, 4.3), (right - WIDE / 2, 4.3))
        arrow(axes, (right - WIDE / 2, 1.5), (left + WIDE / 2, 1.5))
    arrow(axes, (PLACES[3], 4.3 - HIGH / 2), (PLACES[3], 1.5 + HIGH / 2))
    axes.plot([PLACES[1] + 0.6, PLACES[1] + 0.6, PLACES[2]], [2.15, 2.9, 2.9], "--", color=INK)
    arrow(axes, (PLACES[2], 2.9), (PLACES[2], 4.3 - HIGH / 2))
    label(axes, 8.2, 3.17, "new weights", fontsize=9)
    label(axes, PLACES[0], 0.5, "measured after\neach epoch", fontsize=9)
    return figure


def main() -> None:
    """Write the figure."""
    save_svg(draw_step(), "training_step")


if __name__ == "__main__":
    main()
