"""How the checks judge an answer: they try it, and say in words what is wrong with it.

A check is a function of the learner's answer that demands things one after another and returns what
they show together. `@exercise` turns it into one that returns a `Verdict` and never raises, so that
a lesson runs to its end whatever is in its exercise cells.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.solved import SOLVED
from vtff_lib.refusals import describe

CODE = re.compile("`([^`]+)`")
COLOURS = {True: "#009E73", False: "#D55E00"}  # green and vermilion, beside words that say the same


class Wrong(Exception):  # noqa: N818 (an answer that is wrong is no error of the program)
    """What is wrong with an answer, as a sentence for the learner."""


class NotDone(Wrong):
    """The exercise was left as it came."""


@dataclass(frozen=True)
class Verdict:
    """What a check says: true if the answer is right. It shows itself in Jupyter.

    Args:
        exercise: name of the check.
        right: whether the answer is.
        words: what it shows, or what is wrong with it.
    """

    exercise: str
    right: bool
    words: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.exercise}: {self.words}"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        words = CODE.sub(r"<code>\1</code>", html.escape(self.words)).replace("\n", "<br>")
        shown = (
            f'<div style="border-left:4px solid {COLOURS[self.right]};padding:4px 12px">'
            f"<strong>{'Right.' if self.right else 'Not yet.'}</strong> {words}</div>"
        )
        return {"text/plain": repr(self), "text/html": shown}


@dataclass(frozen=True)
class Exercise:
    """An exercise of a lesson, as `checks.progress` lists it."""

    lesson: str
    name: str
    task: str


EXERCISES: dict[str, Exercise] = {}


def exercise(lesson: str, task: str) -> Callable[[Callable[[Any], str]], Callable[[Any], Verdict]]:
    """Make a check of a function that raises `Wrong` or returns what the answer shows.

    The learner's dice are left alone: what a check draws changes nothing outside it.

    Args:
        lesson: number of the lesson, "01" say.
        task: what is asked for, in a few words.
    """

    def make(judge: Callable[[Any], str]) -> Callable[[Any], Verdict]:
        name = judge.__name__
        EXERCISES[name] = Exercise(lesson, name, task)

        @wraps(judge)
        def check(answer: Any) -> Verdict:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                try:
                    verdict = Verdict(name, True, judge(answer))
                except Wrong as wrong:
                    verdict = Verdict(name, False, str(wrong))
            SOLVED.note(verdict.exercise, verdict.right)
            return verdict

        check.__annotations__ = {"answer": Any, "return": Verdict}
        return check

    return make


def require_answer(answer: Any) -> None:
    """Say that the exercise is to be done if `answer` is still `None` or `...`."""
    if answer is None or answer is ...:
        raise NotDone("To do: put your answer in place of `None`, then run the cell again.")


def require(condition: object, words: str) -> None:
    """Say `words` to the learner unless `condition` holds."""
    if not condition:
        raise Wrong(words)


def call(answer: Any, *arguments: Any, **named: Any) -> Any:
    """Return what the learner's function makes of copies of `arguments`.

    Raises:
        NotDone: if it still raises `NotImplementedError`.
        Wrong: if it is no function, fails, or returns nothing.
    """
    require(callable(answer), f"Pass the function itself, not what it returned ({answer!r:.60}).")
    copies = [each.clone() if isinstance(each, Tensor) else each for each in arguments]
    shown = ", ".join(_short(each) for each in (*arguments, *named.values()))
    try:
        found = answer(*copies, **named)
    except NotImplementedError:
        raise NotDone(
            "To do: write your code in place of `raise NotImplementedError`, then run the cell "
            "again."
        ) from None
    except Exception as error:
        raise Wrong(f"Called with {shown}, it raised {type(error).__name__}: {error}") from error
    require(
        found is not None,
        f"Called with {shown}, it returned None: is the `return` missing?",
    )
    return found


def require_tensor(found: object, shape: tuple[int, ...], what: str) -> Tensor:
    """Return `found` if it is a tensor of `shape`; say what it is otherwise.

    Args:
        found: what the learner's function returned.
        shape: the shape it is to have.
        what: it is, such as "the local attention of a (2, 6, 3, 5) map".
    """
    if not isinstance(found, Tensor):
        raise Wrong(f"{what} should be a tensor of shape {shape}; yours is {describe(found)}.")
    require(
        tuple(found.shape) == shape,
        f"{what} should have shape {shape}; yours has {tuple(found.shape)}.",
    )
    return found


def close(found: Any, expected: Any, tolerance: float = 1e-5) -> bool:
    """Say if two tensors or numbers are equal up to rounding, whatever their dtypes."""
    found, expected = (torch.as_tensor(each).double() for each in (found, expected))
    return found.shape == expected.shape and torch.allclose(
        found, expected, rtol=tolerance, atol=tolerance
    )


def _short(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"{value!r:.40}"
    few = value.numel() <= 9 and not value.is_floating_point()
    return f"{value.tolist()}" if few else f"a tensor {tuple(value.shape)}"
