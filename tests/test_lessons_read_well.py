"""How long lessons are, what their exercises say of themselves, and whether cells can be rerun."""

import re

import pytest

from notebooks.run import FOLDER
from tests.lessons import StoredLesson, tags
from tests.reruns import double_meanings, needed

LESSONS = {path.stem[:3].rstrip("_"): path for path in sorted(FOLDER.glob("[01]*.ipynb"))}
MOST_WORDS = 3500
PROMISE = re.compile(
    r"### Exercise \d+: [^\n]+\n\n\*\d+ minutes · [●○]{3} · (?:VTFF needs it|a side trip)\*\n"
)
LIVE = re.compile(r"\b(?:Live|live_\w+|moved_face)\(")
READING, CODING, EXERCISE, WIDGET, PICTURE = 150, 100, 6, 8, 1  # words a minute, and minutes


@pytest.fixture(params=LESSONS, scope="module")
def lesson(request: pytest.FixtureRequest) -> StoredLesson:
    return StoredLesson(LESSONS[request.param])


def code(lesson: StoredLesson) -> list[str]:
    """Return the code cells, but for those of exercises."""
    return [
        cell.source
        for cell in lesson.cells
        if cell.cell_type == "code" and "exercise" not in tags(cell)
    ]


def test_a_lesson_has_at_most_3500_words(lesson):
    assert len(lesson.prose.split()) <= MOST_WORDS


def test_the_minutes_at_the_top_are_honest(lesson):
    every = [cell.source for cell in lesson.cells if cell.cell_type == "code"]
    live = [bool(LIVE.search(source)) for source in every]
    widgets = sum(live)
    pictures = sum("plots." in each and not moves for each, moves in zip(every, live, strict=True))
    minutes = len(lesson.prose.split()) / READING + len(" ".join(every).split()) / CODING
    minutes += EXERCISE * len(lesson.exercises()) + WIDGET * widgets + PICTURE * pictures
    (told,) = re.findall(r"^\*(\d+) minutes\.", lesson.prose, re.MULTILINE)
    assert abs(int(told) - minutes) <= 6, minutes


def test_each_exercise_says_its_minutes_and_how_hard_it_is_and_whether_vtff_needs_it(lesson):
    headings = re.findall(r"^### Exercise", lesson.prose, re.MULTILINE)
    assert len(PROMISE.findall(lesson.prose)) == len(headings)


def test_each_lesson_has_a_fault_to_find(lesson):
    names = [each.name for each in lesson.exercises()]
    assert not names or any(name.startswith("fault_in_") for name in names)


def test_a_prediction_stands_alone_with_room_and_then_comes_code(lesson):
    for cell, after in zip(lesson.cells, lesson.cells[1:], strict=False):
        if "**Predict:**" not in cell.source:
            continue
        assert "predict" in tags(cell), cell.source
        assert cell.source.endswith("*Your guess:*"), cell.source
        assert after.cell_type == "code", cell.source


def test_any_cell_can_be_run_again_later(lesson):
    assert double_meanings(code(lesson)) == {}


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["x = 1", "print(x)"], {}),
        (["x = 1", "print(x)", "x = 2"], {"x": [0, 2]}),
        (["x = 1", "x = 2\nprint(x)"], {}),  # each makes its own first
        (["x = 1", "def f():\n    return x", "x = 2"], {"x": [0, 2]}),
        (["x = 1", "def f(x):\n    return x", "x = 2"], {}),
        (["x = 1", "[x for x in range(3)]", "x = 2"], {}),
        (["for x in range(3):\n    print(x)", "for x in range(3):\n    print(x)"], {}),
        (["import a", "class A(a.B): pass", "import a.c"], {"a": [0, 2]}),
        (["x = 1", "x += 1", "x = 3"], {"x": [0, 1, 2]}),
    ],
)
def test_names_that_mean_two_things_are_found(cells, found):
    assert double_meanings(cells) == found


def test_a_cell_needs_what_it_does_not_make_first():
    assert needed("y = x\nx = 2\nprint(y, len(x))") == {"x"}
