"""What global and local attention can and cannot see."""

import pytest
import torch
from torch import nn

from vtff_lib.attention import GlobalAttention, LocalAttention

C, SQUEEZED = 16, 4


@pytest.fixture
def u() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, C, 5, 7)


@pytest.fixture(params=[True, False], ids=["train", "eval"])
def pair(request) -> tuple[GlobalAttention, LocalAttention]:
    torch.manual_seed(1)
    modules = GlobalAttention(C, reduction=4), LocalAttention(C, reduction=4)
    for module in modules:
        for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
            nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean), nn.init.uniform_(norm.running_var, 0.5, 2)
        module.double().train(request.param)
    return modules


def permuted(u: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return u.flatten(2)[:, :, order].reshape_as(u)


def test_global_attention_ignores_where_things_are(pair, u):
    order = torch.randperm(35)
    u = u.double()
    torch.testing.assert_close(pair[0](permuted(u, order)), pair[0](u))


def test_local_attention_moves_with_the_positions(pair, u):
    order = torch.randperm(35)
    u = u.double()
    torch.testing.assert_close(pair[1](permuted(u, order)), permuted(pair[1](u), order))


def test_shapes_are_one_score_per_channel_and_one_per_position(pair, u):
    assert pair[0](u.double()).shape == (3, C, 1, 1)
    assert pair[1](u.double()).shape == (3, 1, 5, 7)


def normalised(x: torch.Tensor, norm: nn.BatchNorm2d) -> torch.Tensor:
    """Batch norm in eval mode, for x (..., channels)."""
    x = (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    return x * norm.weight + norm.bias


def test_both_are_their_formula(u):
    g, local = GlobalAttention(C, 4).eval(), LocalAttention(C, 4).eval()
    for module, x in ((g, u.mean(dim=(2, 3))), (local, u.permute(0, 2, 3, 1))):
        squeeze, norm1, _, score, norm2 = module.layers
        for norm in (norm1, norm2):
            nn.init.normal_(norm.running_mean), nn.init.normal_(norm.bias)
        hidden = torch.relu(normalised(x @ squeeze.weight[:, :, 0, 0].T, norm1))
        assert hidden.shape[-1] == SQUEEZED
        scores = normalised(hidden @ score.weight[:, :, 0, 0].T, norm2)
        expected = scores[..., None, None] if module is g else scores.permute(0, 3, 1, 2)
        torch.testing.assert_close(module(u), expected)


def test_global_attention_pools_before_it_squeezes(u):
    """Pooling after the ReLU would give another answer: the mean of a ReLU is no ReLU of a mean."""
    g = GlobalAttention(C, 4).eval()
    late = g.layers(u).mean(dim=(2, 3), keepdim=True)
    assert not torch.allclose(g(u), late, atol=1e-3)


def test_an_image_is_judged_by_itself_in_eval_mode(u):
    for module in (GlobalAttention(C).eval(), LocalAttention(C).eval()):
        torch.testing.assert_close(module(u)[1:2], module(u[1:2]))


def test_gradients_reach_input_and_every_weight(u):
    for module in (GlobalAttention(C), LocalAttention(C)):
        x = u.clone().requires_grad_()
        (module(x) * torch.randn_like(module(x))).sum().backward()
        assert x.grad.abs().sum() > 0
        assert all(p.grad.abs().sum() > 0 for p in module.parameters())


def test_a_single_image_in_training_is_refused_in_words(u):
    with pytest.raises(ValueError, match=r"batch of 1 in training.*at least 2 images.*eval\(\)"):
        GlobalAttention(C)(u[:1])
    GlobalAttention(C).eval()(u[:1])


def test_a_single_image_will_do_where_batch_norm_is_frozen(u):
    g = GlobalAttention(C)
    g.layers.eval()
    torch.testing.assert_close(g(u[:1]), g.eval()(u[:1]))


@pytest.mark.parametrize("module", [GlobalAttention, LocalAttention])
def test_the_squeeze_is_by_8_unless_told_otherwise(module):
    assert module(C).layers[0].out_channels == C // 8
    assert module(C, 2).layers[0].out_channels == C // 2


@pytest.mark.parametrize("module", [GlobalAttention, LocalAttention])
def test_what_does_not_fit_is_refused(module, u):
    with pytest.raises(ValueError, match="reduction=3 does not divide channels=16"):
        module(C, reduction=3)
    with pytest.raises(ValueError, match="reduction=0"):
        module(C, reduction=0)
    with pytest.raises(
        ValueError, match=rf"shape \(3, 4, 5, 7\); {module.__name__} needs .*\(N, 16, H"
    ):
        module(C)(u[:, :4])
    with pytest.raises(ValueError, match=r"shape \(16, 5, 7\)"):
        module(C)(u[0])
