"""The pictures of local binary patterns: a window bit by bit, a face in another light, histograms.

Those that follow a slider are laid out by hand: to search for a layout would take too long.
Taught in 01.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor

from vtff_lib.lbp import OFFSETS
from vtff_lib.plots.pictures import COLOURS, INK, Picture, as_array, draw_image, picture, title_axis
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
    figure = Figure(figsize=(7.2, 2.6), dpi=100)
    figure.set_layout_engine("none")  # whatever a matplotlibrc asks for
    everything = {(i, j): f"{window[i, j].item():g}" for i in range(3) for j in range(3)}
    set_places = {place for place, bit in zip(places, bits, strict=True) if bit}
    tables = {
        "window": everything,
        f"neighbour {comparison} {centre:g}?": dict(zip(places, map(str, bits), strict=True)),
        f"worth, in {order} order": dict(zip(places, map(str, worth), strict=True)),
    }
    for index, (title, table) in enumerate(tables.items()):
        axis = figure.add_axes((0.02 + index * 0.34, 0.24, 0.28, 0.64))
        _draw_table(axis, table, set_places if index else set())
        title_axis(axis, title)
    digits = "".join(map(str, bits))
    total = " + ".join(map(str, terms)) or "0"
    equation = f"{total} = {sum(terms)}" if len(terms) > 1 else total
    figure.text(0.5, 0.09, f"binary {digits}:  {equation}", ha="center", fontsize=11, color=INK)
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
            label.set(fontsize=11, weight=weight, color=INK)


class LightPicture(RedrawnPicture):
    """A face in some light: both views, where comparisons changed, and the shares that did."""

    BARS = (  # name, colour, hatch
        ("RGB numbers", COLOURS["rgb"], ""),
        ("LBP codes", COLOURS["lbp"], ""),
        ("comparisons", COLOURS["lbp"], "///"),
    )

    def __init__(self) -> None:
        super().__init__()
        titles = ("RGB view", "LBP view", "comparisons changed")
        self._images = [self._panel(column, title) for column, title in enumerate(titles)]
        self._images[2].set_clim(0, 8)
        scale_axis = self._figure.add_axes((0.62, 0.11, 0.01, 0.75))
        scale = self._figure.colorbar(self._images[2], cax=scale_axis, ticks=[0, 4, 8])
        scale.ax.tick_params(labelsize=8, length=2)
        self._bars, self._words = self._bar_chart()
        self._keep((*self._images, *self._bars, *self._words))

    def _panel(self, column: int, title: str) -> AxesImage:
        axis = self._figure.add_axes((0.005 + 0.205 * column, 0.11, 0.195, 0.75))
        axis.set_axis_off()
        title_axis(axis, title)
        return axis.imshow(np.zeros((7, 7)), extent=(0, 1, 1, 0))

    def _bar_chart(self) -> tuple[list[Rectangle], list[Text]]:
        axis = self._figure.add_axes((0.76, 0.22, 0.17, 0.64))
        bars: list[Rectangle] = []
        labels: list[Text] = []
        for row, (_, colour, hatch) in enumerate(self.BARS):
            bars += axis.barh(row, 0, color=colour, hatch=hatch, edgecolor=INK, lw=0.8)
            labels.append(axis.text(0, row, "", va="center", fontsize=9, color=INK))
        axis.set_yticks(range(3), [name for name, _, _ in self.BARS])
        axis.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "½", "1"))
        axis.invert_yaxis()
        axis.tick_params(labelsize=8.5, length=0)
        axis.spines[["top", "right"]].set_visible(False)
        title_axis(axis, "share changed")
        return bars, labels

    def draw(
        self,
        rgb: Tensor,
        lbp: Tensor,
        changed: Tensor,
        shares: Sequence[float],
        alt: str,
        caption: str = "",
    ) -> Picture:
        """Draw one face.

        Args:
            rgb: `(3, H, W)`, uint8 or 0 to 1.
            lbp: `(3, H, W)`, uint8.
            changed: how many of the eight comparisons changed, 0 to 8, `(H, W)`.
            shares: of RGB numbers, of LBP codes and of comparisons that changed, 0 to 1.
            alt, caption: the words of the picture.
        """
        for image, values in zip(self._images, (rgb, lbp, changed), strict=True):
            image.set_data(as_array(values))
        for bar, word, share in zip(self._bars, self._words, shares, strict=True):
            bar.set_width(share)
            word.set_text(f"{share:.0%}")
            word.set_x(share + 0.04)
        return self._redrawn(alt, caption)


def curves_picture(
    charts: Mapping[str, Mapping[str, Mapping[float, float]]],
    label: str,
    alt: str,
    caption: str = "",
) -> Picture:
    """Draw charts side by side, each with up to three curves of what the LBP view does.

    Args:
        charts: curves by what is across; points (across, up) by the curve's name.
        label: what is up, the same for all.
        alt, caption: the words of the picture.
    """
    check_by_name("charts", charts)
    figure = Figure(figsize=(7.4, 2.7), layout="constrained")
    axes = figure.subplots(1, len(charts), sharey=True, squeeze=False)[0]
    for axis, (across, curves) in zip(axes, charts.items(), strict=True):
        for style, (name, points) in zip(("o-", "s--", "^:"), curves.items(), strict=False):
            axis.plot(*zip(*points.items(), strict=True), style, color=COLOURS["lbp"], label=name)
        axis.set_xlabel(across, fontsize=9)
        axis.set_ylim(bottom=0)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(label, fontsize=9)
    axes[0].legend(fontsize=8, frameon=False)
    return picture(figure, alt, caption)


def textures_picture(
    textures: Mapping[str, Tensor], histograms: Sequence[Tensor], alt: str, caption: str = ""
) -> Picture:
    """Draw textures `(H, W)` in grey, and under each the histogram `(256,)` of its codes."""
    check_by_name("textures", textures)
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    axes = figure.subplots(2, len(textures), squeeze=False, height_ratios=(1.6, 1))
    shared = 1.05 * max(histogram.max().item() for histogram in histograms)
    for column, (name, histogram) in enumerate(zip(textures, histograms, strict=True)):
        top, bottom = axes[:, column]
        draw_image(top, textures[name], name, cmap="gray", vmin=0, vmax=255)
        top.set_axis_off()
        bottom.bar(range(256), histogram.tolist(), width=2, color=COLOURS["lbp"])
        bottom.set(ylim=(0, shared), xticks=(0, 128, 255))
        bottom.tick_params(labelsize=8, labelleft=column == 0)
        bottom.set_xlabel("code", fontsize=9)
    axes[1, 0].set_ylabel("share", fontsize=9)
    return picture(figure, alt, caption)
