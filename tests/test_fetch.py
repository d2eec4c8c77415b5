"""`data_scripts/fetch.py` shows the terms before it asks for anything, and fails in a sentence."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from data_scripts.downloads import DOWNLOADS, Download

from data_scripts import fetch as script
from data_scripts.fetch import main

ROOT = Path(__file__).parent.parent


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive that is fetched already; `faces` is its name."""
    path = tmp_path / "out" / "faces.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.png", b"1")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    faces = Download("faces.zip", "https://example.invalid/faces.zip", size, sha256, "CC BY 4.0.")
    monkeypatch.setitem(DOWNLOADS, "faces", faces)
    return path


@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_the_list_names_every_download_and_its_terms(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments)
    printed = capsys.readouterr().out
    for name, download in DOWNLOADS.items():
        assert f"{name}: {download.name}" in printed
        assert download.terms in printed


def test_the_terms_are_shown_before_anything_is_fetched(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []

    def fetch(download: Download, folder: Path) -> Path:
        shown.append(capsys.readouterr().out)
        return folder / download.name

    monkeypatch.setattr(script, "fetch", fetch)
    main(["faces", "--out", str(archive.parent)])
    assert shown == ["CC BY 4.0.\nFrom https://example.invalid/faces.zip\n"]
    assert capsys.readouterr().out == f"{archive}: {archive.stat().st_size} bytes\n"
    assert list(archive.parent.iterdir()) == [archive]


def test_extract_puts_the_files_beside_the_archive_and_refuses_to_do_so_twice(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["faces", "--out", str(archive.parent), "--extract"]
    main(arguments)
    assert (archive.parent / "faces" / "a.png").read_bytes() == b"1"
    assert "1 files extracted" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"faces is not empty; extract faces\.zip into a new"):
        main(arguments)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (ValueError("One sentence."), "One sentence."),
        (ConnectionError("One sentence."), "One sentence."),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int | str,
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(script, "fetch", fail)
    with pytest.raises(SystemExit) as raised:
        main(["ferplus-labels"])
    assert raised.value.code == code
    told = "Stopped; the same command goes on.\n" if code == 130 else ""
    assert capsys.readouterr().err == told


def test_an_unknown_name_ends_the_command_with_1_and_the_names_that_there_are(
    tmp_path: Path,
) -> None:
    command = [sys.executable, str(ROOT / "data_scripts" / "fetch.py"), "fer"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "There is no download 'fer'; choose one of ferplus-labels, london-neutral, "
        "london-smiling.\n"
    )
    assert not list(tmp_path.iterdir())
