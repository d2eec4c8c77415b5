"""The checks of lesson 10, fourth part: a test for a split by person."""

import hashlib
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, groupby
from typing import Any

import torch

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Split = Callable[[Sequence[str], float, int], tuple[list[int], list[int]]]
CALLS = count()


def shuffled(people: Sequence[str], seed: int) -> list[str]:
    """Return everybody once, in an order that the names and the seed decide."""
    names = sorted(set(people))
    random.Random(seed).shuffle(names)
    return names


def in_turn(
    people: Sequence[str],
    share: float,
    seed: int,
    *,
    order: Callable[[Sequence[str], int], list[str]] = shuffled,
    enough: Callable[[int, float], bool] = lambda have, wanted: have >= wanted,
) -> tuple[list[int], list[int]]:
    """Take people in turn until there are enough pictures to test on.

    Args:
        people: who is in each picture.
        share: of the pictures that are wanted at least.
        seed: of the order.
        order: from people and seed to an order of the people.
        enough: whether so many pictures are enough, of so many wanted.
    """
    test: list[int] = []
    for name in order(people, seed):
        if enough(len(test), share * len(people)):
            break
        test += [number for number, each in enumerate(people) if each == name]
    return [number for number in range(len(people)) if number not in test], test


def by_names(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Order people by a digest of seed and name."""
    return in_turn(
        people,
        share,
        seed,
        order=lambda people, seed: sorted(
            set(people), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()
        ),
    )


def by_permutation(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Draw an order of numbers, and count how many people it takes."""
    names = sorted(set(people))
    drawn = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    place = {names[index]: turn for turn, index in enumerate(drawn.tolist())}
    turns = torch.tensor([place[name] for name in people])
    until = turns.bincount(minlength=len(names)).cumsum(dim=0)  # pictures of the first k + 1
    tested = turns <= (until.double() < share * len(people)).sum()
    return (~tested).nonzero().flatten().tolist(), tested.nonzero().flatten().flip(0).tolist()


def by_runs(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Take runs of one person for the person."""
    runs = [[*run] for _, run in groupby(range(len(people)), key=lambda number: people[number])]
    random.Random(seed).shuffle(runs)
    test: list[int] = []
    for run in runs:
        if len(test) < share * len(people):
            test += run
    return [number for number in range(len(people)) if number not in test], test


def by_pictures(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Draw pictures."""
    numbers = [*range(len(people))]
    random.Random(seed).shuffle(numbers)
    least = next(some for some in range(len(people) + 1) if some >= share * len(people))
    return sorted(numbers[least:]), sorted(numbers[:least])


def by_heads(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Take a share of the people."""
    names = shuffled(people, seed)
    taken = [name for place, name in enumerate(names) if place < share * len(names)]
    sides = ([], [])  # type: tuple[list[int], list[int]]
    for number, name in enumerate(people):
        sides[name in taken].append(number)
    return sides


def no_more_than_needed(
    people: Sequence[str], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Learn from pictures of whoever comes last on the side of the test, if they can be spared."""
    learn, test = in_turn(people, share, seed)
    while len(test) - 1 >= share * len(people):
        learn.append(test.pop())
    return learn, test


def losing(people: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Forget whoever is in one picture only, unless it is tested on."""
    learn, test = in_turn(people, share, seed)
    return [number for number in learn if people.count(people[number]) > 1], test


def as_they_come(people: Sequence[str], seed: int) -> list[str]:
    """Shuffle people in the order in which they first appear."""
    names = list(dict.fromkeys(people))
    random.Random(seed).shuffle(names)
    return names


def anew(people: Sequence[str], seed: int) -> list[str]:
    """Give another order with each call."""
    names, turn = sorted(set(people)), next(CALLS) % len(set(people))
    return names[turn:] + names[:turn]


RIGHT: dict[str, Split] = {
    "names sorted, then shuffled": in_turn,
    "ordered by a digest of seed and name": by_names,
    "with a permutation of numbers, each list in an order of its own": by_permutation,
}
FAULTY: dict[str, Split] = {
    "takes pictures that follow each other for a person, so that whoever comes again later may "
    "stand on both sides": by_runs,
    "draws pictures, not people": by_pictures,
    "takes a share of the people, which may be too few pictures": by_heads,
    "rounds the share of the pictures down": partial(
        in_turn, enough=lambda have, wanted: have >= int(wanted)
    ),
    "goes on though there are just enough": partial(
        in_turn, enough=lambda have, wanted: have > wanted
    ),
    "tests on everybody": partial(in_turn, enough=lambda have, wanted: False),
    "depends on the order in which the pictures are listed": partial(in_turn, order=as_they_come),
    "never changes with the seed": partial(in_turn, order=lambda people, seed: sorted(set(people))),
    "gives another split when it is called again with the same seed": partial(in_turn, order=anew),
    "learns from pictures of the person who is taken last, once there are enough to test on": (
        no_more_than_needed
    ),
    "loses pictures of people who are in one picture only": losing,
}


@exercise("10", "Find the fault: a split by person")
def fault_in_split(answer: Callable[[Split], Any]) -> str:
    """Check Exercise 4 of lesson 10: a test for splits, tried on right and faulty ones."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right splits and fails {len(FAULTY)} faulty ones. A model "
        "that knows a face can name its expression by the person: only strangers tell."
    )
