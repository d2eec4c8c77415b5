"""Several processes learn what one learns, share the work, and go on where others stopped."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.small_runs import CONFIG, SILENT, beside, faces, model, small_command
from vtff_lib.datasets import FaceSet
from vtff_lib.training import loop, processes
from vtff_lib.training.checkpoints import NAME, TrainingState
from vtff_lib.training.history import History
from vtff_lib.training.loop import train
from vtff_lib.training.processes import ALONE, Team, everybody_answers, join_team
from vtff_lib.vtff import VTFF
from vtff_lib.weights import read_metadata

ROOT = Path(__file__).parent.parent
PAIRED = replace(CONFIG, parts=2, epochs=4)  # 12 steps
WORKER = """
import sys
from pathlib import Path
from tests.test_distributed import train_in_a_team
train_in_a_team(Path(sys.argv[1]))
"""


def train_in_a_team(out: Path, limit: float = math.inf) -> None:
    """Train as one of several processes."""
    with join_team("cpu") as (team, device):
        network = model(seed=team.rank).to(device)  # only the leader's first weights count
        history = train(network, faces(), faces(9, 1), PAIRED, out, 1, limit, team=team)
        network.save(out / f"{team.rank}.safetensors")
        if team.leads:
            (out / "history.json").write_text(history.to_json())


def two(work: Callable[..., None], *arguments: object, logs: Path) -> list[BaseProcess]:
    """Start two processes that find each other as if torchrun had started them."""
    team = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    return [
        beside(work, *arguments, log=logs / f"{rank}.log", RANK=str(rank), **team)
        for rank in range(2)
    ]


@pytest.fixture(scope="module")
def alone() -> tuple[VTFF, History]:
    """What one process learns of the same batches in the same parts."""
    network = model()
    return network, train(network, faces(), faces(9, 1), PAIRED, progress=SILENT)


def assert_same_run(found: tuple[VTFF, History], expected: tuple[VTFF, History]) -> None:
    """Floats are added in another order, so all is nearly the same."""
    ours, theirs = found[0].state_dict(), expected[0].state_dict()
    for name, tensor in theirs.items():
        if not name.endswith("num_batches_tracked"):  # read by nothing
            torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-4)
    for one, other in zip(found[1].epochs, expected[1].epochs, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
        assert one.valid_loss == pytest.approx(other.valid_loss, rel=1e-3)


def test_two_processes_that_torchrun_starts_learn_what_one_learns(tmp_path, alone):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*line, script, tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    history = History.from_json((tmp_path / "history.json").read_text())
    pair = VTFF.load(tmp_path / "0.safetensors"), history
    assert_same_run(pair, alone)
    other = VTFF.load(tmp_path / "1.safetensors").state_dict()
    assert all(torch.equal(other[name], tensor) for name, tensor in pair[0].state_dict().items())


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*processes=1 instead of 2")
def test_a_run_of_one_process_goes_on_with_two_who_stop_in_time_and_back(
    tmp_path, tmp_path_factory, alone
):
    network = model()
    for _ in range(5):  # each call stops after a step
        train(network, faces(), faces(9, 1), PAIRED, tmp_path, time_limit=0, progress=SILENT)
    for process in two(train_in_a_team, tmp_path, 0.0, logs=tmp_path_factory.mktemp("logs")):
        process.join()
        assert process.exitcode == 0
    assert json.loads(read_metadata(tmp_path / NAME)["training"])["step"] == 6
    again = model(seed=5)
    history = train(again, faces(), faces(9, 1), PAIRED, tmp_path, progress=SILENT)
    assert_same_run((again, history), alone)


def test_only_the_leader_clears_what_a_killed_run_left(tmp_path):
    left = tmp_path / f".{NAME}.1234.part"
    for rank, stays in ((1, True), (0, False)):
        left.touch()
        with loop.alone_in(tmp_path, Team(rank, 2)):
            assert left.exists() == stays


@pytest.mark.parametrize("name", ["cudda", "meta", "mps:9", "cuda:99", "xla", "", "cpu:-2", "0"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(name):
    refusal = pytest.raises(
        ValueError, match=r"^The device .* cannot be used.*\); choose one of cpu"
    )
    with refusal as told, join_team(name):
        pytest.fail("it was used")
    assert "\n" not in str(told.value)


def test_parts_are_shared_out_evenly_and_each_once():
    for size in (1, 2, 3, 6):
        shares = [part for rank in range(size) for part in Team(rank, size).share(6)]
        assert sorted(shares) == list(range(6))
    assert list(ALONE.share(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="parts=3 cannot be shared by 2 processes; give a mult"):
        Team(0, 2).share(3)


def test_processes_that_begin_at_different_steps_are_refused(monkeypatch):
    team = Team(1, 2)
    monkeypatch.setattr(Team, "_from_leader", lambda self, number: 7)
    monkeypatch.setattr(Team, "any", lambda self, here: here)
    team.require_same(7)
    with pytest.raises(ValueError, match=r"begin at different steps \(this one at 0\); give a"):
        team.require_same(0)


def test_one_process_asks_nobody():
    values = [torch.tensor([1.0, 2.0])]
    ALONE.mean(values)
    assert values[0].tolist() == [1.0, 2.0]
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.leads
    network = model()
    assert ALONE.wrap(network) is network


# A lost process


def train_until_killed(lost: int, *arguments: object) -> None:
    """Run in a process of its own, which is killed in step 6 if it is the one to be lost."""
    step = loop.take_step

    def take_step(state: TrainingState, *rest) -> torch.Tensor:
        if state.step == 5 and os.environ["RANK"] == str(lost):
            os.kill(os.getpid(), signal.SIGKILL)
        return step(state, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "take_step", take_step)
        small_command(*arguments)


def free_port() -> str:
    with socket.socket() as connection:
        connection.bind(("127.0.0.1", 0))
        return str(connection.getsockname()[1])


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> tuple[list[object], Path]:
    """The arguments of a run, and what comes of it undisturbed."""
    folder = tmp_path_factory.mktemp("straight")
    splits = torch.arange(60) // 10 % 3
    pack = folder / "faces.safetensors"
    FaceSet(*faces(60)[:2], splits, ("red", "green", "blue")).write(pack, quality=None)
    arguments = [pack, "--epochs", 4, "--batch-size", 8, "--parts", 2, "--save-every", 1]
    small_command(*arguments, "--out", folder)
    return arguments, folder


def results(folder: Path) -> tuple[VTFF, History]:
    history = History.from_json((folder / "history.json").read_text())
    return VTFF.load(folder / "model.safetensors"), history


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*processes=1 instead of 2")  # as it says
@pytest.mark.parametrize("lost", [0, 1], ids=["the leader", "another"])
def test_who_is_left_says_how_to_go_on_and_the_run_goes_on_alone(
    straight, tmp_path, tmp_path_factory, lost
):
    """By hand, as torchrun ends the survivors itself, maybe before they have spoken."""
    arguments, undisturbed = straight
    arguments = [*arguments, "--out", tmp_path]
    logs = tmp_path_factory.mktemp("logs")
    processes = two(train_until_killed, lost, *arguments, logs=logs)
    for process in processes:
        process.join(300)
        process.kill()
    told = [(logs / f"{rank}.log").read_text() for rank in range(2)]
    assert processes[lost].exitcode == -signal.SIGKILL
    assert processes[1 - lost].exitcode == 1
    assert told[1 - lost].splitlines()[-1].startswith("Another process of the run was lost or do")
    assert "Traceback" not in told[1 - lost]
    assert json.loads(read_metadata(tmp_path / NAME)["training"])["step"] == 5
    small_command(*arguments)
    assert_same_run(results(tmp_path), results(undisturbed))


def test_a_process_that_does_not_answer_is_not_waited_for_without_end():
    store, patience = dist.HashStore(), timedelta(seconds=0.5)
    with ThreadPoolExecutor() as pool:  # each waits for the other
        groups = list(pool.map(lambda r: dist.ProcessGroupGloo(store, r, 2, patience), range(2)))
    refusal = pytest.raises(ConnectionError, match=r"does not answer \(Timed out .*\); its own")
    with refusal, everybody_answers():
        groups[0].allreduce([torch.zeros(1)]).wait()


def test_who_comes_alone_is_told_when_the_time_is_up(monkeypatch):
    join = dist.init_process_group

    def join_in_time(backend: str, *, timeout: timedelta) -> None:
        assert timeout <= timedelta(minutes=10)
        join(backend, timeout=timedelta(seconds=0.5))

    monkeypatch.setattr(dist, "init_process_group", join_in_time)
    team = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    for name, value in team.items():
        monkeypatch.setenv(name, value)
    refusal = pytest.raises(ConnectionError, match=r"\(Timed out .* waiting for clients\); its own")
    with refusal, join_team("cpu"):
        pytest.fail("a team of one was joined")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        RuntimeError("[enforce fail at /gloo/gloo/transport/tcp/pair.cc:464] 12 vs 4."),
        torch.OutOfMemoryError("The GPU's memory is full in step 5"),
        RuntimeError(),
        FloatingPointError("The loss is no number any more"),
    ],
)
def test_other_errors_of_a_process_are_its_own(error):
    with pytest.raises(type(error)) as raised, everybody_answers():
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    "error",
    [
        dist.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp:1, remote process exited\nmore"),
        RuntimeError(
            r"[D:\a\third_party\gloo\gloo\transport\uv\pair.cc:1] Connection closed. Look."
        ),
    ],
)
def test_the_errors_of_other_machines_and_systems_are_told_alike(error):
    refusal = pytest.raises(ConnectionError, match=r"(exited|closed)\); its own .* goes on from")
    with refusal, everybody_answers():
        raise error


def test_a_process_without_a_gpu_of_its_own_is_refused(monkeypatch):
    monkeypatch.setattr(processes, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    words = "Process 2 of this machine has no GPU, there are 2; start at most 2 processes"
    with pytest.raises(ValueError, match=words), join_team("cuda"):
        pytest.fail("it joined")
