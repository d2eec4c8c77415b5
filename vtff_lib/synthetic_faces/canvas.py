"""The flat map on which a face is modelled, windows of it, and the few shapes all is made of.

Units: half the height of a head is 1. The origin lies between the eyes, x runs to the right of the
picture, y down, z towards the viewer.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LEFT, RIGHT = -1.0, 1.0
TOP, BOTTOM = -1.25, 1.35
LANES = 16
CELLS_PER_PIXEL = 10 / 7  # at the usual zoom about one and a half cells of the map to a pixel


@dataclass(frozen=True)
class Window:
    """A part of the map, with the coordinates of its cells: x `(1, 1, w)`, y `(1, h, 1)`."""

    rows: slice
    columns: slice
    x: Tensor
    y: Tensor
    step: float

    def of(self, layer: Tensor) -> Tensor:
        """Return this window of a layer `(N, …, H, W)`; writing into it writes into the layer."""
        return layer[..., self.rows, self.columns]

    def edge(self, distance: Tensor, cells: float = 1.2) -> Tensor:
        """Return 0 to 1 across the line where `distance` is 0, about `cells` wide."""
        return torch.sigmoid(distance * (2 / (cells * self.step)))


class Canvas:
    """The whole map for images of `size` pixels, and windows of it.

    All sizes are multiples of 16 cells: a processor computes up to 16 at once and what is left over
    one by one, with another rounding. So a face's pixels do not depend on what is drawn beside it.
    """

    def __init__(self, size: int, device: torch.device):
        self.width = _lanes(CELLS_PER_PIXEL * size - LANES / 2)
        self.step = (RIGHT - LEFT) / self.width
        self.height = _lanes((BOTTOM - TOP) / self.step)
        self.bottom = TOP + self.height * self.step
        self._x = LEFT + (torch.arange(self.width, device=device) + 0.5) * self.step
        self._y = TOP + (torch.arange(self.height, device=device) + 0.5) * self.step
        self.whole = self.window((LEFT, RIGHT), (TOP, self.bottom))

    def window(self, x: tuple[float, float], y: tuple[float, float]) -> Window:
        """Return a window that reaches at least from x[0] to x[1] and from y[0] to y[1]."""
        columns = self._slice((x[0] - LEFT) / self.step, (x[1] - LEFT) / self.step, self.width)
        rows = self._slice((y[0] - TOP) / self.step, (y[1] - TOP) / self.step, self.height)
        return Window(
            rows, columns, self._x[None, None, columns], self._y[None, rows, None], self.step
        )

    def _slice(self, start: float, end: float, most: int) -> slice:
        first = max(0, math.floor(round(start, 6)))
        length = min(_lanes(end - first), most)
        return slice(min(first, most - length), min(first, most - length) + length)


def _lanes(cells: float) -> int:
    """Return `cells` rounded up to a multiple of 16."""
    return LANES * math.ceil(round(cells / LANES, 6))


def bell(distance: Tensor, width: float | Tensor) -> Tensor:
    """exp(-(distance/width)²): a bump of height 1."""
    scaled = distance / width
    return torch.exp(-scaled * scaled)


def smoothstep(start: float, end: float, value: Tensor) -> Tensor:
    """Return 0 before `start`, 1 after `end`, smooth between; with `start` above `end` it falls."""
    t = ((value - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def away(x: Tensor) -> Tensor:
    """|x|, but smooth in the middle of the face."""
    return torch.sqrt(x * x + 1e-5)


def blur(layer: Tensor, cells: int) -> Tensor:
    """Return a layer `(N, H, W)` blurred over about `cells` cells, cheaply."""
    small = F.avg_pool2d(layer[:, None], cells, ceil_mode=True, count_include_pad=False)
    small = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return F.interpolate(small, layer.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def paint(layer: Tensor, colour: Tensor, cover: Tensor) -> None:
    """Cover a layer `(N, 3, h, w)` with a colour where `cover` `(N, h, w)` is 1, in place."""
    layer.add_((colour - layer).mul_(cover[:, None]))
