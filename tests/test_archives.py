"""An archive is extracted whole or not at all, and nothing in it leaves its folder."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_scripts.archives import extract

from data_scripts import archives

FILES = {"faces/a.png": b"a" * 100_000, "faces/deep/ä.txt": "ä".encode(), "empty": b""}
Files = dict[str, bytes]


def make_zip(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: Files, mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            add(archive, name, content)
    return path


def add(
    archive: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), "faces/a.png"
    archive.addfile(info, io.BytesIO(content))


MAKERS: dict[str, Callable[[Path, Files], Path]] = {
    "zip": make_zip,
    "stored zip": lambda path, files: make_zip(path, files, zipfile.ZIP_STORED),
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
}
every_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
zip_and_tar = pytest.mark.parametrize("make", [make_zip, make_tar], ids=["zip", "tar"])


def contents(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refuse(archive: Path, message: str, error: type[Exception] = ValueError, **caps: int) -> None:
    """Check that an archive is refused, and that nothing at all is left of it."""
    folder = archive.parent / "out" / "folder"
    before = contents(archive.parent)
    with pytest.raises(error, match=message):
        extract(archive, folder, **caps)
    assert contents(archive.parent) == before
    assert not folder.parent.exists() or not list(folder.parent.iterdir())


@every_kind
def test_every_kind_of_archive_is_told_by_its_content(
    tmp_path: Path, make: Callable[[Path, Files], Path]
) -> None:
    archive = make(tmp_path / "archive.dat", FILES)
    folder = tmp_path / "new" / "folder"
    assert extract(archive, folder) == [folder / name for name in FILES]
    assert contents(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_a_tar_that_holds_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner", {"a": b"inner"}).read_bytes()
    archive = make_tar(tmp_path / "archive.zip", {"inner.zip": inner})
    assert zipfile.is_zipfile(archive)
    extract(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"inner.zip": inner}


def test_folders_come_along_even_when_they_are_empty_or_the_root(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        for name in (".", "./faces", "./faces/none"):
            add(archive, name, kind=tarfile.DIRTYPE)
        add(archive, "./faces/a")
        add(archive, "./faces", kind=tarfile.DIRTYPE)
    assert extract(tmp_path / "archive", tmp_path / "out") == [tmp_path / "out/faces/a"]
    assert (tmp_path / "out" / "faces" / "none").is_dir()
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as packed:
        for name in ("faces/", "faces/none/", "faces/a"):
            packed.writestr(name, b"")
    extract(tmp_path / "archive.zip", tmp_path / "out2")
    assert (tmp_path / "out2" / "faces" / "none").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_others_can_read_what_others_can_read_elsewhere_and_nothing_is_made_to_run(
    tmp_path: Path,
) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        info = tarfile.TarInfo("a")
        info.mode = 0o6777
        archive.addfile(info)
    extract(tmp_path / "archive", tmp_path / "out")
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "a").touch()
    for name in ("", "a"):
        assert (tmp_path / "out" / name).stat().st_mode == (
            tmp_path / "usual" / name
        ).stat().st_mode


@zip_and_tar
@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "faces/../../../out.txt",
        "faces/../a",
        "..",
        "/dev/null/out.txt",
        "//server/share/out.txt",
        "C:/out.txt",
        "C:out.txt",
        "a.txt:stream",
        "..\\out.txt",
        "\\out.txt",
        "faces\\a",
        ".. /out.txt",
        "... /out.txt",
        "a\nb",
        "a/" * 300 + "a",
    ],
)
def test_a_name_that_could_lead_out_is_refused(
    tmp_path: Path, make: Callable[[Path, Files], Path], name: str
) -> None:
    archive = make(tmp_path / "archive", {"before": b"1", name: b"2"})
    refuse(archive, r"archive is not extracted: its name '.+' could lead out of the folder\.")


def test_a_name_is_not_cut_at_a_zero(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"a_b": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"a_b", b"a\0b"))
    refuse(archive, "could lead out of the folder")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_link_or_device_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Also a link that points to a harmless file of the same archive."""
    with tarfile.open(tmp_path / "archive", "w") as archive:
        add(archive, "faces/a.png", b"1")
        add(archive, "odd", kind=kind)
    refuse(tmp_path / "archive", "its 'odd' is a link or a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_a_link_or_device_in_a_zip_is_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("odd")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr(info, "../../secret")
    refuse(tmp_path / "archive", "its 'odd' is a link or a device")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flags of the file
    content[content.index(b"PK\1\2") + 8] |= 1  # and in the list of files
    archive.write_bytes(content)
    refuse(archive, "its 'a' is encrypted")


def test_what_the_filter_of_tarfile_refuses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes second, so that nothing reaches it today: this only proves that it is asked."""

    def suspicious(info: tarfile.TarInfo, folder: str) -> None:
        raise tarfile.AbsolutePathError(info)

    monkeypatch.setattr(tarfile, "data_filter", suspicious)
    refuse(make_tar(tmp_path / "archive", FILES), "not extracted: member 'faces/a.png' has")


@every_kind
def test_a_bomb_is_stopped_while_it_unpacks(
    tmp_path: Path, make: Callable[[Path, Files], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / "archive", {"small": b"1" * 100, "bomb": bytes(10_000_000)})
    written: list[int] = []
    monkeypatch.setattr(Path, "open", counting(Path.open, written))
    refuse(archive, "its files have more than max_bytes=300000 bytes together", max_bytes=300_000)
    assert 0 < sum(written) <= 300_000


def counting(open_file: Callable, written: list[int]) -> Callable:
    """Return `open_file`, but each file that is new tells how many bytes are written to it."""

    def open_counting(path: Path, mode: str = "r", *args: object) -> io.IOBase:
        file = open_file(path, mode, *args)
        if "r" in mode:
            return file
        write = file.write

        class Counting(io.FileIO):
            def write(self, content: bytes) -> int:  # type: ignore[override]
                written.append(len(content))
                return write(content)

            def close(self) -> None:
                file.close()
                super().close()

        return Counting(os.dup(file.fileno()), "w")

    return open_counting


@zip_and_tar
def test_the_limits_hold_for_all_files_together(
    tmp_path: Path, make: Callable[[Path, Files], Path]
) -> None:
    archive = make(tmp_path / "archive", {f"folder/{i}": bytes(100) for i in range(9)})
    refuse(archive, "more than max_bytes=899 bytes", max_bytes=899)
    refuse(archive, "more than max_files=9 files and folders", max_files=9)
    assert len(extract(archive, tmp_path / "out2", max_bytes=900, max_files=10)) == 9


def test_the_holes_of_a_sparse_file_count(tmp_path: Path) -> None:
    """A file of 2 MB, all of it a hole, that takes one block in the archive."""
    info = tarfile.TarInfo("hole")
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "2000000"}
    with tarfile.open(tmp_path / "archive", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    refuse(tmp_path / "archive", "more than max_bytes=1000000 bytes", max_bytes=1_000_000)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@zip_and_tar
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.txt", "A.TXT"),
        ("a.txt", "./a.txt"),
        ("faces/a", "Faces/b"),
        ("faces", "faces/a"),
        ("faces/a", "faces"),
        ("straße", "STRASSE"),
        ("\u00e4", "a\u0308"),
    ],
)
def test_names_that_some_computers_take_for_the_same_are_refused(
    tmp_path: Path, make: Callable[[Path, Files], Path], first: str, second: str
) -> None:
    archive = make(tmp_path / "archive", {first: b"1", second: b"2"})
    refuse(archive, "not extracted: '.+' and '.+' in it may be the same to some computers")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        add(archive, "a", b"1")
        add(archive, "a", b"2")
    refuse(tmp_path / "archive", "'a' and 'a' in it may be the same to some")


@every_kind
def test_an_archive_that_is_cut_short_or_damaged_is_refused(
    tmp_path: Path, make: Callable[[Path, Files], Path]
) -> None:
    noise = bytes(i * i * 7 % 251 for i in range(50_000))
    content = make(tmp_path / "archive", {"a": noise, "b": noise[::-1]}).read_bytes()
    for cut in (len(content) // 3, len(content) // 2):
        (tmp_path / "archive").write_bytes(content[:cut])
        refuse(tmp_path / "archive", r"archive is (damaged \(|not extracted: it is no zip or tar)")


@pytest.mark.parametrize("kind", ["zip", "stored zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_changed_byte_is_noticed_by_the_checksum(tmp_path: Path, kind: str) -> None:
    """Plain tar has no checksum of what is in its files."""
    noise = os.urandom(50_000)
    archive = MAKERS[kind](tmp_path / "archive", {"a": noise})
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    refuse(archive, r"archive is (damaged \(.+\); get it again|.+ its beginning is damaged)\.")


@pytest.mark.parametrize("end", [b"", b"\1" * 512])
def test_a_tar_that_ends_between_two_files_is_damaged(tmp_path: Path, end: bytes) -> None:
    archive = make_tar(tmp_path / "archive", {"a": b"1", "b": b"2"})
    archive.write_bytes(archive.read_bytes()[:1024] + end)
    with tarfile.open(archive) as opened:
        assert opened.getnames() == ["a"]  # tarfile itself does not complain
    refuse(archive, r"is damaged \(its end is missing\)")


@zip_and_tar
def test_an_archive_without_files_is_refused(
    tmp_path: Path, make: Callable[[Path, Files], Path]
) -> None:
    refuse(make(tmp_path / "archive", {}), "not extracted: it holds no file")


@pytest.mark.parametrize("content", [b"", b"no archive", b"<html>" * 1000, b"\x1f\x8b" + b"0" * 99])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    refuse(tmp_path / "a.zip", "it is no zip or tar archive, or its beginning is damaged")


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "a.zip", "There is no archive .*; check the path", FileNotFoundError)


def test_a_folder_with_something_in_it_is_left_alone_and_an_empty_one_is_used(
    tmp_path: Path,
) -> None:
    archive = make_zip(tmp_path / "archive", FILES)
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty; extract archive into a new folder"):
        extract(archive, out)
    with pytest.raises(ValueError, match="is not empty"):
        extract(archive, out / "mine")
    assert contents(out) == {"mine": b"mine"}
    (out / "mine").unlink()
    extract(archive, out)
    assert contents(out) == FILES


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_stop_or_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    archive = make_zip(tmp_path / "archive", FILES)
    write, calls = archives._write, []

    def fail_later(*given: object) -> int:
        calls.append(given)
        if len(calls) == 2:
            raise error
        return write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(archives, "_write", fail_later)
    with pytest.raises(type(error)):
        extract(archive, tmp_path / "out" / "folder")
    assert not list((tmp_path / "out").iterdir())
