"""The live picture of what global and local attention answer, for `widgets.moved_face`."""

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from vtff_lib.plots.cells import set_on_centres
from vtff_lib.plots.pictures import COLOURS, INK, Picture, as_array, draw_map, title_axis
from vtff_lib.plots.redrawn import RedrawnPicture


class AttentionPicture(RedrawnPicture):
    """What was asked about and L's map side by side, and G's bars below, on scales that stay.

    Args:
        channels: C, the number of bars.
        title: of the first panel.
        global_limit: the bars' axis goes from minus this to this; longer bars end there.
        local_limit: the colours of L's map likewise, pale at 0. Its cells are drawn around the
            pixels that they are centred on (lesson 02), half a cell up and to the left.
    """

    WIDTH, HEIGHT = 5.0, 4.25  # inches
    SIDE, TOP = 1.95, 0.25  # of a square panel, and of its title, in inches
    BARS = 1.3  # inches: how high G's panel is

    def __init__(
        self,
        channels: int,
        title: str,
        global_limit: float = 4,
        local_limit: float = 4,
    ):
        super().__init__()
        asked = self._square(0.1, title).imshow(np.zeros((7, 7, 3)), extent=(0, 1, 1, 0))
        scores, limits = np.zeros((7, 7)), (-local_limit, local_limit)
        axis = self._square(2.2, title := "L(U), for each place")
        self._images = [asked, draw_map(axis, scores, title, "signed", limits)]
        set_on_centres(self._images[-1], *scores.shape)
        axis.set(xlim=(0, 1), ylim=(1, 0))
        bar = self._axes(4.25, self.TOP, 0.1, self.SIDE)
        self._figure.colorbar(self._images[-1], cax=bar)
        bar.tick_params(labelsize=9, length=2, pad=1)
        axis = self._axes(0.4, self.HEIGHT - 0.4 - self.BARS, self.WIDTH - 0.5, self.BARS)
        title_axis(axis, "G(U), for each channel")
        axis.set(xlim=(-1, channels), ylim=(-global_limit, global_limit))
        axis.set_xlabel("channel", fontsize=9, labelpad=1)
        axis.tick_params(labelsize=9)
        axis.axhline(0, color=INK, lw=0.8)
        self._bars = list(axis.bar(range(channels), [0] * channels, color=COLOURS["global"]))
        self._before = axis.plot([], [], ls="", marker="_", ms=5 if channels > 32 else 12, c=INK)[0]
        self._keep((*self._images, *self._bars, self._before))

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at a place in inches from the upper left corner."""
        w, h = self.WIDTH, self.HEIGHT
        return self._figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))

    def _square(self, left: float, title: str) -> Axes:
        axis = self._axes(left, self.TOP, self.SIDE, self.SIDE)
        axis.set_axis_off()
        title_axis(axis, title)
        return axis

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
