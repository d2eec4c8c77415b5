"""The live picture of what global and local attention answer: drawn again within a slider's move.

Like `face_view`, it is laid out once; then only what changes is drawn, over a copy of the rest.
"""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from vtff_lib.plots.pictures import COLOURS, INK, Picture, as_array, pale_grey, title_axis


class AttentionPicture:
    """What was asked about, L's map and G's bars side by side, on scales that stay.

    Args:
        channels: C, the number of bars.
        title: of the first panel.
        over_face: whether a face is shown there and, pale, under L's map; else a map is.
        global_limit: the bars' axis goes from minus this to this; longer bars end there.
        local_limit: the colours of L's map, and of a map that is asked about, likewise.

    Taught in 03.
    """

    WIDTH, HEIGHT, DPI = 9.6, 2.55, 100  # inches, inches, pixels an inch
    SIDE, TOP = 1.9, 0.25  # of a square panel, and of its title, in inches

    def __init__(
        self,
        channels: int,
        title: str,
        over_face: bool,
        global_limit: float = 4,
        local_limit: float = 4,
    ):
        self._over_face = over_face
        self._figure = Figure(figsize=(self.WIDTH, self.HEIGHT), dpi=self.DPI)
        self._figure.set_layout_engine("none")  # whatever a matplotlibrc asks for
        self._canvas = FigureCanvasAgg(self._figure)
        self._limits: dict[str, Any] = {"vmin": -local_limit, "vmax": local_limit}
        self._images = self._square(0, title, veiled=False)
        self._images += self._square(1, "L(U): a score for each place", veiled=over_face)
        self._bar(self._images[-1])
        axis = self._axes(5.2, self.WIDTH - 5.3)
        title_axis(axis, "G(U): a score for each channel")
        axis.set(xlim=(-1, channels), ylim=(-global_limit, global_limit))
        axis.set_xlabel("channel", fontsize=8, labelpad=1)
        axis.tick_params(labelsize=8)
        axis.axhline(0, color=INK, lw=0.8)
        self._bars = list(axis.bar(range(channels), [0] * channels, color=COLOURS["global"]))
        self._before = axis.plot([], [], ls="", marker="_", ms=5 if channels > 32 else 12, c=INK)[0]
        for artist in (*self._images, *self._bars, self._before):
            artist.set_animated(True)  # left out when the rest is drawn
        self._canvas.draw()
        self._rest = self._canvas.copy_from_bbox(self._figure.bbox)

    def _axes(self, left: float, width: float) -> Axes:
        """Return axes as high as a panel, at a place in inches from the left."""
        w, h = self.WIDTH, self.HEIGHT
        bottom = (h - self.TOP - self.SIDE) / h
        return self._figure.add_axes((left / w, bottom, width / w, self.SIDE / h))

    def _square(self, place: int, title: str, veiled: bool) -> list[AxesImage]:
        axis = self._axes(0.1 + place * (self.SIDE + 0.15), self.SIDE)
        axis.set_axis_off()
        title_axis(axis, title)
        blank, frame = np.zeros((7, 7)), (0, 1, 1, 0)
        if not veiled:
            return [axis.imshow(blank, extent=frame, **self._limits)]
        face = axis.imshow(blank, cmap="gray", vmin=0, vmax=1, extent=frame)
        return [face, axis.imshow(blank, extent=frame, alpha=0.7, **self._limits)]

    def _bar(self, drawn: AxesImage) -> None:
        axis = self._axes(0.3 + 2 * self.SIDE, 0.1)
        self._figure.colorbar(drawn, cax=axis).set_label("score", fontsize=8, labelpad=0)
        axis.tick_params(labelsize=8, length=2, pad=1)

    def draw(
        self,
        asked: Tensor,
        global_attention: Tensor,
        local_attention: Tensor,
        alt: str,
        caption: str = "",
        before: Tensor | None = None,
    ) -> Picture:
        """Draw one answer.

        Args:
            asked: a face `(3, H, W)` uint8, or a map `(h, w)`.
            global_attention: G's scores, `(C,)`.
            local_attention: L's scores, `(h, w)`.
            alt, caption: the words of the picture.
            before: G's scores to compare with, `(C,)`: a dash at each bar.
        """
        pale = [pale_grey(asked)] if self._over_face else []
        shown = (as_array(asked), *pale, as_array(local_attention))
        self._canvas.restore_region(self._rest)
        for image, values in zip(self._images, shown, strict=True):
            image.set_data(values)
            self._figure.draw_artist(image)
        for bar, score in zip(self._bars, global_attention.tolist(), strict=True):
            bar.set_height(score)
            self._figure.draw_artist(bar)
        if before is not None:
            self._before.set_data(range(len(before)), before.tolist())
            self._figure.draw_artist(self._before)
        png = io.BytesIO()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(png, format="png", compress_level=3)
        return Picture(png.getvalue(), alt, caption)
