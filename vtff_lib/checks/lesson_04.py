"""The checks of lesson 04: broadcasting, and what a sum of scores can say."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count, product
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, exercise, require, require_answer
from vtff_lib.checks.versions import Dice, Told, asks

ERROR = "error"
Shape = tuple[int, ...]
LETTERS = "abcde"


def pairs() -> list[tuple[Shape, Shape]]:
    """Return the five pairs of shapes of the version in force, a to e."""
    dice = Dice("broadcast_shapes")
    batch, channels, side = (
        dice.one_of(8, 4, 6, 16),
        dice.one_of(64, 32, 128),
        dice.one_of(7, 5, 14),
    )
    layers, rows = dice.one_of(5, 3, 9), dice.one_of(4, 2, 10)
    return dice.shuffled(
        [
            ((channels, 1, 1), (batch, 1, side, side)),
            ((batch, channels, side, side), (batch, channels)),
            ((side, side, side), (side,)),
            ((batch, 1), (batch,)),
            ((layers, 1, side), (rows, 1)),
        ]
    )


@asks("broadcast_shapes")
def shapes_to_fit() -> Told:
    """Return the table of the five pairs of your version."""
    rows = [
        f"| {letter} | `{first}` | `{second}` |"
        for letter, (first, second) in zip(LETTERS, pairs(), strict=True)
    ]
    return Told("\n".join(["| | first | second |", "|---|---|---|", *rows]))


def fitted(first: Shape, second: Shape) -> Shape | str:
    """Return the shape that two others broadcast to, or that there is none."""
    try:
        return tuple(torch.broadcast_shapes(first, second))
    except RuntimeError:
        return ERROR


@exercise("04", "Shapes that fit, and shapes that do not")
def broadcast_shapes(answer: Sequence[Any]) -> str:
    """Check Exercise 1 of lesson 04: what five pairs of shapes broadcast to."""
    require_answer(answer)
    asked = pairs()
    require(
        isinstance(answer, list | tuple) and len(answer) == len(asked),
        f'Give a list with five entries, a to e, each a shape such as (2, 3) or "{ERROR}".',
    )
    for letter, given, pair in zip(LETTERS, answer, asked, strict=True):
        size = tuple(given) if isinstance(given, list | tuple) else given  # torch.Size too
        size = size.lower() if isinstance(size, str) else size
        require(
            isinstance(size, tuple) or size == ERROR,
            f'{letter}: write a tuple of whole numbers, or "{ERROR}"; yours is {given!r:.60}.',
        )
        require(size == fitted(*pair), f"{letter}: {_slip(size, *pair)}")
    return (
        "All five. The dangerous ones are the two that fit by accident: no error says that "
        "channel scores were added to the columns."
    )


def _slip(given: Any, first: Shape, second: Shape) -> str:
    """Say which mistake gives a shape that two others do not broadcast to."""
    longer, shorter = sorted((first, second), key=len, reverse=True)
    filled = (1,) * (len(longer) - len(shorter)) + shorter
    as_filled = "" if filled == shorter else f" {shorter} becomes {filled}."
    if given == ERROR:
        return (
            "no error: shapes are aligned at the right, and what is missing on the left counts as "
            f"1.{as_filled} Compare column by column."
        )
    columns = list(zip(longer, filled, strict=True))
    clash = [(x, y) for x, y in columns if x != y and 1 not in (x, y)]
    if clash:
        meets = f"{clash[-1][0]} meets {clash[-1][1]}"
        if given == longer:
            return f"that is what was meant, but shapes are aligned at the right, where {meets}."
        return f"at the right, {meets}: they differ, and PyTorch repeats nothing but a 1."
    to_the_left = shorter + (1,) * (len(longer) - len(shorter))
    at_left = list(zip(longer, to_the_left, strict=True))
    if given in (tuple(map(sum, columns)), tuple(map(sum, at_left))):
        return "sizes are not added. A 1 takes the size of the other."
    if given == tuple(map(max, columns))[1:]:
        return "the first size is lost. The result has as many sizes as the longer shape."
    if isinstance(given, tuple) and len(given) == len(longer):
        for x, y in columns:
            if given == tuple(min(c) if c == (x, y) else max(c) for c in columns):
                return f"a column has {x} and {y}. Which of them is stretched?{as_filled}"
    if given in (tuple(map(max, at_left)), to_the_left):
        return f"shapes are aligned at the right. The *last* entries meet.{as_filled}"
    return (
        f"{given!r} does not come out of {first} and {second}. Write them under each other, "
        "aligned at the right, and go column by column."
    )


def _noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _sum(channels: int, height: int, width: int, seed: int) -> Tensor:
    places = _noise(1, height, width, seed=seed + 100)
    return 2 * _noise(channels, 1, 1, seed=seed) + places


def _above_zero(channels: int, height: int, width: int, seed: int) -> Tensor:
    """Return a sum whose cells are all far from 0."""
    places = 1 + _noise(1, height, width, seed=seed + 100).abs()
    return 1 + _noise(channels, 1, 1, seed=seed).abs() + places


def _balanced() -> Tensor:
    """Return a sum whose mean is 0, and none of whose cells is close to it."""
    scores = torch.tensor([-7.3, 1.1, 6.2])[:, None, None] + torch.tensor([[-0.7, 0.3, 0.4]])
    return scores - scores.mean()


def _changed(scores: Tensor, cell: tuple[int, int, int], share: float = 1.0) -> Tensor:
    """Return scores with one cell changed by a share of the largest."""
    scores = scores.clone()
    scores[cell] += share * scores.abs().max()
    return scores


def _cases() -> Iterator[tuple[str, Tensor, bool]]:
    """Yield what is wrong with an answer that is wrong here, scores, and if they are a sum."""
    whole = torch.tensor([10.0, 20, 40, 50])[:, None, None], torch.tensor([[1.0, 2], [3, 6]])
    checkerboard = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # (2, 1, 2)
    positive = _above_zero(4, 3, 5, seed=0)
    yield (
        "You reject G ⊕ L with G = [10, 20, 40, 50] and L = [[1, 2], [3, 6]], where nothing is "
        "rounded. Its rank is 2.",
        whole[0] + whole[1],
        True,
    )
    yield (
        "You accept the checkerboard, which no G and L make, though its rank is 2 too.",
        checkerboard,
        False,
    )
    yield (
        "You accept a product of channel and place scores. Its places keep their order in all "
        "channels, and yet no sum makes it: differences between places grow with the channel.",
        (1 + _noise(4, 1, 1, seed=5).abs()) * _noise(1, 3, 5, seed=6),
        False,
    )
    yield (
        "You accept a sum of whole numbers and reject one of random decimals: floats are rounded, "
        "so what should be 0 comes out as 0.0000001. Allow for that.",
        positive,
        True,
    )
    yield (
        "You accept a sum of scores around 3 and reject the same sum 10,000 times as large: its "
        "rounding is larger too. Compare with the size of the scores, not with a fixed number.",
        1e4 * positive,
        True,
    )
    yield (
        "You accept a checkerboard whose scores are small: 0.00001 and 0. What counts as rounding "
        "must go with the size of the scores.",
        1e-5 * checkerboard,
        False,
    )
    for words, scores in {
        "the same at all places: let L be 0": _noise(4, 1, 1, seed=7) * torch.ones(4, 3, 5),
        "the same in all channels: let G be 0": _noise(1, 3, 5, seed=7) * torch.ones(4, 3, 5),
        "0 everywhere; nothing is left, but 0 < 0 is false, and 0 / 0 no number": (
            torch.zeros(4, 3, 5)
        ),
        "below 0 everywhere; its largest score is that of `abs`": -_above_zero(4, 3, 5, seed=0),
        "0 on average; compare with the largest score, not with the mean": _balanced(),
        "nearly the same everywhere, and far from 0; compare with the largest score, not with the "
        "spread, and not each cell with itself": (1000 + 0.1 * _sum(4, 3, 5, seed=12)),
        "of a single channel: let it be L": _noise(1, 3, 5, seed=8),
        "of a single place: let it be G": _noise(5, 1, 1, seed=8),
    }.items():
        yield f"You reject a map that is a sum though it looks odd. It is {words}.", scores, True
    seeds = count(20)
    for scale in (1.0, 1.0, 1.0, 1e4):
        yield (
            "You accept sums whose cells are far from 0, and reject one of (64, 7, 7) with cells "
            "close to 0, where the rounding of large scores is left. Compare with the *largest* "
            "score, not each cell with itself, as `torch.allclose` and `isclose` do.",
            scale * _sum(64, 7, 7, seed=next(seeds)),
            True,
        )
    yield (
        "You accept small sums and reject one of (512, 7, 7). What is left of it is less than a "
        "100,000th of the largest score, and is rounding.",
        _sum(512, 7, 7, seed=30),
        True,
    )


@exercise("04", "Is it a sum of channel and place scores?")
def is_a_sum(answer: Callable[[Tensor], bool]) -> str:
    """Check Exercise 2 of lesson 04: tell (C, H, W) scores that are a sum from others."""
    for words, scores, wanted in _cases():
        require(_verdict(answer, scores) == wanted, words)
    _look_into_every_cell(answer)
    require(
        not _verdict(answer, _changed(_above_zero(4, 3, 5, seed=0), (2, 1, 3), 5e-4)),
        "You accept a sum in which one cell was changed by 0.05 % of the largest score. That is "
        "more than rounding: allow for less.",
    )
    require(
        not _verdict(answer, _changed(1e-5 * _above_zero(4, 3, 5, seed=0), (2, 1, 3), 5e-4)),
        "You accept a sum of scores around 0.00003 in which one cell was changed by 0.05 % of the "
        "largest. What counts as rounding must go with the size of the scores: no fixed number, "
        "not even a small one.",
    )
    large = _above_zero(200, 20, 20, seed=11)
    for sign, words in (
        (1, "You reject it in a small map: an average over many cells hides a single one."),
        (-1, "You reject it where the cell is raised: what is left may be below 0, too (`abs`)."),
    ):
        require(
            not _verdict(answer, _changed(large, (150, 7, 3), sign * 5e-4)),
            f"You accept a sum of shape (200, 20, 20) in which one cell is "
            f"{'raised' if sign > 0 else 'lowered'} by 0.05 % of the largest score. {words}",
        )
    for axis, shapes in (("row", ((4, 3, 1), (1, 1, 5))), ("column", ((4, 1, 5), (1, 3, 1)))):
        scores = _noise(*shapes[0], seed=1) + _noise(*shapes[1], seed=2)
        require(
            not _verdict(answer, scores),
            f"You accept scores in which each channel prefers other {axis}s.",
        )
    return "All told apart. What is left when the best sum is taken away decides, not the rank."


def _verdict(answer: Any, scores: Tensor) -> bool:
    verdict = call(answer, scores)
    require(
        not isinstance(verdict, Tensor) or verdict.numel() == 1,
        "Return one yes or no for the whole map, not one for each cell.",
    )
    value = verdict.item() if hasattr(verdict, "item") else verdict
    require(
        isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)),
        f"Return True or False; yours is {verdict!r:.60}.",
    )
    return bool(value)


def _look_into_every_cell(answer: Any) -> None:
    """Change one cell of a sum after another, and say which changes are not seen."""
    scores = _sum(4, 3, 5, seed=9)
    cells = list(product(range(4), range(3), range(5)))
    missed = {cell for cell in cells if _verdict(answer, _changed(scores, cell))}
    where = f"[c, i, j] = {list(min(missed, default=()))}"
    where += f" (or one of {len(missed) - 1} more)" if len(missed) > 1 else ""
    for name, at in (
        ("channel", itemgetter(0)),
        ("row", itemgetter(1)),
        ("column", itemgetter(2)),
        ("place", itemgetter(1, 2)),
    ):
        sizes = sorted({at(cell) for cell in missed})
        if missed == {cell for cell in cells if at(cell) in sizes}:
            where = f"any cell of {name} {' or '.join(map(str, sizes[:3]))}"
            where += f" (and of {len(sizes) - 3} more)" if sizes[3:] else ""
            break
    require(
        not missed,
        "You accept a sum of shape (4, 3, 5) in which one cell was changed by as much as the "
        f"largest score, if it is {where}. Does your answer look there?",
    )
