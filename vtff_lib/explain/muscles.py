"""One muscle at a time is taken away, and all else stays: did a map know what it did? Taught in 08.

    taken = removals(faces)                       each active unit of each face, alone, put to rest
    places = change_in_cells(before, after, grid)  where the picture changed
    marks = mean_over(maps[taken.face], places)    what a map says of each unit
    in_order(marks, losses, pairs)                 and what the answer lost, two units at a time

A face that is drawn can be drawn again. So what a unit did for an answer is not guessed from a
hidden square, a picture that no camera takes: it is measured on a face that could be.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.refusals import check_number, check_shape, check_tensor, describe, shown
from vtff_lib.synthetic_faces import UNIT_REGIONS
from vtff_lib.synthetic_faces.faces import Faces


class Removals(NamedTuple):
    """Faces that differ from others in one action unit each, which is at rest; K of them."""

    faces: Faces  # K rows
    face: Tensor  # (K,), int64: which face it was made from
    unit: Tensor  # (K,), int64: which unit is at rest, an index into ACTION_UNITS

    @property
    def part(self) -> Tensor:
        """The region that the unit belongs to, an index into `REGIONS`, as `expression_masks`."""
        return torch.tensor(UNIT_REGIONS)[self.unit]


def removals(faces: Faces, active: float = 0.3) -> Removals:
    """Return the faces once for each of their active units, with that unit at rest on both sides.

    Args:
        faces: from `sample`; light, noise, person and all other units stay as they are.
        active: the least intensity, on either side, that counts, 0 to 1; as `expression_masks` has
            it.

    Raises:
        ValueError: if `faces` are none, `active` is out of range, or no unit is active.
    """
    check_number("active", active, 0, 1)
    if not isinstance(faces, Faces):
        raise ValueError(f"{shown(faces)} are no faces; give some, see sample().")
    face, unit = (faces.action_units.amax(dim=2) >= active).nonzero(as_tuple=True)  # (K,) each
    if not len(face):
        raise ValueError(f"No unit reaches {active}; give a face that shows something.")
    chosen = faces[face]
    units = chosen.action_units.clone()
    units[torch.arange(len(face)), unit] = 0
    return Removals(replace(chosen, action_units=units), face, unit)


def change_in_cells(before: Tensor, after: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return each cell's share of how far two pictures differ, `(K, h, w)`, 0 to 1, sum 1.

    Differences are absolute and summed over channels; pictures that are equal give zeros.

    Args:
        before, after: `(K, C, H, W)`, uint8 or float.
        grid: `(h, w)`, of the maps.

    Raises:
        ValueError: if the pictures differ in shape, or `grid` is no two numbers from 1.
    """
    for name, picture in (("before", before), ("after", after)):
        check_tensor(name, picture, "(K, C, H, W)", "uint8 or float", finite=True)
    check_shape("grid", grid, 2)
    if before.shape != after.shape:
        raise ValueError(
            f"before is {describe(before)} and after {describe(after)}; give two of one shape."
        )
    change = (before.double() - after.double()).abs().sum(dim=1)  # (K, H, W)
    cells = F.adaptive_avg_pool2d(change, grid)
    return cells / cells.sum(dim=(1, 2), keepdim=True).clamp_min(1e-30)


def mean_over(maps: Tensor, places: Tensor) -> Tensor:
    """Return the mean of each map over its place, Σ map·place / Σ place, `(K,)`.

    Args:
        maps: `(K, h, w)`, real.
        places: `(K, h, w)`, from 0, such as `change_in_cells` returns; one of zeros gives 0.

    Raises:
        ValueError: if the two differ in shape or hold what is no finite number.
    """
    check_tensor("maps", maps, "(K, h, w)", "real", finite=True)
    check_tensor("places", places, "(K, h, w)", "real", finite=True)
    if maps.shape != places.shape:
        raise ValueError(
            f"maps are {describe(maps)} and places {describe(places)}; give two of one shape."
        )
    weight = places.double().sum(dim=(1, 2)).clamp_min(1e-30)
    return (maps.double() * places).sum(dim=(1, 2)) / weight


def pairs_of(taken: Removals, losses: Tensor | None = None, apart: float = 0.0) -> Tensor:
    """Return the pairs of units of one face that lie in different parts of it, `(Q, 2)` int64.

    Args:
        taken: K removals; a pair holds two of their indices.
        losses: `(K,)`, what the answer lost by each; with it, only pairs whose losses differ.
        apart: by how much at least.

    Raises:
        ValueError: if `taken` are no removals, or `losses` not one for each.
    """
    check_number("apart", apart, 0, 1e6)
    if not isinstance(taken, Removals):
        raise ValueError(f"taken={shown(taken)} will not do; give what removals(faces) returns.")
    count = len(taken.face)
    together = (taken.face[:, None] == taken.face) & (taken.part[:, None] != taken.part)
    if losses is not None:
        check_tensor("losses", losses, f"({count},)", finite=True)
        together &= (losses[:, None] - losses).abs() >= max(apart, 1e-12)
    return together.triu().nonzero()


def in_order(marks: Tensor, losses: Tensor, pairs: Tensor) -> Tensor:
    """Return whether `marks` put each pair in the order of `losses`: `(Q,)`, 0, ½ for a tie, or 1.

    Args:
        marks: `(K,)`, what a map says of each unit, see `mean_over`.
        losses: `(K,)`, what the answer lost without it.
        pairs: `(Q, 2)`, indices of two units each, see `pairs_of`.

    Raises:
        ValueError: if the three do not fit together.
    """
    check_tensor("marks", marks, "(K,)", "real", finite=True)
    check_tensor("losses", losses, f"({len(marks)},)", "real", finite=True)
    _check_pairs(pairs, len(marks))
    first, second = pairs.unbind(1)
    said, true = (each.double()[first] - each.double()[second] for each in (marks, losses))
    return (said.sign() * true.sign() + 1) / 2


def changed_there(changes: Tensor, places: Tensor, pairs: Tensor) -> Tensor:
    """Return whether a map changes where the picture did: `(Q,)`, 0 to 1; ½ is chance.

    Of each pair of units: without the first, did the map change more at the first's place than at
    the second's? Without the second, more at the second's? The mean of both answers. So a map that
    always changes at the same place is right once and wrong once, and one that never changes ties.

    Args:
        changes: `(K, h, w)`, how far the map differs without each unit, from 0.
        places: `(K, h, w)`, where the picture differs, see `change_in_cells`.
        pairs: `(Q, 2)`, indices of two units each, see `pairs_of`.

    Raises:
        ValueError: if the three do not fit together.
    """
    check_tensor("changes", changes, "(K, h, w)", "real", finite=True)
    check_tensor("places", places, f"({len(changes)}, h, w)", "real", finite=True)
    _check_pairs(pairs, len(changes))
    right = []
    for own, other in (pairs.unbind(1), pairs.flip(1).unbind(1)):
        gap = mean_over(changes[own], places[own]) - mean_over(changes[own], places[other])
        right.append((gap.sign() + 1) / 2)
    return torch.stack(right).mean(dim=0)


def _check_pairs(pairs: Tensor, count: int) -> None:
    check_tensor("pairs", pairs, "(Q, 2)", "int64")
    if not 0 <= pairs.min() <= pairs.max() < count:
        raise ValueError(
            f"pairs go from {pairs.min()} to {pairs.max()}; there are units 0 to {count - 1}."
        )
