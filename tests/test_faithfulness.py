"""The tests of maps are themselves tested: on models and maps whose truth is known."""

import copy

import pytest
import torch
from scipy.stats import spearmanr

from vtff_lib.config import VTFFConfig
from vtff_lib.explain.faithfulness import (
    area,
    centred_blob,
    curve,
    random_map,
    randomised,
    rank_correlation,
)
from vtff_lib.explain.heat_maps import FILLS, filled
from vtff_lib.pretrained import load_pretrained
from vtff_lib.vtff import VTFF

ROWS, COLUMNS, SIDE = 3, 4, 4  # a grid of 12 cells of 4 × 4 pixels
KNOWN = (1, 2)  # the cell that matters
CLASSES = torch.tensor([0, 1])


def cell_mask() -> torch.Tensor:
    mask = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    mask[KNOWN] = True
    return mask.repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)


def known_faces() -> torch.Tensor:
    """Two images, black but for the cell that matters, which is white."""
    return (255 * cell_mask()).to(torch.uint8).expand(2, 3, -1, -1).clone()


def share_visible(images: torch.Tensor) -> torch.Tensor:
    """Class 0: the share of the known cell that is still white; class 1: the same, halved."""
    share = (images[:, 0, cell_mask()] == 255).float().mean(dim=1)
    return torch.stack([share, share / 2], dim=1)


def ranking(place: int) -> torch.Tensor:
    """Maps in which the known cell is the `place`th of twelve, from 0; the last is anywhere."""
    order = torch.arange(ROWS * COLUMNS).roll(5)  # some order, the same in both images
    known = KNOWN[0] * COLUMNS + KNOWN[1]
    order = torch.cat(
        [order[order != known][:place], order[order == known], order[order != known][place:]]
    )
    maps = torch.zeros(ROWS * COLUMNS)
    maps[order] = torch.arange(ROWS * COLUMNS, 0, -1.0)
    return maps.view(1, ROWS, COLUMNS).expand(2, -1, -1)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("place", [0, 4, 11])
def test_the_area_tells_how_early_the_cell_that_matters_goes(place, fill):
    """Deleted as the kth of 12, it is seen in k + 1 of 13 pictures, the ends of the area halved."""
    curves = curve(share_visible, known_faces(), ranking(place), CLASSES, fill=fill)
    assert curves.shape == (2, 13)
    assert curves[0].tolist() == [1.0] * (place + 1) + [0.0] * (12 - place)
    assert area(curves).tolist() == pytest.approx([(place + 0.5) / 12, (place + 0.5) / 24])
    inserted = curve(share_visible, known_faces(), ranking(place), CLASSES, True, fill)
    assert area(inserted).tolist() == pytest.approx([1 - (place + 0.5) / 12, (11.5 - place) / 24])


def seen(insert: bool, maps: torch.Tensor, steps: int = 12) -> list[torch.Tensor]:
    """The pictures that a curve shows to the model."""
    pictures = []

    def predict(images: torch.Tensor) -> torch.Tensor:
        pictures.append(images.clone())
        return torch.full((len(images), 2), 0.5)

    noise = torch.randint(0, 256, (2, 3, 12, 16), generator=torch.Generator().manual_seed(0))
    curve(predict, noise.to(torch.uint8), maps, CLASSES, insert, steps=steps)
    return pictures


def test_inserting_is_deleting_the_lowest_first_played_backwards():
    maps = random_map((2, ROWS, COLUMNS))
    deleted, inserted = seen(False, -maps), seen(True, maps)
    assert all(map(torch.equal, inserted, reversed(deleted)))


def test_each_image_loses_its_own_highest_cells_and_only_the_order_counts():
    maps = random_map((2, ROWS, COLUMNS))
    assert all(map(torch.equal, seen(False, maps), seen(False, 100 * maps.exp())))
    second = seen(False, maps, steps=4)[1]  # three of twelve cells are gone
    for image, heat, face in zip(second, maps, seen(False, maps)[0], strict=True):
        changed = (image != face).any(0).view(ROWS, SIDE, COLUMNS, SIDE).any(3).any(1)
        assert set(heat[changed].tolist()) == set(heat.flatten().sort().values[-3:].tolist())


def test_a_flat_map_is_not_read_from_the_top():
    flat = torch.ones(2, ROWS, COLUMNS)
    pictures = seen(False, flat)
    changed = (pictures[4] != pictures[0]).any(1).view(2, ROWS, SIDE, COLUMNS, SIDE)
    gone = changed.any(4).any(2)
    assert torch.equal(gone[0], gone[1])
    assert gone[0].sum() == 4
    assert not gone[0, 0].all()


def test_a_curve_that_cannot_be_drawn_is_refused():
    faces, maps = known_faces(), ranking(0)
    for wrong in (maps[:1], maps[0], maps.unsqueeze(1)):
        with pytest.raises(ValueError, match=r"maps are .*; give real \(2, h, w\)"):
            curve(share_visible, faces, wrong, CLASSES)
    with pytest.raises(ValueError, match="fill='noise' is unknown"):
        curve(share_visible, faces, maps, CLASSES, fill="noise")
    with pytest.raises(ValueError, match=r"rgb is a torch.float32 .*give uint8 \(N, 3"):
        curve(share_visible, faces / 255, maps, CLASSES)
    with pytest.raises(ValueError, match=r"2 images need int64 \(2,\)"):
        curve(share_visible, faces, maps, CLASSES[:1])
    with pytest.raises(ValueError, match="use 0 to 1"):
        curve(share_visible, faces, maps, CLASSES + 1)
    with pytest.raises(ValueError, match="steps=0"):
        curve(share_visible, faces, maps, CLASSES, steps=0)


def test_the_area_of_a_line_is_a_half_whatever_its_steps():
    for steps in (1, 2, 7):
        falling = torch.linspace(1, 0, steps + 1)
        assert area(torch.stack([falling, torch.ones_like(falling)])).tolist() == pytest.approx(
            [0.5, 1]
        )


def test_a_fill_keeps_the_colour_and_loses_the_details():
    fine = torch.arange(48).view(1, 6, 8) % 2 * 200  # stripes of one pixel
    faces = torch.stack([fine, fine + 20, 0 * fine + 60], dim=1).to(torch.uint8).repeat(1, 1, 4, 4)
    for fill in FILLS:
        nothing = filled(faces, fill)
        assert nothing.dtype == torch.uint8
        assert nothing.shape == faces.shape
        assert nothing.float().std(dim=(2, 3)).max() < 2
        assert nothing.float().mean(dim=(2, 3))[0].tolist() == pytest.approx([100, 120, 60], abs=1)
    halves = faces.clone()
    halves[..., 16:] = 255
    assert (filled(halves)[..., 0] == filled(halves)[..., -1]).all()
    assert (filled(halves, "blur")[..., 0] < filled(halves, "blur")[..., -1]).all()


@pytest.mark.parametrize("levels", [3, 1000])
def test_rank_correlation_is_scipys_with_and_without_ties(levels):
    generator = torch.Generator().manual_seed(levels)
    first, second = torch.randint(0, levels, (2, 6, 5, 3), generator=generator).float()
    second = second + first * torch.arange(-2, 4)[:, None, None]  # from against to alike
    found = rank_correlation(first, second)
    for n in range(6):
        theirs = spearmanr(first[n].flatten(), second[n].flatten()).statistic
        assert found[n].item() == pytest.approx(theirs, abs=1e-6)


def test_rank_correlation_knows_equal_opposite_and_flat_maps():
    maps = random_map((2, 3, 4))
    assert rank_correlation(maps, maps.exp()).tolist() == pytest.approx([1, 1])
    assert rank_correlation(maps, -maps).tolist() == pytest.approx([-1, -1])
    assert rank_correlation(maps, torch.ones(2, 3, 4)).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"\(2, 3, 4\) and \(2, 4, 3\)"):
        rank_correlation(maps, maps.mT)


STAGES = {  # in the order in which they forget, and whose weights those are
    "head": ("head.", "encoder.norm."),
    "encoder.blocks.1": ("encoder.blocks.1.",),
    "encoder.blocks.0": ("encoder.blocks.0.",),
    "tokens": ("token_projection.", "cls_token", "position_embedding"),
    "fusion": ("fusion.",),
    "backbones": ("backbones.",),
}


def trained() -> VTFF:
    """A model in which no weight or statistic is at its start."""
    model = load_pretrained("tiny")
    for name, each in model.state_dict().items():
        each.add_(1) if name.endswith("num_batches_tracked") else each.add_(0.01)
    return model


def test_parts_forget_in_order_and_the_rest_stays_bit_for_bit():
    model = trained()
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    fresh = VTFF(model.config).state_dict()
    forgotten: tuple[str, ...] = ()
    stages = list(randomised(model, seed=3))  # all at once: each must be a model of its own
    assert [name for name, _ in stages] == list(STAGES)
    for name, copied in stages:
        forgotten += STAGES[name]
        assert not copied.training
        for key, weight in copied.state_dict().items():
            expected = fresh if key.startswith(forgotten) else before
            assert torch.equal(weight, expected[key]), (name, key)
    assert all(torch.equal(each, fresh[key]) for key, each in stages[-1][1].state_dict().items())
    assert all(torch.equal(each, before[key]) for key, each in model.state_dict().items())


def test_forgetting_is_seeded_and_leaves_the_random_numbers_of_others_alone():
    model = load_pretrained("tiny")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first, again, other = (next(randomised(model, seed))[1].head.weight for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_part_without_weights_is_passed_over():
    names = [name for name, _ in randomised(VTFF(VTFFConfig.tiny(fusion="sum", depth=1)))]
    assert names == ["head", "encoder.blocks.0", "tokens", "backbones"]


def test_controls_are_what_they_say():
    chance = random_map((50, 6, 5), seed=4)
    assert torch.equal(chance, random_map((50, 6, 5), seed=4))
    assert not torch.equal(chance, random_map((50, 6, 5), seed=5))
    assert 0.45 < chance.mean() < 0.55
    assert rank_correlation(chance[1:], chance[:-1]).mean().abs() < 0.1
    blob = centred_blob((2, 5, 3))
    assert blob.shape == (2, 5, 3)
    assert blob[0, 2, 1] == blob.max() == 1
    assert torch.allclose(blob, blob.flip(1).flip(2))
    assert blob[0, 2, 0] < blob[0, 1, 1]  # a third of the width is farther than a fifth
