"""Maps of a trunk's cells below or beside the faces that they are about.

A cell is centred on the pixel `R · i` (lesson 02), so its square reaches half a cell to both sides
of it: here maps are drawn so, and a strip to the right and below stays empty.
"""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from vtff_lib.plots.pictures import INK, Picture, draw_image, draw_map, picture
from vtff_lib.refusals import check_by_name, check_tensor

WIDTH = 5.0  # inches of a picture, so that its words can be read where it is shown narrow


def draw_cells(
    axis: Axes, heat: Tensor, scale: str = "amount", limits: tuple[float, float] = (0.0, 1.0)
) -> AxesImage:
    """Draw a map `(h, w)` in a face's frame, each cell around the pixel that it is centred on.

    Args:
        axis: where.
        heat: the map.
        scale, limits: see `draw_map`.
    """
    check_tensor("heat", heat, "(h, w)", finite=True)
    drawn = draw_map(axis, heat, "", scale, limits)
    set_on_centres(drawn, *heat.shape)
    axis.set(xlim=(0, 1), ylim=(1, 0), xticks=(), yticks=())
    for side in axis.spines.values():
        side.set(visible=True, color=INK, linewidth=0.5)
    return drawn


def set_on_centres(drawn: AxesImage, height: int, width: int) -> None:
    """Move a drawn map of `height` × `width` cells by half a cell, to where its cells look."""
    right, below = 0.5 / width, 0.5 / height
    drawn.set_extent((-right, 1 - right, 1 - below, -below))


def maps_below_faces(
    faces: Mapping[str, Tensor],
    maps: Mapping[str, Tensor],
    alt: str,
    caption: str = "",
    label: str = "",
    columns: int = 4,
) -> Picture:
    """Return faces and, below each, a map of signed numbers; all maps have one scale and one bar.

    Args:
        faces: `(3, H, W)` each, uint8 or 0 to 1, by title.
        maps: `(h, w)` each, under the same titles.
        alt, caption: words of the picture.
        label: what the bar measures.
        columns: how many faces stand side by side.

    Taught in 03.
    """
    check_by_name("faces", faces)
    check_by_name("maps", maps)
    rows = -(-len(faces) // columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.65 * rows), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    widest = torch.stack([heat.abs().max() for heat in maps.values()]).max().item()
    for place, (title, face) in enumerate(faces.items()):
        row, column = 2 * (place // columns), place % columns
        above, below = axes[row, column], axes[row + 1, column]
        above.set_visible(True)
        below.set_visible(True)
        draw_image(above, face)
        above.set_axis_off()
        above.set_title(title, fontsize=10, color=INK, pad=3)
        drawn = draw_cells(below, maps[title], "signed", (-widest, widest))
    bar = figure.colorbar(drawn, ax=axes, location="bottom", aspect=40, pad=0.02)
    bar.ax.tick_params(labelsize=9)
    bar.set_label(label, fontsize=10)
    return picture(figure, alt, caption)


def changes_beside_faces(
    faces: Mapping[str, Tensor],
    changes: Mapping[str, Mapping[str, Tensor]],
    alt: str,
    caption: str = "",
) -> Picture:
    """Return a row for each face: the face, and maps of amounts, each with its own bar.

    Args:
        faces: `(3, H, W)` each, uint8 or 0 to 1, by title.
        changes: under the same titles, maps `(h, w)` by what they are of.
        alt, caption: words of the picture.

    Taught in 03.
    """
    check_by_name("faces", faces)
    check_by_name("changes", changes)
    columns = 1 + len(next(iter(changes.values())))
    figure = Figure(figsize=(WIDTH, 2.0 * len(faces)), layout="constrained")
    axes = figure.subplots(len(faces), columns, squeeze=False)
    for (first, *others), (title, face) in zip(axes, faces.items(), strict=True):
        draw_image(first, face)
        first.set_axis_off()
        first.set_title(title, fontsize=10, color=INK, pad=3)
        for axis, (what, heat) in zip(others, changes[title].items(), strict=True):
            drawn = draw_cells(axis, heat, limits=(0.0, heat.max().item()))
            axis.set_title(what, fontsize=10, color=INK, pad=3)
            bar = figure.colorbar(drawn, ax=axis, location="bottom", aspect=15, pad=0.04)
            high = heat.max().item()
            bar.ax.set_xticks([0, high], ["0", f"{high:.0%}"], fontsize=9)
    return picture(figure, alt, caption)
