"""The checks of lesson 07, second part: the learning rate, and averaged weights."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    Either,
    bound,
    call,
    close,
    exercise,
    judge,
    number,
    require,
    require_tensor,
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
    wave = [math.cos(math.pi * done) for done in past]
    mistakes = {
        "Your first step has the rate 0: it is wasted. Steps count from 0, so take step + 1.": (
            Either(([0, 1 / 3, 2 / 3, *right[3:]], [0, 1 / 2, 1, *right[3:]]))
        ),
        "Your warm-up ends below 1: divide by W, not by W + 1.": [0.25, 0.5, 0.75, *right[3:]],
        "Step W still rises, and above 1: the rise is for s < W, not for s ≤ W.": [
            *[(step + 1) / 3 for step in range(4)],
            *right[4:],
        ],
        "Your cosine starts at step 0, not where the warm-up ends: the rate jumps down there.": (
            rising + late
        ),
        "Your cosine runs to 0 in the very last step, which is then wasted; it gets there one step "
        "after it: divide by S − W.": rising + last,
        "You divide by S; the fall takes S − W steps.": rising
        + [0.5 + 0.5 * math.cos(math.pi * step / 11) for step in range(8)],
        "You took the cosine from 1 to −1: half of it has to be added to a half.": rising + wave,
        "The ½ before the cosine is missing: the fall begins at 1½.": [
            *rising,
            *(0.5 + each for each in wave),
        ],
        "The ½ that is added is missing: the rate ends below 0.": [
            *rising,
            *(0.5 * each for each in wave),
        ],
        "Your angle goes to π/2 only: a quarter of a cosine, and half of one was asked for.": [
            *rising,
            *(math.cos(math.pi / 2 * done) for done in past),
        ],
        "You fall in a straight line; the cosine is what was asked for.": rising
        + [1 - done for done in past],
        "Your angle goes to 2π, so the rate comes up again; half a cosine goes to π.": rising
        + [0.5 + 0.5 * math.cos(2 * math.pi * done) for done in past],
        "You forgot the warm-up.": [0.5 + 0.5 * math.cos(math.pi * s / 11) for s in range(11)],
        "You go on rising from 1: the fall is missing.": [min(1.0, (s + 1) / 3) for s in range(11)],
    }
    off = next((step for step in range(11) if not close(shares[step], right[step])), 0)
    judge(
        shares,
        right,
        mistakes,
        f"With S = 11 and W = 3, step {off} should have the share {right[off]:.3f}; yours has "
        f"{shares[off]:.3f}. All of them should be {listed(right)}.",
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
        "Yours is `decay` from the first step on. Did you leave out the other, or the brackets in "
        "(1 + step) / (10 + step)?": averages(lambda step, decay: decay),
        "Brackets are missing: the divisor is (10 + step).": (
            averages(lambda step, decay: min(decay, (1 + step) / 10 + step))
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


def listed(values: Iterable[float]) -> str:
    """Return numbers as a learner can compare them."""
    return ", ".join(f"{value:.3f}" for value in values)
