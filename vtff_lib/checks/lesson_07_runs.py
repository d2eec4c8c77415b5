"""The checks of lesson 07, second part: four sick runs, and a batch in parts."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import (
    bound,
    call,
    exercise,
    judge,
    number,
    require,
    require_answer,
)

CAUSES = (
    "rate too high",
    "rate too low",
    "too few images",
    "labels shuffled",
    "frozen statistics",
    "validation images also trained on",
    "classes in another order",
)
DIAGNOSES = {
    "A": "frozen statistics",
    "B": "too few images",
    "C": "rate too high",
    "D": "labels shuffled",
}
NOT_ANYWHERE = {
    "rate too low": "{}: with a rate too low the training loss falls evenly and slowly, and "
    "training and validation stay together.",
    "validation images also trained on": "{}: validation that was trained on looks too good; here "
    "it is worse than the healthy run's.",
}
WHY_NOT = {
    ("A", "too few images"): "A: too few images are learned faster than the healthy run's; A's "
    "training curve is the healthy one's.",
    ("A", "labels shuffled"): "A: shuffled labels take longer to learn than true ones; A's "
    "training curve is the healthy one's.",
    ("A", "rate too high"): "A: training goes as well as the healthy run's, so the steps are fine.",
    ("A", "classes in another order"): "A: with classes in another order, a model that learns "
    "would still name many classes; A is exactly at chance again and again, so it names one.",
    ("B", "frozen statistics"): "B: validation is well above chance, and training is far faster "
    "than the healthy run's: it is not eval mode that fails.",
    ("B", "labels shuffled"): "B: validation gets above chance, so the labels say something.",
    ("B", "rate too high"): "B: the training loss falls to 0; a rate too high would not let it.",
    ("B", "classes in another order"): "B: validation is above chance, and training is faster than "
    "the healthy run's, which an order of classes could not bring about.",
    ("C", "rate too low"): "C: with a rate too low the training loss falls evenly and slowly; "
    "C's is above guessing for half of the run, and falls when the schedule has lowered the rate.",
    ("C", "labels shuffled"): "C: validation rises together with training, so the labels are true.",
    ("C", "too few images"): "C: few images would be learned by heart at once; C hardly learns "
    "them.",
    ("C", "frozen statistics"): "C: training itself goes badly, and in training mode the running "
    "statistics are not used.",
    ("C", "classes in another order"): "C: training itself goes badly, and it does not see the "
    "validation labels.",
    ("D", "frozen statistics"): "D: training starts slower than the healthy run's; running "
    "statistics are not used in training.",
    ("D", "too few images"): "D: being learned by heart, but slowly, and nothing true with it: "
    "validation never leaves chance.",
    ("D", "rate too high"): "D: the training loss goes down smoothly in the end, and validation "
    "does not follow; look for the reason in what is learned.",
    ("D", "classes in another order"): "D: training starts slower than the healthy run's, and it "
    "does not see the validation labels.",
}


@exercise("07", "Four sick runs")
def diagnosis(answer: Any) -> str:
    """Check Exercise 5 of lesson 07: what is wrong with runs A to D."""
    require_answer(answer)
    require(
        isinstance(answer, Mapping),
        f"Give a dict, {{'A': '…', …}}; yours is {type(answer).__name__}.",
    )
    missing = [name for name in DIAGNOSES if name not in answer]
    require(not missing, f"Without a diagnosis: {', '.join(missing)}.")
    for name in DIAGNOSES:
        cause = str(answer[name]).strip().lower()
        require(cause in CAUSES, f"{name}: {answer[name]!r} is not on the list.")
        words = WHY_NOT.get((name, cause)) or NOT_ANYWHERE.get(cause, "").format(name)
        require(cause == DIAGNOSES[name], words)
    return (
        "All four. The training curve told A from B and D, and whether validation is poor or at "
        "chance told B from D."
    )


@exercise("07", "A batch in parts")
def learn_in_parts(answer: Callable[[nn.Module, Tensor, Tensor, int], float]) -> str:
    """Check Exercise 6 of lesson 07: gradients added up over the parts of a batch."""
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
        words = f"With parts={parts} this is not the gradient of the whole batch."
        judge(flat, whole, mistakes, words)
        require(
            model.most_held == 1,
            f"The gradients are right, but {model.most_held} parts were in memory at once: call "
            "`backward()` for each part before the model sees the next.",
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
    """A model that notes how many images it sees at a time, and how many calls await `backward`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.sizes = model, list[int]()
        self.held = self.most_held = 0

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the logits of `rgb`."""
        self.sizes.append(len(rgb))
        logits: Tensor = self.model(rgb)
        if logits.requires_grad:
            self.held += 1
            self.most_held = max(self.most_held, self.held)
            logits.register_hook(self.let_go)
        return logits

    def let_go(self, gradient: Tensor) -> None:
        """Note that a call was followed by `backward`."""
        self.held -= 1


def gradient(model: nn.Module, rgb: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the mean loss of some images, all parameters in one row."""
    loss = F.cross_entropy(model(rgb), targets)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
