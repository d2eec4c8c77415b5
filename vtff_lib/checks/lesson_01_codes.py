"""The checks of lesson 01, second part: what codes keep, and how they are counted."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, exercise, judge, require, require_answer, require_tensor
from vtff_lib.checks.lesson_01 import code_in, moved, places_of
from vtff_lib.lbp import OFFSETS

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
    shapes = {
        (256,): "You made one histogram of all images together. Make one of each: (2, 9, 11) codes "
        "give (2, 256) shares.",
        (2, 255): "You have 255 bins. Codes go from 0 to 255, and that is 256 of them.",
        (2, 200): "You have 200 bins: only as many as the largest code needs. Make 256, whatever "
        "the image shows (`minlength`).",
    }
    what = "The histograms of (2, 9, 11) codes"
    shares = require_tensor(call(answer, codes), (2, 256), what, shapes)
    stretched = torch.stack([torch.histc(image.float(), bins=256) for image in codes])
    judge(
        shares,
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
        f"yours are {shares[0, 31]:.4f} and {shares[0, 0]:.4f}.",
    )
    return "Each row holds 256 shares that sum to 1: the fingerprint of a texture."


@exercise("01", "Changes around the circle")
def lbp_transitions(answer: Callable[[int], int]) -> str:
    """Check Exercise 6 of lesson 01: how often the digits of a circular code change."""
    changes = [code_in(call(answer, code)) for code in range(256)]

    def count(turn: Callable[[int], str] = lambda code: f"{code:08b}", wrap: bool = True) -> Tensor:
        digits = [turn(code) for code in range(256)]
        pairs = [zip(code, code[1:] + code[:1] * wrap, strict=False) for code in digits]
        return torch.tensor([sum(a != b for a, b in pair) for pair in pairs])

    translated = moved(places_of(OFFSETS["circular"]), range(7, -1, -1))
    right = count()
    judge(
        changes,
        right,
        {
            "You count along a line. The eight neighbours stand in a circle: the last digit has "
            "the first as its neighbour. So 00000001 changes twice.": count(wrap=False),
            "You count the steps from 0 to 1 alone. Steps from 1 to 0 are changes too.": right // 2,
            "Your digits lose their leading zeros: bin(14) is 0b1110, with four digits. A code "
            'has eight: f"{code:08b}".': count(lambda code: f"{code:b}"),
            "Your digits lose their leading zeros, and you count along a line instead of a circle. "
            'A code has eight digits: f"{code:08b}".': count(lambda code: f"{code:b}", wrap=False),
            "You took the codes for codes in reading order. They are in circular order already, so "
            "neighbouring digits are neighbouring pixels.": right[translated],
            "You say whether there are at most two changes. Return how many there are.": (
                right <= 2
            ).long(),
            "You count the ones, not the changes from one digit to the next.": torch.tensor(
                [code.bit_count() for code in range(256)]
            ),
        },
        f"00000111 has 2 changes, 01010101 has 8 and 00000000 none; yours have {changes[0b111]:g}, "
        f"{changes[0b1010101]:g} and {changes[0]:g}.",
    )
    return (
        "Right for all 256 codes. The number of changes is always even: whoever leaves must come "
        "back."
    )
