"""Slides of the lessons, shown by reveal.js, and of the one-day course.

    make slides                                              # every deck, in build/slides
    python -m notebooks.editions.slides 03 --out build/look  # one deck, to look at

What is on a slide, the tags of the cells say: see `deck`. What the speaker reads is in `notes`.
"""

import importlib.resources
import shutil
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import jinja2

from notebooks import run
from notebooks.editions import source
from notebooks.editions.deck import Slide, make_slides
from notebooks.editions.equations import save_font
from notebooks.editions.guide import Guide, Part, exercises, exercises_of_lessons, guide
from notebooks.editions.notes import heading, pace, tell
from vtff_lib.endings import in_a_sentence

FILES = Path(__file__).with_name("slides_files")
REVEAL = importlib.resources.files("sphinx_revealjs") / "_static" / "revealjs"
REVEAL_FILES = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")
DAY = "One day"

Stacks = list[tuple[str, list[Slide]]]  # the slides of each part, and what it is called


def copy_reveal(folder: Path) -> None:
    """Copy what the decks use of reveal.js."""
    for name in REVEAL_FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REVEAL / name).read_bytes())


def copy_pictures(slides: list[Slide], folder: Path) -> None:
    """Copy the pictures that the lessons' text shows, each to the path that its slide names."""
    for block in (block for slide in slides for block in [*slide.blocks, *slide.left_out]):
        for picture in block.find_all("img"):
            if not picture["src"].startswith("data:"):
                target = folder / picture["src"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source.ROOT / picture["src"], target)


def read_lesson(lesson: Path, solutions: bool) -> list[Slide]:
    """Return the slides of a lesson with their notes. Raises `ValueError` if no cell is on one."""
    notebook, number = source.read(lesson, solutions), source.number(lesson)
    slides = make_slides(notebook, lesson.name, guide().parts(number))
    if not slides:
        raise ValueError(f"{lesson.name}: no cell has the tag slide.")
    tell(slides, guide(), number, exercises(notebook))
    return slides


def stacks_of(slides: list[Slide], parts: list[Part]) -> Stacks:
    """Return the slides of a lesson by the guide's parts: the first slide is a stack of its own."""
    groups = groupby(slides[1:], lambda slide: slide.part)
    rest = [("; ".join(parts[part].names), list(group)) for part, group in groups]
    return [(slides[0].title, slides[:1]), *rest]


def minutes_of(stacks: Stacks) -> int:
    """Return how many minutes a class needs for some slides."""
    return sum(slide.seconds for _, slides in stacks for slide in slides) // 60


def day(guide: Guide, lessons: dict[str, list[Slide]]) -> Stacks:
    """Return the slides of the one-day course: of each lesson the parts that the guide names."""
    stacks: Stacks = []
    for meeting in guide.plan(DAY):
        words = f"{meeting.when}, {meeting.minutes[0]} minutes"
        if not meeting.items:
            stacks.append((meeting.what, [heading(meeting.what, words, 60 * meeting.minutes[0])]))
        for item in meeting.items:
            done = {each.place for each in item.done}
            slides = [
                replace(slide, seconds=0)
                for slide in lessons[item.number]
                if slide.part in item.places and (not slide.exercise or slide.exercise in done)
            ]
            parts = guide.parts(item.number)
            taken = {place: parts[place] for place in item.places}
            pace(slides, taken, exercises_of_lessons()[item.number], item.done)
            title = lessons[item.number][0].title
            stacks.append((title, [heading(title, words), *slides]))
    return stacks


def make(folder: Path, lessons: list[Path], solutions: bool = True) -> None:
    """Write the decks of these lessons, and all that they need, into `folder`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    decks: dict[str, tuple[str, Stacks]] = {}
    with source.making(folder) as partial:
        read = {source.number(lesson): read_lesson(lesson, solutions) for lesson in lessons}
        for lesson in lessons:
            number = source.number(lesson)
            stacks = stacks_of(read[number], guide().parts(number))
            decks[lesson.stem] = read[number][0].title, stacks
        if {item.number for row in guide().plan(DAY) for item in row.items} <= read.keys():
            decks["one_day"] = "VTFF in one day", day(guide(), read)
        for name, (title, stacks) in decks.items():
            page = environment.get_template("deck.html.j2").render(title=title, stacks=stacks)
            (partial / f"{name}.html").write_text(page, encoding="utf-8", newline="\n")
        for slides in read.values():
            copy_pictures(slides, partial)
        listed = {name: (title, minutes_of(stacks)) for name, (title, stacks) in decks.items()}
        index = environment.get_template("index.html.j2").render(decks=listed)
        (partial / "index.html").write_text(index, encoding="utf-8", newline="\n")
        for name in ("theme.css", "deck.js"):
            shutil.copy(FILES / name, partial)
        save_font(partial)
        copy_reveal(partial / "reveal")


def main(arguments: list[str] | None = None) -> None:
    """Make the decks as asked on the command line."""
    parser = source.arguments("Make slides of the lessons.", "slides")
    parser.add_argument("lessons", nargs="*", help="such as 03; all, if none is named")
    options = parser.parse_args(arguments)
    with in_a_sentence(source.STOPPED):
        lessons = run.choose(options.lessons, source.NOTEBOOKS)
        make(options.out, lessons, solutions=options.solutions == "shown")
        print(f"{options.out / 'index.html'}: slides of {len(lessons)} lessons")


if __name__ == "__main__":
    main()
