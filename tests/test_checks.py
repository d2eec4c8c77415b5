"""Every check: right answers pass; the untouched stub and wrong answers are told why not."""

import html
import json
import re
from itertools import chain

import nbformat
import pytest

from notebooks import run
from tests.lessons import NUMBERS, judged, stored, tables, tags
from vtff_lib import checks
from vtff_lib.checks import overview
from vtff_lib.checks.judging import EXERCISES, Exercise, Wrong, call, exercise, require
from vtff_lib.checks.solved import SOLVED, progress_file

ANSWERS = {name: a for number in NUMBERS for name, a in tables(number).ANSWERS.items()}
RIGHT = [
    pytest.param(name, answer, id=f"{name}-{index}")
    for name, answers in ANSWERS.items()
    for index, answer in enumerate(answers.right)
]
WRONG = [
    pytest.param(name, answer, words, id=f"{name}-{index}")
    for name, answers in ANSWERS.items()
    for index, (answer, words) in enumerate(answers.wrong)
]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """No test reads or writes the progress of whoever runs it."""
    monkeypatch.setenv("VTFF_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(SOLVED, "_solved", set())


@pytest.mark.parametrize("number", NUMBERS)
def test_a_lesson_has_its_exercises_once_each_and_all_are_held_to_answers(number):
    names = [each.name for each in stored(number).exercises()]
    registered = [each.name for each in EXERCISES.values() if each.lesson == number]
    assert sorted(names) == sorted(registered) == sorted(tables(number).ANSWERS)
    assert 4 <= len(names) <= 6


@pytest.mark.parametrize("name", ANSWERS)
def test_there_are_enough_answers(name):
    assert len(ANSWERS[name].right) >= 2
    assert len(ANSWERS[name].wrong) >= 4


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_passes(name, answer):
    verdict = getattr(checks, name)(answer)
    assert verdict, verdict
    assert verdict.words


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, words):
    verdict = getattr(checks, name)(answer)
    assert not verdict
    assert words in verdict.words


@pytest.mark.parametrize("name", ANSWERS)
def test_each_wrong_answer_has_a_message_of_its_own(name):
    told = [getattr(checks, name)(answer).words for answer, _ in ANSWERS[name].wrong]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_untouched_stub_is_to_be_done_and_the_solution_passes(number):
    lesson = stored(number)
    names = lesson.definitions()
    for each in lesson.exercises():
        verdict = judged(each.stub, each, names)
        assert not verdict, each.name
        assert verdict.words.startswith("To do"), verdict
        assert "Not yet." in each.shown
        assert "To do" in each.shown
        solved = judged(each.solution, each, names)
        assert solved, solved


@pytest.mark.parametrize("number", NUMBERS)
def test_a_check_says_which_exercise_it_belongs_to(number):
    lesson = stored(number)
    numbers = re.findall(r"^### Exercise (\d+)", lesson.prose, re.MULTILINE)
    assert numbers == [str(n + 1) for n in range(len(numbers))]
    for place, each in zip(numbers, lesson.exercises(), strict=True):
        words = getattr(checks, each.name).__doc__
        assert words.startswith(f"Check Exercise {place} of lesson {number}: ")


@pytest.mark.parametrize("number", NUMBERS)
def test_hints_and_solution_are_folded_away(number):
    for each in stored(number).exercises():
        assert each.hints.count("<details>") == each.hints.count("</details>") >= 2
    for cell in stored(number).cells:
        if "solution" in tags(cell):
            assert cell.source.startswith("<details><summary>Solution</summary>")
            assert cell.source.endswith("</details>")


def test_names_of_exercises_are_unique_and_exported():
    names = list(chain.from_iterable(tables(number).ANSWERS for number in NUMBERS))
    assert len(set(names)) == len(names)
    assert set(names) == set(EXERCISES) <= set(checks.__all__)


# From here on: how checks judge and remember.


def judge(answer):
    """A check as it is written, but not registered."""
    before = dict(EXERCISES)
    try:

        @exercise("99", "Double a number.")
        def doubled(answer):
            require(call(answer, 4) == 8, "Four should give eight.")
            return "Doubled."

        return doubled(answer)
    finally:
        EXERCISES.clear()
        EXERCISES.update(before)


def unfinished(number):
    raise NotImplementedError


def failing(number):
    return number / 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (unfinished, "To do: write your code in place of `raise NotImplementedError`"),
        (failing, "Called with 4, it raised ZeroDivisionError: division by zero"),
        (lambda number: None, "Called with 4, it returned None: is the `return` missing?"),
        (lambda number: number, "Four should give eight."),
        (8, "Pass the function itself, not what it returned (8)."),
    ],
)
def test_what_is_wrong_is_a_sentence_and_never_an_exception(answer, words):
    verdict = judge(answer)
    assert not verdict
    assert words in verdict.words
    assert repr(verdict).startswith("✗ doubled: ")


def test_a_right_answer_says_what_it_shows():
    verdict = judge(lambda number: 2 * number)
    assert verdict
    assert repr(verdict) == "✓ doubled: Doubled."
    assert "<strong>Right.</strong> Doubled." in verdict._repr_mimebundle_()["text/html"]


def test_code_in_a_sentence_looks_like_code():
    shown = judge(unfinished)._repr_mimebundle_()["text/html"]
    assert "<code>raise NotImplementedError</code>" in shown


def test_words_cannot_inject_html():
    def raises(number):
        raise ValueError("<script>alert(1)</script>")

    shown = judge(raises)._repr_mimebundle_()["text/html"]
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_check_leaves_the_dice_of_the_learner_alone():
    import torch

    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    judge(lambda number: torch.rand(()) and 2 * number)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_bug_in_a_check_is_not_taken_for_a_wrong_answer():
    with pytest.raises(Wrong):
        require(False, "said")


def test_progress_is_kept_only_when_asked_and_can_be_erased():
    judge(lambda number: 2 * number)
    assert SOLVED.names() == {"doubled"}
    assert not progress_file().exists()
    checks.keep_progress()
    assert json.loads(progress_file().read_text()) == {"solved": ["doubled"]}
    SOLVED.note("other", True)
    SOLVED.note("wrong", False)
    SOLVED._solved.clear()  # the kernel is restarted
    assert SOLVED.names() == {"doubled", "other"}
    checks.erase_progress()
    assert SOLVED.names() == set()
    assert not progress_file().exists()


def test_a_damaged_progress_file_stops_nothing():
    progress_file().write_text("{")
    assert SOLVED.names() == set()
    SOLVED.note("doubled", True)
    assert json.loads(progress_file().read_text()) == {"solved": ["doubled"]}


def solved_in(names) -> tuple[overview.Overview, str]:
    """Return what is shown when these are solved, and its HTML."""
    for name in names:
        SOLVED.note(name, True)
    shown = checks.progress()
    return shown, shown._repr_mimebundle_()["text/html"]


def test_progress_lists_every_exercise_under_its_lesson():
    first = next(iter(ANSWERS))
    getattr(checks, first)(ANSWERS[first].right[0])
    text = repr(checks.progress())
    for each in EXERCISES.values():
        mark = "✓" if each.name == first else "·"
        assert f"{mark} {each.task}" in text
    assert re.search(rf"lesson {EXERCISES[first].lesson}: 1 of \d", text)


STATES = {
    "none": [],
    "some": [each.name for each in EXERCISES.values()][::3],
    "all": list(EXERCISES),
}


@pytest.mark.parametrize("names", STATES.values(), ids=STATES)
def test_the_picture_of_progress_and_its_words_agree(names):
    shown, page = solved_in(names)
    rows = re.findall(r"<tr.*?</tr>", page)
    told = re.findall(r"lesson (\d\d), ([^:]+): (\w+) of (\d)(?: \(([\d, ]+)\))?", shown.alt())
    listed = re.search(r"<details>.*</details>", page)[0]
    for row, words, (number, inside) in zip(rows, told, shown.lessons().items(), strict=True):
        marks = re.findall(r"<span[^>]*>(.+?)</span>", row)
        wanted = [
            "✓" if each.name in names else str(place) for place, each in enumerate(inside, start=1)
        ]
        assert marks == wanted
        places = [str(place + 1) for place, mark in enumerate(marks) if mark == "✓"]
        some = ", ".join(places) if 0 < len(places) < len(marks) else ""
        name = overview.LESSONS[number]
        assert words == (number, name, str(len(places) or "none"), str(len(marks)), some)
        assert f"{number}</td>" in row
        assert f"{name}</td>" in row
        for each in inside:
            solved = " ✓ solved" if each.name in names else ""
            assert f"<li>{html.escape(each.task)}{solved}</li>" in listed
    assert f'role="img" aria-label="{html.escape(shown.alt())}"' in page
    assert html.escape(shown.caption()) in page


@pytest.mark.parametrize("names", STATES.values(), ids=STATES)
def test_progress_tells_the_total_and_what_comes_next(names):
    shown, page = solved_in(names)
    unsolved = [e for inside in shown.lessons().values() for e in inside if e.name not in names]
    if not unsolved:
        assert shown.caption() == f"All {len(EXERCISES)} exercises are solved."
        assert overview.NEXT not in page
        return
    following = unsolved[0]
    place = shown.lessons()[following.lesson].index(following) + 1
    assert shown.caption() == (
        f"{len(names)} of {len(EXERCISES)} exercises solved. Next: lesson {following.lesson}, "
        f"exercise {place}: {following.task}."
    )
    (bold,) = re.findall(rf'style="{re.escape(overview.NEXT)}">(\d)<', page)
    assert int(bold) == place


def test_the_places_of_exercises_are_those_in_the_lessons():
    for number, inside in checks.progress().lessons().items():
        assert [e.name for e in inside] == [e.name for e in stored(number).exercises()]


def test_progress_names_the_lessons_as_they_name_themselves():
    assert tuple(overview.LESSONS) == NUMBERS
    for number, name in overview.LESSONS.items():
        assert stored(number).prose.startswith(f"# {number} {name}\n")


def test_words_of_an_exercise_cannot_inject_html():
    evil = '<img src=x onerror="alert(1)">'
    shown = overview.Overview((Exercise("99", "evil", evil),), frozenset())
    shown = shown._repr_mimebundle_()["text/html"]
    assert "<img" not in shown
    assert shown.count("&lt;img") == 2


def test_the_stored_picture_of_progress_is_that_of_a_beginner():
    cells = nbformat.read(run.FOLDER / "00_start_here.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if cell.source.endswith("checks.progress()")]
    (output,) = cell.outputs
    bundle = checks.progress()._repr_mimebundle_()
    assert {kind: output.data[kind] for kind in bundle} == bundle
    assert "nbval-ignore-output" in tags(cell)  # who keeps progress sees their own
