"""The checks of lesson 08b, first part: the pointing game."""

from collections.abc import Callable

import torch
from torch import Tensor

from vtff_lib.checks.judging import (
    call,
    exercise,
    far,
    judge,
    require_tensor,
)


@exercise("08b", "The pointing game")
def points_inside(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 1 of lesson 08b: is the highest cell inside the mask by half at least?"""
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
