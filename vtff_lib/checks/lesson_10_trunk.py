"""The checks of lesson 10, fifth part: a frozen trunk."""

from collections.abc import Callable
from typing import Any

import torch

from vtff_lib.checks.judging import Wrong, bound, call, exercise, items, require
from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF


@exercise("10", "Freeze all but the head, batch norm's memory too")
def frozen_trunk(answer: Callable[[VTFF], Any]) -> str:
    """Check Exercise 5 of lesson 10: after a step the head has moved, and nothing else at all."""
    model = VTFF(VTFFConfig.tiny(5)).train()  # as a training loop leaves it
    trained = model.head
    given = call(bound(answer, model))
    try:
        learned = items(given)
    except TypeError:
        learned = []
    require(
        learned and all(isinstance(part, torch.nn.Parameter) for part in learned),
        "Return the parameters that are to learn, as a list, for the optimiser.",
    )
    require(
        model.head is trained,
        "You put a new head in the old one's place, and with it went all that it had learned. Keep "
        "the head, and let it go on learning.",
    )
    head = {id(part) for part in trained.parameters()}
    asked = {name for name, part in model.named_parameters() if part.requires_grad}
    own = {id(part) for part in model.parameters()}
    require(
        asked & {"head.weight", "head.bias"} or not {id(part) for part in learned} <= own - head,
        "Nothing of the head learns; freeze the rest, and leave the head.",
    )
    _judge_list({id(part) for part in learned}, head, own)
    require(
        {"head.weight", "head.bias"} <= asked,
        "The head's own parameters have `requires_grad=False`: they would get no gradient.",
    )
    free = sorted(asked - {"head.weight", "head.bias"})
    norms = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for part in ("weight", "bias")
    }
    if free:
        _judge_unfrozen(free, norms)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randint(0, 256, (6, 3, 112, 112), dtype=torch.uint8)
    loss = model(images).logits.logsumexp(dim=1).sum()
    require(loss.requires_grad, "No gradient reaches the head.")
    loss.backward()
    moved = [
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    ]
    require(
        not any(name.endswith(("running_mean", "running_var")) for name in moved),
        "`requires_grad` stops gradients, and batch norm's running mean and variance need none: "
        "in train mode they moved with the first picture. Put the model in eval mode.",
    )
    counting = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d) and m.training]
    require(
        not counting,
        "Batch norm is still in train mode, and normalises by the twenty pictures themselves.",
    )
    require(not moved, f"{moved[0] if moved else ''} changed in a mere forward pass.")
    return "What the trunks know stays as it is, and the head learns to read it anew."


def _judge_list(learned: set[int], head: set[int], own: set[int]) -> None:
    """Say what is in the list of parameters that should not be, or is not."""
    require(
        learned <= own,
        "The list holds parameters of another model, a copy perhaps: change the model that was "
        "given, and return its own.",
    )
    require(
        learned <= head,
        "The list holds other parameters than the head's weight and bias, which alone are to "
        "learn.",
    )
    require(learned == head, "The head has a weight and a bias; your list holds one of them only.")


def _judge_unfrozen(free: list[str], norms: set[str]) -> None:
    """Say what else learns, by the part it belongs to."""
    more = f"{free[0]} and {len(free) - 1} more" if len(free) > 1 else free[0]
    require(
        not set(free) <= norms,
        f"Batch norm has weights and biases too, such as {free[0]}: freeze them like the rest.",
    )
    require(
        any(name.startswith("backbones.") for name in free),
        f"The trunks are frozen, but outside them {more} can still get gradients; only the head's "
        "should.",
    )
    raise Wrong(
        f"{more} can still get gradients. An optimiser that leaves them out is not enough to call "
        "them frozen: set `requires_grad` to False."
    )
