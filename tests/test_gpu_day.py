"""The quarter of an hour with a GPU needs no thought: it fits, goes on, and loses nothing."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from figures.experiments import gpu_day, runs
from vtff_lib.datasets import FaceSet
from vtff_lib.names import EXPRESSIONS
from vtff_lib.vtff import VTFF

DAY = replace(
    gpu_day.REHEARSED,
    training=replace(gpu_day.REHEARSED.training, compiled=False, batch_size=8),
    limit=16,
)


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Noise of eight classes, and no throughput measured."""
    monkeypatch.setattr(runs, "BUILD", tmp_path / "build")
    monkeypatch.setattr(gpu_day, "STEPS", 2)
    monkeypatch.setattr(gpu_day, "measure_throughput", lambda day, out: None)
    dice = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (72, 3, 48, 48), dtype=torch.uint8, generator=dice)
    labels, splits = torch.arange(72) % 8, torch.arange(72) // 24
    faces = FaceSet(images, labels, splits, EXPRESSIONS, manifest={"protocol": "majority"})
    faces.write(tmp_path / "pack.safetensors", quality=None)
    return tmp_path / "pack.safetensors"


def test_a_run_in_calls_is_planned_once_and_measured_once(pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gpu_day.go_on(DAY, pack, out, seconds=0, altogether=600)
    plan = (out / "schedule.json").read_text()
    assert not (out / "record.json").exists()
    gpu_day.go_on(DAY, pack, out, seconds=600, altogether=1)
    assert (out / "schedule.json").read_text() == plan
    record = json.loads((out / "record.json").read_text())
    assert len(record["valid_accuracy"]) == json.loads(plan)["epochs"] == DAY.training.epochs
    assert record["test"]["images"] == 16
    assert json.loads((out / "ferplus_full.json").read_text())["summary"]["seeds"] == 1
    assert list((out / "weights").glob("*.safetensors"))


def test_the_epochs_are_those_that_fit() -> None:
    def fit(seconds: float, speed: float, growth: float) -> int:
        day = replace(DAY, training=replace(DAY.training, growth=growth, epochs=80))
        return gpu_day.epochs_within(seconds, speed, images=1000, day=day)

    assert fit(100, 100, 0.0) == int(gpu_day.PLANNED * 10)
    assert fit(200, 100, 0.0) == fit(100, 200, 0.0) == int(gpu_day.PLANNED * 20)
    assert fit(100, 100, 0.5) > fit(100, 100, 0.0)  # small pictures are quick
    assert fit(1e6, 100, 0.0) == 80
    assert fit(0, 100, 0.0) == 1


def test_weights_in_pieces_are_the_weights_and_no_piece_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_day, "REAL", DAY)
    monkeypatch.setattr(gpu_day, "PIECE", 20_000)
    weights = VTFF(DAY.settings).state_dict()
    gpu_day.split_weights(weights, tmp_path / "weights")
    paths = sorted((tmp_path / "weights").iterdir())
    assert len(paths) > 3
    joined = gpu_day.join(tmp_path / "weights")
    for name, tensor in weights.items():
        torch.testing.assert_close(joined[name].to(tensor.dtype), tensor, rtol=1e-3, atol=1e-6)
    paths[1].unlink()
    with pytest.raises(ValueError, match=r"lacks \d+ tensors, .* carry all"):
        gpu_day.join(tmp_path / "weights")


@pytest.mark.parametrize("late", [True, False])
def test_a_throughput_that_fails_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, late: bool
) -> None:
    def run(*given, **settings):
        if late:
            raise subprocess.TimeoutExpired("", 0)
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(subprocess, "run", run)
    gpu_day.measure_throughput(DAY, tmp_path)
    assert "the training goes on without" in capsys.readouterr().out


def test_a_rehearsal_runs_what_a_gpu_will_run() -> None:
    real, rehearsed = gpu_day.REAL, gpu_day.REHEARSED
    small = ("epochs", "batch_size")
    assert replace(rehearsed.training, **{k: getattr(real.training, k) for k in small}) == (
        real.training
    )
    narrow = {name: getattr(real.settings, name) for name in gpu_day.NARROW}
    assert replace(rehearsed.settings, **narrow) == real.settings
