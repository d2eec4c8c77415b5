"""The checks of lesson 08, second part: pointing, deletion, and what follows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    bound,
    call,
    close,
    exercise,
    far,
    judge,
    number,
    require,
    require_answer,
    require_tensor,
)
from vtff_lib.explain.faithfulness import area


@exercise("08", "The pointing game")
def points_inside(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 4 of lesson 08: is the highest cell inside the mask by half at least?"""
    for size, grid in (((24, 8, 12), (4, 3)), ((24, 6, 20), (3, 5))):
        count = size[0]
        places = torch.stack([torch.randperm(grid[0] * grid[1]) for _ in range(count)])
        below = 3 + 6 * torch.randint(0, 2, (count, 1))  # so the peak is not always the farthest
        maps = (places - below).float().view(count, *grid)
        masks = _half_masks(size, grid)
        what = f"For maps {tuple(maps.shape)} and masks {size}, the answer"
        shapes = {(): "You returned one number for all faces; say for each whether it is a hit."}
        _judge_pointing(
            require_tensor(call(answer, maps, masks), (count,), what, shapes, dtype=None),
            maps,
            masks,
        )
    return "One cell of each map is all this test looks at: cheap, and easy to pass by chance."


def _half_masks(size: tuple[int, int, int], grid: tuple[int, int]) -> Tensor:
    """Return masks whose cells are in it by a quarter, a half, three quarters, wholly, or not."""
    count, height, width = size
    rows, columns = height // grid[0], width // grid[1]
    pixels = rows * columns
    filled = torch.randint(0, 5, (count, *grid, 1)) * pixels // 4  # how many of each cell
    cells = torch.rand(count, *grid, pixels).argsort(dim=-1) < filled
    cells = cells.view(count, *grid, rows, columns).permute(0, 1, 3, 2, 4)
    return cells.reshape(size)  # (N, h, rows, w, columns) -> (N, H, W)


def _inside(maps: Tensor, masks: Tensor, row_major: bool = True) -> Tensor:
    """Return which share of each map's highest cell is inside its mask, `(N,)`."""
    shares = _shares(masks, (maps.shape[1], maps.shape[2])).flatten(1)
    flat = maps.flatten(1) if row_major else maps.transpose(1, 2).flatten(1)
    return shares.gather(1, flat.argmax(dim=1, keepdim=True))[:, 0]


def _shares(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    count, height, width = masks.shape
    cells = masks.view(count, grid[0], height // grid[0], grid[1], width // grid[1])
    return cells.double().mean(dim=(2, 4))


def _judge_pointing(hits: Tensor, maps: Tensor, masks: Tensor) -> None:
    """Say which mistake wrong hits `(N,)` come from."""
    share, shares = _inside(maps, masks), _shares(masks, (maps.shape[1], maps.shape[2]))
    whole = shares.flatten(1).gather(
        1, maps.flatten().argmax().expand(len(maps), 1) % maps[0].numel()
    )
    mass = maps.clamp_min(0)
    mass = (mass * shares).sum(dim=(1, 2)) / mass.sum(dim=(1, 2)).clamp_min(1e-9)
    rows, columns = masks.shape[1] // maps.shape[1], masks.shape[2] // maps.shape[2]
    middle = masks[:, rows // 2 :: rows, columns // 2 :: columns]
    corner = masks[:, ::rows, ::columns]
    mistakes = {
        "You returned how much of the cell is inside; a hit is half of it at least: yes or no.": (
            share
        ),
        "A cell that is inside by exactly half counts: at least half.": share > 0.5,
        "You count a cell that the mask only touches; half of it has to be inside.": share > 0,
        "You count only cells that are inside wholly; half is enough.": share == 1,
        "Your hits are the misses.": share < 0.5,
        "You took the largest value without its sign; a map's lowest value is no peak.": (
            _inside(maps.abs(), masks) >= 0.5
        ),
        "You took the lowest cell; take the highest.": _inside(-maps, masks) >= 0.5,
        "Rows and columns have changed places: cells are counted row by row.": (
            _inside(maps, masks, row_major=False) >= 0.5
        ),
        "You took one peak for the whole batch; every map has its own.": whole[:, 0] >= 0.5,
        "That is the mass inside, another test; here the highest cell alone counts.": mass,
        "You asked if half of the map's mass is inside; here the highest cell alone counts.": (
            mass >= 0.5
        ),
        "You looked up one pixel in the middle of the cell; take the whole cell, and see if half "
        "of it is inside.": _inside(maps, middle) >= 0.5,
        "You looked up the upper left pixel of the cell; take the whole cell, and see if half of "
        "it is inside.": _inside(maps, corner) >= 0.5,
    }
    right = share >= 0.5
    judge(hits, right, mistakes, f"Your list of hits is off by up to {far(hits, right):.3g}.")


class Watched:
    """A made-up model: how much of a picture is left, each pixel with its own weight.

    `(N, 3, H, W)` -> `(N,)`. It does not mind how often or with how many pictures it is asked.
    """

    def __init__(self, size: tuple[int, int]):
        self.weights = torch.rand(3, *size, dtype=torch.float64).square()
        self.weights /= self.weights.sum() * 255

    def __call__(self, images: Tensor) -> Tensor:
        """Return what is left of each picture, 0 to 1."""
        require(
            isinstance(images, Tensor) and images.ndim == 4,
            "`predict` takes a batch (N, 3, H, W); for one picture use picture[None].",
        )
        return (images.double() * self.weights).sum(dim=(1, 2, 3))


@exercise("08", "The area under a deletion curve")
def area_of_deletion(answer: Callable[..., float]) -> str:
    """Check Exercise 5 of lesson 08: remove cells one after another, highest first."""
    for size, grid in (((12, 8), (3, 4)), ((6, 20), (2, 5))):
        predict = Watched(size)
        image, nothing = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
        nothing = nothing // 3
        heat = torch.randperm(grid[0] * grid[1]).float().view(grid) - 4
        before = image.clone()
        right = _deletion(predict, image, heat, nothing)
        given = image.clone()  # `call` copies too; here we want to see if it is changed
        amount = number(call(bound(answer, predict, given), heat, nothing), "The area")
        require(
            torch.equal(given, before),
            "You changed the picture that you were given; work on a copy (`image.clone()`), or "
            "the next map is tested on a picture with holes.",
        )
        if not close(amount, right, 1e-4):
            words = (
                f"For a map {grid} of a picture (3, {size[0]}, {size[1]}) the area should be "
                f"{right:.4f}; yours is {amount:.4f}."
            )
            judge(amount, right, _deletion_mistakes(predict, image, heat, nothing), words)
    return "A low area says that the model soon missed what the map ranks first."


def _curve(
    predict: Watched,
    image: Tensor,
    heat: Tensor,
    nothing: Tensor,
    *,
    alone: bool = False,
    by_column: bool = False,
    square: bool = False,
) -> Tensor:
    """Return the probability with 0 to all cells removed, the highest first."""
    rows, columns = image.shape[1] // heat.shape[0], image.shape[2] // heat.shape[1]
    rows = columns if square else rows
    flat = heat.T.flatten() if by_column else heat.flatten()
    current, left = image.clone(), [predict(image[None])[0]]
    for cell in flat.argsort(descending=True).tolist():
        current = image.clone() if alone else current
        row, column = divmod(cell, heat.shape[1])
        place = (
            slice(None),
            slice(row * rows, (row + 1) * rows),
            slice(column * columns, (column + 1) * columns),
        )
        current[place] = nothing[place]
        left.append(predict(current[None])[0])
    return torch.stack(left)


def _deletion(*given: Any, **how: Any) -> float:
    return area(_curve(*given, **how)[None]).item()


def _deletion_mistakes(
    predict: Watched, image: Tensor, heat: Tensor, nothing: Tensor
) -> dict[str, float]:
    """Return the areas that mistakes lead to, by the words for each."""
    given = (predict, image, heat, nothing)
    curve = _curve(*given)
    black, mean = torch.zeros_like(nothing), image.float().mean(dim=(1, 2), keepdim=True)
    return {
        "You removed the lowest cells first, or began with `nothing` and brought the highest back, "
        "which is the same curve from its other end. Remove the highest first.": _deletion(
            predict, image, -heat, nothing
        ),
        "You removed each cell alone and put it back; what is removed stays removed.": _deletion(
            *given, alone=True
        ),
        "Rows and columns of the map have changed places; cells are counted row by row.": _deletion(
            *given, by_column=True
        ),
        "You took the cells to be square; one is H / h pixels high and W / w wide.": _deletion(
            *given, square=True
        ),
        "You filled the cells with 0, black; put in what `nothing` has there.": _deletion(
            predict, image, heat, black
        ),
        "You filled the cells with the picture's mean; put in what `nothing` has there.": _deletion(
            predict, image, heat, mean.expand_as(image).round().to(torch.uint8)
        ),
        "You took the mean of all points. The area between two points is the mean of both times "
        "the step: the first and the last point count half.": curve.mean().item(),
        "You added the points up; the curve goes from 0 to 1, so a step is 1 / number of "
        "cells.": curve.sum().item(),
        "Your steps are 1 wide; the curve goes from 0 to 1, so a step is 1 / number of "
        "cells.": torch.trapezoid(curve).item(),
        "Your curve begins with one cell removed; its first point is the whole picture.": area(
            curve[None, 1:]
        ).item(),
        "Your curve ends before the last cell is removed; its last point is `nothing`.": area(
            curve[None, :-1]
        ).item(),
        "You took every step at its left end; join the points by straight lines "
        "(`torch.trapezoid`).": curve[:-1].mean().item(),
        "You took every step at its right end; join the points by straight lines "
        "(`torch.trapezoid`).": curve[1:].mean().item(),
        "That is the area above the curve; the one below is wanted.": 1 - area(curve[None]).item(),
    }


# Of each claim: whether the finding bears it out, and a thought that leads there.
CLAIMS: tuple[tuple[bool, str], ...] = (
    (False, "a blob in the middle scores as well, and it has not seen the face. What has the map "
     "shown that the blob has not?"),
    (True, "the answer is made in the head, after this map. Could a map that does not move with "
     "the head tell one class from another?"),
    (False, "the map marks where the mouth is, and so would a drawing of a face. Was the mouth "
     "taken away from the model to see what happens?"),
    (True, "the mouth was taken away, and other places of the same size were taken away for "
     "comparison. What is left to doubt is the filling, and the claim names it."),
    (False, "a weight of ½ on a silent branch lets nothing through. Which map says what "
     "arrives?"),
    (False, "other weights that give the same answer show that these are not the only ones. Do "
     "they show that no weights, in no model, say anything?"),
    (False, "a map can mark what is there. What would it have to mark if a thing is hidden?"),
)  # fmt: skip


@exercise("08", "What follows from what was found?")
def what_follows(answer: Any) -> str:
    """Check Exercise 6 of lesson 08: of seven claims, which are borne out by their finding."""
    require_answer(answer)
    require(
        isinstance(answer, list | tuple) and len(answer) == len(CLAIMS),
        f"Give a list of {len(CLAIMS)} values, True or False, one for each claim, in order.",
    )
    for place, (given, (right, thought)) in enumerate(zip(answer, CLAIMS, strict=True), start=1):
        require(given is not None and given is not ..., f"Claim {place} is still open: fill it in.")
        require(
            isinstance(given, bool | int) and given in (0, 1),
            f"Claim {place}: {given!r:.20} is neither True nor False.",
        )
        words = "does not follow" if given else "does follow"
        require(bool(given) == right, f"Claim {place} {words}: {thought}")
    return "A map is a hypothesis. What bears it out is a change that was made, and a control."
