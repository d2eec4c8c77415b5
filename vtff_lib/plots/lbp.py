"""The pictures of local binary patterns: a window bit by bit, a face in another light, curves.

Those that follow a slider are laid out by hand: to search for a layout would take too long.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from vtff_lib.lbp import OFFSETS
from vtff_lib.plots.pictures import COLOURS, INK, Picture, as_array, picture, tidy, title_axis
from vtff_lib.plots.redrawn import RedrawnPicture
from vtff_lib.refusals import check_by_name, check_choice, describe

COMPARISONS = {"≥": torch.ge, ">": torch.gt}


def window_picture(window: Tensor, order: str = "reading", comparison: str = "≥") -> Picture:
    """Draw a window, its eight comparisons, what each is worth, and their sum, the code.

    Args:
        window: grey values, `(3, 3)`.
        order: which neighbour is which bit, see `lbp.local_binary_pattern`.
        comparison: `"≥"`, the library's, or `">"`.

    Raises:
        ValueError: if `window` has another shape, or `order` or `comparison` is unknown.
    """
    check_choice("order", order, OFFSETS)
    check_choice("comparison", comparison, COMPARISONS)
    if not isinstance(window, Tensor) or window.shape != (3, 3):
        raise ValueError(f"window_picture got {describe(window)}; give a tensor of shape (3, 3).")
    places = [(1 + row, 1 + column) for row, column in OFFSETS[order]]
    centre = window[1, 1].item()
    bits = [int(COMPARISONS[comparison](window[place], centre)) for place in places]
    worth = [2 ** (7 - bit) for bit in range(8)]
    terms = [value for value, bit in zip(worth, bits, strict=True) if bit]
    figure = Figure(figsize=(5.4, 2.3), dpi=100)
    figure.set_layout_engine("none")  # whatever a matplotlibrc asks for
    everything = {(i, j): f"{window[i, j].item():g}" for i in range(3) for j in range(3)}
    set_places = {place for place, bit in zip(places, bits, strict=True) if bit}
    tables = {
        "window": everything,
        f"{comparison} {centre:g}?": dict(zip(places, map(str, bits), strict=True)),
        "is worth": dict(zip(places, map(str, worth), strict=True)),
    }
    for index, (title, table) in enumerate(tables.items()):
        axis = figure.add_axes((0.02 + index * 0.34, 0.24, 0.28, 0.64))
        _draw_table(axis, table, set_places if index else set())
        title_axis(axis, title)
    digits = "".join(map(str, bits))
    total = " + ".join(map(str, terms)) or "0"
    equation = f"{total} = {sum(terms)}" if len(terms) > 1 else total
    words = f"{order} order: {digits}\n{equation}"
    figure.text(0.5, 0.03, words, ha="center", fontsize=10, color=INK)
    return picture(
        figure,
        alt=f"A window with {centre:g} in its centre, the eight comparisons with it, and what each "
        f"is worth in {order} order: binary {digits}, code {sum(terms)}.",
        caption=f"The code is {sum(terms)}. Coloured: the neighbours whose bit is 1.",
    )


def _draw_table(
    axis: Axes, table: Mapping[tuple[int, int], str], coloured: set[tuple[int, int]]
) -> None:
    """Draw up to nine cells by their (row, column); a missing centre is left grey."""
    axis.set(xlim=(-0.03, 3.03), ylim=(3.03, -0.03), aspect="equal")
    axis.set_axis_off()
    for i in range(3):
        for j in range(3):
            middle = (i, j) == (1, 1)
            fill = COLOURS["lbp"] if (i, j) in coloured else "#EDEDED" if middle else "white"
            axis.add_patch(Rectangle((j, i), 1, 1, facecolor=fill, edgecolor=INK, lw=1))
            weight = "bold" if middle or (i, j) in coloured else "normal"
            label = axis.text(j + 0.5, i + 0.5, table.get((i, j), ""), ha="center", va="center")
            label.set(fontsize=10, weight=weight, color=INK)


class LightPicture(RedrawnPicture):
    """A face in some light: both views, where comparisons changed, and the shares that did."""

    WIDTH, HEIGHT = 5.2, 5.2
    BARS = (  # name, colour, hatch
        ("RGB numbers", COLOURS["rgb"], ""),
        ("LBP codes", COLOURS["lbp"], ""),
        ("comparisons", COLOURS["lbp"], "///"),
    )
    PANELS = (  # title, left and lower edge
        ("RGB view", 0.01, 0.53),
        ("LBP view", 0.51, 0.53),
        ("comparisons changed, of 8", 0.01, 0.02),
    )

    def __init__(self) -> None:
        super().__init__()
        self._images = [self._panel(*each) for each in self.PANELS]
        self._images[2].set_clim(0, 8)
        scale_axis = self._figure.add_axes((0.445, 0.02, 0.02, 0.43))
        scale = self._figure.colorbar(self._images[2], cax=scale_axis, ticks=[0, 4, 8])
        scale.ax.tick_params(labelsize=9, length=2)
        self._bars, self._words = self._bar_chart()
        self._keep((*self._images, *self._bars, *self._words))

    def _panel(self, title: str, left: float, lower: float) -> AxesImage:
        axis = self._figure.add_axes((left, lower, 0.43, 0.43))
        axis.set_axis_off()
        title_axis(axis, title)
        return axis.imshow(np.zeros((7, 7)), extent=(0, 1, 1, 0))

    def _bar_chart(self) -> tuple[list[Rectangle], list[Text]]:
        axis = self._figure.add_axes((0.7, 0.1, 0.18, 0.35))
        bars: list[Rectangle] = []
        labels: list[Text] = []
        for row, (_, colour, hatch) in enumerate(self.BARS):
            bars += axis.barh(row, 0, color=colour, hatch=hatch, edgecolor=INK, lw=0.8)
            labels.append(axis.text(0, row, "", va="center", fontsize=9, color=INK))
        axis.set_yticks(range(3), [name for name, _, _ in self.BARS])
        axis.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "50", "100 %"))
        axis.invert_yaxis()
        axis.tick_params(labelsize=9, length=0)
        axis.spines[["top", "right"]].set_visible(False)
        title_axis(axis, "changed")
        return bars, labels

    def draw(self, rgb: Tensor, lbp: Tensor, changed: Tensor, shares: Sequence[float]) -> Picture:
        """Draw one face.

        Args:
            rgb: `(3, H, W)`, uint8 or 0 to 1.
            lbp: `(3, H, W)`, uint8.
            changed: how many of the eight comparisons changed, 0 to 8, `(H, W)`.
            shares: of RGB numbers, of LBP codes and of comparisons that changed, 0 to 1.
        """
        for image, values in zip(self._images, (rgb, lbp, changed), strict=True):
            image.set_data(as_array(values))
        for bar, word, share in zip(self._bars, self._words, shares, strict=True):
            bar.set_width(share)
            word.set_text(f"{share:.0%}")
            word.set_x(share + 0.04)
        numbers, codes, comparisons = (f"{share:.0%}" for share in shares)
        told = f"{numbers} of the RGB numbers, {codes} of the LBP codes and {comparisons} of the "
        return self._redrawn(
            "A face, its LBP view, a map of changed comparisons, and three bars: "
            f"{told}comparisons changed.",
            f"Changed: {told}comparisons. The map is the mean of the three channels.",
        )


def curves_picture(
    charts: Mapping[str, Mapping[str, Mapping[float, float]]],
    label: str,
    anchor: tuple[str, float],
    alt: str,
    caption: str = "",
) -> Picture:
    """Draw charts side by side, each with up to two curves of shares, in %.

    Args:
        charts: curves by what is across; points (across, share from 0 to 1) by the curve's name.
        label: what is up, the same for all.
        anchor: the words for a share that all others are read against, a dotted line, and it.
        alt, caption: the words of the picture.
    """
    check_by_name("charts", charts)
    figure = Figure(figsize=(5.4, 3.2), layout="constrained")
    axes = figure.subplots(1, len(charts), sharey=True, squeeze=False)[0]
    for axis, (across, curves) in zip(axes, charts.items(), strict=True):
        styles = (("s--", INK), ("o-", COLOURS["lbp"]))
        for (style, colour), (name, points) in zip(styles, curves.items(), strict=False):
            axis.plot(*zip(*points.items(), strict=True), style, color=colour, label=name)
        axis.axhline(anchor[1], color=INK, lw=1, ls=":", label=anchor[0])
        axis.set_ylim(0, 1.1 * anchor[1])
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        tidy(axis, across, "")
        axis.tick_params(labelsize=9)
    axes[0].set_ylabel(label, fontsize=9)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    return picture(figure, alt, caption)
