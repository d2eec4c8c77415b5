"""The first exercise of lesson 06: how many tokens."""

from collections.abc import Callable

from vtff_lib.checks.judging import (
    call,
    exercise,
    judge,
    number,
)


@exercise("06", "The number of tokens for any image")
def count_tokens(answer: Callable[[int, int, int], int]) -> str:
    """Check Exercise 1 of lesson 06: one token for each cell of the grid, and [cls]."""
    for height, width, stages in ((160, 96, 4), (240, 96, 3), (96, 160, 2), (48, 48, 1)):
        given = f"({height}, {width}, {stages})"
        count = number(call(answer, height, width, stages), f"The number of tokens of {given}")
        reduction = 4 * 2 ** (stages - 1)
        rows, columns = height // reduction, width // reduction
        mistakes = {
            "You counted the cells of the grid; [cls] is a token too.": rows * columns,
            "You took R = 32 whatever the stages. It is 4 for one stage, and twice as much for "
            "each stage more.": 1 + (height // 32) * (width // 32),
            "Your R is 2 to the power of the stages. The stem divides by 4 already, and the first "
            "stage by nothing: R is 4 · 2^(stages-1).": 1
            + (height // 2**stages) * (width // 2**stages),
            "Your R is 4 times the number of stages; it doubles with each stage after the first.": 1
            + (height // (4 * stages)) * (width // (4 * stages)),
            "Your R is 4 · 2^stages, twice too large: the first stage divides by nothing.": 1
            + (height // (2 * reduction)) * (width // (2 * reduction)),
            "You took the grid to be square; height and width may differ.": 1 + rows**2,
            "You took the grid to be square, as wide as it is; height and width may differ.": 1
            + columns**2,
            "You added rows and columns; a grid has rows times columns cells.": 1 + rows + columns,
            "You divided the number of pixels by R. Height is divided by R and so is width, which "
            "makes R².": 1 + height * width // reduction,
        }
        judge(
            count,
            1 + rows * columns,
            mistakes,
            f"{given} should give {1 + rows * columns} tokens: a grid of {rows}×{columns}, and "
            f"[cls]. Yours gives {count:g}.",
            tolerance=0,
        )
    return "An image of twice the height and width has four times the cells: remember it below."
