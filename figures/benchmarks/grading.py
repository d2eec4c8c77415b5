"""What it takes to grade a class: `python -m figures.benchmarks.grading`. Linux.

Sixty students hand in right answers to a lesson, which costs more than gaps. It is graded as by
`make grade`, two at a time. The memory is the largest sum of what each process held at most: what
processes share is counted for each.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat

from figures.benchmarks.memory import Watch
from figures.experiments.harness import Record, argument, experiment
from notebooks.editions import assignment
from notebooks.grading.walls import Limits, Walls
from notebooks.grading.whole_class import PROCESSES, grade_class
from tests.grade_all_lessons import filled_in, folder_of, notebook_of, worked
from tests.lessons import stored

STUDENTS = 60
LESSONS = ("03", "07")  # the shortest to grade, and the longest


def hand_in(course: Path, number: str, students: int) -> str:
    """Make a course of one lesson, and fill in right answers; return the lesson's name."""
    assignment.make(course, [stored(number).path])
    right = filled_in(notebook_of(folder_of(course, number)), worked(course, number))
    for student in range(students):
        folder = folder_of(course, number, f"submitted/student {student + 1:02}")
        folder.mkdir(parents=True)
        nbformat.write(right, folder / f"{folder.name}.ipynb")
    return folder.name


def of_class(number: str, students: int = STUDENTS) -> Record:
    """Return seconds and memory of a class, and the points that were earned of those there are."""
    with tempfile.TemporaryDirectory() as place:
        course = Path(place)
        lesson = hand_in(course, number, students)
        began = time.monotonic()
        with Watch() as watch:
            graded = grade_class(course, [lesson], Walls.found(), Limits())[lesson]
        return {
            "lesson": number,
            "students": students,
            "at a time": PROCESSES,
            "seconds": round(time.monotonic() - began),
            "GiB": watch.gib,
            "points": sum(sum(each.right.values()) for each in graded),
            "of": sum(len(each.right) for each in graded),
        }


def summarise(runs: Sequence[Record]) -> Record:
    """Return seconds and GiB by lesson."""
    return {run["lesson"]: {name: run[name] for name in ("seconds", "GiB")} for run in runs}


@experiment(
    "grading.json",
    "nbgrader",
    "ipykernel",
    arguments=[argument("lessons", nargs="*", default=LESSONS, help="numbers (default: 03 07)")],
    summarise=summarise,
    key="lesson",
)
def main(lessons: Sequence[str]) -> Iterator[Record]:
    """Grade the classes."""
    yield from map(of_class, lessons)


if __name__ == "__main__":
    main()
