"""Pictures of lesson 04: each map has its bar and its scale, and the words tell what is drawn."""

import pytest
import torch
from matplotlib import colormaps

from vtff_lib import plots
from vtff_lib.plots import fusion

FACE = torch.arange(3 * 28 * 28).remainder(251).view(3, 28, 28).byte()
RAMP = torch.linspace(0, 1, 49).view(7, 7)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    figures = []
    keep = fusion.picture
    monkeypatch.setattr(
        fusion, "picture", lambda figure, *words: figures.append(figure) or keep(figure, *words)
    )
    return figures


def maps_of(figure):
    """Return what is drawn with a bar."""
    images = [image for axis in figure.axes for image in axis.images]
    return [image for image in images if image.colorbar and image.colorbar.ax.get_visible()]


def test_a_table_its_sum_and_the_rest_are_on_one_scale_with_a_pale_zero(drawn):
    table = torch.tensor([[1.0, 0.0, -3.0], [0.0, 1.0, 2.0]])
    sums = {"a sum": table, "another": table / 2}
    picture = plots.sums_and_rests({"a sum": table, "another": table}, sums)
    (figure,) = drawn
    images = [image for axis in figure.axes for image in axis.images]
    assert len(images) == 6
    for image, values in zip(
        images, 2 * [table] + [0 * table, table] + 2 * [table / 2], strict=True
    ):
        assert torch.equal(torch.tensor(image.get_array()), values)
        assert image.get_clim() == (-3, 3)
        assert image.get_cmap() == colormaps["PRGn"]
    assert maps_of(figure)
    assert "For a sum, another" in picture.alt


def test_a_reading_whose_interval_misses_0_is_named(drawn):
    row = {"accuracy": 0.6, "difference": 0.0, "interval_95": 0.0}
    summary = {"mine, lbp": row} | {
        f"{name}, rgb": row | {"difference": 0.03, "interval_95": reach}
        for name, reach in {"wide": 0.04, "narrow": 0.02}.items()
    }
    picture = plots.readings_of_the_gate(summary, seeds=4)
    assert "do not reach 0: narrow, rgb." in picture.alt
    assert "4 seeds" in picture.caption
    (figure,) = drawn
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["LBP gated", "RGB gated"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "mine", "wide", "narrow",
    ]  # fmt: skip


def test_faces_under_lamps_stand_above_their_gates_on_the_scale_of_a_share(drawn):
    angles = (-1.0, 0.0, 1.0)
    picture = plots.under_lamps(dict.fromkeys(angles, FACE), dict.fromkeys(angles, RAMP))
    (figure,) = drawn
    gates = [axis.images[0] for axis in figure.axes[3:6]]
    assert all(gate.get_clim() == (0, 1) for gate in gates)
    assert gates[-1] in maps_of(figure)
    assert "3 lamps" in picture.alt


def test_boxes_are_drawn_for_each_lamp_and_their_means_are_told(drawn):
    picture = plots.halves_under_lamps({-1.4: torch.full((6,), 0.25), 1.4: torch.full((6,), -0.5)})
    assert "The means are 0.25, -0.50." in picture.alt
    assert "6 faces" in picture.caption
    (figure,) = drawn
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["-1.4", "1.4"]


def test_maps_of_a_mixture_share_one_scale_and_the_gate_has_its_own(drawn):
    maps = {"RGB map": RAMP, "LBP map": 4 * RAMP, "fused": 2 * RAMP}
    picture = plots.mixed_channel(FACE, maps, RAMP, torch.tensor([0.1, 0.7, 0.2]), ["a", "b", "c"])
    (figure,) = drawn
    *of_maps, gate = maps_of(figure)
    assert [image.get_clim() for image in of_maps] == [(0, 4)] * 3
    assert gate.get_clim() == (0, 1)
    assert "First choice: b (0.70)" in picture.caption
    assert "50% on average" in picture.caption
    texts = {text.get_text() for axis in figure.axes for text in axis.texts}
    assert {"a", "b", "c", "0.10", "0.70", "0.20"} <= texts
