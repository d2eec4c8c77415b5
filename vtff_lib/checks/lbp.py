"""The checks of lesson 01, local binary patterns."""

import operator
from collections.abc import Callable, Mapping, Sequence
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
    require,
    require_answer,
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


def tell(found: Any, expected: Any, mistakes: Mapping[str, Any], otherwise: str) -> None:
    """Say which of `mistakes` gives what was found, or `otherwise`, unless it is as expected."""
    if close(found, expected):
        return
    for words, wrong in mistakes.items():
        require(not close(found, wrong), words)
    raise Wrong(otherwise)


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
    found = [_number(call(answer, window)) for window in WINDOWS]

    def codes(**changes: Any) -> list[int]:
        return [int(codes_of(window, **changes)[1, 1]) for window in WINDOWS]

    flipped = [(column, row) for row, column in OFFSETS["reading"]]
    nine = [int("".join(str(int(v >= w[1, 1])) for v in w.flatten()), 2) for w in WINDOWS]
    require(
        found[3] != 255 or found[:3] != codes()[:3],
        f"{WRAPPED} (The window was {WINDOWS[3].tolist()}, uint8 as images are.)",
    )
    tell(
        torch.tensor(found),
        codes(),
        {
            AT_LEAST: codes(compare=operator.gt),
            "Your bits are in reverse: the first neighbour, upper left, is worth 128, and the "
            "last, lower right, is worth 1.": codes(places=OFFSETS["reading"][::-1]),
            SWAPPED: codes(compare=operator.le),
            "Your bits are all turned: 1 is for a neighbour that is at least as large, 0 for one "
            "that is smaller.": codes(compare=operator.lt),
            CIRCULAR: codes(places=OFFSETS["circular"]),
            COLUMNS: codes(places=flipped),
            "Your number has nine digits: the centre is compared with itself. Leave it out.": nine,
            "You counted the ones. Each neighbour is worth its own power of two: 128, 64, … 1.": [
                code.bit_count() for code in codes()
            ],
        },
        f"The window {WORKED.tolist()} has the code 141; yours is {found[0]}."
        if found[0] != 141
        else f"141 is right for the worked example, but of {len(WINDOWS)} windows yours gives "
        f"{found} where the codes are {codes()}. Is your function bound to one window?",
    )
    return (
        "Your function gives 141 for the worked example, 255 for flat windows, and the right code "
        "for fractions and bytes too. Eight yes-or-no answers, so 256 codes: they fill a byte."
    )


def _number(found: Any) -> int:
    if isinstance(found, str):
        raise Wrong(
            f"You return the text {found!r}. A code is a number: read the digits as a binary "
            "number, int(digits, base=2)."
        )
    try:
        return int(found)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(
            f"A window has one code, a whole number; yours is {found!s:.60}. Sum up what the "
            "eight neighbours are worth."
        ) from None


def _places(order: Sequence[tuple[int, int]]) -> list[int]:
    """Return where the bits of an order are in a code in reading order, 0 the lowest."""
    return [7 - OFFSETS["reading"].index(place) for place in order]


def _moved(source: Sequence[int], target: Sequence[int]) -> Tensor:
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
    found = require_tensor(answered, shape, "The translation of codes of shape (2, 8, 16)")
    down, up = range(7, -1, -1), range(8)
    source = _places(OFFSETS["circular"])
    reading = [7 - place for place in source]
    expected = _moved(source, down)
    tell(
        found.flatten(),
        expected,
        {
            "Nothing has moved: these are still the codes in reading order.": torch.arange(256),
            "You translated the other way, from circular to reading order.": _moved(down, source),
            "You reversed the eight bits. Reading order is not circular order backwards: look up "
            "each neighbour's place in both.": _moved(down, up),
            "Either you took bit number k of the given code from the low end, code >> k, where "
            "number 0 is the most significant bit: shift by 7 - k. Or your circle starts at the "
            'upper left; ours is OFFSETS["circular"].': _moved(reading, down),
            "You put bit number k of the new code at the low end, << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": _moved(source, up),
            "You counted bits from the low end in both codes, >> k and << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": _moved(reading, up),
        },
        "The code 128, upper left alone, becomes "
        f"{int(expected[128])} and 141 becomes {int(expected[141])}; yours become "
        f"{found.flatten()[128]} and {found.flatten()[141]}.",
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
    found = call(answer, image)
    require(
        tuple(getattr(found, "shape", ())) != (3, 5),
        "Your codes of a (5, 7) image have shape (3, 5): the outermost ring is missing. Put a ring "
        "of zeros around the image first.",
    )
    found = require_tensor(found, (5, 7), "The codes of a (5, 7) image").long()
    reading = OFFSETS["reading"]
    expected = codes_of(image)
    inner = F.pad(expected[1:-1, 1:-1], (1, 1, 1, 1))
    tell(
        found,
        expected,
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
        _first_difference(found, expected, image),
    )
    several = require_tensor(call(answer, batch), (2, 3, 5, 7), "The codes of (2, 3, 5, 7) images")
    apart = torch.stack([codes_of(each) for each in batch.flatten(0, 1)]).view(2, 3, 5, 7)
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


def _first_difference(found: Tensor, expected: Tensor, image: Tensor) -> str:
    different = (found != expected).nonzero()
    if not len(different):
        return ""
    row, column = different[0].tolist()
    window = F.pad(image, (1, 1, 1, 1))[row : row + 3, column : column + 3].tolist()
    return (
        f"In the image {image.tolist()}, the pixel at [{row}, {column}] has the window {window} "
        f"and the code {expected[row, column]}; yours is {found[row, column]}."
    )


LIGHT = {  # letter: whether codes stay, and what whoever thinks otherwise has overlooked
    "A": (True, "A stays: the larger of two values is still the larger after both are × 0.4."),
    "B": (True, "B stays: from 0 to 1, x ** 2.2 rises wherever x rises."),
    "C": (False, "C does not stay: two values above 0.625 both become 1, and a smaller neighbour "
          "becomes an equal one. Clipping is not strictly increasing."),
    "D": (True, "D stays: each channel has its own factor, but a pixel is only ever compared with "
          "neighbours in its own channel."),
    "E": (False, "E does not stay: a negative falls where the values rise, and turns every "
          "comparison round."),
    "F": (False, "F does not stay: rounding to whole steps makes near values equal, and a smaller "
          "neighbour becomes an equal one."),
    "G": (False, "G does not stay: the factor differs from column to column, so it is no function "
          "of the value. A neighbour that is a little darker may get the larger factor."),
    "H": (True, "H stays: a logarithm bends the scale, but rises all the way."),
}  # fmt: skip


@exercise("01", "Which changes of light leave every code as it is")
def light_that_leaves_codes(answer: Any) -> str:
    """Check Exercise 4 of lesson 01: the letters of the changes, in a set, a list or a text."""
    require_answer(answer)
    require(
        isinstance(answer, str | set | frozenset | list | tuple)
        and all(isinstance(letter, str) for letter in answer),
        'Give the letters of your choice, such as {"A", "C"}.',
    )
    chosen = {letter.strip().upper() for letter in answer} - {"", ","}
    require(chosen, "You chose none. At least one of the eight leaves every code as it is.")
    unknown = sorted(chosen - set(LIGHT))
    require(not unknown, f"{unknown} is not among the letters A to H.")
    for letter, (stays, words) in LIGHT.items():
        require((letter in chosen) == stays, words)
    return (
        "Four changes are strictly increasing functions of each channel's values, and so leave "
        "every comparison alone. The other four make values equal, turn them round, or depend on "
        "the place."
    )


@exercise("01", "A histogram of codes")
def lbp_histogram(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 5 of lesson 01: codes `(N, H, W)` uint8 to shares `(N, 256)`."""
    codes = torch.randint(3, 200, (2, 9, 11), dtype=torch.uint8)
    codes[:, ::2] = 31  # one bin is fuller than the others
    codes[:, 1, 0] = 199  # and the largest code is the same in both
    counts = torch.stack([(codes == code).sum((1, 2)) for code in range(256)], dim=1)  # (2, 256)
    found = call(answer, codes)
    shape = tuple(getattr(found, "shape", ()))
    require(
        shape != (256,),
        "You made one histogram of all images together. Make one of each: (2, 9, 11) codes give "
        "(2, 256) shares.",
    )
    require(
        len(shape) != 2 or shape[1] != 255,
        "You have 255 bins. Codes go from 0 to 255, and that is 256 of them.",
    )
    require(
        shape != (2, 200),
        "You have 200 bins: only as many as the largest code needs. Make 256, whatever "
        "the image shows (`minlength`).",
    )
    found = require_tensor(found, (2, 256), "The histograms of (2, 9, 11) codes")
    stretched = torch.stack([torch.histc(each.float(), bins=256) for each in codes])
    tell(
        found,
        counts / 99,
        {
            "These are counts. Divide by the number of pixels, so that each row sums to 1 and "
            "images of different size can be compared.": counts,
            "Each row sums to 1/2, as you divided by the pixels of both images. Divide by those "
            "of one.": counts / 198,
            "Each row sums to less than 1: you divided by 256, the number of bins. Divide by the "
            "number of pixels.": counts / 256,
            "You scaled the fullest bin to 1. Divide by the number of pixels, so that each row "
            "sums to 1.": counts / counts.amax(1, keepdim=True),
            "Your bins stretch from the smallest code to the largest of each image, so the same "
            "bin means another code in another image. Bin k must count code k (`torch.histc` "
            "wants min and max).": stretched / 99,
            "Your bins stretch from the smallest code to the largest, and they hold counts. Bin k "
            "must be the share of code k (`torch.histc` wants min and max).": stretched,
        },
        f"Code 31 has the share {counts[0, 31] / 99:.4f} of the first image, and code 0 none; "
        f"yours are {found[0, 31]:.4f} and {found[0, 0]:.4f}.",
    )
    return "Each row holds 256 shares that sum to 1: the fingerprint of a texture."


@exercise("01", "Changes around the circle")
def lbp_transitions(answer: Callable[[int], int]) -> str:
    """Check Exercise 6 of lesson 01: how often the digits of a circular code change."""
    found = torch.tensor([_number(call(answer, code)) for code in range(256)])

    def count(turn: Callable[[int], str] = lambda code: f"{code:08b}", wrap: bool = True) -> Tensor:
        digits = [turn(code) for code in range(256)]
        pairs = [zip(each, each[1:] + each[:1] * wrap, strict=False) for each in digits]
        return torch.tensor([sum(a != b for a, b in pair) for pair in pairs])

    translated = _moved(_places(OFFSETS["circular"]), range(7, -1, -1))
    expected = count()
    tell(
        found,
        expected,
        {
            "You count along a line. The eight neighbours stand in a circle: the last digit has "
            "the first as its neighbour. So 00000001 changes twice.": count(wrap=False),
            "You count the steps from 0 to 1 alone. Steps from 1 to 0 are changes too.": expected
            // 2,
            "Your digits lose their leading zeros: bin(14) is 0b1110, with four digits. A code "
            'has eight: f"{code:08b}".': count(lambda code: f"{code:b}"),
            "Your digits lose their leading zeros, and you count along a line instead of a circle. "
            'A code has eight digits: f"{code:08b}".': count(lambda code: f"{code:b}", wrap=False),
            "You took the codes for codes in reading order. They are in circular order already, so "
            "neighbouring digits are neighbouring pixels.": expected[translated],
            "You say whether there are at most two changes. Return how many there are.": (
                expected <= 2
            ).long(),
            "You count the ones, not the changes from one digit to the next.": torch.tensor(
                [code.bit_count() for code in range(256)]
            ),
        },
        f"00000111 has 2 changes, 01010101 has 8 and 00000000 none; yours have {found[0b111]}, "
        f"{found[0b1010101]} and {found[0]}.",
    )
    return (
        "Right for all 256 codes. The number of changes is always even: whoever leaves must come "
        "back."
    )
