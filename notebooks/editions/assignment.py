"""Make an nbgrader course of the lessons: each is an assignment, graded by the lesson's checks.

    python -m notebooks.editions.assignment      # the course folder is build/assignment
    python -m notebooks.editions.assignment --seed 7      # each student has a version

`source/` has what a teacher keeps, with solutions and hidden tests; `release/` has what students
get, made of it by nbgrader, which has written down in `gradebook.db` what there is to grade.
"""

import argparse
import ast
import os
import re
import shutil
import sysconfig
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader

from notebooks import run
from notebooks.editions import manifest, source, versions
from vtff_lib.checks import EXERCISES
from vtff_lib.endings import in_a_sentence

FILES = Path(__file__).with_name("assignment_files")
CONFIG = "nbgrader_config.py"
FOLDERS = ("figures", "data_scripts")  # beside the lessons' folder: what is in them is needed
POINTS = 1  # for each exercise

PYTHON_BLOCK = re.compile(r"^```python\n(.*?)\n```$", re.MULTILINE | re.DOTALL)

# A link of Markdown, its words in group 1, to a file; not a picture, a heading or a web page.
LINK_TO_FILE = re.compile(
    r"""(?<!!)\[((?:`[^`]*`|[^]`])*)\]\((?!https?:|\#)[^()\s]+(?:\s+(?:"[^"]*"|'[^']*'))?\)"""
)

ANSWER = """\
{stub}
### BEGIN SOLUTION
{solution}
### END SOLUTION"""

# The hidden lines bring the checks anew, since an answer may have replaced one in its kernel.
CHECK = """\
### BEGIN HIDDEN TESTS
import sys

for module in [each for each in sys.modules if each.startswith("vtff_lib.checks")]:
    del sys.modules[module]
import vtff_lib.checks as checks
### END HIDDEN TESTS
import contextlib
import sys

with contextlib.redirect_stderr(sys.stdout):  # a warning costs no mark
    verdict = checks.{check}({answer})
display(verdict)
assert verdict, verdict.words"""


class UngradableError(ValueError):
    """An exercise that cannot be graded, or a course that must not be replaced: one sentence."""


class Exercise(NamedTuple):
    """The parts of an exercise: `checks.check(answer)` judges what `stub` becomes."""

    stub: str
    solution: str
    check: str
    answer: str


def exercise(cells: list[NotebookNode], index: int) -> Exercise:
    """Return the exercise whose cell is at `index` among the cells of a lesson.

    Raises:
        UngradableError: if the cell does not end in a call of one of the library's checks, or no
            solution follows.
    """
    cell = cells[index]
    match ast.parse(cell.source).body:
        case [
            *_,
            ast.Expr(
                ast.Call(ast.Attribute(ast.Name("checks"), check), [ast.Name(answer)])
            ) as call,
        ] if check in EXERCISES:
            stub = "\n".join(cell.source.split("\n")[: call.lineno - 1]).rstrip()
            return Exercise(stub, solution(cells, index), check, answer)
    last_line = cell.source.rpartition("\n")[2]
    raise UngradableError(
        f"Exercise {cell.id} ends in `{last_line}`; to be graded it must end in "
        "`checks.name(answer)`, with a check that vtff_lib.checks has."
    )


def solution(cells: list[NotebookNode], index: int) -> str:
    """Return the code of the solution that belongs to the exercise at `index`."""
    for cell in cells[index + 1 :]:
        if "exercise" in source.tags(cell):
            break
        if "solution" in source.tags(cell):
            blocks = PYTHON_BLOCK.findall(cell.source)
            if len(blocks) == 1:
                return blocks[0]
    raise UngradableError(
        f"Exercise {cells[index].id} has no solution: behind it belongs a cell with the tag "
        "`solution` and one ```python block."
    )


def graded(exercise: Exercise) -> list[NotebookNode]:
    """Return the two cells of an exercise: the answer, and the check that gives the points."""
    parts = exercise._asdict()
    answer = new_code_cell(ANSWER.format(**parts), id=f"answer-{exercise.check}")
    check = new_code_cell(CHECK.format(**parts), id=f"check-{exercise.check}")
    both = {"schema_version": 3, "task": False}
    answer.metadata["nbgrader"] = {
        **both,
        "grade_id": exercise.check,
        "grade": False,
        "solution": True,
        "locked": False,
    }
    check.metadata["nbgrader"] = {
        **both,
        "grade_id": f"check_{exercise.check}",
        "grade": True,
        "solution": False,
        "locked": True,
        "points": POINTS,
    }
    check.metadata["tags"] = ["raises-exception"]  # "Run All" goes on where an exercise is open
    return [answer, check]


def instructors_version(lesson: Path) -> NotebookNode:
    """Return a lesson as an assignment with solutions and hidden tests, and without outputs.

    Its files lie beside it, `../figures/a.svg` in `figures/`; a link to another file becomes its
    words.

    Raises:
        UngradableError: if an exercise cannot be graded.
    """
    notebook = source.read(lesson)
    cells = []
    for index, cell in enumerate(notebook.cells):
        if "exercise" in source.tags(cell):
            cells += graded(exercise(notebook.cells, index))
        elif "solution" not in source.tags(cell):
            cells.append(cell)
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = LINK_TO_FILE.sub(r"\1", cell.source)
        for folder in FOLDERS:
            cell.source = cell.source.replace(f"../{folder}", folder)
    notebook.cells = cells
    return notebook


def files_beside(notebook: NotebookNode) -> list[Path]:
    """Return the files whose pictures an assignment shows, or that its code reads or runs."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")

    plans = [
        plan
        for plan in sorted((source.ROOT / "figures" / "plans").iterdir())
        if f"plans/{plan.name}" in code
    ]
    code += "\n".join(plan.read_text(encoding="utf-8") for plan in plans)  # it names its results

    def needed(folder: str, name: str) -> bool:
        shown = f"({folder}/{name})" in prose  # a picture: no other links to files are left
        stem, _, kind = name.partition(".")
        named = kind == "json" and re.search(rf"[\"']{stem}(\.json)?[\"']", code) is not None
        return shown or named or f"{folder}/{name}" in code

    return plans + [
        path
        for folder in FOLDERS
        for path in sorted((source.ROOT / folder).iterdir())
        if needed(folder, path.name)
    ]


def write_source(lesson: Path, folder: Path, seed: str = "") -> None:
    """Write a lesson's assignment into `folder`: the notebook, and the files that it needs."""
    notebook = instructors_version(lesson)
    if seed:
        versions.vary(notebook, seed)
    folder.mkdir(parents=True, exist_ok=True)  # a lesson may need no file
    for file in files_beside(notebook):
        beside = folder / file.parent.relative_to(source.ROOT)
        beside.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, beside)
    for file in (FILES / "README.txt", source.NOTEBOOKS / "matplotlibrc"):
        shutil.copy(file, folder)
    text = nbformat.writes(notebook, indent=1, sort_keys=True)
    run.store(folder / lesson.name, f"{text}\n")


def nbgrader(course: Path) -> NbGraderAPI:
    """Return nbgrader, configured as a course folder says."""
    config = PyFileConfigLoader(CONFIG, path=str(course)).load_config()
    config.CourseDirectory.root = str(course.resolve())
    return NbGraderAPI(config=config)


def release(course: Path) -> None:
    """Let nbgrader make the students' version of every assignment in the course folder.

    Raises:
        UngradableError: if nbgrader refuses one.
    """
    # nbgrader starts `alembic` by its name, and an environment need not be activated.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    grader = nbgrader(course)
    for assignment in sorted(path.name for path in (course / "source").iterdir()):
        result = grader.generate_assignment(assignment)
        if not result["success"]:
            raise UngradableError(f"nbgrader refuses {assignment}: {result['log']}")


def make(folder: Path, lessons: list[Path], seed: str = "") -> None:
    """Make the course folder of `lessons`; with a seed, each student has a version.

    Raises:
        UngradableError: if an exercise cannot be graded, or if there is work in the folder: of
            students, or a teacher's.
        FileExistsError: if `folder` has other files.
    """
    made_before = [name for name in manifest.not_ours(folder) if name != source.MADE_BY]
    if source.is_ours(folder) and made_before:
        raise UngradableError(
            f"{folder} holds work that would be lost, {made_before[0]} first of "
            f"{len(made_before)} new or changed files: move the course elsewhere, or give another "
            "folder with --out."
        )
    with source.making(folder) as course:
        shutil.copy(FILES / CONFIG, course)
        for lesson in lessons:
            write_source(lesson, course / "source" / lesson.stem, seed)
        release(course)
        manifest.write(course)


def with_exercises() -> list[Path]:
    """Return the lessons that have exercises."""
    return [
        lesson
        for lesson in source.lessons()
        if any("exercise" in source.tags(cell) for cell in source.read(lesson).cells)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Make the course folder as asked on the command line."""
    parser = argparse.ArgumentParser(description="Make an nbgrader course of the lessons.")
    where = source.ROOT / "build" / "assignment"
    parser.add_argument("--out", type=Path, default=where, help="folder to make")
    parser.add_argument("--seed", default="", help="a word or number: each student has a version")
    given = parser.parse_args(arguments)
    folder, lessons = given.out, with_exercises()
    with in_a_sentence(source.STOPPED):
        make(folder, lessons, given.seed)
        print(f"{len(lessons)} assignments in {folder}: source and release.")


if __name__ == "__main__":
    main()
