"""The exercises of lesson 06: counting, assembling, and finding what is broken."""

import copy
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    NotDone,
    Wrong,
    bound,
    call,
    exercise,
    far,
    items,
    judge,
    number,
    require,
    require_tensor,
)
from vtff_lib.checks.models import lively_model, other_readings, patients
from vtff_lib.fusion import AttentionalSelectiveFusion
from vtff_lib.vtff import VTFF, count_parameters

PARTS = ("backbones.rgb", "backbones.lbp", "fusion", "token_projection", "encoder", "head")


@exercise("06", "The number of tokens for any image")
def count_tokens(answer: Callable[[int, int, int], int]) -> str:
    """Check Exercise 1 of lesson 06: one token for each cell of the grid, and [cls]."""
    for height, width, stages in ((160, 96, 4), (224, 224, 4), (96, 160, 2), (48, 48, 1)):
        given = f"({height}, {width}, {stages})"
        count = number(call(answer, height, width, stages), f"The number of tokens of {given}")
        reduction = 4 * 2 ** (stages - 1)
        rows, columns = height // reduction, width // reduction
        mistakes = {
            "You counted the cells of the grid; [cls] is a token too.": rows * columns,
            "You took R = 32 whatever the stages. It is 4 for one stage, and twice as much for "
            "each stage more.": 1 + (height // 32) * (width // 32),
            "Your R is 2 to the power of the stages. The stem divides by 4 already, and the first "
            "stage by nothing: R is 4 · 2^(stages-1).": 1
            + (height // 2**stages) * (width // 2**stages),
            "You took the grid to be square; height and width may differ.": 1 + rows**2,
            "You took the grid to be square, as wide as it is; height and width may differ.": 1
            + columns**2,
            "You added rows and columns; a grid has rows times columns cells.": 1 + rows + columns,
            "You divided the number of pixels by R. Height is divided by R and so is width, which "
            "makes R².": 1 + height * width // reduction,
        }
        judge(
            count,
            1 + rows * columns,
            mistakes,
            f"{given} should give {1 + rows * columns} tokens: a grid of {rows}×{columns}, and "
            f"[cls]. Yours gives {count:g}.",
            tolerance=0,
        )
    return "An image of twice the height and width has four times the cells: remember it below."


@exercise("06", "From the fused map to the logits, for any batch and grid")
def logits_from_map(answer: Callable[[VTFF, Tensor], Tensor]) -> str:
    """Check Exercise 2 of lesson 06: the second half of the forward pass, against the model's."""
    model = lively_model()
    trials = (
        ("one image", "", (1, 32, 32)),
        ("three images", "One image works: is [cls] there for each of the three?", (3, 32, 32)),
        (
            "a grid of 3×5",
            "The positions were learned for 4×4: see `resize_position_embedding`.",
            (2, 24, 40),
        ),
    )
    for what, hint, (count, height, width) in trials:
        rgb = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
        out = model(rgb, return_maps=True)
        try:
            scores = call(bound(answer, copy.deepcopy(model)), out.fused)
        except NotDone:
            raise
        except Wrong as wrong:
            words = str(wrong).rstrip(".")
            raise Wrong(f"The map of {what}. {words}. {hint}".rstrip()) from wrong
        shape = tuple(out.logits.shape)
        logits = require_tensor(scores, shape, f"What comes of a map {tuple(out.fused.shape)}")
        judge(
            logits,
            out.logits,
            other_readings(model, out.fused),
            f"For {what}, your logits differ from the model's by up to "
            f"{far(logits, out.logits):.2g}. Compare with the cells above, step by step: "
            "cells, projection, [cls] in front, positions, encoder, head.",
            1e-4,
        )
    return "The same lines serve any number of faces and any grid: that is all of `forward`."


@exercise("06", "The parameters of the fusion, by hand")
def fusion_parameters(answer: Callable[[int, int], int]) -> str:
    """Check Exercise 3 of lesson 06: U, G and L, counted."""
    for channels, reduction in ((24, 4), (512, 8), (16, 2)):
        what = f"The parameters for channels={channels}, reduction={reduction}"
        count = number(call(answer, channels, reduction), what)
        c, s = channels, channels // reduction
        with torch.device("meta"):
            right = count_parameters(AttentionalSelectiveFusion(channels, reduction))
        norms = 2 * s + 2 * c + 2 * s + 2
        u, g, l_ = 2 * c * c, 2 * c * s + 2 * s + 2 * c, c * s + s + 2 * s + 2
        mistakes = {
            "You left out the batch norms: each learns a weight and a bias for every channel that "
            "it sees.": right - norms,
            "Half of a batch norm is missing: it learns a weight and a bias for each "
            "channel.": right - norms // 2,
            "You counted the running mean and variance of the batch norms. They are measured, not "
            "learned: buffers, not parameters.": right + norms,
            "You gave every convolution a bias; these have none, because a batch norm would take "
            "it out again.": right + 2 * c + s + c + s + 1,
            "You gave every convolution of G and L a bias; these have none, because the batch norm "
            "behind them would take it out again.": right + s + c + s + 1,
            "U has two 1×1 convolutions, one for each map; you counted one.": right - c * c,
            "U is missing: two 1×1 convolutions from C to C.": right - u,
            "L is missing.": right - l_,
            "G is missing.": right - g,
            "Your L ends in C channels. It ends in one: one score for each "
            "place.": right - (s + 2) + (s * c + 2 * c),
            "Your squeeze is by nothing: inside G and L the channels are C/r.": 5 * c * c
            + 7 * c
            + 2,
            "You gave the convolutions 3×3 windows; all of them are 1×1.": right
            + 8 * (right - norms),
        }  # fmt: skip
        judge(
            count,
            right,
            mistakes,
            f"{what} should be {right:,}: {u:,} for U, {g:,} for G, {l_:,} for L. "
            f"Yours is {count:,.0f}.",
            tolerance=0,
        )
    return "623,938 at full size, about 1 % of the model: choosing is cheap, seeing is not."


@exercise("06", "The multiply-adds of an encoder block")
def block_multiply_adds(answer: Callable[[int, int, int], int]) -> str:
    """Check Exercise 4 of lesson 06: attention and MLP."""
    for tokens, embed_dim, mlp_dim in ((7, 12, 40), (50, 768, 3072), (197, 96, 192)):
        t, c, m = tokens, embed_dim, mlp_dim
        what = f"The multiply-adds for tokens={t}, embed_dim={c}, mlp_dim={m}"
        count = number(call(answer, t, c, m), what)
        right = 4 * t * c * c + 2 * t * t * c + 2 * t * c * m
        mistakes = {
            "You counted FLOPs: a multiplication and an addition each. A multiply-add is one of "
            "both.": 2 * right,
            "The attention itself is missing: each token is compared with every token, and the "
            "values are added up by these weights.": right - 2 * t * t * c,
            "You counted Q Kᵀ, but not the product of the weights with V, which is as much work; "
            "or the other way round.": right - t * t * c,
            "Q, K and V take three C×C matrices; you counted one.": right - 2 * t * c * c,
            "The projection behind the heads is missing: one more C×C matrix.": right
            - t * c * c,
            "The MLP has two layers, up and down again; you counted one.": right - t * c * m,
            "The MLP is missing.": right - 2 * t * c * m,
            "You took the MLP to be four times as wide as the tokens; its width is "
            "`mlp_dim`.": right + 2 * t * c * (4 * c - m),
            "You counted weights. Each is used once for each token.": 4 * c * c + 2 * c * m,
            "You counted weights, with biases. Each weight is used once for each token.": 4 * c * c
            + 2 * c * m + 9 * c + m,
        }  # fmt: skip
        judge(
            count,
            right,
            mistakes,
            f"{what} should be {right:,}: {4 * t * c * c:,} for Q, K, V and the projection, "
            f"{2 * t * t * c:,} for the attention, {2 * t * c * m:,} for the MLP. "
            f"Yours is {count:,.0f}.",
            tolerance=0,
        )
    return "At 50 tokens the part with T² is about 1 % of a block."


@exercise("06", "The loss of a model that does not look")
def loss_without_looking(answer: Callable[[Tensor], float]) -> str:
    """Check Exercise 5 of lesson 06: the entropy of the labels."""
    for counts in ([4, 2, 1, 1], [5, 5, 5, 5, 5], [6, 0, 2]):
        given = torch.tensor(counts)
        shares = given.double() / given.sum()
        present = shares[shares > 0]
        right = float(-(present * present.log()).sum())
        what = f"The loss for counts {counts}"
        loss = number(call(answer, given), what)
        require(
            not math.isnan(loss),
            f"{what} came out as nan: a class without labels has a share of 0, and 0 · log 0 is "
            "nan for a computer. Such a class adds nothing.",
        )
        mistakes = {
            "Your logarithm is to the base 2 (bits). PyTorch's cross-entropy uses the natural "
            "one.": right / math.log(2),
            "Your logarithm is to the base 10. PyTorch's cross-entropy uses the natural one.": right
            / math.log(10),
            "The sign is turned round: a loss is minus the logarithm.": -right,
            "That is ln of the number of classes, the loss of an even guess. Without looking one "
            "can do better: guess by how frequent each class is.": math.log(len(counts)),
            "You averaged over the classes. The loss is a mean over the images, and a frequent "
            "class has more of them.": float(-shares.log().mean()),
            "You added up over the images; cross-entropy is their mean.": right * sum(counts),
            "You took the counts for shares: divide them by their sum first.": float(
                -(given[given > 0] * given[given > 0].log()).sum()
            ),
            "That is minus the logarithm of the largest share: the loss of the images of that "
            "class alone.": float(-shares.max().log()),
            "That is the share of wrong answers, not the loss.": float(1 - shares.max()),
        }
        judge(
            loss,
            right,
            mistakes,
            f"{what} should be {right:.4f}; yours is {loss:.4f}. Each image of a class "
            "costs -ln of the share that the model gives to its class; take the mean.",
            1e-4,
        )
    return "A loss that falls to this value and stays has learned how frequent the words are."


@exercise("06", "The parts that no gradient reaches")
def idle_parts(answer: Callable[[VTFF, Tensor, Tensor], Iterable[str]]) -> str:
    """Check Exercise 6 of lesson 06: the learner's detector on models that are broken or not."""
    for what, idle, model in patients():
        rgb = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
        names = call(bound(answer, model), rgb, torch.tensor([0, 1, 2, 3]))
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise Wrong(
                "Return a list of the names of idle parts, an empty one if all learn; yours is "
                f"{names!r:.60}."
            )
        parts = set(items(names))
        require(
            parts <= set(PARTS),
            f"{sorted(map(str, parts - set(PARTS)))[:2]} are no names of PARTS; return those that "
            "are idle.",
        )
        all_parts = parts == set(PARTS) and what != "scores almost 0"
        require(not all_parts, "You found every part idle: is `backward()` called before you look?")
        require(
            not idle or parts != set(PARTS) - idle,
            f"With {what}, you returned the parts that learn; return those that do not.",
        )
        require(
            parts == idle or not what.startswith("old"),
            "The model came with gradients of an earlier step, and you took them for those of this "
            "one: clear them first (`model.zero_grad()`).",
        )
        _judge_parts(what, idle, parts)
    return (
        "Such a fault raises no error, and the loss goes down all the same: only a look at the "
        "gradients tells."
    )


def _judge_parts(what: str, idle: set[str], parts: set[str]) -> None:
    """Say how the parts found for one model differ from those that are idle."""
    if parts == idle:
        return
    hints = {
        "one layer frozen": "One layer without a gradient makes no idle part: all of its "
        "parameters have to lack it.",
        "the LBP map multiplied by 0": "A gradient can be there and be 0 everywhere.",
        "the LBP map detached": "A gradient that was never made is None.",
        "scores almost 0": "A gradient may be small and still be one: compare with 0.",
    }
    raise Wrong(
        f"With {what}, the idle parts are {sorted(idle) or 'none'}; you found "
        f"{sorted(parts) or 'none'}. {hints.get(what, '')}".rstrip()
    )
