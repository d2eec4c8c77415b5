"""What is told of the results: a page for each student, one for the teacher, lists for platforms.

In the lists of Canvas and Moodle what was not graded, or not handed in, is empty and not 0.
"""

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from notebooks.grading.results import Result
from vtff_lib import files
from vtff_lib.checks import EXERCISES
from vtff_lib.checks.judging import CODE

MOST_SENTENCES = 12  # of a class that are listed
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
section {{ border-left: 4px solid #d55e00; padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; }}
section.right {{ border-color: #009e73; }} section h2, section p {{ margin: .25rem 0; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .4rem .8rem .4rem 0; vertical-align: top;
  border-bottom: 1px solid #8885; }}
td:last-child, p {{ overflow-wrap: anywhere; }} th:first-child {{ white-space: nowrap; }}
code {{ font-size: .95em; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def shown(words: str) -> str:
    """Return a sentence of a check as HTML."""
    return CODE.sub(r"<code>\1</code>", html.escape(words))


def title_of(lesson: str) -> str:
    """Return a lesson's folder as words."""
    number, _, name = lesson.partition("_")
    return f"Lesson {number}: {name.replace('_', ' ')}"


def feedback(course: Path, result: Result) -> None:
    """Write the page of a student: each exercise, its point, and its check's sentence, once."""
    if result.reason:
        body = f"<p>This notebook was not graded. {html.escape(result.reason)}</p>"
    else:
        total = f"{sum(result.right.values())} of {len(result.right)} points."
        body = f"<p>{total}</p>" + "\n".join(
            f'<section class="{"right" if right else "open"}">'
            f"<h2>{html.escape(EXERCISES[name].task)} (<code>{name}</code>)</h2>"
            f"<p><strong>{'Right.' if right else 'Not yet.'}</strong> "
            f"{shown(result.words.get(name, ''))}</p></section>"
            for name, right in result.right.items()
        )
    folder = course / "feedback" / result.student / result.lesson
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{title_of(result.lesson)}, {html.escape(result.student)}"
    files.write(folder / f"{result.lesson}.html", PAGE.format(title=title, body=body))


def sentences(results: Iterable[Result]) -> Counter[tuple[str, str]]:
    """Count which check said what is wrong how often; numbers in it do not tell two apart."""
    found: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for result in results:
        for name in (name for name, right in result.right.items() if not right):
            words = result.words.get(name, "")
            alike = (name, NUMBERS.sub("#", words))
            found[name, first.setdefault(alike, words)] += 1
    return found


def class_report(course: Path, lesson: str, results: Sequence[Result]) -> Path:
    """Write the teacher's page of a lesson; return where."""
    graded = [each for each in results if not each.reason]
    not_graded = [[each.student, each.reason] for each in results if each.reason]
    solved = Counter(name for each in graded for name, right in each.right.items() if right)
    exercises = [each.name for each in EXERCISES.values() if each.lesson == lesson.split("_")[0]]
    said = sentences(graded).most_common(MOST_SENTENCES)
    noted = [[each.student, note] for each in graded for note in each.notes]
    points = [[each.student, f"{sum(each.right.values())} of {len(each.right)}"] for each in graded]
    parts = [
        f"<p>{len(graded)} graded, {len(not_graded)} not.</p>",
        _table("Not graded, and why", ("student", "why"), not_graded),
        _table(
            "What to take up: the sentences that were said most",
            ("times", "exercise, and what its check said"),
            [[str(times), f"`{name}`: {words}"] for (name, words), times in said],
        ),
        _table(
            "Solved by",
            ("exercise", "students"),
            [[f"`{name}`", f"{solved[name]} of {len(graded)}"] for name in exercises],
        ),
        _table("What was put right, or needs a look", ("student", "what"), noted),
        _table("Points", ("student", "points"), points),
    ]
    path = course / "reports" / f"{lesson}.html"
    path.parent.mkdir(exist_ok=True)
    title = f"{title_of(lesson)}, the class"
    files.write(path, PAGE.format(title=title, body="\n".join(parts)))
    return path


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{shown(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{title}</h2><table><tr>{head}</tr>{body}</table>"


def marks(book: Gradebook, lessons: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return each student's points by lesson, as the gradebook has them; empty if it has none."""
    found: dict[str, dict[str, str]] = {}
    for student in book.students:
        row = found.setdefault(student.id, {})
        for lesson in lessons:
            try:
                row[lesson] = f"{book.find_submission(lesson, student.id).score:g}"
            except MissingEntry:
                row[lesson] = ""
    return found


def platforms(course: Path, book: Gradebook, lessons: Sequence[str]) -> list[Path]:
    """Write the lists that Canvas and Moodle take; return where.

    A student who came with an archive is known by the number that the platform gave.
    """
    found = marks(book, lessons)
    most = [f"{book.find_assignment(lesson).max_score:g}" for lesson in lessons]
    people = {each.id: each for each in book.students}
    canvas = [["Student", "ID", "SIS Login ID", "Section", *lessons]]
    canvas.append(["    Points Possible", "", "", "", *most])
    moodle = [["Identifier", "Full name", "Email address", *lessons]]
    for student, points in found.items():
        name, number = re.fullmatch(r"(.*?)(?:_(\d+))?", student).groups()
        person = people[student]
        full = " ".join(each for each in (person.first_name, person.last_name) if each) or name
        row = [points[lesson] for lesson in lessons]
        canvas.append([full, number or "", "" if number else student, "", *row])
        participant = f"Participant {number}" if number else student
        moodle.append([participant, full, person.email or "", *row])
    folder = course / "reports"
    folder.mkdir(exist_ok=True)
    for name, rows in (("canvas", canvas), ("moodle", moodle)):
        text = io.StringIO()
        csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
        files.write(folder / f"{name}.csv", text.getvalue())
    return [folder / "canvas.csv", folder / "moodle.csv"]


def _harmless(cell: str) -> str:
    """A name that a spreadsheet would take for a formula is none."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell
