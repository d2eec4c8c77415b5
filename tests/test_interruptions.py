"""Whatever ends a run from outside, it says why, saves nothing that is broken, and can go on."""

import contextlib
import json
import os
import signal
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.small_runs import CONFIG, SILENT, faces, model, same_weights, small_command, trained
from vtff_lib.datasets import FaceSet
from vtff_lib.training import loop
from vtff_lib.training.checkpoints import NAME
from vtff_lib.training.loop import train
from vtff_lib.training.processes import told_to_stop
from vtff_lib.training.progress import Progress
from vtff_lib.weights import read_metadata


def saved_step(folder):
    return json.loads(read_metadata(folder / NAME)["training"])["step"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_run_that_is_told_to_terminate_saves_and_goes_on(tmp_path):
    class Terminated(Progress):
        def step(self, step: int, loss: torch.Tensor) -> None:
            if step == 5:
                os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    history = train(model(), faces(), faces(9, 1), CONFIG, tmp_path, progress=Terminated())
    assert not history.finished
    assert saved_step(tmp_path) == 5
    assert signal.getsignal(signal.SIGTERM) is before
    assert same_weights(trained(folder=tmp_path)[0], trained()[0])


def test_a_run_in_another_thread_leaves_signals_alone(tmp_path):
    done = []
    before = signal.getsignal(signal.SIGTERM)

    def run() -> None:
        with told_to_stop() as told:
            done.append(signal.getsignal(signal.SIGTERM) is before and not told())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_handler_that_python_could_not_give_back_is_left_alone(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # as of one that is not Python's
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("a handler was installed"))
    with told_to_stop() as told:
        assert not told()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize(("limit", "status"), [("inf", 143), ("0", None)])
def test_a_command_that_was_terminated_says_so_to_the_shell(
    limit, status, tmp_path, monkeypatch, capsys
):
    """A time limit that was asked for is no failure."""
    pack, seen = tmp_path / "faces.safetensors", []
    splits = torch.arange(60) // 10 % 3
    FaceSet(*faces(60)[:2], splits, ("red", "green", "blue")).write(pack, quality=None)
    real = loop.take_step

    def terminated(*rest):
        seen.append(1)
        if limit == "inf":
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*rest)

    monkeypatch.setattr(loop, "take_step", terminated)
    before = signal.getsignal(signal.SIGTERM)
    arguments = [pack, "--out", tmp_path / "out", "--batch-size", 8, "--time-limit", limit]
    with pytest.raises(SystemExit, match="143") if status else contextlib.nullcontext():
        small_command(*arguments)
    assert "the same command goes on" in capsys.readouterr().err
    assert (tmp_path / "out" / "history.json").exists()
    assert saved_step(tmp_path / "out") == len(seen) == 1
    assert signal.getsignal(signal.SIGTERM) == before


class Uncompiled(nn.Module):
    """What comes of a model that cannot be compiled: it says so when it is called."""

    def __init__(self, error: Exception):
        super().__init__()
        self.error = error

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        raise self.error


def test_a_model_that_cannot_be_compiled_is_told_in_a_sentence_and_changes_nothing(
    tmp_path, monkeypatch
):
    from torch._inductor.exc import InvalidCxxCompiler

    pack = tmp_path / "faces.safetensors"
    splits = torch.arange(60) // 10 % 3
    FaceSet(*faces(60)[:2], splits, ("red", "green", "blue")).write(pack, quality=None)
    monkeypatch.setattr(torch, "compile", lambda network: Uncompiled(InvalidCxxCompiler()))
    with pytest.raises(
        SystemExit, match=r"cannot be compiled here \(No working C\+\+ .*; install a"
    ):
        small_command(pack, "--out", tmp_path / "new" / "out", "--compiled", "--tensorboard")
    assert [*tmp_path.iterdir()] == [pack]


def test_what_cannot_be_traced_is_a_bug_and_keeps_its_traceback(tmp_path, monkeypatch):
    from torch._dynamo.exc import TorchRuntimeError

    bug = TorchRuntimeError("mat1 and mat2 shapes cannot be multiplied")
    monkeypatch.setattr(torch, "compile", lambda network: Uncompiled(bug))
    with pytest.raises(TorchRuntimeError):
        trained(replace(CONFIG, compiled=True), folder=tmp_path)


def test_full_memory_is_told_with_what_to_change_and_the_checkpoint_stays(tmp_path, monkeypatch):
    real, calls = loop.take_step, []

    def full(state, parts, *rest):
        calls.append(1)
        if len(calls) == 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate …")
        return real(state, parts, *rest)

    monkeypatch.setattr(loop, "take_step", full)
    with pytest.raises(torch.OutOfMemoryError, match=r"full in step 5, with 8 .* parts to 2 or"):
        trained(folder=tmp_path, save_every=1)
    monkeypatch.undo()
    assert saved_step(tmp_path) == 4
    assert same_weights(trained(folder=tmp_path)[0], trained()[0])


def test_a_loss_that_is_no_number_is_never_saved(tmp_path):
    network = model()

    class Broken(Progress):
        def step(self, step: int, loss: torch.Tensor) -> None:
            if step == 4:
                nn.init.constant_(network.head.bias, torch.nan)

    with pytest.raises(FloatingPointError, match="at step 5 at the latest"):
        train(network, faces(), faces(9, 1), CONFIG, tmp_path, save_every=1, progress=Broken())
    assert saved_step(tmp_path) == 4


def test_a_silent_run_is_silent(capfd):
    train(model(), faces(), faces(9, 1), CONFIG, progress=SILENT)
    assert capfd.readouterr() == ("", "")
