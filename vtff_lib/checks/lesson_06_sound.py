"""What lesson 06 asks of a model before it is trained, and a test of what asks it."""

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.checks.faults import judge_test
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
from vtff_lib.inputs import in_eval
from vtff_lib.vtff import VTFF

PARTS = ("backbones.rgb", "backbones.lbp", "fusion", "token_projection", "encoder", "head")


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
    frozen = (
        "One layer without a gradient makes no idle part: all of its parameters have to lack it."
    )
    hints = {
        "the first layer of a part frozen": frozen,
        "the last layer of a part frozen": frozen,
        "the LBP map multiplied by 0": "A gradient can be there and be 0 everywhere.",
        "the LBP map detached": "A gradient that was never made is None.",
        "scores almost 0": "A gradient may be small and still be one: compare with 0.",
    }
    raise Wrong(
        f"With {what}, the idle parts are {sorted(idle) or 'none'}; you found "
        f"{sorted(parts) or 'none'}. {hints.get(what, '')}".rstrip()
    )


@exercise("06", "A test that finds faults in batches")
def fault_in_batches(answer: Callable[[Any], Any]) -> str:
    """Check Exercise 5 of lesson 06: a test of what answers many images, a batch at a time."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right versions and finds {len(FAULTY)} faults, in code "
        "that it never looked into. The library's own is `evaluation.predict`."
    )


@torch.no_grad()
def _answered(model: nn.Module, parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([model(each).logits for each in parts])


def _in_parts(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model):
        return _answered(model, images.split(batch_size))


def _filled_in(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model), torch.inference_mode():
        found = model(images[:1]).logits.repeat(len(images), 1)
        for start in range(0, len(images), batch_size):
            found[start : start + batch_size] = model(images[start : start + batch_size]).logits
    return found


def _one_by_one(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _answered(copy.deepcopy(model).eval(), images.split(1))


def _whole_batches(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    ends = range(0, len(images) - batch_size + 1, batch_size)
    with in_eval(model):
        return _answered(model, [images[start : start + batch_size] for start in ends])


def _left_in_eval(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _answered(model.eval(), images.split(batch_size))


def _left_training(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    found = _answered(model.eval(), images.split(batch_size))
    model.train()
    return found


def _all_thawed(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    before = model.training
    found = _answered(model.eval(), images.split(batch_size))
    model.train(before)
    return found


def _as_it_came(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    state = copy.deepcopy(model.state_dict())
    found = _answered(model, images.split(batch_size))
    model.load_state_dict(state)
    return found


def _last_batch_first(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model):
        return _answered(model, images.split(batch_size)[::-1])


def _as_shares(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _in_parts(model, images, batch_size).softmax(dim=1)


def _padded(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    missing = -len(images) % batch_size
    filled = torch.cat([images, images[-1:].expand(missing, -1, -1, -1)])
    return _in_parts(model, filled, batch_size)


def _on_the_spot(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    found = _in_parts(model, images, batch_size)
    images.clamp_(max=200)
    return found


RIGHT = {
    "with `split`": _in_parts,
    "into a tensor made before": _filled_in,
    "one image at a time, of a copy": _one_by_one,
}
FAULTY = {
    "leaves out what does not fill a batch": _whole_batches,
    "answers in the mode in which the model came": _as_it_came,
    "gives the last batch first": _last_batch_first,
    "returns probabilities": _as_shares,
    "fills the last batch up and returns rows for what it added": _padded,
    "leaves a model that came in training mode in eval mode": _left_in_eval,
    "leaves a model that came in eval mode in training mode": _left_training,
    "puts a frozen part of a model that trains back into training mode": _all_thawed,
    "changes the images": _on_the_spot,
}
