"""How the checks judge an answer: they try it, and say in words what is wrong with it.

A check is a function of the learner's answer that demands things one after another and returns what
they show together. `@exercise` turns it into one that returns a `Verdict` and never raises, so that
a lesson runs to its end whatever is in its exercise cells. A mistake is named by computing what it
gives: `judge` compares values with that, `require_tensor` shapes.
"""

import copy
import dis
import html
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from itertools import chain, islice
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.lent import as_it_was, is_installed
from vtff_lib.checks.solved import SOLVED
from vtff_lib.checks.time_limit import TimeUp, within
from vtff_lib.own.kept import keep
from vtff_lib.refusals import describe

SECONDS = 8.0  # for one check; they take one or two
MOST = 1000  # characters of an error that are shown, and items of a list that are read
CODE = re.compile("`([^`]+)`")
REMARKS: ContextVar[list[str]] = ContextVar("REMARKS")  # beside the verdict of the check at work
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
        error: what stopped the check itself, if anything did. It may be the odd thing that it was
            given, or a fault of the check.
    """

    exercise: str
    right: bool
    words: str
    error: BaseException | None = field(default=None, compare=False)

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


def exercise(
    lesson: str, task: str, part: str | None = None
) -> Callable[[Callable[[Any], str]], Callable[[Any], Verdict]]:
    """Make a check of a function that raises `Wrong` or returns what the answer shows.

    Whatever the answer does, a verdict comes of it within ten seconds, and all that it could touch
    is given back as it was; only Ctrl-C ends a check without one.

    Args:
        lesson: number of the lesson, "01" say.
        task: what is asked for, in a few words.
        part: of the learner's VTFF that the answer is, to be kept if it is right (`vtff_lib.own`).
    """

    def make(demand: Callable[[Any], str]) -> Callable[[Any], Verdict]:
        name = demand.__name__
        EXERCISES[name] = Exercise(lesson, name, task)

        @wraps(demand)
        def check(answer: Any) -> Verdict:
            with as_it_was(answer):
                verdict = _tried(name, demand, answer)
                if part and verdict:
                    kept = keep(part, answer, lambda alone: bool(_tried(name, demand, alone)))
                    verdict = replace(verdict, words=f"{verdict.words} {kept}".strip())
            SOLVED.note(verdict.exercise, verdict.right)
            return verdict

        check.__annotations__ = {"answer": Any, "return": Verdict}
        return check

    return make


def _tried(name: str, demand: Callable[[Any], str], answer: Any) -> Verdict:
    try:
        return within(SECONDS, partial(_judged, name, demand), answer)
    except TimeUp:
        words = (
            f"After {SECONDS:g} seconds your answer was still at work, so it was stopped. Is there "
            "a loop that never ends, or a wait for something?"
        )
        return Verdict(name, False, words)


def _judged(name: str, demand: Callable[[Any], str], answer: Any) -> Verdict:
    remarks: list[str] = []
    REMARKS.set(remarks)
    try:
        words = demand(answer)
        return Verdict(name, True, " ".join([words, *remarks[:1]]))
    except Wrong as wrong:
        return Verdict(name, False, " ".join([str(wrong), *remarks[:1]]))
    except TimeUp:
        raise
    except BaseException as error:
        _let_ctrl_c_through(error)
        reason = _told(error).partition("\n")[0]
        words = f"This check cannot make sense of what was returned ({reason:.200})."
        return Verdict(name, False, words, error)


def _let_ctrl_c_through(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt) and not _raised_by_hand(error):
        raise error


def _raised_by_hand(error: BaseException) -> bool:
    """Say if a `raise` in the learner's own code made `error`, not PyTorch nor a key."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None or is_installed(trace.tb_frame.f_code.co_filename):
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"


def _told(error: BaseException) -> str:
    """Return what an exception says, even if it cannot say it."""
    try:
        words = f"{type(error).__name__}: {error}".removesuffix(": ")
        return words[:MOST].encode(errors="backslashreplace").decode()
    except TimeUp:
        raise
    except BaseException:
        return type(error).__name__


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
    try:
        given = answer(*map(_copy, arguments), **{key: _copy(named[key]) for key in named})
    except TimeUp:
        raise
    except BaseException as error:
        _let_ctrl_c_through(error)
        if isinstance(error, NotImplementedError) and _raised_by_hand(error):
            raise NotDone(
                "To do: write your code in place of `raise NotImplementedError`, then run the cell "
                "again."
            ) from None
        shown = _listed(arguments, named.values())
        raise Wrong(f"Called with {shown}, it raised {_told(error)}") from error
    if given is None:
        shown = _listed(arguments, named.values())
        raise Wrong(f"Called with {shown}, it returned None: is the `return` missing?")
    return given


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)


def bound(answer: Any, *first: Any) -> Any:
    """Return the learner's function with its first arguments filled in; what is none, as it is."""
    return partial(answer, *first) if callable(answer) else answer


def require_tensor(
    given: object,
    shape: tuple[int, ...],
    what: str,
    mistakes: Mapping[Any, str] = MappingProxyType({}),
    dtype: torch.dtype | None = torch.float32,
) -> Tensor:
    """Return `given` if it is an ordinary tensor of `shape`; say what it is otherwise.

    Right numbers in another `dtype` are right, but a remark tells of it.

    Args:
        given: what the learner's function returned.
        shape: the shape it is to have.
        what: it is, such as "the local attention of a (2, 6, 3, 5) map".
        mistakes: shapes that are told in words of their own.
        dtype: what its numbers are to be; `None` where it does not matter.
    """
    if not isinstance(given, Tensor):
        raise Wrong(f"{what} should be a tensor of shape {shape}; yours is {describe(given)}.")
    tensor = given.as_subclass(Tensor)  # a class of its own may compare as it likes
    if (size := tuple(tensor.shape)) != shape:
        raise Wrong(mistakes.get(size, f"{what} should have shape {shape}; yours has {size}."))
    kind = f"{tensor.layout}, on {tensor.device}"
    require(
        kind == "torch.strided, on cpu",
        f"{what} should be an ordinary tensor on the CPU; yours is {kind}.",
    )
    real = not tensor.is_complex()
    require(real, f"{what} should hold real numbers; yours holds {tensor.dtype}.")
    if dtype and tensor.dtype != dtype:
        REMARKS.get().append(f"{what} should be {dtype}; yours is {tensor.dtype}.")
    return tensor


def number(given: Any, what: str) -> float:
    """Return one number, whatever holds it; say what it is otherwise.

    Args:
        given: what the learner's function returned.
        what: it is, as the first words of a sentence.
    """
    try:
        if isinstance(given, str | bytes):
            raise TypeError
        return float(given.item() if hasattr(given, "item") else given)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        shown = describe(given) if isinstance(given, Tensor) else f"{given!r:.60}"
        raise Wrong(f"{what} should be one number; yours is {shown}.") from None


def items(given: Iterable[Any]) -> list[Any]:
    """Return what is in `given`; of what never ends, only the beginning."""
    return list(islice(given, MOST))


class Either(tuple[Any, ...]):
    """What one and the same mistake gives, depending on how it is made."""


def judge(
    given: Any,
    right: Any,
    mistakes: Mapping[str, Any],
    otherwise: str | Callable[[], str],
    tolerance: float = 1e-5,
) -> None:
    """Say which mistake gives what was given, unless it is right.

    Args:
        given: tensor, number or numbers.
        right: what they should be.
        mistakes: the words for each, and what it gives: one value, or `Either` of several.
        otherwise: what to say if it is none of them; a function, where only what is wrong has it.
        tolerance: how far values that count as equal may differ, absolutely and relatively.
    """
    if close(given, right, tolerance):
        return
    for words, value in mistakes.items():
        values = value if isinstance(value, Either) else (value,)
        require(not any(close(given, wrong, tolerance) for wrong in values), words)
    raise Wrong(otherwise if isinstance(otherwise, str) else otherwise())


def far(given: Tensor, right: Tensor) -> float:
    """Return how far a tensor is from the right one at most."""
    return (given.double() - right.double()).abs().max().item()


def close(given: Any, right: Any, tolerance: float = 1e-5) -> bool:
    """Say if two tensors or numbers are equal up to rounding, whatever their dtypes."""
    first, second = (torch.as_tensor(value, dtype=torch.double) for value in (given, right))
    return first.shape == second.shape and torch.allclose(
        first, second, rtol=tolerance, atol=tolerance
    )


def _listed(*values: Iterable[Any]) -> str:
    return ", ".join(map(_short, chain(*values)))


def _short(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(inside, Tensor) for inside in value):
        return f"({_listed(value)})"
    if not isinstance(value, Tensor):
        return f"{value!r:.40}"
    few = value.numel() <= 9 and not value.is_floating_point()
    return f"{value.tolist()}" if few else f"a tensor {tuple(value.shape)}"
