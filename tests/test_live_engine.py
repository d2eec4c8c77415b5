"""The engine of the live page, layer by layer and whole, against PyTorch.

wasmtime runs the module that a browser would; `test_live_engine_browser.py` opens a page with it.
"""

import copy
import re
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.wasm_engine import WasmEngine
from vtff_lib import load_pretrained
from vtff_lib.attention import GlobalAttention, LocalAttention
from vtff_lib.backbone import BasicBlock, ResNetTrunk
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import load_default
from vtff_lib.encoder import NORMS, EncoderBlock
from vtff_lib.explain.surgery import Surgery, all_surgeries, larger_surgeries, masked, operated
from vtff_lib.fusion import FUSIONS, GATES, RELATED_FUSIONS, make_fusion
from vtff_lib.lbp import OFFSETS, local_binary_pattern
from vtff_lib.live import build, pack, packing
from vtff_lib.vtff import VTFF

ODD = VTFFConfig(  # no width is a multiple of four, but for cross attention's four heads
    class_names=("a", "b", "c", "d", "e"),
    image_size=24,
    width=5,
    stages=2,
    attention_reduction=5,
    embed_dim=9,
    depth=2,
    num_heads=3,
    mlp_dim=7,
    lbp_mean=(0.4, 0.5, 0.6),
    lbp_std=(0.3, 0.35, 0.4),
)
SIZES = ((24, 24), (16, 40))


def shaken(module: nn.Module) -> nn.Module:
    """Give every weight and statistic a value of its own, so that none can be left out."""
    for name, tensor in {**dict(module.named_parameters()), **dict(module.named_buffers())}.items():
        if name.endswith("running_var"):
            tensor.data.uniform_(0.3, 2)
        elif tensor.is_floating_point() and not name.startswith("normalise"):
            tensor.data.add_(torch.randn_like(tensor) * (0.3 if tensor.ndim < 3 else 0.1))
    return module.eval()


def picture(height: int, width: int) -> torch.Tensor:
    """Return blobs and noise, with equal neighbours among them."""
    smooth = F.interpolate(torch.rand(1, 3, 5, 4), (height, width), mode="bicubic")
    return (smooth * 220 + torch.rand(1, 3, height, width) * 20).clamp(0, 255).to(torch.uint8)


def close(found: torch.Tensor, expected: torch.Tensor, error: float = 1e-4) -> None:
    """Demand the same values, but for a share of the largest one, or of 1."""
    largest = max(1.0, expected.abs().max().item())
    torch.testing.assert_close(found.float(), expected.float(), atol=error * largest, rtol=0)


@pytest.fixture(scope="module", autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def engine() -> WasmEngine:
    return WasmEngine(pack(VTFF(ODD)))


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return load_default().part("test").images[[0, 2, 9, 17, 120]]


@pytest.fixture(scope="module", params=["tiny", "photos"])
def shipped(request) -> VTFF:
    return load_pretrained(request.param)


# Layers


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "out_channels"), [(1, 1), (3, 6), (5, 9)])
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (13, 11)])
def test_a_convolution_with_its_norm_its_shortcut_and_its_relu(
    engine, kernel, stride, channels, out_channels, size
):
    conv = nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2)
    norm, x = shaken(nn.BatchNorm2d(out_channels)), torch.randn(1, channels, *size)
    expected = norm(conv(x))
    shortcut = torch.randn_like(expected)
    given = (x, out_channels, kernel, stride)
    close(engine.layer("convolution", packing.layer(conv, norm), *given, 0, 0), expected)
    added = engine.layer("convolution", packing.layer(conv, norm), *given, shortcut, 1)
    close(added, F.relu(expected + shortcut))


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (8, 8), (9, 13)])
def test_max_pooling(engine, size):
    x = torch.randn(1, 3, *size) - 5
    close(engine.layer("max_pool", [], x), F.max_pool2d(x, 3, stride=2, padding=1))


@pytest.mark.parametrize("order", OFFSETS)
@pytest.mark.parametrize("size", SIZES)
def test_the_codes_of_lbp_in_both_orders(order, size):
    rgb = picture(*size)
    model = VTFF(replace(ODD, lbp_order=order)).eval()
    out = WasmEngine(pack(model, size=size)).run(rgb)
    assert torch.equal(out["lbp"], local_binary_pattern(rgb, order))
    blank = torch.zeros_like(rgb)
    out = WasmEngine(pack(model, size=size)).run(blank)
    assert torch.equal(out["lbp"], local_binary_pattern(blank, order))


@pytest.mark.parametrize(("channels", "out_channels", "stride"), [(5, 5, 1), (5, 6, 1), (5, 10, 2)])
def test_a_basic_block(engine, channels, out_channels, stride):
    block = shaken(BasicBlock(channels, out_channels, stride))
    x = torch.randn(1, channels, 7, 5)
    found = engine.layer("basic_block", packing.basic_block_weights(block), x, out_channels, stride)
    close(found, block(x))


@pytest.mark.parametrize("size", [(16, 16), (33, 47)])
def test_a_trunk(engine, size):
    trunk = shaken(ResNetTrunk(ODD.width, ODD.stages))
    x = torch.randn(1, 3, *size)
    close(engine.layer("trunk", packing.trunk_weights(trunk), x), trunk(x))


@pytest.mark.parametrize(("attention", "channels"), [(GlobalAttention, 10), (LocalAttention, 1)])
def test_squeeze_and_score(engine, attention, channels):
    module, u = shaken(attention(10, ODD.attention_reduction)), torch.randn(1, 10, 3, 5)
    pooled = u.mean((2, 3), keepdim=True) if attention is GlobalAttention else u
    found = engine.layer("squeeze_and_score", packing.score_weights(module), pooled, channels)
    close(found, module(u))


VARIANTS = [
    *((fusion, "sigmoid_of_sum", "lbp") for fusion in (*FUSIONS[1:], *RELATED_FUSIONS)),
    *(("selective", gate, branch) for gate in GATES for branch in ("rgb", "lbp")),
    ("aff", "sigmoid_of_sum", "rgb"),
]


@pytest.mark.parametrize(("fusion", "gate", "branch"), VARIANTS)
def test_a_fusion(fusion, gate, branch):
    config = replace(ODD, width=6, attention_reduction=4, fusion=fusion, gate=gate)
    config = replace(config, gated_branch=branch)
    engine = WasmEngine(pack(VTFF(config)))
    module = shaken(make_fusion(fusion, 12, 4, gate, branch))
    rgb_map, lbp_map = torch.randn(2, 1, 12, 3, 5)
    found = engine.layer("fuse", packing.fusion_weights(module), rgb_map, lbp_map)
    close(found, module(rgb_map, lbp_map))


def test_layer_norm_and_gelu(engine):
    norm, tokens = shaken(nn.LayerNorm(9)), 3 * torch.randn(1, 10, 9) + 2
    tokens[:, :5] *= 1e-3  # as small as the number that keeps the norm from dividing by 0
    found = engine.layer("layer_norm", packing.norm(norm), as_map(tokens))
    close(found, as_map(norm(tokens)), 1e-5)
    for x in torch.linspace(-9, 9, 61).tolist():
        assert engine.call("gelu", x) == pytest.approx(F.gelu(torch.tensor(x)).item(), abs=2e-6)


def as_map(tokens: torch.Tensor) -> torch.Tensor:
    """Turn tokens `(1, T, C)` into the engine's `(1, C, 1, T)`."""
    return tokens.transpose(1, 2)[:, :, None]


@pytest.mark.parametrize("norm", NORMS)
def test_an_encoder_block(norm):
    engine = WasmEngine(pack(VTFF(replace(ODD, norm=norm))))
    block = shaken(EncoderBlock(ODD.embed_dim, ODD.num_heads, ODD.mlp_dim, norm))
    tokens = torch.randn(1, 10, ODD.embed_dim)
    found = engine.layer("encoder_block", packing.block_weights(block), as_map(tokens), 1)
    expected, weights = block(tokens, return_weights=True)
    close(found, as_map(expected))
    close(engine.shown("attentions", 2, 1, ODD.num_heads, 10, 10)[1], weights)


# The whole


def compare(model: VTFF, rgb: torch.Tensor, size=None, half=False, error=1e-4) -> None:
    """Let the engine and PyTorch answer, and compare all that they show."""
    found = WasmEngine(pack(model, half, size)).run(rgb)
    expected = model(rgb, return_maps=True)
    large = expected.logits.abs().max().clamp(min=1)  # of random weights they may be hundreds
    assert (found["logits"] - expected.logits).abs().max() <= error * large
    if half:
        return
    for name, value in expected._asdict().items():
        if name == "attentions":
            for layer, weights in enumerate(value):
                close(found[name][layer], weights)
        elif value is None:
            assert found[name] is None, name
        else:
            close(found[name], value)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("fusion", "gate", "branch"), VARIANTS)
def test_every_kind_of_vtff_answers_as_in_pytorch(fusion, gate, branch, norm):
    config = replace(ODD, fusion=fusion, gate=gate, gated_branch=branch, norm=norm)
    if fusion == "cross_attention":
        config = replace(config, width=6, attention_reduction=4)
    model = shaken(VTFF(config))
    for size in SIZES:
        compare(model, picture(*size), size)


def test_any_settings(dice):
    """Among them no block at all, one cell, one channel."""
    for _ in range(8):
        stages, heads = dice.randint(1, 3), dice.randint(1, 4)
        config = VTFFConfig(
            class_names=tuple("abcdefghij")[: dice.randint(2, 10)],
            image_size=4 * 2 ** (stages - 1) * dice.randint(1, 3),
            width=4 * dice.randint(1, 3),
            stages=stages,
            fusion=dice.choice((*FUSIONS, *RELATED_FUSIONS)),
            gate=dice.choice((*GATES,)),
            gated_branch=dice.choice(("rgb", "lbp")),
            attention_reduction=dice.choice((1, 2, 4)),
            embed_dim=heads * dice.randint(1, 5),
            depth=dice.randint(0, 3),
            num_heads=heads,
            mlp_dim=dice.randint(1, 9),
            norm=dice.choice(NORMS),
            lbp_order=dice.choice((*OFFSETS,)),
        )
        print(config)
        compare(shaken(VTFF(config)), picture(config.image_size, config.image_size))


def test_a_shipped_model_answers_as_in_pytorch(shipped, faces):
    whole, halves = WasmEngine(pack(shipped, half=False)), WasmEngine(pack(shipped))
    for face in faces:
        logits = shipped(face[None]).logits
        assert (whole.run(face[None])["logits"] - logits).abs().max() <= 1e-4
        assert (halves.run(face[None])["logits"] - logits).abs().max() <= 1e-2


def test_a_learners_model_is_packed_as_its_twin():
    class Mine(nn.Module):
        """As MyVTFF of lesson 06: the settings, and parts by VTFF's names."""

        def __init__(self, config):
            super().__init__()
            self.config = config
            for name, part in VTFF(config).named_children():
                self.add_module(name, part)
            self.cls_token = nn.Parameter(torch.randn(1, 1, config.embed_dim))
            self.position_embedding = nn.Parameter(torch.randn(1, 10, config.embed_dim))

    mine = Mine(ODD)
    assert pack(mine) == pack(VTFF.of(mine))


def test_an_answer_depends_on_no_answer_before(engine):
    rgb, other = picture(24, 24), picture(24, 24)
    first = engine.run(rgb)["logits"]
    engine.run(other, ("cover", 3), ("leave_out", 1), ("force_lbp_weight", 1.0))
    assert torch.equal(engine.run(rgb)["logits"], first)
    assert not torch.equal(engine.run(other)["logits"], first)


# Changes


def verbs(surgery: Surgery) -> list[tuple]:
    """Return a surgery as calls of the engine."""
    if surgery.patch is not None:
        return [("cover", surgery.patch)]
    if surgery.head is not None:
        return [("silence", *surgery.head)]
    if surgery.lbp_weight is not None:
        return [("force_lbp_weight", surgery.lbp_weight)]
    if surgery.layer is not None:
        return [("leave_out", surgery.layer)]
    if surgery.without is not None:
        return [(f"leave_out_{surgery.without}",)]
    return [("read_mean",)] if surgery.reading else []


@pytest.mark.parametrize("changes", [{}, {"fusion": "aff", "gated_branch": "rgb", "norm": "post"}])
def test_every_surgery_of_the_library(changes):
    model = shaken(VTFF(replace(ODD, **changes)))
    engine, rgb = WasmEngine(pack(model, half=False)), picture(24, 24)
    whole = model(rgb).logits
    for surgery in [*all_surgeries(model), *larger_surgeries(model)]:
        changed = masked(rgb, [surgery], model.config.reduction)
        with operated(model, [surgery]):
            expected = model(changed, return_maps=True)
        found = engine.run(rgb, *verbs(surgery))
        close(found["logits"], expected.logits)
        close(found["gate"], expected.gate)
        close(found["attentions"][-1], expected.attentions[-1])
        same = torch.allclose(found["logits"], whole, atol=1e-5)
        assert same == (surgery == Surgery()), surgery


def test_several_changes_at_once_are_made_one_upon_the_other():
    model = shaken(VTFF(ODD))
    engine, rgb = WasmEngine(pack(model, half=False)), picture(24, 24)
    covered = masked(rgb, [Surgery(patch=2)], model.config.reduction)
    with operated(model, [Surgery(head=(1, 2))]):
        expected = model(covered).logits
    close(engine.run(rgb, ("cover", 2), ("silence", 1, 2))["logits"], expected)
    cut = copy.deepcopy(model)
    del cut.encoder.blocks[0]
    with operated(cut, [Surgery(reading="mean")]):
        expected = cut(rgb).logits
    close(engine.run(rgb, ("leave_out", 0), ("read_mean",))["logits"], expected)


@pytest.mark.parametrize("fusion", ["selective", "aff"])
def test_a_score_can_be_added_to_one_place(fusion):
    model = shaken(VTFF(replace(ODD, fusion=fusion)))
    engine, rgb = WasmEngine(pack(model, half=False)), picture(24, 24)
    before, after = engine.run(rgb), engine.run(rgb, ("add_to_score", 4, 1.5))
    scores = before["local_attention"].flatten(2)
    scores[..., 4] += 1.5
    close(after["local_attention"].flatten(2), scores)
    close(after["gate"], torch.sigmoid(before["global_attention"] + after["local_attention"]))


def test_the_head_after_each_block(shipped, faces):
    found = WasmEngine(pack(shipped, half=False)).run(faces[:1])
    heard = []
    hooks = [
        block.register_forward_hook(lambda _, __, out: heard.append(out[0]))
        for block in shipped.encoder.blocks
    ]
    shipped(faces[:1])
    for hook in hooks:
        hook.remove()
    for blocks, tokens in enumerate(heard, start=1):
        close(found["answers"][blocks], shipped.head(shipped.encoder.norm(tokens)[:, 0]))


def test_questions_make_the_attention(shipped, faces):
    found = WasmEngine(pack(shipped, half=False)).run(faces[:1])
    for layer, (q, k, _) in enumerate(found["questions"]):
        q, k = (each.unflatten(0, (shipped.config.num_heads, -1)) for each in (q, k))
        scores = q.transpose(1, 2) @ k / q.shape[1] ** 0.5  # (heads, T, T)
        close(scores.softmax(-1)[None], found["attentions"][layer])


# The module


def test_the_module_is_small_and_needs_nothing():
    assert build.MODULE.stat().st_size <= 16_000
    wasm = build.MODULE.read_bytes()
    assert wasm[:8] == b"\0asm\1\0\0\0"
    assert 2 not in sections(wasm)  # no imports: it can call nothing outside


def sections(wasm: bytes) -> list[int]:
    """Return the numbers of the sections of a module."""
    at, found = 8, []
    while at < len(wasm):
        found.append(wasm[at])
        size, shift, at = 0, 0, at + 1
        while True:
            size |= (wasm[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if wasm[at - 1] < 128:
                break
        at += size
    return found


@pytest.fixture(scope="module", params=["clang", "ziglang"])
def compiler(request) -> list[str]:
    found = [each for each in build.compilers() if (request.param in each)]
    if not found:
        pytest.skip(f"{request.param} is not here, so nothing can be compiled anew with it")
    return found[0]


def test_a_fresh_build_answers_as_the_committed_module(compiler, tmp_path):
    fresh = build.build(tmp_path / "engine.wasm", compiler)
    model, rgb = shaken(VTFF(ODD)), picture(24, 24)
    found, expected = (WasmEngine(pack(model), path).run(rgb) for path in (fresh, build.MODULE))
    for name, value in expected.items():
        close(found[name], value, 1e-5)


def whole() -> None:
    test_every_kind_of_vtff_answers_as_in_pytorch("selective", "sigmoid_of_sum", "lbp", "pre")


WRONG = {  # what stands in engine.c, what a mistake makes of it, and the test that finds it
    "LBP takes equal for smaller": (
        ("neighbour[x] >= centre[x]", "neighbour[x] > centre[x]"),
        lambda: test_the_codes_of_lbp_in_both_orders("reading", (24, 24)),
    ),
    "the gate is the other branch's": (("settings.gated_rgb ? rgb", "1 ? rgb"), whole),
    "scores are not divided by √d": (("1 / __builtin_sqrtf(wide)", "1"), whole),
    "no ReLU behind the shortcut": (
        ("3, 1, &shortcut, 1)", "3, 1, &shortcut, 0)"),
        lambda: test_a_basic_block(WasmEngine(pack(VTFF(ODD))), 5, 6, 1),
    ),
    "a layer norm that can divide by 0": (
        ("variance + 1e-5f", "variance"),
        lambda: test_layer_norm_and_gelu(WasmEngine(pack(VTFF(ODD)))),
    ),
    "a digit of GELU": (
        ("0.254829592f", "0.254929592f"),
        lambda: test_layer_norm_and_gelu(WasmEngine(pack(VTFF(ODD)))),
    ),
    "[cls] is in the mean": (
        ("int t = 1; t < count", "int t = 0; t < count"),
        lambda: test_every_surgery_of_the_library({}),
    ),
    "a mean colour that is cut, not rounded": (
        ("__builtin_rintf((float)sum", "((float)sum"),
        lambda: test_every_surgery_of_the_library({}),
    ),
    "small halves are lost": (
        ("number.value *= 0x1p112f;", "number.value *= from[i] & 0x7c00 ? 0x1p112f : 0;"),
        lambda: test_every_half_comes_back(),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_in_the_engine_is_found(mistake, tmp_path, monkeypatch):
    if not build.compilers():
        pytest.skip("no compiler is here, so no wrong engine can be made")
    (right, wrong), test = WRONG[mistake]
    text = build.SOURCE.read_text(encoding="utf-8")
    assert text.count(right) == 1
    source = tmp_path / "engine.c"
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(build, "SOURCE", source)
    monkeypatch.setattr(build, "MODULE", build.build(tmp_path / "engine.wasm"))
    with pytest.raises(AssertionError):
        test()


def test_without_a_compiler_a_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(build, "compilers", list)
    with pytest.raises(SystemExit, match="install clang and lld, or `pip install ziglang`"):
        build.main()


def test_code_that_is_none_is_refused_and_the_module_stays(tmp_path, monkeypatch):
    if not build.compilers():
        pytest.skip("no compiler is here")
    source, target = tmp_path / "engine.c", tmp_path / "engine.wasm"
    source.write_text("no code")
    target.write_bytes(b"before")
    monkeypatch.setattr(build, "SOURCE", source)
    with pytest.raises(ValueError, match=r"could not compile engine\.c"):
        build.build(target)
    assert [path.read_bytes() for path in tmp_path.glob("*.wasm")] == [b"before"]


# Packing


def test_halves_are_half_as_many_bytes():
    model = load_pretrained("tiny")
    whole, half = len(pack(model, half=False)), len(pack(model))
    assert 0.49 < half / whole < 0.51
    assert half < 1.1e6


def test_packing_leaves_the_model_as_it_was():
    model = VTFF(ODD).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pack(model)
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_packed_model_says_how_to_read_it():
    packed = pack(VTFF(ODD))
    (length,) = struct.unpack("<I", packed[4:8])
    assert packed[:4] == b"VTFF"
    assert length % 4 == 0
    assert len(packed) == 8 + length + 2 * WasmEngine(packed).header["count"]


def test_every_half_comes_back():
    engine, count = WasmEngine(pack(VTFF(ODD))), 2**16
    bits = np.arange(count, dtype="<u2")
    bits[(bits & 0x7C00) == 0x7C00] = 0  # an infinity or no number
    room = engine.call("make_room", count)
    engine.memory.write(engine.store, bits.tobytes(), room + 2 * count)
    engine.call("unpack_halves", count)
    assert np.array_equal(engine.read(room, count).numpy(), bits.view("<f2").astype("f4"))


REFUSED = {
    "no model": (lambda: pack(3), "model is a int; give a VTFF"),
    "half": (lambda: pack(VTFF(ODD), half="yes"), "half='yes' will not do; give True or False."),
    "size": (
        lambda: pack(VTFF(ODD), size=(24, 20)),
        r"size=\(24, 20\) will not do; give multiples",
    ),
    "large": (lambda: pack(VTFF(ODD), size=(4000, 4000)), "of at most 1,048,576 pixels together"),
    "nan": (lambda: pack(with_bias(torch.nan)), "no finite numbers; look where its training"),
    "too large": (lambda: pack(with_bias(1e5)), "beyond 65504, which no float16 is; give half="),
    "no values": (lambda: pack(VTFF(ODD).to("meta")), "or some without values"),
}


def with_bias(value: float) -> VTFF:
    model = VTFF(ODD)
    model.head.bias.data[1] = value
    return model


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_packed_is_refused_in_a_sentence(case):
    call, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert re.fullmatch(r"[^\n]+\.", str(error.value))


def test_what_is_too_large_for_halves_can_be_packed_whole():
    assert WasmEngine(pack(with_bias(1e5), half=False)).run(picture(24, 24))["logits"][0, 1] > 9e4
