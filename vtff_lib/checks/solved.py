"""Which exercises are solved: remembered while the kernel runs, and in a file only if asked.

The file is `.vtff_progress.json` in your home folder, or what the environment variable
VTFF_PROGRESS names. It holds names of exercises and nothing else.
"""

import contextlib
import json
import os
from pathlib import Path

from vtff_lib import files


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
        if progress_file().is_file():
            with contextlib.suppress(OSError):  # a full disk is no reason to stop a lesson either
                self.keep()

    def keep(self) -> None:
        """Write the file; from now on every right answer is added to it."""
        files.write(progress_file(), json.dumps({"solved": sorted(self.names())}, indent=1) + "\n")

    def erase(self) -> None:
        """Forget everything and delete the file."""
        self._solved.clear()
        progress_file().unlink(missing_ok=True)

    def _stored(self) -> set[str]:
        try:
            return set(map(str, json.loads(progress_file().read_text(encoding="utf-8"))["solved"]))
        except (OSError, ValueError, KeyError, TypeError):
            return set()  # a damaged file is no reason to stop a lesson; `keep` writes it anew


SOLVED = SolvedExercises()
