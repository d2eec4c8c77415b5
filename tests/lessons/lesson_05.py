"""What lesson 05 is held to: answers to its exercises, right and wrong."""

import math

import torch
import torch.nn.functional as F

from tests.lessons import Answers


def right_cells_by_loop(fused, weight, bias):
    n, _, h, w = fused.shape
    tokens = [fused[:, :, i, j] @ weight.T + bias for i in range(h) for j in range(w)]
    return torch.stack(tokens, dim=1).reshape(n, h * w, -1)


def cells(*order):
    """A wrong way to read the cells, then the right linear layer."""

    def answer(fused, weight, bias):
        n, c, h, w = fused.shape
        return F.linear(fused.permute(*order).reshape(n, h * w, c), weight, bias)

    return answer


def right_attention_by_loop(q, k, v):
    q, k, v = q.double(), k.double(), v.double()
    rows = []
    for i in range(q.shape[-2]):
        scores = (q[..., i : i + 1, :] * k).sum(-1) / math.sqrt(q.shape[-1])  # (..., T)
        shares = (scores - scores.amax(-1, keepdim=True)).exp()
        shares = shares / shares.sum(-1, keepdim=True)
        rows.append((shares[..., None] * v).sum(-2))
    return torch.stack(rows, dim=-2)


def attention(scale=lambda q: q.shape[-1] ** 0.5, axis=-1, before=True):
    """Attention with a mistake in its scale or its softmax."""

    def answer(q, k, v):
        scores = q @ k.transpose(-2, -1)
        if before:
            return (scores / scale(q)).softmax(dim=axis) @ v
        return scores.softmax(dim=axis) / scale(q) @ v

    return answer


def overflowing(q, k, v):
    scores = (q @ k.mT / q.shape[-1] ** 0.5).exp()
    return scores / scores.sum(-1, keepdim=True) @ v


def entropy_by_where(weights):
    return -torch.where(weights > 0, weights * weights.clamp_min(1e-30).log(), 0.0).sum(-1)


def heads(split=None, merge=None, scale=None, attend=F.scaled_dot_product_attention):
    """Attention in heads with a mistake in the way in, in the way out or in the scale."""
    into = split or (lambda x, n, t, h: x.reshape(n, t, h, -1).transpose(1, 2))
    out_of = merge or (lambda x, n, t: x.transpose(1, 2).reshape(n, t, -1))

    def answer(q, k, v, num_heads):
        n, t, c = q.shape
        q, k, v = (into(x, n, t, num_heads) for x in (q, k, v))
        return out_of(attend(q, k, v, scale=scale(c) if scale else None), n, t)

    return answer


def right_heads_by_slices(q, k, v, num_heads):
    parts = zip(*(x.chunk(num_heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part) for part in parts], dim=-1)


def right_heads_by_einsum(q, k, v, num_heads):
    q, k, v = (x.unflatten(-1, (num_heads, -1)) for x in (q, k, v))
    scores = torch.einsum("nihd,njhd->nhij", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("nhij,njhd->nihd", scores.softmax(-1), v).flatten(2)


def joined(cells, cls_token):
    return torch.cat([cls_token.expand(len(cells), -1, -1), cells], dim=1)


def right_positions_part_by_part(cells, cls_token, position_embedding):
    first = (cls_token + position_embedding[:, :1]).repeat(len(cells), 1, 1)
    return torch.cat((first, cells + position_embedding[:, 1:]), 1)


def right_positions_by_filling(cells, cls_token, position_embedding):
    n, count, width = cells.shape
    tokens = torch.zeros(n, count + 1, width)
    tokens[:, 0] = cls_token[0, 0]
    tokens[:, 1:] = cells
    return tokens + position_embedding


def last_and_in_order(cells, cls_token, place):
    cls = cls_token.expand(len(cells), -1, -1) + place[:, :1]
    return torch.cat([cells + place[:, 1:], cls], dim=1)


def right_block(tokens, norm1, attention, norm2, mlp):
    tokens = tokens + attention(norm1(tokens))
    return tokens + mlp(norm2(tokens))


def right_block_in_place(tokens, norm1, attention, norm2, mlp):
    stream = tokens.clone()
    for norm, branch in ((norm1, attention), (norm2, mlp)):
        stream += branch(norm(stream))
    return stream


def post_norm(tokens, norm1, attention, norm2, mlp):
    tokens = norm1(tokens + attention(tokens))
    return norm2(tokens + mlp(tokens))


def normed_stream(tokens, norm1, attention, norm2, mlp):
    tokens = norm1(tokens)
    tokens = tokens + attention(tokens)
    tokens = norm2(tokens)
    return tokens + mlp(tokens)


def normed_results(tokens, norm1, attention, norm2, mlp):
    tokens = tokens + norm1(attention(tokens))
    return tokens + norm2(mlp(tokens))


def mlp_of_old_tokens(tokens, norm1, attention, norm2, mlp):
    return tokens + attention(norm1(tokens)) + mlp(norm2(tokens))


ANSWERS = {
    "cells_to_tokens": Answers(
        right=[
            right_cells_by_loop,
            lambda fused, weight, bias: F.linear(fused.flatten(2).transpose(1, 2), weight, bias),
            lambda fused, weight, bias: (
                F.conv2d(fused.double(), weight.double()[..., None, None], bias.double())
                .flatten(2)
                .mT
            ),
            lambda fused, weight, bias: (
                torch.einsum("nchw,pc->nhwp", fused, weight).flatten(1, 2) + bias
            ),
        ],
        wrong=[
            (cells(0, 1, 2, 3), "a plain reshape"),
            (cells(0, 3, 2, 1), "run down the columns"),
            (cells(2, 3, 0, 1), "mix the images of the batch"),
            (lambda fused, weight, bias: fused.flatten(2).mT @ weight.T, "Only the bias"),
            (lambda fused, weight, bias: fused.flatten(2).mT, "the linear layer is missing"),
            (
                lambda fused, weight, bias: weight @ fused.flatten(2) + bias[:, None],
                "lie in the columns",
            ),
            (
                lambda fused, weight, bias: F.conv2d(fused, weight[..., None, None], bias),
                "still a map",
            ),
            (lambda fused, weight, bias: F.linear(fused[0].flatten(1).T, weight, bias), "are gone"),
            (lambda fused, weight, bias: F.linear(fused.flatten(2), weight, bias), "RuntimeError"),
        ],
    ),
    "dot_product_attention": Answers(
        right=[
            right_attention_by_loop,
            attention(),
            F.scaled_dot_product_attention,
            lambda q, k, v: (
                torch.einsum("...id,...jd->...ij", q / q.shape[-1] ** 0.5, k).softmax(-1) @ v
            ),
        ],
        wrong=[
            (attention(scale=lambda q: 1), "not scaled"),
            (attention(scale=lambda q: q.shape[-1]), "divided by d"),
            (attention(scale=lambda q: q.shape[-2] ** 0.5), "divided by √T"),
            (attention(scale=lambda q: q.shape[-1] ** -0.5), "You multiplied"),
            (attention(scale=lambda q: 1 // q.shape[-1] ** 0.5), "nan in it: a division by zero"),
            (attention(axis=-2), "columns sum to 1"),
            (attention(axis=1), "over the heads"),
            (attention(before=False), "after the softmax"),
            (lambda q, k, v: q @ k.mT / 2 @ v, "no softmax"),
            (lambda q, k, v: attention()(q, k, k), "averaged the keys"),
            (lambda q, k, v: (q @ k.mT / 2).softmax(-1), "T × T weights"),
            (lambda q, k, v: v @ (q.mT @ k / 2).softmax(-1), "channels with channels"),
            (overflowing, "exp overflows"),
            (lambda q, k, v: (q @ k / 2).softmax(-1) @ v, "RuntimeError"),
            (lambda q, k, v: attention()(q, k, v) + 1, "numbers are not"),
        ],
    ),
    "attention_entropy": Answers(
        right=[
            lambda weights: torch.special.entr(weights).sum(dim=-1),
            entropy_by_where,
            lambda weights: -torch.xlogy(weights, weights).sum(-1),
            lambda weights: -(weights * (weights + 1e-9).log()).sum(-1),
            lambda weights: torch.distributions.Categorical(weights).entropy(),
        ],
        wrong=[
            (lambda weights: torch.xlogy(weights, weights).sum(-1), "needs a minus"),
            (lambda weights: -(weights * weights.log()).sum(-1), "gives nan"),
            (lambda weights: torch.special.entr(weights).sum(-1) / math.log(2), "base 2"),
            (lambda weights: torch.special.entr(weights).sum(-2), "down the columns"),
            (lambda weights: torch.special.entr(weights).mean(-1), "averaged the terms"),
            (lambda weights: torch.special.entr(weights).sum(-1).exp(), "exp(entropy)"),
            (lambda weights: -weights.log().sum(-1), "logarithms alone"),
            (lambda weights: torch.special.entr(weights).sum(), "one number"),
            (torch.special.entr, "sum them along each row"),
            (
                lambda weights: torch.special.entr(weights).sum(-1) / math.log(weights.shape[-1]),
                "divided by ln T",
            ),
            (lambda weights: torch.special.entr(weights + 0.01).sum(-1), "numbers are not"),
        ],
    ),
    "heads_side_by_side": Answers(
        right=[heads(), right_heads_by_slices, right_heads_by_einsum],
        wrong=[
            (heads(split=lambda x, n, t, h: x.reshape(n, h, t, -1)), "the first tokens, not"),
            (heads(merge=lambda x, n, t: x.reshape(n, t, -1)), "without swapping"),
            (
                heads(
                    split=lambda x, n, t, h: x.reshape(n, t, -1, h).permute(0, 3, 1, 2),
                    merge=lambda x, n, t: x.permute(0, 2, 3, 1).reshape(n, t, -1),
                ),
                "every third channel",
            ),
            (
                heads(merge=lambda x, n, t: x.permute(0, 2, 3, 1).reshape(n, t, -1)),
                "heads are interleaved",
            ),
            (heads(scale=lambda c: c**-0.5), "scaled by √C_p"),
            (
                heads(
                    split=lambda x, n, t, h: x.reshape(n, t, h, -1),
                    merge=lambda x, n, t: x.reshape(n, t, -1),
                ),
                "Heads asked heads",
            ),
            (lambda q, k, v, num_heads: F.scaled_dot_product_attention(q, k, v), "changed nothing"),
            (heads(merge=lambda x, n, t: x), "still apart"),
            (heads(merge=lambda x, n, t: x.transpose(1, 2)), "Almost merged"),
            (
                lambda q, k, v, num_heads: (
                    right_heads_by_slices(q, k, v, 3) + (num_heads == 1) * 0.1
                ),
                "num_heads=1",
            ),
        ],
    ),
    "cls_and_positions": Answers(
        right=[
            lambda cells, cls_token, place: joined(cells, cls_token) + place,
            right_positions_part_by_part,
            right_positions_by_filling,
        ],
        wrong=[
            (
                lambda cells, cls_token, place: (
                    torch.cat([cells, cls_token.expand(len(cells), -1, -1)], dim=1) + place
                ),
                "[cls] is last; it",
            ),
            (last_and_in_order, "[cls] is last, and"),
            (lambda cells, cls_token, place: joined(cells, cls_token), "positions are missing"),
            (
                lambda cells, cls_token, place: joined(cells + place[:, 1:], cls_token),
                "no position of its own",
            ),
            (
                lambda cells, cls_token, place: joined(cells + place[:, :-1], cls_token),
                "shifted by one",
            ),
            (lambda cells, cls_token, place: joined(cells, cls_token) * place, "multiplied"),
            (lambda cells, cls_token, place: cells + place[:, 1:], "[cls] is missing"),
            (
                lambda cells, cls_token, place: torch.cat(
                    [joined(cells, cls_token), place.expand(len(cells), -1, -1)], dim=2
                ),
                "side by side",
            ),
            (
                lambda cells, cls_token, place: torch.cat([cls_token, cells], dim=1) + place,
                "RuntimeError",
            ),
            (
                lambda cells, cls_token, place: joined(cells, cls_token.detach()) + place,
                "no gradient",
            ),
        ],
    ),
    "pre_norm_block": Answers(
        right=[right_block, right_block_in_place],
        wrong=[
            (post_norm, "This is post-LN"),
            (lambda x, norm1, attend, norm2, mlp: mlp(norm2(attend(norm1(x)))), "both sums"),
            (
                lambda x, norm1, attend, norm2, mlp: right_block(
                    attend(norm1(x)), norm1, lambda y: 0 * y, norm2, mlp
                ),
                "around the attention is missing",
            ),
            (
                lambda x, norm1, attend, norm2, mlp: mlp(norm2(x + attend(norm1(x)))),
                "around the MLP is missing",
            ),
            (normed_stream, "overwrote the stream"),
            (normed_results, "normed what attention and MLP return"),
            (
                lambda x, norm1, attend, norm2, mlp: right_block(x, norm1, attend, norm1, mlp),
                "norm1 twice",
            ),
            (mlp_of_old_tokens, "given the old tokens"),
            (
                lambda x, norm1, attend, norm2, mlp: x + mlp(norm2(x + attend(norm1(x)))),
                "tokens of the beginning",
            ),
            (
                lambda x, norm1, attend, norm2, mlp: right_block(
                    x, lambda y: y, attend, lambda y: y, mlp
                ),
                "no norms",
            ),
            (
                lambda x, norm1, attend, norm2, mlp: right_block(x, norm2, mlp, norm1, attend),
                "MLP came first",
            ),
            (
                lambda *parts: parts[3](right_block(*parts)),
                "One norm too many",
            ),
        ],
    ),
}

EQUAL: dict = {}
