"""Slips that give wrong codes, such as `>` for `≥`, alone and two at a time; for lesson 01.

They are computed, so that the checks can tell a wrong code by its cause.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.judging import close, require
from vtff_lib.lbp import OFFSETS

READING = OFFSETS["reading"]
CLOCKWISE = OFFSETS["circular"][4:] + OFFSETS["circular"][:4]  # from the upper left
OUTSIDE = {"zero": 0.0, "one": 1.0, "more": float("inf"), "less": float("-inf")}
AT_LEAST = (
    "Two equal grey values give 0 with yours. A neighbour that equals the centre counts as 1: "
    "use ≥, not >."
)
SWAPPED = (
    "Your answers are the wrong way about: a bit is 1 where the neighbour is at least as large as "
    "the centre, not where the centre is at least as large as the neighbour."
)
TURNED = (
    "Each of your bits is the opposite: 1 is for a neighbour that is at least as large, 0 for one "
    "that is smaller."
)
WRAPPED = "Do you subtract in uint8? There 50 - 90 is not -40 but 216, so "
MIRRORED = (
    "Your bits are in reverse. The upper left neighbour, at [row - 1, column - 1], is worth 128, "
    "and the lower right one 1. Either you count the powers of two from the wrong end, or each "
    "shift goes the wrong way."
)
CIRCULAR = (
    "Your neighbours are right, but in circular order. Here the window is read like a page, from "
    "left to right and from top to bottom."
)
AROUND_IT = (
    "Your neighbours are right, but you go around the centre. Here the window is read like a page, "
    "from left to right and from top to bottom."
)
COLUMNS = "You read the window column by column. Read row by row: the second bit is above."
SLIPS: Mapping[str, Mapping[str, Any]] = {  # words: arguments of `codes_of`
    AT_LEAST: {"compare": operator.gt},
    SWAPPED: {"compare": operator.le},
    TURNED: {"compare": operator.lt},
    WRAPPED + "every difference is ≥ 0. Compare the values themselves.": {"wraps": 1},
    WRAPPED + "a difference is > 0 wherever two values are not equal. Compare them themselves.": {
        "wraps": 1, "compare": operator.gt},
    WRAPPED + "a difference is ≤ 0 only where two values are equal. Compare them themselves.": {
        "wraps": -1, "compare": operator.le},
    MIRRORED: {"places": READING[::-1]},
    CIRCULAR: {"places": OFFSETS["circular"]},
    AROUND_IT: {"places": CLOCKWISE},
    f"{AROUND_IT} And the first is worth 128, not 1.": {"places": CLOCKWISE[::-1]},
    COLUMNS: {"places": [(column, row) for row, column in READING]},
    f"{AROUND_IT} The second bit is above, not left.": {
        "places": [(column, row) for row, column in CLOCKWISE]},
    "Left and right have changed places.": {"places": [(i, -j) for i, j in READING]},
    "Above and below have changed places.": {"places": [(-i, j) for i, j in READING]},
    "You count the ones. Each neighbour is worth its own power of two: 128, 64, … 1.": {
        "after": lambda code: sum(code >> bit & 1 for bit in range(8))},
    "You count the ones, the centre among them. Each neighbour is worth its own power of two.": {
        "after": lambda code: 1 + sum(code >> bit & 1 for bit in range(8))},
    "The first neighbour, upper left, is missing. It is worth 128.": {
        "after": lambda code: code % 128},
    "Your number has nine digits: the centre is compared with itself. Leave it out.": {
        "after": lambda code: (code >> 4 << 5) + 16 + (code & 15)},
    "The centre counts as a ninth digit, and the first no longer fits into the byte.": {
        "after": lambda code: ((code >> 4 << 5) + 16 + (code & 15)) % 256},
    "Each neighbour is worth twice as much as it should be: 128 for the first, 1 for the last.": {
        "after": lambda code: 2 * code},
    "Your code is doubled once too often, and the first bit leaves the byte.": {
        "after": lambda code: 2 * code % 256},
    "Your code is half of what it should be. Either the last neighbour is missing, or the first is "
    "not worth 128.": {
        "after": lambda code: code // 2},
    "Your codes above 127 are negative: int8 ends there. A code needs uint8.": {
        "after": lambda code: (code + 128) % 256 - 128},
    "The fractions are cut off, so that 0.7 and 0.1 are equal. Compare the values as they are.": {
        "before": lambda image: image.trunc()},
    "The values are rounded, so that 0.7 and 0.9 are equal. Compare them as they are.": {
        "before": lambda image: image.round()},
    "The values are rounded to 256 levels first, and near ones become equal. Compare them as they "
    "are.": {"before": lambda image: (255 * image).round()},
    "The values are cut to 256 levels first, and near ones become equal. Compare them as they "
    "are.": {"before": lambda image: (255 * image).trunc()},
    "The values are turned into bytes first, and what does not fit comes back at the other end: "
    "257 becomes 1, and -1 becomes 255. Compare them as they are.": {
        "before": lambda image: image.trunc() % 256},
    "The values are turned into int8 first, where 200 becomes -56. Compare them as they are.": {
        "before": lambda image: (image.trunc() + 128) % 256 - 128},
    "The values are turned into 256 levels first, and what does not fit comes back at the other "
    "end. Compare them as they are.": {"before": lambda image: (255 * image).trunc() % 256},
    "The values are limited to 0 and more first. Compare them as they are.": {
        "before": lambda image: image.clamp(min=0)},
    "The values are limited to 255 first. Compare them as they are.": {
        "before": lambda image: image.clamp(max=255)},
    "The values are limited to 0 … 1 first. Compare them as they are.": {
        "before": lambda image: image.clamp(0, 1)},
    "The signs are taken off first. Compare the values as they are.": {
        "before": lambda image: image.abs()},
    "Outside the image you have its smallest value, not 0: was it subtracted first, or put there? "
    "Inside the image no code notices.": {"before": lambda image: image - image.min()},
    "You scale the values to 0 … 1 first. Where all are equal that is 0 / 0, which is no number, "
    "and each comparison with it gives 0. Compare the values as they are.": {
        "before": lambda image: (image - image.min()) / (image.max() - image.min())},
    "Outside the image you have its mean, not 0: was it subtracted first, or put there? Inside the "
    "image no code notices.": {"before": lambda image: image - image.mean()},
    "A neighbour that is smaller by less than 1 counts as equal with yours. Compare the values as "
    "they are.": {"compare": lambda neighbour, centre: neighbour > centre - 1},
    "A neighbour that is hardly smaller, by 0.001 say, counts as equal with yours. Compare the "
    "values as they are.": {"compare": lambda neighbour, centre: neighbour >= centre - 1e-3},
    "A neighbour that is smaller by a hair, by 0.000001 say, counts as equal with yours: is there "
    "a tolerance, as in `isclose`, or a rounding? Compare the values as they are.": {
        "compare": lambda neighbour, centre: neighbour >= centre - 2e-6},
    "The neighbours are compared with a mean, not with the centre.": {
        "compare": lambda neighbour, centre: neighbour >= centre.mean()},
    "The values are turned into float16 first, and near ones become equal. Compare them as they "
    "are.": {"before": lambda image: image.half().double()},
    "The values are turned into bfloat16 first, and near ones become equal. Compare them as they "
    "are.": {"before": lambda image: image.bfloat16().double()},
    "The right edge is compared with the left one, and the top with the bottom: torch.roll wraps "
    "around. Outside the image all is 0.": {"border": "wrap"},
    "Outside the image you repeat the pixels of the edge; there all is 0.": {"border": "edge"},
    "Outside the image you mirror what is inside; there all is 0.": {"border": "reflect"},
    "Outside the image you put 1; there all is 0.": {"border": "one"},
    "With yours a neighbour outside the image always counts 1. It is a 0 like others: where the "
    "centre is larger, it counts 0.": {"border": "more"},
    "With yours a neighbour outside the image always counts 0. It is a 0 like others: where the "
    "centre is not larger, it counts 1.": {"border": "less"},
    "The inner codes are right, but those of the outermost ring are all 0. Its pixels have codes "
    "too: compare them with the zeros outside.": {"border": "none"},
    "The inner codes are right, but those of the outermost ring are all 255. Its pixels have codes "
    "too: compare them with the zeros outside.": {"border": "all ones"},
    "The inner codes are right, but those of the outermost ring are those of their neighbours. Its "
    "pixels have codes of their own: compare them with the zeros outside.": {"border": "copied"},
}  # fmt: skip


def codes_of(
    image: Tensor,
    places: Sequence[tuple[int, int]] = READING,
    compare: Callable[[Tensor, Tensor], Tensor] = operator.ge,
    border: str = "zero",
    wraps: int = 0,
    before: Callable[[Tensor], Tensor] = lambda image: image,
    after: Callable[[Tensor], Tensor] = lambda code: code,
) -> Tensor:
    """Return the codes of a picture `(H, W)`, made with a slip or two.

    Args:
        image: the picture.
        places: of the neighbours, most significant bit first.
        compare: neighbour and centre, 1 where true.
        border: what is outside: a name in `OUTSIDE`, "edge" (the nearest pixel), "reflect", "wrap"
            (the other side); or "none", "all ones", "copied", where only the inside has codes.
        wraps: 1 if neighbour - centre, -1 if centre - neighbour is compared with 0 in uint8.
        before: what is done to the values first.
        after: what is done to the codes at last.
    """
    values = before(image.double())
    padded = _padded(values, border)
    height, width = image.shape
    codes = torch.zeros(height, width, dtype=torch.int64)
    for row, column in places:
        neighbour = padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        if wraps:
            difference = wraps * (neighbour - values)
            difference = difference % 256 if image.dtype == torch.uint8 else difference
            bit = compare(difference, torch.zeros(()))
        else:
            bit = compare(neighbour, values)
        codes = 2 * codes + bit
    codes = after(codes)
    if border in ("none", "all ones", "copied") and min(height, width) > 2:
        inner = codes[1:-1, 1:-1].double()[None]
        if border == "copied":
            return F.pad(inner, (1, 1, 1, 1), mode="replicate")[0].long()
        codes = F.pad(inner, (1, 1, 1, 1), value=255 if border == "all ones" else 0)[0].long()
    return codes


def _padded(values: Tensor, border: str) -> Tensor:
    if border in ("wrap", "edge", "reflect"):
        for dimension, size in enumerate(values.shape):
            places = torch.arange(-1, size + 1)
            if border == "wrap":
                places = places % size
            elif border == "reflect":
                places = (size - 1) - ((size - 1) - places.abs()).abs()
            values = values.index_select(dimension, places.clamp(0, size - 1))
        return values
    return F.pad(values, (1, 1, 1, 1), value=OUTSIDE.get(border, 0.0))


def slip_that_gives(
    codes: Sequence[Tensor | float],
    images: Sequence[Tensor],
    leave_out: Sequence[str] = (),
    pixel: tuple[Any, ...] = (...,),
) -> str | None:
    """Return the words for the slip, or the two together, that gives these codes of images.

    Args:
        codes: as given.
        images: `(H, W)` each.
        leave_out: arguments of `codes_of` that are not to be tried.
        pixel: of which the codes are.
    """
    slips = {words: how for words, how in SLIPS.items() if not set(how) & set(leave_out)}
    pairs = {
        f"Two things at once. {one} And: {other}": {**slips[one], **slips[other]}
        for one, other in combinations(slips, 2)
        if not set(slips[one]) & set(slips[other])
    }
    various = len({value for each in codes for value in torch.as_tensor(each).flatten().tolist()})
    for words, how in {**slips, **(pairs if various > 1 else {})}.items():
        made = (codes_of(image, **how)[pixel] for image in images)
        if all(close(given, each) for given, each in zip(codes, made, strict=True)):
            return words
    return None


def shown(image: Tensor) -> list[list[float]]:
    """Return the values of a picture, as few digits as tell them apart."""
    if not image.is_floating_point():
        return image.tolist()
    return [[float(str(value)) for value in row] for row in image.numpy()]


def require_bytes(codes: Tensor, what: str) -> None:
    """Say that right codes are to be bytes, unless they are."""
    kind = str(codes.dtype).removeprefix("torch.")
    require(
        codes.dtype == torch.uint8,
        f"Every number is right, but {what[0].lower()}{what[1:]} should be uint8, and yours is "
        f"{kind}. Codes are bytes: what shifts or compares their bits relies on it.",
    )
