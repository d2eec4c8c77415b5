"""The checks of lesson 10, first part: a crop, and a refusal."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vtff_lib.checks.judging import Either, bound, call, exercise, judge, number, require
from vtff_lib.photos.finding import FaceBox, crop_face

LIKE = 4.0  # grey levels: as far apart as two ways to resize a smooth photo

# Boxes as (row, column, height, width) in a photo of 90 × 130: inside, at a corner, at an edge.
BOXES = ((30, 40, 28, 20), (4, 2, 20, 34), (60, 96, 24, 30))
MARGINS = (0.25, 0.5, 0.4)


def _smooth_photo() -> np.ndarray:
    rows, columns = np.mgrid[:90, :130] / 20
    waves = [np.sin(rows + k) + np.cos(columns * (1 + k / 3)) + rows / 3 for k in range(3)]
    photo = np.stack(waves, axis=-1)
    photo = (photo - photo.min()) / (photo.max() - photo.min())
    return (40 + 215 * photo).astype(np.uint8)


def _resized(part: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC))


@exercise("10", "A square around a face, also at the photo's edge")
def square_crop(answer: Callable[..., np.ndarray]) -> str:
    """Check Exercise 1 of lesson 10: a square with a margin, nothing stretched, no black border."""
    photo, size = _smooth_photo(), 36
    for box, margin in zip(BOXES, MARGINS, strict=True):
        given = photo.copy()
        crop = np.asarray(call(bound(answer, given), *box, margin, size))
        require(np.array_equal(given, photo), "You changed the photo itself; work on a copy.")
        where = f"For the box {box} in a photo of 90 × 130 pixels"
        require(
            crop.shape == (size, size, 3),
            f"{where} the crop should be ({size}, {size}, 3); yours is {crop.shape}.",
        )
        crop = crop.astype(float)
        right = crop_face(photo, FaceBox(*box), margin, size)
        if _unlike(crop, right) > LIKE:
            _judge_crop(crop, photo, box, margin, size)
        require(
            _unlike(crop, right) <= LIKE,
            f"{where}, margin {margin}, your crop differs from the right one by "
            f"{_unlike(crop, right):.0f} of 255 in the mean.",
        )
    return "Square, centred, and at the edge the photo's own last pixels go on."


def _unlike(crop: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(crop - other).mean())


def _window(
    photo: np.ndarray, middle: tuple[float, float], sides: tuple[float, float], size: int, how: str
) -> np.ndarray:
    """Cut a rectangle; what lies outside is `"edge"`, `"black"`, `"cut"` off or `"pushed"` in."""
    places = []
    for centre, side, length in zip(middle, sides, photo.shape[:2], strict=True):
        start = round(centre - side / 2)
        if how == "pushed":
            start = min(max(start, 0), length - round(side))
        places.append(start + np.arange(max(1, round(side))))
    inside = [(p >= 0) & (p < n) for p, n in zip(places, photo.shape[:2], strict=True)]
    if how == "cut":
        places = [p[within] for p, within in zip(places, inside, strict=True)]
    held = [np.clip(p, 0, n - 1) for p, n in zip(places, photo.shape[:2], strict=True)]
    part = photo[held[0][:, None], held[1]]
    if how == "black":
        part = part * (inside[0][:, None] & inside[1])[..., None].astype(np.uint8)
    return _resized(part, size)


def _judge_crop(
    crop: np.ndarray, photo: np.ndarray, box: tuple[int, ...], margin: float, size: int
) -> None:
    """Say which mistake a wrong crop comes from: the nearest of those known, if it is near."""
    row, column, height, width = box
    middle = (row + height / 2, column + width / 2)
    whole, longer = 1 + 2 * margin, max(height, width)

    def square(side: float, how: str = "edge", centre: tuple[float, float] = middle) -> np.ndarray:
        return _window(photo, centre, (side, side), size, how)

    mistakes = {
        "You resized a rectangle to a square, so the face is stretched: take a square of the "
        "longer side, plus margins.": _window(
            photo, middle, (whole * height, whole * width), size, "edge"
        ),
        "The margin is missing.": square(longer),
        "The margin belongs on *every* side: twice along each axis.": square((1 + margin) * longer),
        "You took the shorter side of the box; a face that is taller than wide loses brows or "
        "chin.": square(whole * min(height, width)),
        "You filled up with black. A black border is an edge that LBP sees and no face "
        "has.": square(whole * longer, "black"),
        "You cut the square off at the photo's edge, and resizing then stretched what was "
        "left.": square(whole * longer, "cut"),
        "You pushed the square back into the photo, so the face is no longer in its "
        "middle.": square(whole * longer, "pushed"),
        "You centred on the box's corner; the middle is half a box further on.": square(
            whole * longer, centre=(row, column)
        ),
        "Your square begins at the box's corner; the margin goes before it too.": square(
            whole * longer, centre=(row + whole * longer / 2, column + whole * longer / 2)
        ),
        "Rows and columns have changed places: images are indexed [row, column].": square(
            whole * longer, centre=(column + width / 2, row + height / 2)
        ),
    }
    words = min(mistakes, key=lambda words: _unlike(crop, mistakes[words]))
    require(_unlike(crop, mistakes[words]) > LIKE, words)


@exercise("10", "When not to answer")
def least_confidence(answer: Callable[[Tensor, Tensor, float], float]) -> str:
    """Check Exercise 2 of lesson 10: the least threshold at which enough of the answers are right.

    What is compared is what the threshold does: any that answers the same pictures will do.
    """
    # Of each picture (confidence in tenths, whether it is right): in these two every mistake below
    # gives another set of answers than the right threshold, and than the other mistakes.
    ties = ((9, 0), (4, 0), (2, 0), (3, 1), (2, 0), (9.5, 1), (7, 1), (4, 0), (4, 1), (9.5, 1),
            (6, 0), (8, 0), (7, 0), (2, 1))  # fmt: skip
    dip = ((7, 1), (2, 1), (3, 1), (9.5, 1), (9, 1), (9.5, 1), (8, 1), (3, 0), (9.5, 0), (3, 0),
           (6, 1), (4, 0))  # fmt: skip
    confidence = torch.rand(97)
    random = confidence, torch.rand(97) < confidence
    hopeless = torch.tensor([0.7, 1.0]), torch.tensor([False, False])
    cases = (
        (*_columns(ties), 0.55),
        (*_columns(dip), 0.75),
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


def _columns(pictures: Sequence[tuple[float, int]]) -> tuple[Tensor, Tensor]:
    tenths, right = zip(*pictures, strict=True)
    return torch.tensor(tenths) / 10, torch.tensor(right).bool()


def _rates(confidence: Tensor, right: Tensor) -> dict[float, float]:
    """Return for each confidence, from the highest, what share is right of those not below it."""
    levels = confidence.unique().flip(0).tolist()
    return {t: right[confidence >= t].double().mean().item() for t in levels}


def _judge_threshold(threshold: float, confidence: Tensor, right: Tensor, wanted: float) -> None:
    rates = _rates(confidence, right)
    good = [t for t, rate in rates.items() if rate >= wanted]
    best = min(good, default=math.inf)
    chosen = confidence >= threshold
    require(
        good or not chosen.any(),
        "No threshold reaches the wanted rate here, so nothing may be answered: return "
        '`float("inf")`.',
    )
    up_to_fail = math.inf
    for level, rate in rates.items():
        if rate < wanted:
            break
        up_to_fail = level
    correct = [t for t, r in zip(confidence.tolist(), right.tolist(), strict=True) if r]
    alone = [t for t in rates if right[confidence == t].double().mean() >= wanted]
    order = confidence.argsort(descending=True, stable=True)
    running = right[order].double().cumsum(0) / torch.arange(1, len(order) + 1)
    reached = (running >= wanted).nonzero().flatten()
    one_by_one = confidence[order[reached[-1]]].item() if len(reached) else math.inf
    below = [t for t in rates if right[confidence <= t].double().mean() >= wanted]
    above = [t for t in rates if (confidence > t).any()
             and right[confidence > t].double().mean() >= wanted]  # fmt: skip

    def answered(thresholds: list[float]) -> Either:
        return Either(confidence >= threshold for threshold in thresholds or [math.inf])

    mistakes = {
        "You took the highest threshold that will do; the least one answers more.": good[:1],
        "You stopped at the first threshold that fails. Lower down the rate can be high enough "
        "again.": [up_to_fail],
        "Pictures of the same confidence are answered together, or not at all: you counted some of "
        "them only.": [one_by_one],
        "The threshold is not the wanted rate itself: confidence need not be honest.": [wanted],
        "You answer a wanted *share of the pictures*; wanted is the share of the *answers* that "
        "are right.": [float(confidence.quantile(1 - wanted))],
        "You judged the pictures below the threshold; those above it are answered.": (
            below[-1:] + below[:1]
        ),
        "A picture with exactly the threshold's confidence is answered too: `>=`.": above[-1:],
        "You judged each level of confidence alone; all that lie at it *or above* are answered.": (
            alone[-1:]
        ),
        "You took the least confident right answer, and did not count the wrong ones above it.": (
            sorted(correct)[:1]
        ),
    }
    rate = right[chosen].double().mean().item() if chosen.any() else math.nan
    judge(
        chosen,
        confidence >= best,
        {words: answered(thresholds) for words, thresholds in mistakes.items()},
        f"For {len(confidence)} pictures and a wanted rate of {wanted} the threshold should be "
        f"{best:.3f}; yours, {threshold:.3f}, answers {int(chosen.sum())} with a rate of "
        f"{rate:.2f}.",
    )
