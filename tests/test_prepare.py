"""Packing a data set: every picture arrives or is named; what was stopped ends as the same file."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_scripts import prepare as script
from data_scripts.prepare import Settings, prepare
from vtff_lib.datasets import FaceSet, shards
from vtff_lib.datasets.sources import Catalogue
from vtff_lib.datasets.sources.folders import catalogue_folders
from vtff_lib.files import only_one

ROOT = Path(__file__).parent.parent
SETTINGS = Settings(size=8)


def picture(row: int) -> np.ndarray:
    """A picture of its own size and colours for each row; wider than high."""
    return np.random.default_rng(row).integers(0, 256, (10 + row, 14 + row, 3), dtype=np.uint8)


def catalogue(count: int = 7, damaged: tuple[int, ...] = (), **columns) -> Catalogue:
    """A made-up set of which some pictures cannot be opened."""

    def load(row: int) -> np.ndarray:
        if row in damaged:
            raise ValueError(f"{row}.jpg is cut short.")
        return picture(row)

    rows = torch.arange(count)
    names = tuple(f"{row}.jpg" for row in range(count))
    made = Catalogue("Made-up", "all", ("calm", "glad"), names, rows % 2, rows % 3, load, "Ours.")
    return replace(made, **columns)


def test_every_picture_arrives_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    votes, people = torch.arange(14).view(7, 2).float(), torch.arange(7) // 2
    known = catalogue(votes=votes, people=people, remarks=("One is missing.",))
    prepare(known, tmp_path / "set.safetensors", SETTINGS, "by hand", shard_size=3)
    read = FaceSet.read(tmp_path / "set.safetensors")
    assert read.ids == known.ids
    assert read.class_names == known.class_names
    for row in range(7):
        rows, columns = 10 + row, 14 + row
        middle = Image.fromarray(picture(row)).resize(
            (8, 8), Image.Resampling.BICUBIC, box=(2, 0, columns - 2, rows)
        )
        assert torch.equal(read.images[row], torch.from_numpy(np.array(middle)).permute(2, 0, 1))
    assert torch.equal(read.labels, known.labels)
    assert torch.equal(read.splits, known.splits)
    assert torch.equal(read.targets, votes)
    assert torch.equal(read.extras["identities"], people)
    for name, value in (
        ("name", "Made-up"), ("protocol", "all"), ("terms", "Ours."), ("left_out", []),
        ("remarks", ["One is missing."]), ("made_by", "by hand"),
    ):  # fmt: skip
        assert read.manifest[name] == value


def test_what_cannot_be_opened_is_left_out_and_named_or_stops_the_work(tmp_path: Path) -> None:
    out = tmp_path / "set.safetensors"
    prepare(catalogue(damaged=(1, 5)), out, SETTINGS, "by hand", shard_size=4)
    read = FaceSet.read(out)
    assert read.ids == ("0.jpg", "2.jpg", "3.jpg", "4.jpg", "6.jpg")
    assert torch.equal(read.labels, torch.tensor([0, 0, 1, 0, 0]))
    assert read.manifest["left_out"] == [
        "1.jpg: 1.jpg is cut short.", "5.jpg: 5.jpg is cut short.",
    ]  # fmt: skip
    before = out.read_bytes()
    with pytest.raises(ValueError, match=r"^1\.jpg: 1\.jpg is cut short\. \(1 of 4"):
        prepare(catalogue(damaged=(1, 5)), out, replace(SETTINGS, strict=True), "x", shard_size=4)
    assert out.read_bytes() == before
    with pytest.raises(ValueError, match=r"0\.jpg is cut short\. \(3 of 3"):
        prepare(catalogue(damaged=(0, 1, 2)), tmp_path / "b.safetensors", SETTINGS, "x", 3)
    assert not (tmp_path / "b.safetensors").exists()


def test_the_content_has_one_hash_whatever_the_coding_and_another_when_a_pixel_changes(
    tmp_path: Path,
) -> None:
    def content(name: str, quality: int | None = None, **columns) -> str:
        out = tmp_path / f"{name}.safetensors"
        prepare(catalogue(**columns), out, replace(SETTINGS, quality=quality), "x", shard_size=3)
        return FaceSet.read(out).manifest["content_sha256"]

    first = content("first")
    assert content("again") == first
    assert content("coded", quality=60) == first
    labels = torch.arange(7) % 2
    labels[4] = 1 - labels[4]
    assert content("relabelled", labels=labels) != first
    changed = picture(3)
    changed[5, 8] ^= 255
    others = catalogue(load=lambda row: changed if row == 3 else picture(row))
    prepare(others, tmp_path / "changed.safetensors", SETTINGS, "x", shard_size=3)
    told = FaceSet.read(tmp_path / "changed.safetensors").manifest
    assert told["content_sha256"] != first


def prepare_until_killed(out: str) -> None:
    """Run in a process of its own, which is killed when it opens the sixth picture."""

    def load(row: int) -> np.ndarray:
        if row == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return picture(row)

    prepare(catalogue(load=load), Path(out), SETTINGS, "by hand", shard_size=2)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_run_that_is_killed_goes_on_to_the_same_file(tmp_path: Path) -> None:
    prepare(catalogue(), tmp_path / "whole.safetensors", SETTINGS, "by hand", shard_size=2)
    out = tmp_path / "killed.safetensors"
    code = "import sys; from tests.test_prepare import prepare_until_killed as go; go(sys.argv[1])"
    killed = subprocess.run([sys.executable, "-c", code, str(out)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    opened: list[int] = []

    def load(row: int) -> np.ndarray:
        opened.append(row)
        return picture(row)

    with pytest.raises(ValueError, match="made with other settings"):
        prepare(catalogue(load=load), out, SETTINGS, "in another way", shard_size=2)
    prepare(catalogue(load=load), out, SETTINGS, "by hand", shard_size=2)
    assert sorted(opened) == [4, 5, 6]
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        "whole.safetensors",
        "killed.safetensors",
    }


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(("full_at", "left_to_open"), [(3, [4, 5, 6]), (5, [])])
def test_a_full_disk_is_told_and_with_room_the_same_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: int, left_to_open: list, code: int
) -> None:
    """Full at the third of four shards, and when all four are there and are joined."""
    prepare(catalogue(), tmp_path / "whole.safetensors", SETTINGS, "by hand", shard_size=2)
    out = tmp_path / "set.safetensors"
    out.write_bytes(b"what stood here before")
    write, written = Path.write_bytes, []

    def write_until_full(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) < full_at:
            return write(path, content)
        write(path, content[: len(content) // 2])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(OSError, match=r"^The disk is full \(.*\); make room, and the same command"):
        prepare(catalogue(), out, SETTINGS, "by hand", shard_size=2)
    monkeypatch.undo()
    assert out.read_bytes() == b"what stood here before"
    assert not list(tmp_path.rglob("*.part"))
    opened: list[int] = []

    def load(row: int) -> np.ndarray:
        opened.append(row)
        return picture(row)

    prepare(catalogue(load=load), out, SETTINGS, "by hand", shard_size=2)
    assert sorted(opened) == left_to_open
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_other_errors_of_the_disk_are_told_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        prepare(catalogue(), tmp_path / "set.safetensors", SETTINGS, "by hand")


@pytest.mark.parametrize("count", [20, 21])
def test_a_last_picture_that_is_damaged_stops_nothing(tmp_path: Path, count: int) -> None:
    """However many there are: it is never in a shard of its own."""
    out = tmp_path / "set.safetensors"
    prepare(catalogue(count, damaged=(count - 1,)), out, SETTINGS, "by hand", shard_size=10)
    read = FaceSet.read(out)
    assert read.ids == tuple(f"{row}.jpg" for row in range(count - 1))
    assert read.manifest["left_out"] == [f"{count - 1}.jpg: {count - 1}.jpg is cut short."]


def test_a_face_is_sought_where_pictures_show_more(tmp_path: Path) -> None:
    from skimage.data import astronaut

    wide = catalogue(2, load=lambda row: astronaut() if row else np.zeros((64, 64, 3), np.uint8))
    prepare(wide, tmp_path / "a.safetensors", Settings(64, find_faces=True), "x")
    read = FaceSet.read(tmp_path / "a.safetensors")
    assert read.ids == ("1.jpg",)
    assert "0.jpg: " in read.manifest["left_out"][0]
    face = torch.from_numpy(astronaut()[60:175, 165:280]).permute(2, 0, 1).float()
    seen = read.images[0].float()
    assert (seen.mean((1, 2)) - face.mean((1, 2))).abs().max() < 25


def test_the_command_packs_a_folder_of_class_folders(tmp_path: Path) -> None:
    for name, count in (("happy", 4), ("sad", 3)):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for row in range(count):
            Image.fromarray(picture(row)).save(tmp_path / "faces" / name / f"{name}{row}.png")
    (tmp_path / "faces" / "sad" / "empty.png").write_bytes(b"")
    command = [sys.executable, str(ROOT / "data_scripts" / "prepare.py"), "folders"]
    command += ["--source", "faces", "--out", "new/set.safetensors", "--size", "12"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    read = FaceSet.read(tmp_path / "new" / "set.safetensors")
    assert read.images.shape == (7, 3, 12, 12)
    assert read.labels.bincount().tolist() == [4, 3]
    made_by = read.manifest["made_by"].split()
    assert made_by[:2] == ["python", "data_scripts/prepare.py"]
    again = [sys.executable, str(ROOT / made_by[1]), *made_by[2:], "--source", "faces"]
    subprocess.run([*again, "--out", "again.safetensors"], cwd=tmp_path, check=True)
    packs = [tmp_path / "new" / "set.safetensors", tmp_path / "again.safetensors"]
    assert packs[0].read_bytes() == packs[1].read_bytes()
    assert "left out: " in run.stdout
    assert "empty.png" in run.stdout
    assert "8/8" in run.stderr  # the progress bar


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "text": lambda whole: b"<html>404</html>",
    "zeros": lambda whole: bytes(len(whole)),
    "header": lambda whole: whole[:2] + bytes(18) + whole[20:],
    "narrow": lambda whole: b"P6\n0 5\n255\n",
}


def test_the_command_names_every_damaged_file_or_stops_at_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("happy", "sad"):
        Path("faces", name).mkdir(parents=True)
        for row in range(2):
            Image.fromarray(picture(row)).save(Path("faces", name, f"{row}.jpg"))
    whole = Path("faces", "happy", "0.jpg").read_bytes()
    for name, damage in DAMAGED.items():
        Path("faces", "sad", f"{name}.jpg").write_bytes(damage(whole))
    command = ["folders", "--source", "faces", "--size", "8"]
    script.main([*command, "--out", "set.safetensors"])
    read = FaceSet.read("set.safetensors")
    assert read.ids == ("happy/0.jpg", "happy/1.jpg", "sad/0.jpg", "sad/1.jpg")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in told] == sorted(f"sad/{name}.jpg" for name in DAMAGED)
    with pytest.raises(SystemExit, match=r"^sad/cut\.jpg: .* \(6 of 10 pictures cannot be used"):
        script.main([*command, "--out", "strict.safetensors", "--strict"])
    assert not Path("strict.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rafdb", "--source", "nowhere"], "There is no folder nowhere with RAF-DB"),
        (["folders", "--source", ".", "--size", "0"], "--size 0 will not do|none of the layouts"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        script.main([*arguments, "--out", "set.safetensors"])
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "happy").mkdir()
    (tmp_path / "sad").mkdir()
    for name in ("happy", "sad"):
        Image.fromarray(picture(0)).save(tmp_path / name / f"{name}.png")
    monkeypatch.setattr(script, "prepare", stop)
    with pytest.raises(SystemExit, match="130"):
        script.main(["folders", "--source", str(tmp_path), "--out", str(tmp_path / "a")])
    assert capsys.readouterr().err.startswith("Stopped; the same command goes on")


def test_a_missing_shard_is_never_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, join = tmp_path / "set.safetensors", shards.join_packs

    def lose_one(paths: list[Path], *given: object) -> None:
        paths[1].unlink()
        join(paths, *given)

    monkeypatch.setattr(shards, "join_packs", lose_one)
    with pytest.raises(FileNotFoundError, match=r"There is no pack .*0000002\.safetensors"):
        prepare(catalogue(), out, SETTINGS, "by hand", shard_size=2)
    assert not out.exists()
    monkeypatch.undo()
    prepare(catalogue(), out, SETTINGS, "by hand", shard_size=2)
    assert len(FaceSet.read(out)) == 7


def test_two_processes_do_not_make_one_pack(tmp_path: Path) -> None:
    out = tmp_path / "set.safetensors"
    with (
        only_one(tmp_path / "set.safetensors.parts"),
        pytest.raises(ValueError, match="Another process works in"),
    ):
        prepare(catalogue(), out, SETTINGS, "by hand")
    prepare(catalogue(), out, SETTINGS, "by hand")
    assert [path.name for path in tmp_path.iterdir()] == ["set.safetensors"]


def class_folders(folder: Path, count: int = 4) -> Path:
    for name in ("happy", "sad"):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            Image.fromarray(picture(row)).save(folder / name / f"{row}.png")
    return folder


@pytest.mark.parametrize("change", ["picture", "folder", "nothing"])
def test_what_is_gone_on_with_was_made_of_the_same_pictures(tmp_path: Path, change: str) -> None:
    source, out = class_folders(tmp_path / "faces"), tmp_path / "set.safetensors"
    listed = catalogue_folders(source)

    def stop(row: int) -> np.ndarray:
        if row == 5:
            raise KeyboardInterrupt
        return listed.load(row)

    with pytest.raises(KeyboardInterrupt):
        prepare(replace(listed, load=stop), out, SETTINGS, "x", shard_size=2)
    if change == "picture":
        Image.fromarray(255 - picture(0)).save(source / "happy" / "0.png")
    if change == "folder":
        source.rename(tmp_path / "old")
        shutil.copytree(tmp_path / "old", source / "faces")
        source = source / "faces"
    opened: list[int] = []
    listed = catalogue_folders(source)

    def load(row: int) -> np.ndarray:
        opened.append(row)
        return listed.load(row)

    prepare(replace(listed, load=load), out, SETTINGS, "x", shard_size=2)
    expected = {"picture": [0, 1, 4, 5, 6, 7], "folder": list(range(8)), "nothing": [4, 5, 6, 7]}
    assert sorted(opened) == expected[change]
    prepare(catalogue_folders(source), tmp_path / "new.safetensors", SETTINGS, "x", shard_size=2)
    assert out.read_bytes() == (tmp_path / "new.safetensors").read_bytes()


def test_a_pack_and_what_is_said_tell_no_path_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = []
    for place in ("here", "elsewhere"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        source = class_folders(tmp_path / place / "faces")
        (source / "sad" / "0.png").write_bytes(b"")
        (source / "sad" / "1.png").write_bytes(b"%!PS")
        (source / "sad" / "2.png").unlink()
        (source / "sad" / "2.png").symlink_to(tmp_path / "outside.png")
        Image.fromarray(picture(9)).save(tmp_path / "outside.png")
        script.main(["folders", "--source", str(source), "--out", "set.safetensors", "--size", "8"])
        packs.append(Path("set.safetensors").read_bytes())
    assert packs[0] == packs[1]
    assert str(tmp_path).encode() not in packs[0]
    told = capsys.readouterr()
    assert str(tmp_path) not in told.out + told.err
    assert told.out.count("left out: ") == 6
    assert "left out: sad/2.png: sad/2.png leads out of the folder of the data set" in told.out


def test_names_of_any_bytes_and_a_terminal_of_ascii_stop_nothing(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "faces")
    name = b"n\xff\xfe\x1b[2J.png"
    try:
        (source / "sad" / "0.png").rename(os.fsdecode(os.fsencode(source / "sad") + b"/" + name))
    except OSError:
        pytest.skip("names are UTF-8 here")
    (source / "sad" / os.fsdecode(b"\xe9.png")).write_bytes(b"")
    (source / "sad" / "ü.png").write_bytes(b"")
    command = [sys.executable, str(ROOT / "data_scripts" / "prepare.py"), "folders"]
    command += ["--source", "faces", "--out", "set.safetensors", "--size", "8"]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert run.returncode == 0, run.stderr
    assert rb"left out: sad/\xfc.png: " in run.stdout
    assert rb"left out: sad/\udce9.png: " in run.stdout
    assert "sad/n\\udcff\\udcfe\\x1b[2J.png" in FaceSet.read(tmp_path / "set.safetensors").ids


def test_a_class_of_which_nothing_can_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = class_folders(tmp_path / "faces")
    for path in (source / "sad").iterdir():
        path.write_bytes(b"cut")
    shares = ["--valid-share", "0", "--test-share", "0"]
    script.main(["folders", "--source", "faces", "--out", "a.safetensors", "--size", "8", *shares])
    assert "note: none of the 4 of sadness in train can be opened." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--quality", "500"], "'500' will not do; give 0 to 100 or \"lossless\""),
        (["--quality", "good"], "'good' will not do; give 0 to 100"),
        (["--seed", str(2**70)], "will not do; give 0 to 9223372036854775807"),
        (["--size", "20000"], "--size 20000 will not do; give 1 to 1024 pixels"),
    ],
)
def test_a_setting_that_will_not_do_is_told_before_any_work(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], option: list[str], message: str
) -> None:
    source = class_folders(tmp_path / "faces")
    command = ["folders", "--source", str(source), "--out", str(tmp_path / "a.safetensors")]
    with pytest.raises(SystemExit) as stopped:
        script.main([*command, *option])
    assert message in f"{stopped.value}{capfd.readouterr().err}"
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_line_that_cannot_be_used_is_named_in_the_pack_or_stops_a_strict_run(
    tmp_path: Path,
) -> None:
    some = catalogue(left_out=("labels.csv, line 3: the code 9 is unknown.",))
    out = tmp_path / "set.safetensors"
    prepare(some, out, SETTINGS, "x")
    assert FaceSet.read(out).manifest["left_out"] == list(some.left_out)
    with pytest.raises(ValueError, match=r"^labels\.csv, line 3: .* \(1 cannot be used\.\)$"):
        prepare(some, out, replace(SETTINGS, strict=True), "x")
