"""The checks of lesson 10, third part: a gap between groups."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, close, exercise, judge, number, require


@exercise("10", "A gap between groups, with its interval")
def paired_gap(answer: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> str:
    """Check Exercise 3 of lesson 10: gap, low and high, paired and by persons."""
    for people, sizes in ((9, (1, 2, 5)), (14, (4, 1, 3))):
        counts = [sizes[person % 3] for person in range(people)]
        persons = torch.arange(people).repeat_interleave(torch.tensor(counts))
        before = torch.rand(len(persons)) < 0.8
        skill = torch.rand(people)[persons]
        after = torch.rand(len(persons)) < 0.2 + 0.7 * skill
        draws = torch.randint(0, people, (400, people))
        numbers = call(answer, before, after, persons, draws)
        require(
            isinstance(numbers, tuple | list | Tensor) and len(numbers) == 3,
            "Return three numbers: the gap, and the low and the high end of its interval.",
        )
        numbers = [number(value, "The gap and each end") for value in numbers]
        _judge_gap(numbers, before, after, persons, draws)
    return "One person's faces stand or fall together, so persons are drawn, not faces."


def _sums(values: Tensor, persons: Tensor) -> tuple[Tensor, Tensor]:
    people = int(persons.max()) + 1
    sums = torch.zeros(people, dtype=torch.float64).index_add(0, persons, values.double())
    return sums, persons.bincount(minlength=people).double()


def _ends(drawn: Tensor, low: float = 0.025, high: float = 0.975) -> tuple[float, float]:
    points = torch.tensor([low, high], dtype=torch.float64)
    low, high = drawn.double().quantile(points).tolist()
    return low, high


def _judge_gap(
    numbers: Sequence[float], before: Tensor, after: Tensor, persons: Tensor, draws: Tensor
) -> None:
    """Say which mistake wrong numbers come from."""
    gain = after.double() - before.double()
    sums, counts = _sums(gain, persons)
    means = sums / counts
    by_draw = sums[draws].sum(1) / counts[draws].sum(1)
    spread = gain.std().item() / math.sqrt(len(gain))
    faces = gain[draws[:, : len(gain)] % len(gain)].mean(1)
    wider = by_draw.std().item()
    gap, low, high = right = ((sums.sum() / counts.sum()).item(), *_ends(by_draw))
    mistakes = {
        "The sign is turned round: after minus before, so that a loss is below 0.": (
            (-gap, -high, -low)
        ),
        "The sign is turned round, and low and high have changed places.": ((-gap, -low, -high)),
        "Low and high have changed places.": (gap, high, low),
        "You averaged the persons' means, so a person with one face weighs as much as one with "
        "five; add up faces, then divide.": (means.mean().item(), *_ends(means[draws].mean(1))),
        "The gap is right, but in the draws you averaged the persons' means; add up their faces, "
        "then divide by how many there are.": (gap, *_ends(means[draws].mean(1))),
        "You divided each draw by the number of all faces; a draw has its own number.": (
            (gap, *_ends(sums[draws].sum(1) / counts.sum()))
        ),
        "From 5 to 95 % lie 90 %; for 95 % leave out 2.5 % at either end.": (
            (gap, *_ends(by_draw, 0.05, 0.95))
        ),
        "You took the smallest and the largest draw; leave out 2.5 % at either end.": (
            (gap, *_ends(by_draw, 0.0, 1.0))
        ),
        "You took faces for independent (1.96 standard errors); faces of one person are not. Use "
        "the draws of persons.": (gap, gap - 1.96 * spread, gap + 1.96 * spread),
        "You put 1.96 standard deviations around the gap; here the ends are asked for as quantiles "
        "of the draws.": (gap, gap - 1.96 * wider, gap + 1.96 * wider),
        "You drew faces; `draws` are numbers of persons, and who is drawn brings all of his or her "
        "faces.": (gap, *_ends(faces)),
    }
    words = (
        f"The gap should be {gap:+.4f}, the share right after minus the share right before; yours "
        f"is {numbers[0]:+.4f}."
    )
    if close(numbers[0], gap, 1e-4):
        words = (
            f"The gap is right. Its interval should be [{low:+.4f}, {high:+.4f}], the 2.5 % and "
            f"97.5 % quantiles over `draws`; yours is [{numbers[1]:+.4f}, {numbers[2]:+.4f}]."
        )
    judge(numbers, right, mistakes, words, 1e-4)
