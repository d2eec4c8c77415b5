"""Every check: right answers pass; the untouched stub and wrong answers are told why not."""

import json
import re
from itertools import chain

import pytest

from tests.lessons import NUMBERS, judged, stored, tables, tags
from vtff_lib import checks
from vtff_lib.checks.judging import EXERCISES, Wrong, call, exercise, require
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


def test_progress_lists_every_exercise_under_its_lesson():
    first = next(iter(ANSWERS))
    getattr(checks, first)(ANSWERS[first].right[0])
    shown = checks.progress()
    text, table = repr(shown), shown._repr_mimebundle_()["text/html"]
    for each in EXERCISES.values():
        mark = "✓" if each.name == first else "·"
        assert f"{mark} {each.task}" in text
    lesson = EXERCISES[first].lesson
    assert re.search(rf"lesson {lesson}: 1 of \d", text)
    assert table.count("✓") == 1
