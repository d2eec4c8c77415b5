"""Archives: zip and tar files extracted whole or not at all, and never outside their folder.

Whoever made an archive chose the names and sizes in it, so none of them is trusted. Taught in 10.
"""

import lzma
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

CHUNK = 2**16  # bytes
LONGEST_NAME = 500  # characters
LONGEST_END = 2**20  # bytes of zeros that tar adds
# What damaged archives raise; an OSError counts too if it has no number, so is not from the disk.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.ReadError,
    tarfile.HeaderError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeError,
    struct.error,
)


class _Member(NamedTuple):
    name: str
    is_folder: bool
    open: Callable[[], IO[bytes]]


def extract(
    archive: str | Path,
    folder: str | Path,
    max_bytes: int = 8 * 2**30,
    max_files: int = 200_000,
) -> list[Path]:
    """Extract a zip or tar (plain, .gz, .bz2, .xz) into a new or empty `folder`; return its files.

    What kind it is follows from its content, not from its name. Everything is extracted beside
    `folder` first, which only appears when all of it is there.

    Args:
        archive: the file to extract.
        folder: where to; its parents are made if they are missing.
        max_bytes: the most bytes that all files together may have.
        max_files: the most files and folders that there may be.

    Raises:
        FileNotFoundError: if there is no such archive.
        ValueError: if it is no archive, damaged, empty, encrypted or over a limit; if it holds
            links, devices, names that lead out of the folder, or names that some file systems take
            for the same; or if `folder` has something in it.

    Taught in 10.
    """
    archive, folder = Path(archive), Path(folder)
    if not archive.is_file():
        raise FileNotFoundError(f"There is no archive {archive}; check the path.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty; extract {archive.name} into a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        content = Path(temporary) / "content"  # that folder itself only its owner can read
        content.mkdir()
        files = _extract_all(archive, content, max_bytes, max_files)
        if folder.exists():  # empty, but Windows does not replace it
            folder.rmdir()
        content.rename(folder)
    return [folder / file for file in files]


def _extract_all(archive: Path, content: Path, max_bytes: int, max_files: int) -> list[Path]:
    """Write all members below `content`; return the files, relative to it."""
    files: list[Path] = []
    seen: dict[str, tuple[str, bool]] = {}
    written = 0
    try:
        for member in _members(archive, content):
            path = _safe_path(member.name)
            _enter(path, member.is_folder, seen)
            if len(seen) > max_files:
                raise ValueError(f"it has more than max_files={max_files} files and folders")
            target = content / path
            (target if member.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
            if not member.is_folder:
                written = _write(member, target, written, max_bytes)
                files.append(Path(path))
        if not files:
            raise ValueError("it holds no file")
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(f"{archive} is damaged ({error}); get it again.") from error
    except (tarfile.FilterError, ValueError) as error:
        raise ValueError(f"{archive} is not extracted: {error}.") from error
    return files


def _members(archive: Path, content: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        start = file.read(4)
    if start in (b"PK\3\4", b"PK\5\6"):  # not is_zipfile, which takes a tar of a zip for a zip
        return _zip_members(archive)
    if tarfile.is_tarfile(archive):
        return _tar_members(archive, content)
    raise ValueError("it is no zip or tar archive, or its beginning is damaged")


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if it was not made on Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"its {info.filename!r} is a link or a device")
            if info.flag_bits & 1:
                raise ValueError(f"its {info.filename!r} is encrypted")
            # filename would be without what follows a zero, and has other slashes on Windows.
            yield _Member(info.orig_filename, info.is_dir(), partial(opened.open, info))


def _tar_members(archive: Path, content: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as opened:
        for info in opened:
            if not info.isreg() and not info.isdir():
                raise ValueError(f"its {info.name!r} is a link or a device")
            yield _Member(info.name, info.isdir(), partial(_open_filtered, opened, info, content))
        # tarfile takes damage between two members for the end, and leaves a checksum unread.
        assert opened.fileobj is not None
        opened.fileobj.seek(opened.offset)
        end = opened.fileobj.read(LONGEST_END)
        if len(end) < tarfile.BLOCKSIZE or any(end[: tarfile.BLOCKSIZE]):
            raise tarfile.ReadError("its end is missing")


def _open_filtered(opened: tarfile.TarFile, info: tarfile.TarInfo, content: Path) -> Any:
    return opened.extractfile(tarfile.data_filter(info, str(content)))


def _safe_path(name: str) -> str:
    """Return the path of a member, relative to the folder, for any operating system."""
    path = PurePosixPath(name)
    if (
        len(name) > LONGEST_NAME
        or path.is_absolute()
        or any(character in "\\:" or ord(character) < 32 for character in name)
        or any(not part.rstrip(". ") for part in path.parts)  # Windows drops dots and blanks
    ):
        raise ValueError(f"its name {name[:100]!r} could lead out of the folder")
    return str(path)


def _enter(path: str, is_folder: bool, seen: dict[str, tuple[str, bool]]) -> None:
    """Add a path and the folders above it to `seen`, unless one would overwrite another."""
    parts = PurePosixPath(path).parts
    for depth in range(len(parts), 0, -1):
        path = "/".join(parts[:depth])
        key = unicodedata.normalize("NFC", path).casefold()
        if key in seen and (seen[key] != (path, is_folder) or not is_folder):
            raise ValueError(
                f"{seen[key][0]!r} and {path!r} in it may be the same to some computers"
            )
        seen[key] = (path, is_folder)
        is_folder = True


def _write(member: _Member, target: Path, written: int, max_bytes: int) -> int:
    """Write a file, count its bytes as they come, not as the archive says; return the new sum."""
    with member.open() as source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > max_bytes:
                raise ValueError(f"its files have more than max_bytes={max_bytes} bytes together")
            file.write(chunk)
    return written
