"""Does a map mark the regions in which the expression is? Taught in 08 and 08b.

Only synthetic faces can answer: their regions and action units are known. To look elsewhere is no
proof of a lie, for a model may well use what is not where we would look; to say so is the point.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.refusals import check_number, check_tensor, describe
from vtff_lib.synthetic_faces import ACTION_UNITS, REGIONS, UNIT_REGIONS

ACTIVE = 0.3  # from this intensity on a unit counts; what strays into other expressions is weaker


def expression_masks(regions: Tensor, action_units: Tensor, active: float = ACTIVE) -> Tensor:
    """Return where the expression of each face is, bool `(N, H, W)`.

    A unit belongs to the region that `ACTION_UNIT_NAMES` names first for it, that of the feature it
    moves: brows (1, 2, 4), eyes (5, 6, 7, 43), nose (9) or mouth (the others). The mask holds the
    regions of all units that are active on either side. A face at rest has none. Ours.

    Args:
        regions: `(N, H, W)`, 1 + the index in `REGIONS`, 0 for none: `extras["regions"]` of a
            `FaceSet`, or what `render` returns.
        action_units: `(N, 19, 2)`, 0 to 1, left and right.
        active: the least intensity that counts.

    Raises:
        ValueError: if the two do not fit together.
    """
    check_tensor("regions", regions, "(N, H, W)", "real", finite=True)
    check_tensor("action_units", action_units, "(N, units, sides)", finite=True)
    check_number("active", active, 0, 1)
    if regions.min() < 0 or regions.max() > len(REGIONS):
        raise ValueError(f"regions go to {regions.max()}; there are 0 to {len(REGIONS)}.")
    if action_units.shape != (len(regions), len(ACTION_UNITS), 2):
        raise ValueError(
            f"regions are {describe(regions)} and action_units {describe(action_units)}; give "
            f"(N, H, W) and (N, {len(ACTION_UNITS)}, 2)."
        )
    moved = torch.zeros(len(regions), 1 + len(REGIONS), dtype=torch.bool, device=regions.device)
    for part, intensity in zip(UNIT_REGIONS, action_units.amax(dim=2).unbind(1), strict=True):
        moved[:, 1 + part] |= intensity >= active
    return moved.gather(1, regions.long().flatten(1)).view(regions.shape)


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return whether the highest cell of each map lies in its mask, by half at least: `(N,)`, 0, 1.

    Of several highest cells, the share that does. Source: Zhang et al. 2016, "Top-down Neural
    Attention by Excitation Backprop", arXiv 1608.00507; there a point is looked up, here a cell.

    Args:
        maps: `(N, h, w)`.
        masks: `(N, H, W)` bool, finer than the grid or alike: where the expression is.

    Raises:
        ValueError: if they are not one for each image.
    """
    hit = share_of_cells(masks, maps) >= 0.5
    best = maps == maps.amax(dim=(1, 2), keepdim=True)
    return (best & hit).sum(dim=(1, 2)) / best.sum(dim=(1, 2))


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive mass that lies inside its mask, `(N,)`, 0 to 1.

    A cell that is partly inside counts for its part. A map without mass counts as spread evenly.

    Args:
        maps: `(N, h, w)`; what is below 0 counts as 0.
        masks: `(N, H, W)` bool, finer than the grid or alike.

    Raises:
        ValueError: if they are not one for each image.
    """
    share, mass = share_of_cells(masks, maps), maps.clamp_min(0)
    empty = mass.sum(dim=(1, 2), keepdim=True) == 0
    mass = torch.where(empty, torch.ones_like(mass), mass)
    return (mass * share).sum(dim=(1, 2)) / mass.sum(dim=(1, 2))


def share_of_cells(masks: Tensor, maps: Tensor) -> Tensor:
    """Return which part of each cell of the maps' grid lies inside the mask, `(N, h, w)`.

    Raises:
        ValueError: if they are not one for each image.
    """
    check_tensor("maps", maps, "(N, h, w)", "real", finite=True)
    check_tensor("masks", masks, "(N, H, W)", "real", finite=True)
    if len(maps) != len(masks):
        raise ValueError(
            f"There are maps {describe(maps)} and masks {describe(masks)}; give (N, h, w) and "
            "(N, H, W)."
        )
    return F.adaptive_avg_pool2d(masks.float(), (maps.shape[1], maps.shape[2]))
