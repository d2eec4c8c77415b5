"""The checks of lesson 07b, second part: a batch in parts."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from vtff_lib.checks.judging import bound, call, exercise, judge, number, require


@exercise("07b", "A batch in parts")
def learn_in_parts(answer: Callable[[nn.Module, Tensor, Tensor, int], float]) -> str:
    """Check Exercise 2 of lesson 07b: gradients added up over the parts of a batch."""
    start = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 4))
    rgb = torch.randn(12, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    targets = torch.randn(12, 4, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    for parts in (1, 3, 4):
        model = Watched(copy.deepcopy(start))
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)  # of the batch before
        before = copy.deepcopy(model.state_dict())
        mean = call(bound(answer, model), rgb, targets, parts)
        require(
            all(torch.equal(before[name], now) for name, now in model.state_dict().items()),
            "The weights have changed; leave gradients only, the step comes afterwards.",
        )
        seen = 12 // parts
        require(
            max(model.sizes, default=0) <= seen,
            f"With parts={parts} the model may see {seen} of 12 images at a time; it saw "
            f"{max(model.sizes, default=0)}.",
        )
        grads = [parameter.grad for parameter in model.parameters()]
        require(
            all(grad is not None for grad in grads),
            "A parameter has no gradient: call `backward()`, and clear only before the first part.",
        )
        pairs = zip(rgb.chunk(parts), targets.chunk(parts), strict=True)
        of_parts = [gradient(start, *pair) for pair in pairs]
        whole = gradient(start, rgb, targets)
        flat = torch.cat([grad.flatten() for grad in grads if grad is not None])
        mistakes = {
            "What stood in `.grad` before is still in it: clear it before the first part.": whole
            + 1,
            "The gradient is too large by the number of parts: divide each part's loss by "
            "`parts`.": parts * whole,
            "Only the last part is left: you cleared the gradients between the parts.": of_parts[
                -1
            ],
            "Only the last part is left, and divided by `parts`: you cleared the gradients "
            "between the parts.": of_parts[-1] / parts,
            "Only the first part was learned.": of_parts[0],
            "You divided by `parts` twice.": whole / parts,
            "You divided by the number of images in a part; their mean was taken already.": (
                whole * parts / seen
            ),
            "You did not divide by `parts`, and what stood in `.grad` before is still in it.": (
                parts * whole + 1
            ),
        }

        off = int((flat - whole).abs().argmax())
        words = (
            f"With parts={parts} this is not the gradient of the whole batch: number {off} of it "
            f"should be {whole[off]:.4f}; yours is {flat[off]:.4f}."
        )
        judge(flat, whole, mistakes, words)
        require(
            model.most_held == 1,
            f"The gradients are right, but {model.most_held} parts were in memory at once: call "
            "`backward()` for each part before the model sees the next.",
        )
        require(
            model.most_kept == 0,
            "The gradients are right, but what `backward()` needs of earlier parts was still in "
            "memory when the model saw the next: `retain_graph` keeps it.",
        )
        require(
            all(module.training for module in model.modules()),
            "The gradients are right, but the model was left in eval mode: the next batch would be "
            "learned without batch statistics and dropout.",
        )
        mean = mean.detach() if isinstance(mean, Tensor) else mean
        mean = number(mean, "The loss of the batch")
        loss = F.cross_entropy(start(rgb), targets).item()
        summed = {
            "The gradients are right; the loss that you return is the sum of the parts' losses, "
            "not their mean.": parts * loss
        }
        judge(mean, loss, summed, f"The loss should be {loss:.4f}; yours is {mean:.4f}.")
    return (
        "The same gradient, with a part of the memory. Processes do the same side by side: each "
        "takes some parts, and the means are averaged."
    )


class Watched(nn.Module):
    """A model that notes how many images it sees at a time, and what earlier calls leave behind.

    `most_held` counts calls that await `backward`, `most_kept` those whose tensors are kept for it.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.sizes = model, list[int]()
        self.held = self.most_held = self.most_kept = 0
        self.kept = list[WeakSet[Kept]]()

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the logits of `rgb`."""
        self.sizes.append(len(rgb))
        self.most_kept = max(self.most_kept, sum(len(kept) > 0 for kept in self.kept))
        self.kept.append(WeakSet())
        with saved_tensors_hooks(self.keep, lambda kept: kept.tensor):
            logits: Tensor = self.model(rgb)
        if logits.requires_grad:
            self.held += 1
            self.most_held = max(self.most_held, self.held)
            logits.register_hook(self.let_go)
        return logits

    def keep(self, tensor: Tensor) -> "Kept":
        """Note that a tensor is kept for `backward`."""
        kept = Kept(tensor)
        self.kept[-1].add(kept)
        return kept

    def let_go(self, gradient: Tensor) -> None:
        """Note that a call was followed by `backward`."""
        self.held -= 1


@dataclass(eq=False)
class Kept:
    """A tensor that is kept for `backward`, until nobody asks for it any more."""

    tensor: Tensor


def gradient(model: nn.Module, rgb: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the mean loss of some images, all parameters in one row."""
    loss = F.cross_entropy(model(rgb), targets)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
