"""What each submission got, kept in the course: a file for each.

    graded/03_local_vs_global_attention/ada.json

Started again, the grader reads there what it need not do again.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
