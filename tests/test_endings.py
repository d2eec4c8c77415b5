"""A mistake from outside ends a command with a sentence; a bug keeps its traceback."""

import ast
import errno
import io
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from vtff_lib.endings import in_a_sentence

OUTSIDE = (ValueError, FileNotFoundError, FloatingPointError, torch.OutOfMemoryError)


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_goes_wrong_outside_is_a_sentence_and_status_1(kind):
    with pytest.raises(SystemExit) as end, in_a_sentence("Stopped."):
        raise kind("There is no such thing; make it.")
    assert end.value.code == "There is no such thing; make it."  # printed, and a status of 1


def test_ctrl_c_is_status_130_and_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit, match=r"^130$"), in_a_sentence("Stopped; the same goes on."):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Stopped; the same goes on.\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(KeyError), in_a_sentence("Stopped."):
        raise KeyError("neutral")


def ended(error: BaseException) -> object:
    with pytest.raises(SystemExit) as end, in_a_sentence("Stopped."):
        raise error
    return end.value.code


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "that can be written to"),
        (errno.EACCES, "that you may"),
        (errno.ENAMETOOLONG, "a shorter name"),
        (errno.ENOENT, "check the path"),
    ],
)
def test_what_the_system_refuses_is_told_with_the_file_and_what_to_do(number, remedy):
    words = ended(OSError(number, os.strerror(number), "runs/a.json"))
    assert words.startswith(f"runs/a.json: {os.strerror(number)}; ")
    assert remedy in words


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …\nC++"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_full_memory_is_a_sentence(error):
    words = ended(error)
    assert words.startswith("The memory does not do (")
    assert words.endswith("ask for less at a time.")
    assert "\n" not in words


def test_other_runtime_errors_are_bugs():
    with pytest.raises(RuntimeError, match="mat1"), in_a_sentence("Stopped."):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RecursionError), in_a_sentence("Stopped."):
        raise RecursionError


def test_what_a_terminal_cannot_show_is_written_otherwise(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    with in_a_sentence("Stopped."):
        print("± n\udcff.jpg", flush=True)
    assert terminal.buffer.getvalue().strip() == rb"\xb1 n\udcff.jpg"


@pytest.mark.skipif(os.name == "nt", reason="Windows tells of a closed pipe otherwise")
def test_an_output_that_nobody_reads_is_a_sentence_and_status_1():
    """Python writes a few lines when all else is over."""
    code = (
        "from vtff_lib.endings import in_a_sentence as run\nwith run('Stopped.'): print('a line')"
    )
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr.startswith("Broken pipe; ")
    assert done.stderr.count("\n") == done.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows' shell cannot close a stream")
def test_a_command_does_its_work_where_nobody_listens(tmp_path):
    """Python has no stdout and stderr then: `sys.stderr.isatty()` would fail."""
    code = (
        "import sys; from vtff_lib.endings import in_a_sentence as run\n"
        "with run('Stopped.'):\n"
        "    print(sys.stdout.isatty(), file=sys.stderr); open('done', 'w').close()"
    )
    shell = ["sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code]
    assert subprocess.run(shell, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "done").exists()


def test_whatever_a_command_does_it_does_in_the_block():
    """What stands after it, to print results say, would end with a traceback."""
    root, blocks = Path(__file__).parents[1], 0
    for place in ("vtff_lib", "data_scripts", "figures", "notebooks"):
        for path in (root / place).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for function in filter(lambda node: isinstance(node, ast.FunctionDef), ast.walk(tree)):
                blocks += function.name == "main" and "in_a_sentence(" in ast.unparse(function)
                for line, after in pairwise(function.body):
                    told = isinstance(line, ast.With) and "in_a_sentence(" in ast.unparse(line)
                    assert not told or isinstance(after, ast.Return), (path.name, function.name)
    assert blocks > 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_sigterm_is_a_sentence_and_status_143_and_the_handler_is_given_back():
    code = (
        "import signal; from vtff_lib.endings import in_a_sentence as run\n"
        "with run(''): pass\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
        "with run('Stopped; go on.'): print('on', flush=True); signal.pause()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"on\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == b"Stopped; go on.\n"
    assert process.returncode == 143
