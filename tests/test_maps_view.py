"""Maps beside their face: each on its own honest scale, the right way up, and its bar with it."""

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from vtff_lib.explain.heat_maps import HeatMap
from vtff_lib.plots import maps, pictures
from vtff_lib.plots.pictures import COLOURS

FACE = torch.arange(3 * 28 * 28).remainder(251).view(3, 28, 28).byte()
SIGNED = HeatMap(torch.tensor([[[-1.0, 0.5], [0.0, 0.25]]]), "signed", "fall")
AMOUNT = HeatMap(torch.tensor([[[0.0, 3.0], [1.0, 0.5]]]), "amount", "attention")
SHARE = HeatMap(torch.tensor([[[0.1, 0.9], [0.5, 0.5]]]), "share", "weight")


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    figures = []
    keep = maps.picture
    monkeypatch.setattr(
        maps, "picture", lambda figure, *words: figures.append(figure) or keep(figure, *words)
    )
    return figures


def panels(figure):
    """Return the panels with a picture by their titles; bars have none."""
    return {axis.get_title(): axis for axis in figure.axes if axis.images and axis.get_title()}


def test_each_map_stands_beside_the_face_with_a_bar_from_end_to_end_of_its_scale(drawn):
    shown = {"signed": SIGNED, "amount": AMOUNT, "share": SHARE}
    picture = maps.maps_beside(FACE, shown, "Three maps.", "Caption.")
    assert (picture.alt, picture.caption) == ("Three maps.", "Caption.")
    (figure,) = drawn
    face, *heats = panels(figure).values()
    assert np.array_equal(face.images[0].get_array(), FACE.permute(1, 2, 0))  # no veil
    for axis, heat in zip(heats, shown.values(), strict=True):
        (image,) = axis.images
        assert image.get_clim() == heat.limits
        assert np.array_equal(image.get_array(), heat.values[0])
        assert image.colorbar.ax.get_visible()
        assert [float(label.get_text()) for label in image.colorbar.ax.get_xticklabels()] == [
            *heat.limits
        ]


def test_maps_of_one_kind_share_the_widest_scale(drawn):
    faint = HeatMap(AMOUNT.values / 10, "amount", "attention")
    maps.maps_beside(FACE, {"own": AMOUNT, "faint": faint}, "Two maps.", shared=True)
    maps.maps_beside(FACE, {"own": AMOUNT, "faint": faint}, "Two maps.")
    limits = [panels(figure)["faint"].images[0].get_clim() for figure in drawn]
    assert limits == [AMOUNT.limits, faint.limits]


def test_zero_is_pale_in_signed_maps_and_mixtures_go_from_rgb_to_lbp():
    signed, share = (colormaps.get_cmap(pictures.SCALES[scale]) for scale in ("signed", "share"))
    assert min(signed(0.5)[:3]) > 0.9 > max(min(signed(end)[:3]) for end in (0.0, 1.0))
    assert share(0.0)[:3] == pytest.approx(to_rgb(COLOURS["rgb"]))
    assert share(1.0)[:3] == pytest.approx(to_rgb(COLOURS["lbp"]))


def test_the_outline_is_drawn_where_the_region_is(drawn):
    regions = torch.zeros(8, 8, dtype=torch.uint8)
    regions[:4, :2] = 3  # upper left
    maps.maps_beside(FACE, {"amount": AMOUNT}, "A map.", outline=regions)
    (axis,) = [axis for axis in drawn[0].axes if axis.get_title() == "amount"]
    lines = np.concatenate(
        [path.vertices for each in axis.collections for path in each.get_paths()]
    )
    assert lines.max(axis=0) == pytest.approx([0.25, 0.5], abs=0.01)
    low, high = axis.get_ylim()
    assert low > high  # 0 is on top, as in the map


def test_under_each_face_stands_where_it_changed(drawn):
    without = FACE.expand(4, -1, -1, -1)
    changes = torch.rand(4, 7, 7)
    titles = ["as drawn", "1", "4", "9", "25"]
    maps.without_muscles(FACE, without, changes, titles, "Four muscles.")
    axes = np.array([axis for axis in drawn[0].axes if axis.get_label() != "<colorbar>"]).reshape(
        4, 3
    )
    shown = {
        axes[row, column].get_title(): axes[row + 1, column].images[0].get_array()
        for row in (0, 2)
        for column in range(3)
        if axes[row, column].get_title() in titles[1:]
    }
    assert list(shown) == titles[1:]
    for heat, change in zip(shown.values(), changes, strict=True):
        assert np.array_equal(heat, change)
    with pytest.raises(ValueError, match="changes"):
        maps.without_muscles(FACE, without, changes[:3], titles, "Too few.")
