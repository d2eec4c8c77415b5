"""Which exercises are solved: remembered while the kernel runs, and in a file only if asked.

The file is `.vtff_progress.json` in your home folder, or what the environment variable
VTFF_PROGRESS names. It holds names of exercises and nothing else.
"""

import contextlib
import json
import os
from pathlib import Path

from vtff_lib import files

PATIENCE = 1.0  # seconds for which another kernel that writes is waited for


def progress_file() -> Path:
    """Return where progress is kept, whether or not the file exists."""
    return Path(os.environ.get("VTFF_PROGRESS") or Path.home() / ".vtff_progress.json")


class SolvedExercises:
    """The exercises that were solved: a set of names, and the file it is kept in if that exists."""

    def __init__(self) -> None:
        self._solved: set[str] = set()

    def names(self) -> set[str]:
        """Return the names of all exercises solved so far, in earlier sessions too."""
        return self._solved | self._stored()

    def note(self, name: str, right: bool) -> None:
        """Remember a right answer; a wrong one takes nothing back."""
        if not right:
            return
        self._solved.add(name)
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # a full disk, no home, …
            if progress_file().is_file():
                self.keep()

    def keep(self) -> None:
        """Write the file; from now on every right answer is added to it.

        Raises:
            OSError: if it cannot be written.
            ValueError: if no file can have this name, or another kernel does not end writing it.
            RuntimeError: if there is no home folder.
        """
        path = progress_file()
        if path.exists() and not path.is_file():
            raise OSError(f"{path} is there, and no file")
        # Between reading and writing no other kernel writes.
        with files.only_one(path.parent, PATIENCE, f"{path.name}.lock"):
            content = json.dumps({"solved": sorted(self.names())}, indent=1)
            files.write(path, content + "\n")

    def erase(self) -> None:
        """Forget everything and delete the file.

        Raises:
            OSError, ValueError, RuntimeError: if it cannot be deleted.
        """
        self._solved.clear()
        progress_file().unlink(missing_ok=True)

    def _stored(self) -> set[str]:
        try:
            path = progress_file()
            content = path.read_text(encoding="utf-8-sig") if path.is_file() else "{}"
            return {name for name in files.from_json(content)["solved"] if isinstance(name, str)}
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return set()  # a damaged file is no reason to stop a lesson; `keep` writes it anew


SOLVED = SolvedExercises()
