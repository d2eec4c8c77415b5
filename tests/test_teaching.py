"""What is for teachers beside the guide: that it is complete, and speaks of what there is."""

import importlib
import re
from collections.abc import Iterator

import nbformat
import numpy as np
import pytest

from notebooks import run
from notebooks.editions import source, tutor
from tests.keys import in_text
from tests.lessons import NUMBERS, stored

FOLDER = run.FOLDER / "teaching"
CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
QUESTION = re.compile(r"^(\d+)\. (.+[?.]) \*([^*]+)\*$")
HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
GRADES = ("good", "middling", "poor")


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Return what stands below each heading of the second level."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def unknown_names(number: str, text: str) -> Iterator[str]:
    """Yield names in code marks that neither a lesson's cells nor Python know."""
    lesson = stored(number)
    known = lesson.code + lesson.prose + "\n".join(each.solution for each in lesson.exercises())
    for code in CODE.findall(text):
        for name in NAME.findall(code):
            if name not in known:
                yield f"{number}: {name}"


def faults_of_bank(text: str) -> Iterator[str]:
    """Yield what an oral bank lacks."""
    bank = sections(text)
    if [title.split()[0] for title in bank] != list(NUMBERS):
        yield f"it has the lessons {list(bank)}"
        return
    for title, body in bank.items():
        number = title.split()[0]
        headings = HEADING.findall(stored(number).prose)
        blocks = re.split(r"\n(?=\d+\. )", body.strip())
        if len(blocks) != 10:
            yield f"{number}: {len(blocks)} questions"
        for place, block in enumerate(blocks, start=1):
            asked, *answers = block.strip().split("\n")
            found = QUESTION.match(asked)
            if not found or int(found[1]) != place:
                yield f"{number}: {asked!r} is no question {place} with its section"
            elif found[3] not in headings:
                yield f"{number}: there is no section {found[3]!r}"
            grades = [answer.strip().removeprefix("- *").partition(":* ")[0] for answer in answers]
            if tuple(grades) != GRADES or any(len(answer.split()) < 3 for answer in answers):
                yield f"{number}: question {place} has the answers {grades}"
        yield from unknown_names(number, body)


def test_each_lesson_has_ten_questions_with_three_kinds_of_answer_about_what_is_there():
    assert list(faults_of_bank(text_of("oral_bank.md"))) == []


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"^## 07b .*$", "## 07c Long runs"),
        (r"^10\. .*\n(   .*\n)+\n## 02", "\n## 02"),
        (r"^   - \*middling:\* .*\n", ""),
        (r"- \*poor:\* .*$", "- *poor:* "),
        (r"\*Two orders\*", "*Three orders*"),
        (r"`my_lbp`", "`my_lpb`"),
        (r"^3\. ", "4. "),
    ],
)
def test_a_fault_of_the_bank_is_found(pattern, wrong):
    text, count = re.subn(pattern, wrong, text_of("oral_bank.md"), count=1, flags=re.MULTILINE)
    assert count == 1
    assert list(faults_of_bank(text))


def test_there_is_an_exit_ticket_for_each_meeting():
    rows = re.findall(r"^\| (\d\.\d), (\w+) \| (.+) \| (.+) \|$", text_of("exit_tickets.md"), re.M)
    guide = source.GUIDE.read_text(encoding="utf-8")
    weeks = re.search(r"^## Three weeks\n(.*?)^## ", guide, re.M | re.S)[1]
    planned = dict(re.findall(r"^\| (\d\.\d) \| (.+?) \| \d", weeks, re.MULTILINE))
    assert [meeting for meeting, *_ in rows] == list(planned)
    for meeting, lesson, ticket, wanted in rows:
        assert re.search(rf"\b{lesson}\b", planned[meeting]), meeting
        assert ticket[-1] in "?."
        assert len(wanted.split()) > 4


def test_the_rubrics_have_three_steps_in_every_row():
    for heading in ("The report", "The model card"):
        rows = re.findall(r"^- \*\*.+\*\*(.*)$", sections(text_of("rubrics.md"))[heading], re.M)
        assert len(rows) == 6
        assert all(re.findall(r"\((\d)\)", row) == ["1", "2", "3"] for row in rows)


def test_the_test_has_ten_items_with_one_answer_each_from_lessons_that_there_are():
    items = sections(text_of("before_and_after.md"))["The items"]
    blocks = re.split(r"^\d+\. ", items, flags=re.MULTILINE)[1:]
    assert [re.findall(r"\((\w)\)", block)[:4] for block in blocks] == [list("abcd")] * 10
    key = dict(re.findall(r"(\d+) ([a-d])\b", items.partition("Right: ")[2]))
    assert list(key) == [str(number) for number in range(1, 11)]
    assert set(key.values()) == set("abcd")
    lessons = re.findall(r"\b\d\d\b", items.partition("lessons ")[2])
    assert len(lessons) == 10
    assert set(lessons) <= set(NUMBERS)


def test_the_sus_form_has_its_ten_sentences_in_turn_for_and_against():
    form = sections(text_of("before_and_after.md"))["What they thought of it"]
    assert re.findall(r"^(\d+)\. .+\.$", form, re.MULTILINE) == [str(n) for n in range(1, 11)]


def test_links_lead_to_what_exists():
    for path in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert (FOLDER / target).exists(), f"{path.name}: {target}"


# The notebook that compares the pairs.


@pytest.fixture(scope="module")
def analysis():
    notebook = nbformat.read(FOLDER / "class_gain.ipynb", as_version=4)
    names: dict = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    return names


def test_the_gain_of_a_made_up_class_is_found_by_both_intervals(analysis):
    before, after = analysis["pairs_of"](analysis["made_up"](people=120, taught=0.35, seed=3))
    assert before.shape == after.shape == (116, 10)
    paired, drawn = analysis["gain_of"](before, after)
    for each in (paired.difference, drawn):
        assert 0 < each.low < 6 * 0.35 < each.high + 0.3
    assert paired.difference.low == pytest.approx(drawn.low, abs=0.1)


def test_where_nothing_was_taught_nothing_is_shown_nineteen_times_in_twenty(analysis):
    shown = 0
    for seed in range(100):
        rows = analysis["made_up"](taught=0.0, seed=seed)
        before, after = analysis["pairs_of"](rows)
        gain = analysis["compare"](after.sum(1).tolist(), before.sum(1).tolist()).difference
        shown += not gain.low <= 0 <= gain.high
    assert shown <= 12


def test_people_are_paired_by_their_code_however_it_is_written_and_in_whatever_order(analysis):
    rows = analysis["made_up"]()
    before, after = analysis["pairs_of"](rows)
    shuffled = [row | {"code": f" {row['code'].upper()} "} for row in rows[::-1]]
    for one, other in zip(analysis["pairs_of"](shuffled), (before, after), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"when": "later"}, "Row 3, p4, later: it is neither before nor after"),
        ({"code": "p3"}, "Row 3, p3, before: it comes twice"),
        ({"7": "yes"}, "Row 3, p4: an item is neither 0 nor 1"),
    ],
)
def test_an_odd_row_is_named(analysis, change, words):
    rows = analysis["made_up"]()
    rows[2] = rows[2] | change
    with pytest.raises(ValueError, match=words):
        analysis["pairs_of"](rows)


def test_the_sus_score_is_brookes(analysis):
    forms = [[3] * 10, [5, 1] * 5, [1, 5] * 5, [4, 2, 3, 2, 4, 1, 5, 2, 4, 3]]
    assert analysis["sus"](forms).tolist() == [50, 100, 0, 75]
    with pytest.raises(ValueError, match="from 1 to 5"):
        analysis["sus"]([[6] * 10])


# For a chatbot.


def test_the_tutors_text_has_every_lesson_and_no_solution_or_key(tmp_path):
    tutor.main(["--out", str(tmp_path / "tutor")])
    advice = tutor.TUTOR.read_text(encoding="utf-8")
    text = (tmp_path / "tutor" / tutor.NAME).read_text(encoding="utf-8")
    for lesson in source.lessons():
        alone = (tmp_path / "tutor" / f"{lesson.stem}.md").read_text(encoding="utf-8")
        assert alone.startswith(advice)
        assert alone.removeprefix(advice).strip() in text
    assert "<summary>Hint 1</summary>" in text
    assert "<summary>Solution</summary>" not in text
    assert in_text(text) == set()


def test_what_the_tutor_is_told_of_is_there():
    advice = tutor.TUTOR.read_text(encoding="utf-8")
    for word in ("A prediction first", "The check's sentence", "no line of one", "Hint 1"):
        assert word in advice
    for module in re.findall(r"-m ([\w.]+)", advice):
        importlib.import_module(module)
    for name in ("trace_shapes", "first_difference"):
        assert name in advice
        assert name in stored("06").code
