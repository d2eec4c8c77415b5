"""A file is written whole or not at all, and what a killed process left can be cleared."""

import errno
import math
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vtff_lib import files
from vtff_lib.training.history import History


def test_text_is_utf_8_with_the_line_ends_of_unix(tmp_path):
    files.write(tmp_path / "a.txt", "á\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa1\nb\n"
    assert [*tmp_path.iterdir()] == [tmp_path / "a.txt"]


def test_until_the_block_is_over_the_old_file_stays(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with files.whole(path) as unfinished:
        unfinished.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_threads_that_write_one_file_write_it_whole(tmp_path):
    path, contents = tmp_path / "a.bin", [bytes([number]) * 300_000 for number in range(4)]

    def write(content):
        for _ in range(10):
            files.write(path, content)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, contents))
    assert [*tmp_path.iterdir()] == [path]


def test_what_fails_half_way_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="disk"), files.whole(path) as unfinished:  # noqa: PT012
        unfinished.write_bytes(b"ne")
        raise OSError("The disk is full.")
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_who_may_read_the_file_is_as_the_system_says(tmp_path):
    files.write(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_process_left_is_hidden_and_can_be_cleared(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import os; from vtff_lib import files\n"
        f"with files.whole({str(path)!r}) as f: f.write_bytes(b'ne'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (left,) = (file for file in tmp_path.iterdir() if file != path)
    assert left.name.startswith(".")
    assert path.read_bytes() == b"old"
    files.clear_unfinished(path)
    assert [*tmp_path.iterdir()] == [path]


def test_only_what_is_left_of_this_file_is_cleared(tmp_path):
    (tmp_path / ".[ab].txt.1.part").touch()
    (tmp_path / ".a.txt.1.part").touch()
    files.clear_unfinished(tmp_path / "[ab].txt")
    assert [file.name for file in tmp_path.iterdir()] == [".a.txt.1.part"]


def test_json_is_read_in_one_place_and_brackets_without_end_are_none():
    for path in Path(files.__file__).parent.rglob("*.py"):
        assert "json.loads(" not in path.read_text(encoding="utf-8") or path.name == "files.py"
    with pytest.raises(ValueError, match="nested too deep"):
        files.from_json("[" * 200_000)
    for text in ("[" * 200_000, None, '{"num_classes": "a", "planned": 1, "epochs": []}'):
        with pytest.raises(ValueError, match="is no history"):
            History.from_json(text)


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left.*history\.json"):
        files.write(tmp_path / "history.json", "{}")


def test_a_folder_is_one_process_s_alone_until_it_ends_or_is_killed(tmp_path):
    code = (
        "from vtff_lib import files\n"
        f"with files.only_one({str(tmp_path)!r}): print('in', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline().strip() == b"in"
        with pytest.raises(ValueError, match="Another process works in"):
            files.only_one(tmp_path).__enter__()
    finally:
        other.kill()
        other.communicate()
    with (
        files.only_one(tmp_path),
        pytest.raises(ValueError, match="Another process"),
        files.only_one(tmp_path),
    ):
        pass
    assert [*tmp_path.iterdir()] == ([tmp_path / ".lock"] if os.name == "nt" else [])


def test_who_has_patience_waits_for_its_turn(tmp_path):
    """Each adds one to what it read; without the lock some would read the same."""
    (tmp_path / "count").write_text("0")

    def count() -> None:
        for _ in range(20):
            with files.only_one(tmp_path, math.inf, ".count.lock"):
                number = int((tmp_path / "count").read_text())
                time.sleep(0.001)
                (tmp_path / "count").write_text(f"{number + 1}")

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "count").read_text() == "60"
    with files.only_one(tmp_path), pytest.raises(ValueError, match="Another process works"):
        files.only_one(tmp_path, patience=0.02).__enter__()


def test_a_folder_that_was_made_for_nothing_is_taken_away(tmp_path):
    for content in ([], ["a"]):
        with files.only_one(tmp_path / "new" / "folder"):
            for name in content:
                (tmp_path / "new" / "folder" / name).touch()
        assert (tmp_path / "new").exists() == bool(content)
    (tmp_path / "mine").mkdir()
    with files.only_one(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a file that is open")
def test_a_lock_that_its_holder_took_away_is_none(tmp_path):
    with files.only_one(tmp_path):
        late = (tmp_path / ".lock").open("ab")  # opened before the holder ends, locked after
    with late:
        assert not files._lock(late.fileno())
