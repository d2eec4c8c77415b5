"""Files are written whole or not at all: beside their place, flushed to disk, then put there."""

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block is over.

    Until then what stood at `path` stays, and it stays for good if the block raises. A process that
    is killed leaves the unfinished file, hidden; `clear_unfinished` removes it.

    Raises:
        OSError: if the file cannot be written, or the disk is full.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{token_hex(4)}.part")  # no other thread has it
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        if error.errno and error.filename in (None, str(unfinished)):
            error.filename = str(path)  # a full disk does not say where
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> None:
    """Write bytes, or text as UTF-8 with the line ends of Unix, to `path`, whole or not at all.

    Raises:
        OSError: if the file cannot be written, or the disk is full.
    """
    with whole(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def clear_unfinished(path: str | Path) -> None:
    """Remove what processes that were killed left of `path`."""
    path = Path(path)
    for unfinished in path.parent.glob(f".{escape(path.name)}.*.part"):
        unfinished.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write a file of JSON text whole, or none at all."""
    write(path, f"{json.dumps(content, indent=1)}\n")


def from_json(text: str) -> Any:
    """Return what JSON text holds; brackets in brackets without end are no JSON either.

    Raises:
        ValueError: if it is no JSON text.
    """
    try:
        return json.loads(text)
    except (RecursionError, TypeError) as error:
        raise ValueError("it is nested too deep, or no text") from error


@contextmanager
def only_one(folder: str | Path, patience: float = 0.0, name: str = ".lock") -> Iterator[None]:
    """Work in `folder`, made if it is missing, as the only process; the lock dies with its process.

    It is a file, gone after the block, as are folders that were made and stayed empty. Where a disk
    knows no locks, none is held.

    Args:
        folder: where.
        patience: seconds to wait for another that works there.
        name: of the lock, for who needs but one file of the folder alone.

    Raises:
        ValueError: if another process, or another block of this one, works there.
    """
    folder = Path(folder)
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    ends = time.monotonic() + patience
    while (lock := _locked(folder / name)) is None:
        if time.monotonic() >= ends:
            raise ValueError(
                f"Another process works in {folder}; wait until it has ended, or give another "
                "place to write to."
            )
        time.sleep(0.01)
    try:
        yield
    finally:
        with suppress(OSError), lock:  # Windows keeps what is open
            (folder / name).unlink()
        with suppress(OSError):  # what is not empty stays
            for one in made:
                one.rmdir()


def _locked(path: Path) -> BinaryIO | None:
    """Open and lock a file without waiting; return None if another has it, or took it away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("ab")
    except FileNotFoundError:
        return None
    if _lock(file.fileno()):
        return file
    file.close()
    return None


def _lock(descriptor: int) -> bool:
    """Lock an open file without waiting; return False if another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return os.fstat(descriptor).st_nlink > 0  # else its holder has ended, and took it away
