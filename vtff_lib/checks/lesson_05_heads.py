"""The checks of lesson 05 on heads: the whole attention, and a fault in it to be found."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import call, exercise, judge, require_tensor
from vtff_lib.checks.lesson_05 import pair_of, require_class, require_no_dice
from vtff_lib.checks.lesson_05_where import first_said, judged_with, of_attention
from vtff_lib.checks.modules import Case, judge_module, lively, require_names
from vtff_lib.encoder import MultiHeadSelfAttention

# embed_dim and num_heads, and tokens (N, T, C_p). N, T, d, its root and the heads all differ.
CASES = (
    Case((30, 5), ((2, 7, 30),)),  # d = 6
    Case((24, 3), ((4, 9, 24),)),  # d = 8
    Case((10, 1), ((1, 3, 10),)),
)


@exercise("05", "Attention in heads", part="MyAttention")
def heads_side_by_side(answer: Any) -> str:
    """Check Exercise 2 of lesson 05: each head attends with its own slice of the channels."""
    (dim, heads), ((n, t, _),) = CASES[0]
    require_class(answer)
    mine, tokens = call(answer, dim, heads), torch.randn(n, t, dim)
    if isinstance(mine, nn.Module):
        require_names(mine, MultiHeadSelfAttention(dim, heads))
        product = "self.proj(merged)"
        mixed, _ = pair_of(call(mine, tokens), tokens, torch.empty(n, heads, t, t), product)
        require_tensor(mixed, (n, t, dim), f"What becomes of {(n, t, dim)}: the tokens")
        require_no_dice(mine, tokens)
    judged_with(
        lambda: judge_module(answer, MultiHeadSelfAttention, CASES, _mistakes),
        lambda: first_said(of_attention, answer, MultiHeadSelfAttention, CASES),
    )
    for settings, (shape,) in CASES:
        _judge_weights(answer, settings, torch.randn(shape))
    return "Each head has its own slice of the channels, and the slices lie side by side again."


def _judge_weights(answer: Any, settings: tuple[Any, ...], tokens: Tensor) -> None:
    library: Any = lively(MultiHeadSelfAttention(*settings)).eval()
    mine = call(answer, *settings).eval()
    mine.load_state_dict(library.state_dict())
    _, weights = library(tokens, return_weights=True)
    q, k, v = _cut(library.qkv(tokens), settings[1])
    scores = q @ k.mT / q.shape[-1] ** 0.5
    shapes = {
        tuple(weights[:, 0].shape): "Your weights have no heads: return those of each head.",
        tuple(v.shape): "The second that you return is (N, heads, T, d); return the T × T weights.",
    }
    shown = f"What becomes of {tuple(tokens.shape)}: the weights, second of what you return,"
    given = require_tensor(call(mine, tokens)[1], tuple(weights.shape), shown, shapes)
    judge(
        given,
        weights,
        {
            "The tokens are right. Second you return the scores; return the weights, which the "
            "softmax makes of them.": scores,
            "The tokens are right. Second you return the scores before they are scaled; return the "
            "weights, which the softmax makes of them.": q @ k.mT,
            "The tokens are right, but your weights are transposed: row i says where token i "
            "looks.": weights.mT,
            "The tokens are right. Second you return one average for all heads; return those of "
            "each head.": weights.mean(dim=1, keepdim=True).expand_as(weights),
        },
        "The tokens are right, but the weights that you return are not those that they were made "
        "with.",
        1e-4,
    )


def _cut(qkv: Tensor, heads: int) -> Tensor:
    """Return q, k and v, each (N, heads, T, d), as they should be cut."""
    n, t, _ = qkv.shape
    return qkv.reshape(n, t, 3, heads, -1).permute(2, 0, 3, 1, 4)


def _merge(out: Tensor) -> Tensor:
    return out.transpose(1, 2).flatten(2)


def _mistakes(module: Any, tokens: Tensor) -> Mapping[str, Tensor]:
    """Return what mistakes make of the tokens, by the words for each."""
    heads = module.num_heads
    x = module.qkv(tokens)  # (N, T, 3 · C_p)
    q, k, v = _cut(x, heads)
    plain = tokens.unflatten(-1, (heads, -1)).transpose(1, 2)
    return {
        words: module.proj(value)
        for words, value in {
            **_of_cutting(x, heads),
            **_of_scores(q, k, v, tokens.shape[-1]),
        }.items()
        if value.shape == tokens.shape
    } | {
        "The last linear layer, `proj`, is missing.": _merge(_attend(q, k, v)),
        "You used `proj` twice.": module.proj(module.proj(_merge(_attend(q, k, v)))),
        "There is a ReLU too many behind `proj`.": module.proj(_merge(_attend(q, k, v))).relu(),
        "There is a layer norm too many; the norms are the block's.": F.layer_norm(
            module.proj(_merge(_attend(q, k, v))), tokens.shape[-1:]
        ),
        "Your heads attend with the tokens themselves: queries, keys and values come from `qkv`.": (
            module.proj(_merge(_attend(plain, plain, plain)))
        ),
        "You added the tokens to what attention gives; that sum is the block's.": (
            tokens + module.proj(_merge(_attend(q, k, v)))
        ),
        "The bias of `proj` is missing.": F.linear(_merge(_attend(q, k, v)), module.proj.weight),
    }


def _attend(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def _of_cutting(x: Tensor, heads: int) -> Mapping[str, Tensor]:
    """Return what comes of heads that are cut or merged wrongly, before `proj`."""
    n, t, width = x.shape
    d = width // 3 // heads
    q, k, v = _cut(x, heads)
    thirds = x.chunk(3, dim=-1)  # each (N, T, C_p)
    rows = [each.reshape(n, heads, t, d) for each in thirds]
    strided = [each.reshape(n, t, d, heads).permute(0, 3, 1, 2) for each in thirds]
    beside = [each.reshape(n, t, heads, d) for each in thirds]
    out = _attend(q, k, v)
    at_once, first = x.reshape(3, n, heads, t, d), "Reshaping to (N, heads, T, d) at once gives a "
    orders = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return {
        "You ran one head over all channels; num_heads changed nothing.": _attend(*thirds),
        "You merged without swapping heads and T back first, so tokens are mixed.": (
            out.reshape(n, t, -1)
        ),
        "Merged, your heads are interleaved: first all channels of head 0, then all of head 1, and "
        "so on.": out.permute(0, 2, 3, 1).flatten(2),
        "You gave a head every num_heads-th channel; its channels lie side by side.": (
            _attend(*strided).permute(0, 2, 3, 1).flatten(2)
        ),
        "A head got every num_heads-th channel; its channels lie side by side.": (
            _merge(_attend(*strided))
        ),
        "Heads asked heads: swap heads and T, so that T is next to last.": (
            _attend(*beside).flatten(2)
        ),
        "Heads asked heads, and then were swapped: do so before they attend.": (
            _attend(*beside).transpose(1, 2).reshape(n, t, -1)
        ),
        f"{first}head the first tokens, not its channels: split the last dimension first, then "
        "swap it with T.": _attend(*rows).reshape(n, t, -1),
        f"{first}head the first tokens, not its channels: split the last dimension, and swap it "
        "with T.": _merge(_attend(*rows)),
        "A reshape that puts the 3 first mixes images and tokens: (N, T, 3, heads, d) first, then "
        "`permute`.": _merge(_attend(*at_once)),
        "You cut `qkv` head by head, (N, T, heads, 3, d); all queries come first, then all keys, "
        "then all values: (N, T, 3, heads, d).": (
            _merge(_attend(*x.reshape(n, t, heads, 3, d).permute(3, 0, 2, 1, 4)))
        ),
        "You cut `qkv` as (N, T, heads, d, 3); all queries come first, then all keys, then all "
        "values: (N, T, 3, heads, d).": (
            _merge(_attend(*x.reshape(n, t, heads, d, 3).permute(4, 0, 2, 1, 3)))
        ),
        "Tokens ask the other images, not each other: T and d are to be the last two.": (
            _attend(*(each.transpose(0, 2) for each in (q, k, v))).transpose(0, 2)
        )
        .transpose(1, 2)
        .flatten(2),
    } | {
        f"`qkv` gives the queries first, then keys, then values; you took them as {names}.": (
            _merge(_attend(*([q, k, v][place] for place in order)))
        )
        for order in orders
        for names in [", ".join("qkv"[order.index(each)] for each in range(3))]
    }


def _of_scores(q: Tensor, k: Tensor, v: Tensor, width: int) -> Mapping[str, Tensor]:
    """Return what comes of wrong scores and weights, before `proj`."""
    d, t, heads = q.shape[-1], q.shape[-2], q.shape[1]
    scores = q @ k.mT
    weights = (scores / d**0.5).softmax(dim=-1)
    factors = {
        "The scores are not scaled: divide them by √d before the softmax.": 1,
        "You divided by d; the formula divides by √d.": 1 / d,
        "You scaled by √C_p; inside a head, a query has d = C_p / num_heads numbers.": width**-0.5,
        "You divided by C_p; the formula has √d, with d = C_p / num_heads.": 1 / width,
        "You divided by √T, with T the number of tokens; d is the width of a query.": t**-0.5,
        "You divided by the root of num_heads; d is the width of a query.": heads**-0.5,
        "You multiplied the scores by √d; divide.": d**0.5,
        "You divided by 2, which is √d only for d = 4; d is C_p / num_heads.": 0.5,
        "You multiplied the scores by d; divide by √d.": d,
        "You divided by the root of qkv's width, 3 · C_p; d is C_p / num_heads.": (
            (3 * width) ** -0.5
        ),
        "You divided by √d twice: `F.scaled_dot_product_attention` does so itself.": 1 / d,
    }
    return {words: _merge((scores * by).softmax(dim=-1) @ v) for words, by in factors.items()} | {
        "Your softmax runs over the tokens that ask, so the columns sum to 1; what one token "
        "shares out is a row.": _merge((scores / d**0.5).softmax(dim=-2) @ v),
        "Your softmax runs over the heads; what one token shares out is a row.": (
            _merge((scores / d**0.5).softmax(dim=1) @ v)
        ),
        "Your softmax runs over the images; what one token shares out is a row.": (
            _merge((scores / d**0.5).softmax(dim=0) @ v)
        ),
        "You took the softmax twice.": _merge(weights.softmax(dim=-1) @ v),
        "That is the sigmoid of each score; the softmax shares out 1 among a row.": (
            _merge((scores / d**0.5).sigmoid() @ v)
        ),
        "All heads hand over the values of the first: each has its own.": (
            _merge(weights @ v[:, :1])
        ),
        "Heads are put side by side; you averaged them.": (
            (weights @ v).mean(dim=1).repeat(1, 1, heads)
        ),
        "Heads are put side by side; you added them up.": (
            (weights @ v).sum(dim=1).repeat(1, 1, heads)
        ),
        "There is no softmax: raw scores can be negative, and do not sum to 1.": (
            _merge(scores / d**0.5 @ v)
        ),
        "You scaled after the softmax, so the weights no longer sum to 1; scale the scores.": (
            _merge(scores.softmax(dim=-1) / d**0.5 @ v)
        ),
        "You multiplied with the transposed weights: row i of them is for new token i.": (
            _merge(weights.mT @ v)
        ),
        "All heads look where their average does: let each use its own weights.": (
            _merge(weights.mean(dim=1, keepdim=True) @ v)
        ),
        "You averaged the keys; the weights are for the values.": _merge(weights @ k),
        "You compared queries with queries; they ask keys.": (
            _merge((q @ q.mT / d**0.5).softmax(dim=-1) @ v)
        ),
        "You let a token look only at those before it; here each looks at all.": (
            _merge(_attend(q, k, v, causal=True))
        ),
    }


@exercise("05", "Find the fault in these heads")
def fault_in_heads(answer: Callable[[Any], Any]) -> str:
    """Check Exercise 3 of lesson 05: a test that tells right heads from faulty ones."""
    judge_test(answer, RIGHT, FAULTY)
    return "Your test passes heads that are right, however they are written, and no faulty ones."


def _heads(
    split: Callable[[Tensor, int], Tensor] = lambda x, h: x.unflatten(-1, (h, -1)).transpose(1, 2),
    weigh: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
    scale: Callable[[Tensor, Tensor], float] = lambda x, q: q.shape[-1] ** 0.5,
    merge: Callable[[Tensor], Tensor] = _merge,
) -> Callable[[Tensor, Tensor, Tensor, int], Tensor]:
    """Return attention in heads with one part of it replaced."""

    def attend(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
        asked, keys, values = (split(x, num_heads) for x in (q, k, v))
        weights = weigh(asked @ keys.mT / scale(q, asked))
        return merge(weights @ values).reshape(q.shape)

    return attend


def _by_loop(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    slices = zip(*(x.chunk(num_heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([_attend(*each) for each in slices], dim=-1)


def _by_einsum(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    asked, keys, values = (x.unflatten(-1, (num_heads, -1)) for x in (q, k, v))
    scores = torch.einsum("nihd,njhd->nhij", asked, keys) / asked.shape[-1] ** 0.5
    return torch.einsum("nhij,njhd->nihd", scores.softmax(-1), values).flatten(2)


def _in_double(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    return _heads()(q.double(), k.double(), v.double(), num_heads).to(q.dtype)


def _shifted(axes: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """Return a softmax whose scores are shifted by their largest along some axes."""

    def weigh(scores: Tensor) -> Tensor:
        shares = (scores - scores.amax(dim=axes, keepdim=True)).exp()
        return shares / shares.sum(dim=-1, keepdim=True)

    return weigh


def _in_place(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    q /= (q.shape[-1] // num_heads) ** 0.5
    return _heads(scale=lambda x, q: 1)(q, k, v, num_heads)


def _all_images(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    asked, keys, values = (x.reshape(1, -1, x.shape[-1]) for x in (q, k, v))
    return _heads()(asked, keys, values, num_heads).reshape(q.shape)


RIGHT = {
    "with a loop over slices": _by_loop,
    "with einsum": _by_einsum,
    "in double precision": _in_double,
    "with the softmax written out": _heads(weigh=_shifted((-1,))),
}
FAULTY = {
    "shifts all scores by the largest of all, so that one head with large scores leaves nothing "
    "of the others": _heads(weigh=_shifted((0, 1, 2, 3))),
    "shifts the scores of a head by the largest of that head, so that a row far below it comes to "
    "nothing": _heads(weigh=_shifted((-2, -1))),
    "counts no score beyond 20": _heads(weigh=lambda s: s.clamp(-20, 20).softmax(dim=-1)),
    "divides by √C_p": _heads(scale=lambda x, q: x.shape[-1] ** 0.5),
    "divides by √T": _heads(scale=lambda x, q: x.shape[-2] ** 0.5),
    "gives a head some tokens in place of some channels": _heads(
        split=lambda x, h: x.reshape(len(x), h, x.shape[1], -1), merge=lambda out: out
    ),
    "forgets to swap heads and tokens back": _heads(merge=lambda out: out),
    "gives a head every num_heads-th channel": _heads(
        split=lambda x, h: x.unflatten(-1, (-1, h)).permute(0, 3, 1, 2),
        merge=lambda out: out.permute(0, 2, 3, 1),
    ),
    "lets columns sum to 1 in place of rows": _heads(weigh=lambda s: s.softmax(dim=-2)),
    "lets each token see the tokens of all images": _all_images,
    "lets every head look where the first does": _heads(
        weigh=lambda s: s.softmax(dim=-1)[:, :1].expand_as(s)
    ),
    "changes the queries that it is given": _in_place,
}
