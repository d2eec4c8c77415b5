"""Do the maps tell the truth? Tests that a map can fail, and controls that ought to. Taught in 08.

    deletion, insertion     does the model need what the map marks?
    randomised weights      does the map change when what was learned is thrown away?

`pointing` asks whether a map marks the regions in which the expression is. A map that scores no
better than `random_map` and its `prior` of other people has shown nothing of its face.
"""

import copy
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.explain.heat_maps import check_classes, filled
from vtff_lib.inputs import check_model
from vtff_lib.refusals import (
    check_flag,
    check_number,
    check_shape,
    check_sizes,
    check_tensor,
    check_whole,
    shown,
)
from vtff_lib.vtff import VTFF


def curve(
    predict: Callable[[Tensor], Tensor],
    rgb: Tensor,
    maps: Tensor,
    classes: Tensor,
    insert: bool = False,
    fill: str = "mean",
    steps: int = 12,
) -> Tensor:
    """Return the class's probability while cells are removed, the highest of the map first.

    With `insert` they are brought back, the highest first, into a picture of nothing but `fill`.
    Source: Petsiuk, Das and Saenko 2018, "RISE", arXiv 1806.07421; there single pixels go, here
    cells. Equal cells go in an order drawn once for all: a flat map is no better than chance.

    Args:
        predict: from uint8 `(N, 3, H, W)` to probabilities `(N, classes)`.
        rgb: the images, uint8.
        maps: `(N, h, w)`, in whatever unit; only its order counts.
        classes: `(N,)`, whose probability is followed.
        insert: whether to insert in place of deleting.
        fill: see `filled`.
        steps: how many pictures are looked at after the first.

    Returns:
        `(N, steps + 1)`, from no cell changed to all of them.

    Raises:
        ValueError: if `fill` is unknown, `rgb` is not uint8, `maps` or `classes` are not one for
            each image, or there are no steps.
    """
    if not callable(predict):
        raise ValueError(f"predict={shown(predict)} will not do; give a function of pictures.")
    check_tensor("rgb", rgb, "(N, 3, H, W)", "uint8")
    check_tensor("maps", maps, f"({len(rgb)}, h, w)", "real", finite=True)
    check_sizes(steps=steps)
    check_flag("insert", insert)
    maps = maps.to(rgb.device)
    cells = maps[0].numel()
    turn = _places(maps.flatten(1)).view(maps.shape).unsqueeze(1)  # (N, 1, h, w), 0 goes first
    turn = F.interpolate(turn.float(), rgb.shape[-2:], mode="nearest")
    nothing = filled(rgb, fill)
    before, after = (nothing, rgb) if insert else (rgb, nothing)
    points = []
    for step in range(steps + 1):
        probabilities = predict(torch.where(turn < step * cells / steps, after, before))
        check_tensor("predict(…)", probabilities, f"({len(rgb)}, K)", finite=True)
        check_classes(classes, *probabilities.shape)
        chosen = classes.to(probabilities.device).view(-1, 1)
        points.append(probabilities.gather(1, chosen)[:, 0])
    return torch.stack(points, dim=1)


def _places(values: Tensor) -> Tensor:
    """Return the place of each value `(N, K)` in its row, the largest first, ties by lot."""
    lot = torch.randperm(values.shape[1], generator=torch.Generator().manual_seed(0))
    lot = lot.to(values.device)
    order = lot[values[:, lot].argsort(dim=1, descending=True, stable=True)]  # (N, K) cells
    return order.argsort(dim=1)


def area(curves: Tensor) -> Tensor:
    """Return the area under each curve `(N, steps + 1)` over 0 to 1, `(N,)`.

    Low is good for deletion, high for insertion.

    Raises:
        ValueError: if a curve has fewer than two points, or one that is no finite number.
    """
    check_tensor("curves", curves, "(N, steps)", finite=True)
    if curves.shape[1] < 2:
        raise ValueError("A curve of one point has no area; give steps + 1 points, at least two.")
    return torch.trapezoid(curves, dx=1 / (curves.shape[1] - 1), dim=1)


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's correlation of two maps `(N, h, w)` for each image, `(N,)`, -1 to 1.

    Equal values share the mean of their ranks; a map that is flat correlates 0.

    Raises:
        ValueError: if the shapes differ, or a value is no finite number.
    """
    check_tensor("first", first, "(N, h, w)", "real", finite=True)
    check_tensor("second", second, "(N, h, w)", "real", finite=True)
    if first.shape != second.shape:
        raise ValueError(
            f"rank_correlation got shapes {tuple(first.shape)} and {tuple(second.shape)}; give "
            "two of one shape (N, h, w)."
        )
    ranks = [_ranks(heat.flatten(1)) for heat in (first, second)]
    centred = [rank - rank.mean(dim=1, keepdim=True) for rank in ranks]
    product = (centred[0] * centred[1]).sum(dim=1)
    norm = centred[0].norm(dim=1) * centred[1].norm(dim=1)
    return product / norm.clamp_min(1e-30)


def _ranks(values: Tensor) -> Tensor:
    """Return ranks from 0, `(N, K)`; equal values share their mean."""
    below = (values.unsqueeze(1) < values.unsqueeze(2)).sum(dim=2)
    equal = (values.unsqueeze(1) == values.unsqueeze(2)).sum(dim=2)
    return below.double() + (equal - 1) / 2


def randomised(model: VTFF, seed: int = 0) -> Iterator[tuple[str, VTFF]]:
    """Yield copies of `model` that have forgotten more and more, from the head to the trunks.

    What a part has learned is replaced by what it might have started with, the running statistics
    of batch norm too; the last copy has learned nothing. Source: Adebayo et al. 2018, "Sanity
    Checks for Saliency Maps", arXiv 1810.03292 (cascading randomisation).

    Args:
        model: the trained one; it is left as it was.
        seed: of the new weights.

    Returns:
        Pairs of what was forgotten last, and the model, in eval mode.

    Raises:
        ValueError: if `model` is no VTFF or `seed` no whole number from 0.
    """
    check_model(model)
    check_whole("seed", seed, low=0, high=2**63)
    return _forgetting(model, seed)


def _forgetting(model: VTFF, seed: int) -> Iterator[tuple[str, VTFF]]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the dice of GPUs are left alone too
        fresh = VTFF(model.config).state_dict()
    blocks = [f"encoder.blocks.{i}" for i in reversed(range(model.config.depth))]
    parts = {
        "head": ("head", "encoder.norm"),
        **{block: (block,) for block in blocks},
        "tokens": ("token_projection", "cls_token", "position_embedding"),
        "fusion": ("fusion",),
        "backbones": ("backbones",),
    }
    forgotten = copy.deepcopy(model).eval()
    for part, modules in parts.items():
        starts = tuple(f"{module}." for module in modules)
        weights = {name: tensor for name, tensor in fresh.items() if f"{name}.".startswith(starts)}
        if weights:  # a sum has none, say
            forgotten.load_state_dict(weights, strict=False)
            yield part, copy.deepcopy(forgotten)


def random_map(shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Return maps `(N, h, w)` of nothing but chance, 0 to 1.

    Raises:
        ValueError: if `shape` is no three numbers from 1, or `seed` no whole number from 0.
    """
    check_shape("shape", shape, 3)
    check_whole("seed", seed, low=0, high=2**63)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def centred_blob(shape: tuple[int, int, int], width: float = 0.25) -> Tensor:
    """Return maps `(N, h, w)` that mark the middle, whatever is shown: faces are in the middle.

    exp(-d² / 2·width²), d the distance from the middle as a share of the side.

    Raises:
        ValueError: if `shape` is no three numbers from 1, or `width` is not above 0.
    """
    check_shape("shape", shape, 3)
    check_number("width", width, 1e-6, 1e6)
    _, height, columns = shape
    y = (torch.arange(height) + 0.5) / height - 0.5
    x = (torch.arange(columns) + 0.5) / columns - 0.5
    distance = y[:, None].square() + x[None, :].square()
    return torch.exp(-distance / (2 * width**2)).expand(shape)
