"""A picture with its words, and the plain ones: images, maps over a face, class scores.

All draw with Matplotlib. Functions that take `alt` and `caption` return a `Picture`, which shows
itself in Jupyter with both.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter
from torch import Tensor

from vtff_lib.names import check_class_names
from vtff_lib.refusals import (
    check_by_name,
    check_choice,
    check_sizes,
    check_tensor,
    check_whole,
    finite_numbers,
    is_dense,
    shown,
)

# One thing, one colour, in all lessons: Okabe and Ito's palette, which the colour-blind can read.
COLOURS = {
    "rgb": "#0072B2",
    "lbp": "#E69F00",
    "global": "#009E73",
    "local": "#CC79A7",
    "gate": "#D55E00",
    "tokens": "#56B4E9",
}
INK = "#333333"
SCALES: dict[str, str | Colormap] = {  # one quantity, one way of colouring, in all lessons
    "amount": "viridis",
    "share": LinearSegmentedColormap.from_list(
        "mixture", (COLOURS["rgb"], "#F2F2F2", COLOURS["lbp"])
    ),
    "signed": "PRGn",  # pale at zero, and neither blue nor orange
}
DPI = 100  # pixels of the page for an inch of a figure
SHARP = 2  # pixels of the file for one of the page
NUMBERS = (LogFormatter, ScalarFormatter)  # write numbers, and no words of ours


@dataclass(frozen=True)
class Picture:
    """A PNG with words: `alt` says what is to be seen, `caption` what to look for.

    It is shown as wide as `width` pixels of the page, and never wider than the page; if that is 0,
    as wide as the PNG.
    """

    png: bytes
    alt: str
    caption: str = ""
    width: int = 0

    def __post_init__(self) -> None:
        for words in (self.alt, self.caption):
            if not isinstance(words, str):
                raise ValueError(f"alt or caption={shown(words)} will not do; give words.")

    def html(self, state: str = "") -> str:
        """Return the picture as HTML; `state` is noted in `data-state` for whoever waits for it."""
        source = base64.b64encode(self.png).decode()
        width = f"width:{self.width}px;" if self.width else ""
        return (
            f'<figure data-state="{html.escape(state)}" style="margin:0;overflow-x:auto">'
            f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{source}" '
            f'style="{width}max-width:100%">'
            '<figcaption style="font-style:italic;margin:4px 6px">'
            f"{html.escape(self.caption)}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"Picture: {self.alt}"}


def as_text(figure: Figure) -> None:
    """Have all words of `figure` drawn as they are: a class may be called `$\\frac{$`.

    Numbers that Matplotlib itself writes at an axis are left alone: 10⁻³ is a formula.
    """
    axes = [axis for both in figure.axes for axis in (both.xaxis, both.yaxis)]
    numbered = [axis for axis in axes if isinstance(axis.get_major_formatter(), NUMBERS)]
    numbers = {label for axis in numbered for label in axis.get_ticklabels(which="both")}
    for text in set(figure.findobj(Text)) - numbers:
        text.set_parse_math(False)


def picture(figure: Figure, alt: str, caption: str = "") -> Picture:
    """Draw `figure` and return it with its words."""
    as_text(figure)
    png = io.BytesIO()
    figure.savefig(png, format="png", facecolor="white", dpi=SHARP * DPI)
    return Picture(png.getvalue(), alt, caption, round(figure.get_figwidth() * DPI))


def as_array(image: Tensor | np.ndarray) -> np.ndarray:
    """Return an image or map as an array that Matplotlib draws: `(H, W, 3)` or `(H, W)`.

    Raises:
        ValueError: if `image` is neither `(3, H, W)`, `(H, W, 3)`, `(1, H, W)` nor `(H, W)`.
    """
    if is_dense(image) and not image.is_meta:
        image = image.detach().cpu()
        image = image.float() if image.is_floating_point() else image  # NumPy has no bfloat16
        image = image.numpy()
    array = image if isinstance(image, np.ndarray) else np.empty(0)
    array = array if array.dtype.kind in "bfiu" and array.size else np.empty(0)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] == 3):
        raise ValueError(
            f"Cannot draw an array of shape {array.shape}; give one image of real "
            "numbers (3, H, W) or one map (H, W)."
        )
    return array


def panels(count: int, columns: int = 0, size: float = 2.0) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` square, frameless axes in rows of `columns`."""
    check_whole("columns", columns, low=0)
    columns = columns or count
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * size, rows * (size + 0.35)), layout="constrained")
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def title_axis(axis: Axes, title: str) -> None:
    """Write a title at a fixed height: to search for one would slow every slider."""
    axis.set_title(title, fontsize=9, color=INK, y=1.02, pad=0)


def draw_image(axis: Axes, image: Tensor | np.ndarray, title: str = "", **style: Any) -> None:
    """Draw an image or a map; a map on its own scale, unless `vmin` and `vmax` are given."""
    axis.imshow(as_array(image), **style)
    title_axis(axis, title)


def draw_map(
    axis: Axes,
    heat: Tensor | np.ndarray,
    title: str = "",
    scale: str = "amount",
    limits: tuple[float, float] = (0.0, 1.0),
) -> AxesImage:
    """Draw a coarse map `(h, w)` as a square of its own, to stand beside its face.

    Args:
        axis: where.
        heat: the map.
        title: above it.
        scale: `"amount"` from dark to light, `"share"` from blue (RGB) to orange (LBP), or
            `"signed"` with a pale middle.
        limits: the values at the ends of the scale.
    """
    check_choice("scale", scale, SCALES)
    title_axis(axis, title)
    low, high = limits
    frame = (0, 1, 1, 0)
    return axis.imshow(as_array(heat), cmap=SCALES[scale], vmin=low, vmax=high, extent=frame)


def images(
    panel: Mapping[str, Tensor | np.ndarray], alt: str, caption: str = "", size: float = 2.2
) -> Picture:
    """Return images and maps side by side under their titles, each with its shape."""
    check_by_name("panel", panel)
    figure, axes = panels(len(panel), size=size)
    for axis, (title, image) in zip(axes, panel.items(), strict=True):
        draw_image(axis, image, f"{title}\n{'×'.join(map(str, image.shape))}")
    return picture(figure, alt, caption)


def feature_maps(
    rgb_map: Tensor, lbp_map: Tensor, channels: Sequence[int], alt: str, caption: str = ""
) -> Picture:
    """Return some channels of both branches' maps `(C, h, w)`, a row for each branch."""
    check_tensor("rgb_map", rgb_map, "(C, h, w)", finite=True)
    check_tensor("lbp_map", lbp_map, f"({len(rgb_map)}, h, w)", finite=True)
    check_sizes(channels=len(finite_numbers("channels", channels)))
    for channel in channels:
        check_whole("channel", channel, 0, len(rgb_map) - 1)
    figure, axes = panels(2 * len(channels), len(channels), size=1.1)
    rows = (("rgb", rgb_map), ("lbp", lbp_map))
    named = [(view, maps[channel], channel) for view, maps in rows for channel in channels]
    for axis, (view, channel_map, channel) in zip(axes, named, strict=True):
        draw_image(axis, channel_map)
        title_axis(axis, f"{view.upper()} {channel}")
        frame = Rectangle((0, 0), 1, 1, fill=False, lw=3, edgecolor=COLOURS[view])
        frame.set_transform(axis.transAxes)
        axis.add_patch(frame)
    return picture(figure, alt, caption)


def beside_face(
    face: Tensor | np.ndarray,
    maps: Mapping[str, Tensor],
    alt: str,
    caption: str = "",
    label: str = "",
    scale: str = "amount",
    limits: tuple[float, float] | None = None,
    columns: int = 3,
) -> Picture:
    """Return a face and, beside it, maps `(h, w)` on one scale with its bar, in rows of `columns`.

    Args:
        face: `(3, H, W)`, uint8 or 0 to 1.
        maps: by title.
        alt, caption: words of the picture.
        label: what the bar measures.
        scale: see `draw_map`.
        limits: of the scale. By default they reach from the least to the largest value of all
            maps; of a signed scale, as far to both sides.
        columns: of panels, the face among them.
    """
    check_by_name("maps", maps)
    values = np.concatenate([as_array(heat).ravel() for heat in maps.values()])
    widest = float(np.abs(values).max())
    reach = (-widest, widest) if scale == "signed" else (float(values.min()), float(values.max()))
    low, high = reach if limits is None else limits
    figure, (first, *axes) = panels(1 + len(maps), min(columns, 1 + len(maps)), size=1.65)
    figure.set_figheight(figure.get_figheight() + 0.6)  # for the bar
    draw_image(first, face, "the face")
    for axis, (title, heat) in zip(axes, maps.items(), strict=True):
        drawn = draw_map(axis, heat, title, scale, (low, high))
    below, above = values.min() < low, values.max() > high
    bar = figure.colorbar(
        drawn,
        ax=[first, *axes],
        location="bottom",
        aspect=40,
        pad=0.03,
        extend=("both" if above else "min") if below else ("max" if above else "neither"),
    )
    bar.ax.tick_params(labelsize=9)
    bar.set_label(label, fontsize=9)
    return picture(figure, alt, caption)


def channel_scores(scores: Tensor, alt: str, caption: str = "") -> Picture:
    """Return one bar for each of G's channel scores `(C,)`."""
    check_tensor("scores", scores, "(C,)", finite=True)
    figure = Figure(figsize=(5.8, 1.9), layout="constrained")
    axis = figure.add_subplot()
    axis.bar(range(len(scores)), scores.detach().float().cpu().numpy(), color=COLOURS["global"])
    axis.axhline(0, color=INK, lw=0.8)
    axis.set_xlabel("channel", fontsize=9)
    axis.set_ylabel("G(U)", fontsize=9)
    axis.locator_params(axis="y", nbins=5)
    axis.tick_params(labelsize=9)
    return picture(figure, alt, caption)


def class_scores(
    probabilities: Tensor | Mapping[str, Tensor],
    names: Sequence[str],
    alt: str,
    caption: str = "",
) -> Picture:
    """Return the classes' probabilities `(K,)` as bars, with the even guess as a dotted line.

    Several, by title, are drawn side by side.
    """
    if isinstance(probabilities, Tensor):
        probabilities = {"": probabilities}
    check_by_name("probabilities", probabilities)
    check_class_names(names)
    count = len(probabilities)
    width = max(4.5, 1.4 + 1.6 * count)
    figure = Figure(figsize=(width, 2.4 + 0.25 * (count > 1)), layout="constrained")
    for column, (title, scores) in enumerate(probabilities.items()):
        axis = figure.add_subplot(1, count, column + 1)
        draw_class_scores(axis, scores, names)
        axis.axvline(1 / len(names), color=INK, lw=1, ls=":")
        axis.set_xlabel("probability", fontsize=9)
        axis.tick_params(labelsize=9)
        title_axis(axis, title)
        if column:
            axis.set_yticklabels([])
    return picture(figure, alt, caption)


def draw_class_scores(axis: Axes, scores: Tensor, names: Sequence[str]) -> list[Rectangle]:
    """Draw one bar for each class, downwards, on an axis from 0 to 1; returns the bars."""
    check_tensor("probabilities", scores, f"({len(names)},)", finite=True)
    bars = axis.barh(
        range(len(names)), scores.detach().float().cpu().numpy(), color=COLOURS["tokens"]
    )
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"))
    axis.tick_params(labelsize=8, length=0)
    return list(bars)


def tidy(axis: Axes, xlabel: str, ylabel: str) -> None:
    """Name the axes of a chart, in small letters, and leave two sides open."""
    axis.set_xlabel(xlabel, fontsize=9)
    axis.set_ylabel(ylabel, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
