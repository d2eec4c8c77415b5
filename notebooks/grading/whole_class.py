"""A class is graded: several submissions at a time, each result recorded as it comes."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from notebooks.editions.versions import version_of
from notebooks.grading import examining, results
from notebooks.grading.intake import HandedIn, handed_in
from notebooks.grading.mending import UngradableError, cells_of, mended
from notebooks.grading.walls import Limits, Walls
from vtff_lib import checks

PROCESSES = 2
PLACE = 0  # of a grader among those that work side by side


def start(places: Any) -> None:
    """Make a process a grader."""
    global PLACE
    with places.get_lock():
        PLACE = places.value = places.value + 1
    examining.prepare()


def grade(
    course: Path, one: HandedIn, key: str, walls: Walls, limits: Limits, students: Sequence[str]
) -> results.Result:
    """Return what a submission earns, or why it cannot be graded.

    Args:
        course: its folder.
        one: the submission.
        key: what tells whether the result is still that of the submission.
        walls: around it.
        limits: for it.
        students: all who are in the course, for their versions.
    """
    result = results.Result(one.student, one.lesson, key, one.reason)
    if one.path is None:
        return result
    began = time.monotonic()
    (path,) = (course / "release" / one.lesson).glob("*.ipynb")
    release = nbformat.read(path, as_version=4)
    try:
        cells = cells_of(one.path.read_text(encoding="utf-8-sig", errors="replace"))
        what = mended(release, cells)
        version = version_of(release, cells, one.student, students)
        outcome = examining.examine(what.steps, path.parent, walls, limits, PLACE, version)
    except (UngradableError, OSError) as error:
        result.reason = str(error)
        return result
    result.right, result.answers = outcome.right, what.answers
    result.words = {name: outcome.words[name] for name in outcome.right}
    result.notes = [*what.notes, *outcome.notes]
    result.seconds = round(time.monotonic() - began, 1)
    return result


def key_of(course: Path, one: HandedIn) -> str:
    """Return what tells whether a submission, or what judges it, has changed."""
    judged_by = sorted(Path(checks.__file__).parent.glob("*.py"))
    (release,) = (course / "release" / one.lesson).glob("*.ipynb")
    handed = [one.path] if one.path else []
    return f"{results.key_of(release, *judged_by, *handed)} {one.reason}"


def graded(
    course: Path,
    todo: Sequence[tuple[HandedIn, str]],
    walls: Walls,
    limits: Limits,
    students: Sequence[str],
    processes: int,
) -> Iterator[results.Result]:
    """Yield the results of submissions as they come, from several processes."""
    context = get_context("spawn")
    with ProcessPoolExecutor(
        min(processes, len(todo)), context, start, (context.Value("i", 0),)
    ) as pool:
        at_work = [
            pool.submit(grade, course, one, key, walls, limits, students) for one, key in todo
        ]
        try:
            for future in as_completed(at_work):
                yield future.result()
        finally:  # what has not begun is not waited for
            pool.shutdown(cancel_futures=True)


def grade_class(
    course: Path, lessons: Sequence[str], walls: Walls, limits: Limits, processes: int = PROCESSES
) -> dict[str, list[results.Result]]:
    """Grade all that was handed in and has no result yet; return all results by lesson."""
    if walls.account and not walls.view:
        course.chmod(0o700)  # all that keeps the account out
    by_lesson = {lesson: handed_in(course, lesson) for lesson in lessons}
    keys = {one: key_of(course, one) for ones in by_lesson.values() for one in ones}
    found: dict[HandedIn, results.Result] = {}
    for one, key in keys.items():
        before = results.kept(course, one.lesson, one.student)
        if before and before.key == key:
            found[one] = before
    todo = [(one, key) for one, key in keys.items() if one not in found]
    students = sorted({one.student for one in keys})
    from notebooks.grading import gradebook, reports  # which those who grade need not load

    with gradebook.opened(course) as book:
        for result in tqdm(
            graded(course, todo, walls, limits, students, processes) if todo else [],
            total=len(todo),
            unit="notebook",
            disable=not todo,
        ):
            gradebook.record(book, course, result)
            reports.feedback(course, result)
            results.keep(course, result)  # last: what has a result is done
        everything = [
            results.kept(course, one.lesson, one.student)
            for ones in by_lesson.values()
            for one in ones
        ]
        there = [each for each in everything if each]
        shown = {lesson: [each for each in there if each.lesson == lesson] for lesson in lessons}
        for lesson, its in shown.items():
            if its:
                reports.class_report(course, lesson, its)
        given = sorted(path.name for path in (course / "release").iterdir())
        reports.platforms(course, book, given)
    return shown
