"""The checks of lesson 08, third part: a test for a map."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Predict = Callable[[Tensor], Tensor]  # (N, 3, H, W) -> (N, classes)
Occlude = Callable[[Predict, Tensor, Tensor, tuple[int, int]], Tensor]


def own_colour(images: Tensor) -> Tensor:
    """Return the mean colour of each image, `(N, 3, 1, 1)`."""
    return images.mean(dim=(2, 3), keepdim=True)


def cell_by_cell(
    predict: Predict,
    images: Tensor,
    classes: Tensor,
    grid: tuple[int, int],
    *,
    colour: Callable[[Tensor], Tensor] = own_colour,
    restored: bool = True,
    square: bool = False,
    asked: Callable[[Tensor, Tensor], Tensor] = lambda before, classes: classes,
    lost: Callable[[Tensor, Tensor], Tensor] = lambda before, after: before - after,
) -> Tensor:
    """Return what each class's probability loses by each cell, `(N, h, w)`.

    Args:
        predict: the model.
        images: `(N, 3, H, W)`.
        classes: `(N,)`.
        grid: h, w.
        colour: of the cells that are filled.
        restored: whether a cell is put back before the next.
        square: whether cells are taken for square.
        asked: the class of each image, from the probabilities and those that were given.
        lost: from the probabilities before and after.
    """
    rows, columns = images.shape[2] // grid[0], images.shape[3] // grid[1]
    columns = rows if square else columns
    places, before = torch.arange(len(images)), predict(images)
    wanted = asked(before, classes)
    falls, covered = torch.zeros(len(images), *grid), images.clone()
    for i in range(grid[0]):
        for j in range(grid[1]):
            covered = images.clone() if restored else covered
            down, across = slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns)
            covered[:, :, down, across] = colour(images).to(images.dtype)
            after = predict(covered)[places, wanted]
            falls[:, i, j] = lost(before[places, wanted], after)
    return falls


def all_at_once(predict: Predict, images: Tensor, classes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Ask for all cells of all images in one batch."""
    count, cells = len(images), grid[0] * grid[1]
    one = torch.eye(cells).view(cells, 1, *grid)
    rows, columns = images.shape[2] // grid[0], images.shape[3] // grid[1]
    masks = one.repeat_interleave(rows, dim=2).repeat_interleave(columns, dim=3).bool()
    covered = torch.where(masks, own_colour(images)[:, None], images[:, None])
    after = predict(covered.flatten(0, 1)).view(count, cells, -1)
    chosen = classes.view(-1, 1, 1).expand(-1, cells, 1)
    falls = predict(images).gather(1, classes[:, None]) - after.gather(2, chosen)[..., 0]
    return falls.view(count, *grid)


def image_by_image(
    predict: Predict, images: Tensor, classes: Tensor, grid: tuple[int, int]
) -> Tensor:
    """Take the images one by one, and the cells from the last to the first."""
    maps = []
    for image, wanted in zip(images, classes.tolist(), strict=True):
        before, changed = predict(image[None])[0, wanted], image.clone()
        falls = torch.zeros(grid)
        strips = zip(changed.chunk(grid[0], dim=1), image.chunk(grid[0], dim=1), strict=True)
        for i, (strip, kept) in reversed([*enumerate(strips)]):
            pairs = zip(strip.chunk(grid[1], dim=2), kept.chunk(grid[1], dim=2), strict=True)
            for j, (cell, own) in reversed([*enumerate(pairs)]):
                cell[:] = own_colour(image[None])[0]
                falls[i, j] = before - predict(changed[None])[0, wanted]
                cell[:] = own
        maps.append(falls)
    return torch.stack(maps)


def painted(predict: Predict, images: Tensor, classes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Leave the last cell of the images filled."""
    falls = cell_by_cell(predict, images, classes, grid)
    rows, columns = images.shape[2] // grid[0], images.shape[3] // grid[1]
    images[:, :, -rows:, -columns:] = own_colour(images)
    return falls


def turned(predict: Predict, images: Tensor, classes: Tensor, grid: tuple[int, int]) -> Tensor:
    """Number the cells column by column."""
    falls = cell_by_cell(predict, images, classes, grid)
    return falls.transpose(1, 2).reshape(falls.shape)


RIGHT: dict[str, Occlude] = {
    "one cell of all images at a time": cell_by_cell,
    "all cells in one batch": all_at_once,
    "image by image, from the last cell to the first": image_by_image,
}
FAULTY: dict[str, Occlude] = {
    "fills a cell with the mean colour of all images, so that a map depends on what is beside it": (
        partial(cell_by_cell, colour=lambda images: images.mean(dim=(0, 2, 3), keepdim=True))
    ),
    "fills a cell with the mean of all three channels": partial(
        cell_by_cell, colour=lambda images: images.mean(dim=(1, 2, 3), keepdim=True)
    ),
    "does not put a cell back before it fills the next": partial(cell_by_cell, restored=False),
    "explains what the model names, whatever class you ask about": partial(
        cell_by_cell, asked=lambda before, classes: before.argmax(dim=1)
    ),
    "asks about the first class for all images": partial(
        cell_by_cell, asked=lambda before, classes: classes[:1].expand_as(classes)
    ),
    "takes cells for square": partial(cell_by_cell, square=True),
    "puts the cells down column by column": turned,
    "drops the sign: a cell that speaks against the class counts like one that speaks for it": (
        partial(cell_by_cell, lost=lambda before, after: (before - after).abs())
    ),
    "cuts off what is below 0": partial(
        cell_by_cell, lost=lambda before, after: (before - after).clamp_min(0)
    ),
    "divides each fall by the probability that there was": partial(
        cell_by_cell, lost=lambda before, after: 1 - after / before
    ),
    "leaves the images that it was given painted": painted,
}


@exercise("08", "Find the fault: a map by occlusion")
def fault_in_map(answer: Callable[[Occlude], Any]) -> str:
    """Check Exercise 4 of lesson 08: a test for occlusion, tried on right and faulty maps."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right maps and fails {len(FAULTY)} faulty ones, each of "
        "which gives a picture that looks like an explanation."
    )
