"""The pictures of the encoder: what √d and the order of the norms do, and where a token looks.

Taught in 05.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vtff_lib.plots.pictures import (
    COLOURS,
    INK,
    Picture,
    as_array,
    draw_map,
    picture,
    tidy,
    title_axis,
)
from vtff_lib.plots.redrawn import RedrawnPicture
from vtff_lib.refusals import check_by_name, check_tensor, check_whole

WIDTH, HEIGHT = 5.2, 2.9  # inches of two charts side by side
LOOKS: tuple[dict[str, Any], ...] = (  # of up to three lines in one chart
    {"color": COLOURS["tokens"], "ls": "-", "marker": "o"},
    {"color": INK, "ls": "--", "marker": "s"},
    {"color": "#888888", "ls": ":", "marker": "^"},
)
BAND = torch.tensor([0.1, 0.5, 0.9])  # quantiles


def effects_of_scale(
    measured: Mapping[str, Sequence[Tensor]], widths: Sequence[int], tokens: int
) -> Picture:
    """Draw how evenly rows of attention look, and the gradient at their queries, against d.

    Args:
        measured: for each scale, by name, one tensor for each width: entropies in `[:, 0]` and
            lengths of gradients in `[:, 1]`.
        widths: the values of d.
        tokens: T; an even look has entropy ln T.

    Raises:
        ValueError: if there are no scales, or more than three.
    """
    figure, (even, gradient) = _two_charts(measured)
    for index, axis in enumerate((even, gradient)):
        for (name, values), look in zip(measured.items(), LOOKS, strict=False):
            low, middle, high = torch.stack([each[:, index].quantile(BAND) for each in values]).T
            axis.plot(widths, middle, ms=4, label=name if axis is even else None, **look)
            axis.fill_between(widths, low, high, color=look["color"], alpha=0.15, lw=0)
        axis.set(xscale="log", xticks=widths, xticklabels=widths)
        axis.minorticks_off()
    tidy(even, "d", "entropy of a row")
    tidy(gradient, "d", "gradient at a query")
    even.set_ylim(-0.2, log(tokens) + 0.7)
    even.axhline(log(tokens), color=INK, lw=0.8)
    even.text(widths[0], log(tokens) + 0.15, f"even look, ln {tokens}", fontsize=9)
    gradient.set(yscale="log", ylim=(1e-6, 10))
    return _with_legend(
        figure,
        alt="Two line charts against d. Entropy of a row: level with the scale √d, falling to near "
        "0 without scale, rising to the even look with scale d. Gradient at a query: level with "
        "√d, spread over several powers of ten without scale, falling with scale d.",
        caption="Lines: the median of all rows and seeds. Bands: the middle 80 percent.",
    )


def gradients_by_block(curves: Mapping[str, Mapping[str, Tensor]]) -> Picture:
    """Draw the length of the gradient at each block: a chart for each start, a line for each norm.

    Args:
        curves: by the title of the chart (there are two) and the name of the line, gradients
            `(seeds, blocks)`.

    Raises:
        ValueError: if there are no lines, or more than three.
    """
    lines = next(iter(curves.values()), {})
    figure, charts = _two_charts(lines)
    for axis, (title, named) in zip(charts, curves.items(), strict=True):
        for (name, seeds), look in zip(named.items(), LOOKS, strict=False):
            blocks = range(1, 1 + seeds.shape[1])
            style = {key: value for key, value in look.items() if key != "marker"}
            axis.plot(blocks, seeds.T, lw=0.8, alpha=0.6, **style)
            label = name if axis is charts[0] else None
            axis.plot(blocks, seeds.mean(dim=0), lw=2.5, label=label, **style)
        axis.set(ylim=(0, None), xticks=(1, len(blocks) // 2, len(blocks)))
        tidy(axis, "block", "length of the gradient" if axis is charts[0] else "")
        title_axis(axis, title)
    ends = "; ".join(
        f"{title.splitlines()[0]}, {name}: {seeds[:, 0].mean():.2f} to {seeds[:, -1].mean():.2f}"
        for title, named in curves.items()
        for name, seeds in named.items()
    )
    return _with_legend(
        figure,
        alt=f"Two line charts of the gradient's length, from the first block to the last. {ends}.",
        caption="Gradients at the start of training. Thin: single seeds; thick: their mean.",
    )


def _two_charts(lines: Mapping[str, object]) -> tuple[Figure, Sequence[Axes]]:
    check_by_name("lines", lines)
    if len(lines) > len(LOOKS):
        raise ValueError(f"There are {len(lines)} lines; give at most {len(LOOKS)}.")
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    return figure, figure.subplots(1, 2)


def _with_legend(figure: Figure, alt: str, caption: str) -> Picture:
    """Put one legend above both charts."""
    figure.legend(loc="outside upper center", ncols=len(LOOKS), fontsize=9, frameon=False)
    return picture(figure, alt, caption)


class LookPicture(RedrawnPicture):
    """A face, and beside it where one token looks: its row of the attention weights, as a map.

    The bar gives small shares more room than large ones, and stays.

    Args:
        grid: rows and columns of cells.
    """

    WIDTH, HEIGHT = 5.2, 2.35  # inches
    SIDE = 2.0  # of a square panel, in inches
    TICKS = (0, 0.02, 0.1, 0.3, 0.6, 1)

    def __init__(self, grid: tuple[int, int] = (7, 7)):
        super().__init__()
        self._grid = grid
        left, right = self._square(0.05), self._square(2.15)
        face = left.imshow(np.zeros((7, 7, 3)), extent=(0, 1, 1, 0))
        heat = draw_map(right, np.zeros(grid))
        heat.set_norm(PowerNorm(0.5, 0, 1))
        bar = self._figure.colorbar(heat, cax=self._axes(4.25, 0.1), ticks=self.TICKS)
        bar.ax.set_yticklabels([f"{tick:g}" for tick in self.TICKS], fontsize=9)
        bar.set_label("share of attention", fontsize=9)
        self._images = [face, heat]
        self._titles = [axis.text(0.5, -0.03, "", ha="center", c=INK) for axis in (left, right)]
        self._frames = []
        for axis in (left, right):
            for lw, colour in ((4.0, "white"), (1.8, INK)):
                frame = Rectangle((0, 0), 0, 0, fill=False, lw=lw, edgecolor=colour)
                axis.add_patch(frame)
                self._frames.append(frame)
        self._keep((*self._images, *self._titles, *self._frames))

    def _axes(self, left: float, width: float) -> Axes:
        w, h = self.WIDTH, self.HEIGHT
        return self._figure.add_axes((left / w, 0.08 / h, width / w, self.SIDE / h))

    def _square(self, left: float) -> Axes:
        axis = self._axes(left, self.SIDE)
        axis.set_axis_off()
        return axis

    def draw(self, face: Tensor, shares: Tensor, token: int, titles: tuple[str, str]) -> Picture:
        """Draw where a token looks.

        Args:
            face: `(3, H, W)` uint8.
            shares: its row of the weights, `(T,)`, [cls] first.
            token: 0 for [cls], then the cells row by row; the cell that asks gets a frame.
            titles: above the face, and above the map.

        Raises:
            ValueError: if `shares` are not those of [cls] and a grid of cells, or there is no such
                token.
        """
        rows, columns = self._grid
        check_tensor("shares", shares, f"({1 + rows * columns},)", finite=True)
        check_whole("token", token, 0, rows * columns)
        cells = shares[1:].reshape(self._grid)
        for image, values in zip(self._images, (face, cells), strict=True):
            image.set_data(as_array(values))
        for words, title in zip(self._titles, titles, strict=True):
            words.set_text(title)
        row, column = divmod(token - 1, columns)
        for frame in self._frames:
            frame.set_visible(token > 0)
            frame.set_bounds(column / columns, row / rows, 1 / columns, 1 / rows)
        who = f"the cell in row {row + 1}, column {column + 1}" if token else "[cls]"
        most = divmod(int(cells.argmax()), columns)
        many = torch.special.entr(shares).sum().exp()
        return self._redrawn(
            alt=f"A face, {titles[0]}, and where {who} looks, {titles[1]}: most at row "
            f"{most[0] + 1}, column {most[1] + 1}, a share of {cells.max():.2f}.",
            caption=f"Where {who} looks: at about {many:.0f} of {len(shares)} tokens. [cls] itself "
            f"gets {shares[0]:.2f}; an even share is {1 / len(shares):.2f}.",
        )
