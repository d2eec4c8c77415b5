"""The ablation: each variant is what its name says, and the summary is what the plan asks for."""

import json
from dataclasses import replace

import pytest
import torch

from data_scripts import make_synthetic
from figures.experiments import ablation, harness, runs
from figures.experiments.harness import FIGURES
from vtff_lib.datasets import FaceSet
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.vtff import count_parameters


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> FaceSet:
    path = tmp_path_factory.mktemp("faces") / "few.safetensors"
    return make_synthetic.rendered(path, make_synthetic.Settings(train=16, valid=8, test=8))


@pytest.fixture(scope="module")
def outputs(faces):
    """What each variant makes of a few faces, before any training."""
    found = {}
    for name in ablation.VARIANTS:
        with torch.no_grad():
            found[name] = ablation.build(name, 8, 0).eval()(faces.images[:6], return_maps=True)
    return found


def varies(values, dims) -> bool:
    """Say if some maps differ along dimensions."""
    return bool(values.std(dim=dims).max() > 1e-4)


def test_the_gate_without_l_has_no_places_and_without_g_no_channels(outputs):
    assert varies(outputs["full"].gate, (2, 3))
    assert varies(outputs["full"].gate, 1)
    assert not varies(outputs["no_local"].gate, (2, 3))
    assert varies(outputs["no_local"].gate, 1)
    assert not varies(outputs["no_global"].gate, 1)
    assert varies(outputs["no_global"].gate, (2, 3))


def test_both_trunks_see_the_image_or_both_the_codes(faces):
    images = faces.images[:2]
    seen = {}
    for name in ("full", "two_rgb", "two_lbp"):
        model = ablation.build(name, 8, 0).eval()
        for view, trunk in model.backbones.items():
            trunk.register_forward_pre_hook(
                lambda _, given, name=name, view=view: seen.update({(name, view): given[0]})
            )
        model(images)
    codes = local_binary_pattern(images)
    rgb, lbp = (ablation.build("full", 8, 0).normalise[view] for view in ("rgb", "lbp"))
    assert torch.equal(seen["full", "rgb"], rgb(images))
    assert torch.equal(seen["full", "lbp"], lbp(codes))
    for view in ("rgb", "lbp"):
        assert torch.equal(seen["two_rgb", view], rgb(images))
        assert torch.equal(seen["two_lbp", view], lbp(codes))


def test_without_a_transformer_the_places_may_be_shuffled_and_still_count(faces):
    model = ablation.build("no_transformer", 8, 0).eval()
    tokens = torch.randn(2, 17, model.config.embed_dim)
    shuffled = torch.cat([tokens[:, :1], tokens[:, 1 + torch.randperm(16)]], dim=1)
    torch.testing.assert_close(model.encoder(tokens)[0], model.encoder(shuffled)[0])
    logits = model(faces.images[:4]).logits
    assert (logits - logits[0]).abs().max() > 1e-4  # as [cls] alone would not


def test_settings_and_parts_differ_as_named(outputs):
    full = ablation.build("full", 8, 0)
    for name, depth in (("no_transformer", 0), ("depth_1", 1), ("full", 2), ("depth_4", 4)):
        assert ablation.build(name, 8, 0).config.depth == depth
    for name in ("rgb", "lbp", "sum", "concat", "max"):
        assert ablation.build(name, 8, 0).config.fusion == name
        assert outputs[name].gate is None
    for name, reduction in (("reduction_2", 2), ("full", 8), ("reduction_32", 32)):
        squeezed = ablation.build(name, 8, 0).fusion.local_attention.layers[0].out_channels
        assert squeezed == full.config.channels // reduction
    out = outputs["sum_of_sigmoids"]
    weight = torch.sigmoid(out.global_attention) + torch.sigmoid(out.local_attention)
    torch.testing.assert_close(out.gate, weight)
    torch.testing.assert_close(outputs["double_sigmoid"].gate, torch.sigmoid(weight))
    out = outputs["gated_rgb"]
    torch.testing.assert_close(out.fused, out.rgb_map * out.gate + out.lbp_map * (1 - out.gate))


def test_the_wider_control_has_as_many_weights_as_the_full_model():
    wide, full = (count_parameters(ablation.build(n, 8, 0)) for n in ("rgb_wider", "full"))
    assert wide == pytest.approx(full, rel=0.02)


def test_what_two_variants_share_starts_alike():
    full = ablation.build("full", 8, 3).state_dict()
    for name in ("rgb", "sum", "two_rgb", "no_local", "depth_1"):
        own = ablation.build(name, 8, 3).state_dict()
        shared = own.keys() & full.keys()
        assert any("backbones.rgb" in key for key in shared)
        assert all(torch.equal(own[key], full[key]) for key in shared)
    other = ablation.build("full", 8, 4).state_dict()
    assert not torch.equal(other["cls_token"], full["cls_token"])


def run_of(seed, **accuracies):
    told = {"seconds": 2.0 + seed, "macro_f1": 0.5, "parameters": 10}
    return {"seed": seed, "variants": {n: {"accuracy": a} | told for n, a in accuracies.items()}}


def made_up(gaps):
    return [
        run_of(seed, full=0.7, rgb=0.7 - gap, sum=0.7, two_rgb=0.701)
        for seed, gap in enumerate(gaps)
    ]


def test_differences_are_paired_and_verdicts_follow_the_rule():
    told = made_up([0.10, 0.11, 0.12])
    told[0]["variants"]["sum"]["accuracy"] = 0.6
    summary = ablation.summarise(told)
    rgb = summary["variants"]["rgb"]["full_minus_this"]
    assert rgb["pairs"] == [0.1, 0.11, 0.12]
    assert (rgb["difference"], rgb["deviation"]) == (0.11, 0.01)
    assert rgb["high"] - rgb["difference"] == pytest.approx(4.303 * 0.01 / 3**0.5, abs=1e-4)
    verdicts = {name: each["verdict"] for name, each in summary["primary"].items()}
    # Equal gaps have a p of 0: a thousandth that never varies is a difference too.
    assert verdicts == {"rgb": "better", "sum": "open", "two_rgb": "worse"}
    assert summary["primary"]["rgb"]["holm_p"] == pytest.approx(2 * rgb["p"], abs=1e-5)
    assert summary["variants"]["full"]["seconds"] == 2.0  # the fastest: others ran beside it


def test_a_narrow_interval_around_nothing_is_as_good_as_equal():
    comparison = {"difference": 0.001, "low": -0.01, "high": 0.012}
    assert ablation.verdict(comparison, 0.8) == "as good as equal"
    assert ablation.verdict(comparison | {"high": 0.03}, 0.8) == "open"


def test_a_seed_without_some_variants_does_no_harm():
    told = [*made_up([0.1, 0.11]), run_of(2, full=0.7)]
    assert ablation.summarise(told)["variants"]["rgb"]["full_minus_this"]["seeds"] == [0, 1]
    assert "primary" not in ablation.summarise([run_of(0, full=0.7, rgb=0.6)])


def test_a_trifling_run_is_written_and_not_made_twice(tmp_path, monkeypatch, faces):
    for module in (ablation, harness, runs):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
        monkeypatch.setattr(module, "FIGURES", tmp_path, raising=False)
    monkeypatch.setattr(ablation, "load_default", lambda: faces)
    monkeypatch.setattr(ablation, "TEST_FACES", make_synthetic.Settings(train=0, valid=0, test=8))
    few = {name: replace(ablation.VARIANTS[name], epochs=1) for name in (*ablation.PRIMARY, "lbp")}
    monkeypatch.setattr(ablation, "VARIANTS", few)
    monkeypatch.setitem(ablation.PLAN, "primary_seeds", [0, 1])
    monkeypatch.setitem(ablation.PLAN, "other_seeds", [0])
    monkeypatch.setattr("sys.argv", ["ablation"])
    (tmp_path / "build").mkdir()
    ablation.main()
    told = json.loads((tmp_path / "ablation.json").read_text())
    assert [list(run["variants"]) for run in told["runs"]] == [list(few), list(ablation.PRIMARY)]
    for run in told["runs"]:
        for name, each in run["variants"].items():
            assert ("right" in each) == (name in ablation.PRIMARY)
            assert each["accuracy"] == pytest.approx(
                each["right"].count("1") / 8 if "right" in each else sum(each["recall"]) / 8
            )
    assert runs.weights_of("ablation_lbp", 0).is_file()
    assert not runs.weights_of("ablation_two_rgb", 0).exists()
    monkeypatch.setattr(ablation, "run", lambda *given: pytest.fail("trained again"))
    ablation.main()


def test_what_is_stored_keeps_to_the_plan():
    told = json.loads((FIGURES / "ablation.json").read_text(encoding="utf-8"))
    assert told["summary"] == json.loads(json.dumps(ablation.summarise(told["runs"])))
    assert told["summary"]["plan"] == ablation.PLAN
    for run in told["runs"]:
        seed = run["seed"]
        assert run["command"] == "python -m figures.experiments.ablation"
        wanted = ablation.VARIANTS if seed in ablation.PLAN["other_seeds"] else ablation.PRIMARY
        assert list(run["variants"]) == list(wanted)
        assert (run["test_images"], run["test_people"]) == (2400, 600)
        for name, each in run["variants"].items():
            assert len(each["valid_accuracy"]) == ablation.VARIANTS[name].epochs
            assert f"seed={seed}," in each["training"]
            if name in ablation.PRIMARY:
                assert each["accuracy"] == pytest.approx(each["right"].count("1") / 2400, abs=1e-4)
    assert [run["seed"] for run in told["runs"]] == ablation.PLAN["primary_seeds"]
