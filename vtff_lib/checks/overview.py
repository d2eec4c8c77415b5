"""What `checks.progress()` shows, and the two commands beside it."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

from vtff_lib.checks.judging import EXERCISES, Exercise
from vtff_lib.checks.solved import SOLVED, progress_file

LESSONS = {
    "01": "Local binary patterns",
    "02": "ResNet features",
    "03": "Local and global attention",
    "04": "Broadcasting and selective fusion",
    "05": "Transformer encoder",
    "06": "Assembling VTFF",
    "07": "Training",
    "07b": "Long runs",
    "08": "Do attention maps tell the truth?",
    "08b": "One wrong answer taken apart",
    "09": "Does fusion help?",
    "10": "Your own faces",
}

# A mark is told by its sign and its fill, not by its colour: a tick where an exercise is solved,
# its number where it is not. Text and plain tables, so that something is left where styles are not.
MARK = (
    "display:inline-block;width:1.6em;line-height:1.5em;margin:1px 0;border:1px solid;"
    "border-radius:4px;text-align:center;"
)
FILLED = MARK + "background:#009E73;border-color:#009E73;color:#000;font-weight:bold"
NEXT = MARK + "border-width:2px;line-height:calc(1.5em - 2px);font-weight:bold"
CELL = "text-align:left;vertical-align:middle;padding:2px 10px 2px 0;font-size:14px"


@dataclass(frozen=True)
class Overview:
    """All exercises, lesson by lesson, and which are solved. In Jupyter it is a picture."""

    exercises: tuple[Exercise, ...]
    solved: frozenset[str]

    def lessons(self) -> dict[str, list[Exercise]]:
        """Return the exercises by the number of their lesson."""
        numbers = sorted({each.lesson for each in self.exercises})
        return {n: [each for each in self.exercises if each.lesson == n] for n in numbers}

    def next(self) -> Exercise | None:
        """Return the first exercise that is not solved, if there is one."""
        unsolved = (e for inside in self.lessons().values() for e in inside if not self.has(e))
        return next(unsolved, None)

    def has(self, exercise: Exercise) -> bool:
        """Say if an exercise is solved."""
        return exercise.name in self.solved

    def alt(self) -> str:
        """Return in words what the picture shows: the exercises solved in each lesson."""
        rows = []
        for number, inside in self.lessons().items():
            places = [str(place) for place, e in enumerate(inside, start=1) if self.has(e)]
            share = f"{len(places) or 'none'} of {len(inside)}"
            if 0 < len(places) < len(inside):
                share += f" ({', '.join(places)})"
            rows.append(f"lesson {number}, {_name(number)}: {share}")
        return f"Exercises solved. {'; '.join(rows)}."

    def caption(self) -> str:
        """Return how many exercises are solved, and which comes next."""
        count, total = sum(map(self.has, self.exercises)), len(self.exercises)
        if (following := self.next()) is None:
            return f"All {total} exercises are solved."
        place = self.lessons()[following.lesson].index(following) + 1
        return (
            f"{count} of {total} exercises solved. Next: lesson {following.lesson}, "
            f"exercise {place}: {following.task}."
        )

    def __repr__(self) -> str:
        lines = [
            f"lesson {number}: {sum(map(self.has, inside))} of {len(inside)}\n"
            + "\n".join(f"  {'✓' if self.has(e) else '·'} {e.task}" for e in inside)
            for number, inside in self.lessons().items()
        ]
        return "\n".join(lines)

    def _marks(self, inside: list[Exercise]) -> Iterator[str]:
        following = self.next()
        for place, exercise in enumerate(inside, start=1):
            if self.has(exercise):
                yield f'<span style="{FILLED}">✓</span>'
            else:
                yield f'<span style="{NEXT if exercise is following else MARK}">{place}</span>'

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        rows = "".join(
            f'<tr style="background:none"><td style="{CELL}">{number}</td>'
            f'<td style="{CELL}">{_name(number)}</td>'
            f'<td style="{CELL};white-space:nowrap">{" ".join(self._marks(inside))}</td></tr>'
            for number, inside in self.lessons().items()
        )
        tasks = "".join(
            f"<p>{number} {_name(number)}</p><ol>"
            + "".join(
                f"<li>{html.escape(e.task)}{' ✓ solved' if self.has(e) else ''}</li>"
                for e in inside
            )
            + "</ol>"
            for number, inside in self.lessons().items()
        )
        shown = (
            f'<figure style="margin:0"><div role="img" aria-label="{html.escape(self.alt())}">'
            f'<table style="border-collapse:collapse;margin:0">{rows}</table></div>'
            f'<figcaption style="font-style:italic;margin:4px 0">{html.escape(self.caption())}'
            f"</figcaption></figure><details><summary>What they ask for</summary>{tasks}</details>"
        )
        return {"text/plain": repr(self), "text/html": shown}


def _name(number: str) -> str:
    return html.escape(LESSONS.get(number, ""))


def progress() -> Overview:
    """Return which exercises are solved, in this kernel and, if it is kept, before."""
    return Overview(tuple(EXERCISES.values()), frozenset(SOLVED.names()))


def keep_progress() -> str:
    """Keep what is solved in a file in your home folder from now on; say where, or why not."""
    try:
        SOLVED.keep()
        return f"Kept in {progress_file().name} in your home folder."
    except (OSError, ValueError, RuntimeError) as error:
        return f"Progress cannot be kept: {error}. Name another file in VTFF_PROGRESS."


def erase_progress() -> str:
    """Forget what is solved, and delete the file; say so, or why not."""
    try:
        SOLVED.erase()
        return "Forgotten."
    except (OSError, ValueError, RuntimeError) as error:
        return f"Forgotten, but the file cannot be deleted: {error}."
