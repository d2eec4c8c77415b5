"""What is measured of memory: a process with all that it starts, and the most that was held."""

import subprocess
import sys

import pytest

from figures.benchmarks import memory

HOLDS = "b = bytearray({mib} * 2**20); del b; input()"
STARTS = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {code!r}]); p.wait()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def watched(code: str, seen: float) -> float:
    """Return the GiB that are told of a process, which is ended when `seen` were looked at."""
    with memory.Watch() as watch:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
        for _ in range(600):  # half a minute, on a machine that has much to do
            if watch.bytes >= seen * 2**30:
                break
            watch.over.wait(memory.EVERY)
        process.communicate()
    return watch.bytes / 2**30


def test_what_was_held_and_given_back_is_counted():
    assert 0.2 < watched(HOLDS.format(mib=200), 0.2) < 0.3


def test_what_a_process_starts_is_counted_with_it():
    inner = HOLDS.format(mib=100)
    code = f"b = bytearray(100 * 2**20); {STARTS.format(code=inner)}"
    assert 0.2 < watched(code, 0.2) < 0.3


def test_what_ran_before_is_not_counted():
    command = [sys.executable, "-c", "b = bytearray(200 * 2**20); print(flush=True); input()"]
    before = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    before.stdout.readline()
    assert memory.held_at_most(before) > 200 * 2**20
    assert 0 < watched("input()", 0.005) < 0.1
    before.communicate()


def test_a_process_that_is_over_holds_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert memory.held_at_most(process) == 0
