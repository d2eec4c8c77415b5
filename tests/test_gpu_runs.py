"""The full-size runs: their list is true, and the script behind them works on small faces."""

import json
import math
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from figures.experiments import ferplus, ferplus_search, gpu_runs, harness, runs
from tests.small_runs import SMALL
from vtff_lib.datasets import FaceSet
from vtff_lib.names import EXPRESSIONS
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import soft_targets
from vtff_lib.training.teacher import write_answers

FEW = TrainingConfig(epochs=2, batch_size=8)


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A packed set of eight classes with votes, in which one test picture is a training one too."""
    for module in (ferplus_search, gpu_runs, harness, runs):
        monkeypatch.setattr(module, "FIGURES", tmp_path, raising=False)
        monkeypatch.setattr(module, "BUILD", tmp_path / "build", raising=False)
    small = replace(SMALL, class_names=EXPRESSIONS)
    monkeypatch.setitem(ferplus.EXPERIMENTS, "small", (small, FEW))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (48, 3, 24, 24), dtype=torch.uint8, generator=generator)
    labels, splits = torch.arange(48) % 8, torch.arange(48) // 16
    images[40] = images[0]
    return write(tmp_path / "pack.safetensors", images, labels, splits)


def write(path, images, labels, splits):
    votes = {"votes": torch.eye(8)[labels] * 7 + 1}
    faces = FaceSet(images, labels, splits, EXPRESSIONS, votes, {"protocol": "majority"})
    faces.write(path, quality=None)
    return path


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["ferplus", *map(str, arguments)])
    ferplus.main()


@pytest.mark.slow
def test_a_run_is_measured_once_with_and_without_twins(pack, tmp_path, monkeypatch):
    run(monkeypatch, pack, "small", "--seeds", 0, 1)
    told = json.loads((tmp_path / "ferplus_small.json").read_text())
    assert [one["seed"] for one in told["runs"]] == [0, 1]
    for one in told["runs"]:
        assert one["split"] == "test"
        assert (one["test"]["images"], one["without_twins"]["images"]) == (16, 15)
        assert one["protocol"] == "majority"
    mean = sum(one["test"]["accuracy"]["value"] for one in told["runs"]) / 2
    assert told["summary"]["mean_accuracy"] == pytest.approx(mean, abs=1e-4)
    assert told["summary"]["seeds"] == 2


@pytest.mark.slow
def test_watching_looks_at_no_test_picture(pack, tmp_path, monkeypatch):
    run(monkeypatch, pack, "small", "--seeds", 0, "--watch")
    assert not (tmp_path / "ferplus_small.json").exists()
    one = json.loads((tmp_path / "build" / "ferplus_small.json").read_text())["runs"][0]
    assert one["split"] == "valid"
    assert "test" not in one


@pytest.mark.slow
def test_a_run_in_pieces_ends_as_in_one_go(pack, tmp_path, monkeypatch):
    for _ in range(FEW.epochs * 2 - 1):  # all steps but the last, one by one
        with pytest.raises(SystemExit, match=r"^Seed 0 is not over yet; the same command goes on"):
            run(monkeypatch, pack, "small", "--seeds", 0, "--time-limit", 0)
    run(monkeypatch, pack, "small", "--seeds", 0, "--time-limit", 0)
    first = json.loads((tmp_path / "ferplus_small.json").read_text())["runs"][0]
    monkeypatch.setattr(runs, "BUILD", tmp_path / "elsewhere")
    run(monkeypatch, pack, "small", "--seeds", 0)
    again = json.loads((tmp_path / "ferplus_small.json").read_text())["runs"][0]
    assert again["test"] == first["test"]


def test_a_pack_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"There is no pack .*nowhere"):
        run(monkeypatch, tmp_path / "nowhere.safetensors", "small")


SMALL_BASELINES = ("small_rgb", "small_lbp", "small_sum")
PHOTOS = ("photos", "teacher", "student", "photos_rgb", "photos_lbp")


def test_every_experiment_has_the_recipe_of_the_full_model_but_those_for_a_cpu():
    for name, (_, training) in ferplus.EXPERIMENTS.items():
        assert (training == ferplus.FULL) == (name not in ("small", *SMALL_BASELINES, *PHOTOS))
    assert ferplus.EXPERIMENTS["student"] == ferplus.EXPERIMENTS["teacher"]
    sizes = {name: settings.fusion for name, (settings, _) in ferplus.EXPERIMENTS.items()}
    assert [sizes[name] for name in ("rgb", "lbp", "sum", "concat")] == [
        "rgb", "lbp", "sum", "concat",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SMALL_BASELINES)
def test_a_small_baseline_differs_from_the_small_model_in_its_fusion_alone(name):
    (settings, training), (small, recipe) = (ferplus.EXPERIMENTS[n] for n in (name, "small"))
    assert training == recipe
    assert settings == replace(small, fusion=name.removeprefix("small_"))


def test_a_student_learns_its_teachers_answers_and_nobody_else_does(pack, tmp_path, monkeypatch):
    monkeypatch.setitem(ferplus.EXPERIMENTS, "student", ferplus.EXPERIMENTS["small"])
    answers, faces = tmp_path / "teacher.safetensors", FaceSet.read(pack)
    learned = faces.part("train")
    write_answers(answers, learned, torch.full((16, 8), 1 / 8))
    taught = ferplus.taught(faces, answers)
    rows = taught.splits == 0
    expected = (soft_targets(learned, 8) + 1 / 8) / 2
    torch.testing.assert_close(taught.extras["votes"][rows], expected)
    assert torch.equal(taught.extras["votes"][~rows], faces.extras["votes"][~rows])
    for arguments in (["student"], ["small", "--teacher", answers]):
        with pytest.raises(SystemExit, match="A student, and nobody else, needs --teacher"):
            run(monkeypatch, pack, *arguments, "--seeds", 0)


# The search


def search(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["ferplus_search", *map(str, arguments)])
    ferplus_search.main()


@pytest.fixture
def two(monkeypatch):
    """Try two recipes only."""
    every = ferplus_search.recipes
    monkeypatch.setattr(
        ferplus_search, "recipes", lambda *base: dict(islice(every(*base).items(), 2))
    )


def told_of(tmp_path):
    return json.loads((tmp_path / "ferplus_search_small.json").read_text())


@pytest.mark.parametrize("experiment", ["full", "medium", "small"])
def test_every_recipe_differs_from_the_first_in_one_thing_and_no_two_are_the_same(experiment):
    base = ferplus.EXPERIMENTS[experiment]
    made = ferplus_search.recipes(*base)
    flat = {
        name: asdict(settings) | asdict(training) for name, (settings, training) in made.items()
    }
    first, *others = flat.values()
    assert next(iter(flat)) == ferplus_search.UNCHANGED
    assert first == asdict(base[0]) | asdict(base[1])
    for other in others:
        assert sum(other[setting] != value for setting, value in first.items()) == 1
    assert len({str(one) for one in flat.values()}) == len(flat)


def test_the_full_recipe_is_tried_with_these_changes():
    made = ferplus_search.recipes(*ferplus.EXPERIMENTS["full"])
    rates = [made[f"learning_rate_{change}"][1].learning_rate for change in ("halved", "doubled")]
    assert rates == [5e-4, 2e-3]
    assert made["weight_decay_doubled"][1].weight_decay == 0.1
    assert made.keys() - {"learning_rate_halved", "learning_rate_doubled"} == {
        "unchanged", "seed_1", "seed_2", "weight_decay_doubled", "mixup_0.0", "mixup_0.4",
        "augmentation_light", "augmentation_strong", "logit_adjustment_0.5", "label_smoothing_0.1",
        "dropout_0.1",
    }  # fmt: skip


@pytest.mark.slow
def test_the_search_reads_no_test_picture_and_no_label_of_one(pack, tmp_path, monkeypatch, two):
    """The same comes out when test pictures are those of validation, under other labels."""
    search(monkeypatch, pack, "--model", "small", "--share", 0.5)
    first = told_of(tmp_path)
    (tmp_path / "ferplus_search_small.json").unlink()
    faces = FaceSet.read(pack)
    faces.images[32:] = faces.images[16:32]
    faces.labels[32:] = (faces.labels[32:] + 1) % 8
    poisoned = write(tmp_path / "poisoned.safetensors", faces.images, faces.labels, faces.splits)
    search(monkeypatch, poisoned, "--model", "small", "--share", 0.5)
    second = told_of(tmp_path)
    for one, other in zip(first["runs"], second["runs"], strict=True):
        assert one["faces_sha256"] != other["faces_sha256"]
        assert "test" not in one
        for measured in ("recipe", "training", "valid", "without_twins", "valid_accuracy"):
            assert one[measured] == other[measured]


@pytest.mark.slow
def test_the_table_has_a_row_for_each_recipe_the_best_first(pack, tmp_path, monkeypatch, two):
    search(monkeypatch, pack, "--model", "small", "--share", 0.5)
    told = told_of(tmp_path)
    for one in told["runs"]:
        assert {"command", "date", "seed", "torch", "model"} <= one.keys()
        assert "epochs=1," in one["training"]
        figures = {
            "accuracy": one["valid"]["accuracy"]["value"],
            "macro_f1": one["valid"]["macro_f1"]["value"],
            "loss": one["valid"]["negative_log_likelihood"]["value"],
            "seconds": one["seconds"],
        }
        assert told["summary"]["table"][one["recipe"]] == pytest.approx(figures, abs=1e-4)
    for number, one in enumerate(told["runs"]):
        one["valid"]["accuracy"]["value"] = 0.5 + 0.1 * number
    summary = ferplus_search.tabulate(told["runs"])
    last, first = (one["recipe"] for one in told["runs"])
    assert (summary["best"], summary["valid_accuracy"]) == (first, 0.6)
    assert [*summary["table"]] == [first, last]


@pytest.mark.slow
def test_a_search_in_pieces_ends_as_in_one_go(pack, tmp_path, monkeypatch, two):
    arguments = (pack, "--model", "small", "--share", 1)
    search(monkeypatch, *arguments)
    whole = told_of(tmp_path)
    (tmp_path / "ferplus_search_small.json").unlink()
    for left in (2, 2, 2, 1, 1, 1, 1):  # two recipes of two epochs of two steps
        with pytest.raises(SystemExit, match=f"^Recipes to go: {left}; the same command"):
            search(monkeypatch, *arguments, "--time-limit", 0)
    search(monkeypatch, *arguments, "--time-limit", 0)
    for one, other in zip(whole["runs"], told_of(tmp_path)["runs"], strict=True):
        assert one["valid"] == other["valid"]
    assert not [*(tmp_path / "build").iterdir()]  # no weights stay behind
    monkeypatch.setattr(ferplus_search, "run", lambda *given: pytest.fail("trained again"))
    search(monkeypatch, *arguments)


def test_no_recipe_starts_when_the_time_is_nearly_over(tmp_path, monkeypatch):
    """Of 110 s, 88 are for starting; a recipe takes 50."""
    clock, left = [1000.0], []

    def train(*given):
        left.append(given[5])
        clock[0] += 50
        return {"valid": {"accuracy": {"value": 0}}, "seconds": 50}

    monkeypatch.setattr(ferplus_search, "run", train)
    monkeypatch.setattr(ferplus_search.shutil, "rmtree", lambda folder: None)
    monkeypatch.setattr(ferplus_search, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    made = ferplus_search.recipes(*ferplus.EXPERIMENTS["small"])
    faces = SimpleNamespace(manifest={})
    with pytest.raises(SystemExit, match=f"^Recipes to go: {len(made) - 2};"):
        [*ferplus_search.search(tmp_path / "table.json", made, faces, "cpu", 110)]
    assert left == [110, 60]


def test_a_search_that_is_told_to_stop_starts_nothing_more(tmp_path, monkeypatch):
    runs_left = iter([{}])  # SIGTERM ended the training, long before the time was over
    monkeypatch.setattr(ferplus_search, "run", lambda *given: next(runs_left))
    made = ferplus_search.recipes(*ferplus.EXPERIMENTS["small"])
    faces = SimpleNamespace(manifest={})
    with pytest.raises(SystemExit, match=f"^Recipes to go: {len(made)};"):
        [*ferplus_search.search(tmp_path / "table.json", made, faces, "cpu", math.inf)]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["share", "model", "faces"])
def test_no_table_compares_other_settings_or_faces(pack, tmp_path, monkeypatch, two, change):
    search(monkeypatch, pack, "--model", "small", "--share", 0.5)
    if change == "model":
        settings, training = ferplus.EXPERIMENTS["small"]
        monkeypatch.setitem(ferplus.EXPERIMENTS, "small", (replace(settings, width=8), training))
    if change == "faces":
        faces = FaceSet.read(pack)
        faces.images[0] += 1
        write(pack, faces.images, faces.labels, faces.splits)
    with pytest.raises(SystemExit, match=r"tells of 'unchanged' with other settings or faces"):
        search(monkeypatch, pack, "--model", "small", "--share", 1 if change == "share" else 0.5)


# The list


def test_the_stored_list_is_the_one_that_is_written_now():
    stored = (gpu_runs.FIGURES / "RUNS.md").read_text(encoding="utf-8")
    assert stored == gpu_runs.page()
    for one in gpu_runs.RUNS:
        assert f"`{one.command}`" in stored
        dash, module, *arguments = one.arguments
        assert dash == "-m"
        spec = find_spec(module)
        assert spec is not None
        assert not spec.submodule_search_locations or find_spec(f"{module}.__main__")
        assert arguments[arguments.index("--device") + 1] == "cuda"
        assert "--json" not in arguments or arguments[-1] == f"figures/{one.writes}"


def test_the_search_is_done_when_every_recipe_is_and_its_table_stays_in_its_file(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(gpu_runs, "FIGURES", tmp_path)
    [one] = [run for run in gpu_runs.RUNS if run.writes == "ferplus_search_full.json"]
    recipes = ferplus_search.recipes(*ferplus.EXPERIMENTS["full"])
    ran = [{"recipe": recipe, "date": "2026-01-01", "gpu": "a GPU"} for recipe in recipes]
    summary = {"best": "mixup_0.4", "table": {"mixup_0.4": {"accuracy": 0.9}}}
    for count, done in ((len(ran) - 1, False), (len(ran), True)):
        content = {"summary": summary, "runs": ran[:count]}
        (tmp_path / one.writes).write_text(json.dumps(content))
        assert one.is_done() == done
    assert gpu_runs.describe(one).endswith("| 2026-01-01, a GPU: best mixup_0.4 |")


def test_a_run_is_done_when_every_seed_was_run_on_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_runs, "FIGURES", tmp_path)
    one = gpu_runs.Run("a thing", ("-m", "thing"), "thing.json", parts=2)
    path = tmp_path / "thing.json"
    seed = {"date": "2026-01-01", "gpu": "a GPU"}
    for stored, done in (
        ({"runs": [seed]}, False),
        ({"runs": [seed, {"date": "2026-01-01"}]}, False),  # one on a CPU
        ({"runs": [seed, seed], "summary": {"mean_accuracy": 0.9}}, True),
    ):
        path.write_text(json.dumps(stored))
        assert one.is_done() == done
        assert ("waits" in gpu_runs.describe(one)) != done
    assert "2026-01-01, a GPU: mean_accuracy 0.9" in gpu_runs.describe(one)
    path.write_text(json.dumps(seed))
    assert gpu_runs.Run("a thing", ("-m", "thing"), "thing.json").is_done()


def test_without_a_gpu_the_next_run_is_named_and_nothing_is_run(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_runs"])
    monkeypatch.setattr(gpu_runs.subprocess, "run", lambda *given, **more: pytest.fail("run"))
    with pytest.raises(SystemExit, match=r"No GPU is at hand\. The next run is: python -m"):
        gpu_runs.main()


def test_the_next_run_is_started_in_a_piece_and_the_list_written(pack, tmp_path, monkeypatch):
    started = []

    class Done:
        returncode = 0

    def start(command, cwd):
        started.append(command[1:])
        return Done()

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(sys, "argv", ["gpu_runs"])
    monkeypatch.setattr(gpu_runs.subprocess, "run", start)
    (tmp_path / gpu_runs.THROUGHPUT).write_text(json.dumps({"date": "2026-01-01", "gpu": "a"}))
    monkeypatch.setattr(gpu_runs, "FERPLUS", tmp_path / "build" / "nothing")
    full = gpu_runs.ferplus("full", "x")
    monkeypatch.setattr(gpu_runs, "RUNS", (gpu_runs.RUNS[0], full))
    with pytest.raises(SystemExit, match=r"needs FER\+; pack it first"):
        gpu_runs.main()
    monkeypatch.setattr(gpu_runs, "RUNS", (gpu_runs.RUNS[0], replace(full, arguments=("-m", "x"))))
    with pytest.raises(SystemExit) as end:
        gpu_runs.main()
    assert end.value.code == 0
    assert started == [["-m", "x", "--time-limit", "540"]]
    assert (tmp_path / "RUNS.md").is_file()
