"""What each submission got, kept in the course: a file for each, and nbgrader's gradebook.

    graded/03_local_vs_global_attention/ada.json

Started again, the grader reads there what it need not do again. In the gradebook a teacher's own
points stand above these, as nbgrader has it.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat.v4 import new_output
from nbgrader.api import Gradebook, MissingEntry

from notebooks.editions import assignment
from vtff_lib import files


@dataclass
class Result:
    """What became of a submission.

    Args:
        student, lesson: whose and which.
        key: of what was graded: notebook, release and checks.
        reason: why it is not graded; empty if it is.
        right: for each exercise, whether it is.
        words: what its check said.
        answers: the code.
        notes: what the teacher should know.
        seconds: that it took.
    """

    student: str
    lesson: str
    key: str
    reason: str = ""
    right: dict[str, bool] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def key_of(*paths: Path) -> str:
    """Return what tells one content of some files from another."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def path_of(course: Path, lesson: str, student: str) -> Path:
    """Return where a result is kept."""
    return course / "graded" / lesson / f"{student}.json"


def keep(course: Path, result: Result) -> None:
    """Write a result."""
    path = path_of(course, result.lesson, result.student)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, json.dumps(asdict(result), indent=1))


def kept(course: Path, lesson: str, student: str) -> Result | None:
    """Return the result of a submission, if there is one."""
    try:
        text = path_of(course, lesson, student).read_text(encoding="utf-8")
        return Result(**json.loads(text))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def gradebook(course: Path) -> Iterator[Gradebook]:
    """Open nbgrader's database of a course."""
    about = assignment.nbgrader(course).coursedir
    with Gradebook(about.db_url, about.course_id) as opened:
        yield opened


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
