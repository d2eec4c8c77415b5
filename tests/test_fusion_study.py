"""The study of fusions: the plan is complete, each model is what it is called, intervals hold."""

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from data_scripts import make_synthetic
from figures.experiments import fusion, fusion_faces, fusion_power, fusion_probes, harness, runs
from figures.experiments import fusion_models as models
from figures.experiments import fusion_told as told
from figures.experiments.harness import FIGURES
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.comparisons import compare, crossed, detectable
from vtff_lib.inputs import resize
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.synthetic_faces import sample
from vtff_lib.vtff import count_parameters

PAIRED = ("mean", "concat", "two_rgb", "two_lbp", "rgb_contrast", "aff", "cross_attention")


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> FaceSet:
    path = tmp_path_factory.mktemp("faces") / "few.safetensors"
    return make_synthetic.rendered(path, make_synthetic.Settings(train=16, valid=8, test=8))


def test_the_plan_is_complete():
    assert list(told.STAGES) == [
        "renders", "ends", "few_photographs", "photographs", "grey_renders",
    ]  # fmt: skip
    for stage, plan in told.STAGES.items():
        names = told.models_of(stage)
        assert len(set(names)) == len(names)
        assert {name.removesuffix(models.LONGER) for name in names} <= {*models.MODELS, "average"}
        assert {name for pair in told.comparisons_of(stage) for name in pair} <= set(names)
        assert set(plan.get("secondary", {})) <= set(names)
        assert plan["recipe"] in fusion.RECIPES
        assert {"full", *models.AVERAGE} <= set(names)
        assert names[-1] == "average"  # after those that it is made of
    compared = {second for _, second in told.comparisons_of("renders")}
    assert {*PAIRED, "rgb_longer", "lbp_longer", "contrast_longer", "average"} <= compared
    asked = {name for plan in told.STAGES.values() for name in plan["models"]}
    assert set(models.MODELS) <= asked


def test_the_seeds_that_decide_have_not_been_looked_at_before():
    pilot = json.loads((FIGURES / told.PLAN["pilot"]["file"]).read_text(encoding="utf-8"))
    seen = {run["seed"] for run in pilot["runs"]}
    for plan in told.STAGES.values():
        assert not seen & set(plan["seeds"])
        assert set(plan["seeds"]) <= set(told.STAGES["renders"]["seeds"])


def test_as_long_is_as_long_as_was_measured():
    pilot = json.loads((FIGURES / told.PLAN["pilot"]["file"]).read_text(encoding="utf-8"))
    seconds = {name: each["seconds"] for name, each in pilot["summary"]["variants"].items()}
    for plan in (plan for plan in told.STAGES.values() if plan["for_as_long"]):
        assert plan["longer"] == round(plan["epochs"] * seconds["full"] / seconds["rgb"])


def test_what_the_seeds_can_show_is_what_was_stored():
    stored = json.loads((FIGURES / "fusion_power.json").read_text(encoding="utf-8"))
    assert stored["smallest_shown"].keys() == {*told.PLAN["pilot"]["deviations"], "median"}
    for each in stored["smallest_shown"].values():
        last = detectable(each["deviation"], stored["pairs"], stored["power"])
        assert each["by_the_last_step"] == pytest.approx(last, abs=2e-4)
        assert told.smallest_shown(each["deviation"], 8, 1, 0.8) == pytest.approx(last)
        assert each["by_the_hardest_step"] > each["by_the_last_step"]
    assert fusion_power.comparisons_of("renders") == told.comparisons_of("renders")


def test_the_smallest_difference_shown_is_found_as_often_as_was_said():
    dice = np.random.default_rng(0)
    true = told.smallest_shown(0.02, 8, 16, 0.8)
    draws = dice.normal(true, 0.02, (600, 8))
    found = [compare(list(pairs), [0.0] * 8).p < 0.05 / 16 for pairs in draws]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_parts_that_two_models_share_start_alike():
    full = models.build("full", 8, 9).state_dict()
    for name in models.MODELS:
        own = models.build(name, 8, 9).state_dict()
        shared = {key for key in own.keys() & full.keys() if own[key].shape == full[key].shape}
        assert any("backbones" in key for key in shared)
        assert "head.weight" in shared
        assert all(torch.equal(own[key], full[key]) for key in shared), name


def test_contrast_is_the_same_by_another_filter(faces):
    image = faces.images[:2]
    found = models.LocalContrast()(image)
    x = image.double().numpy() / 255
    size = (1, 1, models.AROUND, models.AROUND)
    middle = uniform_filter(x, size, mode="nearest")
    deviation = np.sqrt(np.maximum(uniform_filter(x**2, size, mode="nearest") - middle**2, 0))
    expected = 1 / (1 + np.exp(-(x - middle) / np.maximum(deviation, 1 / 255)))
    assert np.abs(found.numpy() - expected).max() < 5e-3  # where all is flat, float32 is coarse
    assert np.abs(found.numpy() - expected).mean() < 1e-4
    flat = models.LocalContrast()(torch.full((1, 3, 8, 8), 77, dtype=torch.uint8))
    assert (flat - 0.5).abs().max() < 0.02


def test_contrast_does_not_mind_how_bright_a_picture_is(faces):
    dim = (faces.images[:4] // 2).float() / 255
    torch.testing.assert_close(
        models.LocalContrast()(dim + 0.3), models.LocalContrast()(dim), atol=5e-3, rtol=0
    )


def test_native_codes_are_those_of_the_picture_before_it_was_enlarged(faces):
    small = resize(faces.images, 48)
    enlarged = resize(small, 64)
    codes = models.NativeCodes(64, "reading")(enlarged)
    rows = torch.arange(64) * 48 // 64
    expected = local_binary_pattern(small)[:, :, rows][:, :, :, rows]
    assert (codes == expected).float().mean() > 0.94
    assert (local_binary_pattern(enlarged) == expected).float().mean() < 0.7


def test_what_a_trunk_sees_is_what_the_name_says(faces):
    images = resize(faces.images[:2], 64)
    views = {
        "rgb_contrast": ("rgb", "contrast"),
        "contrast": (None, "contrast"),
        "native_lbp": ("rgb", "native"),
        "two_rgb": ("rgb", "rgb"),
    }
    full = models.build("full", 8, 8)
    seen_as = {
        "rgb": full.normalise["rgb"](images),
        "contrast": (models.LocalContrast()(images) - 0.5) / 0.35,
        "native": full.normalise["lbp"](models.NativeCodes(64, "reading")(images)),
    }
    for name, expected in views.items():
        model, seen = models.build(name, 8, 8).eval(), {}
        for view, trunk in model.backbones.items():
            trunk.register_forward_pre_hook(
                lambda _, given, view=view, seen=seen: seen.update({view: given[0]})
            )
        model(images)
        for view, what in zip(("rgb", "lbp"), expected, strict=True):
            assert (what is None) == (view not in seen)
            if what is not None:
                torch.testing.assert_close(seen[view], seen_as[what])


def test_the_mean_of_the_tokens_is_read_and_not_cls(faces):
    images = resize(faces.images[:4], 64)
    for name, blocks in (("mean_readout", 2), ("no_blocks", 0)):
        model = models.build(name, 8, 8).eval()
        assert len(model.encoder.blocks) == blocks
        seen = {}
        model.head.register_forward_pre_hook(lambda _, given, seen=seen: seen.update(x=given[0]))
        logits = model(images).logits
        model.encoder._forward_hooks.clear()
        model.encoder.register_forward_hook(
            lambda _, given, out, seen=seen: seen.update(all=out[0])
        )
        assert (model(images).logits - logits).abs().max() > 1e-4  # as [cls] would
        torch.testing.assert_close(model.head(seen["all"][:, 1:].mean(dim=1)), logits)


def test_modality_dropout_silences_at_most_one_view_and_only_in_training():
    model = models.build("modality_dropout", 8, 8)
    maps = torch.ones(4000, 1, 1, 1), torch.ones(4000, 1, 1, 1)
    torch.manual_seed(0)
    rgb, lbp = models._silence_one(model.fusion.train(), maps)
    silent = [(each == 0).float().mean().item() for each in (rgb, lbp)]
    assert silent == pytest.approx([models.SILENT] * 2, abs=0.03)
    assert ((rgb + lbp) > 0).all()
    assert models._silence_one(model.fusion.eval(), maps) is None
    assert len(model.fusion._forward_pre_hooks) == 1


def test_every_model_takes_a_step_that_lowers_its_loss(faces):
    images, labels = resize(faces.images[:8], 64), faces.labels[:8]
    for name in models.MODELS:
        model = models.build(name, 8, 8)
        losses = []
        for _ in range(2):
            torch.manual_seed(0)  # modality dropout silences the same views
            loss = torch.nn.functional.cross_entropy(model(images).logits, labels)
            losses.append(loss.item())
            model.zero_grad()
            loss.backward()
            for weights in (each for each in model.parameters() if each.grad is not None):
                weights.data -= 0.01 * weights.grad
        assert losses[1] < losses[0], name
        for trunk in model.backbones.values():
            assert all(weights.grad.abs().sum() > 0 for weights in trunk.parameters()), name


def simulated(dice, seeds, people, parts):
    """Return differences `(seeds, people)` around 0, with deviations of seeds, people and both."""
    of_seed, of_person, of_both = parts
    return (
        dice.normal(0, of_seed, (seeds, 1))
        + dice.normal(0, of_person, (1, people))
        + dice.normal(0, of_both, (seeds, people))
    )


@pytest.mark.parametrize(
    "parts", [(0.03, 0.0, 0.3), (0.0, 0.3, 0.3), (0.02, 0.2, 0.3), (0.0, 0.0, 0.3)]
)
@pytest.mark.parametrize("seeds", [3, 8])
def test_the_interval_over_seeds_and_faces_covers_what_it_should(seeds, parts):
    dice = np.random.default_rng(0)
    covered, by_seeds = [], []
    for _ in range(300):
        table = simulated(dice, seeds, 100, parts)
        found = crossed(table).mean
        covered.append(found.low <= 0 <= found.high)
        seen = compare(list(table.mean(axis=1)), [0.0] * seeds).difference
        by_seeds.append(seen.low <= 0 <= seen.high)
    assert np.mean(covered) >= 0.92
    if parts[1] > 0.1:  # where people differ, an interval over seeds alone is too narrow
        assert np.mean(by_seeds) < np.mean(covered)


def test_the_faces_of_a_person_stand_in_a_row():
    people = sample(range(24), split="test").identities.view(-1, 4)
    assert (people == people[:, :1]).all()
    assert len(people[:, 0].unique()) == 6


def run_of(seed, **rights):
    """A run whose models were right on these faces, `1` and `0`; two faces to a person."""
    variants = {
        name: {
            "accuracy": right.count("1") / len(right), "macro_f1": 0.5, "parameters": 9,
            "seconds": 2.0 + seed, "cpu_seconds": 2.0, "right": right,
        }
        for name, right in rights.items()
    }  # fmt: skip
    return {"seed": seed, "test_people": 4, "variants": variants}


def test_a_verdict_needs_both_intervals():
    clear = {"difference": 0.05, "low": 0.03, "high": 0.07, "faces_low": 0.01, "faces_high": 0.09}
    assert told.verdict(clear, 0.001) == "better"
    assert told.verdict(clear | {"faces_low": -0.01}, 0.001) == "open"
    assert told.verdict(clear, 0.2) == "open"
    worse = {name: -value for name, value in clear.items()}
    swapped = {"low": "high", "high": "low", "faces_low": "faces_high", "faces_high": "faces_low"}
    worse = {name: worse[swapped.get(name, name)] for name in worse}
    assert told.verdict(worse, 0.001) == "worse"
    near = {"difference": 0.0, "low": -0.01, "high": 0.01, "faces_low": -0.015, "faces_high": 0.015}
    assert told.verdict(near, 0.9) == "as good as equal"
    assert told.verdict(near | {"faces_high": 0.025}, 0.9) == "open"


def test_a_summary_tells_every_difference_and_verdicts_when_all_seeds_are_there(monkeypatch):
    dice = np.random.default_rng(0)

    def right(share):
        return "".join(str(int(each)) for each in dice.random(8) < share)

    names = told.models_of("renders")
    seeds = told.STAGES["renders"]["seeds"]
    stored = [run_of(seed, **{name: right(0.6) for name in names}) for seed in seeds]
    summary = told.summarise("renders", stored)
    assert summary["differences"].keys() == {
        *(f"full - {name}" for name in names if name != "full"), "sum - mean",
    }  # fmt: skip
    assert len(summary["planned"]) == 16
    first = summary["differences"]["full - rgb"]
    assert first["difference"] == pytest.approx(
        summary["variants"]["full"]["accuracy"] - summary["variants"]["rgb"]["accuracy"], abs=2e-4
    )
    assert told.summarise("renders", stored[:3])["planned"] == {}  # no verdict before the end
    del stored[0]["variants"]["aff"]
    assert told.summarise("renders", stored)["planned"] == {}


def test_groups_and_ceilings_of_answers_by_hand():
    stored = [
        run_of(8, rgb="1100", lbp="1010", full="1001", sum="1110"),
        run_of(9, rgb="1000", lbp="1100", full="1000", sum="1100"),
    ]
    found = fusion_faces.tell(stored)
    assert [found["share_of_faces"][group][0] for group in fusion_faces.GROUPS] == [
        0.25, 0.125, 0.25, 0.375,
    ]  # fmt: skip
    assert found["right"]["full"] == {"both": 1, "rgb alone": 0, "lbp alone": 0, "none": 0.5}
    assert found["right"]["sum"] == {"both": 1, "rgb alone": 1, "lbp alone": 1, "none": 0}
    assert found["ceiling"]["rgb and lbp"][0] == 0.625
    assert found["ceiling"]["lbp twice"] == [0.75]  # 1010 or 1100


def test_a_probe_finds_what_is_linear_and_nothing_where_there_is_nothing():
    dice = np.random.default_rng(0)
    labels = np.arange(400) % 4
    half = dice.random(400) < 0.5
    noise = dice.normal(size=(400, 20))
    assert fusion_probes.probe(np.eye(4)[labels] + 0.1 * noise[:, :4], labels, half) > 0.98
    assert fusion_probes.probe(noise, labels, half) < 0.4


def test_probes_look_at_every_stage_and_halves_share_no_people(faces):
    model = models.build("full", 8, 8).eval()
    found = fusion_probes.stages_of(model, faces.images)
    assert list(found) == [
        "[cls] after block 1", "[cls] after block 2", "rgb_map, mean", "rgb_map, all places",
        "lbp_map, mean", "lbp_map, all places", "fused, mean", "fused, all places",
    ]  # fmt: skip
    assert {len(values) for values in found.values()} == {len(faces)}
    assert not model.encoder.blocks[0]._forward_hooks
    half, people = fusion_probes.halves(faces), faces.extras["identities"].numpy()
    assert not set(people[half]) & set(people[~half])


def test_few_photographs_are_always_the_same_and_of_both_splits(faces):
    some = fusion.few(faces, 5)
    assert some.splits.bincount(minlength=3).tolist() == [5, 8, 0]
    assert torch.equal(some.images, fusion.few(faces, 5).images)


def test_grey_renders_look_as_photographs_do(faces):
    grey = fusion.grey_and_coarse(faces)
    assert grey.images.shape == (len(faces), 3, 48, 48)
    assert torch.equal(grey.images[:, 0], grey.images[:, 2])
    assert grey.images.float().std() > 10


@pytest.fixture
def small_study(tmp_path, monkeypatch, faces):
    """The stage of renders with three models, two seeds and eight faces, in folders of its own."""
    for module in (fusion, harness, runs):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
        monkeypatch.setattr(module, "FIGURES", tmp_path, raising=False)
    (tmp_path / "build").mkdir()
    stage = {
        **told.STAGES["renders"],
        "seeds": [8, 9], "epochs": 1, "longer": 2, "models": ["full", "rgb", "lbp", "average"],
        "for_as_long": ["rgb"], "compare": {"rgb_longer": ""}, "compare_sum": {},
    }  # fmt: skip
    monkeypatch.setitem(told.STAGES, "renders", stage)
    monkeypatch.setattr(fusion, "load_default", lambda: faces)
    monkeypatch.setattr(fusion, "TEST_FACES", make_synthetic.Settings(train=0, valid=0, test=8))
    monkeypatch.setattr("sys.argv", ["fusion", "--stages", "renders", "few_photographs"])
    return tmp_path / "fusion_renders.json"


def test_a_small_study_is_written_run_by_run_and_gone_on_with(small_study, monkeypatch, capsys):
    honest, made = fusion.run, []

    def stops(stage, name, seed, *others):
        made.append((seed, name))
        if len(made) == 4:
            raise SystemExit("stopped")
        return honest(stage, name, seed, *others)

    monkeypatch.setattr(fusion, "run", stops)
    with pytest.raises(SystemExit):
        fusion.main()
    stored = json.loads(small_study.read_text())["runs"]
    assert [list(run["variants"]) for run in stored] == [["full", "rgb", "lbp"]]
    fusion.main()
    assert made[3:] == [(8, "rgb_longer"), (8, "rgb_longer"), (8, "average")] + [
        (9, name) for name in ("full", "rgb", "lbp", "rgb_longer", "average")
    ]
    told_now = json.loads(small_study.read_text())
    assert set(told_now["summary"]["planned"]) == {"full - rgb_longer"}
    for run in told_now["runs"]:
        assert run["command"] == "python -m figures.experiments.fusion"
        for name, each in run["variants"].items():
            assert len(each["right"]) == 8
            assert each["accuracy"] == pytest.approx(each["right"].count("1") / 8)
            if name != "average":
                assert len(each["valid_accuracy"]) == (2 if name == "rgb_longer" else 1)
    two = [fusion.kept("renders", name, 9) for name in models.AVERAGE]
    assert told_now["runs"][1]["variants"]["average"]["parameters"] == sum(
        count_parameters(each) for each in two
    )
    assert "waits for photographs" in capsys.readouterr().out
    monkeypatch.setattr(fusion, "run", lambda *given: pytest.fail("trained again"))
    fusion.main()


def test_a_training_that_was_told_to_stop_is_no_result(small_study, monkeypatch):
    monkeypatch.setattr(fusion, "train_model", lambda *given: {})
    with pytest.raises(SystemExit, match="goes on"):
        fusion.main()
    assert not small_study.exists()


def test_what_is_stored_keeps_to_the_plan():
    """Seeds come in the plan's order; those that are stored are whole, but for the last."""
    stages = {plan["file"]: stage for stage, plan in told.STAGES.items()}
    others = {"fusion_power.json", "fusion_faces.json", "fusion_probes.json"}
    names = {path.name for path in FIGURES.glob("fusion_*.json")}
    assert names <= others | stages.keys()
    for name in names & stages.keys():
        keeps_to_the_plan(stages[name], json.loads((FIGURES / name).read_text(encoding="utf-8")))


def keeps_to_the_plan(stage, content):
    plan = told.STAGES[stage]
    assert content["summary"] == json.loads(json.dumps(told.summarise(stage, content["runs"])))
    seeds, models = [run["seed"] for run in content["runs"]], told.models_of(stage)
    assert seeds == plan["seeds"][: len(seeds)]
    for run in content["runs"]:
        last = run["seed"] == seeds[-1]
        assert list(run["variants"]) == (models[: len(run["variants"])] if last else models)
        for name, each in run["variants"].items():
            assert len(each["right"]) == run["test_images"]
            share = each["right"].count("1") / run["test_images"]
            assert each["accuracy"] == pytest.approx(share, abs=1e-4)
            if name != "average":
                assert f"seed={run['seed']}," in each["training"]
                assert len(each["valid_accuracy"]) == told.epochs_of(stage, name)


def test_the_readme_tells_the_comparisons_as_they_were_found():
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")
    renders, ends = (
        json.loads((FIGURES / told.STAGES[stage]["file"]).read_text(encoding="utf-8"))["summary"]
        for stage in ("renders", "ends")
    )
    rows = {
        "two trunks that both see RGB": "two_rgb",
        "RGB alone, for as long": "rgb_longer",
        "the mean of both maps: its gate held at one half": "mean",
        "AFF, a gate for each channel and place": "aff",
        "RGB alone and LBP alone, their answers averaged": "average",
        "cross-attention between the views": "cross_attention",
        "concatenation": "concat",
        "LBP alone, for as long": "lbp_longer",
        "a local contrast in place of LBP": "rgb_contrast",
        "that contrast alone, for as long": "contrast_longer",
    }
    for words, name in rows.items():
        gap, ruled = (renders[part][f"full - {name}"] for part in ("differences", "planned"))
        points, low, high = (f"{100 * gap[key]:+.1f}" for key in ("difference", "low", "high"))
        assert f"| {words} | {points} | {low} to {high} | {ruled['verdict']} |" in readme
    late = {
        name: ends["differences"][f"full - {name}"] for name in ends["variants"] if name != "full"
    }
    rgb, lbp, contrast = (
        f"{abs(100 * late[name]['difference']):.1f}" for name in ("rgb", "lbp", "contrast")
    )
    assert f"(RGB by {rgb} points, LBP by {lbp})" in readme
    assert f"still ahead of it, by {contrast}." in readme
    for name in ("sum", "mean", "average"):
        assert late[name]["low"] < 0 < late[name]["high"]


def test_the_readme_tells_what_few_photographs_showed():
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    file = FIGURES / told.STAGES["few_photographs"]["file"]
    found = json.loads(file.read_text(encoding="utf-8"))["summary"]["differences"]

    def points(name, *keys):
        return [100 * found[f"full - {name}"][key] for key in keys]

    (rgb,), (lbp,) = points("rgb", "difference"), points("lbp", "difference")
    assert f"(RGB by {rgb:.1f} points, LBP by {lbp:.1f}), and not" in readme
    for words, name in {"the sum": "sum", "of two models averaged": "average"}.items():
        value, low, high = points(name, "difference", "faces_low", "faces_high")
        assert low < 0 < high
        assert f"{words} ({value:+.1f}, {low:.1f} to {high:.1f})" in readme
