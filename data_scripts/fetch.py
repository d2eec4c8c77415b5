"""Fetch public data by name: `python data_scripts/fetch.py` shows what there is. Taught in 10.

Offered is what has a pinned hash; of the rest, the list tells the terms and the way to it. ImageNet
weights are not among them: torchvision downloads them itself, and checks their hash.
"""

import argparse
import hashlib
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from vtff_lib import files
from vtff_lib.endings import in_a_sentence

OUT = Path("build") / "downloads"  # git ignores it
CHUNK = 2**16  # bytes
SILENCE, DEADLINE = 30, 600  # seconds without a byte, and for all of it


class Download(NamedTuple):
    """A file that can be fetched, and how to know that it is the right one."""

    name: str
    url: str
    size: int  # bytes
    sha256: str
    terms: str


DOWNLOADS = {
    "ferplus-labels": Download(
        "fer2013new.csv",
        "https://raw.githubusercontent.com/microsoft/FERPlus/"
        "ae2128abf776409c93e50cf7c9d87180673314e6/fer2013new.csv",
        1_602_762,
        "9206e20d62f56475939f516847d61753e4860caeac9718b560129541b776fc2c",
        "FER+ labels (Microsoft), MIT licence. The pictures are not part of them.",
    )
}
BY_HAND = """\
By hand, in a browser:
  Face Research Lab London Set, 102 people, neutral and smiling (DeBruine and Jones, 2017):
    https://doi.org/10.6084/m9.figshare.5047666, neutral_front.zip and smiling_front.zip. CC BY 4.0:
    name its authors wherever you show a picture of it. The people in it agreed to its publication.
  Sets of expressions: `python data_scripts/prepare.py SET --help` says where each comes from."""


def fetch(download: Download, folder: Path) -> Path:
    """Download a file into `folder`, whole and verified or not at all, and return its path.

    Raises:
        ValueError: if what came, or lies there already, is not the file that is expected.
        ConnectionError: if nothing comes, or not in time.
        OSError: if the file cannot be written.
    """
    target = folder / download.name
    if target.exists():
        if not target.is_file() or _differs(target.read_bytes(), download):
            raise ValueError(f"{target} is there, but is another file; move it, and fetch again.")
        return target
    try:
        content = _receive(download)
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"{download.url} could not be fetched ({error or type(error).__name__}); check the "
            f"connection and fetch again, or get it in a browser and save it as {target}."
        ) from error
    if _differs(content, download):
        raise ValueError(
            f"{download.url} gave another file than the one that is pinned ({len(content):,} bytes "
            f"read, expected are {download.size:,}); fetch again, and trust no other."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files.write(target, content)
    return target


def _receive(download: Download) -> bytes:
    """Return what the server sends, at most one byte more than expected."""
    content, deadline = bytearray(), time.monotonic() + DEADLINE
    with urllib.request.urlopen(download.url, timeout=SILENCE) as response:
        while chunk := response.read1(min(CHUNK, download.size + 1 - len(content))):
            content += chunk
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {len(content):,} bytes came in {DEADLINE} seconds")
    return bytes(content)


def _differs(content: bytes, download: Download) -> bool:
    return hashlib.sha256(content).hexdigest() != download.sha256


def run(name: str, out: Path) -> None:
    """Show the terms of a download, and fetch it into `out`.

    Raises:
        ValueError: if there is no download of that name, or as `fetch` does.
        OSError: as `fetch` does.
    """
    if name not in DOWNLOADS:
        raise ValueError(f"There is no download {name!r}; choose one of {', '.join(DOWNLOADS)}.")
    download = DOWNLOADS[name]
    print(f"{download.terms}\nFrom {download.url}", flush=True)
    print(f"{fetch(download, out)}: {download.size:,} bytes, as expected")


def show() -> None:
    """Print the name, file, size and terms of every download, and what is not one."""
    for name, download in DOWNLOADS.items():
        print(f"{name}: {download.name}, {download.size:,} bytes\n    {download.terms}")
    print(BY_HAND)


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description="Fetch public data.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="what to fetch, see --list")
    parser.add_argument("--list", action="store_true", help="show what there is, and its terms")
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="FOLDER", help=f"where to, instead of {OUT}"
    )
    options = parser.parse_args(arguments)
    with in_a_sentence("Stopped, and nothing is kept; give the same command again."):
        if options.list or options.name is None:
            show()
        else:
            run(options.name, options.out)


if __name__ == "__main__":
    main()
