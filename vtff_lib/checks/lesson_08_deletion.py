"""The checks of lesson 08, third part: deletion."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import Either, bound, call, close, exercise, judge, number, require
from vtff_lib.explain.faithfulness import area


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
    """Check Exercise 4 of lesson 08: remove cells one after another, highest first."""
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
) -> dict[str, float | Either]:
    """Return the areas that mistakes lead to, by the words for each."""
    given = (predict, image, heat, nothing)
    curve, cells = _curve(*given), heat.numel()
    above_zero = curve[: 1 + int((heat > 0).sum())]
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
        "Your step is 1 / number of points; there is one step fewer than points.": (
            area(curve[None]).item() * cells / (cells + 1)
        ),
        "You removed only the cells above 0; remove all, a signed map's lowest last.": Either(
            (torch.trapezoid(above_zero).item() / cells, area(above_zero[None]).item())
        ),
        "You took every step at its left end; join the points by straight lines "
        "(`torch.trapezoid`).": curve[:-1].mean().item(),
        "You took every step at its right end; join the points by straight lines "
        "(`torch.trapezoid`).": curve[1:].mean().item(),
        "That is the area above the curve; the one below is wanted.": 1 - area(curve[None]).item(),
    }
