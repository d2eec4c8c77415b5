"""A change does what it says, to the image it is meant for, and leaves no trace."""

import copy

import pytest
import torch
from torch import nn

from vtff_lib.config import VTFFConfig
from vtff_lib.encoder import resize_position_embedding
from vtff_lib.explain.heat_maps import filled
from vtff_lib.explain.surgery import (
    FORCED,
    Surgery,
    all_surgeries,
    larger_surgeries,
    masked,
    operated,
)
from vtff_lib.fusion import GATES
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.vtff import VTFF

READINGS = [(reading, branch) for reading in GATES for branch in ("lbp", "rgb")]


@pytest.fixture(scope="module")
def model() -> VTFF:
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return render(sample(range(4), split="test"), size=112).images[..., 16:80, 16:96]  # 4 × 5 cells


def reading_of(model: VTFF, reading: str, branch: str) -> VTFF:
    """The same weights, read in another way."""
    other = VTFF(VTFFConfig.tiny(8, gate=reading, gated_branch=branch)).eval()
    other.load_state_dict(model.state_dict())
    return other


def answer(model: VTFF, rgb: torch.Tensor, *surgeries: Surgery) -> torch.Tensor:
    """The logits under these surgeries, one for each image or one for all."""
    with (
        torch.no_grad(),
        operated(model, surgeries if len(surgeries) > 1 else surgeries * len(rgb)),
    ):
        return model(rgb).logits


def read_by_encoder(model: VTFF, fused: torch.Tensor) -> torch.Tensor:
    """The logits of a fused map, part by part."""
    tokens = model.token_projection(fused.flatten(2).mT)
    tokens = torch.cat([model.cls_token.expand(len(fused), -1, -1), tokens], dim=1)
    tokens = tokens + resize_position_embedding(model.position_embedding, (7, 7), fused.shape[-2:])
    return model.head(model.encoder(tokens)[0][:, 0]).detach()


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("head", [0, 3])
def test_a_silent_head_is_one_whose_columns_are_zero(model, rgb, layer, head):
    by_hand = copy.deepcopy(model)
    width = model.config.embed_dim // model.config.num_heads
    nn.init.zeros_(by_hand.encoder.blocks[layer].attn.proj.weight[:, head * width :][:, :width])
    silent = answer(model, rgb, Surgery(head=(layer, head)))
    torch.testing.assert_close(silent, by_hand(rgb).logits.detach(), rtol=1e-4, atol=1e-5)
    assert (silent - model(rgb).logits).abs().max() > 1e-3


@pytest.mark.parametrize(("reading", "branch"), READINGS)
def test_a_forced_gate_lets_one_branch_through_or_half_of_each(model, rgb, reading, branch):
    read = reading_of(model, reading, branch)
    maps = read(rgb, return_maps=True)
    alone = {
        "lbp": maps.lbp_map,
        "rgb": maps.rgb_map,
        "half": (maps.lbp_map + maps.rgb_map) / 2,
    }
    for word, weight in FORCED.items():
        forced = answer(read, rgb, Surgery(lbp_weight=weight))
        torch.testing.assert_close(forced, read_by_encoder(read, alone[word]), rtol=1e-4, atol=1e-4)
        assert (forced - maps.logits).abs().max() > 0.1


@pytest.mark.parametrize("part", ["global", "local"])
@pytest.mark.parametrize(("reading", "branch"), READINGS)
def test_a_gate_without_a_part_is_made_from_the_other(model, rgb, reading, branch, part):
    read = reading_of(model, reading, branch)
    maps = read(rgb, return_maps=True)
    silent = torch.zeros(1)
    parts = (silent, maps.local_attention) if part == "global" else (maps.global_attention, silent)
    gate, rest = GATES[reading](*parts)
    gated, other = (maps.lbp_map, maps.rgb_map) if branch == "lbp" else (maps.rgb_map, maps.lbp_map)
    by_hand = read_by_encoder(read, gated * gate + other * rest)
    found = answer(read, rgb, Surgery(without=part))
    torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-4)
    assert (found - maps.logits).abs().max() > 1e-3


@pytest.mark.parametrize("layer", [0, 1])
def test_a_layer_left_out_is_a_model_without_it(model, rgb, layer):
    shorter = copy.deepcopy(model)
    del shorter.encoder.blocks[layer]
    found = answer(model, rgb, Surgery(layer=layer))
    torch.testing.assert_close(found, shorter(rgb).logits.detach(), rtol=1e-4, atol=1e-5)
    assert (found - model(rgb).logits).abs().max() > 0.1


def test_the_mean_is_that_of_all_tokens_but_cls(model, rgb):
    tokens = []
    with model.encoder.register_forward_hook(lambda *given: tokens.append(given[2][0])):
        model(rgb)
    mean = model.head(tokens[0][:, 1:].mean(dim=1)).detach()
    found = answer(model, rgb, Surgery(reading="mean"))
    torch.testing.assert_close(found, mean, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, model.head(tokens[0].mean(dim=1)), atol=1e-3)  # [cls] within


def test_each_image_meets_its_own_surgery(model, rgb):
    heads = Surgery(head=(0, 1)), Surgery(head=(1, 2))
    mixed = (Surgery(), *heads, Surgery(lbp_weight=0.0), Surgery(without="local"))
    mixed += tuple(larger_surgeries(model))
    for shift in range(len(mixed)):
        surgeries = (mixed[shift:] + mixed[:shift])[:4]
        together = answer(model, rgb, *surgeries)
        for n, surgery in enumerate(surgeries):
            alone = answer(model, rgb[n : n + 1], surgery)
            torch.testing.assert_close(together[n : n + 1], alone, rtol=1e-4, atol=1e-5)
            if surgery == Surgery():
                torch.testing.assert_close(together[n], model(rgb).logits[n].detach())


def test_the_maps_are_those_after_the_change(model, rgb):
    surgeries = [Surgery(lbp_weight=1.0), Surgery(lbp_weight=0.25), Surgery(without="local")]
    with operated(model, [*surgeries, Surgery()]):
        out = model(rgb, return_maps=True)
    assert torch.equal(out.fused[0], out.lbp_map[0])
    assert (out.gate[0] == 1).all()
    assert (out.gate[1] == 0.25).all()
    assert (out.local_attention[2] == 0).all()
    assert (out.local_attention[3] != 0).any()
    torch.testing.assert_close(out.gate[3], model(rgb, return_maps=True).gate[3])


def test_nothing_is_left_behind_even_after_an_error(model, rgb):
    before = {name: each.clone() for name, each in model.state_dict().items()}
    logits = model(rgb).logits
    surgeries = [Surgery(head=(0, 1)), Surgery(without="global"), *[Surgery()] * 2]
    answer(model, rgb, *surgeries)
    with pytest.raises(KeyError), operated(model, surgeries):
        raise KeyError
    assert torch.equal(model(rgb).logits, logits)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


@pytest.mark.parametrize(
    "surgery", [Surgery(), Surgery(patch=3), Surgery(head=(0, 0)), Surgery(without="local")]
)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_batch_of_another_size_is_refused(model, rgb, surgery, count):
    words = f"The batch has 4 images and there are {count} surgeries"
    with operated(model, [surgery] * count), pytest.raises(ValueError, match=words):
        model(rgb)
    with pytest.raises(ValueError, match=words):
        masked(rgb, [surgery] * count, 16)


@pytest.mark.parametrize(
    "surgery",
    [
        Surgery(head=(2, 0)),
        Surgery(head=(0, 4)),
        Surgery(head=(-1, 0)),
        Surgery(layer=2),
        Surgery(layer=-1),
    ],
)
def test_heads_and_layers_that_are_not_there_are_refused(model, surgery):
    with pytest.raises(ValueError, match=f"nothing to operate on for '{surgery.name}'"):
        operated(model, [surgery]).__enter__()


def test_a_fusion_without_a_gate_has_none_to_force():
    plain = VTFF(VTFFConfig.tiny(fusion="lbp")).eval()
    for surgery in (Surgery(lbp_weight=0.0), Surgery(without="local")):
        with pytest.raises(ValueError, match="nothing to operate on"):
            operated(plain, [surgery]).__enter__()
    assert {each.name.split()[0] for each in all_surgeries(plain)} == {"none", "patch", "head"}
    image = torch.zeros(1, 3, 64, 80, dtype=torch.uint8)
    assert answer(plain, image, Surgery(head=(0, 0))).shape == (1, 7)


def test_two_changes_at_once_and_unknown_parts_are_refused():
    with pytest.raises(ValueError, match="has several changes; give one"):
        Surgery(patch=0, without="local")
    with pytest.raises(ValueError, match="without='gate' is unknown"):
        Surgery(without="gate")
    with pytest.raises(ValueError, match="reading='median' is unknown"):
        Surgery(reading="median")


def test_only_the_patch_is_filled_and_only_in_its_image(rgb):
    kept = rgb.clone()
    surgeries = [Surgery(patch=0), Surgery(patch=14), Surgery(head=(0, 0)), Surgery(patch=7)]
    changed = masked(rgb, surgeries, 16)
    assert torch.equal(rgb, kept)
    expected = rgb.clone()
    for n, row, column in ((0, 0, 0), (1, 2, 4), (3, 1, 2)):  # rows of five
        cell = (n, ..., slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16))
        expected[cell] = filled(rgb)[cell]
    assert torch.equal(changed, expected)
    for patch in (20, -1):
        with pytest.raises(ValueError, match=f"no patch {patch}; 4×5 cells have 0 to 19"):
            masked(rgb, [Surgery(patch=patch)] * 4, 16)


def test_every_change_has_a_name_of_its_own(model):
    larger = larger_surgeries(model)
    assert [each.name for each in larger] == ["layer 0", "layer 1", "reading mean"]
    found = all_surgeries(model)
    assert len({each.name for each in found + larger}) == len(found) + len(larger)
    assert len({each.name for each in found}) == len(found) == 1 + 49 + 8 + 3 + 2
    assert found[0] == Surgery()
    assert found[0].name == "none"
    assert Surgery(lbp_weight=0.25).name == "gate 0.25"
    assert [each.name for each in found[-5:]] == [
        "gate rgb",
        "gate lbp",
        "gate half",
        "without global",
        "without local",
    ]
