"""The checks of lesson 10, first part: a crop."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from vtff_lib.checks.judging import (
    Wrong,
    bound,
    call,
    exercise,
    require,
)
from vtff_lib.photos.finding import FaceBox, crop_face

LIKE = 4.0  # grey levels: as far apart as two ways to resize a smooth photo

# Boxes as (row, column, height, width) in a photo of 90 × 130: inside, and so tall that no two
# wrong sides are alike; wide and at a corner; at an edge.
BOXES = ((24, 52, 44, 18), (4, 2, 20, 34), (60, 96, 24, 30))
MARGINS = (0.4, 0.4, 0.5)


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
            _judge_side(crop, photo, box, margin, size)
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


def _judge_side(
    crop: np.ndarray, photo: np.ndarray, box: tuple[int, ...], margin: float, size: int
) -> None:
    """Say that a square is too large or too small, and why, if it is right but for that."""
    row, column, height, width = box
    whole, longer, shorter = 1 + 2 * margin, max(height, width), min(height, width)
    right = round(whole * longer)
    middle = (row + height / 2, column + width / 2)
    unlike = {
        side: _unlike(crop, _window(photo, middle, (side, side), size, "edge"))
        for side in range(shorter // 2, 2 * right)
    }
    side = min(unlike, key=lambda each: unlike[each])
    if unlike[side] > LIKE / 2 or abs(side - right) <= 1:
        return
    mistakes = {
        "The margin is missing: it is a share of the longer side.": longer,
        "The margin belongs on *every* side: twice along each axis.": (1 + margin) * longer,
        "You took the shorter side of the box; a face that is taller than wide loses brows or chin."
        if height > width
        else "You took the height of the box; here the width is the longer side.": whole * shorter,
        "You took the mean of height and width; take the longer one.": whole * (height + width) / 2,
        "You took the root of height times width; take the longer side.": (
            whole * math.sqrt(height * width)
        ),
        "Your margin is a share of the shorter side; it is one of the longer."
        if height > width
        else "Your margin is a share of the height; here the width is the longer side.": (
            longer + 2 * margin * shorter
        ),
    }
    near = min(mistakes, key=lambda words: abs(mistakes[words] - side))
    require(abs(mistakes[near] - side) > 1.5, near)
    raise Wrong(
        f"For the box {box}, margin {margin}, your square is about {side} pixels wide; "
        f"(1 + 2 · margin) times the longer side makes {right}."
    )


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
