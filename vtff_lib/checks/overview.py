"""What `checks.progress()` shows, and the two commands beside it."""

import html
from dataclasses import dataclass

from vtff_lib.checks.judging import EXERCISES, Exercise
from vtff_lib.checks.solved import SOLVED, progress_file


@dataclass(frozen=True)
class Overview:
    """All exercises, lesson by lesson, and which are solved. It shows itself in Jupyter."""

    exercises: tuple[Exercise, ...]
    solved: frozenset[str]

    def lessons(self) -> dict[str, list[Exercise]]:
        """Return the exercises by the number of their lesson."""
        numbers = sorted({each.lesson for each in self.exercises})
        return {n: [each for each in self.exercises if each.lesson == n] for n in numbers}

    def __repr__(self) -> str:
        lines = [
            f"lesson {number}: {sum(e.name in self.solved for e in inside)} of {len(inside)}\n"
            + "\n".join(f"  {'✓' if e.name in self.solved else '·'} {e.task}" for e in inside)
            for number, inside in self.lessons().items()
        ]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        rows = "".join(
            f"<tr><th style='text-align:left'>{number}</th><td style='text-align:left'>"
            + "<br>".join(
                f"{'✓' if e.name in self.solved else '·'} {html.escape(e.task)}" for e in inside
            )
            + "</td></tr>"
            for number, inside in self.lessons().items()
        )
        return {"text/plain": repr(self), "text/html": f"<table>{rows}</table>"}


def progress() -> Overview:
    """Return which exercises are solved, in this kernel and, if it is kept, before."""
    return Overview(tuple(EXERCISES.values()), frozenset(SOLVED.names()))


def keep_progress() -> str:
    """Keep what is solved in a file in your home folder from now on; return where."""
    SOLVED.keep()
    return f"Kept in {progress_file().name} in your home folder."


def erase_progress() -> str:
    """Forget what is solved, and delete the file."""
    SOLVED.erase()
    return "Forgotten."
