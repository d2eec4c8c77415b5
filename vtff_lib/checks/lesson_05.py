"""The check of lesson 05 on attention itself: softmax(Q Kᵀ / √d) V."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import call, close, exercise, judge, require, require_tensor
from vtff_lib.checks.lesson_05_where import of_weights

# Shapes of q and k, and of v. The widths d are told from T, from N and from their own roots; v has
# a width of its own; and there are two, three and four dimensions.
SHAPES = (
    ((5, 6), (5, 3)),
    ((5, 7, 9), (5, 7, 3)),
    ((3, 2, 5, 8), (3, 2, 5, 8)),
)

# Each of the mistakes below is computed, so that an answer that makes it can be told which it is.


@exercise("05", "Scaled dot-product attention")
def dot_product_attention(answer: Callable[[Tensor, Tensor, Tensor], Any]) -> str:
    """Check Exercise 1 of lesson 05: softmax(Q Kᵀ / √d) V, and its weights."""
    for asked, handed in SHAPES:
        q, k, v = torch.randn(asked), torch.randn(asked), torch.randn(handed)
        weights = (q @ k.mT / asked[-1] ** 0.5).softmax(dim=-1)
        right = weights @ v
        shown = f"q and k of shape {asked} and v of shape {handed}"
        mixed, given = pair_of(call_on(answer, q, k, v), right, weights, "weights @ v")
        mixed = require_tensor(mixed, tuple(right.shape), f"What you make of {shown}: tokens")
        given = require_tensor(given, tuple(weights.shape), f"What you make of {shown}: weights")
        require(
            close(given, weights) or not close(mixed, right),
            "The new tokens are right, but the weights that come with them are not: return what "
            "the softmax has made.",
        )
        named = _of_weights(q, k, v, weights)
        judge(
            given,
            weights,
            named,
            partial(_weights_off, given, weights, shown, q @ k.mT, asked[-1] ** 0.5),
        )
        named = _of_tokens(q, k, v, weights)
        judge(mixed, right, named, partial(_first_off, mixed, right, shown))

    wild = 100 * q
    sharp = (wild.double() @ k.mT.double() / asked[-1] ** 0.5).softmax(dim=-1)
    mixed, given = call_on(answer, wild, k, v)
    require(
        bool(given.isfinite().all()),
        "With scores in the hundreds yours gives nan: exp overflows, or all of a row vanish. "
        "Subtract the largest score of each row first, or use torch.softmax, which does.",
    )
    require(
        close(given, sharp, 1e-3) and close(mixed, sharp @ v.double(), 1e-2),
        "With scores in the hundreds yours is off: are large scores cut off?",
    )
    learned = {"queries": q, "keys": k, "values": v}
    for each in (q, k, v):
        each.requires_grad_()
    mixed, way = call(answer, q, k, v)[0], torch.randn(right.shape)
    wanted = torch.autograd.grad(
        ((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v * way).sum(), (q, k, v)
    )
    found: Any = (None, None, None)
    if mixed.requires_grad:
        found = torch.autograd.grad((mixed * way).sum(), (q, k, v), allow_unused=True)
    for name, own, theirs in zip(learned, found, wanted, strict=True):
        require(
            own is not None and close(own, theirs, 1e-3),
            f"The numbers are right, but not the gradient that reaches the {name}: do without "
            "`.detach()`, `.data` and `no_grad`.",
        )
    return "Every new token is a weighted mean of the values, for any number of leading dimensions."


def _of_weights(q: Tensor, k: Tensor, v: Tensor, right: Tensor) -> Mapping[str, Tensor]:
    """Return what mistakes make of the weights, by the words for each."""
    scores, d, t = q @ k.mT, q.shape[-1], q.shape[-2]
    first = scores / q.shape[0]
    mistakes = {
        "The scores are not scaled: divide them by √d before the softmax.": scores.softmax(dim=-1),
        "You divided by d; the formula divides by √d.": (scores / d).softmax(dim=-1),
        "You divided by √T, with T the number of tokens; d is the width of a query.": (
            scores / t**0.5
        ).softmax(dim=-1),
        "You divided by T, the number of tokens; the formula has √d, d the width of a query.": (
            scores / t
        ).softmax(dim=-1),
        "You multiplied the scores by √d; divide.": (scores * d**0.5).softmax(dim=-1),
        "You divided by 2, which is √d only for the three tokens of the lesson; d is the width of "
        "the queries that you are given.": (scores / 2).softmax(dim=-1),
        "You divided by d²; the formula divides by √d.": (scores / d**2).softmax(dim=-1),
        "You divided by the root of v's width; d is the width of a query.": (
            scores / v.shape[-1] ** 0.5
        ).softmax(dim=-1),
        "You compared directions alone (the cosine); a long query and a long key count for more.": (
            (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT).softmax(dim=-1)
        ),
        "You took the softmax twice.": right.softmax(dim=-1),
        "You divided the scores by their sum; the softmax takes e to each of them first.": (
            scores / scores.sum(dim=-1, keepdim=True)
        ),
        "You gave everything to the best score; the softmax gives it the largest share.": (
            F.one_hot(scores.argmax(dim=-1), t).float()
        ),
        "You set negative scores to 0 before the softmax.": (scores / d**0.5).relu().softmax(-1),
        "You divided by the first size of q, which need not be d: d is the last.": (
            first.softmax(dim=-1)
        ),
        "You divided by the root of the first size of q; d is the last.": (
            scores / q.shape[0] ** 0.5
        ).softmax(dim=-1),
        "Your softmax runs over the tokens that ask, so the columns sum to 1; what one token "
        "shares out is a row.": (scores / d**0.5).softmax(dim=-2),
        "Your softmax runs over the first dimension; what one token shares out is a row.": (
            scores / d**0.5
        ).softmax(dim=0),
        "There is no softmax: raw scores can be negative, and do not sum to 1.": scores / d**0.5,
        "There is neither a softmax nor a scale.": scores,
        "You scaled after the softmax, so the weights no longer sum to 1; scale the scores.": (
            scores.softmax(dim=-1) / d**0.5
        ),
        "Queries and keys have changed places: row i is what query i makes of all keys.": (
            (scores.mT / d**0.5).softmax(dim=-1)
        ),
        "Your weights are transposed: row i says where token i looks.": right.mT,
        "You compared queries with queries; they ask keys.": (q @ q.mT / d**0.5).softmax(dim=-1),
        "You compared keys with keys; it is queries that ask.": (k @ k.mT / d**0.5).softmax(dim=-1),
        "That is the sigmoid of each score; the softmax shares out 1 among a row.": torch.sigmoid(
            scores / d**0.5
        ),
        "These are logarithms: `log_softmax` in place of `softmax`.": right.log(),
        "The minus is too much: what fits well gets the larger share.": (
            (-scores / d**0.5).softmax(dim=-1)
        ),
        "You let a token look only at those before it; here each looks at all.": (
            (scores / d**0.5).masked_fill(torch.ones(t, t).triu(1).bool(), -torch.inf)
        ).softmax(dim=-1),
    }
    if q.ndim == 4:
        mistakes["Your softmax runs over the heads; what one token shares out is a row."] = (
            scores / d**0.5
        ).softmax(dim=1)
    return mistakes


def _of_tokens(q: Tensor, k: Tensor, v: Tensor, weights: Tensor) -> Mapping[str, Tensor]:
    """Return what mistakes make of right weights, by the words for each."""
    mistakes = {
        "You multiplied with the transposed weights: row i of them is for new token i.": (
            weights.mT @ v
        ),
        "The weights are right and then not used: every token gets the same mean of the values.": (
            v.mean(dim=-2, keepdim=True).expand_as(v)
        ),
        "You returned the values themselves; weigh them.": v,
        "You weighed the values with the scores, not with the weights that the softmax makes.": (
            q @ k.mT / q.shape[-1] ** 0.5 @ v
        ),
        "You added the values to their mean; that sum is the block's, not attention's.": (
            v + weights @ v
        ),
    }
    if k.shape == v.shape:
        mistakes["You averaged the keys; the weights are for the values."] = weights @ k
    return mistakes


def call_on(answer: Any, *arguments: Any) -> Any:
    """Return what an answer makes of `arguments` themselves, and say so if a tensor is changed.

    So gradients flow back to them.
    """
    tensors = [each for each in arguments if isinstance(each, Tensor)]
    before = [each.clone() for each in tensors]
    given = call((lambda *_: answer(*arguments)) if callable(answer) else answer, *arguments)
    require(
        all(map(torch.equal, before, tensors)),
        "You change in place what you are given, with `+=`, `/=` or a method that ends in `_`; "
        "whoever called you still needs it. Make a new tensor.",
    )
    return given


def require_class(answer: Any) -> None:
    """Say so if a module is given in place of its class."""
    require(
        not isinstance(answer, nn.Module),
        "Pass the class itself, not a module made of it: sizes of all kinds are tried.",
    )


def require_no_dice(module: nn.Module, tokens: Tensor) -> None:
    """Say so if a module's answer is another each time, in training mode."""
    module.train()
    require(
        close(call(module, tokens)[0], call(module, tokens)[0]),
        "In training mode, two calls with the same tokens give two answers: is there a dropout? "
        "Ours does without.",
    )


def pair_of(given: Any, tokens: Tensor, weights: Tensor, product: str) -> tuple[Any, Any]:
    """Return the two things that attention gives; say what is wrong if they are not two.

    Args:
        given: what the learner's attention returned.
        tokens, weights: what it should give.
        product: the new tokens, as code.
    """
    both = f"Return both, the new tokens and the weights: `return {product}, weights`."
    if isinstance(given, Tensor):
        alone = "Only the weights come back. " if given.shape == weights.shape else ""
        require(given.shape not in (tokens.shape, weights.shape), alone + both)
    require(isinstance(given, tuple | list) and len(given) == 2, both)
    shapes = [getattr(each, "shape", None) for each in given]
    swapped = shapes == [weights.shape, tokens.shape] != [tokens.shape, weights.shape]
    require(not swapped, "The new tokens come first, then the weights.")
    require(given[1] is not None, both)
    return given[0], given[1]


def _first_off(given: Tensor, right: Tensor, shown: str) -> str:
    """Show the first number that differs."""
    if given.isnan().any():
        return (
            "Yours has nan in it: a division by zero, or a logarithm or exp that overflows "
            f"({shown})."
        )
    place = first_place(given, right)
    return (
        f"The shape is right, the numbers are not: for {shown}, at {place} yours has "
        f"{given[place]:.4f} instead of {right[place]:.4f}."
    )


def _weights_off(given: Tensor, right: Tensor, shown: str, scores: Tensor, root: float) -> str:
    """Show the first weight that differs, and what can be said of them all."""
    if given.isnan().any():
        return _first_off(given, right, shown)
    return f"{_first_off(given, right, shown)} {of_weights(given, scores, root)}"


def first_place(given: Tensor, right: Tensor, tolerance: float = 1e-5) -> Sequence[int]:
    """Return the indices of the first number that differs."""
    off = (given.double() - right.double()).abs() > tolerance * (1 + right.double().abs())
    return tuple(off.nonzero()[0].tolist())
