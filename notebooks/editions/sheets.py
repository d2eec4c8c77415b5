"""A sheet for each meeting, for those who help in the room: of the guide what is needed there.

    make sheets      # build/sheets: a page to print for each plan, a sheet on each of its pages

When each part begins, the exercises with their wrong answers and the check's words, what is for
home, what to leave out, the questions with their answers: for teachers, whatever students get.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from notebooks.editions import source
from notebooks.editions.blocks import read_markdown
from notebooks.editions.guide import IN_CLASS, Exercise, Guide, Item, Meeting, guide
from vtff_lib.endings import in_a_sentence

FILES = Path(__file__).with_name("sheets_files")
PLANS = {"one_day": "One day", "three_weeks": "Three weeks", "only_the_fusion": "Only the fusion"}


@dataclass(frozen=True)
class Step:
    """A part of a lesson as it comes in a meeting: after how many minutes, and for how many."""

    begins: int
    minutes: int
    names: str
    done: list[Exercise]


def steps(guide: Guide, item: Item, begins: int) -> list[Step]:
    """Return the parts of one lesson in a meeting, the first of which begins after some minutes."""
    found, passed, parts = [], 0, guide.parts(item.number)
    for place in item.places:
        part = parts[place]
        inside = [each for each in item.exercises if each.place in part.exercises]
        done = [each for each in inside if each in item.done]
        minutes = part.minutes - sum(each.minutes for each in inside if each not in done)
        start, passed = passed, passed + minutes
        first, last = round(start * IN_CLASS), round(passed * IN_CLASS)
        found.append(Step(begins + first, last - first, "; ".join(part.headings), done))
    return found


def words(text: str) -> Markup:
    """Return some of the guide's markdown as HTML."""
    return Markup("").join(Markup(block) for block in read_markdown(text))


def sheet(guide: Guide, meeting: Meeting) -> dict[str, object]:
    """Return what a meeting's sheet says."""
    begins, lessons = meeting.first, []
    for item in meeting.items:
        wrong = guide.wrong_answers(item.number)
        told = [(done, [each for each in wrong if each[0] == done.check]) for done in item.done]
        lessons.append(
            {
                "title": guide.lessons[item.number].splitlines()[0],
                "steps": steps(guide, item, begins),
                "wrong": told,
                "at_home": item.at_home,
                "projector": words(guide.paragraph(item.number, "On the projector.")),
                "short": words(guide.paragraph(item.number, "If time is short.")),
                "questions": [
                    (words(f"*{asked}*"), words(answer))
                    for asked, answer in guide.questions(item.number)
                ],
            }
        )
        begins += round(item.minutes * IN_CLASS)
    return {"meeting": meeting, "what": words(meeting.what), "lessons": lessons}


def make(folder: Path) -> None:
    """Write the sheets of each plan into `folder`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("sheets.html.j2")
    with source.making(folder) as partial:
        for name, title in PLANS.items():
            sheets = [sheet(guide(), meeting) for meeting in guide().plan(title) if meeting.items]
            page = template.render(title=title, sheets=sheets)
            (partial / f"{name}.html").write_text(page, encoding="utf-8", newline="\n")
        shutil.copy(FILES / "sheets.css", partial)


def main(arguments: list[str] | None = None) -> None:
    """Make the sheets as asked on the command line."""
    parser = source.arguments("Make a sheet for each meeting.", "sheets")
    options = parser.parse_args(arguments)
    with in_a_sentence(source.STOPPED):
        make(options.out)
        print(f"{options.out}: sheets of {len(PLANS)} plans")


if __name__ == "__main__":
    main()
