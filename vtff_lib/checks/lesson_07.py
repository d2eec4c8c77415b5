"""The checks of lesson 07, first part: loss, rate, averaged weights, codes of a mirror image."""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.judging import (
    bound,
    call,
    close,
    exercise,
    judge,
    number,
    require,
    require_tensor,
)
from vtff_lib.lbp import local_binary_pattern


@exercise("07", "The loss, with soft and smoothed targets")
def smoothed_loss(answer: Callable[[Tensor, Tensor, float], Tensor]) -> str:
    """Check Exercise 1 of lesson 07: cross-entropy with soft targets and label smoothing."""
    dice = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 3, generator=dice)
    targets = torch.rand(5, 3, generator=dice)
    targets = targets / targets.sum(dim=1, keepdim=True)
    smoothing = 0.2
    loss = call(answer, logits, targets, smoothing)
    require(
        not isinstance(loss, Tensor) or loss.ndim == 0,
        "The loss of a batch is one number, the mean over its images; yours has shape "
        f"{tuple(getattr(loss, 'shape', ()))}.",
    )
    loss = number(loss, "The loss")
    logs = logits.log_softmax(dim=1)
    wanted = (1 - smoothing) * targets + smoothing / 3

    def crossed(shares: Tensor, logs: Tensor = logs) -> Tensor:
        return -(shares * logs).sum(dim=1).mean()

    right = crossed(wanted)
    mistakes = {
        "You left out the smoothing.": crossed(targets),
        "You added the smoothing without taking it from the target: rows have to sum to 1.": (
            crossed(targets + smoothing / 3)
        ),
        "You gave every class the whole ε; it is spread over the classes, ε / 3 each here.": (
            crossed((1 - smoothing) * targets + smoothing)
        ),
        "You summed over the images; take their mean.": 5 * right,
        "You took the mean over the classes as well; sum over classes, mean over images.": (
            right / 3
        ),
        "The sign is missing: logarithms of probabilities are negative, a loss is not.": -right,
        "You took the softmax over the images; it goes over the classes, dim=1.": (
            crossed(wanted, logits.log_softmax(dim=0))
        ),
        "You kept the largest target only; the votes for other classes count too.": (
            F.cross_entropy(logits, targets.argmax(dim=1), label_smoothing=smoothing)
        ),
        "You forgot the logarithm of the softmax: logits are no log probabilities.": (
            crossed(wanted, logits)
        ),
        "You used the smoothing as the share that is kept.": (
            crossed(smoothing * targets + (1 - smoothing) / 3)
        ),
    }
    judge(loss, right, mistakes, f"The loss should be {right:.4f}; yours is {loss:.4f}.")
    steep = torch.tensor([[200.0, 0.0, 0.0]])
    loss = number(call(answer, steep, torch.tensor([[0.0, 1.0, 0.0]]), 0.0), "The loss")
    require(
        close(loss, 200.0),
        f"Logits 200, 0, 0 and the second class cost 200 nats; yours is {loss}. Take log_softmax "
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

    shares = curve(11, 3)
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
    judge(
        shares,
        right,
        mistakes,
        f"With S = 11 and W = 3 the shares should be {listed(right)}; yours are {listed(shares)}.",
    )
    cold = curve(4, 0)
    right = [0.5 + 0.5 * math.cos(math.pi * step / 4) for step in range(4)]
    require(
        close(cold, right),
        f"Without warm-up (S = 4, W = 0) it should be {listed(right)}; yours is {listed(cold)}.",
    )
    return "Up in a line, down in half a cosine, and no step is wasted at either end."


@exercise("07", "The moving average of the weights")
def moved_average(answer: Callable[[Tensor, Tensor, int, float], Tensor]) -> str:
    """Check Exercise 3 of lesson 07: the exponential moving average with its own warm-up."""
    average, weight = torch.tensor([[2.0, -1.0, 4.0]]), torch.tensor([[0.5, 3.0, 4.5]])
    cases = [(0, 0.8), (2, 0.5), (5, 0.999), (40, 0.999), (5000, 0.99)]
    results: list[Tensor] = []
    for step, decay in cases:
        given, new = average.clone(), weight.clone()
        mean = call(bound(answer, given, new), step, decay)  # the tensors, not copies
        mean = require_tensor(mean, (1, 3), "The average of two (1, 3) tensors")
        require(
            torch.equal(given, average) and torch.equal(new, weight),
            "You changed a tensor that you were given; return a new one.",
        )
        results.append(mean.detach().float())

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

    def first_off() -> str:
        pairs = zip(cases, results, right, strict=True)
        (step, decay), mine, wanted = next(pair for pair in pairs if not close(*pair[1:]))
        return (
            f"At step {step} with decay {decay}, d is {d(step, decay):.4f} and the average "
            f"{listed(wanted[0].tolist())}; yours is {listed(mine[0].tolist())}."
        )

    judge(torch.stack(results), right, mistakes, first_off)
    return "Early it follows, later it rests: after step s its memory is about the last tenth."


@exercise("07", "The codes of a mirrored image")
def mirrored_codes(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 4 of lesson 07: LBP codes of the mirror image, from the codes alone."""
    dice = torch.Generator().manual_seed(0)
    image = torch.randint(256, (2, 3, 5, 8), generator=dice, dtype=torch.uint8)
    codes, wanted = local_binary_pattern(image), local_binary_pattern(image.flip(-1))
    what = "The codes of a (2, 3, 5, 8) image"
    mirrored = require_tensor(call(answer, codes), (2, 3, 5, 8), what, dtype=torch.uint8)
    require(
        not mirrored.is_floating_point(),
        f"Codes are names, whole numbers from 0 to 255; yours are {mirrored.dtype}.",
    )
    mirrored = mirrored.long()

    def renamed(table: Mapping[int, int], move: Callable[[Tensor], Tensor]) -> Tensor:
        moved = move(codes.long())
        return sum((((moved >> old) & 1) << new for old, new in table.items()), moved * 0)

    mirror = {7: 5, 6: 6, 5: 7, 4: 3, 3: 4, 2: 0, 1: 1, 0: 2}
    over = {7: 2, 6: 1, 5: 0, 4: 4, 3: 3, 2: 7, 1: 6, 0: 5}
    turn = {bit: 7 - bit for bit in range(8)}
    stay = {bit: bit for bit in range(8)}
    ends = {**mirror, 4: 4, 3: 3}
    sideways, upright = (lambda x: x.flip(-1)), (lambda x: x.flip(-2))
    mistakes = {
        "The bits are right, but no pixel has moved: mirror the image too.": (
            renamed(mirror, lambda x: x)
        ),
        "The pixels moved, but their codes still name the old directions.": renamed(stay, sideways),
        "You returned the codes as they were.": codes,
        "You reversed all eight bits; that turns a window by 180°.": renamed(turn, sideways),
        "You swapped top and bottom in the codes; a mirror swaps left and right.": (
            renamed(over, sideways)
        ),
        "The pixels went upside down; a mirror flips the columns, dim −1.": renamed(
            mirror, upright
        ),
        "You mirrored top to bottom, correctly; left to right was asked for.": (
            renamed(over, upright)
        ),
        "The corners are swapped, but left (16) and right (8) are not.": renamed(ends, sideways),
        "Left and right are swapped, but the corners are not.": (
            renamed({**stay, 4: 3, 3: 4}, sideways)
        ),
        "Every bit is the opposite of what it should be.": 255 - wanted.long(),
    }
    share = (mirrored == wanted.long()).double().mean().item()
    words = f"{share:.0%} of your codes are those of the mirrored image."
    judge(mirrored, wanted, mistakes, words, tolerance=0)
    line = torch.arange(256, dtype=torch.uint8).reshape(1, 256)
    twice = call(answer, call(answer, line))
    require(
        torch.equal(twice.long(), line.long()), "Mirrored twice, every code has to be what it was."
    )
    return (
        "Pixels moved, and directions renamed. For a turn by 10° there is no such table: that is "
        "why the model makes its codes last."
    )


def listed(values: Iterable[float]) -> str:
    """Return numbers as a learner can compare them."""
    return ", ".join(f"{value:.3f}" for value in values)
