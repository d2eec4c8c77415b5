"""Every check: right answers pass; the untouched stub and wrong answers are told why not."""

import html
import json
import re
from itertools import chain
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from notebooks import run
from tests.lessons import NUMBERS, judged, stored, tables, tags
from vtff_lib import checks
from vtff_lib.checks import judging
from vtff_lib.checks.judging import EXERCISES, Either, Exercise, Wrong, call, exercise, require
from vtff_lib.checks.overview import LESSONS, NEXT, Overview
from vtff_lib.checks.solved import SOLVED, progress_file

ANSWERS = {name: a for number in NUMBERS for name, a in tables(number).ANSWERS.items()}


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
    assert (2 if number[2:] else 4) <= len(names) <= 6  # with a letter, it is part of a lesson


@pytest.mark.parametrize("name", ANSWERS)
def test_there_are_enough_answers(name):
    assert len(ANSWERS[name].right) >= 2
    assert len(ANSWERS[name].wrong) >= 4


@pytest.mark.parametrize("name", ANSWERS)
def test_right_answers_pass(name):
    verdicts = [getattr(checks, name)(answer) for answer in ANSWERS[name].right]
    assert [verdict for verdict in verdicts if not (verdict and verdict.words)] == []


@pytest.mark.parametrize("name", ANSWERS)
def test_each_wrong_answer_is_told_what_is_wrong_in_words_of_its_own(name):
    pairs = [(getattr(checks, name)(answer), words) for answer, words in ANSWERS[name].wrong]
    faults = [
        f"{verdict!r} should say: {words}"
        for verdict, words in pairs
        if verdict or words not in verdict.words
    ]
    assert not faults, "\n".join(faults)
    # Here an answer that the check makes no sense of would show a fault of the check.
    assert [verdict.error for verdict, _ in pairs if verdict.error] == []
    messages = [verdict.words for verdict, _ in pairs]
    assert len(set(messages)) == len(messages)


ODD = {
    "infinite": float("inf"),
    "nan": float("nan"),
    "array": np.ones((2, 3)),
    "nested list": [[1, 2], [3, 4]],
    "truth values": torch.ones(3, dtype=torch.bool),
    "0-d tensor": torch.tensor(1.0),
    "huge": 10**400,
    "text": "abc",
    "object": object(),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_no_check_raises_whatever_is_returned_or_given(odd):
    for name in ANSWERS:
        check = getattr(checks, name)
        for verdict in (check(lambda *given, odd=odd, **named: odd), check(odd)):
            assert not verdict, verdict
            assert verdict.words


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
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    judge(lambda number: torch.rand(()) and 2 * number)
    assert torch.equal(before, torch.random.get_rng_state())


def test_dice_on_a_gpu_are_left_alone_too(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    judge(lambda number: 2 * number)
    assert seeded == []


def test_a_check_that_fails_says_so_and_keeps_the_error():
    verdict = judge(lambda number: np.ones(2))
    assert not verdict
    assert (
        "This check cannot make sense of what was returned (ValueError: The truth" in verdict.words
    )
    assert isinstance(verdict.error, ValueError)
    assert judge(failing).error is None  # what fails in the answer is the answer's


def test_a_mistake_is_named_and_what_is_right_is_never_one():
    mistakes = {"twice": 8, "turned": Either((-4, 0.25)), "as it is": 4}
    judging.judge(4.0, 4, mistakes, "none")
    for given, words in ((8.0, "twice"), (-4, "turned"), (0.25, "turned"), (5, "none")):
        with pytest.raises(Wrong, match=words):
            judging.judge(given, 4, mistakes, "none")
    with pytest.raises(Wrong, match="said late"):
        judging.judge(torch.ones(2), torch.ones(3), {}, lambda: "said late")


def test_a_number_is_one_number_whatever_holds_it():
    for given in (3, 3.0, True + 2, torch.tensor([[3]]), np.array([3.0])):
        assert judging.number(given, "It") == 3
    for given in ("3", torch.ones(2), [3], 10**400, 1j, {}):
        with pytest.raises(Wrong, match="It should be one number; yours is "):
            judging.number(given, "It")


def test_a_tensor_of_a_mistaken_shape_is_told_which_mistake():
    shapes = {(3, 2): "Transpose.", (2, 3): "Never said."}
    assert judging.require_tensor(torch.ones(2, 3), (2, 3), "It", shapes).shape == (2, 3)
    for given, words in (
        (torch.ones(3, 2), "Transpose."),
        (torch.ones(6), r"It should have shape \(2, 3\); yours has \(6,\)."),
        (4, "It should be a tensor of shape"),
    ):
        with pytest.raises(Wrong, match=words):
            judging.require_tensor(given, (2, 3), "It", shapes)


def test_the_checks_of_a_lesson_take_nothing_from_another_lesson():
    for path in Path(checks.__file__).parent.glob("lesson_*.py"):
        taken = set(
            re.findall(r"vtff_lib\.checks\.lesson_(\d\d[a-z]?)\b", path.read_text(encoding="utf-8"))
        )
        assert taken <= {path.name[7:9]}, path.name


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


def solved_in(names) -> tuple[Overview, str]:
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
    told = re.findall(
        r"lesson (\d\d[a-z]?), ([^:]+): (\w+) of (\d)(?: \(([\d, ]+)\))?", shown.alt()
    )
    listed = re.search(r"<details>.*</details>", page)[0]
    for row, words, (number, inside) in zip(rows, told, shown.lessons().items(), strict=True):
        marks = re.findall(r"<span[^>]*>(.+?)</span>", row)
        wanted = [
            "✓" if each.name in names else str(place) for place, each in enumerate(inside, start=1)
        ]
        assert marks == wanted
        places = [str(place + 1) for place, mark in enumerate(marks) if mark == "✓"]
        some = ", ".join(places) if 0 < len(places) < len(marks) else ""
        name = LESSONS[number]
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
        assert NEXT not in page
        return
    following = unsolved[0]
    place = shown.lessons()[following.lesson].index(following) + 1
    assert shown.caption() == (
        f"{len(names)} of {len(EXERCISES)} exercises solved. Next: lesson {following.lesson}, "
        f"exercise {place}: {following.task}."
    )
    (bold,) = re.findall(rf'style="{re.escape(NEXT)}">(\d)<', page)
    assert int(bold) == place


def test_the_places_of_exercises_are_those_in_the_lessons():
    for number, inside in checks.progress().lessons().items():
        assert [e.name for e in inside] == [e.name for e in stored(number).exercises()]


def test_progress_names_the_lessons_as_they_name_themselves():
    assert tuple(LESSONS) == NUMBERS
    for number, name in LESSONS.items():
        assert stored(number).prose.startswith(f"# {number} {name}\n")


def test_words_of_an_exercise_cannot_inject_html():
    evil = '<img src=x onerror="alert(1)">'
    shown = Overview((Exercise("99", "evil", evil),), frozenset())
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
