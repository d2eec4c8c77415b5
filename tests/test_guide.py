"""The instructor's guide holds what it says: minutes, headings, messages of checks, names, links.

Each property is a function from a guide to its problems in words. Each is shown to hold for the
guide as it stands, and to find at least one mistake that is put into it.
"""

import ast
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import pairwise

import pytest
import yaml

from notebooks import run
from notebooks.editions import guide, source
from notebooks.editions.guide import CODE, ITALIC, rows_below
from tests.lessons import StoredLesson, tables
from vtff_lib import checks

ROOT = source.ROOT
PARTS = (
    "**What it is for.**",
    "| part | minutes |",
    "**What students get wrong.**",
    "**Discuss.**",
    "**On the projector.**",
    "**If time is short.**",
    "**Speaker notes** for `make slides`",
    "```yaml",
)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
FILE = re.compile(r"(?<![\w./])[\w/]+(?:\.(?:py|ipynb|md|bib|html|yml|toml)\b|/(?!\S))")
PLANS = ("One day", "Three weeks", "Only the fusion")
OUTPUTS = "build/"  # what the guide's commands make


class Lesson(StoredLesson):
    """A lesson as the guide speaks of it."""

    @cached_property
    def headings(self) -> dict[str, int]:
        """The headings and their levels, in order."""
        return {title: len(level) for level, title in HEADING.findall(FENCED.sub("", self.prose))}

    @property
    def title(self) -> str:
        return next(iter(self.headings))

    @cached_property
    def minutes(self) -> int:
        return int(re.search(r"^\*(\d+) minutes", self.prose, re.MULTILINE)[1])

    @cached_property
    def numbered(self) -> list[str]:
        """The names of the exercises, the first first."""
        return [each.name for each in self.exercises()]

    @cached_property
    def names(self) -> set[str]:
        """What one can point at: headings, words on controls, what the prose puts in italics."""
        texts = (node for node in ast.walk(ast.parse(self.code)) if isinstance(node, ast.Constant))
        return {*self.headings, *(text.value for text in texts), *ITALIC.findall(self.prose)}


LESSONS = {source.number(path): Lesson(path) for path in source.lessons()}


class Guide(guide.Guide):
    """A guide, and its text without code."""

    @property
    def prose(self) -> str:
        return FENCED.sub("", self.text)


def exercises_in(number: str, part: guide.Part) -> list[guide.Exercise]:
    """Return the exercises of a part of a lesson."""
    return [each for each in guide.exercises_of_lessons()[number] if guide.holds([part], each)]


@cache
def message(number: str, check: str, index: int) -> str:
    """Return what a check says about a wrong answer of tests/lessons."""
    answer, _ = tables(number).ANSWERS[check].wrong[index]
    return getattr(checks, check)(answer).words


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def has_a_section_for_each_lesson(guide: Guide) -> Iterator[str]:
    if list(guide.lessons) != list(LESSONS):
        yield f"there are sections for {list(guide.lessons)}"
    for number, section in guide.lessons.items():
        if section.splitlines()[0] != LESSONS[number].title:
            yield f"{number}: the section has another title than the lesson"
        places = [section.find(part) for part in PARTS]
        if -1 in places or places != sorted(places):
            yield f"{number}: not all of {PARTS} are there, in this order"


def leads_to_its_sections(guide: Guide) -> Iterator[str]:
    levels = [len(level) for level, _ in HEADING.findall(guide.prose)]
    if levels.count(1) != 1 or any(below > above + 1 for above, below in pairwise(levels)):
        yield f"the levels of its headings are {levels}"
    opening = guide.text.split("\n## ")[0]
    anchors = re.findall(r"^- \*\*\w+:\*\* .*", opening, re.MULTILINE)
    listed = [anchor for line in anchors for anchor in re.findall(r"\]\(#(.*?)\)", line)]
    if listed != [slug(title) for title in guide.sections]:
        yield f"its list of contents leads to {listed}"


def shares_out_the_minutes(guide: Guide) -> Iterator[str]:
    for number in guide.lessons:
        total, stated = sum(part.minutes for part in guide.parts(number)), LESSONS[number].minutes
        if total != stated:
            yield f"{number}: the parts take {total} minutes, and the lesson says {stated}"
        for part in guide.parts(number):
            if part.minutes <= sum(each.minutes for each in exercises_in(number, part)):
                yield f"{number}: {part.names[0]} leaves no minute beside its exercises"


def names_the_parts_of_each_lesson(guide: Guide) -> Iterator[str]:
    for number in guide.lessons:
        parts, lesson = guide.parts(number), LESSONS[number]
        named = [name for part in parts for name in part.headings]
        exercises = [place for part in parts for place in part.exercises]
        headings = [name for name in named if lesson.headings.get(name) == 2]
        if unknown := set(named) - set(lesson.headings):
            yield f"{number}: no heading is {min(unknown)!r}"
        if exercises != list(range(1, len(lesson.numbered) + 1)):
            yield f"{number}: the parts hold the exercises {exercises}"
        if headings != [name for name, level in lesson.headings.items() if level == 2]:
            yield f"{number}: of the headings the parts hold {headings}"


def lists_the_lessons(guide: Guide) -> Iterator[str]:
    *rows, together = rows_below(guide.text, "| lesson | minutes | exercises |")
    lessons = LESSONS.values()
    for (title, minutes, exercises), lesson in zip(rows, lessons, strict=True):
        told = (lesson.title, str(lesson.minutes), str(len(lesson.numbered) or "none"))
        if (title, minutes, exercises) != told:
            yield f"the list says {title}, {minutes}, {exercises}; the lesson says {told}"
    sums = [str(sum(lesson.minutes for lesson in lessons)), str(len(checks.EXERCISES))]
    if together != ["together", *sums]:
        yield f"the list ends in {together}, not in {sums}"


def quotes_the_checks(guide: Guide) -> Iterator[str]:
    for number in LESSONS.keys() & guide.lessons.keys() - {"00", "appendix"}:
        answers, seen = tables(number).ANSWERS, set()
        told_of = guide.wrong_answers(number)
        if len(told_of) != len(rows_below(guide.lessons[number], "| wrong answer |")):
            yield f"{number}: a wrong answer begins with no check"
        for check, mistake, words in told_of:
            if check not in answers:
                yield f"{number}: {mistake!r} begins with no check of the lesson"
                continue
            seen.add(check)
            told = [fragment for _, fragment in answers[check].wrong]
            likely_first = sorted(range(len(told)), key=lambda n: words not in told[n])
            if not any(words in message(number, check, index) for index in likely_first):
                yield f"{number}: {check} says {words!r} of no wrong answer"
        if seen != set(answers):
            yield f"{number}: nothing is told of {set(answers) - seen}"


def answers_its_questions(guide: Guide) -> Iterator[str]:
    for number in guide.lessons:
        asked = re.findall(r"^\d\. ", guide.paragraph(number, "Discuss."), re.MULTILINE)
        if len(asked) < 3:
            yield f"{number}: there are {len(asked)} questions"
        if len(guide.questions(number)) != len(asked):
            yield f"{number}: a question has no good answer"


def points_at_what_is_there(guide: Guide) -> Iterator[str]:
    for number in guide.lessons:
        for opening in ("On the projector.", "If time is short."):
            for name in ITALIC.findall(guide.paragraph(number, opening)):
                if name not in LESSONS[number].names:
                    yield f"{number}, {opening}: nothing there is called {name!r}"


def has_notes_for_headings(guide: Guide) -> Iterator[str]:
    notes: dict[str, dict[str, str]] = {}
    for block in source.NOTES.findall(guide.text):
        notes |= yaml.safe_load(block)
    if list(notes) != list(LESSONS):
        yield f"there are notes for {list(notes)}"
    for number in LESSONS.keys() & notes.keys():
        known, told = list(LESSONS[number].headings), list(notes[number])
        if told != [heading for heading in known if heading in told]:
            yield f"{number}: these are no headings, or not in their order: {told}"
        if len(told) < (3 if number == "appendix" else 6):
            yield f"{number}: there are {len(told)} notes"


def plans_a_day(guide: Guide) -> Iterator[str]:
    rows = guide.plan("One day")
    for row, following in pairwise(rows):
        hours, rest = map(int, row.when.split(":"))
        end = f"{hours + (rest + row.minutes[0]) // 60:02}:{(rest + row.minutes[0]) % 60:02}"
        if end != following.when:
            yield f"{row.when} and {row.minutes[0]} minutes is not {following.when}"
    for row in rows:
        if not row.needed <= row.minutes[0]:
            yield f"{row.when}: {row.needed} minutes do not fit into {row.minutes[0]}"
    held = [item.number for row in rows for item in row.items]
    if held != list(LESSONS)[:-1]:
        yield f"the day holds the lessons {held}"


def plans_meetings(guide: Guide) -> Iterator[str]:
    for section in ("Three weeks", "Only the fusion"):
        for row in guide.plan(section):
            lesson, *others = row.minutes
            if lesson != row.needed or lesson + sum(others) != 90:
                yield f"{row.when}: its lessons take {row.needed} minutes, it says {row.minutes}"
            if not row.items or max(others) < 8:
                yield f"{row.when}: nobody has time to ask"


def plans_all_lessons_in_three_weeks(guide: Guide) -> Iterator[str]:
    held: dict[str, list[int]] = {}  # the parts of each lesson, by their places
    for item in (item for row in guide.plan("Three weeks") for item in row.items):
        held.setdefault(item.number, []).extend(item.places)
    if held != {n: list(range(len(guide.parts(n)))) for n in LESSONS if n != "appendix"}:
        yield f"the three weeks hold {held}"


def names_what_it_plans(guide: Guide) -> Iterator[str]:
    """What a row of a plan says is read, all of it: no exercise or part is named in vain."""
    for section in PLANS:
        for _, what, _ in rows_below(guide.sections[section], "| when |"):
            try:
                row = guide.meeting("", what, "0")
            except ValueError as error:
                yield f"{section}: {error}"
                continue
            done = {each.check for item in row.items for each in (*item.done, *item.at_home)}
            if left := set(CODE.findall(what)) - done - {"checks.progress()"}:
                yield f"{section}: {left} is not read"
            read = sum(len(item.places) for item in row.items if f"{item.number}: " in what)
            named = len(ITALIC.findall(re.sub(r"(?:up to|from) \*[^*]+\*", "", what)))
            if read != named:
                yield f"{section}: of {named} parts {read} are read"


def tells_the_memory_that_was_measured(guide: Guide) -> Iterator[str]:
    measured = json.loads((ROOT / "figures" / "memory.json").read_text(encoding="utf-8"))
    section = guide.sections["How to run it for a class"]
    told = []
    for numbers, span in rows_below(section, "| lesson | GiB |"):
        taken = [measured["lessons"].get(number, 0.0) for number in numbers.split(", ")]
        told += numbers.split(", ")
        if span != f"{min(taken):.1f} to {max(taken):.1f}":
            yield f"the lessons {numbers} take {taken} GiB, and it says {span}"
    if sorted(told) != sorted(measured["lessons"]):
        yield f"the table of memory has the lessons {told}"
    hub = yaml.safe_load((ROOT / "hub" / "values.yaml").read_text(encoding="utf-8"))
    memory = [hub["singleuser"]["memory"][key].strip("G") for key in ("guarantee", "limit")]
    for words in (
        f"server adds {measured['server']:.1f} GiB",
        "guarantee {} GiB and allow {}:".format(*memory),
        f"Sixty students at work are then {60 * int(memory[0])} GiB",
    ):
        if words not in section:
            yield f"it does not say that the {words}"


def tells_what_grading_took(guide: Guide) -> Iterator[str]:
    measured = json.loads((ROOT / "figures" / "grading.json").read_text(encoding="utf-8"))
    took = measured["summary"]
    minutes = {lesson: f"{each['seconds'] / 60:.0f}" for lesson, each in took.items()}
    most = max(each["GiB"] for each in took.values())
    for words in (
        f"{minutes['03']} minutes for lesson 03 and {minutes['07']} for lesson 07",
        f"at most {most:.0f} GiB",
    ):
        if words not in guide.sections["Grading"]:
            yield f"it does not say that grading took {words}"


def fits_a_phone(guide: Guide) -> Iterator[str]:
    for line in re.findall(r"^\|[-|]+\|$", guide.text, re.MULTILINE):
        if line.count("|") > 4:
            yield "a table has more than three columns"


def links_to_what_exists(guide: Guide) -> Iterator[str]:
    anchors = {slug(title) for _, title in HEADING.findall(guide.prose)}
    for target in re.findall(r"\]\((.+?)\)", guide.prose):
        if not (target[1:] in anchors if target[0] == "#" else (run.FOLDER / target).exists()):
            yield f"the link to {target} is broken"


def names_files_that_exist(guide: Guide) -> Iterator[str]:
    for code in CODE.findall(guide.prose):
        for name in FILE.findall(code):
            folders = (ROOT, run.FOLDER, ROOT / "tests" / "lessons")
            if name != OUTPUTS and not any((folder / name).exists() for folder in folders):
                yield f"there is no {name}"


def gives_commands_that_exist(guide: Guide) -> Iterator[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for code in CODE.findall(guide.prose) + FENCED.findall(guide.text):
        for target in re.findall(r"\bmake ([a-z]+)", code):
            if not re.search(rf"^{target}:", makefile, re.MULTILINE):
                yield f"there is no `make {target}`"
        for module in re.findall(r"-m ([\w.]+)", code):
            if not importlib.util.find_spec(module):
                yield f"there is no module {module}"
        for name in re.findall(r"\bchecks\.(\w+)", code):
            if not hasattr(checks, name):
                yield f"there is no checks.{name}"
        for extras in re.findall(r"\.\[([\w,]+)\]", code):
            if unknown := set(extras.split(",")) - project["optional-dependencies"].keys():
                yield f"pyproject.toml has no extra {unknown}"


GUIDE = Guide(source.GUIDE.read_text(encoding="utf-8"))
MISTAKES = [
    (has_a_section_for_each_lesson, r"^## 05 ", "## 05: "),
    (has_a_section_for_each_lesson, r"\*\*Discuss\.\*\*", "**Discussion.**"),
    (leads_to_its_sections, r"\(#05-", "(#5-"),
    (leads_to_its_sections, r"^### Plain laptops", "#### Plain laptops"),
    (shares_out_the_minutes, r"^(\| A face; Two views of it \|) 11", r"\1 12"),
    (shares_out_the_minutes, r"(Exercises 2 and 3 \|) 22 (\|\n.*\|) 25", r"\1 18 \2 29"),
    (names_the_parts_of_each_lesson, r"^\| One window, by hand;", "| A window;"),
    (names_the_parts_of_each_lesson, r"^\| A face, channel by channel", "| Ties on skin"),
    (names_the_parts_of_each_lesson, r"Exercises 2 and 3 \|", "Exercise 2 |"),
    (lists_the_lessons, r"^(\| 03 .*?) 80 ", r"\1 65 "),
    (lists_the_lessons, r"^(\| 09 .*) 5 \|$", r"\1 6 |"),
    (lists_the_lessons, r"^(\| together .*) \d+ \|$", r"\1 99 |"),
    (quotes_the_checks, r'"use ≥, not >"', '"use >, not ≥"'),
    (quotes_the_checks, r"`lbp_code`: ", "`mixed_map`: "),
    (quotes_the_checks, r"(?:^\| `trunk`.*\n)+", ""),
    (answers_its_questions, r"A good answer: ", "Perhaps: "),
    (answers_its_questions, r"^3\. .*\n", ""),
    (points_at_what_is_there, r"press \*surprise\*", "press *delight*"),
    (points_at_what_is_there, r"Leave out \*Relatives\*", "Leave out *Friends*"),
    (has_notes_for_headings, r'^  "Two orders":', '  "Three orders":'),
    (has_notes_for_headings, r'^"07":', '"17":'),
    (has_notes_for_headings, r'^  "Numbers first": .*\n  "A solid": .*\n  "What.*\n', ""),
    (has_notes_for_headings, r'^  "Two orders": .*\n(  .*\n)', r'\1  "Two orders": ""\n'),
    (plans_a_day, r"^(\| 09:15 .*) 30 \|$", r"\1 40 |"),
    (
        plans_a_day,
        r"^\| 14:05 \| 06: \*Your model\*, \*Six checks before you train\*",
        "| 14:05 | break",
    ),
    (plans_a_day, r"\*The gate\*, \*A face half in", "*The gate*, *Broadcasting*, *A face half in"),
    (plans_a_day, r"They do `what_follows`", "They do `what_follows`, `fault_in_control`"),
    (names_what_it_plans, r"They do `global_attention`", "They do `pushed_gate`"),
    (names_what_it_plans, r"They do `global_attention`", "`global_attention`"),
    (
        names_what_it_plans,
        r"03: \*Global attention: which channel\?\*, ",
        "03: *Global attention*, ",
    ),
    (names_what_it_plans, r"^(\| 1 .*00: )\*Two views", r"\1and *Two views"),
    (plans_meetings, r"^(\| 1\.3 .*)69 ", r"\1 68 "),
    (plans_meetings, r"\| 73 \+ 12 \+ 5 \|", "| 73 + 12 + 15 |"),
    (plans_meetings, r"\| 80 \+ 8 \+ 2 \|", "| 80 + 5 + 5 |"),
    (plans_meetings, r"^(\| 2 .*\*), \*Other readings of the paper\*", r"\1"),
    (plans_all_lessons_in_three_weeks, r"^\| 2\.1 .*\n", ""),
    (plans_all_lessons_in_three_weeks, r"09 up to \*Sixteen questions\*", "09 up to *Pairs*"),
    (tells_the_memory_that_was_measured, r"1\.3 to 1\.6 \|$", "1.3 to 1.5 |"),
    (tells_the_memory_that_was_measured, r"^\| 02, 07, ", "| 02, "),
    (tells_what_grading_took, r"12 for lesson 07", "13 for lesson 07"),
    (tells_what_grading_took, r"at most 6 GiB", "at most 5 GiB"),
    (tells_the_memory_that_was_measured, r"adds 0\.2 GiB", "adds 0.3 GiB"),
    (tells_the_memory_that_was_measured, r"guarantee 2 GiB", "guarantee 1 GiB"),
    (fits_a_phone, r"^\|---\|---\|$", "|---|---|---|---|"),
    (gives_commands_that_exist, r"`make site`", "`make sites`"),
    (gives_commands_that_exist, r"-m vtff_lib\.doctor", "-m vtff_lib.nurse"),
    (gives_commands_that_exist, r"`checks\.progress\(\)`", "`checks.advance()`"),
    (gives_commands_that_exist, r"\.\[lab,test,teach\]", ".[lab,tests,teach]"),
    (links_to_what_exists, r"\(cheat_sheet\.md\)", "(cheats.md)"),
    (names_files_that_exist, r"`figures/explorer_tiny\.html`", "`figures/explorer_small.html`"),
    (links_to_what_exists, r"\(#grading\)", "(#marks)"),
]
PROPERTIES = list(dict.fromkeys(holds for holds, *_ in MISTAKES))


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Wrong answers are checked: no test reads or writes the progress of whoever runs it."""
    monkeypatch.setenv("VTFF_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda each: each.__name__)
def test_the_guide(holds):
    assert list(holds(GUIDE)) == []


@pytest.mark.parametrize(("holds", "pattern", "wrong"), MISTAKES)
def test_a_mistake_in_the_guide_is_found(holds, pattern, wrong):
    text, count = re.subn(pattern, wrong, GUIDE.text, count=1, flags=re.MULTILINE)
    assert count == 1
    assert list(holds(Guide(text))) != []


def test_slides_get_the_notes_of_every_lesson():
    assert list(source.speaker_notes()) == list(LESSONS)
