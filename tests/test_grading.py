"""Grading a class: every submission gets what it earns or a reason, and moves nobody else's mark.

The slow tests grade hostile notebooks behind the walls, see `tests/hand_ins.py`; the odd ones are
shown to run the same code as the honest one, which needs no process.
"""

import csv
import os
import pickle
import random
import re
import socket
import zipfile
from functools import partial
from multiprocessing import get_context

import nbformat
import numpy as np
import pytest
import torch

from notebooks.grading import __main__ as command
from notebooks.grading import answering, asking, gradebook, intake, reports, wire
from notebooks.grading import walls as walls_module
from notebooks.grading.mending import UngradableError, cells_of, mended
from notebooks.grading.results import Result
from notebooks.grading.walls import Walls
from tests.hand_ins import HOSTILE, LAST, NAMES, ODD, Class, course_of
from tests.lessons import tables
from vtff_lib import checks
from vtff_lib.checks import judging
from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFFOutput

pytestmark = [
    pytest.mark.filterwarnings("ignore:::nbgrader"),
    pytest.mark.filterwarnings("ignore:::nbformat"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs Linux or macOS"),
]


@pytest.fixture(scope="module", autouse=True)
def own_environment(tmp_path_factory):
    """Neither nbgrader's settings nor solved exercises reach other tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VTFF_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.json"))
        patched.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Class:
    return Class(course_of(tmp_path_factory.mktemp("grading") / "course"))


# What may come from a student's process.


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, 7, -1.5, float("inf"), "a ≥ b"],
        (1, (2, [3])),
        {"a": {1, 2}, 3: (4,)},
        np.float32(2.5),
        VTFFConfig.tiny(5),
    ],
)
def test_a_plain_value_arrives_as_it_was_sent(value):
    arrived = wire.loads(wire.dumps(value))
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.bool, torch.bfloat16])
def test_tensors_arrive_whole_whatever_their_type_and_order_in_memory(kind):
    tensor = torch.arange(6).reshape(2, 3).to(kind).T
    output = wire.loads(wire.dumps(VTFFOutput(tensor, lbp=torch.zeros(0, 3))))
    assert torch.equal(output.logits, tensor)
    assert output.logits.dtype == kind
    assert output.lbp.shape == (0, 3)


def test_an_object_arrives_as_its_description_and_never_ends_an_iterator():
    assert repr(wire.loads(wire.dumps(object()))).startswith("<object object")
    assert len(wire.loads(wire.dumps(iter(int, 1)))) == wire.MOST_ITEMS


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_no_bytes_make_the_grader_run_anything(capsys):
    with pytest.raises(wire.BadMessageError):
        wire.loads(pickle.dumps(Evil()))
    honest = bytearray(wire.dumps({"value": [torch.ones(3), (1, "x")], "right": True}))
    dice = random.Random(0)
    for _ in range(300):
        damaged = bytearray(honest)
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            wire.loads(bytes(damaged))
        except wire.BadMessageError:
            continue
    huge = ["tensor", "torch.uint8", [10**15], 0]
    for tree in (["__class__"], ["value", 1], ["tensor", "torch.nn", [1], 0], [[]], huge):
        text = wire.json.dumps(tree).encode()
        with pytest.raises(wire.BadMessageError):
            wire.loads(wire.HEAD.pack(len(text)) + text)
    assert capsys.readouterr().out == ""


# A check asks from outside.


@pytest.fixture(scope="module")
def asked():
    """Return what a check says of an answer of tests/lessons in another process."""
    context = get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=answering.serve, args=(there, 30.0), daemon=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judging, "SECONDS", 60.0)  # there is a second process, and others
        process.start()
        there.close()
        yield partial(_said, asking.Session(here, 70.0))
    here.close()
    process.kill()


def _said(session: asking.Session, number: str, name: str, which: str) -> checks.Verdict:
    code = f"from tests.lessons.lesson_{number} import ANSWERS\nit = ANSWERS[{name!r}].{which}"
    assert session.ask("run", code) == {"error": None}
    return getattr(checks, name)(session.ask("answer", "it", name)["value"])


ASKED = [  # one of each kind of question: functions, gradients, classes, tests, lists, lent models
    ("02", "size_after_convolution"),
    ("03", "global_attention"),
    ("03", "fault_in_attention"),
    ("05", "tokens_from_map"),
    ("06", "idle_parts"),
    ("07", "diagnosis"),
    ("07", "moved_average"),
    ("07b", "learn_in_parts"),
    ("08", "randomisation_control"),
    ("10", "frozen_trunk"),
]


@pytest.mark.parametrize(("number", "name"), ASKED)
def test_a_right_answer_is_right_from_outside_and_a_wrong_one_is_told_why(asked, number, name):
    _, words = tables(number).ANSWERS[name].wrong[0]
    right, wrong = (asked(number, name, which) for which in ("right[-1]", "wrong[0][0]"))
    assert right, right.words
    assert not wrong
    assert words in wrong.words


@pytest.mark.slow
@pytest.mark.parametrize("number", ["02", "04", "09"])
def test_all_right_answers_of_a_lesson_are_right_from_outside(asked, number):
    for name, answers in tables(number).ANSWERS.items():
        verdict = asked(number, name, f"right[{len(answers.right) - 1}]")
        assert verdict, (name, verdict.words)


# Odd submissions become the steps of honest ones.


@pytest.mark.parametrize("student", [name for name, odd in ODD.items() if odd[3] == 5])
def test_whatever_became_of_a_notebook_the_same_answers_are_judged_behind_the_same_cells(
    one, student
):
    make = ODD[student][1]
    made = make(one)
    text = made if isinstance(made, str) else nbformat.writes(made)
    steps = mended(one.released(), cells_of(text)).steps
    honest = mended(one.released(), cells_of(nbformat.writes(one.honest()))).steps
    checked = [step for step in honest if step.check]
    assert [step for step in steps if step.check] == checked
    for check in checked:
        before, wanted = ([s.source for s in all_[: all_.index(check)]] for all_ in (steps, honest))
        answer = one.right()[check.check]
        assert answer in before
        if student != "new_cell":  # there it follows the stub
            assert [source for source in before if source in wanted] == wanted


def test_of_copies_the_one_that_was_worked_on_counts_and_a_deleted_pair_is_not_done(one):
    copied, gone = (
        mended(one.released(), cells_of(nbformat.writes(ODD[name][1](one))))
        for name in ("copied", "no_pairs")
    )
    assert copied.answers == one.right()
    assert sum(answer == one.right()[name] for name, answer in gone.answers.items()) == 3
    assert [step.check for step in gone.steps if step.check] == list(NAMES)
    assert gone.notes == [f"The cell of `{name}` was gone." for name in NAMES[:2]]


@pytest.mark.parametrize("student", [name for name, odd in ODD.items() if isinstance(odd[3], str)])
def test_what_cannot_be_graded_is_told_why(one, student):
    _, make, _, words = ODD[student]
    made = make(one)
    text = made if isinstance(made, str) else nbformat.writes(made)
    with pytest.raises(UngradableError, match=str(words)):
        mended(one.released(), cells_of(text))


# What platforms send.


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("lovelaceada_4711_815_03_local.ipynb", ("lovelaceada_4711", "03_local.ipynb")),
        ("lovelaceada_LATE_4711_815_03-1.ipynb", ("lovelaceada_4711", "03-1.ipynb")),
        ("Ada Lovelace_42_assignsubmission_file_/a.ipynb", ("Ada Lovelace_42", "a.ipynb")),
        ("Zoë_42_assignsubmission_file_a b.ipynb", ("Zoë_42", "a b.ipynb")),
        ("Class/Zoë_42_assignsubmission_file_/sub/a.ipynb", ("Zoë_42", "a.ipynb")),
        ("ada/03.ipynb", ("ada", "03.ipynb")),
        ("../../ada/03.ipynb", None),
        ("__MACOSX/ada/._03.ipynb", None),
        ("03.ipynb", None),
    ],
)
def test_names_of_canvas_and_moodle_tell_who_handed_in(name, known):
    assert intake.student_and_file(name) == known


def test_an_archive_is_put_in_its_places_and_the_rest_is_told(one, tmp_path):
    course = tmp_path / "course"
    (course / "inbox").mkdir(parents=True)
    (course / "release" / one.lesson).mkdir(parents=True)
    with zipfile.ZipFile(course / "inbox" / "week.zip", "w") as archive:
        archive.writestr("ada_1_2_03-1.ipynb", nbformat.writes(one.honest()))
        archive.writestr("../../../out_1_2_x.ipynb", nbformat.writes(one.honest()))
        archive.writestr("bob_3_4_empty.ipynb", "")
    (course / "inbox" / "broken.zip").write_text("no archive")
    broken, escaping, empty = sorted(intake.unpack(course))
    assert "broken.zip cannot be opened" in broken
    assert "tells of no student" in escaping
    assert "belongs to no lesson" in empty
    assert intake.unpack(course) == [broken]  # again: the other is placed
    (path,) = (course / "submitted").rglob("*.ipynb")
    assert path == course / "submitted" / "ada_1" / one.lesson / f"{one.lesson}.ipynb"
    (found,) = intake.handed_in(course, one.lesson)
    assert (found.student, found.path) == ("ada_1", path)


def test_one_of_several_notebooks_is_taken_if_it_has_the_lessons_name(tmp_path):
    folder = tmp_path / "submitted" / "ada" / "03_x"
    folder.mkdir(parents=True)
    assert "no notebook" in intake.handed_in(tmp_path, "03_x")[0].reason
    for name in ("a", "b"):
        (folder / f"{name}.ipynb").touch()
    assert "several notebooks: a.ipynb, b.ipynb" in intake.handed_in(tmp_path, "03_x")[0].reason
    (folder / "03_x.ipynb").touch()
    assert intake.handed_in(tmp_path, "03_x")[0].path == folder / "03_x.ipynb"


# What is told.


def made_up(student: str, *right: bool, words: str = "Row 3 is `wrong`.", reason: str = ""):
    verdicts = dict(zip(NAMES, right, strict=False))
    return Result(student, "03_x", "key", reason, verdicts, dict.fromkeys(verdicts, words))


def test_feedback_names_the_exercise_says_the_sentence_once_and_needs_no_network(tmp_path):
    reports.feedback(tmp_path, made_up("ada & <b>", True, False, words="x < `y`: <script>"))
    (page,) = tmp_path.rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "1 of 2 points" in text
    assert "ada &amp; &lt;b&gt;" in text
    for name in NAMES[:2]:
        assert text.count(f"<code>{name}</code>") == 1
    assert text.count("x &lt; <code>y</code>: &lt;script&gt;") == 2
    assert not re.search(r"https?://|<script|src=", text)


def test_the_report_of_a_class_counts_sentences_and_says_who_is_not_graded_and_why(tmp_path):
    class_ = [
        made_up("ada", False, words="Row 3 is `wrong`."),
        made_up("bob", False, words="Row 5 is `wrong`."),
        made_up("cyd", reason="The file is empty."),
    ]
    assert reports.sentences(class_) == {("mixed_map", "Row 3 is `wrong`."): 2}
    text = reports.class_report(tmp_path, "03_x", class_).read_text(encoding="utf-8")
    assert "2 graded, 1 not" in text
    assert "<td>cyd</td><td>The file is empty.</td>" in text


def test_lists_for_platforms_are_empty_where_there_is_no_mark(one):
    with gradebook.opened(one.course) as book:
        for result in (
            Result("ada_4711", one.lesson, "", right=dict.fromkeys(NAMES, True)),
            Result("=bob", one.lesson, "", reason="The file is empty."),
            Result("cyd_12", one.lesson, "", right=dict.fromkeys(NAMES, False)),
        ):
            gradebook.record(book, one.course, result)
        book.update_or_create_student("dan", first_name="Dan", last_name="D", email="d@e.f")
        canvas, moodle = reports.platforms(one.course, book, [one.lesson])
        for student in ("ada_4711", "=bob", "cyd_12", "dan"):
            book.remove_student(student)
    with canvas.open(encoding="utf-8", newline="") as file:
        rows = {row["Student"].strip(): row for row in csv.DictReader(file)}
    assert rows["Points Possible"][one.lesson] == "5"
    assert (rows["ada"]["ID"], rows["ada"][one.lesson]) == ("4711", "5")
    assert rows["cyd"][one.lesson] == "0"
    assert rows["'=bob"][one.lesson] == rows["Dan D"][one.lesson] == ""
    with moodle.open(encoding="utf-8", newline="") as file:
        rows = {row["Identifier"]: row for row in csv.DictReader(file)}
    assert rows["Participant 4711"][one.lesson] == "5"
    assert rows["dan"]["Email address"] == "d@e.f"


@pytest.mark.parametrize(
    ("walls", "words"),
    [
        (Walls(view=True, account=True), "an account of its own; it sees"),
        (Walls(view=True, account=False), "no rights; it sees"),
        (Walls(view=False, account=True), "can read what everybody may read here"),
        (Walls(view=False, account=False), "runs with your rights"),
    ],
)
def test_what_the_walls_hold_is_said_plainly(walls, words):
    assert words in str(walls)
    assert walls.stand == (walls.view or walls.account)


def test_without_walls_nothing_is_run_unasked(one, monkeypatch, capsys):
    monkeypatch.setattr(Walls, "found", classmethod(lambda cls: cls(view=False, account=False)))
    with pytest.raises(SystemExit, match="not done unasked"):
        command.main([str(one.course)])
    assert "runs with your rights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"), [(["99"], "has no lesson 99"), ([], "is no course")]
)
def test_a_course_or_lesson_that_is_not_there_is_named(one, tmp_path, arguments, words):
    course = one.course if arguments else tmp_path
    with pytest.raises(SystemExit, match=words):
        command.main([str(course), *arguments])


# Behind the walls.


@pytest.fixture(scope="module")
def graded(one, tmp_path_factory):
    """A class of one honest and all hostile students, graded; and who called from outside."""
    if not Walls.found().view:
        pytest.skip("this system gives a process no view of its own, which these tests are about")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        one.put("honest", one.honest())
        for student in HOSTILE:
            one.put_hostile(student, server.getsockname()[1])
        before = {path: path.read_bytes() for path in one.course.rglob("*.ipynb")}
        found = one.grade()
        try:
            server.accept()
            reached = True
        except TimeoutError:
            reached = False
    return found, before, reached


@pytest.mark.slow
def test_hostile_notebooks_earn_what_is_honest_in_them_and_move_nobody_elses_mark(one, graded):
    found, before, reached = graded
    assert found["honest"].right == dict.fromkeys(NAMES, True)
    for student in HOSTILE:
        expected = {name: name == LAST for name in NAMES}
        assert found[student].right == expected, (student, found[student].words)
    with gradebook.opened(one.course) as book:
        marks = reports.marks(book, [one.lesson])
    assert marks == {"honest": {one.lesson: "5"}} | {s: {one.lesson: "1"} for s in HOSTILE}
    assert not reached
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not list(one.course.rglob("was_here.txt"))


@pytest.mark.slow
def test_solutions_are_nowhere_in_what_a_thief_is_told(one, graded):
    found, *_ = graded
    told = " ".join(found["thief"].words.values())
    page = next((one.course / "feedback" / "thief").rglob("*.html")).read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in told + page


@pytest.mark.slow
def test_a_forged_verdict_is_pointed_out_to_the_teacher(graded):
    found, *_ = graded
    assert any("Look at this answer" in note for note in found["forger"].notes)


@pytest.mark.slow
def test_started_again_it_grades_only_what_is_new_and_keeps_a_teachers_points(one, graded):
    with gradebook.opened(one.course) as book:
        grade = book.find_submission_notebook(one.lesson, one.lesson, "quitter").grades[0]
        grade.manual_score = 1
        book.db.commit()
    times = {p: p.stat().st_mtime_ns for p in (one.course / "graded").rglob("*.json")}
    one.put("late", "")
    found = one.grade()
    assert found["late"].reason == "The file is empty."
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    with gradebook.opened(one.course) as book:
        marks = reports.marks(book, [one.lesson])
    assert marks["quitter"][one.lesson] == "2"
    assert marks["late"][one.lesson] == ""


@pytest.mark.slow
def test_where_there_is_no_view_an_account_of_its_own_keeps_a_thief_from_the_course(tmp_path):
    walls = Walls(view=False, account=True)
    if os.geteuid() != 0 or not walls_module._another_can_run_python():
        pytest.skip("there is no other account here that may read Python's own files")
    one = Class(course_of(tmp_path / "course"))
    one.put_hostile("thief")
    found = one.grade(walls=walls, processes=1)
    assert found["thief"].right == {name: name == LAST for name in NAMES}
    assert not list(one.course.rglob("was_here.txt"))
    with gradebook.opened(one.course) as book:
        assert reports.marks(book, [one.lesson]) == {"thief": {one.lesson: "1"}}
