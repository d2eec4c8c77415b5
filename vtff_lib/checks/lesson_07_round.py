"""The checks of lesson 07, fourth part: a test for an epoch of training."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Batches = Sequence[tuple[Tensor, Tensor]]
Epoch = Callable[[nn.Module, torch.optim.Optimizer, Batches], float]


def in_a_loop(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    *,
    train: bool = True,
    clear: str = "before",
    wanted: Callable[[Tensor], Tensor] = lambda targets: targets,
    size: Callable[[Tensor], float] = len,
    grown: bool = False,
) -> float:
    """Learn from each batch once; return the loss of the mean image.

    Args:
        model: from images to logits.
        optimiser: of its parameters.
        batches: images and targets.
        train: whether it is put into training mode.
        clear: when gradients are cleared, "before" the backward pass, "after" the step, or "never".
        wanted: what is made of the targets.
        size: what each batch weighs in the mean.
        grown: whether the gradient grows with the batch.
    """
    model.train(train or model.training)
    total = 0.0
    for images, targets in batches:
        if clear == "before":
            optimiser.zero_grad()
        loss = F.cross_entropy(model(images), wanted(targets))
        (loss * len(images) if grown else loss).backward()
        optimiser.step()
        if clear == "after":
            optimiser.zero_grad()
        total += loss.item() * size(images)
    return total / sum(size(images) for images, _ in batches)


def by_logarithms(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Add up what each image costs."""
    model.train()
    total, count = torch.zeros(()), 0
    for images, targets in batches:
        model.zero_grad()
        costs = -(targets * model(images).log_softmax(dim=1)).sum(dim=1)
        costs.mean().backward()
        optimiser.step()
        total, count = total + costs.detach().sum(), count + len(costs)
    return (total / count).item()


def by_gradients(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Ask for the gradients, and put them where the optimiser looks."""
    model.train()
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    costs = list[float]()
    for images, targets in batches:
        loss = F.cross_entropy(model(images), targets)
        slopes = torch.autograd.grad(loss, learned, allow_unused=True)
        for weight, slope in zip(learned, slopes, strict=True):
            weight.grad = slope
        optimiser.step()
        costs += [loss.item()] * len(images)
    return sum(costs) / len(costs)


def measured_afterwards(
    model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches
) -> float:
    """Measure each batch when it has been learned."""
    total, count = 0.0, 0
    for images, targets in batches:
        in_a_loop(model, optimiser, [(images, targets)])
        with torch.no_grad():
            total += F.cross_entropy(model(images), targets).item() * len(images)
        count += len(images)
    return total / count


def in_one_step(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Gather the gradients of all batches for one step."""
    model.train()
    optimiser.zero_grad()
    total = 0.0
    for images, targets in batches:
        loss = F.cross_entropy(model(images), targets)
        (loss / len(batches)).backward()
        total += loss.item() * len(images)
    optimiser.step()
    return total / sum(len(images) for images, _ in batches)


def whole_batches(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Drop what is smaller than the first batch."""
    most = len(batches[0][0])
    return in_a_loop(model, optimiser, [pair for pair in batches if len(pair[0]) == most])


def all_but_one_step(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Measure the last batch, and take no step with it."""
    *earlier, (images, targets) = batches
    total = sum(
        in_a_loop(model, optimiser, [pair]) * len(pair[0]) for pair in earlier
    ) + F.cross_entropy(model.train()(images), targets).item() * len(images)
    return total / sum(len(some) for some, _ in batches)


def asked_twice(model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches) -> float:
    """Ask the model once more about each batch, for its accuracy say."""
    total, count = 0.0, 0
    for images, targets in batches:
        model.train()(images)
        total += in_a_loop(model, optimiser, [(images, targets)]) * len(images)
        count += len(images)
    return total / count


def smoothed_in_place(
    model: nn.Module, optimiser: torch.optim.Optimizer, batches: Batches
) -> float:
    """Leave smoother targets to the next epoch."""
    loss = in_a_loop(model, optimiser, batches)
    for _, targets in batches:
        targets.mul_(0.9).add_(0.1 / targets.shape[1])
    return loss


def winner(targets: Tensor) -> Tensor:
    """Return rows in which the largest share is 1."""
    return F.one_hot(targets.argmax(dim=1), targets.shape[1]).to(targets.dtype)


RIGHT: dict[str, Epoch] = {
    "one `zero_grad` a batch": in_a_loop,
    "with `log_softmax`, each image by itself": by_logarithms,
    "with `autograd.grad`, which clears nothing": by_gradients,
}
FAULTY: dict[str, Epoch] = {
    "counts a small batch as much as a large one in the loss that it returns": partial(
        in_a_loop, size=lambda images: 1.0
    ),
    "never clears the gradients": partial(in_a_loop, clear="never"),
    "clears the gradients after each step, so what stood in `.grad` when it was called is learned "
    "too": partial(in_a_loop, clear="after"),
    "learns in whatever mode the model comes": partial(in_a_loop, train=False),
    "learns nothing from a last batch that is smaller": whole_batches,
    "measures each batch after its step": measured_afterwards,
    "takes a single step, with the gradients of all batches": in_one_step,
    "has the gradient grow with the batch (where all are equally large, Adam hides it)": (
        partial(in_a_loop, grown=True)
    ),
    "learns the largest share of each row alone": partial(in_a_loop, wanted=winner),
    "takes the batches from the last to the first": lambda model, optimiser, batches: in_a_loop(
        model, optimiser, batches[::-1]
    ),
    "takes no step with the last batch, though it measures it": all_but_one_step,
    "asks the model twice about each batch, so that batch norm notes it twice": asked_twice,
    "changes the targets that it is given": smoothed_in_place,
}


@exercise("07", "Find the fault: an epoch of training")
def fault_in_epoch(answer: Callable[[Epoch], Any]) -> str:
    """Check Exercise 4 of lesson 07: a test for an epoch, tried on right and faulty ones."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right loops, however they are written, and fails "
        f"{len(FAULTY)} faulty ones. With equal batches, a fresh model and a single step, "
        "most of these look right."
    )
