"""The live picture of a face that goes through VTFF: drawn again within a slider's move."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

from vtff_lib.plots.pictures import Picture, as_array, draw_class_scores, draw_map, title_axis
from vtff_lib.plots.redrawn import RedrawnPicture


class FacePicture(RedrawnPicture):
    """A face, its LBP view, two maps over it and the class scores: quick to draw again.

    All scales are fixed: the gate's goes from blue (RGB) to orange (LBP), the attention's ends at a
    fifth, for an even share is as small as 1/50.

    Args:
        class_names: of the scores, from top to bottom.

    Taught in 00.
    """

    WIDTH = 10.0  # inches
    SIDE, TOP = 1.85, 0.25  # of a panel, and of its title, in inches

    def __init__(self, class_names: Sequence[str]):
        super().__init__()
        images = []
        for column, title in enumerate(("RGB view", "LBP view")):
            axis = self._panel(column, title)
            images.append(axis.imshow(np.zeros((7, 7, 3)), extent=(0, 1, 1, 0)))
        maps: tuple[tuple[str, str, float, dict[float, str]], ...] = (
            ("gate, mean over channels", "share", 1.0, {0: "0 RGB", 0.5: "0.5", 1: "1 LBP"}),
            ("where [cls] looks", "amount", 0.2, {0: "0", 0.1: "0.1", 0.2: "0.2 or more"}),
        )
        for column, (title, scale, high, ticks) in enumerate(maps, start=2):
            axis = self._panel(column, title)
            images.append(draw_map(axis, np.zeros((7, 7)), title, scale, (0, high)))
            self._bar(column, images[-1], ticks)
        axis = self._axes(8.85, self.TOP, 1.05, self.SIDE)
        title_axis(axis, "class scores")
        bars = draw_class_scores(axis, torch.zeros(len(class_names)), class_names)
        self._images, self._bars = images, bars
        self._keep((*images, *bars))

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at a place in inches from the upper left corner."""
        w, h = self.WIDTH, self.HEIGHT
        return self._figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))

    def _panel(self, column: int, title: str) -> Axes:
        axis = self._axes(0.05 + column * (self.SIDE + 0.13), self.TOP, self.SIDE, self.SIDE)
        axis.set_axis_off()
        title_axis(axis, title)
        return axis

    def _bar(self, column: int, drawn: AxesImage, ticks: Mapping[float, str]) -> None:
        left = 0.05 + column * (self.SIDE + 0.13)
        axis = self._axes(left, self.TOP + self.SIDE + 0.06, self.SIDE, 0.08)
        bar = self._figure.colorbar(drawn, cax=axis, orientation="horizontal")
        bar.ax.set_xticks(list(ticks), list(ticks.values()), fontsize=7.5)
        bar.ax.tick_params(length=2, pad=1)
        labels = bar.ax.get_xticklabels()
        labels[0].set_horizontalalignment("left")  # so that neighbouring bars keep apart
        labels[-1].set_horizontalalignment("right")

    def draw(
        self,
        rgb: Tensor,
        lbp: Tensor,
        gate: Tensor,
        attention: Tensor,
        probabilities: Tensor,
        alt: str,
        caption: str = "",
    ) -> Picture:
        """Draw one face.

        Args:
            rgb, lbp: `(3, H, W)`, uint8.
            gate: `(h, w)`, 0 to 1.
            attention: `(h, w)`, shares from 0 to 1.
            probabilities: `(K,)`.
            alt, caption: the words of the picture.
        """
        shown = map(as_array, (rgb, lbp, gate, attention))
        for image, values in zip(self._images, shown, strict=True):
            image.set_data(values)
        for bar, value in zip(self._bars, probabilities.tolist(), strict=True):
            bar.set_width(value)
        return self._redrawn(alt, caption)
