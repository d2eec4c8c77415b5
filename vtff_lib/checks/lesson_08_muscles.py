"""The checks of lesson 08, last part: pairs of muscles."""

from collections.abc import Callable

import torch
from torch import Tensor

from vtff_lib.checks.judging import Either, call, exercise, judge, number

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
