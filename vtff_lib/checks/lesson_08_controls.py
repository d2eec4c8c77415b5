"""The checks of lesson 08, third part: the map of others, and pairs of muscles."""

from collections.abc import Callable

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    Either,
    call,
    exercise,
    far,
    judge,
    number,
    require,
    require_tensor,
)
from vtff_lib.explain.priors import prior


@exercise("08", "What the map would be for others with the same answer")
def class_prior(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 3 of lesson 08: the mean map of other people who got the same answer."""
    persons = torch.tensor([7, 3, 3, 7, 9, 3, 9, 4, 4, 7, 7])
    answers = torch.tensor([2, 0, 2, 2, 0, 2, 2, 0, 5, 0, 2])  # nobody but 4 is named 5
    for grid in ((2, 3), (4, 3)):
        order = torch.randperm(len(persons))
        maps, who, named = torch.randn(len(persons), *grid), persons[order], answers[order]
        shape = tuple(maps.shape)
        shapes = {grid: "You returned one map for all; each face has others of its own."}
        what = f"For maps {shape}, what you return"
        means = require_tensor(call(answer, maps, who, named), shape, what, shapes)
        require(
            means.isfinite().all(),
            "For a face whose answer nobody else got, yours is nan: a mean of nothing. Take all "
            "other people there.",
        )
        _judge_prior(means, maps, who, named)
    return (
        "Whatever this map scores can be known without a look at the face. Only what lies beyond "
        "it is of the face."
    )


def _judge_prior(means: Tensor, maps: Tensor, persons: Tensor, answers: Tensor) -> None:
    """Say which mistake wrong means `(N, h, w)` come from."""
    right = prior(maps, persons, answers)
    own, same = persons[:, None] == persons, answers[:, None] == answers
    itself = torch.eye(len(maps), dtype=torch.bool)
    chosen = same & ~own  # (N, N): whose maps a face's mean is made of
    asked = chosen.any(dim=1)
    counts = chosen.sum(dim=1).view(-1, 1, 1)
    of_person = chosen.float() @ own.float()  # (N, N): how many of the chosen are of one person

    def mean(weights: Tensor) -> Tensor:
        """Return the weighted means of the maps, for the faces whose answer others got too."""
        shares = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-9)
        return torch.einsum("ij,jhw->ihw", shares.to(maps.dtype), maps)[asked]

    mistakes = {
        "You left out the face only. Its person's other faces are still in the mean, and they look "
        "alike: leave the whole person out.": mean(same & ~itself),
        "The face itself is in its mean. Leave its whole person out.": mean(same),
        "You left the person out, and took all others, whatever their answer.": mean(~own),
        "You took the person's own faces; take those of all others.": Either(
            (mean(same & own), mean(own), mean(own & ~itself))
        ),
        "You took those who got another answer; take those who got the same.": mean(~same & ~own),
        "You added the maps up; take their mean.": (right * counts)[asked],
        "You gave each person the same weight; here every face counts once.": (
            mean(chosen / of_person.clamp_min(1))
        ),
    }
    words = f"The shape is right, but your means are off by up to {far(means, right):.3g}."
    judge(means[asked], right[asked], mistakes, words)
    nobody = "For a face whose answer nobody else got, take all other people; "
    lonely = {
        nobody + "yours is 0.": torch.zeros_like(maps)[~asked],
        nobody + "yours is its own map.": maps[~asked],
    }
    judge(means[~asked], right[~asked], lonely, nobody + "yours is something else.")


APART = 0.5  # of a logit, at least, between two losses that are compared


@exercise("08", "Of two muscles, which mattered more?")
def pairs_in_order(answer: Callable[[Tensor, Tensor, Tensor, Tensor], float]) -> str:
    """Check Exercise 5 of lesson 08: the share of pairs that a map puts in their order."""
    dice = torch.Generator().manual_seed(3)  # so that no mistake is right by chance
    for faces, parts in (
        ([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2], [0, 0, 1, 4, 1, 1, 4, 0, 1, 2, 2, 4]),
        ([5, 3, 5, 3, 5, 8, 3, 8, 8], [0, 1, 4, 4, 0, 1, 0, 1, 4]),
    ):
        count = len(faces)
        losses = torch.randperm(count, generator=dice) / 4 - 1.25  # some apart by just ½
        marks = torch.randint(0, 4, (count,), generator=dice) / 8  # and some alike
        given = (marks, losses, torch.tensor(faces), torch.tensor(parts))
        share = number(call(answer, *given), "The share of pairs")
        _judge_pairs(share, *given)
    return (
        "A map that marks all places alike gets ½, one made from the losses gets 1. And so might "
        "the mean map of others: ask it the same."
    )


def _judge_pairs(share: float, marks: Tensor, losses: Tensor, faces: Tensor, parts: Tensor) -> None:
    """Say which mistake a wrong share comes from."""
    first, second = torch.triu_indices(len(marks), len(marks), offset=1)
    one_face, elsewhere = faces[first] == faces[second], parts[first] != parts[second]
    gap, said = losses[first] - losses[second], marks[first] - marks[second]
    apart, tied = gap.abs() >= APART, said == 0
    counts = one_face & elsewhere & apart
    right = (said.sign() * gap.sign() + 1) / 2
    by_face = [right[counts & (faces[first] == face)].mean() for face in faces.unique()]
    sizes = ((said.sign() * (losses[first].abs() - losses[second].abs()).sign()) + 1) / 2
    per_face = torch.stack([mean for mean in by_face if not mean.isnan()])
    beside = counts & (second - first == 1)

    def mean(chosen: Tensor, scores: Tensor = right) -> float:
        return scores[chosen].mean().item()

    mistakes = {
        "The order is turned round: a map that marks what matters more is right.": (
            1 - mean(counts)
        ),
        "You compared muscles of different faces; what a map marks is compared within a face.": (
            Either((mean(elsewhere & apart), mean(apart)))
        ),
        "You also compared muscles of one part of the face; there a map of few cells cannot "
        "tell them apart.": mean(one_face & apart),
        "You counted pairs whose losses hardly differ; leave out what is closer than 0.5.": Either(
            (mean(one_face & elsewhere), mean(one_face & elsewhere & (gap != 0)))
        ),
        "You left out pairs that differ by just 0.5; at least 0.5 counts.": (
            mean(one_face & elsewhere & (gap.abs() > APART))
        ),
        "Equal marks are no right answer: a map that marks all alike would win. They count ½.": (
            mean(counts, torch.where(tied, 1.0, right))
        ),
        "Equal marks are no wrong answer: they count ½, as a coin does.": (
            mean(counts, torch.where(tied, 0.0, right))
        ),
        "You left out pairs with equal marks; they count ½.": mean(counts & ~tied),
        "You compared the sizes of the losses; below 0 the answer gained.": (
            mean(counts, sizes)
        ),
        "You took the mean of the faces' means; here every pair counts the same.": (
            per_face.mean().item()
        ),
        "You compared neighbours in the list only; take all pairs of a face.": mean(beside),
        "You returned how many pairs are right; their share is wanted.": right[counts].sum().item(),
    }  # fmt: skip
    words = f"{mean(counts):.3f} of {int(counts.sum())} pairs are in order; you say {share:.3f}."
    judge(share, mean(counts), mistakes, words)
