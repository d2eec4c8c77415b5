"""The checks of lesson 01, first part: the code of a window, of all windows, in either order."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vtff_lib.checks.judging import (
    NotDone,
    Wrong,
    call,
    close,
    exercise,
    judge,
    number,
    require,
    require_tensor,
)
from vtff_lib.lbp import OFFSETS

WORKED = torch.tensor([[120, 42, 88], [37, 90, 103], [91, 65, 200]])
WINDOWS = (
    WORKED,
    torch.tensor([[9, 9, 3], [1, 9, 2], [4, 200, 5]]),
    torch.tensor([[0.5, 0.1, 0.7], [0.6, 0.5, 0.2], [0.9, 0.5, 0.4]]),
    torch.tensor([[250, 3, 7], [8, 100, 255], [1, 90, 120]], dtype=torch.uint8),
)
MOST_OPERATIONS = 500  # for one picture of 2,000 pixels; eight shifts need some dozens

AT_LEAST = (
    "Two equal grey values give 0 with yours. A neighbour that equals the centre counts as 1: "
    "use ≥, not >."
)
SWAPPED = (
    "Your answers are turned round: a bit is 1 where the neighbour is at least as large as the "
    "centre, not where the centre is at least as large as the neighbour."
)
CIRCULAR = (
    "Your neighbours are right, but in circular order. Here the window is read like a page, from "
    "left to right and from top to bottom."
)
COLUMNS = "You read the window column by column. Read row by row: the second bit is above."
WRAPPED = (
    "You compared in uint8, where 50 - 90 is not -40 but 216, so every difference is ≥ 0. Compare "
    "the two values themselves."
)


def codes_of(
    image: Tensor,
    places: Sequence[tuple[int, int]] = OFFSETS["reading"],
    compare: Callable[[Any, Any], bool] = operator.ge,
    border: str = "zero",
) -> Tensor:
    """Return the codes of a picture `(H, W)`, one pixel after the other.

    Args:
        image: the picture.
        places: of the neighbours, most significant bit first.
        compare: neighbour and centre, 1 where true.
        border: what is outside: "zero", "edge" (the nearest pixel) or "wrap" (the other side).
    """
    height, width = image.shape
    values = image.tolist()

    def value(row: int, column: int) -> Any:
        if border == "wrap":
            return values[row % height][column % width]
        inside = 0 <= row < height and 0 <= column < width
        if border == "zero" and not inside:
            return 0
        return values[min(max(row, 0), height - 1)][min(max(column, 0), width - 1)]

    def code(row: int, column: int) -> int:
        bits = [compare(value(row + i, column + j), values[row][column]) for i, j in places]
        return sum(int(bit) << (7 - index) for index, bit in enumerate(bits))

    return torch.tensor([[code(i, j) for j in range(width)] for i in range(height)])


@exercise("01", "The code of one 3×3 window")
def lbp_code(answer: Callable[[Tensor], int]) -> str:
    """Check Exercise 1 of lesson 01: a window `(3, 3)` to its code in reading order."""
    codes = [code_in(call(answer, window)) for window in WINDOWS]

    def made(**changes: Any) -> list[int]:
        return [int(codes_of(window, **changes)[1, 1]) for window in WINDOWS]

    right = made()
    flipped = [(column, row) for row, column in OFFSETS["reading"]]
    nine = [int("".join(str(int(v >= w[1, 1])) for v in w.flatten()), 2) for w in WINDOWS]
    judge(
        codes,
        right,
        {
            f"{WRAPPED} (The window was {WINDOWS[3].tolist()}, uint8 as images are.)": [
                *right[:3],
                255,
            ],
            AT_LEAST: made(compare=operator.gt),
            "Your bits are in reverse: the first neighbour, upper left, is worth 128, and the "
            "last, lower right, is worth 1.": made(places=OFFSETS["reading"][::-1]),
            SWAPPED: made(compare=operator.le),
            "Your bits are all turned: 1 is for a neighbour that is at least as large, 0 for one "
            "that is smaller.": made(compare=operator.lt),
            CIRCULAR: made(places=OFFSETS["circular"]),
            COLUMNS: made(places=flipped),
            "Your number has nine digits: the centre is compared with itself. Leave it out.": nine,
            "You counted the ones. Each neighbour is worth its own power of two: 128, 64, … 1.": [
                code.bit_count() for code in right
            ],
        },
        f"The window {WORKED.tolist()} has the code 141; yours is {codes[0]:g}."
        if codes[0] != 141
        else f"141 is right for the worked example, but of {len(WINDOWS)} windows yours gives "
        f"[{', '.join(f'{code:g}' for code in codes)}] where the codes are {right}. Is your "
        "function bound to one window?",
    )
    return (
        "Your function gives 141 for the worked example, 255 for flat windows, and the right code "
        "for fractions and bytes too. Eight yes-or-no answers, so 256 codes: they fill a byte."
    )


def code_in(given: Any) -> float:
    """Return the number that a function gave for one window or one code."""
    if isinstance(given, str):
        raise Wrong(
            f"You return the text {given!r}. A code is a number: read the digits as a binary "
            "number, int(digits, base=2)."
        )
    try:
        return number(given, "A code")
    except Wrong:
        raise Wrong(
            f"A window has one code, a whole number; yours is {given!s:.60}. Sum up what the "
            "eight neighbours are worth."
        ) from None


def places_of(order: Sequence[tuple[int, int]]) -> list[int]:
    """Return where the bits of an order are in a code in reading order, 0 the lowest."""
    return [7 - OFFSETS["reading"].index(place) for place in order]


def moved(source: Sequence[int], target: Sequence[int]) -> Tensor:
    """Return `(256,)`: codes whose bit `source[i]` has gone to bit `target[i]`, 0 the lowest."""
    return torch.tensor(
        [
            sum((code >> old & 1) << new for old, new in zip(source, target, strict=True))
            for code in range(256)
        ]
    )


@exercise("01", "Codes in reading order, translated to circular order")
def lbp_in_circular_order(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 2 of lesson 01: codes `(...)` uint8 from one bit order to the other."""
    shape = (2, 8, 16)
    codes = torch.arange(256, dtype=torch.uint8).reshape(shape)
    try:
        answered = call(answer, codes)
    except NotDone:
        raise
    except Wrong as wrong:
        require(
            "IndexError" not in str(wrong),
            f"{wrong}. PyTorch takes a uint8 tensor between brackets for a mask, not for places in "
            "a table. Index with codes.long().",
        )
        raise
    what = "The translation of codes of shape (2, 8, 16)"
    translated = require_tensor(answered, shape, what, dtype=torch.uint8)
    down, up = range(7, -1, -1), range(8)
    source = places_of(OFFSETS["circular"])
    reading = [7 - place for place in source]
    right = moved(source, down)
    judge(
        translated.flatten(),
        right,
        {
            "Nothing has moved: these are still the codes in reading order.": torch.arange(256),
            "You translated the other way, from circular to reading order.": moved(down, source),
            "You reversed the eight bits. Reading order is not circular order backwards: look up "
            "each neighbour's place in both.": moved(down, up),
            "Either you took bit number k of the given code from the low end, code >> k, where "
            "number 0 is the most significant bit: shift by 7 - k. Or your circle starts at the "
            'upper left; ours is OFFSETS["circular"].': moved(reading, down),
            "You put bit number k of the new code at the low end, << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": moved(source, up),
            "You counted bits from the low end in both codes, >> k and << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": moved(reading, up),
        },
        "The code 128, upper left alone, becomes "
        f"{int(right[128])} and 141 becomes {int(right[141])}; yours become "
        f"{translated.flatten()[128]} and {translated.flatten()[141]}.",
    )
    return (
        "All 256 codes are translated, in tensors of any shape, and no two become one: the two "
        "orders hold the same information."
    )


class OperationCount(TorchFunctionMode):
    """Counts the calls of PyTorch that are made inside it."""

    calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one call and make it."""
        self.calls += 1
        return func(*args, **(kwargs or {}))


@exercise("01", "LBP of a whole image, without a loop over its pixels")
def lbp_of_image(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 3 of lesson 01: `(..., H, W)` to codes `(..., H, W)`, zeros outside."""
    batch = torch.randint(0, 5, (2, 3, 5, 7), dtype=torch.uint8)
    image = batch[0, 0]
    ring = {
        (3, 5): "Your codes of a (5, 7) image have shape (3, 5): the outermost ring is missing. "
        "Put a ring of zeros around the image first."
    }
    what = "The codes of a (5, 7) image"
    codes = require_tensor(call(answer, image), (5, 7), what, ring, dtype=None)
    reading = OFFSETS["reading"]
    right = codes_of(image)
    inner = F.pad(right[1:-1, 1:-1], (1, 1, 1, 1))
    judge(
        codes,
        right,
        {
            AT_LEAST: codes_of(image, compare=operator.gt),
            "The right edge is compared with the left one, and the top with the bottom: "
            "torch.roll wraps around. Outside the image all is 0.": codes_of(image, border="wrap"),
            "Outside the image you repeat the pixels of the edge; here all is 0 outside.": codes_of(
                image, border="edge"
            ),
            "The inner codes are right, but those of the outermost ring are all 0. Its pixels have "
            "codes too: compare them with the zeros outside.": inner,
            "Your neighbours are point-mirrored: each shift goes the wrong way. The upper left "
            "neighbour of the pixel at [row, column] is at [row - 1, column - 1].": codes_of(
                image, [(-row, -column) for row, column in reading]
            ),
            CIRCULAR: codes_of(image, OFFSETS["circular"]),
            COLUMNS: codes_of(image, [(column, row) for row, column in reading]),
            SWAPPED: codes_of(image, compare=operator.le),
            WRAPPED: torch.full((5, 7), 255),
        },
        lambda: _first_difference(codes, right, image),
    )
    what = "The codes of (2, 3, 5, 7) images"
    several = require_tensor(call(answer, batch), (2, 3, 5, 7), what, dtype=None)
    apart = torch.stack([codes_of(alone) for alone in batch.flatten(0, 1)]).view(2, 3, 5, 7)
    require(
        close(several, apart),
        "One image is right, but several at once are not: rows and columns are the last two "
        "dimensions, so index with [..., rows, columns] and pad only those.",
    )
    fractions = torch.rand(3, 4) - 0.5
    require(
        close(call(answer, fractions), codes_of(fractions)),
        "Bytes are right, but an image of fractions from -0.5 to 0.5 is not. Compare its values "
        "as they are, without turning them into another type.",
    )
    with OperationCount() as operations:
        call(answer, torch.rand(40, 50))
    require(
        operations.calls <= MOST_OPERATIONS,
        f"Every code is right! But a 40×50 image took {operations.calls:,} calls of PyTorch, as a "
        "loop over pixels does. Eight shifted images will do.",
    )
    return (
        "Right for one image and for batches, for bytes and for fractions, up to the edge, and "
        f"in {operations.calls} calls of PyTorch, whatever the size of the image."
    )


def _first_difference(codes: Tensor, right: Tensor, image: Tensor) -> str:
    row, column = (codes != right).nonzero()[0].tolist()
    window = F.pad(image, (1, 1, 1, 1))[row : row + 3, column : column + 3].tolist()
    return (
        f"In the image {image.tolist()}, the pixel at [{row}, {column}] has the window {window} "
        f"and the code {right[row, column]}; yours is {codes[row, column]}."
    )
