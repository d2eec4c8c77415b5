"""TensorBoard reads what the history says: every epoch, each once, whatever happened to the run."""

import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tests.small_runs import CONFIG, SILENT, faces, model, small_command
from vtff_lib.datasets import FaceSet
from vtff_lib.training.history import History
from vtff_lib.training.loop import train
from vtff_lib.training.processes import Team
from vtff_lib.training.progress import Progress, TensorBoardProgress
from vtff_lib.training.recipe import TrainingConfig

FIGURES = ["train_loss", "valid_loss", "valid_accuracy", "learning_rate", "seconds"]


def assert_tells(board: EventAccumulator, history: History) -> None:
    """Check that TensorBoard's own reader finds each epoch once; it keeps floats of 32 bits."""
    board.Reload()
    assert sorted(board.Tags()["scalars"]) == sorted(FIGURES)
    for name in FIGURES:
        found = board.Scalars(name)
        assert [point.step for point in found] == [epoch.number for epoch in history.epochs]
        expected = [getattr(epoch, name) for epoch in history.epochs]
        assert [point.value for point in found] == pytest.approx(expected, rel=1e-6)


def written(folder: Path) -> list[int]:
    """Return the epoch of every figure in the files, in order."""
    files = sorted(folder.iterdir())
    events = [event for file in files for event in EventFileLoader(str(file)).Load()]
    return [event.step for event in events for _ in event.summary.value]


def run(progress: Progress, folder: Path, **options) -> History:
    return train(model(), faces(), faces(9, 1), CONFIG, folder, progress=progress, **options)


@pytest.mark.parametrize(
    ("stopped", "files"), [("in epoch 2", [1, 2, 3]), ("after epoch 2", [1, 2, 2, 3])]
)
def test_a_stopped_run_tells_no_epoch_twice_even_to_who_has_read_it_before(
    tmp_path, stopped, files
):
    """After epoch 2 its curves are written already, but no checkpoint: it is run again."""
    curves = tmp_path / "curves"

    class Stops(Progress):
        def step(self, step: int, loss: torch.Tensor) -> None:
            if (stopped, step) == ("in epoch 2", 4):
                raise KeyboardInterrupt

        def epoch(self, history: History) -> None:
            if (stopped, len(history.epochs)) == ("after epoch 2", 2):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(TensorBoardProgress(curves, Stops()), tmp_path)
    board = EventAccumulator(str(curves))
    board.Reload()
    history = run(TensorBoardProgress(curves, SILENT), tmp_path)
    assert history.finished
    assert written(curves) == [number for number in files for _ in FIGURES]
    assert_tells(board, history)
    assert_tells(EventAccumulator(str(curves)), history)
    assert run(TensorBoardProgress(curves, SILENT), tmp_path) == history  # it is over
    assert_tells(board, history)


def test_epochs_before_the_curves_were_asked_for_are_there_too(tmp_path):
    history = run(SILENT, tmp_path)
    run(TensorBoardProgress(tmp_path / "curves", SILENT), tmp_path)
    assert_tells(EventAccumulator(str(tmp_path / "curves")), history)


def test_an_epoch_can_be_read_while_the_next_runs_and_the_run_is_shown_as_before(tmp_path):
    told = []

    class Reader(Progress):
        def start(self, history: History, step: int, total_steps: int) -> None:
            told.append((step, total_steps))

        def step(self, step: int, loss: torch.Tensor) -> None:
            told.append(step)

        def epoch(self, history: History) -> None:
            assert_tells(EventAccumulator(str(tmp_path / "curves")), history)
            told.append("epoch")

        def close(self) -> None:
            told.append("close")

    run(TensorBoardProgress(tmp_path / "curves", Reader()), tmp_path)
    steps = [1, 2, 3, "epoch", 4, 5, 6, "epoch", 7, 8, 9, "epoch"]
    assert told == [(0, 9), *steps, "close"]


def test_only_the_leader_writes(tmp_path):
    curves = TensorBoardProgress(tmp_path / "curves", SILENT)
    config = TrainingConfig(epochs=1, batch_size=8, parts=2)
    for other, there in (Team(rank=1, size=1), False), (Team(), True):
        train(model(), faces(), faces(9, 1), config, progress=curves, team=other)
        assert (tmp_path / "curves").exists() == there


@pytest.fixture
def arguments(tmp_path) -> list[object]:
    pack = tmp_path / "faces.safetensors"
    splits = torch.arange(60) // 10 % 3
    FaceSet(*faces(60)[:2], splits, ("red", "green", "blue")).write(pack, quality=None)
    return [pack, "--epochs", 2, "--batch-size", 8, "--out", tmp_path / "out"]


def test_the_command_writes_curves_if_asked_to(arguments, tmp_path):
    small_command(*arguments, "--time-limit", 0)
    assert not (tmp_path / "out" / "tensorboard").exists()
    small_command(*arguments, "--tensorboard")
    history = History.from_json((tmp_path / "out" / "history.json").read_text())
    assert_tells(EventAccumulator(str(tmp_path / "out" / "tensorboard")), history)


def test_who_has_no_tensorboard_is_told_before_anything_is_done(arguments, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(SystemExit, match="`pip install tensorboard`, or leave --tensorboard out"):
        small_command(*arguments, "--tensorboard")
    assert not (tmp_path / "out").exists()
    small_command(*arguments)
