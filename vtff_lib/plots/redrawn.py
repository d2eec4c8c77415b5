"""Pictures that follow a slider: laid out once, then only what changes is drawn."""

import io
from collections.abc import Iterable

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vtff_lib.plots.pictures import DPI, SHARP, Picture, as_text


class RedrawnPicture:
    """A figure of a fixed size, whose changing parts are drawn over a copy of the rest.

    To build on: lay the figure out, then call `_keep` with what changes; in `draw`, set the values
    and return `_redrawn`. All scales have to stay.
    """

    WIDTH, HEIGHT = 9.6, 2.5  # inches

    def __init__(self) -> None:
        self._figure = Figure(figsize=(self.WIDTH, self.HEIGHT), dpi=SHARP * DPI)
        self._figure.set_layout_engine("none")  # whatever a matplotlibrc asks for
        self._canvas = FigureCanvasAgg(self._figure)

    def _keep(self, changing: Iterable[Artist]) -> None:
        """Draw all but what changes, once."""
        as_text(self._figure)
        self._changing = list(changing)
        for artist in self._changing:
            artist.set_animated(True)  # left out when the rest is drawn
        self._canvas.draw()
        self._rest = self._canvas.copy_from_bbox(self._figure.bbox)

    def _redrawn(self, alt: str, caption: str) -> Picture:
        """Draw what changes over the rest, and return it all."""
        self._canvas.restore_region(self._rest)
        for artist in self._changing:
            self._figure.draw_artist(artist)
        png = io.BytesIO()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(png, format="png", compress_level=3)
        return Picture(png.getvalue(), alt, caption, round(self.WIDTH * DPI))
