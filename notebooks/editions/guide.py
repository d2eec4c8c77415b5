"""The instructor's guide, read: what slides, sheets and tests take from it, told there once.

A lesson has parts with minutes, wrong answers, questions; a plan has rows of what is done when:

    04: *The gate*, *A face half in shadow*. They do `selective_fusion`
    01. At home: `fault_in_lbp`; 02 up to *The block*

The first row takes two parts of lesson 04 and of their exercises one; the second all of 01 but an
exercise, which is homework, and 02 to the end of a part.
"""

import functools
import math
import re
from dataclasses import dataclass
from fractions import Fraction

import yaml
from nbformat import NotebookNode

from notebooks.editions import source

IN_CLASS = Fraction(5, 4)  # "In a class, expect a quarter more."
SECTION = re.compile(r"^## ", re.MULTILINE)
EXERCISE = re.compile(r"^#+ (Exercise (\d+)\b.*)\n+\*(\d+) minutes", re.MULTILINE)
CHECK = re.compile(r"\bchecks\.(\w+)\(")
ITALIC = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")
CODE = re.compile(r"`([^`\n]+)`")
ITEM = re.compile(
    r"(?:^|; )(?P<number>\d\d[a-z]?)\b"
    r"(?:: (?P<parts>\*[^*]+\*(?:, \*[^*]+\*)*)| (?P<way>up to|from) \*(?P<end>[^*]+)\*)?"
    r"(?:\. (?P<choice>They do|At home:) (?P<exercises>`\w+`(?:, `\w+`)*))?"
)
LESSON = re.compile(r"\d\d[a-z]?|appendix")
FIRST = re.compile(r"doctor \((\d+)\)")


@dataclass(frozen=True)
class Exercise:
    """An exercise of a lesson: its heading, its place among them, its check, its minutes."""

    title: str
    place: int
    check: str
    minutes: int


@dataclass(frozen=True)
class Part:
    """A row of a lesson's minutes: some headings of it, and some of its exercises."""

    names: tuple[str, ...]
    minutes: int

    @property
    def exercises(self) -> tuple[int, ...]:
        """The places of its exercises."""
        named = (name for name in self.names if re.match(r"Exercises? \d", name))
        return tuple(int(place) for name in named for place in re.findall(r"\d+", name))

    @property
    def headings(self) -> tuple[str, ...]:
        """Its headings that are not an exercise's."""
        return tuple(name for name in self.names if not re.match(r"Exercises? \d", name))


@dataclass(frozen=True)
class Item:
    """Some parts of a lesson, by their places, the exercises in them, and those that are done."""

    number: str
    places: tuple[int, ...]
    exercises: tuple[Exercise, ...]
    done: tuple[Exercise, ...]
    at_home: tuple[Exercise, ...]
    minutes: int  # as the lesson counts them


@dataclass(frozen=True)
class Meeting:
    """A row of a plan: when, what, and how long."""

    when: str
    what: str
    minutes: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def first(self) -> int:
        """The minutes before the first lesson."""
        return sum(map(int, FIRST.findall(self.what)))

    @property
    def needed(self) -> int:
        """The minutes of what is done, with the quarter that a class needs more."""
        return self.first + in_class(sum(item.minutes for item in self.items))


def in_class(minutes: int) -> int:
    """Return the whole minutes that a class needs for those of one person."""
    return math.ceil(minutes * IN_CLASS)


class Guide:
    """The text of a guide, and its sections."""

    def __init__(self, text: str):
        self.text = text
        self.sections = {part.splitlines()[0]: part for part in SECTION.split(text)[1:]}
        self.lessons = {
            number: section
            for title, section in self.sections.items()
            if LESSON.fullmatch(number := number_of(title))
        }

    def parts(self, number: str) -> list[Part]:
        """Return the parts of a lesson."""
        rows = rows_below(self.lessons[number], "| part | minutes |")
        return [Part(tuple(names.split("; ")), int(minutes)) for names, minutes in rows]

    def wrong_answers(self, number: str) -> list[tuple[str, str, str]]:
        """Return for each wrong answer its check, what is wrong, and words of the check."""
        head = "| wrong answer |"
        rows = rows_below(self.lessons[number], head) if head in self.lessons[number] else []
        told = [(re.match(r"`(\w+)`: (.*)", mistake), words.strip('"')) for mistake, words in rows]
        return [(found[1], found[2], words) for found, words in told if found]

    def paragraph(self, number: str, opening: str) -> str:
        """Return what a lesson's section says after an opening in bold, up to the next."""
        return self.lessons[number].split(f"**{opening}**")[1].split("\n**")[0].strip()

    def questions(self, number: str) -> list[tuple[str, str]]:
        """Return the questions to discuss, each with what a good answer holds."""
        text = self.paragraph(number, "Discuss.")
        found = re.findall(r"^\d+\. \*(.+?)\*:? *((?:A|a) good answer.*)$", text, re.MULTILINE)
        return [(question, answer) for question, answer in found]

    def to_leave_out(self, number: str) -> list[str]:
        """Return the sentences on what to do if time is short."""
        return re.split(r"(?<=\.) ", self.paragraph(number, "If time is short."))

    def notes(self, number: str) -> dict[str, str]:
        """Return the notes for speakers: a sentence or two for a heading of a lesson."""
        (block,) = source.NOTES.findall(self.lessons[number])
        notes: dict[str, str] = yaml.safe_load(block)[number]
        return notes

    def plan(self, section: str) -> list[Meeting]:
        """Return the rows of a plan."""
        rows = rows_below(self.sections[section], "| when |")
        return [self.meeting(when, what, minutes) for when, what, minutes in rows]

    def meeting(self, when: str, what: str, minutes: str) -> Meeting:
        """Read a row of a plan."""
        items = tuple(self.item(found) for found in ITEM.finditer(FIRST.sub("", what).lstrip("; ")))
        return Meeting(when, what, tuple(map(int, minutes.split(" + "))), items)

    def item(self, found: re.Match[str]) -> Item:
        """Read what a row takes of one lesson.

        Raises:
            ValueError: if it names no part or no exercise of the lesson.
        """
        number, parts = found["number"], self.parts(found["number"])
        places = tuple(range(len(parts)))
        if found["parts"]:
            places = tuple(self.place(number, name) for name in ITALIC.findall(found["parts"]))
        elif found["way"]:
            end = self.place(number, found["end"])
            places = places[: end + 1] if found["way"] == "up to" else places[end:]
        taken = [parts[place] for place in places]
        inside = [each for each in exercises_of_lessons()[number] if holds(taken, each)]
        named = CODE.findall(found["exercises"] or "")
        if unknown := set(named) - {each.check for each in inside}:
            raise ValueError(f"lesson {number}: these parts have no exercise {min(unknown)}")
        chosen = tuple(each for each in inside if each.check in named)
        rest = tuple(each for each in inside if each.check not in named)
        done, at_home = (chosen, ()) if found["parts"] else (rest, chosen)
        left_out = set(inside) - set(done)
        minutes = sum(part.minutes for part in taken) - sum(each.minutes for each in left_out)
        return Item(number, places, tuple(inside), done, at_home, minutes)

    def place(self, number: str, heading: str) -> int:
        """Return the place of the part with a heading. Raises `ValueError` if there is none."""
        for place, part in enumerate(self.parts(number)):
            if heading in part.names:
                return place
        raise ValueError(f"no part of lesson {number} is called {heading!r}")


def holds(parts: list[Part], exercise: Exercise) -> bool:
    """Tell whether an exercise is in one of some parts."""
    return any(exercise.place in part.exercises for part in parts)


def number_of(title: str) -> str:
    """Return the number of the lesson that a section is about: its first word."""
    return title.split()[0].rstrip(":").lower()


def rows_below(text: str, head: str) -> list[list[str]]:
    """Return the cells of a table, row by row, without its head."""
    lines = text[text.index(head) :].splitlines()[2:]
    length = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [re.split(r" \| ", line.strip("| ")) for line in lines[:length]]


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """Return the exercises of a lesson."""
    found: list[Exercise] = []
    title, place, minutes = "", 0, 0
    for cell in notebook.cells:
        for heading in EXERCISE.finditer(cell.source):
            title, place, minutes = heading[1], int(heading[2]), int(heading[3])
        if "exercise" in source.tags(cell):
            found.append(Exercise(title, place, CHECK.findall(cell.source)[-1], minutes))
    return found


@functools.cache
def exercises_of_lessons() -> dict[str, list[Exercise]]:
    """Return the exercises of each lesson, by its number."""
    return {source.number(path): exercises(source.read(path)) for path in source.lessons()}


@functools.cache
def guide() -> Guide:
    """Return the guide as it stands."""
    return Guide(source.GUIDE.read_text(encoding="utf-8"))
