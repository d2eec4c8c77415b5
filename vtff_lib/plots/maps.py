"""Maps beside their face, each with its bar, and a face that lost a muscle. Taught in 08."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from vtff_lib.explain.heat_maps import HeatMap
from vtff_lib.plots.pictures import INK, Picture, as_array, draw_image, draw_map, picture
from vtff_lib.refusals import check_by_name, check_tensor

WIDTH = 5.0  # inches of a picture, so that its words can be read where it is shown narrow
TEXT = 10.0  # points
COLUMNS = 3  # of panels


def maps_beside(
    face: Tensor,
    maps: Mapping[str, HeatMap],
    alt: str,
    caption: str = "",
    outline: Tensor | None = None,
    shared: bool = False,
) -> Picture:
    """Return a face and, beside it, the first map of each kind with its own bar.

    Amounts are drawn from dark to light, shares from blue (RGB) to orange (LBP), signed maps with
    a pale zero, each on its `limits`. No map lies over the face: features stay to be seen.

    Args:
        face: `(3, H, W)`, uint8.
        maps: by name, `(N, h, w)` each.
        alt, caption: words of the picture.
        outline: `(H, W)` regions as `render` returns them; their borders are drawn on the maps.
        shared: whether all maps have the widest limits of them, for maps of one kind.
    """
    check_tensor("face", face, "(3, H, W)", "real")
    check_by_name("maps", maps)
    rows = -(-(1 + len(maps)) // COLUMNS)
    figure = Figure(figsize=(WIDTH, 2.0 * rows), layout="constrained")
    first, *axes = (figure.add_subplot(rows, COLUMNS, n + 1) for n in range(1 + len(maps)))
    draw_image(first, face)
    _named(first, "the face")
    _bar(figure, first.images[0], first).set_visible(False)  # so that all panels are alike
    ends = [heat.limits for heat in maps.values()]
    widest = min(low for low, _ in ends), max(high for _, high in ends)
    for axis, (name, heat), own in zip(axes, maps.items(), ends, strict=True):
        drawn = draw_map(axis, heat.values[0], "", heat.scale, widest if shared else own)
        _named(axis, name)
        _bar(figure, drawn, axis)
        if outline is not None:
            _outline(axis, outline)
    return picture(figure, alt, caption)


def without_muscles(
    face: Tensor,
    without: Tensor,
    changes: Tensor,
    titles: Sequence[str],
    alt: str,
    caption: str = "",
) -> Picture:
    """Return a face, the same face without one muscle each, and where the picture changed.

    Args:
        face: `(3, H, W)`, uint8.
        without: `(K, 3, H, W)`, the face without each muscle.
        changes: `(K, h, w)`, each cell's share of the change, see `explain.change_in_cells`.
        titles: one for the face and one for each muscle.
        alt, caption: words of the picture.
    """
    check_tensor("without", without, "(K, 3, H, W)", "real")
    check_tensor("changes", changes, f"({len(without)}, h, w)", finite=True)
    rows = -(-(1 + len(without)) // COLUMNS)
    figure = Figure(figsize=(WIDTH, rows * 3.4), layout="constrained")
    axes = figure.subplots(2 * rows, COLUMNS)
    for axis in axes.flat:
        axis.set_axis_off()
    places = [(2 * (n // COLUMNS), n % COLUMNS) for n in range(1 + len(without))]
    for (row, column), image, title in zip(places, (face, *without), titles, strict=True):
        draw_image(axes[row, column], image)
        _named(axes[row, column], title)
    words = {"fontsize": TEXT, "color": INK, "va": "center"}
    axes[1, 0].text(0, 0.5, "below each face:\nwhere the\npicture changed,\nshare by cell", **words)
    for (row, column), change in zip(places[1:], changes, strict=True):
        drawn = draw_map(axes[row + 1, column], change, limits=(0.0, changes.max().item()))
    _bar(figure, drawn, axes[-2:].ravel().tolist(), aspect=40)
    return picture(figure, alt, caption)


def _named(axis: Axes, title: str) -> None:
    axis.set_axis_off()
    axis.set_title(title, fontsize=TEXT, color=INK, pad=3)


def _bar(figure: Figure, drawn: AxesImage, axes: Axes | list[Axes], aspect: int = 12) -> Axes:
    low, high = drawn.get_clim()
    bar = figure.colorbar(drawn, ax=axes, location="bottom", pad=0.03, aspect=aspect)
    bar.ax.set_xticks([low, high], [f"{low:.2g}", f"{high:.2g}"], fontsize=TEXT - 1)
    bar.ax.tick_params(length=2, pad=1)
    labels = bar.ax.get_xticklabels()
    labels[0].set_horizontalalignment("left")  # so that neighbouring bars keep apart
    labels[-1].set_horizontalalignment("right")
    return bar.ax


def _outline(axis: Axes, regions: Tensor) -> None:
    values = as_array(regions)
    at = [(n + 0.5) / len(values) for n in range(len(values))]
    across = [(n + 0.5) / values.shape[1] for n in range(values.shape[1])]
    for number in range(1, int(values.max()) + 1):
        for colour, width in (("white", 1.8), (INK, 0.7)):
            axis.contour(
                across, at, values == number, levels=[0.5], colors=colour, linewidths=width
            )
