"""Draw the figure of lesson 10: `python -m figures.drawings.lesson_10`.

`own_faces_steps`: from a feeling to a word, and what goes wrong at each step.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.drawings.line_art import arrow, box, canvas, in_two, label, save_svg
from vtff_lib.plots.pictures import INK

STEPS = (
    ("feeling", "not in the\npicture"),
    ("face", "turned, hidden,\nposed"),
    ("photo", "light, lens,\nwhich way is up"),
    ("finder", "misses tilted and\nturned heads"),
    ("crop", "margin, size,\ngrey"),
    ("model", "another\ndomain"),
    ("word", "annotators\ndisagree"),
)
WIDE, APART = 1.75, 2.55  # of a box, and from one to the next
ROW = 2.1  # of their middles


def draw_steps() -> Figure:
    """Return the steps from left to right, and under each what goes wrong there."""
    figure, axes = canvas(18.0, 3.1, inches=8.6)
    for place, (name, trouble) in enumerate(STEPS):
        x = 1.35 + place * APART
        box(axes, x, ROW, WIDE, 1.0, name)
        label(axes, x, ROW - 1.35, trouble, fontsize=9)
        if place:
            follow(axes, x - APART + WIDE / 2, x - WIDE / 2, sure=place > 1)
    return figure


def follow(axes: Axes, start: float, end: float, sure: bool) -> None:
    """Draw the way from one box to the next; dashed with a question mark if it is not sure."""
    if sure:
        arrow(axes, (start + 0.05, ROW), (end - 0.02, ROW))
    else:
        axes.plot([start + 0.05, end], [ROW, ROW], color=INK, lw=1.8, ls=(0, (2, 2)))
        label(axes, (start + end) / 2, ROW + 0.45, "?", fontsize=13)


def main() -> None:
    """Draw the figure."""
    save_svg(draw_steps(), "own_faces_steps", in_two(draw_steps, 0.571))


if __name__ == "__main__":
    main()
