"""A notebook as it was handed in becomes the steps that are run: the release, with the answers.

The cells of the lesson are those of the release, whatever became of them in the submission; the
student's answers, new cells and changes are put in at their places. Nothing is run here.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbformat import NotebookNode

from notebooks.grading.examining import Step
from vtff_lib.checks import EXERCISES
from vtff_lib.files import from_json


class UngradableError(ValueError):
    """A file in which there is nothing to grade: one sentence says why."""


@dataclass
class Mended:
    """What is run and judged, and what had to be put right for it."""

    steps: list[Step] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # exercise -> code
    notes: list[str] = field(default_factory=list)


def cells_of(text: str) -> list[NotebookNode]:
    """Return the code cells of a notebook in any version of its format, without their outputs.

    Raises:
        UngradableError: if it is none.
    """
    if not text.strip():
        raise UngradableError("The file is empty.")
    if any(line.startswith("<<<<<<< ") for line in text.splitlines()):
        raise UngradableError("The file holds an unresolved merge conflict of git.")
    try:
        content = from_json(text)
        sheets = content.get("worksheets") or [content]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        return [_cell(cell) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UngradableError("The file is no notebook, or only the beginning of one.") from error


def _cell(cell: dict) -> NotebookNode:
    source = cell.get("source", cell.get("input", ""))
    source = source if isinstance(source, str) else "".join(source)
    metadata = cell.get("metadata")
    known = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    known = known if isinstance(known, dict) else {}
    name = str(known.get("grade_id") or str(cell.get("id", "")).removeprefix("answer-"))
    return NotebookNode(source=source, name=name, id=str(cell.get("id", "")))


def exercises_in(cells: list[NotebookNode]) -> set[str]:
    """Return the exercises that a notebook has, by their cells or by the calls of their checks."""
    named = {cell.name.removeprefix("check_") for cell in cells} & EXERCISES.keys()
    return named | {
        name for name in EXERCISES if any(f"checks.{name}(" in cell.source for cell in cells)
    }


def mended(release: NotebookNode, handed_in: list[NotebookNode]) -> Mended:
    """Return the steps of a submission.

    Args:
        release: the notebook that students were given.
        handed_in: the code cells that came back.

    Raises:
        UngradableError: if no answer to this lesson is among them.
    """
    released = _released(release)
    if not exercises_in(handed_in) & {cell.name for cell in released if cell.kind == "answer"}:
        defined = {name for cell in released for name in cell.makes}
        if not any(_makes(cell.source) & defined for cell in handed_in):
            raise UngradableError("No exercise of this lesson is in the notebook.")
    result = Mended()
    places = _placed(released, handed_in, result)
    for n, cell in enumerate(released):
        if cell.kind == "check":
            result.steps.append(Step(cell.answer, check=cell.name))
        elif cell.kind == "answer":
            source = result.answers.setdefault(cell.name, cell.source)
            result.steps.append(Step(source, exercise=cell.name))
        else:
            result.steps.append(Step(cell.source, may_raise=cell.may_raise))
        result.steps += [Step(own.source) for own in places.get(n, [])]
    first = [Step(own.source) for own in places.get(-1, [])]
    result.steps = [*first, *result.steps]
    return result


@dataclass
class _Released:
    kind: str  # "answer", "check" or "cell"
    name: str
    source: str
    id: str
    answer: str = ""
    makes: frozenset[str] = frozenset()
    may_raise: bool = False


def _released(release: NotebookNode) -> list[_Released]:
    found = []
    for cell in release.cells:
        if cell.cell_type != "code":
            continue
        about = cell.metadata.get("nbgrader", {})
        name = about.get("grade_id", "").removeprefix("check_")
        kind = "answer" if about.get("solution") else "check" if about.get("grade") else "cell"
        may_raise = "raises-exception" in cell.metadata.get("tags", [])
        found.append(_Released(kind, name, cell.source, cell.get("id", ""), may_raise=may_raise))
    for answer in (each for each in found if each.kind == "answer"):
        check = next(each for each in found if (each.kind, each.name) == ("check", answer.name))
        check.answer = check.source.split(f"checks.{answer.name}(")[1].split(")")[0]
        answer.makes = frozenset({check.answer})
    return found


def _placed(
    released: list[_Released], handed_in: list[NotebookNode], result: Mended
) -> dict[int, list[NotebookNode]]:
    """Find the answers; return the student's other cells by the released cell that they follow."""
    by_name = {(each.kind, each.name): n for n, each in enumerate(released) if each.name}
    by_id = {each.id: n for n, each in enumerate(released) if each.id}
    by_source = {each.source.strip(): n for n, each in enumerate(released)}
    stubs = {each.source.strip() for each in released}
    places: dict[int, list[NotebookNode]] = {}
    at = -1
    for cell in handed_in:
        check = by_name.get(("check", cell.name.removeprefix("check_")))
        if cell.name.startswith("check_") and check is not None:
            at = check  # whatever is in it now
            continue
        answer = by_name.get(("answer", cell.name))
        if answer is not None:
            _take(released[answer], cell, stubs, result)
            at = max(at, answer) if answer <= at + 1 else answer
            continue
        known = by_id.get(cell.id, by_source.get(cell.source.strip()))
        if known is not None and released[known].kind != "answer":
            at = known
        if cell.source.strip() and cell.source.strip() not in stubs and not _is_check(cell):
            places.setdefault(at, []).append(cell)
    _adopt(released, places, result)
    return places


def _take(released: _Released, cell: NotebookNode, stubs: set[str], result: Mended) -> None:
    """Take a cell as the answer to an exercise; of copies, the last one that was changed."""
    changed = cell.source.strip() not in stubs
    before = result.answers.get(released.name, "").strip()
    if changed and before and before not in (cell.source.strip(), *stubs):
        result.notes.append(f"`{released.name}` was answered twice; the last answer counts.")
    if changed or released.name not in result.answers:
        result.answers[released.name] = cell.source


def _adopt(
    released: list[_Released], places: dict[int, list[NotebookNode]], result: Mended
) -> None:
    """Where an exercise's own cell is gone, the last cell that makes what it asks for stands in."""
    for each in released:
        if each.kind != "answer" or each.name in result.answers:
            continue
        result.notes.append(f"The cell of `{each.name}` was gone.")
        for cells in places.values():
            for cell in [one for one in cells if each.makes & _makes(one.source)]:
                result.answers[each.name] = cell.source
                cells.remove(cell)


def _is_check(cell: NotebookNode) -> bool:
    return any(f"verdict = checks.{name}(" in cell.source for name in EXERCISES)


def _makes(source: str) -> set[str]:
    """Return the names that the code of a cell defines, if it can be read."""
    try:
        return set(_defined(ast.parse(source).body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name) | ast.ClassDef(name):
                yield name
            case ast.Assign(targets):
                yield from (each.id for each in targets if isinstance(each, ast.Name))
