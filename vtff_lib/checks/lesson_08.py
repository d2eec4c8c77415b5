"""The checks of lesson 08, first part: rollout, and a copy that has learned nothing."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    Wrong,
    bound,
    call,
    exercise,
    far,
    judge,
    require,
    require_tensor,
)
from vtff_lib.checks.models import (
    Asked,
    changed,
    explanations,
    judge_copy,
    judge_maps,
    learned,
    maps_of,
    trained_model,
)
from vtff_lib.explain.faithfulness import rank_correlation


@exercise("08", "Attention rollout, for any number of layers and heads")
def rolled_out(answer: Callable[[Sequence[Tensor]], Tensor]) -> str:
    """Check Exercise 1 of lesson 08: the row of [cls] in Ã_N ··· Ã_1, without [cls], summing to 1.

    The factor ½ may be left out: it cancels.
    """
    for depth, count, heads, tokens in ((3, 2, 4, 7), (2, 1, 1, 3), (1, 3, 2, 5)):
        layers = tuple((3 * torch.randn(count, heads, tokens, tokens)).softmax(dim=-1)
                       for _ in range(depth))  # fmt: skip
        what = f"The rollout of {depth} layers {tuple(layers[0].shape)}"
        shapes = {
            (count, tokens, tokens): f"{what} is wanted for [cls] alone: row 0 of the product, "
            "without [cls] itself.",
            (count, tokens): "Your row still has [cls] in it. Leave out its first entry: [cls] is "
            "no place.",
        }
        rollout = require_tensor(call(answer, layers), (count, tokens - 1), what, shapes)
        _judge_rollout(rollout, layers)
    return (
        "Attention and shortcuts, multiplied through. Nothing in it depends on a value, an MLP or "
        "a class."
    )


def _shortcut(layers: Sequence[Tensor]) -> list[Tensor]:
    return [(layer.mean(dim=1) + torch.eye(layer.shape[-1])) / 2 for layer in layers]


def _product(matrices: Sequence[Tensor]) -> Tensor:
    """Return the product with the first layer rightmost."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    return product


def _rolled(matrices: Sequence[Tensor]) -> Tensor:
    row = _product(matrices)[:, 0, 1:]
    return row / row.sum(dim=1, keepdim=True)


def _judge_rollout(rollout: Tensor, layers: Sequence[Tensor]) -> None:
    """Say which mistake a wrong rollout `(N, T - 1)` comes from."""
    mixed, eye = _shortcut(layers), torch.eye(layers[0].shape[-1])
    product = _product(mixed)
    column, added = product[:, 1:, 0], torch.stack(mixed).sum(dim=0)[:, 0, 1:]
    largest = [(layer.amax(dim=1) + eye) / 2 for layer in layers]
    total = [(layer.sum(dim=1) + eye) / 2 for layer in layers]
    of_batch = _rolled([matrix.mean(dim=0, keepdim=True).expand_as(matrix) for matrix in mixed])
    entries = mixed[0]
    for matrix in mixed[1:]:
        entries = entries * matrix
    mistakes = {
        "Your row does not sum to 1: without [cls] it has to be scaled again.": product[:, 0, 1:],
        "You divided by the largest entry; divide by the sum.": (
            product[:, 0, 1:] / product[:, 0, 1:].amax(dim=1, keepdim=True)
        ),
        "Your layers are multiplied in the wrong order: R = Ã_N ··· Ã_1, the first layer stands on "
        "the right.": _rolled(mixed[::-1]),
        "The shortcuts are missing: Ã is half attention and half identity.": (
            _rolled([layer.mean(dim=1) for layer in layers])
        ),
        "You halved the attention and not the identity: both count for one half.": (
            _rolled([(layer.mean(dim=1) + 2 * eye) / 2 for layer in layers])
        ),
        "You took the column of [cls], which says who looks at [cls]. Its row says where it "
        "looks.": column / column.sum(dim=1, keepdim=True),
        "Only your last layer counts; multiply all of them.": _rolled(mixed[-1:]),
        "Only your first layer counts; multiply all of them.": _rolled(mixed[:1]),
        "You added the layers up; a path goes through all of them, so multiply.": (
            added / added.sum(dim=1, keepdim=True)
        ),
        "`*` multiplies entry by entry; a product of matrices is `@`.": (
            entries[:, 0, 1:] / entries[:, 0, 1:].sum(dim=1, keepdim=True)
        ),
        "You took the largest of the heads; take their mean.": _rolled(largest),
        "You added the heads up; with their mean, a row sums to 1 before the identity is mixed "
        "in.": _rolled(total),
        "You used head 0 alone; take the mean of all heads.": (
            _rolled([(layer[:, 0] + eye) / 2 for layer in layers])
        ),
        "You averaged over the batch; every face has a rollout of its own.": of_batch,
    }
    right = _rolled(mixed)
    words = f"The shape is right, but your rollout is off by up to {far(rollout, right):.3g}."
    judge(rollout, right, mistakes, words)


@exercise("08", "The randomisation control")
def randomisation_control(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 2 of lesson 08: the same map of a copy that has learned nothing.

    The numbers are compared with those of the maps that the answer itself asked for, so any draw
    of new weights will do.
    """
    model = trained_model()
    trained, modes = learned(model), [part.training for part in model.modules()]
    images = torch.randint(0, 256, (5, 3, 32, 48), dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(5)
    for explanation in explanations(trained):
        asked = Asked(explanation)
        try:
            kept = call(bound(answer, asked, model), images)
        except Wrong:
            judge_maps(asked, trained)
            raise
        require(
            [part.training for part in model.modules()] == modes,
            "You left the given model in another mode, training or evaluation, than it was in.",
        )
        require(
            not changed(trained, learned(model)),
            "You drew the weights of the given model anew, and now it has learned nothing. Work on "
            "a copy: the next test needs the trained model.",
        )
        judge_copy(asked, trained)
        first, second = (maps_of(questions, images) for questions in asked.asked_of(trained))
        if first is None or second is None:
            raise Wrong("Ask about both models with the same pictures: all those that were given.")
        _judge_control(kept, first, second)
    return (
        "A map that stays at 1 owes nothing to what was learned. One that falls has passed this "
        "test, and no other."
    )


def _judge_control(kept: Any, first: Tensor, second: Tensor) -> None:
    """Compare what is kept with the correlations of the maps before and after, `(N, h, w)`."""
    right = rank_correlation(first, second)
    if isinstance(kept, float | int) or (isinstance(kept, Tensor) and kept.numel() == 1):
        pooled = rank_correlation(first.reshape(1, 1, -1), second.reshape(1, 1, -1))
        together = {
            "You ranked the cells of all pictures together; each picture has a correlation of its "
            "own.": pooled[0]
        }
        words = "You returned one number for all pictures; each has its own."
        judge(float(kept), right, together, words)
    kept = require_tensor(kept, (len(first),), "What stays", dtype=None)
    apart = (first - second).flatten(1)
    mistakes = {
        "You compared a map with itself: both models were asked, but only one of the answers was "
        "used.": torch.ones_like(right),
        "That is 1 - the correlation, what goes; what stays is wanted.": 1 - right,
        "The sign is turned round: a map that stays the same should give 1.": -right,
        "You dropped the sign; a map can be turned upside down.": right.abs(),
        "That is Pearson's correlation of the values; take that of the ranks, or one high cell "
        "decides.": _correlated(first, second),
        "That is the mean difference of the values, in the map's own unit. A correlation of the "
        "ranks needs no unit.": apart.abs().mean(dim=1),
        "That is the mean squared difference of the values, in the map's own unit. A correlation "
        "of the ranks needs no unit.": apart.square().mean(dim=1),
        "You gave every picture the mean of all; each has a correlation of its own.": (
            right.mean().expand_as(right)
        ),
    }
    words = f"What stays, by your function, is off by up to {far(kept, right):.3g}."
    judge(kept, right, mistakes, words)


def _correlated(first: Tensor, second: Tensor) -> Tensor:
    """Return Pearson's correlation of the values of each pair of maps, `(N,)`."""
    pair = [values.flatten(1).double() for values in (first, second)]
    pair = [values - values.mean(dim=1, keepdim=True) for values in pair]
    norm = pair[0].norm(dim=1) * pair[1].norm(dim=1)
    return (pair[0] * pair[1]).sum(dim=1) / norm.clamp_min(1e-30)
