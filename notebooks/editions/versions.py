"""Versions of an assignment: `make assignment SEED=7`, and the answers, for who teaches.

    python -m notebooks.editions.versions 7 ada ben      # what is right in two students' versions

All students get the same file. In its first cell each writes a name, from which, with the seed,
all else follows (`vtff_lib.checks.versions`). Where versions differ in more than random numbers,
the task is shown by a cell in place of the lesson's text.
"""

import argparse
import os
import re
from collections.abc import Iterable
from typing import Any
from unittest import mock

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from vtff_lib.checks import (
    lesson_01_light,
    lesson_04,
    lesson_07_runs,
    lesson_08b_follows,
    versions,
)

FIRST = """\
from vtff_lib import checks

checks.version("{seed}", "")  # your name, as it stands in the course's list"""
NAME = re.compile(r"""^checks\.version\((["'])(.*?)\1, (["'])(.*?)\3\)""", re.MULTILINE)

LISTED = re.compile(r"^(?:\||\d\. ).*\n", re.MULTILINE)  # rows of a table, items of a list
IN_CODE = {  # cell: what stands there, and what takes its place
    "light-code": (
        re.compile(r"(?s).*"),
        'light = checks.asked("light_that_leaves_codes")\nlight',
    ),
    "sick-picture": (re.compile(r'sick\["cases"\]'), 'checks.asked("diagnosis", sick["cases"])'),
}
IN_WORDS = {  # cell of text, whose list is taken out: the exercise that shows its own behind it
    "exercise-shapes": "broadcast_shapes",
    "exercise-follows": "what_follows",
}


def vary(notebook: NotebookNode, seed: str) -> None:
    """Let a notebook show each student a version: its own first cell, and tasks that differ."""
    notebook.metadata["vtff_version"] = {"seed": seed}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.id in IN_CODE:
            pattern, replacement = IN_CODE[cell.id]
            cell.source, count = pattern.subn(lambda _, new=replacement: new, cell.source, count=1)
            if not count:
                raise ValueError(f"Cell {cell.id} has no {pattern.pattern!r} to be varied.")
        if cell.id in IN_WORDS:
            cell.source = LISTED.sub("", cell.source + "\n").rstrip()
            show = f'checks.asked("{IN_WORDS[cell.id]}")'
            cells.append(new_code_cell(show, id=f"{cell.id}-asked"))
    cells.insert(1, new_code_cell(FIRST.format(seed=seed), id="version"))
    notebook.cells = cells


def version_of(
    release: NotebookNode, cells: Iterable[NotebookNode], student: str, students: Iterable[str]
) -> str | None:
    """Return the version that a submission is graded by; `None` for an assignment without any.

    It is the student's own. A name that is written otherwise than in the list, and is nobody
    else's, counts as it is written: that is a slip, and the work was done in good faith.

    Args:
        release: as it was given out; the seed is its own.
        cells: as they were handed in.
        student: who handed them in, and `students`, all who are in the course.
    """
    seed = release.metadata.get("vtff_version", {}).get("seed")
    if seed is None:
        return None
    others = {versions.named(seed, other) for other in students if other != student}
    written = [found[4] for cell in cells for found in NAME.finditer(cell.source)]
    theirs = [versions.named(seed, name) for name in written[:1] if name.strip()]
    return theirs[0] if theirs and theirs[0] not in others else versions.named(seed, student)


def answers() -> dict[str, Any]:
    """Return what is right in the version in force, for the exercises that ask for a list."""
    lights = lesson_01_light.changes().items()
    return {
        "light_that_leaves_codes": {
            letter for letter, change in lights if not lesson_01_light.moved(change)
        },
        "broadcast_shapes": [lesson_04.fitted(*pair) for pair in lesson_04.pairs()],
        "diagnosis": lesson_07_runs.ailments(),
        "what_follows": [follows for _, follows in lesson_08b_follows.claims()],
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the answers of the versions asked for on the command line."""
    parser = argparse.ArgumentParser(description="Print what is right in students' versions.")
    parser.add_argument("seed", help="as it was given to make assignment SEED=")
    parser.add_argument("names", nargs="+", help="students or groups")
    given = parser.parse_args(arguments)
    for name in given.names:
        with mock.patch.dict(os.environ, {versions.VARIABLE: versions.named(given.seed, name)}):
            print(os.environ[versions.VARIABLE])
            for exercise, right in answers().items():
                print(f"  {exercise}: {sorted(right) if isinstance(right, set) else right}")


if __name__ == "__main__":
    main()
