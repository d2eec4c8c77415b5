"""Each fusion is its formula; the default gate chooses between the two maps, never beyond them."""

import pytest
import torch
from torch import nn

from vtff_lib.fusion import (
    FUSIONS,
    GATES,
    PLAIN_FUSIONS,
    AttentionalSelectiveFusion,
    FusionMaps,
    make_fusion,
)

C = 16


@pytest.fixture
def maps() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(4, C, 5, 3), 3 * torch.randn(4, C, 5, 3)


def fusion(**settings) -> AttentionalSelectiveFusion:
    torch.manual_seed(1)
    return AttentionalSelectiveFusion(C, **settings)


def test_u_is_the_weighted_sum_of_the_right_maps(maps):
    rgb, lbp = maps
    asf = fusion().eval()
    w_c, w_l = asf.rgb_weight.weight[:, :, 0, 0], asf.lbp_weight.weight[:, :, 0, 0]
    u = torch.einsum("oc,nchw->nohw", w_l, lbp) + torch.einsum("oc,nchw->nohw", w_c, rgb)
    found = asf(rgb, lbp, return_maps=True)[1]
    torch.testing.assert_close(found.local_attention, asf.local_attention(u))
    torch.testing.assert_close(found.global_attention, asf.global_attention(u))


def weights_by_formula(reading, g, local):
    """The three readings of the paper, with the logistic function written out."""

    def sigma(x):
        return 1 / (1 + torch.exp(-x))

    if reading == "sigmoid_of_sum":
        return sigma(g + local), 1 - sigma(g + local)
    gl = sigma(g) + sigma(local)
    return (gl, 1 - gl) if reading == "sum_of_sigmoids" else (sigma(gl), sigma(1 - gl))


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
@pytest.mark.parametrize("reading", GATES)
def test_each_reading_of_the_paper_is_its_formula(maps, reading, gated_branch):
    rgb, lbp = maps
    fused, found = fusion(gate=reading, gated_branch=gated_branch)(rgb, lbp, return_maps=True)
    gate, rest = weights_by_formula(reading, found.global_attention, found.local_attention)
    gated, other = (lbp, rgb) if gated_branch == "lbp" else (rgb, lbp)
    torch.testing.assert_close(found.gate, gate)
    torch.testing.assert_close(fused, gated * gate + other * rest)


@pytest.mark.parametrize(
    "make", [AttentionalSelectiveFusion, lambda c: make_fusion("selective", c)]
)
def test_the_default_gates_the_lbp_map_as_the_seed_says_and_squeezes_by_8(maps, make):
    rgb, lbp = maps
    asf = make(C)
    fused, found = asf(rgb, lbp, return_maps=True)
    torch.testing.assert_close(fused, lbp * found.gate + rgb * (1 - found.gate))
    assert asf.global_attention.layers[0].out_channels == C // 8
    assert asf.local_attention.layers[0].out_channels == C // 8


@pytest.mark.parametrize("scale", [1, 30])
def test_the_default_gate_keeps_the_fusion_between_the_two_maps(maps, scale):
    rgb, lbp = maps
    asf = fusion()
    for norm in (m for m in asf.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(norm.weight, std=scale)
    fused, found = asf(rgb, lbp, return_maps=True)
    assert ((found.gate >= 0) & (found.gate <= 1)).all()
    assert (fused >= torch.minimum(rgb, lbp) - 1e-5).all()
    assert (fused <= torch.maximum(rgb, lbp) + 1e-5).all()


def test_the_default_gate_starts_strictly_inside_zero_and_one(maps):
    gate = fusion()(*maps, return_maps=True)[1].gate
    assert gate.min() > 0
    assert gate.max() < 1


def test_sum_of_sigmoids_does_leave_the_hull(maps):
    """The property above separates the readings: this one breaks it."""
    rgb, lbp = maps
    fused = fusion(gate="sum_of_sigmoids")(rgb, lbp)
    assert (fused > torch.maximum(rgb, lbp) + 1e-3).any()


@pytest.mark.parametrize(
    ("reading", "gate_range", "rest_range"),
    [
        ("sigmoid_of_sum", (0, 1), (0, 1)),
        ("sum_of_sigmoids", (0, 2), (-1, 1)),
        ("double_sigmoid", (0.5, 0.8808), (0.2689, 0.7311)),
    ],
)
def test_the_documented_ranges_are_reached_and_not_left(reading, gate_range, rest_range):
    score = torch.linspace(-20, 20, 401)
    gate, rest = GATES[reading](score[:, None], score[None, :])
    for weight, (low, high) in ((gate, gate_range), (rest, rest_range)):
        assert weight.min().item() == pytest.approx(low, abs=1e-3)
        assert weight.max().item() == pytest.approx(high, abs=1e-3)


def test_two_equal_maps_stay_as_they_are_where_the_weights_sum_to_one(maps):
    for reading in ("sigmoid_of_sum", "sum_of_sigmoids"):
        torch.testing.assert_close(fusion(gate=reading)(maps[0], maps[0]), maps[0])


def test_plain_fusions_are_their_formulas(maps):
    rgb, lbp = maps
    concat = make_fusion("concat", C)
    weight, bias = concat.mix.weight[:, :, 0, 0], concat.mix.bias[:, None, None]
    mixed = torch.einsum("oc,nchw->nohw", weight, torch.cat([rgb, lbp], 1)) + bias
    expected = {"sum": rgb + lbp, "max": torch.where(rgb > lbp, rgb, lbp), "rgb": rgb, "lbp": lbp}
    for name, fused in {**expected, "concat": mixed}.items():
        plain = concat if name == "concat" else make_fusion(name, C)
        torch.testing.assert_close(plain(rgb, lbp), fused)
        same, found = plain(rgb, lbp, return_maps=True)
        torch.testing.assert_close(same, fused)
        assert found == FusionMaps()
    assert {*expected, "concat"} == set(PLAIN_FUSIONS)


def test_single_view_fusions_need_only_their_view(maps):
    rgb, lbp = maps
    assert make_fusion("rgb", C)(rgb, None) is rgb
    assert make_fusion("lbp", C)(None, lbp) is lbp


@pytest.mark.parametrize("name", ["selective", "sum", "max", "concat"])
def test_gradients_reach_both_maps(maps, name):
    rgb, lbp = (m.clone().requires_grad_() for m in maps)
    make_fusion(name, C)(rgb, lbp).square().sum().backward()
    assert rgb.grad.abs().sum() > 0
    assert lbp.grad.abs().sum() > 0


def test_what_does_not_fit_is_refused(maps):
    rgb, lbp = maps
    with pytest.raises(ValueError, match=r"gate='typo' is unknown.*sigmoid_of_sum, sum_of_sigm"):
        AttentionalSelectiveFusion(C, gate="typo")
    with pytest.raises(ValueError, match=r"gated_branch='grey' is unknown.*rgb, lbp"):
        AttentionalSelectiveFusion(C, gated_branch="grey")
    with pytest.raises(ValueError, match=r"fusion='mean' is unknown.*selective, sum, max"):
        make_fusion("mean", C)
    with pytest.raises(ValueError, match=r"rgb_map is a NoneType, not a tensor; SumFusion needs"):
        make_fusion("sum", C)(None, lbp)
    with pytest.raises(ValueError, match=r"lbp_map is a NoneType, not a tensor"):
        make_fusion("lbp", C)(rgb, None)
    with pytest.raises(ValueError, match="one shape"):
        make_fusion("sum", C)(rgb, lbp[:1])  # would broadcast
    for name in FUSIONS:
        with pytest.raises(ValueError, match=r"shape \(4, 16, 5\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[..., 0], lbp[..., 0])
        with pytest.raises(ValueError, match=r"\(4, 8, 5, 3\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[:, :8], lbp[:, :8])
        with pytest.raises(ValueError, match=r"\(16, 5, 3\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[0], lbp[0])
    with pytest.raises(ValueError, match=r"\(4, 16, 5, 3\).*\(4, 16, 5, 2\).*one shape"):
        make_fusion("selective", C)(rgb, lbp[..., :2])
    with pytest.raises(ValueError, match=r"batch of 1 in training"):
        make_fusion("selective", C)(rgb[:1], lbp[:1])
