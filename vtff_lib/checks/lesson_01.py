"""The checks of lesson 01, first part: the code of a window, and codes in the other order."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    NotDone,
    Wrong,
    call,
    exercise,
    judge,
    number,
    require,
    require_tensor,
)
from vtff_lib.checks.lesson_01_slips import READING, codes_of, require_bytes, shown, slip_that_gives
from vtff_lib.lbp import OFFSETS

WORKED = torch.tensor([[120, 42, 88], [37, 90, 103], [91, 65, 200]])
WINDOWS = (
    WORKED,
    torch.tensor([[9, 9, 3], [1, 9, 2], [4, 200, 5]]),
    torch.tensor([[1.5, 0.9, 1.7], [1.6, 1.5, 1.2], [2.1, 1.5, 1.4]]),
    torch.tensor([[250, 3, 7], [8, 100, 255], [1, 90, 120]], dtype=torch.uint8),
    torch.full((3, 3), 90),
    torch.full((3, 3), 0.25),
    torch.tensor([[1200, -3, 2040], [1999, 2001, 2001], [2002, 2000, 7]]),
    torch.tensor([[-0.2, -0.6, -0.4], [0.1, -0.4, -0.5], [-0.3, -0.9, 0.0]]),
    torch.tensor([[0.4996, 0.5008, 0.4990], [0.5002, 0.5008, 0.4996], [0.4990, 0.5008, 0.4996]]),
    0.5 + torch.tensor([[1, 0, 3], [2, 1, 0], [0, 2, 1]]) * 2.0**-23,  # hardly apart
)


def _by_value(window: Tensor, every: bool) -> int:
    """Return a code whose centre was left out by its value, not by its place."""
    values = window.flatten().tolist()
    centre = values[4]
    if every:
        values = [value for value in values if value != centre]
    else:
        values.remove(centre)
    return int("0" + "".join(str(int(value >= centre)) for value in values), 2)


@exercise("01", "The code of one 3×3 window")
def lbp_code(answer: Callable[[Tensor], int]) -> str:
    """Check Exercise 1 of lesson 01: a window `(3, 3)` to its code in reading order."""
    codes = [code_in(call(answer, window)) for window in WINDOWS]
    right = [int(codes_of(window)[1, 1]) for window in WINDOWS]
    judge(
        codes,
        right,
        {
            "You leave out the first value that equals the centre, not the one in the centre: "
            "leave it out by its place, number 4.": [_by_value(w, every=False) for w in WINDOWS],
            "You leave out every value that equals the centre. Such neighbours count as 1: leave "
            "out the centre alone, by its place.": [_by_value(w, every=True) for w in WINDOWS],
        },
        lambda: slip_that_gives(codes, WINDOWS, ["border"], (1, 1)) or _first_window(codes, right),
    )
    return (
        "Your function gives 141 for the worked example, 255 for flat windows, and the right code "
        "for bytes, fractions and negative numbers too. Eight yes-or-no answers, so 256 codes: "
        "they fill a byte."
    )


def _first_window(codes: Sequence[float], right: Sequence[int]) -> str:
    first = next(k for k, code in enumerate(codes) if code != right[k])
    window = WINDOWS[first]
    kind = str(window.dtype).removeprefix("torch.")
    words = (
        f"The window {shown(window)} ({kind}) has the code {right[first]}, {right[first]:08b} in "
        f"binary; yours is {codes[first]:g}."
    )
    return words + f" (Those tried before it, {first} of them, are right.)" * (first > 0)


def code_in(given: Any) -> float:
    """Return the number that a function gave for one window."""
    if isinstance(given, str):
        try:
            int(given, base=2)
            advice = "Read the digits as a binary number: int(digits, base=2)."
        except ValueError:
            advice = "Return the number itself."
        raise Wrong(f"You return the text {given!r:.60}, and a code is a number. {advice}")
    try:
        return number(given, "A code")
    except Wrong:
        raise Wrong(
            f"A window has one code, a whole number; yours is {given!s:.60}. Sum up what the "
            "eight neighbours are worth."
        ) from None


def places_of(order: Sequence[tuple[int, int]]) -> list[int]:
    """Return where the bits of an order are in a code in reading order, 0 the lowest."""
    return [7 - READING.index(place) for place in order]


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
    translated = require_tensor(answered, shape, what, dtype=None)
    down, up = range(7, -1, -1), range(8)
    circular = OFFSETS["circular"]
    source = places_of(circular)
    reading = [7 - place for place in source]
    clockwise = places_of([(-row, column) for row, column in circular])
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
            "upper left; ours is `CIRCULAR`.": moved(reading, down),
            "You put bit number k of the new code at the low end, << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": moved(source, up),
            "You counted bits from the low end in both codes, >> k and << k. Number 0 is the most "
            "significant bit: shift by 7 - k.": moved(reading, up),
            "Your circle runs clockwise. From the right neighbour, worth 1, it goes to the upper "
            "right one, worth 2.": moved(clockwise, down),
            "These are bits, not codes: shift each to its place, << (7 - k), and put all eight "
            "together.": torch.ones(256),
            "Your codes above 127 are negative: int8 ends there. Make them uint8.": (
                (right + 128) % 256 - 128
            ),
        },
        lambda: _first_code(translated.flatten(), right),
    )
    require_bytes(translated, "The translation")
    return (
        "All 256 codes are translated, in tensors of any shape, and no two become one: the two "
        "orders hold the same information."
    )


def _first_code(translated: Tensor, right: Tensor) -> str:
    """Return what the first code becomes that is wrong: one neighbour alone, if there is one."""
    for place in READING:
        code = 1 << (7 - READING.index(place))
        if translated[code] != right[code]:
            return (
                f"The code {code} has a 1 for one neighbour alone, at step {place} from the "
                f"centre. In circular order that is {int(right[code])}; yours becomes "
                f"{translated[code]:g}."
            )
    code = int((translated.double() != right).nonzero()[0])
    return (
        f"Each neighbour alone is right, but {code}, {code:08b}, has to become {int(right[code])}, "
        f"{int(right[code]):08b}; yours becomes {translated[code]:g}."
    )
