"""Versions of an exercise: each student, or each group, may be given other numbers and letters.

The first cell of such an assignment says whose it is, `checks.version("7", "ada")`: the course's
seed, and a name. All that differs is dealt by dice that begin with both, so that the same two give
the same version everywhere. Without a version, exercises are as their lessons print them.

The version in force stands in the environment variable VTFF_VERSION. Who grades sets it before
anything runs; a name that is given afterwards changes nothing.
"""

import os
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

VARIABLE = "VTFF_VERSION"
VARIED = {  # exercise: what differs; all others are tried with other random numbers
    "light_that_leaves_codes": "the letters of the eight changes, and their numbers",
    "broadcast_shapes": "the order of the five pairs, and their sizes",
    "diagnosis": "which run has which letter",
    "what_follows": "the order of the seven findings, and the claim after each",
}
ASKED: dict[str, Callable[..., Any]] = {}  # exercise: what gives its task


class Told(str):
    """A text that Jupyter shows as Markdown."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def named(seed: str | int, name: str) -> str:
    """Return the name of a version; capitals and blanks of a name make no other one."""
    return f"{seed}, {' '.join(name.casefold().split())}"


def version(seed: str | int, name: str) -> Told:
    """Take the version of a student or a group; return a sentence that says so.

    Args:
        seed: of the course, as `make assignment SEED=` was given it.
        name: as it stands in the course's list.

    Raises:
        ValueError: if the name is empty.
    """
    if not name.strip():
        raise ValueError(
            "Your version needs your name: write it between the last two quotation marks of this "
            "line, as it stands in the course's list, and run the cell again."
        )
    wanted = named(seed, name)
    taken = os.environ.setdefault(VARIABLE, wanted)
    if taken != wanted:
        return Told(f"This kernel has version *{taken}*. To take *{wanted}*, restart it first.")
    return Told(f"Your version is *{taken}*.")


def asks(exercise: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Say that a function gives the task of an exercise in the version in force."""

    def note(task: Callable[..., T]) -> Callable[..., T]:
        ASKED[exercise] = task
        return task

    return note


def asked(exercise: str, *given: Any) -> Any:
    """Return the task of an exercise in your version, where versions differ in more than numbers.

    Raises:
        KeyError: if the exercise asks everybody the same.
    """
    return ASKED[exercise](*given)


class Dice:
    """Dice of an exercise, and of the version in force; without one, nothing is dealt."""

    def __init__(self, exercise: str):
        taken = os.environ.get(VARIABLE)
        self._random = Random(f"{taken}, {exercise}").random if taken else None

    def shuffled(self, things: Iterable[T]) -> list[T]:
        """Return things in an order of the version's own."""
        return list(things) if self._random is None else _shuffled(self._random, things)

    def one_of(self, first: T, *others: T) -> T:
        """Return one of several things; the first, if there is no version."""
        things = (first, *others)
        return things[int(self._random() * len(things)) if self._random else 0]


def dealt(words: str, things: Iterable[T]) -> list[T]:
    """Return things in the order that `words` deal; so a key need stand nowhere."""
    return _shuffled(Random(words).random, things)


def seed() -> int:
    """Return the seed of the random numbers that answers are tried with; 0 without a version."""
    taken = os.environ.get(VARIABLE)
    return Random(taken).getrandbits(31) if taken else 0


def _shuffled(random: Callable[[], float], things: Iterable[T]) -> list[T]:
    return sorted(things, key=lambda thing: random())  # Python promises `random()` for good
