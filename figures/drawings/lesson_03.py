"""Draw the schemes of lesson 03: what G and L are, and both by hand on a 2×2 map of 3 channels.

    python -m figures.drawings.lesson_03

Writes `figures/attention_overview.svg`, `attention_u_by_hand.svg`, `attention_g_by_hand.svg` and
`attention_l_by_hand.svg`. The numbers are computed here from the lesson's maps and weights.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from figures.drawings.line_art import (
    PAPER,
    SHADE,
    arrow,
    block,
    box,
    canvas,
    label,
    number_grid,
    save_svg,
)
from vtff_lib.plots.pictures import COLOURS

RGB_MAP = np.array([[[1, 0], [2, 1]], [[0, 0], [1, 1]], [[2, 1], [0, 1]]])  # (C, H, W)
LBP_MAP = np.array([[[0, 1], [1, 2]], [[1, 0], [0, 1]], [[1, 1], [2, 0]]])
RGB_WEIGHT = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]])
LBP_WEIGHT = np.array([[1, 0, 0], [0, 1, 1], [0, 0, -1]])
SQUEEZE_G, EXCITE_G = np.array([[1, -1, 2]]), np.array([[2], [-1], [3]])
SQUEEZE_L, EXCITE_L = np.array([[1, -1, 1]]), np.array([[2]])

U = np.einsum("oc,chw->ohw", RGB_WEIGHT, RGB_MAP) + np.einsum("oc,chw->ohw", LBP_WEIGHT, LBP_MAP)
GREY = "#B8B8B8"


def main() -> None:
    """Draw and write all four."""
    overview()
    u_by_hand()
    g_by_hand()
    l_by_hand()


def pale(colour: str) -> str:
    """Return a light tint of a colour, on which ink can be read."""
    red, green, blue = (round(255 * (0.7 + 0.3 * part)) for part in to_rgb(colour))
    return f"#{red:02x}{green:02x}{blue:02x}"


def written(values: np.ndarray) -> list[list[str]]:
    """Return numbers `(rows, columns)` as text, with a minus that is as wide as a plus."""
    return [[f"{value:g}".replace("-", "−") for value in row] for row in values]


def stack(axes: Axes, x: float, y: float, maps: np.ndarray, colour: str = PAPER) -> None:
    """Draw the channels of a map `(C, 2, 2)` one under another, the first place in `colour`."""
    for channel, values in enumerate(maps):
        top = y - channel * 2.35
        number_grid(axes, x, top, written(values), fills=[[colour, PAPER], [PAPER, PAPER]])
        label(axes, x - 0.3, top - 1, f"{channel}", ha="right", color="#666666")


def weights(axes: Axes, x: float, y: float, values: np.ndarray) -> None:
    """Draw the matrix of a 1×1 convolution."""
    number_grid(axes, x, y, written(values), fills=[[SHADE] * values.shape[1]] * len(values))


def overview() -> None:
    """U on the left; above, G keeps the channels; below, L keeps the places."""
    figure, axes = canvas(20, 8.4)
    g, lo = COLOURS["global"], COLOURS["local"]
    block(axes, 0.4, 3.1, (2, 2, 2.2), GREY, "U\nC×H×W", cells=(4, 4))
    arrow(axes, (3.9, 4.7), (4.4, 4.7), (4.4, 6.7), (5.0, 6.7), colour=g)
    arrow(axes, (3.9, 3.5), (4.4, 3.5), (4.4, 1.7), (7.5, 1.7), colour=lo)
    label(axes, 10.9, 4.6, "Global attention: which channels?")
    label(axes, 10.9, 3.8, "Local attention: which places?")

    box(axes, 6.1, 6.7, 2.25, 1.3, "mean over\nplaces", g)
    block(axes, 7.7, 6.3, (0.25, 0.25, 2.0), GREY)
    label(axes, 8.2, 6.1, "C×1×1", va="top")
    arrow(axes, (7.25, 6.7), (7.75, 6.7), colour=g)
    arrow(axes, (8.7, 6.7), (9.3, 6.7), colour=g)
    box(axes, 10.4, 6.7, 2.1, 1.3, "squeeze\nBN, ReLU", g)
    arrow(axes, (11.5, 6.7), (12.1, 6.7), colour=g)
    block(axes, 12.2, 6.55, (0.25, 0.25, 0.7), GREY)
    label(axes, 12.5, 6.1, "C/r×1×1", va="top")
    arrow(axes, (12.95, 6.7), (13.5, 6.7), colour=g)
    box(axes, 14.6, 6.7, 2.1, 1.3, "excite\nBN", g)
    arrow(axes, (15.7, 6.7), (16.6, 6.7), colour=g)
    block(axes, 16.9, 6.3, (0.25, 0.25, 2.0), g)
    label(axes, 17.5, 6.1, "G(U), C×1×1", va="top")

    box(axes, 8.6, 1.7, 2.1, 1.3, "squeeze\nBN, ReLU", lo)
    arrow(axes, (9.7, 1.7), (10.4, 1.7), colour=lo)
    block(axes, 10.6, 0.8, (1.7, 1.7, 0.7), GREY, "C/r×H×W", cells=(4, 4))
    arrow(axes, (12.85, 1.7), (13.5, 1.7), colour=lo)
    box(axes, 14.6, 1.7, 2.1, 1.3, "excite\nBN", lo)
    arrow(axes, (15.7, 1.7), (16.6, 1.7), colour=lo)
    block(axes, 16.9, 0.8, (1.7, 1.7, 0.2), lo, "L(U), 1×H×W", cells=(4, 4))
    save_svg(figure, "attention_overview")


def u_by_hand() -> None:
    """Both maps, both weights, and U; the first place tinted in all."""
    figure, axes = canvas(20, 8)
    parts = (("rgb", 0.3, RGB_MAP, RGB_WEIGHT, "W_c"), ("lbp", 8.2, LBP_MAP, LBP_WEIGHT, "W_l"))
    for view, x, maps, weight, name in parts:
        label(axes, x + 1.5, 5.65, f"${name}$", fontsize=11)
        weights(axes, x, 5.25, weight)
        label(axes, x + 3.5, 3.75, "·", fontsize=14)
        label(axes, x + 5.6, 7.6, f"$X_{{{view.upper()}}}$", fontsize=11)
        stack(axes, x + 4.6, 7.25, maps, pale(COLOURS[view]))
    label(axes, 7.55, 3.75, "+", fontsize=14)
    label(axes, 15.6, 3.75, "=", fontsize=14)
    label(axes, 18, 7.6, "$U$", fontsize=11)
    stack(axes, 17, 7.25, U, pale("#777777"))
    save_svg(figure, "attention_u_by_hand")


def g_by_hand() -> None:
    """Pool, squeeze, excite."""
    figure, axes = canvas(20, 8)
    g = COLOURS["global"]
    pooled = U.mean(axis=(1, 2))[:, None]
    squeezed = SQUEEZE_G @ pooled
    scores = EXCITE_G @ np.maximum(squeezed, 0)
    label(axes, 2.1, 7.6, "$U$", fontsize=11)
    stack(axes, 1.1, 7.25, U)
    arrow(axes, (3.4, 3.9), (5.0, 3.9), colour=g)
    label(axes, 4.2, 4.3, "mean")
    number_grid(axes, 5.2, 5.4, written(pooled))
    arrow(axes, (6.5, 3.9), (11.2, 3.9), colour=g)
    weights(axes, 7.3, 5.8, SQUEEZE_G)
    label(axes, 8.8, 4.3, "squeeze, ReLU")
    number_grid(axes, 11.4, 4.4, written(squeezed))
    arrow(axes, (12.7, 3.9), (16.5, 3.9), colour=g)
    weights(axes, 14.1, 7.8, EXCITE_G)
    label(axes, 14.6, 4.3, "excite")
    number_grid(axes, 16.7, 5.4, written(scores), fills=[[pale(g)]] * 3)
    label(axes, 17.2, 5.85, "$G(U)$", fontsize=11)
    for x, words in ((5.7, "3 means"), (11.9, "1 number"), (17.2, "3 scores")):
        label(axes, x, 1.9, words)
    save_svg(figure, "attention_g_by_hand")


def l_by_hand() -> None:
    """Squeeze and excite at each place."""
    figure, axes = canvas(20, 8)
    lo, grey = COLOURS["local"], pale("#777777")
    squeezed = np.einsum("oc,chw->ohw", SQUEEZE_L, U)[0]
    positive = np.maximum(squeezed, 0)
    marked = [[grey, PAPER], [PAPER, PAPER]]
    label(axes, 2.1, 7.6, "$U$", fontsize=11)
    stack(axes, 1.1, 7.25, U, grey)
    arrow(axes, (3.4, 3.9), (7.6, 3.9), colour=lo)
    weights(axes, 4.0, 5.8, SQUEEZE_L)
    label(axes, 5.5, 4.3, "squeeze")
    number_grid(axes, 7.8, 4.9, written(squeezed), fills=marked)
    arrow(axes, (10.0, 3.9), (11.7, 3.9), colour=lo)
    label(axes, 10.8, 4.3, "ReLU")
    number_grid(axes, 11.9, 4.9, written(positive), fills=marked)
    arrow(axes, (14.1, 3.9), (16.5, 3.9), colour=lo)
    weights(axes, 14.7, 5.8, EXCITE_L)
    label(axes, 15.2, 4.3, "excite")
    number_grid(axes, 16.7, 4.9, written(EXCITE_L[0, 0] * positive), fills=[[pale(lo)] * 2] * 2)
    label(axes, 17.7, 5.35, "$L(U)$", fontsize=11)
    for x, words in ((8.8, "1 number for\neach place"), (17.7, "1 score for\neach place")):
        label(axes, x, 2.0, words)
    save_svg(figure, "attention_l_by_hand")


if __name__ == "__main__":
    main()
