"""The exercises of lesson 07: the parts of a training step, codes of a mirror image, sick runs."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import (
    call,
    close,
    exercise,
    require,
    require_answer,
    require_tensor,
)
from vtff_lib.checks.vtff import number
from vtff_lib.lbp import local_binary_pattern


@exercise("07", "The loss, with soft and smoothed targets")
def smoothed_loss(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str:
    """Check Exercise 1 of lesson 07: cross-entropy with soft targets and label smoothing."""
    dice = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 3, generator=dice)
    targets = torch.rand(5, 3, generator=dice)
    targets = targets / targets.sum(dim=1, keepdim=True)
    smoothing = 0.2
    found = call(answer, logits, targets, smoothing)
    require(
        not isinstance(found, Tensor) or found.ndim == 0,
        "The loss of a batch is one number, the mean over its images; yours has shape "
        f"{tuple(getattr(found, 'shape', ()))}.",
    )
    value = number(found, "The loss")
    logs = logits.log_softmax(dim=1)
    wanted = (1 - smoothing) * targets + smoothing / 3
    expected = -(wanted * logs).sum(dim=1).mean()
    hard = F.cross_entropy(logits, targets.argmax(dim=1), label_smoothing=smoothing)
    mistakes = {
        "You left out the smoothing.": -(targets * logs).sum(dim=1).mean(),
        "You added the smoothing without taking it from the target: rows have to sum to 1.": -(
            (targets + smoothing / 3) * logs
        )
        .sum(dim=1)
        .mean(),
        "You gave every class the whole ε; it is spread over the classes, ε / 3 each here.": -(
            ((1 - smoothing) * targets + smoothing) * logs
        )
        .sum(dim=1)
        .mean(),
        "You summed over the images; take their mean.": 5 * expected,
        "You took the mean over the classes as well; sum over classes, mean over images.": (
            expected / 3
        ),
        "The sign is missing: logarithms of probabilities are negative, a loss is not.": -expected,
        "You took the softmax over the images; it goes over the classes, dim=1.": -(
            wanted * logits.log_softmax(dim=0)
        )
        .sum(dim=1)
        .mean(),
        "You kept the largest target only; the votes for other classes count too.": hard,
        "You forgot the logarithm of the softmax: logits are no log probabilities.": -(
            wanted * logits
        )
        .sum(dim=1)
        .mean(),
        "You used the smoothing as the share that is kept.": -(
            (smoothing * targets + (1 - smoothing) / 3) * logs
        )
        .sum(dim=1)
        .mean(),
    }
    name_mistake(mistakes, value)
    require(close(value, expected), f"The loss should be {expected:.4f}; yours is {value:.4f}.")
    steep = torch.tensor([[200.0, 0.0, 0.0]])
    value = number(call(answer, steep, torch.tensor([[0.0, 1.0, 0.0]]), 0.0), "The loss")
    require(
        close(value, 200.0),
        f"Logits 200, 0, 0 and the second class cost 200 nats; yours is {value}. Take log_softmax "
        "at once: the logarithm of a softmax that has rounded to 0 is infinite.",
    )
    return (
        "It also holds where a probability is too small for float32. With smoothed targets no "
        "finite logits are perfect any more, so the loss has a floor above 0, as votes have."
    )


@exercise("07", "Warm-up and cosine")
def rate_share(answer: Callable[[int, int, int], float]) -> str:
    """Check Exercise 2 of lesson 07: the share of the highest learning rate at each step."""

    def curve(total: int, warmup: int) -> list[float]:
        return [
            number(call(answer, step, total, warmup), f"The share of step {step} of {total}")
            for step in range(total)
        ]

    found = curve(11, 3)
    rising, past = [(step + 1) / 3 for step in range(3)], [step / 8 for step in range(8)]
    right = rising + [0.5 + 0.5 * math.cos(math.pi * done) for done in past]
    late = [0.5 + 0.5 * math.cos(math.pi * step / 11) for step in range(3, 11)]
    last = [0.5 + 0.5 * math.cos(math.pi * step / 7) for step in range(8)]
    mistakes = {
        "Your first step has the rate 0: it is wasted. Steps count from 0, so take step + 1.": [
            *(step / 3 for step in range(3)),
            *right[3:],
        ],
        "Your cosine starts at step 0, not where the warm-up ends: the rate jumps down there.": (
            rising + late
        ),
        "Your cosine runs to 0 in the very last step, which is then wasted; it gets there one step "
        "after it: divide by S − W.": rising + last,
        "You took the cosine from 1 to −1: half of it has to be added to a half.": rising
        + [math.cos(math.pi * done) for done in past],
        "You fall in a straight line; the cosine is what was asked for.": rising
        + [1 - done for done in past],
        "Your angle goes to 2π, so the rate comes up again; half a cosine goes to π.": rising
        + [0.5 + 0.5 * math.cos(2 * math.pi * done) for done in past],
        "You forgot the warm-up.": [0.5 + 0.5 * math.cos(math.pi * s / 11) for s in range(11)],
        "You go on rising from 1: the fall is missing.": [min(1.0, (s + 1) / 3) for s in range(11)],
    }
    name_mistake(mistakes, found)
    require(
        close(found, right),
        f"With S = 11 and W = 3 the shares should be {listed(right)}; yours are {listed(found)}.",
    )
    none = curve(4, 0)
    expected = [0.5 + 0.5 * math.cos(math.pi * step / 4) for step in range(4)]
    require(
        close(none, expected),
        f"Without warm-up (S = 4, W = 0) it should be {listed(expected)}; yours is {listed(none)}.",
    )
    return "Up in a line, down in half a cosine, and no step is wasted at either end."


@exercise("07", "The moving average of the weights")
def moved_average(answer: Callable[[Tensor, Tensor, int, float], Tensor]) -> str:
    """Check Exercise 3 of lesson 07: the exponential moving average with its own warm-up."""
    average, weight = torch.tensor([[2.0, -1.0, 4.0]]), torch.tensor([[0.5, 3.0, 4.5]])
    cases = [(0, 0.8), (2, 0.5), (5, 0.999), (40, 0.999), (5000, 0.99)]
    results = []
    for step, decay in cases:
        given, new = average.clone(), weight.clone()
        found = require_tensor(
            watched(answer, given, new, step, decay), (1, 3), "The average of two (1, 3) tensors"
        )
        require(
            torch.equal(given, average) and torch.equal(new, weight),
            "You changed a tensor that you were given; return a new one.",
        )
        results.append(found.detach().float())

    def averages(share: Callable[[int, float], float]) -> Tensor:
        shares = [share(step, decay) for step, decay in cases]
        return torch.stack([d * average + (1 - d) * weight for d in shares])

    def ramp(step: int, above: int = 1, below: int = 10) -> float:
        return (above + step) / (below + step)

    def d(step: int, decay: float) -> float:
        return min(decay, ramp(step))

    mistakes = {
        "You mixed up the two shares: d belongs to the old average, 1 − d to the new weight.": (
            averages(lambda step, decay: 1 - d(step, decay))
        ),
        "You took `decay` from the first step on: the random start is remembered too long.": (
            averages(lambda step, decay: decay)
        ),
        "You took the larger of the two for d; it is the smaller.": (
            averages(lambda step, decay: max(decay, ramp(step)))
        ),
        "You left out `decay`: d may not grow beyond it.": averages(lambda step, decay: ramp(step)),
        "Steps count from 0: at step 0, d is 1/10, not 0.": (
            averages(lambda step, decay: min(decay, ramp(step, 0)))
        ),
        "At step 0, d is 1/10; yours is 2/11: steps count from 0.": (
            averages(lambda step, decay: min(decay, ramp(step, 2, 11)))
        ),
        "At step 0, d is 1/10; yours is 1/9: the divisor is 10 + step.": (
            averages(lambda step, decay: min(decay, ramp(step, 1, 9)))
        ),
        "You added the whole new weight: the two shares have to sum to 1.": torch.stack(
            [d(step, decay) * average + weight for step, decay in cases]
        ),
    }
    right = averages(d)
    if not close(torch.stack(results), right):
        name_mistake(mistakes, torch.stack(results))
        for (step, decay), found, wanted in zip(cases, results, right, strict=True):
            require(
                close(found, wanted),
                f"At step {step} with decay {decay}, d is {d(step, decay):.4f} and the average "
                f"{listed(wanted[0].tolist())}; yours is {listed(found[0].tolist())}.",
            )
    return "Early it follows, later it rests: after step s its memory is about the last tenth."


@exercise("07", "The codes of a mirrored image")
def mirrored_codes(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 4 of lesson 07: LBP codes of the mirror image, from the codes alone."""
    dice = torch.Generator().manual_seed(0)
    image = torch.randint(256, (2, 3, 5, 8), generator=dice, dtype=torch.uint8)
    codes, wanted = local_binary_pattern(image), local_binary_pattern(image.flip(-1))
    found = require_tensor(call(answer, codes), (2, 3, 5, 8), "The codes of a (2, 3, 5, 8) image")
    require(
        not found.is_floating_point(),
        f"Codes are names, whole numbers from 0 to 255; yours are {found.dtype}.",
    )
    values = found.long()

    def renamed(table: Mapping[int, int], move: Callable[[Tensor], Tensor]) -> Tensor:
        moved = move(codes.long())
        return sum((((moved >> old) & 1) << new for old, new in table.items()), moved * 0)

    mirror = {7: 5, 6: 6, 5: 7, 4: 3, 3: 4, 2: 0, 1: 1, 0: 2}
    over = {7: 2, 6: 1, 5: 0, 4: 4, 3: 3, 2: 7, 1: 6, 0: 5}
    turn = {bit: 7 - bit for bit in range(8)}
    stay = {bit: bit for bit in range(8)}
    ends = {**mirror, 4: 4, 3: 3}
    sideways, upright = (lambda x: x.flip(-1)), (lambda x: x.flip(-2))
    mistakes = [
        (mirror, lambda x: x, "The bits are right, but no pixel has moved: mirror the image too."),
        (stay, sideways, "The pixels moved, but their codes still name the old directions."),
        (stay, lambda x: x, "You returned the codes as they were."),
        (turn, sideways, "You reversed all eight bits; that turns a window by 180°."),
        (over, sideways, "You swapped top and bottom in the codes; a mirror swaps left and right."),
        (mirror, upright, "The pixels went upside down; a mirror flips the columns, dim −1."),
        (over, upright, "You mirrored top to bottom, correctly; left to right was asked for."),
        (ends, sideways, "The corners are swapped, but left (16) and right (8) are not."),
        ({**stay, 4: 3, 3: 4}, sideways, "Left and right are swapped, but the corners are not."),
    ]
    for table, move, words in mistakes:
        require(not torch.equal(values, renamed(table, move)), words)
    require(
        not torch.equal(values, 255 - wanted.long()),
        "Every bit is the opposite of what it should be.",
    )
    share = (values == wanted.long()).double().mean().item()
    require(share == 1, f"{share:.0%} of your codes are those of the mirrored image.")
    line = torch.arange(256, dtype=torch.uint8).reshape(1, 256)
    twice = call(answer, call(answer, line))
    require(
        torch.equal(twice.long(), line.long()), "Mirrored twice, every code has to be what it was."
    )
    return (
        "Pixels moved, and directions renamed. For a turn by 10° there is no such table: that is "
        "why the model makes its codes last."
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
def diagnosis(answer: Mapping[str, str] | None) -> str:
    """Check Exercise 5 of lesson 07: what is wrong with runs A to D."""
    require_answer(answer)
    require(
        isinstance(answer, Mapping),
        f"Give a dict, {{'A': '…', …}}; yours is {type(answer).__name__}.",
    )
    found = dict(answer or {})
    missing = [name for name in DIAGNOSES if name not in found]
    require(not missing, f"Without a diagnosis: {', '.join(missing)}.")
    for name in DIAGNOSES:
        cause = str(found[name]).strip().lower()
        require(cause in CAUSES, f"{name}: {found[name]!r} is not on the list.")
        words = WHY_NOT.get((name, cause)) or NOT_ANYWHERE.get(cause, "").format(name)
        require(cause == DIAGNOSES[name], words)
    return (
        "All four. The training curve told A from B and D, and whether validation is poor or at "
        "chance told B from D."
    )


@exercise("07", "A batch in parts")
def learn_in_parts(answer: Callable[[nn.Module, Tensor, Tensor, int], float]) -> str:
    """Check Exercise 6 of lesson 07: gradients added up over the parts of a batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 4))
    rgb = torch.randn(12, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    targets = torch.randn(12, 4, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    for parts in (1, 3, 4):
        model = Watched(copy.deepcopy(start))
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)  # of the batch before
        before = copy.deepcopy(model.state_dict())
        found = call(answer, model, rgb, targets, parts)
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
        each = [
            gradient(start, *some)
            for some in zip(rgb.chunk(parts), targets.chunk(parts), strict=True)
        ]
        whole = gradient(start, rgb, targets)
        flat = torch.cat([grad.flatten() for grad in grads if grad is not None])
        mistakes = {
            "What stood in `.grad` before is still in it: clear it before the first part.": whole
            + 1,
            "The gradient is too large by the number of parts: divide each part's loss by "
            "`parts`.": parts * whole,
            "Only the last part is left: you cleared the gradients between the parts.": each[-1],
            "Only the last part is left, and divided by `parts`: you cleared the gradients "
            "between the parts.": each[-1] / parts,
            "Only the first part was learned.": each[0],
            "You divided by `parts` twice.": whole / parts,
            "You divided by the number of images in a part; their mean was taken already.": (
                whole * parts / seen
            ),
            "You did not divide by `parts`, and what stood in `.grad` before is still in it.": (
                parts * whole + 1
            ),
        }
        if not close(flat, whole):
            name_mistake(mistakes, flat)
            require(False, f"With parts={parts} this is not the gradient of the whole batch.")
        require(
            model.most_held == 1,
            f"The gradients are right, but {model.most_held} parts were in memory at once: call "
            "`backward()` for each part before the model sees the next.",
        )
        value = number(
            found.detach() if isinstance(found, Tensor) else found, "The loss of the batch"
        )
        loss = F.cross_entropy(start(rgb), targets).item()
        require(
            not close(value, parts * loss) or parts == 1,
            "The gradients are right; the loss that you return is the sum of the parts' losses, "
            "not their mean.",
        )
        require(close(value, loss), f"The loss should be {loss:.4f}; yours is {value:.4f}.")
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


def watched(answer: Any, average: Tensor, weight: Tensor, step: int, decay: float) -> Any:
    """Return what the answer makes of these tensors themselves, not of copies."""
    if not callable(answer):
        return call(answer, average, weight, step, decay)
    return call(lambda *rest: answer(average, weight, *rest), step, decay)


def listed(values: Iterable[float]) -> str:
    """Return numbers as a learner can compare them."""
    return ", ".join(f"{value:.3f}" for value in values)


def name_mistake(mistakes: Mapping[str, Any], found: Any) -> None:
    """Say what the mistake is that gives what was found, if it is one of these."""
    for words, value in mistakes.items():
        require(not close(found, value), words)
