"""Where the expression is, and whether a map says so: on masks drawn by hand."""

import pytest
import torch
from vtff_lib.explain.pointing import expression_masks, mass_inside, pointing_game, share_of_cells

from vtff_lib.synthetic_faces import ACTION_UNITS, REGIONS, render, sample

# 4 × 6 pixels for a grid of 2 × 3: the cell (0, 1) wholly inside, (1, 2) by half, (1, 0) a corner.
MASK = torch.tensor(
    [[0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]]
).bool()[None]


def mark(*cells: tuple[int, int], value: float = 1.0) -> torch.Tensor:
    maps = torch.zeros(1, 2, 3)
    for cell in cells:
        maps[0][cell] = value
    return maps


@pytest.mark.parametrize(
    ("cells", "hit"),
    [
        ([(0, 1)], 1),
        ([(1, 2)], 1),
        ([(1, 0)], 0),
        ([(0, 0)], 0),
        ([(0, 1), (0, 2)], 0.5),
        ([], 2 / 6),
    ],
)
def test_the_highest_cell_hits_if_half_of_it_is_inside(cells, hit):
    assert pointing_game(mark(*cells), MASK).item() == pytest.approx(hit)
    assert pointing_game(mark(*cells) - 5, MASK).item() == pytest.approx(hit)


@pytest.mark.parametrize(
    ("maps", "inside"),
    [
        (mark((0, 1)), 1),
        (mark((1, 2)), 0.5),
        (mark((0, 1), (0, 0), (1, 0)), (1 + 0 + 0.25) / 3),
        (mark((0, 1)) + mark((0, 0), value=-9), 1),  # what speaks against is no mass
        (mark(), (1 + 0.5 + 0.25) / 6),  # nothing is everywhere
        (mark((0, 0), value=-1), (1 + 0.5 + 0.25) / 6),
    ],
)
def test_mass_counts_by_the_part_of_the_cell_that_is_inside(maps, inside):
    assert mass_inside(maps, MASK).item() == pytest.approx(inside)
    assert mass_inside(7 * maps, MASK).item() == pytest.approx(inside)


def test_each_image_meets_its_own_mask():
    maps, masks = torch.cat([mark((0, 1))] * 2), torch.cat([MASK, ~MASK])
    assert pointing_game(maps, masks).tolist() == [1, 0]
    assert mass_inside(maps, masks).tolist() == [1, 0]
    assert share_of_cells(masks, maps).sum(dim=0).flatten().tolist() == [1.0] * 6


def test_masks_of_other_images_are_refused():
    for score in (pointing_game, mass_inside):
        with pytest.raises(ValueError, match=r"give \(N, h, w\) and \(N, H, W\)"):
            score(mark((0, 1)), MASK.expand(2, -1, -1))
        with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
            score(mark((0, 1))[0], MASK[0])


def active(*units: tuple[int, float, float]) -> torch.Tensor:
    intensities = torch.zeros(1, len(ACTION_UNITS), 2)
    for unit, left, right in units:
        intensities[0, ACTION_UNITS.index(unit)] = torch.tensor([left, right])
    return intensities


@pytest.mark.parametrize(
    ("units", "names"),
    [
        ([], set()),
        ([(1, 0.6, 0.5)], {"brows"}),
        ([(6, 0.5, 0.5), (12, 0.8, 0.8), (25, 0.5, 0.5)], {"eyes", "mouth"}),
        ([(9, 0.5, 0.5), (10, 0.29, 0.29)], {"nose"}),  # a unit that strays is not meant
        ([(14, 0.5, 0.05)], {"mouth"}),  # one side is enough
        ([(43, 0.3, 0.3), (4, 1, 1)], {"eyes", "brows"}),
    ],
)
def test_the_mask_holds_the_regions_of_the_units_that_are_active(units, names):
    regions = torch.arange(7, dtype=torch.uint8).view(1, 1, 7)
    mask = expression_masks(regions, active(*units))[0, 0].tolist()
    assert not mask[0]  # what is no part of the face
    assert {name for name, inside in zip(REGIONS, mask[1:], strict=True) if inside} == names


def test_masks_fit_rendered_faces():
    faces = sample(range(8), split="test").in_studio()
    regions = render(faces, size=64).regions
    masks = expression_masks(regions, faces.action_units)
    assert masks.shape == (8, 64, 64)
    shown = masks.flatten(1).any(dim=1)
    assert shown[faces.labels != 0].all()
    smiling = expression_masks(regions, faces.showing({12: 0.8}).action_units)
    assert torch.equal(smiling, regions == 1 + REGIONS.index("mouth"))


def test_regions_and_units_of_other_faces_are_refused():
    with pytest.raises(ValueError, match=r"give \(N, H, W\) and \(N, 19, 2\)"):
        expression_masks(torch.zeros(2, 4, 4), active())
