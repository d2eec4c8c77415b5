"""The exercises of lesson 08: rollout, ranks, forgetting, pointing, deletion, and what follows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.attention import refuse
from vtff_lib.checks.forgetting import (
    Asked,
    changed,
    explanations,
    judge_copy,
    learned,
    maps_of,
    trained_model,
)
from vtff_lib.checks.judging import call, close, exercise, require, require_answer, require_tensor
from vtff_lib.checks.vtff import number
from vtff_lib.explain.faithfulness import area, rank_correlation


@exercise("08", "Attention rollout, for any number of layers and heads")
def rolled_out(answer: Callable[[Sequence[Tensor]], Tensor]) -> str:
    """Check Exercise 1 of lesson 08: the row of [cls] in Ã_N ··· Ã_1, without [cls], summing to 1.

    The factor ½ may be left out: it cancels.
    """
    for depth, count, heads, tokens in ((3, 2, 4, 7), (2, 1, 1, 3), (1, 3, 2, 5)):
        layers = tuple((3 * torch.randn(count, heads, tokens, tokens)).softmax(dim=-1)
                       for _ in range(depth))  # fmt: skip
        what = f"The rollout of {depth} layers {tuple(layers[0].shape)}"
        found = call(answer, layers)
        right = _rolled(_shortcut(layers))
        require(
            not isinstance(found, Tensor) or found.shape != (count, tokens, tokens),
            f"{what} is wanted for [cls] alone: row 0 of the product, without [cls] itself.",
        )
        require(
            not isinstance(found, Tensor) or found.shape != (count, tokens),
            "Your row still has [cls] in it. Leave out its first entry: [cls] is no place.",
        )
        found = require_tensor(found, tuple(right.shape), what)
        if not close(found, right):
            _judge_rollout(found, layers)
        refuse(found, right, "The shape is right, but your rollout", [])
    return (
        "Attention and shortcuts, multiplied through. Nothing in it depends on a value, an MLP or "
        "a class."
    )


def _shortcut(layers: Sequence[Tensor]) -> list[Tensor]:
    return [(each.mean(dim=1) + torch.eye(each.shape[-1])) / 2 for each in layers]


def _product(matrices: Sequence[Tensor]) -> Tensor:
    """Return the product with the first layer rightmost."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    return product


def _rolled(matrices: Sequence[Tensor]) -> Tensor:
    row = _product(matrices)[:, 0, 1:]
    return row / row.sum(dim=1, keepdim=True)


def _judge_rollout(found: Tensor, layers: Sequence[Tensor]) -> None:
    """Say which mistake a wrong rollout `(N, T - 1)` comes from."""
    mixed, eye = _shortcut(layers), torch.eye(layers[0].shape[-1])
    product = _product(mixed)
    column, added = product[:, 1:, 0], torch.stack(mixed).sum(dim=0)[:, 0, 1:]
    largest = [(each.amax(dim=1) + eye) / 2 for each in layers]
    total = [(each.sum(dim=1) + eye) / 2 for each in layers]
    of_batch = _rolled([each.mean(dim=0, keepdim=True).expand_as(each) for each in mixed])
    entries = mixed[0]
    for each in mixed[1:]:
        entries = entries * each
    mistakes = [
        (product[:, 0, 1:], "Your row does not sum to 1: without [cls] it has to be scaled again."),
        (product[:, 0, 1:] / product[:, 0, 1:].amax(dim=1, keepdim=True), "You divided by the "
         "largest entry; divide by the sum."),
        (_rolled(mixed[::-1]), "Your layers are multiplied in the wrong order: R = Ã_N ··· Ã_1, "
         "the first layer stands on the right."),
        (_rolled([each.mean(dim=1) for each in layers]), "The shortcuts are missing: Ã is half "
         "attention and half identity."),
        (_rolled([(each.mean(dim=1) + 2 * eye) / 2 for each in layers]), "You halved the attention "
         "and not the identity: both count for one half."),
        (column / column.sum(dim=1, keepdim=True), "You took the column of [cls], which says who "
         "looks at [cls]. Its row says where it looks."),
        (_rolled(mixed[-1:]), "Only your last layer counts; multiply all of them."),
        (_rolled(mixed[:1]), "Only your first layer counts; multiply all of them."),
        (added / added.sum(dim=1, keepdim=True), "You added the layers up; a path goes through "
         "all of them, so multiply."),
        (entries[:, 0, 1:] / entries[:, 0, 1:].sum(dim=1, keepdim=True), "`*` multiplies entry by "
         "entry; a product of matrices is `@`."),
        (_rolled(largest), "You took the largest of the heads; take their mean."),
        (_rolled(total), "You added the heads up; with their mean, a row sums to 1 before the "
         "identity is mixed in."),
        (_rolled([(each[:, 0] + eye) / 2 for each in layers]), "You used head 0 alone; take the "
         "mean of all heads."),
        (of_batch, "You averaged over the batch; every face has a rollout of its own."),
    ]  # fmt: skip
    for value, words in mistakes:
        require(not close(found, value), words)


@exercise("08", "Spearman's rank correlation of two maps")
def ranks_agree(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 2 of lesson 08: ranks, equal values sharing theirs, then correlation."""
    distinct = torch.randn(3, 2, 5).exp(), torch.randn(3, 2, 5)
    tied = torch.tensor([0.0, 0, 0, 1, 5, 2, 2, 9]).view(1, 2, 4), torch.rand(1, 2, 4)
    flat = torch.ones(1, 3, 3), torch.rand(1, 3, 3)
    for what, (first, second) in (
        ("", distinct),
        ("with ties", tied),
        ("of which one is flat", flat),
        ("of which one is flat", flat[::-1]),
    ):
        found = call(answer, first, second)
        require(
            not isinstance(found, Tensor) or found.ndim or len(first) == 1,
            "You returned one number for all faces; each pair of maps has its own.",
        )
        found = torch.as_tensor(found) if isinstance(found, float) else found
        found = found.reshape(1) if isinstance(found, Tensor) and not found.ndim else found
        found = require_tensor(found, (len(first),), f"The correlation of two maps {what}".rstrip())
        require(
            what != "of which one is flat" or not found.isnan().any(),
            "A flat map has no ranks that vary, and 0 / 0 is nan; let such a pair count as 0.",
        )
        right = rank_correlation(first, second)
        if not close(found, right):
            _judge_ranks(found, first, second, bool(what))
        refuse(found, right, f"Your correlation of two maps {what}".rstrip(), [])
    return "Only the order of the cells counts, so maps in different units can be compared."


def _places(values: Tensor) -> Tensor:
    """Return ranks `(N, K)`; equal values in the order in which they come."""
    return values.flatten(1).argsort(dim=1, stable=True).argsort(dim=1).double()


def _correlated(first: Tensor, second: Tensor, centre: bool = True) -> Tensor:
    pair = [each.flatten(1).double() for each in (first, second)]
    if centre:
        pair = [each - each.mean(dim=1, keepdim=True) for each in pair]
    norm = pair[0].norm(dim=1) * pair[1].norm(dim=1)
    return (pair[0] * pair[1]).sum(dim=1) / norm.clamp_min(1e-30)


def _shared_ranks(values: Tensor) -> Tensor:
    flat = values.flatten(1).double()
    below = (flat.unsqueeze(1) < flat.unsqueeze(2)).sum(dim=2)
    return below + ((flat.unsqueeze(1) == flat.unsqueeze(2)).sum(dim=2) - 1) / 2


def _judge_ranks(found: Tensor, first: Tensor, second: Tensor, ties: bool) -> None:
    """Say which mistake a wrong correlation `(N,)` comes from."""
    right = rank_correlation(first, second)
    pair = (first, second)
    order = tuple(each.flatten(1).argsort(dim=1) for each in pair)
    places = [_places(each) for each in pair]
    batch = [_places(each.reshape(1, -1)).view(each.shape) for each in pair]
    signs = [(each.flatten(1).unsqueeze(1) - each.flatten(1).unsqueeze(2)).sign() for each in pair]
    cells = places[0].shape[1]
    kendall = (signs[0] * signs[1]).sum(dim=(1, 2)) / (cells * (cells - 1))
    apart = (_shared_ranks(first) - _shared_ranks(second)).square().sum(dim=1)
    mistakes = [
        (-right, "The sign is turned round: maps that agree should give 1."),
        (_correlated(first, second), "That is Pearson's correlation of the values; take ranks "
         "first."),
        (_correlated(order[0], order[1]), "`argsort` says which cell comes first, not which rank a "
         "cell has. Sorting the order once more gives the ranks."),
        (_correlated(places[0], places[1], centre=False), "Take the mean rank away from the ranks "
         "first; without that, any two maps seem to agree."),
        (right.abs(), "You dropped the sign; maps can disagree."),
        (right.square(), "You squared it; maps can disagree, and the sign says so."),
        (kendall, "That is Kendall's correlation, of pairs of cells; here it is that of the "
         "ranks."),
    ]  # fmt: skip
    if len(first) > 1:
        words = "You ranked the cells of all faces together; every map has its own ranks."
        mistakes.append((_correlated(batch[0], batch[1]), words))
    if ties:
        mistakes += [
            (_correlated(places[0], places[1]), "Equal values got different ranks, by where they "
             "stand; let them share the mean of their ranks."),
            (1 - 6 * apart / (cells * (cells**2 - 1)), "1 - 6 Σd² / n(n² - 1) holds without ties; "
             "with ties, correlate the ranks."),
        ]  # fmt: skip
    for value, words in mistakes:
        require(close(value, right) or not close(found, value), words)


@exercise("08", "The randomisation control")
def randomisation_control(answer: Callable[..., Tensor]) -> str:
    """Check Exercise 3 of lesson 08: the same map of a copy that has learned nothing.

    The numbers are compared with those of the maps that the answer itself asked for, so any draw
    of new weights will do.
    """
    model = trained_model()
    trained, modes = learned(model), [each.training for each in model.modules()]
    images = torch.randint(0, 256, (5, 3, 32, 48), dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(5)
    for explanation in explanations(trained):
        asked = Asked(explanation)
        trial = partial(answer, asked, model) if callable(answer) else answer
        found = call(trial, images)
        require(
            [each.training for each in model.modules()] == modes,
            "You left the given model in another mode, training or evaluation, than it was in.",
        )
        require(
            not changed(trained, learned(model)),
            "You drew the weights of the given model anew, and now it has learned nothing. Work on "
            "a copy: the next test needs the trained model.",
        )
        judge_copy(asked, trained)
        pair = [maps_of(each, images) for each in asked.asked_of(trained)]
        if pair[0] is None or pair[1] is None:
            words = "Ask about both models with the same pictures: all those that were given."
            require(False, words)
        else:
            _judge_control(found, pair[0], pair[1])
    return (
        "A map that stays at 1 owes nothing to what was learned. One that falls has passed this "
        "test, and no other."
    )


def _judge_control(found: Any, first: Tensor, second: Tensor) -> None:
    """Compare what was found with the correlations of the maps before and after, `(N, h, w)`."""
    if isinstance(found, float | int) or (isinstance(found, Tensor) and found.numel() == 1):
        pooled = rank_correlation(first.reshape(1, 1, -1), second.reshape(1, 1, -1))
        require(
            not close(float(found), pooled[0]),
            "You ranked the cells of all pictures together; each picture has a correlation of its "
            "own.",
        )
        require(False, "You returned one number for all pictures; each has its own.")
    found = require_tensor(found, (len(first),), "What stays")
    right = rank_correlation(first, second)
    apart = (first - second).flatten(1)
    mistakes = [
        (torch.ones_like(right), "You compared a map with itself: both models were asked, but only "
         "one of the answers was used."),
        (1 - right, "That is 1 - the correlation, what goes; what stays is wanted."),
        (-right, "The sign is turned round: a map that stays the same should give 1."),
        (right.abs(), "You dropped the sign; a map can be turned upside down."),
        (_correlated(first, second), "That is Pearson's correlation of the values; take that of "
         "the ranks, or one high cell decides."),
        (apart.abs().mean(dim=1), "That is the mean difference of the values, in the map's own "
         "unit. A correlation of the ranks needs no unit."),
        (apart.square().mean(dim=1), "That is the mean squared difference of the values, in the "
         "map's own unit. A correlation of the ranks needs no unit."),
        (right.mean().expand_as(right), "You gave every picture the mean of all; each has a "
         "correlation of its own."),
    ]  # fmt: skip
    refuse(found, right, "What stays, by your function,", mistakes)


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
        found = call(answer, maps, masks)
        require(
            not isinstance(found, Tensor) or found.ndim,
            "You returned one number for all faces; say for each whether it is a hit.",
        )
        found = require_tensor(found, (count,), what)
        right = _inside(maps, masks) >= 0.5
        if not close(found, right):
            _judge_pointing(found, maps, masks)
        refuse(found, right, "Your list of hits", [])
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


def _judge_pointing(found: Tensor, maps: Tensor, masks: Tensor) -> None:
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
    mistakes = [
        (share, "You returned how much of the cell is inside; a hit is half of it at least: yes "
         "or no."),
        (share > 0.5, "A cell that is inside by exactly half counts: at least half."),
        (share > 0, "You count a cell that the mask only touches; half of it has to be inside."),
        (share == 1, "You count only cells that are inside wholly; half is enough."),
        (share < 0.5, "Your hits are the misses."),
        (_inside(maps.abs(), masks) >= 0.5, "You took the largest value without its sign; a map's "
         "lowest value is no peak."),
        (_inside(-maps, masks) >= 0.5, "You took the lowest cell; take the highest."),
        (_inside(maps, masks, row_major=False) >= 0.5, "Rows and columns have changed places: "
         "cells are counted row by row."),
        (whole[:, 0] >= 0.5, "You took one peak for the whole batch; every map has its own."),
        (mass, "That is the mass inside, another test; here the highest cell alone counts."),
        (mass >= 0.5, "You asked if half of the map's mass is inside; here the highest cell alone "
         "counts."),
        (_inside(maps, middle) >= 0.5, "You looked up one pixel in the middle of the cell; take "
         "the whole cell, and see if half of it is inside."),
        (_inside(maps, corner) >= 0.5, "You looked up the upper left pixel of the cell; take the "
         "whole cell, and see if half of it is inside."),
    ]  # fmt: skip
    for value, words in mistakes:
        require(not close(found, value), words)


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
        given = image.clone()  # `call` copies too; here we want to see if it is changed
        trial = partial(answer, predict, given) if callable(answer) else answer
        found = number(call(trial, heat, nothing), "The area")
        require(
            torch.equal(given, before),
            "You changed the picture that you were given; work on a copy (`image.clone()`), or "
            "the next map is tested on a picture with holes.",
        )
        right = _deletion(predict, image, heat, nothing)
        if not close(found, right, 1e-4):
            _judge_deletion(found, predict, image, heat, nothing)
        require(
            close(found, right, 1e-4),
            f"For a map {grid} of a picture (3, {size[0]}, {size[1]}) the area should be "
            f"{right:.4f}; yours is {found:.4f}.",
        )
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
    current, found = image.clone(), [predict(image[None])[0]]
    for cell in flat.argsort(descending=True).tolist():
        current = image.clone() if alone else current
        row, column = divmod(cell, heat.shape[1])
        place = (
            slice(None),
            slice(row * rows, (row + 1) * rows),
            slice(column * columns, (column + 1) * columns),
        )
        current[place] = nothing[place]
        found.append(predict(current[None])[0])
    return torch.stack(found)


def _deletion(*given: Any, **how: Any) -> float:
    return area(_curve(*given, **how)[None]).item()


def _judge_deletion(
    found: float, predict: Watched, image: Tensor, heat: Tensor, nothing: Tensor
) -> None:
    """Say which mistake a wrong area comes from."""
    given = (predict, image, heat, nothing)
    curve = _curve(*given)
    black, mean = torch.zeros_like(nothing), image.float().mean(dim=(1, 2), keepdim=True)
    mistakes = {
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
    for words, value in mistakes.items():
        require(not close(found, value, 1e-5), words)


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
