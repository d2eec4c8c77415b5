"""The live picture of what global and local attention answer. Taught in 03."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

from vtff_lib.plots.pictures import COLOURS, INK, Picture, as_array, draw_map, title_axis
from vtff_lib.plots.redrawn import RedrawnPicture


class AttentionPicture(RedrawnPicture):
    """What was asked about, L's map and G's bars side by side, on scales that stay.

    Args:
        channels: C, the number of bars.
        title: of the first panel.
        global_limit: the bars' axis goes from minus this to this; longer bars end there.
        local_limit: the colours of L's map likewise, pale at 0.
    """

    HEIGHT = 2.55  # inches
    SIDE, TOP = 1.9, 0.25  # of a square panel, and of its title, in inches

    def __init__(
        self,
        channels: int,
        title: str,
        global_limit: float = 4,
        local_limit: float = 4,
    ):
        super().__init__()
        asked = self._square(0, title).imshow(np.zeros((7, 7, 3)), extent=(0, 1, 1, 0))
        scores, limits = np.zeros((7, 7)), (-local_limit, local_limit)
        title = "L(U): a score for each place"
        self._images = [asked, draw_map(self._square(1, title), scores, title, "signed", limits)]
        self._bar(self._images[-1])
        axis = self._axes(5.2, self.WIDTH - 5.3)
        title_axis(axis, "G(U): a score for each channel")
        axis.set(xlim=(-1, channels), ylim=(-global_limit, global_limit))
        axis.set_xlabel("channel", fontsize=8, labelpad=1)
        axis.tick_params(labelsize=8)
        axis.axhline(0, color=INK, lw=0.8)
        self._bars = list(axis.bar(range(channels), [0] * channels, color=COLOURS["global"]))
        self._before = axis.plot([], [], ls="", marker="_", ms=5 if channels > 32 else 12, c=INK)[0]
        self._keep((*self._images, *self._bars, self._before))

    def _axes(self, left: float, width: float) -> Axes:
        """Return axes as high as a panel, at a place in inches from the left."""
        w, h = self.WIDTH, self.HEIGHT
        bottom = (h - self.TOP - self.SIDE) / h
        return self._figure.add_axes((left / w, bottom, width / w, self.SIDE / h))

    def _square(self, column: int, title: str) -> Axes:
        axis = self._axes(0.1 + column * (self.SIDE + 0.15), self.SIDE)
        axis.set_axis_off()
        title_axis(axis, title)
        return axis

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
            asked: a face `(3, H, W)` uint8.
            global_attention: G's scores, `(C,)`.
            local_attention: L's scores, `(h, w)`.
            alt, caption: the words of the picture.
            before: G's scores to compare with, `(C,)`: a dash at each bar.
        """
        for image, values in zip(self._images, (asked, local_attention), strict=True):
            image.set_data(as_array(values))
        for bar, score in zip(self._bars, global_attention.tolist(), strict=True):
            bar.set_height(score)
        scores = [] if before is None else before.tolist()
        self._before.set_data(range(len(scores)), scores)
        return self._redrawn(alt, caption)
