"""What was written into a folder, so that nobody else's work there is ever taken away."""

import hashlib
import json
from pathlib import Path

from vtff_lib import files

LIST = ".made_files.json"


def write(folder: Path) -> None:
    """Write down which files are in a folder, and what is in them."""
    files.write(folder / LIST, json.dumps(_found(folder), indent=1))


def not_ours(folder: Path) -> list[str]:
    """Return the files in a folder that are new or changed since `write`."""
    try:
        made = files.from_json((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        made = {}
    return [name for name, content in _found(folder).items() if made.get(name) != content]


def _found(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != LIST]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }
