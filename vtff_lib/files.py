"""Files are written whole or not at all: beside their place, flushed to disk, then put there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block is over.

    Until then what stood at `path` stays, and it stays for good if the block raises. A process that
    is killed leaves the unfinished file, hidden; `clear_unfinished` removes it.

    Raises:
        OSError: if the file cannot be written, or the disk is full.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
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
    for unfinished in path.parent.glob(f".{path.name}.*.part"):
        unfinished.unlink(missing_ok=True)
