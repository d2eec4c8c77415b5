"""Each fusion is its formula; the default gate chooses between the two maps, never beyond them."""

import pytest
import torch
from torch import nn

from vtff_lib.config import VTFFConfig
from vtff_lib.fusion import (
    FUSIONS,
    GATES,
    PLAIN_FUSIONS,
    RELATED_FUSIONS,
    AttentionalFeatureFusion,
    AttentionalSelectiveFusion,
    CrossAttentionFusion,
    FusionMaps,
    make_fusion,
)
from vtff_lib.vtff import VTFF

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


@pytest.mark.parametrize("name", ["selective", "sum", "max", "concat", *RELATED_FUSIONS])
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
    with pytest.raises(ValueError, match=r"fusion='typo' is unknown.*selective, sum, max.*mean"):
        make_fusion("typo", C)
    with pytest.raises(ValueError, match=r"rgb_map is a NoneType, not a tensor; SumFusion needs"):
        make_fusion("sum", C)(None, lbp)
    with pytest.raises(ValueError, match=r"lbp_map is a NoneType, not a tensor"):
        make_fusion("lbp", C)(rgb, None)
    with pytest.raises(ValueError, match="one shape"):
        make_fusion("sum", C)(rgb, lbp[:1])  # would broadcast
    for name in (*FUSIONS, *RELATED_FUSIONS):
        with pytest.raises(ValueError, match=r"shape \(4, 16, 5\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[..., 0], lbp[..., 0])
        with pytest.raises(ValueError, match=r"\(4, 8, 5, 3\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[:, :8], lbp[:, :8])
        with pytest.raises(ValueError, match=r"\(16, 5, 3\); .* \(N, 16, H, W\)"):
            make_fusion(name, C)(rgb[0], lbp[0])
    with pytest.raises(ValueError, match=r"\(4, 16, 5, 3\).*\(4, 16, 5, 2\).*one shape"):
        make_fusion("selective", C)(rgb, lbp[..., :2])
    for name in ("selective", "aff"):
        with pytest.raises(ValueError, match=r"batch of 1 in training"):
            make_fusion(name, C)(rgb[:1], lbp[:1])
    with pytest.raises(ValueError, match=r"num_heads=3 does not divide channels=16"):
        CrossAttentionFusion(C, num_heads=3)
    with pytest.raises(ValueError, match=r"reduction=5 does not divide channels=16"):
        AttentionalFeatureFusion(C, reduction=5)


def test_the_mean_is_asf_with_its_gate_held_at_one_half(maps):
    asf = fusion().eval()
    for part in (asf.global_attention, asf.local_attention):
        nn.init.zeros_(part.layers[-1].weight)  # σ(0 + 0) is one half
    torch.testing.assert_close(make_fusion("mean", C)(*maps), asf(*maps))


def randomised(module: nn.Module) -> nn.Module:
    """Give batch norms something to do, and use the module as it is after training."""
    torch.manual_seed(2)
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
            nn.init.uniform_(values, 0.5, 2)
    return module.eval()


def scores_by_loop(layers: nn.Sequential, column: torch.Tensor) -> torch.Tensor:
    """Return conv, norm, ReLU, conv, norm of the channels of a single place, `(C,)`."""
    for conv, norm in ((layers[0], layers[1]), (layers[3], layers[4])):
        column = conv.weight[:, :, 0, 0] @ column
        column = (column - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        column = column * norm.weight + norm.bias
        column = column.relu() if norm is layers[1] else column
    return column


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
def test_aff_scores_each_channel_and_place_as_a_loop_does(maps, gated_branch):
    rgb, lbp = maps
    aff = randomised(make_fusion("aff", C, 4, gated_branch=gated_branch))
    fused, found = aff(rgb, lbp, return_maps=True)
    gated, other = (lbp, rgb) if gated_branch == "lbp" else (rgb, lbp)
    for n in range(len(rgb)):
        u = rgb[n] + lbp[n]
        overall = scores_by_loop(aff.global_attention.layers, u.mean(dim=(1, 2)))
        for row in range(5):
            for column in range(3):
                here = scores_by_loop(aff.local_attention.layers, u[:, row, column])
                gate = 1 / (1 + torch.exp(-overall - here))
                at = (n, slice(None), row, column)
                torch.testing.assert_close(found.gate[at], gate)
                torch.testing.assert_close(fused[at], gated[at] * gate + other[at] * (1 - gate))
    assert found.gate.shape == found.local_attention.shape == (4, C, 5, 3)
    assert ((found.gate > 0) & (found.gate < 1)).all()
    # What ASF cannot do: two channels that disagree on which of two places is LBP's.
    order = found.local_attention[0].flatten(1).argsort(dim=1)
    assert not (order == order[0]).all()


def test_each_view_asks_the_other_as_in_torchs_own_attention(maps):
    rgb, lbp = maps
    torch.manual_seed(1)
    cross = CrossAttentionFusion(C, num_heads=2)
    expected = (rgb + lbp) / 2
    for view, asking, asked in (("rgb", rgb, lbp), ("lbp", lbp, rgb)):
        reference = nn.MultiheadAttention(C, 2, batch_first=True)
        parts = [getattr(cross, part)[view] for part in ("query", "key", "value")]
        reference.in_proj_weight.data = torch.cat([part.weight for part in parts])
        reference.in_proj_bias.data = torch.cat([part.bias for part in parts])
        reference.out_proj.load_state_dict(cross.proj[view].state_dict())
        q, kv = (each.flatten(2).transpose(1, 2) for each in (asking, asked))
        heard, _ = reference(q, kv, kv)
        expected = expected + heard.transpose(1, 2).reshape(rgb.shape) / 2
    fused, found = cross(rgb, lbp, return_maps=True)
    torch.testing.assert_close(fused, expected)
    assert found == FusionMaps()


def test_cross_attention_hears_from_everywhere_but_knows_no_positions(maps):
    rgb, lbp = maps
    torch.manual_seed(1)
    cross = CrossAttentionFusion(C)
    order = torch.randperm(15)

    def shuffled(values):
        return values.flatten(2)[:, :, order].view_as(values)

    torch.testing.assert_close(cross(shuffled(rgb), shuffled(lbp)), shuffled(cross(rgb, lbp)))
    changed = lbp.clone()
    changed[:, :, 0, 0] += 5
    assert (cross(rgb, changed) - cross(rgb, lbp))[:, :, 4, 2].abs().min() > 0


@pytest.mark.parametrize("name", RELATED_FUSIONS)
def test_a_model_can_be_built_kept_and_trained_with_a_related_fusion(tmp_path, name):
    torch.manual_seed(0)
    config = VTFFConfig.tiny(4, image_size=32, width=8, embed_dim=16, mlp_dim=16, fusion=name)
    model = VTFF(config)
    rgb = torch.randint(0, 256, (3, 3, 64, 32), dtype=torch.uint8)
    model(rgb).logits.logsumexp(dim=1).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.save(tmp_path / "model.safetensors")
    kept = VTFF.load(tmp_path / "model.safetensors")
    torch.testing.assert_close(kept(rgb).logits, model.eval()(rgb).logits)
    out = kept(rgb, return_maps=True)
    assert out.fused.shape == (3, 32, 4, 2)
    assert (out.gate is not None) == (name == "aff")
