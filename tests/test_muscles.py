"""One muscle taken away: only it goes, its place is known, and maps are judged in pairs."""

import pytest
import torch

from vtff_lib import explain
from vtff_lib.explain.muscles import Removals
from vtff_lib.synthetic_faces import ACTION_UNITS, REGIONS, render, sample

FACES = sample(range(8), split="test")
TAKEN = explain.removals(FACES)


def test_each_active_unit_goes_once_and_all_else_stays():
    wanted = [
        (face, unit)
        for face in range(8)
        for unit in range(len(ACTION_UNITS))
        if FACES.action_units[face, unit].max() >= 0.3
    ]
    assert list(zip(TAKEN.face.tolist(), TAKEN.unit.tolist(), strict=True)) == wanted
    for row, (face, unit) in enumerate(wanted):
        before, after = FACES.action_units[face].clone(), TAKEN.faces.action_units[row]
        before[unit] = 0
        assert torch.equal(before, after)
    for table in ("people", "shots"):
        for name, column in vars(getattr(TAKEN.faces, table)).items():
            assert torch.equal(column, getattr(getattr(FACES, table), name)[TAKEN.face])


def test_a_brow_that_rests_changes_the_upper_half_and_a_mouth_the_lower():
    bare = sample([0], seed=2, split="test").in_studio()
    face = bare.showing({4: 0.9, 12: 0.9})
    taken = explain.removals(face)
    before = render(face).images.expand(2, -1, -1, -1)
    places = explain.change_in_cells(before, render(taken.faces).images, (7, 7))
    torch.testing.assert_close(places.sum(dim=(1, 2)), torch.ones(2).double())
    brow, mouth = places[:, :3].sum(dim=(1, 2))
    assert brow > 0.9 > 0.3 > mouth
    assert [REGIONS[part] for part in taken.part] == ["brows", "mouth"]


def test_the_change_of_a_cell_is_a_loop_over_its_pixels():
    before, after = torch.randint(0, 256, (2, 2, 3, 6, 8)).byte()
    found = explain.change_in_cells(before, after, (3, 4))
    for n in range(2):
        gap = (before[n].int() - after[n].int()).abs()
        for row in range(3):
            for column in range(4):
                cell = gap[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                assert found[n, row, column].item() == pytest.approx(
                    (cell.sum() / gap.sum()).item()
                )
    assert (explain.change_in_cells(before, before, (3, 4)) == 0).all()


def test_pairs_are_of_one_face_and_of_different_parts():
    pairs = explain.pairs_of(TAKEN)
    first, second = pairs.unbind(1)
    assert (TAKEN.face[first] == TAKEN.face[second]).all()
    assert (TAKEN.part[first] != TAKEN.part[second]).all()
    rows = range(len(TAKEN.face))
    wanted = sum(
        bool(TAKEN.face[a] == TAKEN.face[b] and TAKEN.part[a] != TAKEN.part[b])
        for a in rows
        for b in rows[:a]
    )
    assert len(pairs) == wanted > 10
    losses = torch.arange(len(TAKEN.face)).float()
    apart = explain.pairs_of(TAKEN, losses, 2.5)
    assert len(apart) < len(pairs)
    assert (losses[apart[:, 0]] - losses[apart[:, 1]]).abs().min() == 3


@pytest.fixture(scope="module")
def scene() -> dict[str, torch.Tensor]:
    """Losses by lot, and places that overlap as brows and mouths do not."""
    generator = torch.Generator().manual_seed(0)
    count = len(TAKEN.face)
    places = torch.zeros(count, 7, 7)
    rows = TAKEN.part  # a row of cells for each part
    places[torch.arange(count), rows] = 0.1 + torch.rand(count, 7, generator=generator)
    losses = torch.randn(count, generator=generator)
    return {"places": places, "losses": losses, "pairs": explain.pairs_of(TAKEN, losses, 0.1)}


def share_right(scene: dict, maps: torch.Tensor) -> float:
    marks = explain.mean_over(maps[TAKEN.face], scene["places"])
    return explain.in_order(marks, scene["losses"], scene["pairs"]).mean().item()


def test_a_map_made_to_be_right_passes_a_flat_one_ties_and_one_turned_over_fails(scene):
    """Right: each part's cells hold what the answer loses there, whichever unit is asked."""
    losses, part, face = scene["losses"], TAKEN.part, TAKEN.face
    right = torch.zeros(8, 7, 7)
    for n in range(8):
        for number in part[face == n].unique():
            right[n, number] = losses[(face == n) & (part == number)].mean()
    alone = torch.tensor(
        [((face == face[k]) & (part == part[k])).sum() == 1 for k in range(len(face))]
    )  # where two units share a part, one map cannot be right about both
    clear = {**scene, "pairs": scene["pairs"][alone[scene["pairs"]].all(dim=1)]}
    assert share_right(clear, right) == 1
    assert share_right(clear, -right) == 0
    assert share_right(scene, torch.ones(8, 7, 7)) == 0.5
    assert share_right(scene, torch.zeros(8, 7, 7)) == 0.5


def test_a_map_that_changes_where_the_picture_does_passes_and_one_that_stays_ties(scene):
    places, pairs = scene["places"], scene["pairs"]
    assert explain.changed_there(places, places, pairs).min() == 1
    assert explain.changed_there(places.max() - places, places, pairs).max() == 0
    assert (explain.changed_there(torch.zeros_like(places), places, pairs) == 0.5).all()


def test_a_map_that_always_changes_at_the_same_place_ties(scene):
    """Right about one unit of each pair, wrong about the other: where it looks is no answer."""
    at_the_mouth = torch.zeros_like(scene["places"])
    at_the_mouth[:, REGIONS.index("mouth")] = 1
    found = explain.changed_there(at_the_mouth, scene["places"], scene["pairs"])
    assert (found == 0.5).all()


def test_what_does_not_fit_is_refused(scene):
    places, losses, pairs = scene.values()
    for call, words in (
        (lambda: explain.removals(FACES, 1.5), "active=1.5"),
        (lambda: explain.removals(FACES.showing({})), "No unit reaches 0.3"),
        (lambda: explain.change_in_cells(places[None], places[None, :, :3], (1, 1)), "one shape"),
        (lambda: explain.mean_over(places, places[:, :3]), "one shape"),
        (lambda: explain.pairs_of(TAKEN, losses[1:]), "losses are"),
        (lambda: explain.pairs_of(list(TAKEN)), "give what removals"),
        (lambda: explain.in_order(losses, losses[1:], pairs), "losses are"),
        (lambda: explain.in_order(losses, losses, pairs + 99), "there are units 0 to"),
        (lambda: explain.changed_there(places[:3], places[:3], pairs), "there are units 0 to 2"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert isinstance(TAKEN, Removals)
