"""Fetch public data by name: `python data_scripts/fetch.py --list` shows what there is."""

import argparse
import sys
from pathlib import Path

from data_scripts.archives import extract
from data_scripts.downloads import DOWNLOADS, fetch

OUT = Path("build") / "downloads"  # git ignores it


def run(name: str, out: Path, extracting: bool) -> None:
    """Show the terms of a download, fetch it into `out`, and extract it there if asked to.

    Raises:
        ValueError: if there is no download of that name, or as `fetch` and `extract` do.
        OSError: as `fetch` and `extract` do.
    """
    if name not in DOWNLOADS:
        raise ValueError(f"There is no download {name!r}; choose one of {', '.join(DOWNLOADS)}.")
    download = DOWNLOADS[name]
    print(f"{download.terms}\nFrom {download.url}", flush=True)
    file = fetch(download, out)
    print(f"{file}: {file.stat().st_size:,} bytes")
    if extracting:
        folder = out / name
        print(f"{folder}: {len(extract(file, folder)):,} files extracted")


def show() -> None:
    """Print the name, file, size and terms of every download."""
    for name, download in DOWNLOADS.items():
        size = "size not pinned" if download.size is None else f"{download.size:,} bytes"
        print(f"{name}: {download.name}, {size}\n    {download.terms}")


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        description="Fetch public data. Stopped, it goes on when run again.",
        epilog="ImageNet weights are not listed: torchvision downloads them itself when a model "
        "asks for them, and checks their hash.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="what to fetch, see --list")
    parser.add_argument("--list", action="store_true", help="show what there is, and its terms")
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="FOLDER", help=f"where to, instead of {OUT}"
    )
    parser.add_argument(
        "--extract", action="store_true", help="also extract the archive, to FOLDER/NAME"
    )
    options = parser.parse_args(arguments)
    try:
        if options.list or options.name is None:
            show()
        else:
            run(options.name, options.out, options.extract)
    except KeyboardInterrupt:
        print("Stopped; the same command goes on.", file=sys.stderr)
        sys.exit(130)
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
