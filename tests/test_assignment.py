"""The assignments: what students get, and that nbgrader alone can run them.

How a class is graded is in `tests/test_grading.py`; `make proof` grades all lessons.
"""

import os
import re
from pathlib import Path
from unittest import mock

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum, is_grade, is_solution
from nbgrader.validator import Validator

from notebooks.editions import assignment, manifest, source
from tests.grade_all_lessons import (
    chosen,
    filled_in,
    folder_of,
    graded_cells,
    hand_in,
    notebook_of,
    short,
    worked,
)
from tests.lessons import NUMBERS, stored, tables

pytestmark = [  # nbgrader on its own database, and a cell that it puts back without an id
    pytest.mark.filterwarnings("ignore:::nbgrader"),
    pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning"),
]

LESSON, OTHER = "03", "04"


@pytest.fixture(scope="module", autouse=True)
def environment():
    """What nbgrader's configuration sets for its kernels does not reach other tests."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("assignment") / "course"
    assignment.main(["--out", str(folder)])
    return folder


def names(number: str) -> list[str]:
    return [each.name for each in stored(number).exercises()]


def released(course: Path, number: str = LESSON):
    return notebook_of(folder_of(course, number))


def code_lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if len(line.strip()) > 12}


# What is made.


def test_each_lesson_with_exercises_is_an_assignment_with_all_of_them(course):
    for kind in ("source", "release"):
        made = sorted(path.name for path in (course / kind).iterdir())
        assert made == [stored(number).path.stem for number in NUMBERS]
    for number in NUMBERS:
        cells = graded_cells(released(course, number)).values()
        answers = [cell.metadata.nbgrader.grade_id for cell in cells if is_solution(cell)]
        checked = [cell.metadata.nbgrader.grade_id for cell in cells if is_grade(cell)]
        assert answers == names(number)
        assert checked == [f"check_{name}" for name in answers]
        assert sum(cell.metadata.nbgrader.get("points", 0) for cell in cells) == len(answers)


@pytest.mark.parametrize("number", NUMBERS)
def test_nbgrader_finds_its_metadata_and_checksums_in_order(course, number):
    path = next(folder_of(course, number).glob("*.ipynb"))
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        MetadataValidator().validate_cell(cell)
    for cell in graded_cells(notebook).values():
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell)
        assert cell.metadata.deletable is False
        assert is_solution(cell) or cell.metadata.editable is False


@pytest.mark.parametrize("number", NUMBERS)
def test_students_get_the_stubs_and_no_solution_hidden_test_or_output(course, number):
    text = next(folder_of(course, number).glob("*.ipynb")).read_text(encoding="utf-8")
    assert "BEGIN" not in text
    assert "sys.modules" not in text
    notebook = released(course, number)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert not any("solution" in source.tags(cell) for cell in notebook.cells)
    cells = graded_cells(notebook)
    lines = {line.strip() for cell in notebook.cells for line in cell.source.splitlines()}
    lesson = source.read(stored(number).path, solutions=False)
    elsewhere = {line.strip() for cell in lesson.cells for line in cell.source.splitlines()}
    for each in stored(number).exercises():
        stub = each.stub.rpartition("\n")[0].rstrip()
        assert cells[each.name].source.startswith(f"{stub}\n")
        assert not code_lines(each.solution) & (lines - elsewhere)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_teacher_gets_the_solution_between_nbgraders_marks(course, number):
    answers = worked(course, number)
    for each in stored(number).exercises():
        inside = re.search(
            r"^### BEGIN SOLUTION\n(.*)\n### END SOLUTION$", answers[each.name], re.M | re.S
        )
        assert inside[1] == each.solution.rstrip()


@pytest.mark.parametrize("number", NUMBERS)
def test_all_that_an_assignment_shows_or_links_to_lies_beside_it(course, number):
    folder = folder_of(course, number)
    for cell in released(course, number).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#\s]+)", cell.source):
                assert target.startswith("https://") or (folder / target).is_file(), target
            assert "../" not in cell.source
        for target in re.findall(r"\bfigures/[\w.]+\.(?:json|md|svg|png)\b", cell.source):
            missing = not (source.ROOT / target).exists()  # a run that is still to come
            assert cell.cell_type == "markdown" or missing or (folder / target).is_file(), target
    assert (folder / "README.txt").is_file()
    assert (folder / "matplotlibrc").is_file()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("[`a[0]` of b](../vtff_lib/fusion.py \"u = f(x)['k']\")", "`a[0]` of b"),
        ("see [a](glossary.ipynb#a), [b](references.bib)", "see a, b"),
        ("[a](03_x.ipynb#One-kernel) [b](https://b.org) [c](#c)", "a [b](https://b.org) [c](#c)"),
        ("![a, ties](../figures/a.svg)", "![a, ties](../figures/a.svg)"),
    ],
)
def test_a_link_to_a_file_becomes_its_words_and_others_stay(link, words):
    assert assignment.LINK_TO_FILE.sub(r"\1", link) == words


def test_two_makings_give_the_same_notebooks_and_files(course, tmp_path):
    again = tmp_path / "again"
    assignment.make(again, [stored(number).path for number in (LESSON, OTHER)])
    files = [path for kind in ("source", "release") for path in (again / kind).rglob("*.*")]
    assert len(files) > 20
    for path in files:
        assert path.read_bytes() == (course / path.relative_to(again)).read_bytes()


# What cannot be made.


def lesson_of(tmp_path: Path, *cells: tuple[str, str]) -> Path:
    path = tmp_path / "09_wrong.ipynb"
    make = {"exercise": new_code_cell, "solution": new_markdown_cell}
    made = [
        make[tag](text, id=f"{tag}-{place}", metadata={"tags": [tag]})
        for place, (tag, text) in enumerate(cells)
    ]
    nbformat.write(new_notebook(cells=made), path)
    return path


EXERCISE = ("exercise", "answer = None\n\n\nchecks.lbp_code(answer)")
SOLVED = ("solution", "```python\nanswer = 1\n```")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([("exercise", "answer = None"), SOLVED], "Exercise exercise-0 ends in `answer = None`"),
        ([("exercise", "checks.gone(answer)"), SOLVED], "ends in `checks.gone(answer)`"),
        ([("exercise", "checks.lbp_code(f(1))"), SOLVED], "ends in `checks.lbp_code(f(1))`"),
        ([("exercise", ""), SOLVED], "ends in ``"),
        ([("exercise", "# nothing yet"), SOLVED], "ends in `# nothing yet`"),
        ([EXERCISE], "has no solution"),
        ([EXERCISE, EXERCISE, SOLVED], "has no solution"),
        ([EXERCISE, ("solution", "Think.")], "has no solution"),
    ],
)
def test_an_exercise_that_cannot_be_graded_is_named_in_a_sentence(tmp_path, cells, words):
    folder = tmp_path / "course"
    with pytest.raises(assignment.UngradableError, match=re.escape(words)):
        assignment.make(folder, [lesson_of(tmp_path, *cells)])
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    ["submitted/ada/a.ipynb", "MY_RUBRIC.txt", "grades.csv", "nbgrader_config.py", "source/a.md"],
)
def test_work_of_students_and_teachers_is_never_replaced(tmp_path, name):
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text("made")
    (folder / source.MADE_BY).touch()
    manifest.write(folder)
    assert manifest.not_ours(folder) == []
    work = folder / name
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text("work")
    with pytest.raises(SystemExit, match=re.escape(f"would be lost, {name} first of 1")):
        assignment.main(["--out", str(folder)])
    assert work.read_text() == "work"


# What is graded, with nbgrader and its database.


@pytest.mark.slow
def test_by_nbgraders_own_validation_a_release_is_all_to_do(course, tmp_path):
    path = tmp_path / "short.ipynb"
    nbformat.write(short(released(course, OTHER)), path)
    (failed,) = Validator().validate(str(path)).values()
    assert len(failed) == len(names(OTHER))
    assert all(": To do: " in each["raw_error"] for each in failed)


def test_right_and_wrong_answers_get_what_they_deserve_and_are_told_why(course):
    right = {name: place % 2 == 0 for place, name in enumerate(names(LESSON))}
    student = "half"
    notebook = filled_in(short(released(course)), chosen(LESSON, right))
    assert hand_in(course, LESSON, student, notebook) == right
    graded = graded_cells(notebook_of(course / "autograded" / student / stored(LESSON).path.stem))
    for name in (name for name in right if not right[name]):
        _, words = tables(LESSON).ANSWERS[name].wrong[0]
        raised = graded[f"check_{name}"].outputs[-1]
        assert words in raised.evalue


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_file_that_code_reads_comes_along_however_its_name_is_quoted(quote):
    notebook = new_notebook(cells=[new_code_cell(f"stored({quote}silenced{quote})")])
    assert [path.name for path in assignment.files_beside(notebook)] == ["silenced.json"]
