"""A file is written whole or not at all, and what a killed process left can be cleared."""

import os
import subprocess
import sys

import pytest

from vtff_lib import files


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
    with files.only_one(tmp_path / "new"):
        pass
    assert [*(tmp_path / "new").iterdir()] == ([tmp_path / ".lock"] if os.name == "nt" else [])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a file that is open")
def test_a_lock_that_its_holder_took_away_is_none(tmp_path):
    with files.only_one(tmp_path):
        late = (tmp_path / ".lock").open("ab")  # opened before the holder ends, locked after
    with late:
        assert not files._lock(late.fileno())
