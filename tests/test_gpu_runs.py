"""The full-size runs: their list is true, and the script behind them works on small faces."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from figures import ferplus, gpu_runs, runs
from tests.test_training import SMALL
from vtff_lib.config import EXPRESSIONS
from vtff_lib.datasets import FaceSet
from vtff_lib.recipe import TrainingConfig

FEW = TrainingConfig(epochs=2, batch_size=8)


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A packed set of eight classes with votes, in which one test picture is a training one too."""
    for module in (ferplus, gpu_runs, runs):
        monkeypatch.setattr(module, "FIGURES", tmp_path, raising=False)
        monkeypatch.setattr(module, "BUILD", tmp_path / "build", raising=False)
    small = replace(SMALL, class_names=EXPRESSIONS)
    monkeypatch.setitem(ferplus.EXPERIMENTS, "small", (small, FEW))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (48, 3, 24, 24), dtype=torch.uint8, generator=generator)
    labels, splits = torch.arange(48) % 8, torch.arange(48) // 16
    images[40] = images[0]
    votes = {"votes": torch.eye(8)[labels] * 7 + 1}
    faces = FaceSet(images, labels, splits, EXPRESSIONS, votes, {"protocol": "majority"})
    faces.write(tmp_path / "pack.safetensors", quality=None)
    return tmp_path / "pack.safetensors"


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["ferplus", *map(str, arguments)])
    ferplus.main()


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


def test_watching_looks_at_no_test_picture(pack, tmp_path, monkeypatch):
    run(monkeypatch, pack, "small", "--seeds", 0, "--watch")
    assert not (tmp_path / "ferplus_small.json").exists()
    one = json.loads((tmp_path / "build" / "ferplus_small.json").read_text())["runs"][0]
    assert one["split"] == "valid"
    assert "test" not in one


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


def test_every_experiment_has_the_recipe_of_the_full_model_but_the_small_one():
    for name, (_, training) in ferplus.EXPERIMENTS.items():
        assert (training == ferplus.FULL) == (name != "small")
    sizes = {name: settings.fusion for name, (settings, _) in ferplus.EXPERIMENTS.items()}
    assert [sizes[name] for name in ("rgb", "lbp", "sum", "concat")] == [
        "rgb", "lbp", "sum", "concat",
    ]  # fmt: skip


def test_the_readme_tells_the_small_run():
    folder = gpu_runs.FIGURES
    told = json.loads((folder / "ferplus_small.json").read_text(encoding="utf-8"))
    assert [one["seed"] for one in told["runs"]] == [0, 1, 2]
    assert told["summary"] == ferplus.summarise(told["runs"])
    readme = " ".join((folder.parent / "README.md").read_text(encoding="utf-8").split())
    for figure, words in (
        ("mean_accuracy", "names {} % of the 3,137 test pictures"),
        ("mean_macro_f1", "macro-F1 {} %"),
        ("mean_accuracy_without_twins", "{} % without the 254 that"),
    ):
        assert words.format(f"{100 * told['summary'][figure]:.1f}") in readme
    minutes = [round(one["seconds"] / 60) for one in told["runs"]]
    assert f"{min(minutes)} to {max(minutes)} minutes on one CPU core" in readme


# The list


def test_the_stored_list_is_the_one_that_is_written_now():
    stored = (gpu_runs.FIGURES / "RUNS.md").read_text(encoding="utf-8")
    assert stored == gpu_runs.page()
    for one in gpu_runs.RUNS:
        assert f"`{one.command}`" in stored


def test_a_run_is_done_when_every_seed_was_run_on_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_runs, "FIGURES", tmp_path)
    one = gpu_runs.Run("a thing", ("-m", "thing"), "thing.json", seeds=2)
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
