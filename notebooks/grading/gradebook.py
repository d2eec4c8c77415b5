"""Results in nbgrader's gradebook, where a teacher's own points stand above these."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat.v4 import new_output
from nbgrader.api import Gradebook, MissingEntry

from notebooks.editions import assignment
from notebooks.grading.results import Result
from vtff_lib import files


@contextmanager
def opened(course: Path) -> Iterator[Gradebook]:
    """Open nbgrader's database of a course."""
    about = assignment.nbgrader(course).coursedir
    with Gradebook(about.db_url, about.course_id) as book:
        yield book


def record(book: Gradebook, course: Path, result: Result) -> None:
    """Write a result into the gradebook, and the notebook that nbgrader's formgrader shows."""
    book.update_or_create_student(result.student)
    if result.reason:
        _forget(book, result)
        return
    submission = book.update_or_create_submission(
        result.lesson, result.student, timestamp=datetime.now(UTC).replace(tzinfo=None)
    )
    for notebook in submission.notebooks:
        for grade in notebook.grades:
            right = result.right.get(grade.name.removeprefix("check_"), False)
            grade.auto_score = float(right) * grade.max_score
            grade.needs_manual_grade = False
    book.db.commit()
    _show(course, result)


def _forget(book: Gradebook, result: Result) -> None:
    """What can no longer be graded has no marks."""
    try:
        book.remove_submission(result.lesson, result.student)
    except MissingEntry:
        return


def _show(course: Path, result: Result) -> None:
    (release,) = (course / "release" / result.lesson).glob("*.ipynb")
    notebook = nbformat.read(release, as_version=4)
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        name = about.get("grade_id", "").removeprefix("check_")
        if about.get("solution"):
            cell.source = result.answers.get(name, cell.source)
        if about.get("grade"):
            said = f"{'✓' if result.right.get(name) else '✗'} {result.words.get(name, '')}"
            cell.outputs = [new_output("stream", name="stdout", text=said)]
    folder = course / "autograded" / result.student / result.lesson
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / release.name, nbformat.writes(notebook))
    files.write(folder / "timestamp.txt", time.strftime("%Y-%m-%d %H:%M:%S UTC\n", time.gmtime()))
