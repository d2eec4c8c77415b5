"""The checks of lesson 08, second part: the map of others."""

from collections.abc import Callable

import torch
from torch import Tensor

from vtff_lib.checks.judging import Either, call, exercise, far, judge, require, require_tensor
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
