"""The checks of lesson 05 on what is around attention: the tokens, and the block."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import call, close, exercise, judge, require, require_tensor
from vtff_lib.checks.lesson_05 import call_on, first_place, require_class, require_no_dice
from vtff_lib.checks.lesson_05_where import first_said, judged_with, of_block
from vtff_lib.checks.modules import Case, judge_module, require_names
from vtff_lib.encoder import EncoderBlock, make_tokens

MAPS = (  # (N, C, h, w) and C_p: no square, and once the width stays
    ((2, 4, 3, 5), 6),
    ((3, 7, 5, 2), 7),
    ((1, 2, 1, 4), 3),
)
BLOCKS = (  # embed_dim, num_heads, mlp_dim, and tokens (N, T, C_p)
    Case((12, 3, 20), ((2, 5, 12),)),
    Case((10, 2, 7), ((3, 4, 10),)),
)


@exercise("05", "From a map to tokens", part="my_tokens")
def tokens_from_map(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 4 of lesson 05: [cls], then the cells of a map, each with its position."""
    for size, width in MAPS:
        _, channels, h, w = size
        fused, projection = torch.randn(size), nn.Linear(channels, width)
        cls_token, positions = torch.randn(1, 1, width), torch.randn(1, 1 + h * w, width)
        for each in (fused, cls_token, positions):
            each.requires_grad_()
        learned = [fused, cls_token, positions, projection.weight, projection.bias]
        right = make_tokens(fused, projection, cls_token, positions)
        what = f"What you make of a {size} map and a Linear({channels}, {width})"
        given = call_on(answer, fused, projection, cls_token, positions)
        tokens = require_tensor(given, tuple(right.shape), what, _shapes(size, width))
        with torch.no_grad():
            named = _of_tokens(fused, projection, cls_token, positions)
        judge(tokens, right, named, partial(_first_off, tokens, right, size))
        _require_gradients(tokens, right, learned)
    return "Token 0 is [cls], the same for every image; then the cells, and each knows its place."


def _shapes(size: tuple[int, ...], width: int) -> Mapping[tuple[int, ...], str]:
    """Return what mistaken shapes tell, by the shape."""
    n, channels, h, w = size
    count = h * w
    return {
        (n, 1 + count, 2 * width): "You joined tokens and positions side by side; they are added.",
        (n, count, width): f"There are still {count} tokens: [cls] is missing.",
        (n, count, channels): "These are the cells alone: linear layer and [cls] are missing.",
        (
            n,
            width,
            1 + count,
        ): "Your tokens lie in the columns: shape (N, C_p, 1 + h·w). Transpose.",
        (n, width, h, w): "This is still a map (N, C_p, h, w): flatten it to a sequence.",
        (1 + count, width): "The images of the batch are gone: the first dimension should stay.",
        (1, 1 + count, width): "Only one image is left; [cls] has to be expanded to the batch.",
        (n + 1, count, width): "You joined [cls] as another image; it is a token of each image.",
        (n, 2 + count, width): "There is one token too many: is [cls] joined twice?",
    }


def _of_tokens(
    fused: Tensor, projection: nn.Linear, cls_token: Tensor, positions: Tensor
) -> Mapping[str, Tensor]:
    """Return what mistakes make of a map, by the words for each."""
    n, channels = fused.shape[:2]
    flat = fused.flatten(2).mT
    cells, cls = projection(flat), cls_token.expand(n, -1, -1)
    columns = projection(fused.transpose(2, 3).flatten(2).mT)
    plain = projection(fused.reshape(n, -1, channels))
    convolved = F.conv2d(fused, projection.weight[..., None, None], projection.bias)
    mixed = projection(fused.permute(2, 3, 0, 1).reshape(n, -1, channels))
    first, places = positions[:, :1], positions[:, 1:]

    def joined(cells: Tensor, cls: Tensor = cls) -> Tensor:
        return torch.cat([cls, cells], dim=1)

    right = joined(cells) + positions
    mistakes = {
        "Your rows are not cells: a plain reshape takes the numbers in reading order, channel "
        "after channel, and mixes places and channels.": joined(plain) + positions,
        "After the convolution a plain reshape mixes places and channels: flatten, then "
        "transpose.": joined(convolved.reshape(cells.shape)) + positions,
        "Your tokens run down the columns of the map; the grid is read row by row.": joined(columns)
        + positions,
        "Only the bias of the linear layer is missing.": joined(F.linear(flat, projection.weight))
        + positions,
        "Your tokens mix the images of the batch.": joined(mixed) + positions,
        "[cls] is last; it goes in front.": torch.cat([cells, cls], dim=1) + positions,
        "[cls] is last, and got the position of [cls]; token 0 is [cls].": torch.cat(
            [cells + places, cls + first], dim=1
        ),
        "The positions are missing.": joined(cells),
        "[cls] has no position of its own: the first of the positions is for it.": joined(
            cells + places
        ),
        "The cells' positions are shifted by one: the first of the positions is [cls]'s.": joined(
            cells + positions[:, :-1]
        ),
        "[cls] has its position, the cells have none.": joined(cells, cls + first),
        "You multiplied by the positions; they are added.": joined(cells) * positions,
        "You subtracted the positions; they are added.": joined(cells) - positions,
        "You added the positions twice.": right + positions,
        "You divided the positions by √C_p; add them as they are.": joined(cells)
        + positions / cls.shape[-1] ** 0.5,
        "The positions run backwards.": joined(cells) + positions.flip(1),
        "All tokens got the position of [cls]; each has its own.": joined(cells) + first,
        "There is a layer norm too many; the norms are the blocks'.": F.layer_norm(
            right, right.shape[-1:]
        ),
        "There is a ReLU too many: the linear layer is all.": joined(cells.relu()) + positions,
        "There is a GELU too many: the linear layer is all.": joined(F.gelu(cells)) + positions,
        "[cls] has been left out: token 0 is its position alone.": joined(cells, 0 * cls)
        + positions,
        "You added [cls] to the cells as well.": right
        + torch.cat([torch.zeros_like(cls), cls.expand_as(cells)], dim=1),
        "All images are the first one.": right[:1].expand_as(right),
    }
    if channels == cls.shape[-1]:
        wide = joined(flat)
        mistakes |= {
            "The linear layer is missing.": wide + positions,
            "You sent [cls] through the linear layer, which is for cells.": projection(wide)
            + positions,
            "You added the positions before the linear layer; add them last.": projection(
                wide + positions
            ),
            "You added the cells' positions before the linear layer; add them last.": joined(
                projection(flat + places), cls + first
            ),
        }
    return mistakes


def _require_gradients(tokens: Tensor, right: Tensor, learned: list[Tensor]) -> None:
    names = ("the map", "[cls]", "the positions", "the linear layer", "the linear layer's bias")
    require(
        tokens.requires_grad,
        "The numbers are right, but no gradient comes out: do without `.data`, `.detach()`, "
        "`no_grad` and new tensors made of numbers.",
    )
    way = torch.randn(right.shape)
    wanted, mine = (
        torch.autograd.grad((each * way).sum(), learned, allow_unused=True)
        for each in (right, tokens)
    )
    for name, theirs, own in zip(names, wanted, mine, strict=True):
        require(
            own is not None and close(own, theirs, 1e-4),
            f"The numbers are right, but the gradient that reaches {name} is not: do without "
            "`.data`, `.detach()` and new tensors made of numbers.",
        )


def _first_off(given: Tensor, right: Tensor, size: tuple[int, ...]) -> str:
    """Show the first number that differs."""
    image, token, number = place = first_place(given, right)
    row, column = divmod(token - 1, size[3])
    whose = f"the cell in row {row + 1}, column {column + 1}" if token else "[cls]"
    parts = {"[cls] is": slice(1), "The cells are": slice(1, None)}
    fine = [name for name, part in parts.items() if close(given[:, part], right[:, part])]
    rest = f" {fine[0]} right." if fine else ""
    return (
        f"The shape is right, the numbers are not: for a {size} map, token {token} of image "
        f"{image}, which is {whose}, begins to differ at number {number}: {given[place]:.4f} "
        f"instead of {right[place]:.4f}.{rest}"
    )


@exercise("05", "A pre-LN block", part="MyEncoderBlock")
def pre_norm_block(answer: Any) -> str:
    """Check Exercise 5 of lesson 05: x + attn(norm1(x)), then x + mlp(norm2(x))."""
    settings, (shape,) = BLOCKS[0]
    require_class(answer)
    mine = call(answer, *settings)
    if isinstance(mine, nn.Module):
        require_names(mine, EncoderBlock(*settings))
        _require_weights(mine, torch.randn(shape))
        require_no_dice(mine, torch.randn(shape))
    judged_with(
        lambda: judge_module(answer, EncoderBlock, BLOCKS, _of_block),
        lambda: first_said(of_block, answer, EncoderBlock, BLOCKS),
    )
    return "Nothing stands in the way of the stream: both branches only add to it."


def _require_weights(mine: nn.Module, tokens: Tensor) -> None:
    """Say what is wrong unless a block returns its tokens and what its attention looked at."""
    seen: list[Any] = []
    attention = getattr(mine, "attn", None)
    if isinstance(attention, nn.Module):
        attention.register_forward_hook(lambda module, given, output: seen.append(output))
    given = call_on(mine, tokens)
    both = "Return both, the tokens and the weights that `attn` gave: `return tokens, weights`."
    require(isinstance(given, tuple | list) and len(given) == 2, both)
    require(
        isinstance(given[0], Tensor) and given[0].shape == tokens.shape,
        f"Called with tokens {tuple(tokens.shape)}, the first that comes back should be tokens of "
        "the same shape; the weights are the second.",
    )
    if seen and isinstance(seen[0], tuple | list) and len(seen[0]) == 2:
        theirs, own = seen[0][1], given[1]
        same = own is theirs or (
            isinstance(own, Tensor) and isinstance(theirs, Tensor) and close(own, theirs)
        )
        require(same, both)


def _of_block(block: Any, tokens: Tensor) -> Mapping[str, Tensor]:
    """Return what mistakes make of tokens, by the words for each."""
    norm1, norm2, mlp = block.norm1, block.norm2, block.mlp

    def attend(tokens: Tensor) -> Tensor:
        return block.attn(tokens)[0]

    def bent(tokens: Tensor, bend: Callable[[Tensor], Tensor]) -> Tensor:
        return mlp.fc2(bend(mlp.fc1(tokens)))

    attended = attend(norm1(tokens))
    after = tokens + attended
    right = after + mlp(norm2(after))
    normed = norm1(tokens)
    on_stream = normed + attend(normed)
    post = norm1(tokens + attend(tokens))
    outside = tokens + norm1(attend(tokens))
    plain = tokens + attend(tokens)
    mlp_first = tokens + mlp(norm2(tokens))
    swapped = tokens + attend(norm2(tokens))
    halved, twice = after / 2, tokens + attend(attended)
    return {
        "This is post-LN: the norm stands after the sum. In pre-LN it stands in the branch, "
        "before attention and before the MLP.": norm2(post + mlp(post)),
        "Nothing is added to what was there: both sums are missing.": mlp(norm2(attended)),
        "The sum around the attention is missing.": attended + mlp(norm2(attended)),
        "The sum around the MLP is missing.": mlp(norm2(after)),
        "You overwrote the stream with its norm; only the branch gets the norm, the sum starts "
        "from the tokens as they were.": norm2(on_stream) + mlp(norm2(on_stream)),
        "The first branch overwrote the stream with its norm; the sum starts from the tokens as "
        "they were.": on_stream + mlp(norm2(on_stream)),
        "The second branch overwrote the stream with its norm; the sum starts from the tokens as "
        "they were.": norm2(after) + mlp(norm2(after)),
        "You normed what attention and MLP return; norm what they are given.": outside
        + norm2(mlp(outside)),
        "You used norm1 twice; the MLP has norm2.": after + mlp(norm1(after)),
        "You used norm2 twice; the attention has norm1.": swapped + mlp(norm2(swapped)),
        "The norms have changed places: norm1 is the attention's, norm2 the MLP's.": swapped
        + mlp(norm1(swapped)),
        "Your MLP is given the old tokens; it works on what the attention made of them.": after
        + mlp(norm2(tokens)),
        "Your MLP is given only what the attention returned; it works on the sum.": after
        + mlp(norm2(attended)),
        "Your second sum starts from the tokens of the beginning, so the attention's part of "
        "the stream is lost.": tokens + mlp(norm2(after)),
        "Your second sum starts from the old tokens and the MLP is given them: the attention's "
        "part is lost.": tokens + mlp(norm2(tokens)),
        "There are no norms in yours.": plain + mlp(plain),
        "norm1 is missing: the attention is given the stream as it is.": plain + mlp(norm2(plain)),
        "norm2 is missing: the MLP is given the stream as it is.": after + mlp(after),
        "The MLP is missing.": after,
        "The MLP came first; attention does.": mlp_first + attend(norm1(mlp_first)),
        "One norm too many: in pre-LN the block ends with the sum.": norm2(right),
        "The tokens are added twice.": right + tokens,
        "The attention's norm stands behind it; it belongs before.": outside + mlp(norm2(outside)),
        "The MLP's norm stands behind it; it belongs before.": after + norm2(mlp(after)),
        "The first norm stands after the sum, as in post-LN; it belongs in the branch.": post
        + mlp(norm2(post)),
        "The second norm stands after the sum, as in post-LN; it belongs in the branch.": norm2(
            after + mlp(after)
        ),
        "Your branches stand side by side; the MLP works on what the attention made.": after
        + mlp(normed),
        "Your second sum adds the old tokens; it starts from the tokens after attention.": tokens
        + mlp(norm2(attended)),
        "You subtract what the attention returns; add it.": tokens
        - attended
        + mlp(norm2(tokens - attended)),
        "You multiply with what the attention returns; add it.": tokens * attended
        + mlp(norm2(tokens * attended)),
        "You halved the sums.": (halved + mlp(norm2(halved))) / 2,
        "You halved the first sum.": halved + mlp(norm2(halved)),
        "The attention is used twice.": twice + mlp(norm2(twice)),
        "The MLP is used twice.": after + mlp(mlp(norm2(after))),
        "You return what the attention gives and nothing of the tokens or the MLP.": attended,
        "Your attention has one head: hand `num_heads` on to it.": _with_one_head(block, tokens),
        "There is no GELU between the MLP's two layers.": after + bent(norm2(after), lambda x: x),
        "Between the MLP's two layers stands a GELU, not a ReLU.": after
        + bent(norm2(after), torch.relu),
        "GELU with `approximate='tanh'` is another function; leave that out.": after
        + bent(norm2(after), lambda x: F.gelu(x, approximate="tanh")),
        "The GELU stands between the MLP's two layers, not behind them.": after
        + F.gelu(bent(norm2(after), F.gelu)),
        "The GELU stands behind the MLP's second layer; it belongs between the two.": after
        + F.gelu(bent(norm2(after), lambda x: x)),
    }


def _with_one_head(block: Any, tokens: Tensor) -> Tensor:
    one = copy.deepcopy(block)
    one.attn.num_heads = 1
    return one(tokens)[0]
