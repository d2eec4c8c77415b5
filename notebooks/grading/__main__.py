"""Grade a class: `python -m notebooks.grading COURSE [LESSON ...]`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from notebooks.grading.intake import unpack
from notebooks.grading.walls import Limits, Walls
from notebooks.grading.whole_class import PROCESSES, grade_class
from vtff_lib.endings import in_a_sentence


def chosen(course: Path, named: Sequence[str]) -> list[str]:
    """Return the lessons to grade, by names or numbers.

    Raises:
        ValueError: if the course has none of that name.
    """
    if not (course / "release").is_dir():
        raise ValueError(
            f"{course} is no course: it has no folder release. `make assignment` makes one."
        )
    lessons = sorted(path.name for path in (course / "release").iterdir())
    for name in named:
        if not any(name in (lesson, lesson.split("_")[0]) for lesson in lessons):
            raise ValueError(f"The course has no lesson {name}; it has {', '.join(lessons)}.")
    return [
        lesson
        for lesson in lessons
        if not named or lesson in named or lesson.split("_")[0] in named
    ]


def main(arguments: list[str] | None = None) -> None:
    """Grade as asked on the command line."""
    parser = argparse.ArgumentParser(description="Grade a class.")
    parser.add_argument("course", type=Path, help="folder that `make assignment` made")
    parser.add_argument("lessons", nargs="*", help="lessons to grade, 03 say; else all")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="at a time")
    parser.add_argument(
        "--without-walls",
        action="store_true",
        help="run students' code with your own rights where the system offers nothing better",
    )
    asked = parser.parse_args(arguments)
    with in_a_sentence("Stopped; what was graded is kept. Started again, it goes on."):
        if not hasattr(os, "fork"):
            raise ValueError(
                "Grading needs Linux or macOS. On Windows, run it in WSL or in a container."
            )
        lessons = chosen(asked.course, asked.lessons)
        walls = Walls.found()
        print(walls)
        if not walls.stand and not asked.without_walls:
            raise ValueError(
                "So it is not done unasked. Grade on Linux, in a container, or as root of a "
                "machine for this alone; or add --without-walls if you have read what was sent."
            )
        for words in unpack(asked.course):
            print(f"Left in the inbox: {words}")
        shown = grade_class(asked.course, lessons, walls, Limits(), asked.processes)
        for lesson, its in shown.items():
            missed = [each for each in its if each.reason]
            if its:
                print(f"{lesson}: {len(its) - len(missed)} graded, {len(missed)} not.")
            for each in missed:
                print(f"  {each.student}: {each.reason}")
        print(f"Reports and lists are in {asked.course / 'reports'}.")


if __name__ == "__main__":
    main()
