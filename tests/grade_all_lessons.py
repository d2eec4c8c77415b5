"""Hand in and grade every lesson: `python -m tests.grade_all_lessons`.

Two students hand in each lesson, and what one has right the other has wrong or not begun; a table
says what they got. It takes minutes, so it is a command of its own; `tests/test_grading.py` has
what is hostile and odd.
"""

import ast
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.utils import is_solution

from notebooks.editions import assignment, source
from notebooks.grading import examining
from notebooks.grading.mending import cells_of, mended
from notebooks.grading.walls import Limits, Walls
from tests.lessons import NUMBERS, check_call, defines, stored, tables

PROCESSES = 2
WHOLE = ("01", "06", "10")  # lessons that are run from top to bottom, with answers in them
warnings.filterwarnings("ignore", module="nbgrader")  # what it says of its own database

Marks = dict[str, float]  # exercise -> points, or whether it is right


def folder_of(course: Path, number: str, kind: str = "release") -> Path:
    """Return the folder of a lesson's assignment."""
    return course / kind / stored(number).path.stem


def notebook_of(folder: Path) -> NotebookNode:
    """Return the one notebook in a folder."""
    (path,) = folder.glob("*.ipynb")
    return nbformat.read(path, as_version=4)


def graded_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that nbgrader knows, by their names."""
    known = (cell for cell in notebook.cells if "nbgrader" in cell.metadata)
    return {cell.metadata.nbgrader.grade_id: cell for cell in known}


def filled_in(notebook: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Return a notebook with the code of `answers` in the cells of these exercises."""
    cells = graded_cells(notebook)
    for exercise, code in answers.items():
        cells[exercise].source = code
    return notebook


def worked(course: Path, number: str) -> dict[str, str]:
    """Return the answers that the teacher's version has."""
    cells = graded_cells(notebook_of(folder_of(course, number, "source")))
    return {name: cell.source for name, cell in cells.items() if is_solution(cell)}


def chosen(number: str, right: Mapping[str, bool]) -> dict[str, str]:
    """Return answers to a lesson from tests/lessons: a right one, or else a wrong one."""
    return {
        each.name: f"from tests.lessons.lesson_{number} import ANSWERS\n"
        f"{check_call(each.stub).args[0].id} = ANSWERS[{each.name!r}]."
        + ("right[-1]" if right[each.name] else "wrong[0][0]")
        for each in stored(number).exercises()
    }


def short(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook with its exercises, and of all else only what makes the names they use."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            kept = [node for node in ast.parse(cell.source).body if defines(node)]
            cell.source = ast.unparse(ast.Module(kept, []))
    notebook.cells = [each for each in notebook.cells if each.cell_type == "code" and each.source]
    return notebook


def hand_in(course: Path, number: str, student: str, notebook: NotebookNode) -> Marks:
    """Hand a notebook in and let nbgrader grade it; return the marks from its database."""
    released = folder_of(course, number)
    name = released.name
    handed_in = course / "submitted" / student / name
    shutil.copytree(released, handed_in)
    nbformat.write(notebook, handed_in / f"{name}.ipynb")
    with mock.patch.dict(os.environ, PYTHONPATH=str(source.ROOT)):  # for answers of tests/lessons
        grader = assignment.nbgrader(course)
        result = grader.autograde(name, student)
    assert result["success"], result["log"]
    with Gradebook(grader.coursedir.db_url, grader.coursedir.course_id) as gradebook:
        grades = gradebook.find_submission_notebook(name, name, student).grades
        return {each.name.removeprefix("check_"): each.auto_score for each in grades}


def examined(base: NotebookNode, notebook: NotebookNode, files: Path) -> examining.Outcome:
    """Run a notebook against a release, without walls: the answers come from tests/lessons."""
    what = mended(base, cells_of(nbformat.writes(notebook)))
    return examining.examine(what.steps, files, Walls(view=False, account=False), Limits(), 0)


def grade_lesson(number: str) -> list[tuple[str, Marks, Marks, list[str]]]:
    """Grade two students in one lesson: name, marks deserved and given, cells that failed."""
    (lesson,) = source.NOTEBOOKS.glob(f"{number}_*.ipynb")
    names = list(tables(number).ANSWERS)
    every_other = {name: place % 2 == 0 for place, name in enumerate(names)}
    the_others = {name: not right for name, right in every_other.items()}
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder) / "course"
        assignment.make(course, [lesson])
        files = folder_of(course, number)

        def released() -> NotebookNode:
            return notebook_of(files)

        def brief() -> NotebookNode:
            return short(released())

        solutions = worked(course, number)
        students = {
            # In some lessons whole, with right and wrong answers: neither may break what follows.
            "half": (
                every_other,
                released if number in WHOLE else brief,
                chosen(number, every_other),
            ),
            # Else the exercises are enough.
            "other": (the_others, brief, {n: solutions[n] for n in names if the_others[n]}),
        }
        graded = []
        for student, (deserved, base, answers) in students.items():
            outcome = examined(base(), filled_in(base(), answers), files)
            graded.append((student, deserved, outcome.right, outcome.failed))
        return graded


def main() -> int:
    """Print the table; 0 if every mark is as deserved and no cell failed."""
    problems = []
    print(f"{'lesson':8}{'half':>12}{'other':>12}", flush=True)
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), examining.prepare) as pool:
        for number, graded in zip(NUMBERS, pool.map(grade_lesson, NUMBERS), strict=True):
            shown = [f"{sum(marks.values()):g} of {len(marks)}" for _, _, marks, _ in graded]
            print(f"{number:8}" + "".join(f"{each:>12}" for each in shown), flush=True)
            for student, deserved, marks, failed in graded:
                if marks != deserved:
                    problems.append(f"{number}, {student}: {marks}, deserved {deserved}")
                problems += [f"{number}, {student}: this cell failed:\n{cell}" for cell in failed]
    print("\n".join(problems) or "Every mark is as deserved.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
