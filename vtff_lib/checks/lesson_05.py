"""The checks of lesson 05: tokens, attention, heads, positions and blocks."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import Either, call, close, exercise, judge, require, require_tensor
from vtff_lib.encoder import MLP, MultiHeadSelfAttention

# Each of the mistakes below is computed, so that an answer that makes it can be told which it is.


@exercise("05", "From a map to tokens")
def cells_to_tokens(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 1 of lesson 05: a map, cell by cell through one linear layer."""
    fused, weight, bias = torch.randn(2, 4, 3, 5), torch.randn(6, 4), torch.randn(6)
    cells = fused.flatten(2).transpose(1, 2)  # (N, h·w, C)
    columns_first = fused.transpose(2, 3).flatten(2).transpose(1, 2)
    mixed_images = fused.permute(2, 3, 0, 1).reshape(2, 15, 4)

    what = "What you make of a (2, 4, 3, 5) map and a (6, 4) weight"
    shapes = {
        (2, 15, 4): "These are the cells, still 4 numbers wide; the linear layer is missing.",
        (2, 6, 15): "Your tokens lie in the columns: shape (N, C_p, h·w). Transpose.",
        (15, 6): "The images of the batch are gone: the first dimension should stay.",
        (2, 6, 3, 5): "This is still a map (N, C_p, h, w): flatten it to a sequence.",
    }
    right = F.linear(cells, weight, bias)
    tokens = require_tensor(call(answer, fused, weight, bias), (2, 15, 6), what, shapes)
    judge(
        tokens,
        right,
        {
            "Your rows are not cells: a plain reshape cuts the numbers in the order in which they "
            "lie in memory, channel after channel, and mixes places and channels.": F.linear(
                fused.reshape(2, 15, 4), weight, bias
            ),
            "Your tokens run down the columns of the map; the grid is read row by row.": F.linear(
                columns_first, weight, bias
            ),
            "Only the bias of the linear layer is missing.": F.linear(cells, weight),
            "Your tokens mix the images of the batch.": F.linear(mixed_images, weight, bias),
        },
        lambda: _first_off(tokens, right),
    )
    return (
        "Each token is one cell, all its channels, through the same linear layer. "
        "A 1×1 convolution would have done the same before flattening."
    )


@exercise("05", "Scaled dot-product attention")
def dot_product_attention(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 2 of lesson 05: softmax(Q Kᵀ / √d) V."""
    q, k, v = torch.randn(3, 2, 3, 5, 4)  # each (N, heads, T, d)
    scores = q @ k.transpose(-2, -1)
    scaled = scores / 2
    right = scaled.softmax(dim=-1) @ v
    channels = (q.transpose(-2, -1) @ k / 2).softmax(dim=-1)  # (N, heads, d, d)

    what = "What you make of q, k, v of shape (2, 3, 5, 4)"
    shapes = {(2, 3, 5, 5): "You returned T × T weights; what is asked for is weights @ v."}
    mixed = require_tensor(call(answer, q, k, v), (2, 3, 5, 4), what, shapes)
    judge(
        mixed,
        right,
        {
            "The scores are not scaled: divide them by √d before the softmax.": (
                scores.softmax(dim=-1) @ v
            ),
            "You divided by d; the formula divides by √d.": (scores / 4).softmax(dim=-1) @ v,
            "You divided by √T, the number of tokens; d is the width of a query.": (
                scores / 5**0.5
            ).softmax(dim=-1)
            @ v,
            "You multiplied the scores by √d; divide.": (scores * 2).softmax(dim=-1) @ v,
            "Your softmax runs over the tokens that ask, so the columns sum to 1; what one token "
            "shares out is a row.": scaled.softmax(dim=-2) @ v,
            "Your softmax runs over the heads.": scaled.softmax(dim=1) @ v,
            "There is no softmax: raw scores can be negative, and do not sum to 1.": scaled @ v,
            "You scaled after the softmax, so the weights no longer sum to 1; scale the scores.": (
                scores.softmax(dim=-1) / 2 @ v
            ),
            "You averaged the keys; the weights are for the values.": scaled.softmax(dim=-1) @ k,
            "You compared channels with channels, d × d; tokens ask tokens: q @ kᵀ is T × T.": (
                Either((v @ channels, v @ channels.mT))
            ),
        },
        lambda: _first_off(mixed, right),
    )

    large = call(answer, 100 * q, k, v)
    require(
        isinstance(large, Tensor) and bool(large.isfinite().all()),
        "With scores in the hundreds yours gives nan: exp overflows. Subtract the largest score of "
        "each row first, or use torch.softmax, which does.",
    )
    return "Every new token is a weighted mean of the values, for any number of leading dimensions."


@exercise("05", "How many tokens does a row look at?")
def attention_entropy(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 3 of lesson 05: −Σ p ln p of each row."""
    weights = torch.randn(2, 3, 5, 5).mul(2).softmax(dim=-1)
    logs = weights.log()
    entropy = -(weights * logs).sum(dim=-1)

    shapes = {
        (): "You return one number; each row is to have its own entropy.",
        (2, 3, 5, 5): "These are the terms −p ln p; sum them along each row.",
    }
    what = "The entropies of (2, 3, 5, 5) weights"
    entropies = require_tensor(call(answer, weights), (2, 3, 5), what, shapes)
    columns = -(weights * logs).sum(dim=-2)
    judge(
        entropies,
        entropy,
        {
            "Yours are negative: the logarithm of a share is, so the sum needs a minus.": -entropy,
            "You took the logarithm to base 2, which measures in bits; asked for is ln.": (
                entropy / math.log(2)
            ),
            "You summed down the columns; a row is what one token shares out.": columns,
            "You averaged the terms; the entropy is their sum.": entropy / 5,
            "You summed the logarithms alone; each is weighted with its share p.": -logs.sum(
                dim=-1
            ),
            "You returned exp(entropy); asked for is the entropy itself.": entropy.exp(),
            "You divided by ln T; asked for is the plain sum.": entropy / math.log(5),
        },
        lambda: _first_off(entropies, entropy, 1e-4),
        1e-4,
    )

    sharp = torch.eye(4)[None]  # each token looks at itself alone
    entropies = require_tensor(call(answer, sharp), (1, 4), "The entropies of (1, 4, 4) weights")
    require(
        bool(entropies.isfinite().all()),
        "A share of exactly 0 gives nan: 0 · ln 0 is 0 · (−∞) for PyTorch; here it counts as 0.",
    )
    require(
        close(entropies, torch.zeros(1, 4), tolerance=1e-4),
        f"A row that looks at one token alone has entropy 0; yours says {entropies[0, 0]:.3f}.",
    )
    return "0 for one token alone, ln T for an even look, whatever the number of heads."


@exercise("05", "Split into heads, and merge again")
def heads_side_by_side(answer: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> str:
    """Check Exercise 4 of lesson 05: each head attends with its own slice of the channels."""
    q, k, v = torch.randn(3, 2, 5, 12)  # each (N, T, C_p)
    heads, d = 3, 4

    def split(x: Tensor) -> Tensor:
        return x.reshape(2, 5, heads, d).transpose(1, 2)  # (N, heads, T, d)

    def strided(x: Tensor) -> Tensor:
        return x.reshape(2, 5, d, heads).permute(0, 3, 1, 2)

    def cut(x: Tensor) -> Tensor:
        return x.reshape(2, heads, 5, d)

    attend = F.scaled_dot_product_attention
    out = attend(split(q), split(k), split(v))  # (N, heads, T, d)
    right = out.transpose(1, 2).reshape(2, 5, 12)
    whole_scale = attend(split(q), split(k), split(v), scale=12**-0.5)
    across = attend(*(x.reshape(2, 5, heads, d) for x in (q, k, v)))
    never_split = attend(q, k, v)
    cut_out = attend(cut(q), cut(k), cut(v))

    shapes = {
        (2, 3, 5, 4): "The heads are still apart, (N, heads, T, d): merge them.",
        (2, 5, 3, 4): "Almost merged: (N, T, heads, d). Join the last two dimensions.",
        (2, 3, 5, 12): "Each head got all 12 channels; its share is 4 of them.",
    }
    what = "What you make of q, k, v of shape (2, 5, 12)"
    merged = require_tensor(call(answer, q, k, v, heads), (2, 5, 12), what, shapes)
    strided_out = attend(strided(q), strided(k), strided(v)).permute(0, 2, 3, 1).reshape(2, 5, 12)
    judge(
        merged,
        right,
        {
            "You ran one head over all channels; num_heads changed nothing.": never_split,
            "You merged without swapping heads and T back first, so tokens are mixed.": (
                out.reshape(2, 5, 12)
            ),
            "Your heads are interleaved: first all channels of head 0, then all of head 1, and so "
            "on.": out.permute(0, 2, 3, 1).reshape(2, 5, 12),
            "You gave a head every third channel; its channels lie side by side.": strided_out,
            "You scaled by √C_p; inside a head, a query has d = C_p / num_heads numbers.": (
                whole_scale.transpose(1, 2).reshape(2, 5, 12)
            ),
            "Heads asked heads: swap heads and T, so that T is next to last.": (
                across.reshape(2, 5, 12)
            ),
            "Reshaping to (N, heads, T, d) at once gives a head the first tokens, not its "
            "channels: split the last dimension first, then swap it with T.": Either(
                (cut_out.reshape(2, 5, 12), cut_out.transpose(1, 2).reshape(2, 5, 12))
            ),
        },
        lambda: _first_off(merged, right),
    )
    require(
        close(call(answer, q, k, v, 1), never_split),
        "With num_heads=1 yours differs from plain attention.",
    )
    return "Each head has its own slice of the channels, and the slices lie side by side again."


@exercise("05", "Prepend [cls] and add the positions")
def cls_and_positions(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 5 of lesson 05: [cls] first, then a position for every token."""
    cells = torch.randn(3, 6, 4)
    cls_token = torch.randn(1, 1, 4, requires_grad=True)
    positions = torch.randn(1, 7, 4, requires_grad=True)
    cls, place = cls_token.detach().expand(3, 1, 4), positions.detach()
    joined = torch.cat([cls, cells], dim=1)  # (N, 1 + h·w, C_p)

    shapes = {
        (3, 6, 4): "There are still six tokens: [cls] is missing.",
        (3, 7, 8): "You joined tokens and positions side by side; they are added.",
        (4, 6, 4): "You joined [cls] as another image; it is one more token of each image.",
        (1, 7, 4): "Only one image is left; [cls] has to be expanded to the batch.",
    }
    tokens = call(answer, cells, cls_token, positions)
    tokens = require_tensor(tokens, (3, 7, 4), "What you make of (3, 6, 4) cells", shapes)
    right = joined + place
    shifted = torch.cat([cls, cells + place[:, :-1]], dim=1)
    last = torch.cat([cells, cls], dim=1)
    judge(
        tokens,
        right,
        {
            "[cls] is last; it goes in front.": last + place,
            "[cls] is last, and got the position of [cls]; token 0 is [cls].": torch.cat(
                [cells + place[:, 1:], cls + place[:, :1]], dim=1
            ),
            "The positions are missing.": joined,
            "[cls] has no position of its own: the first of the embedding is for it.": torch.cat(
                [cls, cells + place[:, 1:]], dim=1
            ),
            "The cells' positions are shifted by one: the first of the embedding is [cls]'s.": (
                shifted
            ),
            "You multiplied by the positions; they are added.": joined * place,
        },
        lambda: _first_off(tokens, right),
    )
    require(
        tokens.requires_grad and _reached(tokens, cls_token) and _reached(tokens, positions),
        "The numbers are right, but no gradient would reach [cls] or the positions, and both are "
        "learned: do without `.data`, `.detach()` and new tensors made of numbers.",
    )
    return "Token 0 is [cls], the same for every image, and every token knows its place."


@exercise("05", "The forward pass of a pre-LN block")
def pre_norm_block(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 6 of lesson 05: x + attention(norm1(x)), then x + mlp(norm2(x))."""
    tokens = torch.randn(2, 5, 8)
    norm1, norm2, mlp = nn.LayerNorm(8), nn.LayerNorm(8), MLP(8, 12)
    heads = MultiHeadSelfAttention(8, 2)
    for module in (norm1, norm2, mlp, heads):
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.6)  # no part may be near the identity or zero

    def attention(tokens: Tensor) -> Tensor:
        return heads(tokens)[0]

    with torch.no_grad():
        output = call(answer, tokens, norm1, attention, norm2, mlp)
        output = require_tensor(output, (2, 5, 8), "What you make of (2, 5, 8) tokens")
        after = tokens + attention(norm1(tokens))
        right = after + mlp(norm2(after))
        normed = norm1(tokens)
        on_stream = normed + attention(normed)
        post = norm1(tokens + attention(tokens))
        bare = attention(norm1(tokens))
        outside = tokens + norm1(attention(tokens))
        plain = tokens + attention(tokens)
        mlp_first = tokens + mlp(norm2(tokens))
        mistakes = {
            "This is post-LN: the norm stands after the sum. In pre-LN it stands in the branch, "
            "before attention and before the MLP.": norm2(post + mlp(post)),
            "Nothing is added to what was there: both sums are missing.": mlp(norm2(bare)),
            "The sum around the attention is missing.": bare + mlp(norm2(bare)),
            "The sum around the MLP is missing.": mlp(norm2(after)),
            "You overwrote the stream with its norm; only the branch gets the norm, the sum starts "
            "from the tokens as they were.": norm2(on_stream) + mlp(norm2(on_stream)),
            "You normed what attention and MLP return; norm what they are given.": outside
            + norm2(mlp(outside)),
            "You used norm1 twice; the MLP has norm2.": after + mlp(norm1(after)),
            "Your MLP is given the old tokens; it works on what the attention made of them.": after
            + mlp(norm2(tokens)),
            "Your second sum starts from the tokens of the beginning, so the attention's part of "
            "the stream is lost.": tokens + mlp(norm2(after)),
            "There are no norms in yours.": plain + mlp(plain),
            "The MLP came first; attention does.": mlp_first + attention(norm1(mlp_first)),
            "One norm too many: in pre-LN the block ends with the sum.": norm2(right),
        }
        judge(output, right, mistakes, lambda: _first_off(output, right))
    return "Nothing stands in the way of the stream: both branches only add to it."


def _first_off(given: Tensor, right: Tensor, tolerance: float = 1e-5) -> str:
    """Show the first number that differs."""
    if given.isnan().any():
        return "Yours has nan in it: a division by zero, or a logarithm or exp that overflows."
    place = tuple((given.double() - right.double()).abs().gt(tolerance).nonzero()[0].tolist())
    return (
        f"The shape is right, the numbers are not: at {place} yours has {given[place]:.4f} instead "
        f"of {right[place]:.4f}."
    )


def _reached(given: Tensor, learned: Tensor) -> bool:
    """Say if a gradient flows from `given` back to `learned`."""
    (gradient,) = torch.autograd.grad(given.sum(), learned, retain_graph=True, allow_unused=True)
    return gradient is not None
