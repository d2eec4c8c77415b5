"""The picture of a face that was found in a photo."""

import numpy as np
from matplotlib.patches import Rectangle

from vtff_lib.photos.finding import FaceBox
from vtff_lib.plots.pictures import Picture, draw_image, panels, picture


def found_face(
    photo: np.ndarray, box: FaceBox, crop: np.ndarray, alt: str, caption: str = ""
) -> Picture:
    """Return a photo with the box of a face, and the crop."""
    figure, axes = panels(2, size=2.8)
    draw_image(axes[0], photo, "photo\n" + "×".join(map(str, photo.shape)))
    corner = (box.column, box.row)
    frame = Rectangle(corner, box.width, box.height, fill=False, lw=2, edgecolor="white")
    axes[0].add_patch(frame)
    draw_image(axes[1], crop, "crop\n" + "×".join(map(str, crop.shape)))
    return picture(figure, alt, caption)
