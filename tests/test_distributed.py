"""Several processes learn what one learns, share the work, and go on where others stopped."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.test_training import CONFIG, SILENT, faces, model, train, without_times
from vtff_lib.distributed import ALONE, Team
from vtff_lib.history import History
from vtff_lib.vtff import VTFF

PAIRED = replace(CONFIG, parts=2, epochs=4)  # 12 steps
WORKER = """
import sys, torch
from pathlib import Path
from tests.test_distributed import PAIRED, SILENT, faces, model, train
from vtff_lib.distributed import join_team
torch.set_num_threads(1)
out, limit = Path(sys.argv[1]), float(sys.argv[2])
with join_team("cpu") as (team, device):
    network = model(seed=team.rank).to(device)  # only the leader's first weights count
    history = train(network, faces(), faces(9, 1), PAIRED, out, 1, limit, team=team)
    network.save(out / f"{team.rank}.safetensors")
    if team.leads:
        (out / "history.json").write_text(history.to_json())
"""


def run_processes(count: int, out: Path, limit: str = "inf") -> tuple[VTFF, History]:
    """Train with `count` processes that torchrun starts, and return what the leader left."""
    out.mkdir(exist_ok=True)
    script = out / "worker.py"
    script.write_text(WORKER)
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(count), str(script), str(out), limit]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return (
        VTFF.load(out / "0.safetensors"),
        History.from_json((out / "history.json").read_text()),
    )


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


def test_two_processes_learn_what_one_learns(tmp_path, alone):
    pair = run_processes(2, tmp_path)
    assert_same_run(pair, alone)
    other = VTFF.load(tmp_path / "1.safetensors").state_dict()
    assert all(torch.equal(other[name], tensor) for name, tensor in pair[0].state_dict().items())


def test_a_run_of_one_process_goes_on_with_two_and_back(tmp_path, alone):
    network = model()
    for _ in range(5):  # each call stops after a step
        train(network, faces(), faces(9, 1), PAIRED, tmp_path, time_limit=0, progress=SILENT)
    found = run_processes(2, tmp_path)
    assert_same_run(found, alone)
    again = model(seed=5)
    history = train(again, faces(), faces(9, 1), PAIRED, tmp_path, progress=SILENT)
    assert without_times(history) == without_times(found[1])


def test_parts_are_shared_out_evenly_and_each_once():
    for size in (1, 2, 3, 6):
        shares = [part for rank in range(size) for part in Team(rank, size).share(6)]
        assert sorted(shares) == list(range(6))
    assert list(ALONE.share(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="parts=3 cannot be shared by 2 processes; give a mult"):
        Team(0, 2).share(3)


def test_processes_that_begin_at_different_steps_are_refused(monkeypatch):
    team = Team(1, 2)
    monkeypatch.setattr(Team, "_from_leader", lambda self, number, device: 7)
    monkeypatch.setattr(Team, "any", lambda self, here, device: here)
    team.require_same(7, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"begin at different steps \(this one at 0\); give a"):
        team.require_same(0, torch.device("cpu"))


def test_one_process_asks_nobody():
    values = [torch.tensor([1.0, 2.0])]
    ALONE.mean(values)
    assert values[0].tolist() == [1.0, 2.0]
    assert ALONE.any(True, torch.device("cpu"))
    assert not ALONE.any(False, torch.device("cpu"))
    assert ALONE.leads
    network = model()
    assert ALONE.wrap(network) is network
