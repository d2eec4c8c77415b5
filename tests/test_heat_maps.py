"""A map keeps its values; its scale is known, shared by all images, and never stretched."""

import pytest
import torch

from vtff_lib.explain.heat_maps import SCALES, HeatMap, as_share, check_classes

VALUES = torch.tensor([[[0.1, -0.4]], [[0.3, 0.2]]])  # two images of one row


@pytest.mark.parametrize(
    ("scale", "limits"), [("share", (0, 1)), ("amount", (0, 0.4)), ("signed", (-0.4, 0.4))]
)
def test_a_scale_has_its_ends(scale, limits):
    assert HeatMap(VALUES, scale, "").limits == pytest.approx(limits)


def test_a_share_beyond_one_is_not_cut_off():
    heat = HeatMap(torch.tensor([[[0.5, 1.6]]]), "share", "")
    assert heat.limits == pytest.approx((0, 1.6))
    assert heat.on_scale().flatten().tolist() == pytest.approx([0.5 / 1.6, 1])


@pytest.mark.parametrize(
    ("scale", "shown"),
    [
        ("share", [0.1, 0, 0.3, 0.2]),
        ("amount", [0.25, 0, 0.75, 0.5]),
        ("signed", [0.625, 0, 0.875, 0.75]),
    ],
)
def test_all_images_are_shown_on_one_scale(scale, shown):
    heat = HeatMap(VALUES, scale, "")
    assert heat.on_scale().flatten().tolist() == pytest.approx(shown)
    assert torch.equal(heat.values, VALUES)


@pytest.mark.parametrize("scale", SCALES)
def test_a_map_of_zeros_has_a_scale_too(scale):
    shown = HeatMap(torch.zeros(2, 3, 4), scale, "").on_scale()
    assert (shown == (0.5 if scale == "signed" else 0)).all()


def test_a_map_holds_no_graph():
    assert not HeatMap(VALUES.clone().requires_grad_(), "share", "").values.requires_grad


def test_other_shapes_and_scales_are_refused():
    with pytest.raises(ValueError, match=r"values are .*shape \(4, 4\); give .* \(N, h, w\)"):
        HeatMap(torch.zeros(4, 4), "share", "")
    with pytest.raises(ValueError, match=r"scale='percent'.*share, amount, signed"):
        HeatMap(VALUES, "percent", "")


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (torch.tensor([1]), r"shape \(1,\); 2 images need int64 \(2,\)"),
        (torch.tensor([1.0, 2.0]), "float32"),
        (3, "a int, not a tensor"),
        (torch.tensor([0, 8]), "from 0 to 8; use 0 to 7"),
        (torch.tensor([-1, 0]), "from -1 to 0"),
    ],
)
def test_classes_that_do_not_fit_are_refused(classes, words):
    check_classes(torch.tensor([0, 7]), 2, 8)
    with pytest.raises(ValueError, match=words):
        check_classes(classes, 2, 8)


def test_bytes_become_shares_and_shares_stay():
    assert as_share(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx(
        [0, 0.2, 1]
    )
    assert torch.equal(as_share(VALUES), VALUES)
