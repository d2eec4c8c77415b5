"""What each lesson has to be held to: `lesson_01.py` and so on, and how a stored lesson is read.

Such a module has two tables:

    ANSWERS  exercise -> Answers: right answers, and wrong ones with a piece of their message
    EQUAL    name that the lesson defines and the library has too -> a function that is given the
             lesson's and asserts that it does what the library's does
"""

import ast
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from notebooks import run

NUMBERS = tuple(
    path.stem.removeprefix("lesson_") for path in sorted(Path(__file__).parent.glob("lesson_*.py"))
)
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Answers:
    """Answers to one exercise.

    Args:
        right: at least two, written differently.
        wrong: at least four plausible ones, each with words that its message alone has.
    """

    right: Sequence[Any]
    wrong: Sequence[tuple[Any, str]]


@dataclass(frozen=True)
class StoredExercise:
    """An exercise as it stands in a lesson: its cell, and the solution that is folded away."""

    name: str
    stub: str
    hints: str
    solution: str
    shown: str  # the HTML that the stored, untouched exercise shows


class StoredLesson:
    """A lesson as it is stored."""

    def __init__(self, path: Path):
        self.path = path
        self.cells = nbformat.read(path, as_version=4).cells

    @property
    def code(self) -> str:
        """The source of all code cells."""
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "code")

    @property
    def prose(self) -> str:
        """The source of all markdown cells."""
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    def exercises(self) -> list[StoredExercise]:
        """Return the exercises: a code cell `exercise`, then markdown cells `hints`, `solution`."""
        found = []
        for index, cell in enumerate(self.cells):
            if cell.cell_type != "code" or "exercise" not in tags(cell):
                continue
            hints, solution = self.cells[index + 1 : index + 3]
            assert (tags(hints), tags(solution)) == (["hints"], ["solution"]), cell.source
            (code,) = FENCE.findall(solution.source)
            (output,) = cell.outputs
            name = check_call(cell.source).func.attr
            found.append(
                StoredExercise(name, cell.source, hints.source, code, output.data["text/html"])
            )
        return found

    def definitions(self) -> dict[str, Any]:
        """Run imports, definitions and constants of the lesson; return the names they make.

        Cells of exercises are left out, and so is all that computes or shows something.
        """
        names: dict[str, Any] = {}
        for cell in self.cells:
            if cell.cell_type == "code" and "exercise" not in tags(cell):
                kept = [node for node in ast.parse(cell.source).body if defines(node)]
                exec(compile(ast.Module(kept, []), str(self.path), "exec"), names)
        return names

    def defined(self) -> set[str]:
        """Return the names of the functions and classes that the lesson defines."""
        return {
            node.name
            for cell in self.cells
            if cell.cell_type == "code" and "exercise" not in tags(cell)
            for node in ast.parse(cell.source).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }


@cache
def stored(number: str) -> StoredLesson:
    """Return the lesson of a number; it is read once, so change nothing in it."""
    (path,) = run.FOLDER.glob(f"{number}_*.ipynb")
    return StoredLesson(path)


def tables(number: str) -> Any:
    """Return the module that says what a lesson is held to."""
    return importlib.import_module(f"tests.lessons.lesson_{number}")


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def check_call(source: str) -> ast.Call:
    """Return the call `checks.name(answer)` that ends the cell of an exercise."""
    last = ast.parse(source).body[-1]
    assert isinstance(last, ast.Expr), source
    assert isinstance(last.value, ast.Call), source
    assert ast.unparse(last.value.func).startswith("checks."), source
    return last.value


def defines(node: ast.stmt) -> bool:
    """Say if a statement only makes a name: of an import, a definition, a constant or a part."""
    if isinstance(node, ast.Assign) and all(isinstance(each, ast.Name) for each in node.targets):
        if ast.unparse(node.value).startswith("part("):  # of the learner's VTFF
            return True
        try:
            ast.literal_eval(node.value)
        except ValueError:
            return False
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)


def judged(solution: str, exercise: StoredExercise, names: dict[str, Any]) -> Any:
    """Run a solution in place of the stub, in a copy of `names`; return the verdict."""
    inside = dict(names)
    exec(solution, inside)
    call: Callable[[Any], Any] = inside["checks"].__dict__[exercise.name]
    (argument,) = check_call(exercise.stub).args
    return call(eval(compile(ast.Expression(argument), "check", "eval"), inside))
