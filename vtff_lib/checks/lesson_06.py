"""The exercises of lesson 06 that count, and that find what is broken."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    Wrong,
    bound,
    call,
    exercise,
    items,
    judge,
    number,
    require,
)
from vtff_lib.checks.models import patients
from vtff_lib.vtff import VTFF

PARTS = ("backbones.rgb", "backbones.lbp", "fusion", "token_projection", "encoder", "head")


@exercise("06", "The number of tokens for any image")
def count_tokens(answer: Callable[[int, int, int], int]) -> str:
    """Check Exercise 1 of lesson 06: one token for each cell of the grid, and [cls]."""
    for height, width, stages in ((160, 96, 4), (240, 96, 3), (96, 160, 2), (48, 48, 1)):
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
            "Your R is 4 times the number of stages; it doubles with each stage after the first.": 1
            + (height // (4 * stages)) * (width // (4 * stages)),
            "Your R is 4 · 2^stages, twice too large: the first stage divides by nothing.": 1
            + (height // (2 * reduction)) * (width // (2 * reduction)),
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


@exercise("06", "The loss of a model that does not look")
def loss_without_looking(answer: Callable[[Tensor], float]) -> str:
    """Check Exercise 3 of lesson 06: the entropy of the labels."""
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
    """Check Exercise 4 of lesson 06: the learner's detector on models that are broken or not."""
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
