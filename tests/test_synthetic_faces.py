"""The renderer: the same numbers give the same pixels, and each number moves what it should."""

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import torch
import torch.nn.functional as F

from vtff_lib.lbp import local_binary_pattern
from vtff_lib.names import EXPRESSIONS
from vtff_lib.synthetic_faces import (
    ACTION_UNIT_NAMES,
    ACTION_UNITS,
    EXPRESSION_REGIONS,
    REGIONS,
    SPLITS,
    Faces,
    camera,
    canvas,
    light,
    render,
    rendering,
    sample,
    surface,
)
from vtff_lib.synthetic_faces.expressions import VARIANTS, sample_shown
from vtff_lib.synthetic_faces.parameters import Draws
from vtff_lib.synthetic_faces.shots import OCCLUDERS, lamp_at

PLAIN = {
    "yaw": 0, "pitch": 0, "roll": 0, "blur": 0, "noise": 0, "loss": 0, "grey": 0, "occluder": 0,
    "zoom": 1.2, "shift": 0, "exposure": 1, "contrast": 1, "lamp": torch.tensor([0.3, -0.5, 0.81]),
}  # fmt: skip


def plain(faces: Faces, **shot) -> Faces:
    """The same people, neutral, seen straight from the front by a good camera."""
    return replace(
        faces,
        action_units=torch.zeros_like(faces.action_units),
        shots=faces.shots.with_(**(PLAIN | shot)),
        people=faces.people.with_(glasses=0.0),
    )


@pytest.fixture(scope="module")
def people() -> Faces:
    """Six people, plainly seen."""
    return plain(sample(range(0, 24, 4), seed=7))


def with_unit(faces: Faces, unit: int, left: float = 1.0, right: float = 1.0) -> Faces:
    """The same faces with one action unit more."""
    units = faces.action_units.clone()
    units[:, ACTION_UNITS.index(unit)] = torch.tensor([left, right])
    return faces.with_(action_units=units)


def change(faces: Faces, others: Faces) -> tuple[torch.Tensor, torch.Tensor]:
    """How much each pixel differs (N, S, S), and the regions of the first."""
    before, after = render(faces), render(others)
    return (before.images.float() - after.images.float()).abs().mean(1), before.regions


# One face, one picture


def test_a_face_is_the_same_whatever_is_drawn_with_it():
    many = sample(range(40), seed=3, split="valid")
    some = sample([17, 2], seed=3, split="valid")
    for name in ("labels", "identities", "action_units", "pose", "light"):
        torch.testing.assert_close(
            getattr(some, name), getattr(many, name)[[17, 2]], rtol=0, atol=0
        )
    assert torch.equal(some.people.skin, many.people.skin[[17, 2]])


def test_a_face_has_the_same_pixels_in_every_batch(monkeypatch):
    faces = sample(range(9), seed=3)
    together = render(faces)
    alone = [render(faces[row : row + 1]) for row in range(9)]
    assert torch.equal(together.images, torch.cat([one.images for one in alone]))
    assert torch.equal(together.regions, torch.cat([one.regions for one in alone]))
    monkeypatch.setitem(rendering.CHUNK, "cpu", 5)
    assert torch.equal(together.images, render(faces).images)
    monkeypatch.setattr(rendering.os, "cpu_count", lambda: 1)
    assert torch.equal(together.images, render(faces).images)


def test_rendering_leaves_the_number_of_threads_alone():
    """Asked in a fresh process, whose threads have not yet been asked for the number."""
    code = """
import threading, torch
from vtff_lib.synthetic_faces import render, sample
render(sample(range(9)), size=32)
counts = [torch.get_num_threads()]
thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
thread.start(); thread.join()
assert counts == [2, 2], counts
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_pictures_can_be_written_into():
    images = render(sample([0]), size=32).images
    images[:, :, 4:8] = 0
    assert not images[:, :, 4:8].any()


def test_the_random_state_of_the_program_is_neither_used_nor_changed():
    torch.manual_seed(1)
    first = render(sample(range(2)))
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == after
    assert torch.equal(render(sample(range(2))).images, first.images)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_renders_the_same_within_one_grey_level():
    faces = sample(range(16))
    there = render(faces.to("cuda")).images.cpu()
    differences = (there.int() - render(faces).images.int()).abs()
    assert (differences > 1).float().mean() < 1e-3


def test_seeds_and_splits_give_other_people_and_no_person_is_in_two_splits():
    parts = {split: sample(range(80), split=split) for split in SPLITS}
    for one in SPLITS:
        for other in SPLITS:
            shared = set(parts[one].identities.tolist()) & set(parts[other].identities.tolist())
            assert bool(shared) == (one == other)
            looks = torch.cdist(parts[one].people.skin, parts[other].people.skin).min(1).values
            assert bool((looks < 1e-6).any()) == (one == other)
    other_seed = sample(range(80), seed=1)
    assert torch.cdist(parts["train"].people.skin, other_seed.people.skin).min() > 1e-6


def test_faces_of_one_identity_are_one_person_and_others_are_not():
    faces = sample(range(400))
    for number in (0, 57):
        rows = faces.identities == faces.identities[number * 4]
        assert rows.sum() == 4
        assert (faces.people.eye_x[rows] == faces.people.eye_x[number * 4]).all()
    assert len(faces.people.eye_x.unique()) == 100


def test_images_are_uint8_with_regions_of_the_same_size():
    rendered = render(sample(range(3)), size=72)
    assert rendered.images.shape == (3, 3, 72, 72)
    assert rendered.regions.shape == (3, 72, 72)
    assert rendered.images.dtype == rendered.regions.dtype == torch.uint8
    assert rendered.regions.max() <= len(REGIONS)


def test_a_small_picture_is_the_large_one_made_small(people):
    large = F.avg_pool2d(render(people, size=192).images.float(), 3)
    difference = (large - render(people, size=64).images.float()).abs().mean()
    shuffled = (large - render(people, size=64).images.float().roll(1, 0)).abs().mean()
    assert difference < 6
    assert shuffled > 4 * difference


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sample(range(4), split="held out"), "split='held out' is unknown"),
        (lambda: sample([-1]), "index=-1 will not do"),
        (lambda: sample([1], seed=-2), "seed=-2 will not do"),
        (lambda: sample([]), "There are no indices; give at least one"),
        (lambda: sample([0])[0], r"\[0\] would lose the rows; write \[0:1\]"),
        (lambda: sample([0]).seen(yaww=1), "column='yaww' is unknown; choose one of yaw"),
        (lambda: sample([0]).seen(yaw=torch.zeros(3)), r"yaw .*\(3,\) does not fit \(1,\)"),
        (lambda: sample([0]).showing({12: (0, 1, 0)}), "Action unit 12 at .* will not do"),
        (lambda: sample([1], wildness=1.5), "wildness=1.5 will not do"),
        (lambda: sample([0]).showing({3: 1}), "Action unit 3 is unknown; choose from"),
        (lambda: sample([0]).showing({12: 1.2}), "Action unit 12 at 1.2 will not do"),
        (lambda: render(sample([0]), size=20), "size=20 will not do"),
        (lambda: render(sample([0])[:0]), "are no faces; give at least one"),
    ],
)
def test_bad_requests_are_refused_with_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# Asking for faces


def test_wildness_changes_how_people_are_seen_and_not_who_they_are():
    studio, usual, wild = (sample(range(400), wildness=w) for w in (0, 0.25, 1))
    assert torch.equal(studio.people.skin, wild.people.skin)
    assert torch.equal(studio.action_units, wild.action_units)
    bowed = studio.labels == EXPRESSIONS.index("sadness")
    assert not studio.pose[~bowed].any()
    assert not studio.pose[:, [0, 2]].any()
    assert (studio.shots.occluder == 0).all()
    for name in ("yaw", "zoom", "exposure", "blur", "noise", "loss"):
        spreads = [getattr(faces.shots, name).std() for faces in (studio, usual, wild)]
        assert spreads[0] < 1e-6 < spreads[1] < spreads[2], name
    hidden = [(faces.shots.occluder > 0).float().mean() for faces in (usual, wild)]
    assert 0 < hidden[0] < hidden[1] < 0.3


def test_faces_show_exactly_the_units_asked_for():
    faces = sample(range(3)).showing({12: 0.8, 14: (0, 1)})
    wanted = torch.zeros(3, len(ACTION_UNITS), 2)
    wanted[:, ACTION_UNITS.index(12)] = 0.8
    wanted[:, ACTION_UNITS.index(14), 1] = 1
    assert torch.equal(faces.action_units, wanted)
    assert not faces.showing({}).action_units.any()


def test_a_studio_shows_all_alike_apart_from_what_is_asked_for():
    faces = sample(range(20), wildness=1).in_studio(yaw=0.3)
    assert (faces.shots.yaw == torch.tensor(0.3)).all()
    assert len(faces.shots.lamp.unique(dim=0)) == len(faces.shots.zoom.unique()) == 1
    assert len(faces.people.skin.unique(dim=0)) > 1
    assert (faces.seen(grey=1).shots.grey == 1).all()


def test_tables_can_be_joined_and_taken_apart():
    faces = sample(range(5))
    again = faces[:2].followed_by(faces[2:3], faces[torch.tensor([3, 4])])
    assert torch.equal(again.labels, faces.labels)
    assert torch.equal(again.people.texture, faces.people.texture)
    assert len(again) == 5


# Expressions


def test_expressions_come_in_equal_shares_and_show_their_units():
    faces = sample(range(4000))
    assert (faces.labels.bincount(minlength=8) == 500).all()
    assert not torch.equal(faces.labels[:8], faces.labels[8:16])
    strength = faces.action_units.amax(-1)  # (N, 19)
    for label, name in enumerate(EXPRESSIONS):
        shown = (strength[faces.labels == label] > 0.3).float().mean(0)
        own = {unit for variant in VARIANTS[name] for unit in variant.units}
        foreign = [i for i, unit in enumerate(ACTION_UNITS) if unit not in own]
        assert shown[foreign].max() == 0  # astray units are weak
        if name != "neutral":
            assert (strength[faces.labels == label] > 0.3).any(1).float().mean() > 0.98
        else:
            assert (strength[faces.labels == label] > 0.55).float().mean() < 0.01


def test_variants_and_their_units_come_as_often_as_the_table_says():
    """A unit that opens the mouth never goes astray, so only its variants bring it."""
    many = 5000
    for label, name in enumerate(EXPRESSIONS):
        drawn = sample_shown(torch.full((many,), label), Draws(7, label, range(many)))
        for unit in (25, 26, 27):
            shown = (
                (drawn.action_units[:, ACTION_UNITS.index(unit)].amax(1) > 0).double().mean().item()
            )
            expected = sum(v.weight * v.units.get(unit, (0,))[0] for v in VARIANTS[name])
            assert abs(shown - expected) <= 4 * (expected * (1 - expected) / many) ** 0.5


def test_the_sad_bow_their_heads_and_lids_follow_eyes_that_look_down():
    many = 4000
    for label, name in enumerate(EXPRESSIONS):
        drawn = sample_shown(torch.full((many,), label), Draws(7, label, range(many)))
        for code, level in ((54, drawn.head_down), (64, drawn.eyes_down)):
            expected = sum(v.weight * v.units.get(code, (0,))[0] for v in VARIANTS[name])
            shown = (level > 0).double().mean().item()
            assert abs(shown - expected) <= 4 * (expected * (1 - expected) / many) ** 0.5
        lids = drawn.action_units[:, ACTION_UNITS.index(43)].amin(1)
        assert (lids >= 0.5 * drawn.eyes_down - 1e-9).all()
        assert bool(drawn.head_down.any()) == (name == "sadness")
    faces = sample(range(800), wildness=0)
    bowed = faces.pose[:, 1] > 0.01
    assert bowed.any()
    assert (faces.shots.gaze[:, 1] > 0.01).any()


def test_closed_eyes_hide_the_eyeball(people):
    """Eyes that look aside are other pixels, but not behind closed lids."""
    aside = {"gaze": torch.tensor([0.6, 0.0])}
    for closed, moves in ((0.0, True), (1.0, False)):
        faces = with_unit(people, 43, closed, closed)
        looked = with_unit(plain(people, **aside), 43, closed, closed)
        difference, regions = change(faces, looked)
        seen = difference[regions == 1 + REGIONS.index("eyes")]
        assert (seen.mean() > 1) == moves
        assert (seen.max() > 40) == moves


def test_only_contempt_is_one_sided():
    faces = sample(range(2000))
    strongest = faces.action_units.flatten(2).amax(1)  # (N, 2): left, right
    ratio = strongest.amin(1) / strongest.amax(1).clamp(0.01)
    contempt = faces.labels == EXPRESSIONS.index("contempt")
    assert ratio[contempt].max() < 0.15
    assert ratio[~contempt & (strongest.amax(1) > 0.3)].min() > 0.5
    left = strongest[contempt, 0] > strongest[contempt, 1]
    assert 0.35 < left.float().mean() < 0.65


def test_intensities_are_from_0_to_1_and_some_faces_are_faint():
    faces = sample(range(3000))
    assert faces.action_units.min() == 0
    assert faces.action_units.max() <= 1
    smiles = faces.labels == EXPRESSIONS.index("happiness")
    smile = faces.action_units[smiles, ACTION_UNITS.index(12)].amax(-1)
    assert (smile < 0.45).any()
    assert (smile > 0.9).any()


# Action units


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_an_action_unit_changes_its_regions_more_than_the_rest(people, unit):
    moved = with_unit(people, 25) if unit == 26 else people  # a jaw drops visibly with lips apart
    difference, regions = change(moved, with_unit(moved, unit))
    numbers = torch.tensor([1 + REGIONS.index(name) for name in ACTION_UNIT_NAMES[unit][1]])
    own = torch.isin(regions, numbers)
    near = F.max_pool2d(own.float(), 9, 1, 4) > 0  # what moves also leaves its place
    inside, outside = difference[own].mean(), difference[~near].mean()
    assert inside > 1.0
    assert inside > 3 * outside
    means = {name: difference[regions == 1 + i].mean() for i, name in enumerate(REGIONS)}
    assert max(means, key=means.get) in ACTION_UNIT_NAMES[unit][1]
    assert min(means[name] for name in ACTION_UNIT_NAMES[unit][1]) > 0.5


def test_half_an_intensity_is_about_half_the_change(people):
    none, half, full = (render(with_unit(people, 12, s, s)).images.float() for s in (0, 0.5, 1))
    to_half, to_full = (half - none).abs().mean(), (full - none).abs().mean()
    assert 0.3 * to_full < to_half < 0.9 * to_full


@pytest.mark.parametrize("unit", [1, 2, 4, 6, 7, 10, 12, 14, 15, 20, 43])
def test_one_side_alone_leaves_the_other_side_still(people, unit):
    difference, _ = change(people, with_unit(people, unit, left=1, right=0))
    left, right = difference[..., :48].mean(), difference[..., 64:].mean()
    assert left > 4 * right


def rows_of(regions: torch.Tensor, name: str) -> torch.Tensor:
    """The mean row of a region in each picture."""
    mask = (regions == 1 + REGIONS.index(name)).float()
    rows = torch.arange(mask.shape[-2]).float()[:, None]
    return (mask * rows).sum((1, 2)) / mask.sum((1, 2))


def test_regions_lie_as_in_a_face_and_cover_both_sides(people):
    regions = render(people).regions
    order = ["forehead", "brows", "eyes", "nose", "mouth"]
    heights = [rows_of(regions, name) for name in order]
    for upper, lower in itertools.pairwise(heights):
        assert (upper < lower).all()
    for number in range(1, 1 + len(REGIONS)):
        left, right = regions[..., :56] == number, regions[..., 56:] == number
        ratio = left.sum() / right.sum()
        assert 0.6 < ratio < 1.7


def test_raised_brows_and_a_dropped_jaw_take_their_regions_along(people):
    raised = with_unit(with_unit(people, 1), 2)
    before, after = render(people).regions, render(raised).regions
    assert (rows_of(after, "brows") < rows_of(before, "brows") - 2).all()
    dropped = render(with_unit(with_unit(people, 25), 27)).regions
    assert (rows_of(dropped, "mouth") > rows_of(before, "mouth") + 2).all()


def test_every_expression_but_neutral_names_the_regions_that_carry_it():
    assert set(EXPRESSION_REGIONS) == set(EXPRESSIONS)
    for name, regions in EXPRESSION_REGIONS.items():
        assert set(regions) <= set(REGIONS)
        assert bool(regions) == (name != "neutral")
        mainly, at_all = dict.fromkeys(REGIONS, 0.0), dict.fromkeys(REGIONS, 0.0)
        for variant in VARIANTS[name]:  # how often a region shows the expression
            usual = [ACTION_UNIT_NAMES[u][1] for u, v in variant.units.items() if v[0] >= 0.75]
            for region in {of_unit[0] for of_unit in usual}:
                mainly[region] += variant.weight
            for region in {region for of_unit in usual for region in of_unit}:
                at_all[region] += variant.weight
        for region in REGIONS if name != "neutral" else ():
            assert (region in regions) >= (mainly[region] > 0.5), (name, region)
            assert (region in regions) <= (at_all[region] > 0.5), (name, region)


# Pose, light, occluders, camera


def column_of(regions: torch.Tensor, name: str) -> torch.Tensor:
    return rows_of(regions.transpose(1, 2), name)


def test_a_turned_head_moves_the_nose_farther_than_the_cheeks(people):
    front = render(people).regions
    turned = render(plain(people, yaw=0.4)).regions
    back = render(plain(people, yaw=-0.4)).regions
    for regions, sign in ((turned, 1), (back, -1)):
        moved = sign * (column_of(regions, "nose") - column_of(front, "nose"))
        brow = sign * (column_of(regions, "brows") - column_of(front, "brows"))
        assert (moved > 8).all()
        assert (moved > brow + 2).all()


def test_a_turned_head_hides_its_far_side(people):
    regions = render(plain(people, yaw=0.45)).regions
    cheeks = regions == 1 + REGIONS.index("cheeks")
    nose = column_of(regions, "nose")[:, None, None]
    columns = torch.arange(112)
    far, near = (cheeks & (columns > nose)).sum(), (cheeks & (columns < nose)).sum()
    assert near > 1.5 * far


def test_a_nod_and_a_lean_go_the_way_they_say(people):
    down = rows_of(render(plain(people, pitch=0.25)).regions, "nose")
    assert (down > rows_of(render(people).regions, "nose") + 2).all()
    leaning = render(plain(people, roll=0.3)).regions
    assert (column_of(leaning, "forehead") > column_of(leaning, "mouth") + 5).all()


def test_the_side_of_the_lamp_is_brighter(people):
    right = lamp_at(torch.tensor([0.9]), torch.tensor([0.2]))[0]
    images = render(plain(people, lamp=right)).images.float().mean(1)
    cheeks = render(people).regions == 1 + REGIONS.index("cheeks")
    for image, mask in zip(images, cheeks, strict=True):
        assert image[:, 56:][mask[:, 56:]].mean() > 1.3 * image[:, :56][mask[:, :56]].mean()


def test_light_changes_the_rgb_view_more_than_the_lbp_view(people):
    """A code stands for a pattern, not for an amount: so changed or not is what is counted."""
    inside = render(people).regions[:, None].expand(-1, 3, -1, -1) > 0
    for shot in ({"exposure": 0.8}, {"lamp_power": 0.7}, {"lamp": torch.tensor([-0.5, -0.5, 0.7])}):
        before, after = render(people).images, render(plain(people, **shot)).images
        rgb = (before != after)[inside].float().mean()
        lbp = (local_binary_pattern(before) != local_binary_pattern(after))[inside].float().mean()
        assert rgb > 0.9
        assert lbp < 0.8 * rgb


@pytest.mark.parametrize("occluder", OCCLUDERS[1:])
def test_an_occluder_hides_something_and_what_it_hides_is_no_region(people, occluder):
    hidden = plain(people, occluder=OCCLUDERS.index(occluder))
    difference, before = change(people, hidden)
    after = render(hidden).regions
    lost = (before > 0) & (after == 0)
    assert 0.02 < lost.float().mean() < 0.5
    assert difference[lost].mean() > 8
    assert ((before == 0) & (after > 0)).float().mean() < 0.002


def test_the_camera_does_what_the_shot_says(people):
    sharp = render(people).images.float()

    def detail(images: torch.Tensor) -> torch.Tensor:
        return (images[..., 1:] - images[..., :-1]).abs().mean()

    grey = render(plain(people, grey=1)).images
    assert (grey == grey[:, :1]).all()
    assert detail(render(plain(people, blur=1.5)).images.float()) < 0.8 * detail(sharp)
    assert render(plain(people, exposure=0.5)).images.float().mean() < 0.85 * sharp.mean()
    noise = render(plain(people, noise=6.0)).images.float() - sharp
    assert 4.5 < noise[(sharp > 30) & (sharp < 225)].std() < 7
    coded = (render(plain(people, loss=1.0)).images.float() - sharp).abs().mean()
    assert 0.5 < coded < 8


# The parts, against independent implementations


def test_draws_have_the_distributions_they_name():
    draws = Draws(0, 1, range(4000))
    even, bell = draws.uniform(2, 4), draws.normal(1, 0.5)
    assert 2 <= even.min() < 2.01 < 3.99 < even.max() <= 4
    assert abs(bell.mean() - 1) < 0.03
    assert 0.45 < bell.std() < 0.5  # a little less, for the cut tails
    assert (bell - 1).abs().max() <= 1.2
    shares = draws.choice(torch.tensor([1.0, 0.0, 3.0])).bincount(minlength=3) / 4000
    assert shares[1] == 0
    assert abs(shares[2] - 0.75) < 0.03
    assert abs(draws.chance(0.2).mean() - 0.2) < 0.03
    assert abs(np.corrcoef(even, bell)[0, 1]) < 0.05


def test_the_spline_is_the_cubic_hermite_spline():
    places = torch.tensor([-1, -0.4, 0.0, 0.3, 1.0])
    values = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    at = torch.linspace(-1, 1, 50).expand(3, -1)
    slopes = (values.diff(dim=1) / places.diff()).numpy()
    tangents = np.concatenate(
        [slopes[:, :1], (slopes[:, 1:] + slopes[:, :-1]) / 2, slopes[:, -1:]], 1
    )
    ours = surface._spline(places, values, at)
    for row in range(3):
        theirs = scipy.interpolate.CubicHermiteSpline(places, values[row], tangents[row])
        np.testing.assert_allclose(ours[row], theirs(at[row]), atol=1e-5)


def test_bumps_are_the_sum_of_the_hills_one_by_one():
    window = canvas.Canvas(40, torch.device("cpu")).window((-0.5, 0.7), (0.0, 0.8))
    bumps = surface.Bumps(window)
    bumps.add(0.5, 0.3, torch.tensor([[[0.4]]]), 0.2, 0.1)
    bumps.add(torch.tensor([[[-1.0]], [[2.0]]]), 0, 0.2, 0.3, 0.2)
    x, y = window.x, window.y
    pair = 0.5 * torch.exp(-(((canvas.away(x) - 0.3) / 0.2) ** 2) - ((y - 0.4) / 0.1) ** 2)
    one = torch.exp(-((x / 0.3) ** 2) - ((y - 0.2) / 0.2) ** 2)
    torch.testing.assert_close(bumps.total(2), torch.cat([pair - one, pair + 2 * one]))


def test_normals_are_those_of_a_plane_and_of_unit_length():
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing="ij")
    slope = (0.3 * x - 0.4 * y)[None] * 0.1
    normal = torch.stack(light.normals(slope, 0.1), 1)[0, :, 1:-1, 1:-1]
    wanted = torch.tensor([-0.3, 0.4, 1.0]) / math.sqrt(1.25)
    torch.testing.assert_close(normal, wanted[:, None, None].expand_as(normal))


def test_a_turn_is_a_rotation():
    shots = sample(range(20)).shots.spread()
    turn = light.rotation(shots)
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand_as(turn), atol=1e-5, rtol=0)
    assert (torch.linalg.det(turn) > 0.99).all()


def test_rays_meet_a_ball_where_geometry_says():
    board = canvas.Canvas(112, torch.device("cpu"))
    x, y = board.whole.x, board.whole.y
    radius = 0.7
    rest = radius**2 - x**2 - y**2
    ball = rest.abs().sqrt() * rest.sign()  # negative outside
    shots = plain(sample([0]), yaw=0.3, pitch=-0.2, perspective=0.0, zoom=1.0).shots.spread()
    turn = light.rotation(shots)
    sight = camera.rays(shots, turn, board, 64)
    place, z, solid = camera.first_hit(ball, sight)
    # A ball looks the same from everywhere: seen from the front, turned with the head.
    grid = (torch.arange(64) + 0.5) / 32 - 1
    right, down = torch.meshgrid(grid, grid, indexing="xy")
    centre = turn[0] @ torch.tensor([0.0, -camera.MIDDLE, 0.0])
    distance = (right - centre[0]) ** 2 + (down - centre[1]) ** 2
    inside, outside = distance < 0.6**2, distance > 0.74**2
    assert solid[0][inside].all()
    assert not solid[0][outside].any()
    depth = centre[2] + (radius**2 - distance).clamp(0).sqrt()
    point = torch.stack([right, down, depth], -1) @ turn[0] + torch.tensor(
        [0.0, camera.MIDDLE, 0.0]
    )
    hit = place[0] * torch.tensor([1.0, 1.3]) + torch.tensor(
        [0.0, 0.05]
    )  # the map's halves, middle
    error = (hit - point[..., :2]).norm(dim=-1)
    assert error[distance < 0.5**2].max() < 0.02
    assert (z[0] - point[..., 2])[distance < 0.5**2].abs().max() < 0.02


def test_lossy_coding_is_a_rounded_cosine_transform():
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    coded = camera.coded(image, torch.full((1, 1, 1, 1), 0.5))
    block = image[0, 1, 8:, :8].numpy()
    step = 0.5 * 0.05 * (1 + np.add.outer(np.arange(8), np.arange(8)))
    rounded = np.round(scipy.fft.dctn(block, norm="ortho") / step) * step
    wanted = scipy.fft.idctn(rounded, norm="ortho")
    np.testing.assert_allclose(coded[0, 1, 8:, :8], wanted, atol=1e-5)


def test_lossy_coding_keeps_sizes_that_no_block_divides():
    image = torch.rand(2, 3, 37, 37)
    assert camera.coded(image, torch.full((2, 1, 1, 1), 1e-6)).shape == image.shape


def test_a_lamp_is_a_direction_of_length_one_up_and_to_the_right():
    lamp = lamp_at(torch.tensor([0.5, -0.5]), torch.tensor([0.4, 0.4]))
    torch.testing.assert_close(lamp.norm(dim=1), torch.ones(2))
    assert lamp[0, 0] > 0 > lamp[1, 0]
    assert (lamp[:, 1] < 0).all()
