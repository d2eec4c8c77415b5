"""Versions of an assignment: each student has another list to give, and the checks know it."""

import copy
import json
import os
from itertools import pairwise

import nbformat
import pytest

from notebooks.editions import assignment, source, versions
from notebooks.grading import examining
from notebooks.grading.walls import Limits, Walls
from tests.lessons import NUMBERS, judged, stored
from vtff_lib import checks
from vtff_lib.checks.versions import ASKED, VARIABLE, VARIED, named

NAMES = [f"student {number}" for number in range(24)]


@pytest.fixture
def taken(monkeypatch):
    """Return what takes a version."""
    return lambda name, seed="7": monkeypatch.setenv(VARIABLE, named(seed, name))


@pytest.fixture(autouse=True)
def no_version(monkeypatch, tmp_path):
    """No version is left to other tests, and nobody's progress is written."""
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("VTFF_PROGRESS", str(tmp_path / "progress.json"))


def varied(seed: str = "7") -> dict[str, nbformat.NotebookNode]:
    """Return the lessons' assignments, as versions are made of them."""
    made = {}
    for number in ("01", "04", "07", "08b"):
        made[number] = assignment.instructors_version(stored(number).path)
        versions.vary(made[number], seed)
    return made


def test_without_a_version_the_answers_are_the_lessons_own():
    for number in NUMBERS:
        for each in stored(number).exercises():
            if each.name in VARIED:
                inside: dict = {}
                exec(each.solution, inside)
                assert versions.answers()[each.name] in inside.values()


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_of_each_version_pass_its_checks(taken, name):
    taken(name)
    for exercise, right in versions.answers().items():
        assert getattr(checks, exercise)(right), exercise


def test_an_answer_of_another_version_is_wrong_wherever_it_differs(taken):
    answers = {}
    for name in NAMES:
        taken(name)
        answers[name] = versions.answers()
    for exercise in VARIED:
        assert len({repr(answers[name][exercise]) for name in NAMES}) >= 12, exercise
    for mine, neighbours in pairwise(NAMES):
        taken(mine)
        for exercise, theirs in answers[neighbours].items():
            same = theirs == answers[mine][exercise]
            assert bool(getattr(checks, exercise)(theirs)) == same, exercise


def test_what_is_asked_is_what_is_judged(taken):
    """The table, the list and the runs that a version shows are those that its answers are of."""
    runs = json.loads((source.ROOT / "figures" / "sick_runs.json").read_text(encoding="utf-8"))
    standard = versions.answers()["diagnosis"]
    for name in NAMES[:6]:
        taken(name)
        right = versions.answers()
        lights = checks.asked("light_that_leaves_codes")
        assert {label[0] for label in lights} >= right["light_that_leaves_codes"]
        assert all(f"| {label} |" in lights._repr_markdown_() for label in lights)
        rows = checks.asked("broadcast_shapes").splitlines()[2:]
        shapes = [tuple(map(eval, row.replace("`", "").split("|")[2:4])) for row in rows]
        assert [checks.lesson_04.fitted(*pair) for pair in shapes] == right["broadcast_shapes"]
        shown = checks.asked("diagnosis", runs["cases"])
        for letter, cause in right["diagnosis"].items():
            (old,) = (old for old in standard if standard[old] == cause)
            assert shown[letter] == runs["cases"][old]
        claims = checks.asked("what_follows").splitlines()
        for line, (finding, follows) in zip(
            claims, checks.lesson_08b_follows.claims(), strict=True
        ):
            assert f"*{finding.borne_out if follows else finding.too_far}*" in line


def test_the_lessons_own_tasks_are_those_that_the_checks_hold():
    assert [*map(str, checks.asked("what_follows").splitlines())] == [
        line for line in stored("08b").prose.splitlines() if line[:2] in {f"{n}." for n in range(9)}
    ]
    assert str(checks.asked("broadcast_shapes")) in stored("04").prose
    for label, change in checks.asked("light_that_leaves_codes").items():
        assert f'"{label}"' in stored("01").code
        assert change.code.replace("tensor(1.0 + 9)", "tensor(10.0)") in stored("01").code


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_a_lessons_solutions_pass_whatever_numbers_a_version_tries(taken, number):
    taken("ada")
    names = stored(number).definitions()
    for each in stored(number).exercises():
        if each.name not in VARIED:
            verdict = judged(each.solution, each, names)
            assert verdict, verdict


def test_a_name_is_the_same_however_it_is_written_and_needs_to_be_there():
    assert named("7", " Ada  Lovelace") == named(7, "ada lovelace") != named(8, "ada lovelace")
    with pytest.raises(ValueError, match="needs your name"):
        checks.version("7", " ")


def test_who_grades_chooses_the_version_and_a_name_given_later_changes_nothing(taken):
    taken("ben")
    assert "restart" in checks.version("7", "ada")
    assert os.environ[VARIABLE] == "7, ben"
    assert checks.version("7", "Ben") == "Your version is *7, ben*."


def test_a_varied_assignment_says_whose_it_is_and_shows_what_is_asked():
    made = varied()
    shown = "\n".join(cell.source for each in made.values() for cell in each.cells)
    for notebook in made.values():
        nbformat.validate(notebook)
        assert notebook.metadata["vtff_version"] == {"seed": "7"}
        assert notebook.cells[1].source.endswith("  # your name, as it stands in the course's list")
    assert {name for name in VARIED if f'checks.asked("{name}"' in shown} == set(VARIED)
    assert set(ASKED) == set(VARIED)
    for own in ("| `(5, 1, 7)` |", "The model uses the mouth.", "lambda x: 0.4 * x"):
        assert own in "\n".join(stored(number).prose + stored(number).code for number in made)
        assert own not in shown


def test_a_lesson_that_has_changed_is_not_varied_in_silence():
    notebook = assignment.instructors_version(stored("07").path)
    for cell in notebook.cells:
        cell.source = cell.source.replace('sick["cases"]', "cases")
    with pytest.raises(ValueError, match="sick-picture"):
        versions.vary(notebook, "7")


@pytest.mark.parametrize(
    ("written", "graded_as"),
    [
        ("ada", "7, ada"),
        (" ADA ", "7, ada"),
        ("", "7, ada"),  # no name: her own
        ("ben", "7, ada"),  # the name of somebody else
        ("ada l.", "7, ada l."),  # written otherwise, and nobody else's
    ],
)
def test_a_submission_is_graded_by_its_students_version(written, graded_as):
    release = varied()["08b"]
    handed = copy.deepcopy(release)
    handed.cells[1].source = handed.cells[1].source.replace('""', f'"{written}"')
    assert versions.version_of(release, handed.cells, "ada", ["ada", "ben"]) == graded_as
    handed.cells[1].source = handed.cells[1].source.replace('"7"', '"8"')  # the seed is not theirs
    assert versions.version_of(release, handed.cells, "ada", ["ada", "ben"]) == graded_as
    plain = assignment.instructors_version(stored("08b").path)
    assert versions.version_of(plain, handed.cells, "ada", ["ada", "ben"]) is None


@pytest.mark.slow
@pytest.mark.parametrize(("whose", "right"), [("ada", True), ("ben", False)])
def test_graded_an_answer_is_judged_in_its_students_version_whatever_it_says(
    taken, tmp_path, whose, right
):
    taken(whose)
    steps = [
        examining.Step(f'import os; os.environ["VTFF_VERSION"] = "7, {whose}"'),
        examining.Step(f"mine = {versions.answers()['what_follows']}"),
        examining.Step("mine", "what_follows"),
    ]
    walls = Walls(view=False, account=False)
    outcome = examining.examine(steps, tmp_path, walls, Limits(), 0, named("7", "ada"))
    assert outcome.right == {"what_follows": right}


def test_a_teacher_can_print_what_is_right(capsys):
    versions.main(["7", "ada", "ben"])
    told = capsys.readouterr().out
    assert told.count("diagnosis: {'A': ") == 2
    assert "7, ada\n" in told
