"""The checks of lesson 07, first part: the loss."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vtff_lib.checks.judging import Either, bound, call, close, exercise, judge, number, require


@exercise("07", "The loss, with soft and smoothed targets")
def smoothed_loss(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str:
    """Check Exercise 1 of lesson 07: cross-entropy with soft targets and label smoothing."""
    dice = torch.Generator().manual_seed(0)
    start = 3 * torch.randn(5, 4, generator=dice)
    targets = torch.rand(5, 4, generator=dice)
    targets = targets / targets.sum(dim=1, keepdim=True)
    smoothing = 0.2
    leaf = start.clone().requires_grad_()
    given, wanted_before = leaf.clone(), targets.clone()
    with Watching(F.cross_entropy) as watching:
        loss = call(bound(answer, given, targets), smoothing)  # the tensors, not copies
    require(
        not isinstance(loss, Tensor) or loss.ndim == 0,
        "The loss of a batch is one number, the mean over its images; yours has shape "
        f"{tuple(getattr(loss, 'shape', ()))}.",
    )
    told, value = loss, number(loss, "The loss")
    logs = start.log_softmax(dim=1)
    wanted = (1 - smoothing) * wanted_before + smoothing / 4

    def crossed(shares: Tensor, logs: Tensor = logs) -> Tensor:
        return -(shares * logs).sum(dim=1).mean()

    right = crossed(wanted)
    mistakes = {
        "You left out the smoothing.": crossed(wanted_before),
        "You added the smoothing without taking it from the target: rows have to sum to 1.": (
            crossed(wanted_before + smoothing / 4)
        ),
        "You gave every class the whole ε; it is spread over the classes, ε / 4 each here.": (
            crossed((1 - smoothing) * wanted_before + smoothing)
        ),
        "You spread ε over another number of classes; there are `targets.shape[1]`, 4 here.": (
            Either(
                crossed((1 - smoothing) * wanted_before + smoothing / n) for n in (2, 3, 5, 7, 8)
            )
        ),
        "You summed over the images; take their mean.": 5 * right,
        "You took the mean over the classes as well; sum over classes, mean over images.": (
            right / 4
        ),
        "The sign is missing: logarithms of probabilities are negative, a loss is not.": -right,
        "You took the softmax over the images; it goes over the classes, dim=1.": (
            crossed(wanted, start.log_softmax(dim=0))
        ),
        "You kept the largest target only; the votes for other classes count too.": (
            F.cross_entropy(start, wanted_before.argmax(dim=1), label_smoothing=smoothing)
        ),
        "You forgot the logarithm of the softmax: logits are no log probabilities.": (
            crossed(wanted, start)
        ),
        "You used the smoothing as the share that is kept.": (
            crossed(smoothing * wanted_before + (1 - smoothing) / 4)
        ),
    }
    judge(value, right, mistakes, f"The loss should be {right:.4f}; yours is {value:.4f}.")
    require(
        torch.equal(given, start) and torch.equal(targets, wanted_before),
        "The loss is right, but you changed the logits or targets that you were given: the next "
        "epoch would smooth its targets once more. Make new tensors.",
    )
    require(
        not watching.seen,
        "Right, and by `F.cross_entropy`, which was to be left out: here you write what it does.",
    )
    slope = slope_of(told, leaf)
    require(
        slope is not None and close(slope, (start.softmax(dim=1) - wanted) / 5),
        "The loss is right, but a model cannot learn from it: its gradient does not lead back to "
        "the logits as it should. Return the tensor, without `.item()`, `float()` or `detach()`.",
    )
    steep = torch.tensor([[200.0, 0.0, 0.0]])
    value = number(call(answer, steep, torch.tensor([[0.0, 1.0, 0.0]]), 0.0), "The loss")
    require(
        not 0 < value < 199,
        f"Logits 200, 0, 0 and the second class cost 200 nats; yours stops at {value:.1f}. What "
        "was added to the probability, or clamped, caps the loss; log_softmax needs neither.",
    )
    require(
        close(value, 200.0),
        f"Logits 200, 0, 0 and the second class cost 200 nats; yours is {value}. Take log_softmax "
        "at once: the logarithm of a softmax that has rounded to 0 is infinite, and 0 times that "
        "is no number.",
    )
    return (
        "It also holds where a probability is too small for float32. With smoothed targets no "
        "finite logits are perfect any more, so the loss has a floor above 0, as votes have."
    )


class Watching(TorchFunctionMode):
    """Notes whether a function of PyTorch is called, and lets all be done."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.function, self.seen = function, False

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do what was asked for, and note what it was."""
        self.seen |= function is self.function
        return function(*args, **(kwargs or {}))


def slope_of(loss: Any, logits: Tensor) -> Tensor | None:
    """Return the gradient of a loss, if it has one."""
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, logits, allow_unused=True)[0]
