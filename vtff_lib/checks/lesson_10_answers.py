"""The checks of lesson 10, second part: a refusal."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vtff_lib.checks.judging import Either, Wrong, call, exercise, judge, number, require


@exercise("10", "When not to answer")
def least_confidence(answer: Callable[[Tensor, Tensor, float], float]) -> str:
    """Check Exercise 2 of lesson 10: the least threshold at which enough of the answers are right.

    What is compared is what the threshold does: any that answers the same pictures will do.
    """
    # Of each confidence which of its pictures are right. In the first all mistakes below give
    # other answers than the right threshold, and than each other; in the second steps are too wide.
    apart = _pictures({
        0.98: "1", 0.92: "011", 0.86: "0", 0.8: "1", 0.74: "1", 0.68: "1", 0.62: "01", 0.56: "1",
        0.5: "100", 0.44: "1", 0.38: "1", 0.32: "1", 0.26: "11", 0.2: "01", 0.14: "0",
    })  # fmt: skip
    bunched = _pictures({0.9997: "1", 0.9995: "1", 0.9994: "0", 0.9992: "0"})
    confidence = torch.rand(97)
    random = confidence, torch.rand(97) < confidence
    hopeless = torch.tensor([0.7, 1.0]), torch.tensor([False, False])
    cases = (
        (*apart, 0.75),
        (*bunched, 0.6),
        (*random, 0.8),
        (*random, 0.1),
        (*hopeless, 0.5),
    )
    for case in cases:
        _judge_threshold(number(call(answer, *case), "The threshold"), *case)
    return (
        "On pictures like these the rate will hold, about. On other pictures nothing holds it: "
        "confidence is a habit of the model, not a measurement of the picture."
    )


def _pictures(levels: Mapping[float, str]) -> tuple[Tensor, Tensor]:
    """Return confidences, and whether each is right, from strings of 0 and 1 by confidence."""
    confidence = [level for level, marks in levels.items() for _ in marks]
    right = [mark == "1" for marks in levels.values() for mark in marks]
    return torch.tensor(confidence), torch.tensor(right)


def _rates(confidence: Tensor, right: Tensor) -> dict[float, float]:
    """Return for each confidence, from the highest, what share is right of those not below it."""
    levels = confidence.unique().flip(0).tolist()
    return {t: right[confidence >= t].double().mean().item() for t in levels}


def _judge_threshold(threshold: float, confidence: Tensor, right: Tensor, wanted: float) -> None:
    rates = _rates(confidence, right)
    best = min((t for t, rate in rates.items() if rate >= wanted), default=math.inf)
    if best == math.inf and threshold != math.inf:
        _judge_hopeless(threshold, confidence)
    chosen = confidence >= threshold
    rate = right[chosen].double().mean().item() if chosen.any() else math.nan
    judge(
        chosen,
        confidence >= best,
        {
            words: Either(confidence >= each for each in thresholds or [math.inf])
            for words, thresholds in _wrong_thresholds(confidence, right, wanted, rates).items()
        },
        f"For {len(confidence)} pictures and a wanted rate of {wanted} the threshold should be "
        f"{best:.4f}; yours, {threshold:.4f}, answers {int(chosen.sum())} with a rate of "
        f"{rate:.2f}.",
    )


def _judge_hopeless(threshold: float, confidence: Tensor) -> None:
    """Say what is wrong with a threshold where none reaches the wanted rate."""
    require(
        not math.isnan(threshold),
        "Where no threshold will do you return nan, which is no number to compare with: return "
        '`float("inf")`.',
    )
    require(
        (confidence >= threshold).any(),
        f'Where no threshold will do you return {threshold:g}; `float("inf")` was asked for, which '
        "no confidence reaches, whatever its scale.",
    )
    raise Wrong(
        "No threshold reaches the wanted rate here, so nothing may be answered: return "
        '`float("inf")`.'
    )


def _wrong_thresholds(
    confidence: Tensor, right: Tensor, wanted: float, rates: Mapping[float, float]
) -> dict[str, list[float]]:
    """Return what likely mistakes give; an empty list is no threshold at all."""
    levels = list(rates)  # from the highest

    def reach(share: Callable[[float], float]) -> list[float]:
        return [t for t in levels if share(t) >= wanted]

    def rate_from(threshold: float) -> float:
        return float(right[confidence >= threshold].double().mean())

    good = reach(rate_from)
    fails = next((place for place, t in enumerate(levels) if rates[t] < wanted), len(levels))
    order = confidence.argsort(descending=True, stable=True)
    running = right[order].double().cumsum(0) / torch.arange(1, len(order) + 1)
    one_by_one = confidence[order][running >= wanted].tolist()
    below = reach(lambda t: float(right[confidence <= t].double().mean()))
    grids = [[step * k for k in range(round(1 / step) + 1)] for step in (0.01, 0.001)]
    return {
        "Confidences can lie nearer together than your steps. Try those that occur.": [
            min((t for t in grid if rate_from(t) >= wanted), default=math.inf) for grid in grids
        ],
        "You took the highest threshold that will do; the least one answers more.": good[:1],
        "You stopped at the first threshold that fails. Lower down the rate can be high enough "
        "again.": levels[:fails][-1:],
        "Pictures of the same confidence are answered together, or not at all: you counted some of "
        "them only.": one_by_one[-1:],
        "The threshold is not the wanted rate itself: confidence need not be honest.": [wanted],
        "You answer a wanted *share of the pictures*; wanted is the share of the *answers* that "
        "are right.": [float(confidence.quantile(1 - wanted))],
        "You judged the pictures below the threshold; those above it are answered.": (
            below[-1:] + below[:1]
        ),
        "A picture with exactly the threshold's confidence is answered too: `>=`.": reach(
            lambda t: float(right[confidence > t].double().mean())
        )[-1:],
        "You judged each level of confidence alone; all that lie at it *or above* are answered.": (
            reach(lambda t: float(right[confidence == t].double().mean()))[-1:]
        ),
        "You took the least confident right answer, and did not count the wrong ones above it.": [
            float(confidence[right].min())
        ]
        if right.any()
        else [],
        "You asked for a share of all right answers; wanted is the share of the *given* answers "
        "that are right.": reach(lambda t: float((right & (confidence >= t)).sum() / right.sum()))[
            :1
        ],
        "You divided by all pictures; divide by those that are answered.": reach(
            lambda t: float((right & (confidence >= t)).sum() / len(right))
        )[:1],
        "You averaged the confidences; count how many answers are right.": reach(
            lambda t: float(confidence[confidence >= t].mean())
        )[-1:],
        "Your threshold answers every picture; a share of all that are right, or of all pictures, "
        "only grows as it falls. Divide by those that are answered.": levels[-1:],
    }
