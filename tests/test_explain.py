"""Maps from one output: each is its formula, computed in another way, on grids of any shape."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from vtff_lib import explain
from vtff_lib.config import VTFFConfig
from vtff_lib.explain.maps import PLACES
from vtff_lib.fusion import GATES
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.vtff import VTFF, VTFFOutput

N, H, W = 3, 6, 4  # images, and rows and columns of their grid
CLASSES = torch.tensor([1, 7, 3])


@pytest.fixture(scope="module")
def model() -> VTFF:
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return render(sample(range(N), split="test"), size=112).images[..., 8:104, 24:88]


@pytest.fixture(scope="module")
def out(model, rgb) -> VTFFOutput:
    return model(rgb, return_maps=True)


def made_up(**fields) -> VTFFOutput:
    return VTFFOutput(torch.zeros(1, 2), **{"fused": torch.zeros(1, 4, 2, 3)} | fields)


EACH_MAP = {
    "gate": explain.gate,
    "energy_share": explain.energy_share,
    "local_part": explain.local_part,
    "attention": explain.attention,
    "rollout": explain.rollout,
    "gradient_attention": lambda out: explain.gradient_attention(out, CLASSES[: len(out.logits)]),
    **{
        f"cam_{place}": lambda out, place=place: explain.grad_cam(
            out, CLASSES[: len(out.logits)], place
        )
        for place in PLACES
    },
}


@pytest.mark.parametrize("name", EACH_MAP)
def test_each_image_has_its_own_map_whatever_is_beside_it(model, rgb, out, name):
    together = EACH_MAP[name](out).values
    alone = EACH_MAP[name](model(rgb[:1], return_maps=True)).values
    assert together.shape == (N, H, W)
    torch.testing.assert_close(together[:1], alone, rtol=1e-3, atol=1e-6)
    assert (together[0] - together[1]).abs().max() > 1e-3 * together.abs().max()


@pytest.mark.parametrize("name", EACH_MAP)
def test_a_map_that_was_not_asked_for_is_missed_in_words(model, rgb, name):
    with pytest.raises(ValueError, match="call the model with return_maps=True"):
        EACH_MAP[name](model(rgb))


def test_a_model_without_the_part_says_so(rgb):
    plain = VTFF(VTFFConfig.tiny(8, fusion="rgb", depth=0)).eval()
    out = plain(rgb, return_maps=True)
    for name in ("gate", "energy_share", "local_part", "attention", "rollout", "cam_lbp"):
        with pytest.raises(ValueError, match="choose one that has that part"):
            EACH_MAP[name](out)
    with pytest.raises(ValueError, match="no attention weights"):
        explain.gradient_attention(out, CLASSES)


def test_the_gate_is_averaged_over_the_channels_asked_for():
    weight = torch.arange(24.0).view(1, 4, 2, 3) / 24
    out = made_up(gate=weight)
    assert torch.equal(explain.gate(out).values, weight.mean(dim=1))
    assert torch.equal(
        explain.gate(out, [1, 3]).values[0, 0, 2], (weight[0, 1, 0, 2] + 20 / 24) / 2
    )


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
def test_the_share_of_energy_is_known_where_the_maps_are(gated_branch):
    """RGB 3 and LBP 4, at a gate of 3/4: the one that is gated comes to 3 parts, the other to 1."""
    rgb_map, lbp_map = torch.full((1, 4, 2, 3), 3.0), torch.full((1, 4, 2, 3), 4.0)
    rgb_map[..., 0], lbp_map[..., 1] = 0, 0  # one silent, then the other, then none
    gated, other = (lbp_map, rgb_map) if gated_branch == "lbp" else (rgb_map, lbp_map)
    fused = 0.75 * gated + 0.25 * other
    out = made_up(
        gate=torch.full((1, 4, 2, 3), 0.75), rgb_map=rgb_map, lbp_map=lbp_map, fused=fused
    )
    both = {"lbp": 3**2 / (3**2 + 0.75**2), "rgb": 1**2 / (1**2 + 2.25**2)}[gated_branch]
    for row in explain.energy_share(out, gated_branch).values[0].tolist():
        assert row == pytest.approx([1, 0, both])


def test_the_share_of_energy_of_silence_is_one_half():
    silence = torch.zeros(1, 4, 2, 3)
    out = made_up(gate=silence + 0.9, rgb_map=silence, lbp_map=silence)
    assert (explain.energy_share(out).values == 0.5).all()


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
@pytest.mark.parametrize("reading", GATES)
def test_the_share_of_energy_is_what_arrives_in_every_reading(model, rgb, reading, gated_branch):
    other_model = VTFF(VTFFConfig.tiny(8, gate=reading, gated_branch=gated_branch)).eval()
    other_model.load_state_dict(model.state_dict())
    out = other_model(rgb, return_maps=True)
    weights = GATES[reading](out.global_attention, out.local_attention)
    lbp_weight, rgb_weight = weights if gated_branch == "lbp" else weights[::-1]
    lbp = ((out.lbp_map * lbp_weight) ** 2).sum(1)
    rgb_energy = ((out.rgb_map * rgb_weight) ** 2).sum(1)
    share = explain.energy_share(out, gated_branch).values
    torch.testing.assert_close(share, (lbp / (lbp + rgb_energy)).detach(), rtol=1e-3, atol=1e-4)
    assert share.std() > 0.01


def test_both_parts_of_the_gate_are_those_that_made_it(out):
    local, channels = explain.local_part(out).values, explain.global_part(out)
    assert channels.shape == (N, out.gate.shape[1])
    again = torch.sigmoid(channels[:, :, None, None] + local[:, None])
    torch.testing.assert_close(again, out.gate.detach())


def test_attention_is_that_of_the_layer_head_and_token_asked_for():
    weights = torch.zeros(2, 1, 5, 7, 7)  # layers, N, heads, T, T of a grid of 2 × 3
    weights[1, 0, 3, 2, 6] = 1  # the last layer's head 3: token 2 looks at row 1, column 2
    out = made_up(attentions=tuple(weights))
    found = explain.attention(out, layer=1, head=3, token=2).values
    assert found.shape == (1, 2, 3)
    assert found[0].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert explain.attention(out, token=2).values[0, 1, 2] == pytest.approx(1 / 5)
    for elsewhere in ({"layer": 0, "token": 2}, {"head": 2, "token": 2}, {"token": 1}):
        assert not explain.attention(out, **elsewhere).values.any()
    for missing in ({"layer": 2}, {"head": 5}, {"token": 7}):
        with pytest.raises(IndexError):
            explain.attention(out, **missing)


def test_rollout_is_what_comes_down_from_cls_layer_by_layer(out):
    """By loops and from the top: what [cls] holds is handed down, half of it by the shortcut."""
    for n in range(N):
        held = np.eye(1 + H * W)[0]
        for layer in reversed(out.attentions):
            looks = layer[n].detach().double().numpy()  # (heads, T, T)
            handed = np.zeros_like(held)
            for i, share in enumerate(held):
                handed[i] += share / 2
                for head in looks:
                    handed += share / 2 * head[i] / len(looks)
            held = handed
        expected = torch.from_numpy(held[1:] / held[1:].sum()).view(H, W)
        torch.testing.assert_close(explain.rollout(out).values[n].double(), expected)


def test_rollout_takes_the_layers_in_their_order():
    first, second = torch.zeros(2, 1, 1, 7, 7)
    first[..., 3], second[..., 5] = 1, 1  # all look at cell 2, then all at cell 4
    held = explain.rollout(made_up(attentions=(first, second))).values.flatten()
    # [cls] took 1/2 from token 5, which had taken 1/2 from token 3; and 1/4 from 3 by itself.
    assert held.tolist() == pytest.approx([0, 0, 2 / 3, 0, 1 / 3, 0])


def test_gradient_attention_is_its_formula_one_image_and_number_at_a_time(out):
    found = explain.gradient_attention(out, CLASSES).values
    for n in range(N):
        tokens = 1 + H * W
        relevance = np.eye(tokens)
        for layer in out.attentions:
            (gradient,) = torch.autograd.grad(out.logits[n, CLASSES[n]], layer, retain_graph=True)
            looks, matters = layer[n].detach().double().numpy(), gradient[n].double().numpy()
            moved = np.zeros((tokens, tokens))
            for head in range(len(looks)):
                for i in range(tokens):
                    for j in range(tokens):
                        moved[i, j] += max(0, looks[head, i, j] * matters[head, i, j]) / len(looks)
            relevance = relevance + np.einsum("ij,jk->ik", moved, relevance)
        expected = torch.from_numpy(relevance[0, 1:].reshape(H, W))
        torch.testing.assert_close(found[n].double(), expected, rtol=1e-4, atol=1e-7)


def test_relevance_follows_the_class_and_can_be_asked_again(out):
    for ask in (explain.gradient_attention, explain.grad_cam):
        first, other = ask(out, CLASSES).values, ask(out, (CLASSES + 1) % 8).values
        assert (first - other).abs().max() > 1e-3 * first.abs().max()
        assert torch.equal(first, ask(out, CLASSES).values)


class Opened(nn.Module):
    """A VTFF whose fused map passes through a layer of its own, where captum can look."""

    def __init__(self, model: VTFF):
        super().__init__()
        self.model, self.fused = model, nn.Identity()

    def forward(self, rgb):
        def through(fusion, inputs, output):
            return self.fused(output[0]), output[1]

        hook = self.model.fusion.register_forward_hook(through)
        logits = self.model(rgb).logits
        hook.remove()
        return logits


@pytest.mark.parametrize("place", PLACES)
def test_grad_cam_is_that_of_captum(model, rgb, out, place):
    opened = Opened(model)
    layer = opened.fused if place == "fused" else model.backbones[place]
    theirs = LayerGradCam(opened, layer).attribute(rgb, CLASSES, relu_attributions=True)[:, 0]
    ours = explain.grad_cam(out, CLASSES, place).values
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-3, atol=1e-5)
    assert ours.max() > 0


def test_what_has_no_gradients_is_refused(model, rgb, out):
    with torch.no_grad():
        blind = model(rgb, return_maps=True)
    for ask in (explain.gradient_attention, explain.grad_cam):
        with pytest.raises(ValueError, match=r"without gradients.*torch\.no_grad"):
            ask(blind, CLASSES)
        with pytest.raises(ValueError, match=r"3 images need int64 \(3,\)"):
            ask(out, CLASSES[:1])
    with pytest.raises(ValueError, match="place='head' is unknown"):
        explain.grad_cam(out, CLASSES, "head")
    with pytest.raises(ValueError, match="gated_branch='both' is unknown"):
        explain.energy_share(out, "both")
