"""The assembled model: its totals, its inputs, its maps, its files, compiled and exported."""

import copy
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vtff_lib.config import VTFFConfig
from vtff_lib.encoder import resize_position_embedding
from vtff_lib.fusion import PLAIN_FUSIONS
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.names import EXPRESSIONS
from vtff_lib.vtff import VTFF, VTFFOutput, count_parameters, trace_shapes
from vtff_lib.weights import write_weights

TINY = VTFFConfig.tiny()


@pytest.fixture(scope="module")
def model() -> VTFF:
    """A tiny model in which every number matters: no statistic is left at its neutral start."""
    torch.manual_seed(0)
    model = VTFF(TINY)
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean, std=0.1), nn.init.uniform_(norm.running_var, 0.5, 1.5)
    for linear in (m for m in model.encoder.modules() if isinstance(m, nn.Linear)):
        nn.init.normal_(linear.weight, std=0.1)  # larger, so that the logits depend on the image
    nn.init.normal_(model.token_projection.weight, std=0.1)
    nn.init.normal_(model.position_embedding)
    nn.init.normal_(model.head.weight)
    return model.eval()


def test_the_model_of_these_tests_tells_images_apart_by_more_than_their_tolerances(model):
    logits = model(torch.cat([faces(2), torch.zeros(1, 3, 112, 112, dtype=torch.uint8)])).logits
    assert (logits[0] - logits[1]).abs().max() > 0.3
    assert (logits[0] - logits[2]).abs().max() > 1


def faces(n: int = 2, height: int = 112, width: int = 112) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, height, width), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("config", "millions"), [(VTFFConfig.paper(7), 51.77), (VTFFConfig.deep(7), 80.12)]
)
def test_parameter_totals_are_those_the_paper_is_quoted_with(config, millions):
    with torch.device("meta"):
        assert round(count_parameters(VTFF(config)) / 1e6, 2) == millions


def test_the_count_is_the_sum_of_its_parts_and_tiny_is_under_a_million(model):
    parts = sum(count_parameters(part) for part in model.children())
    own = model.cls_token.numel() + model.position_embedding.numel()
    assert 300_000 < parts + own == count_parameters(model) < 1_000_000


def test_a_face_costs_about_five_billion_multiply_adds():
    with torch.device("meta"):
        model, face = VTFF(VTFFConfig.paper()).eval(), torch.zeros(1, 3, 224, 224).byte()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(face)
    assert round(counter.get_total_flops() / 2e9, 1) == 5.1  # two operations each


def test_the_two_trunks_are_of_one_design_and_share_no_weights(model):
    rgb, lbp = (model.backbones[view].state_dict() for view in ("rgb", "lbp"))
    assert {name: tensor.shape for name, tensor in rgb.items()} == {
        name: tensor.shape for name, tensor in lbp.items()
    }
    assert {t.data_ptr() for t in rgb.values()}.isdisjoint(t.data_ptr() for t in lbp.values())


def test_uint8_and_unit_floats_are_the_same_image(model):
    rgb = faces()
    torch.testing.assert_close(model(rgb / 255).logits, model(rgb).logits)


def test_the_lbp_made_inside_is_the_one_given_and_it_matters(model):
    rgb = faces()
    lbp = local_binary_pattern(rgb)
    expected = model(rgb).logits
    assert torch.equal(model(rgb, lbp).logits, expected)
    torch.testing.assert_close(model(rgb, lbp / 255).logits, expected)
    other = lbp.flip(-1)
    assert not torch.allclose(model(rgb, other).logits, expected, atol=1e-3)
    assert torch.equal(model(rgb, other, return_maps=True).lbp, other)


def test_both_views_are_normalised_as_the_settings_say():
    seen = {}
    statistics = {
        "rgb_mean": (0.1, 0.2, 0.3), "rgb_std": (0.4, 0.5, 0.6),
        "lbp_mean": (0.7, 0.8, 0.9), "lbp_std": (1.0, 2.0, 3.0),
    }  # fmt: skip
    model = VTFF(replace(TINY, **statistics)).eval()
    assert not any("normalise" in name for name in model.state_dict())  # it is in the settings
    handles = [
        model.backbones[view].register_forward_pre_hook(
            lambda module, inputs, view=view: seen.update({view: inputs[0]})
        )
        for view in ("rgb", "lbp")
    ]
    rgb = faces()
    model(rgb)
    for handle in handles:
        handle.remove()
    for view, image in (("rgb", rgb), ("lbp", local_binary_pattern(rgb))):
        for channel in range(3):
            mean, std = (statistics[f"{view}_{name}"][channel] for name in ("mean", "std"))
            torch.testing.assert_close(
                seen[view][:, channel], (image[:, channel] / 255 - mean) / std
            )


def test_maps_are_what_the_parts_computed(model):
    rgb = faces(2, 112, 160)
    out = model(rgb, return_maps=True)
    torch.testing.assert_close(out.logits, model(rgb).logits)
    assert torch.equal(out.lbp, local_binary_pattern(rgb))
    torch.testing.assert_close(out.fused, out.lbp_map * out.gate + out.rgb_map * (1 - out.gate))
    torch.testing.assert_close(out.gate, torch.sigmoid(out.global_attention + out.local_attention))
    tokens = model.token_projection(out.fused.flatten(2).transpose(1, 2))
    tokens = torch.cat([model.cls_token.expand(2, 1, -1), tokens], 1)
    tokens = tokens + resize_position_embedding(model.position_embedding, (7, 7), (7, 10))
    torch.testing.assert_close(out.logits, model.head(model.encoder(tokens)[0][:, 0]))
    assert [tuple(a.shape) for a in out.attentions] == [(2, 4, 71, 71)] * TINY.depth


def test_without_return_maps_there_are_only_logits_and_the_fused_kernel_is_used(model):
    weights = []
    block = model.encoder.blocks[0]
    handle = block.register_forward_hook(lambda module, inputs, output: weights.append(output[1]))
    out = model(faces())
    handle.remove()
    assert isinstance(out, VTFFOutput)
    assert out.logits.shape == (2, 7)
    assert all(value is None for value in out[1:])
    assert weights == [None]


def test_everything_outside_the_trunks_starts_small():
    torch.manual_seed(0)
    model = VTFF(TINY)
    for name, parameter in model.named_parameters():
        if name.startswith(("backbones", "fusion")) or "norm" in name:
            continue
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        else:
            assert 0.013 < parameter.std() < 0.027, name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_works_at_any_size_and_stays_near(model, dtype):
    rgb = faces(2, 96, 128)
    half, whole = copy.deepcopy(model).to(dtype)(rgb).logits, model(rgb).logits
    assert half.dtype == dtype
    what_the_image_adds = whole - model(torch.zeros_like(rgb)).logits
    assert (half - whole).norm() < 0.1 * what_the_image_adds.norm()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (112, 48), (128, 224)])
def test_any_multiple_of_the_reduction_will_do(model, height, width):
    out = model(faces(1, height, width), return_maps=True)
    assert out.fused.shape == (1, 64, height // 16, width // 16)
    assert out.logits.isfinite().all()


def test_an_image_is_judged_by_itself(model):
    rgb = faces(3)
    torch.testing.assert_close(model(rgb[1:2]).logits, model(rgb).logits[1:2])


@pytest.mark.parametrize("name", ["selective", *PLAIN_FUSIONS])
def test_every_fusion_trains_all_its_parameters_and_has_no_idle_trunk(name):
    model = VTFF(replace(TINY, fusion=name))
    model(faces()).logits.logsumexp(dim=1).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert set(model.backbones) == ({name} if name in ("rgb", "lbp") else {"rgb", "lbp"})


def test_settings_reach_the_parts():
    config = VTFFConfig.tiny(
        gate="double_sigmoid", gated_branch="rgb", norm="post", lbp_order="circular", dropout=0.1,
        attention_reduction=4, num_heads=2, depth=3, mlp_dim=77, embed_dim=34,
    )  # fmt: skip
    model = VTFF(config)
    block = model.encoder.blocks[2]
    assert (model.fusion.gate, model.fusion.gated_branch) == ("double_sigmoid", "rgb")
    assert (block.pre_norm, block.attn.num_heads, block.attn.dropout) == (False, 2, 0.1)
    assert (block.mlp.fc1.out_features, block.mlp.fc1.in_features) == (77, 34)
    assert model.fusion.local_attention.layers[0].out_channels == 64 // 4
    assert model.lbp.order == "circular"


def test_one_batch_can_be_learned_by_heart():
    torch.manual_seed(0)
    model, labels = VTFF(TINY), torch.tensor([0, 1, 2, 3])
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(20):
        loss = nn.functional.cross_entropy(model(faces(4, 64, 64)).logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1


def test_shape_trace_follows_the_image_through_the_parts(model):
    shapes = trace_shapes(model, (64, 96))
    assert shapes["backbones.rgb.layer1"] == (1, 16, 16, 24)
    assert "backbones.rgb.layer1.0" not in shapes
    assert shapes["lbp"] == (1, 3, 64, 96)
    assert shapes["backbones.rgb"] == shapes["backbones.lbp"] == shapes["fusion"] == (1, 64, 4, 6)
    assert shapes["fusion.global_attention"] == (1, 64, 1, 1)
    assert shapes["fusion.local_attention"] == (1, 1, 4, 6)
    assert shapes["encoder"] == (1, 25, 96)
    assert list(shapes)[-1] == "head"
    assert shapes["head"] == (1, 7)
    assert trace_shapes(model)["fusion"] == (1, 64, 7, 7)
    assert trace_shapes(VTFF(replace(TINY, image_size=64)))["fusion"] == (1, 64, 4, 4)
    assert not any(part._forward_hooks for part in model.modules())


def test_shape_trace_leaves_the_model_as_it_was():
    model = VTFF(TINY).train()
    model.backbones.eval()  # frozen, say
    modes = [part.training for part in model.modules()]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace_shapes(model)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


# Files


def test_a_saved_model_comes_back_bit_for_bit(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = VTFF.load(path, class_names=EXPRESSIONS[:7])
    assert loaded.config == model.config
    assert not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert torch.equal(loaded(faces()).logits, model(faces()).logits)


def test_dtype_and_memory_format_survive_a_save(model, tmp_path):
    half = copy.deepcopy(model).to(torch.bfloat16).to(memory_format=torch.channels_last)
    half.save(tmp_path / "half.safetensors")
    loaded = VTFF.load(tmp_path / "half.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.bfloat16}
    assert torch.equal(loaded(faces()).logits, half(faces()).logits)
    half.head.float()  # a model of two dtypes comes back as it was, too
    half.save(tmp_path / "mixed.safetensors")
    dtypes = {name: tensor.dtype for name, tensor in half.state_dict().items()}
    mixed = VTFF.load(tmp_path / "mixed.safetensors").state_dict()
    assert {name: tensor.dtype for name, tensor in mixed.items()} == dtypes


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_saved_file_is_as_readable_as_any_other(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_failed_save_leaves_the_old_file_and_nothing_else(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()

    whole = Path.write_bytes

    def half_written(unfinished, content):
        whole(unfinished, content[:100])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_written)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def devices_of(model):
    return {tensor.device.type for tensor in [*model.parameters(), *model.backbones.buffers()]}


def test_a_loaded_model_draws_nothing_and_has_all_its_tensors(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loaded = VTFF.load(tmp_path / "model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)
    assert {tensor.device.type for tensor in [*loaded.parameters(), *loaded.buffers()]} == {"cpu"}
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_files_that_do_not_fit_are_refused(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model.save(path)
    with pytest.raises(ValueError, match=r"have other classes: neutral, .* and happy, sad; "):
        VTFF.load(path, class_names=["happy", "sad"])
    with pytest.raises(ValueError, match=r"in another order: neutral, .* and fear, "):
        VTFF.load(path, class_names=EXPRESSIONS[:7][::-1])
    torch.save(model.state_dict(), tmp_path / "model.pth")
    with pytest.raises(ValueError, match="does not say which VTFF"):
        VTFF.load(tmp_path / "model.pth")
    with pytest.raises(FileNotFoundError, match="no weight file"):
        VTFF.load(tmp_path / "nowhere.safetensors")
    with pytest.raises(ValueError, match=r"Cannot save to .*model.pth; give a .safetensors file"):
        model.save(tmp_path / "model.pth")
    with pytest.raises(ValueError, match="folder that exists"):
        model.save(tmp_path / "nowhere" / "model.safetensors")

    def refused(name, weights, metadata, match):
        write_weights(tmp_path / name, weights, metadata)
        with pytest.raises(ValueError, match=match):
            VTFF.load(tmp_path / name)

    weights, config = model.state_dict(), model.config.to_json()
    refused("a.safetensors", weights, {}, "does not say which VTFF")
    deeper = replace(model.config, depth=3).to_json()
    refused("b.safetensors", weights, {"vtff_config": deeper}, r"12 missing \('encoder.blocks.2")
    newer = json.dumps(json.loads(config) | {"colour": 1})
    refused("c.safetensors", weights, {"vtff_config": newer}, r"settings \['colour'\] are unknown")
    large = VTFFConfig.paper(width=120, depth=30, embed_dim=512).to_json()
    devices = set()
    with monkeypatch.context() as watched:  # refused before any of its tensors is made
        watched.setattr(VTFF, "_initialise", lambda model: devices.update(devices_of(model)))
        refused("d.safetensors", weights, {"vtff_config": large}, "weights of another network")
    assert devices == {"meta"}
    refused("d.safetensors", weights, {"vtff_config": "[1]"}, r"settings '\[1\]' are unknown")
    refused("e.safetensors", weights, {"vtff_config": "{"}, "no JSON text")
    wrong_type = json.dumps(json.loads(config) | {"dropout": "0.1"})
    refused("f.safetensors", weights, {"vtff_config": wrong_type}, "dropout='0.1' will not do")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged or not a weight file"):
        VTFF.load(path)


# Inputs


@pytest.mark.parametrize(
    ("rgb", "sentence"),
    [
        (faces()[0], r"rgb has shape \(3, 112, 112\); VTFF needs \(N, 3, H, W\)"),
        (faces().permute(0, 2, 3, 1), r"\(2, 112, 112, 3\).*channels before rows"),
        (faces()[:, :1], r"\(2, 1, 112, 112\).*three channels"),
        (faces(1, 100, 112), r"\(1, 3, 100, 112\).*multiples of 16: resize the image, to 112"),
        (faces(1, 112, 100), r"\(1, 3, 112, 100\).*multiples of 16"),
        (faces().numpy(), r"rgb is a ndarray, not a tensor; VTFF needs a tensor"),
        (faces(0), r"\(0, 3, 112, 112\).*at least one image"),
        (faces(1, 0, 112), r"\(1, 3, 0, 112\).*at least one image"),
        (faces().long(), "rgb is torch.int64; VTFF needs uint8"),
        (faces().float(), r"values from 0 to 255; VTFF needs 0 to 1.*divide by 255.*clamp"),
        (faces().double(), r"values from 0 to 255"),
        (faces().half(), r"values from 0 to 255"),
        (torch.cat([faces() / 255, faces().float()]), r"values from 0 to 255"),
        (faces() / 255 - 0.01, r"values from -0.01 to 0.99"),
        (faces() / 255 * 1.01, r"values from 0 to 1.01"),
        (torch.full((1, 3, 112, 112), torch.nan), "values from nan to nan"),
        (faces().to("meta"), "rgb is on meta and the model on cpu; move one"),
    ],
)
def test_images_that_do_not_fit_are_refused(model, rgb, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        model(rgb)
    assert "\n" not in str(refusal.value)


def test_an_lbp_that_does_not_fit_is_refused(model):
    for lbp, sentence in [
        (faces().float(), "lbp is float with values from 0 to 255"),
        (faces()[:, :1], "lbp has shape"),
        (faces(2, 112, 128), r"lbp has shape \(2, 3, 112, 128\) and rgb \(2, 3, 112, 112\); give"),
        (True, "lbp is a bool, not a tensor"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            model(faces(), lbp)


def test_a_model_of_one_view_checks_both_and_makes_no_map_of_the_other():
    model = VTFF(replace(TINY, fusion="rgb")).eval()
    out = model(faces(), local_binary_pattern(faces()), return_maps=True)
    assert out.lbp is out.lbp_map is out.gate is None
    assert model(faces(), return_maps=True).lbp is None
    with pytest.raises(ValueError, match="lbp has shape"):
        model(faces(), faces()[:, :1])


def test_a_float_image_may_overshoot_by_a_rounding(model):
    rgb = torch.ones(1, 3, 112, 112) * 1.0000002
    torch.testing.assert_close(model(rgb).logits, model(rgb.clamp(0, 1)).logits)


def test_one_image_in_training_is_refused():
    with pytest.raises(ValueError, match="batch of 1 in training"):
        VTFF(TINY)(faces(1))


# Compiled and exported


@pytest.fixture
def small() -> VTFF:
    """All parts, few of each: compiling takes its time by the layer."""
    torch.manual_seed(0)
    return VTFF(VTFFConfig.tiny(image_size=16, width=8, stages=1, depth=1)).eval()


@pytest.mark.slow
def test_compiled_in_one_graph_it_gives_the_same(small):
    compiled, rgb = torch.compile(small, fullgraph=True), faces(2, 16, 16)
    torch.testing.assert_close(compiled(rgb).logits, small(rgb).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_one_graph_serves_every_size(small):
    """Traced as for `torch.compile(dynamic=True)`, and run without the minutes that C++ takes."""
    traced = torch.compile(small, fullgraph=True, dynamic=True, backend="eager")
    for rgb in (faces(2, 16, 16), faces(3, 12, 24)):
        expected = small(rgb).logits
        torch.testing.assert_close(traced(rgb).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_exported_to_onnx_it_gives_the_same_for_any_batch_and_size(model, tmp_path):
    batch, rows, columns = (torch.export.Dim(name, max=64) for name in ("batch", "rows", "columns"))
    torch.onnx.export(
        model,
        (faces(2, 96, 128),),
        tmp_path / "vtff.onnx",
        input_names=["rgb"],
        output_names=["logits"],
        dynamic_shapes=({0: batch, 2: 16 * rows, 3: 16 * columns},),
        dynamo=True,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "vtff.onnx")
    for rgb in (faces(1), faces(3, 64, 240)):
        logits = session.run(["logits"], {"rgb": rgb.numpy()})[0]
        np.testing.assert_allclose(logits, model(rgb).logits.detach(), rtol=1e-3, atol=1e-4)
