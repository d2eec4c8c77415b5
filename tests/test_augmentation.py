"""Augmentation: each change is the one named, bounded, seeded, and made before the LBP view."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from vtff_lib.inputs import resize
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.training.augmentation import LUMINANCE, PRESETS, Augmentation, mix

STRONG = Augmentation.preset("strong")


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def faces(n: int = 6, height: int = 20, width: int = 28) -> torch.Tensor:
    """Smooth images, in which the middle differs from the edge and the left from the right."""
    coarse = torch.rand(n, 3, 5, 7, generator=dice(1))
    smooth = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return (255 * smooth).round().to(torch.uint8)


def blob(height: int = 60, width: int = 80) -> torch.Tensor:
    """A white spot right of the centre, three quarters of the way to the edge, on black."""
    images = torch.zeros(64, 3, height, width, dtype=torch.uint8)
    images[:, :, height // 2 - 2 : height // 2 + 2, 7 * width // 8 - 2 : 7 * width // 8 + 2] = 255
    return images


def centre_of_mass(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the row and the column, in pixels from the middle of the image."""
    mass = images.double().mean(1)
    rows = torch.arange(images.shape[2]) - (images.shape[2] - 1) / 2
    columns = torch.arange(images.shape[3]) - (images.shape[3] - 1) / 2
    total = mass.sum((1, 2))
    return (mass.sum(2) * rows).sum(1) / total, (mass.sum(1) * columns).sum(1) / total


@pytest.mark.parametrize("preset", PRESETS)
def test_the_same_seed_makes_the_same_images_and_the_originals_stay(preset):
    images, augment = faces(), Augmentation.preset(preset)
    before = images.clone()
    first, second, other = (
        augment(images, dice()),
        augment(images, dice()),
        augment(images, dice(1)),
    )
    assert torch.equal(first, second)
    assert torch.equal(first, other) == (preset == "none")
    assert torch.equal(images, before)
    assert first.dtype == torch.uint8
    assert first.shape == images.shape


def test_no_chance_comes_from_elsewhere():
    torch.manual_seed(0)
    first = STRONG(faces(), dice())
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(STRONG(faces(), dice()), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_none_is_the_identity_and_no_view_of_it():
    images = faces()
    same = Augmentation()(images, dice())
    assert torch.equal(same, images)
    assert same.data_ptr() != images.data_ptr()


def test_every_image_changes_in_its_own_way():
    images = faces(1).expand(16, -1, -1, -1)
    for name in ("flip", "move", "brightness", "contrast", "gamma", "noise", "blur", "erasing"):
        alone = {name: getattr(STRONG, name)}
        partners = {"move": ("rotation",), "blur": ("smallest",), "erasing": ("erased",)}
        alone |= {partner: getattr(STRONG, partner) for partner in partners.get(name, ())}
        changed = Augmentation(**alone)(images, dice())
        assert len(changed.unique(dim=0)) > 1, name
    assert len(STRONG(images, dice()).unique(dim=0)) == 16


def test_a_flip_is_exact_and_happens_as_often_as_told():
    images = faces(1).expand(2000, -1, -1, -1)
    flipped = Augmentation(flip=0.3)(images, dice())
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert abs(mirrored.float().mean() - 0.3) < 0.04


def test_images_that_are_not_moved_keep_every_pixel():
    images = faces(400)
    moved = Augmentation(move=0.6, rotation=20, shift=0.1)(images, dice())
    kept = (moved == images).flatten(1).all(1)
    assert abs(kept.float().mean() - 0.4) < 0.08


def test_a_rotation_keeps_distances_also_where_the_image_is_not_square():
    images = blob()
    row, column = centre_of_mass(Augmentation(move=1, rotation=15)(images, dice()))
    radius = centre_of_mass(images)[1][0]
    torch.testing.assert_close((row**2 + column**2).sqrt(), radius.expand(64), atol=0.2, rtol=0)
    angle = torch.atan2(row, column).rad2deg()
    assert angle.abs().max() <= 15.2
    assert angle.min() < -10
    assert angle.max() > 10


def test_shift_and_scale_reach_as_far_as_told_and_no_farther():
    images = blob()
    images = images.roll(-30, dims=3)  # in the middle
    rows, columns = centre_of_mass(images)
    row, column = centre_of_mass(Augmentation(move=1, shift=0.1)(images, dice()))
    for way, reach in ((row - rows, 6), (column - columns, 8)):
        assert 0.8 * reach < way.abs().max() <= reach + 0.1
    column = centre_of_mass(Augmentation(move=1, scale=0.1)(blob(), dice()))[1]
    factor = column / centre_of_mass(blob())[1]
    assert 1 / 1.1 - 0.01 < factor.min() < 0.93
    assert 1.08 < factor.max() < 1.1 + 0.01


def test_tones_follow_the_formula():
    """One image for each of the 256 values; the curve is found again from its three numbers."""
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(50, 3, -1, -1)
    curves = Augmentation(contrast=0.3, brightness=0.1, gamma=0.5)(ramp, dice()) / 255
    gen = dice()
    rand = [torch.rand(50, 1, generator=gen) for _ in range(3)]
    gamma, contrast = 1.5 ** (2 * rand[0] - 1), 1.3 ** (2 * rand[1] - 1)
    tones = contrast * ((torch.arange(256) / 255) ** gamma - 0.5) + 0.5 + 0.1 * (2 * rand[2] - 1)
    expected = tones.clamp(0, 1).view(50, 1, 16, 16).expand_as(curves)
    torch.testing.assert_close(curves, expected, atol=0.51 / 255, rtol=0)


def test_tones_leave_the_codes_of_a_textured_image_alone():
    """Light alone must not reach the LBP view, or augmentation would teach what is not so."""
    images = 100 + 8 * torch.randint(0, 7, (8, 3, 24, 24), generator=dice())
    images = images.to(torch.uint8)
    lit = Augmentation(contrast=0.2, brightness=0.1, gamma=0.2)(images, dice())
    assert not torch.equal(lit, images)
    inside = (..., slice(1, -1), slice(1, -1))
    assert torch.equal(local_binary_pattern(lit)[inside], local_binary_pattern(images)[inside])


def test_grey_is_the_luminance_and_only_of_some():
    images = faces(300)
    changed = Augmentation(grey=0.4)(images, dice())
    grey = (changed[:, :1] == changed).flatten(1).all(1)
    assert abs(grey.float().mean() - 0.4) < 0.09
    assert torch.equal(changed[~grey], images[~grey])
    luminance = (images.float() * torch.tensor(LUMINANCE).view(3, 1, 1)).sum(1)
    torch.testing.assert_close(changed[grey][:, 0].float(), luminance[grey], atol=0.51, rtol=0)


def test_noise_is_as_strong_as_told_and_the_same_in_all_channels():
    images = torch.full((200, 3, 32, 32), 128, dtype=torch.uint8)
    noise = Augmentation(noise=0.05)(images, dice()).float() - 128
    assert torch.equal(noise[:, 0], noise[:, 2])
    strength = noise[:, 0].flatten(1).std(1) / 255
    assert strength.max() <= 0.053
    assert abs(strength.mean() - 0.025) < 0.004
    assert abs(noise.mean()) < 0.1


def test_an_enlarged_photo_has_lost_its_detail_and_kept_its_light():
    images = torch.randint(0, 256, (200, 3, 40, 40), dtype=torch.uint8, generator=dice())
    enlarged = Augmentation(blur=0.5, smallest=0.4)(images, dice())
    blurred = (enlarged != images).flatten(1).any(1)
    assert abs(blurred.float().mean() - 0.5) < 0.1
    detail = enlarged.float().diff(dim=3).abs().flatten(1).mean(1)
    original = images.float().diff(dim=3).abs().flatten(1).mean(1)
    assert ((detail / original)[blurred] < 0.8).all()
    assert (detail / original)[blurred].min() < 0.25
    torch.testing.assert_close(
        enlarged.float().mean((1, 2, 3)), images.float().mean((1, 2, 3)), atol=1.5, rtol=0
    )


def test_an_enlarged_photo_equals_one_resampled_by_hand():
    images = faces(8, 40, 32)
    enlarged = Augmentation(blur=1, smallest=0.4)(images, dice())
    sizes = set()
    for image, changed in zip(images.split(1), enlarged.split(1), strict=True):
        candidates = []
        for step in range(1, 9):
            share = 1 - 0.6 * step / 8
            size = [round(share * 40), round(share * 32)]
            small = F.interpolate(image.float(), size, mode="bilinear", antialias=True)
            candidates.append(F.interpolate(small, (40, 32), mode="bilinear"))
        distance = [(candidate - changed).abs().max() for candidate in candidates]
        assert min(distance) <= 0.51
        sizes.add(distance.index(min(distance)))
    assert len(sizes) > 3


def test_what_is_erased_is_one_rectangle_of_one_colour_no_larger_than_told():
    images = faces(100, 40, 60)
    changed = Augmentation(erasing=0.5, erased=0.3)(images, dice())
    hidden = (changed != images).any(1)  # (N, H, W)
    erased = hidden.flatten(1).any(1)
    assert abs(erased.float().mean() - 0.5) < 0.15
    for image, mask in zip(changed[erased], hidden[erased], strict=True):
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        box = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (box == box[:, :1, :1]).all()
        assert box.shape[1] <= 13
        assert box.shape[2] <= 19


def test_the_codes_are_made_of_the_altered_image():
    """Altered codes would be interpolated names; codes of the altered image are what LBP says."""
    from vtff_lib.config import VTFFConfig
    from vtff_lib.vtff import VTFF

    small = VTFFConfig.tiny(image_size=16, width=8, stages=1, depth=1)
    images = STRONG(faces(2, 16, 16), dice())
    seen = VTFF(small).eval()(images, return_maps=True).lbp
    assert torch.equal(seen, local_binary_pattern(images))


def test_the_presets_grow():
    standard = Augmentation.preset("standard")
    assert Augmentation.preset("none") == Augmentation()
    for name in PRESETS["strong"]:
        less, more = getattr(standard, name), getattr(STRONG, name)
        assert (more <= less) if name == "smallest" else (more >= less), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip": 1.5}, {"noise": -0.1}, {"smallest": 0.0}, {"rotation": 181},
        {"blur": float("nan")}, {"grey": "0.1"}, {"move": None}, {"scale": True},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(
        ValueError, match=rf"{next(iter(wrong))}=.* will not do; give a finite number"
    ):
        replace(Augmentation(), **wrong)


def test_what_cannot_be_altered_is_refused():
    for images in (faces().float(), faces()[0], faces().numpy()):
        with pytest.raises(ValueError, match=r"it needs uint8 \(N, 3, H, W\)"):
            STRONG(images, dice())
    with pytest.raises(ValueError, match="augmentation='wild' is unknown; choose one of none"):
        Augmentation.preset("wild")


def test_a_shrunk_pixel_is_the_average_of_those_it_covers():
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    blocks = images.float().unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean((3, 5))
    assert torch.equal(resize(images, 4), blocks.round().byte())
    assert resize(images, 8) is images


def test_an_enlarged_image_keeps_its_tones_and_overshoots_nowhere():
    smooth = faces(2, 12, 12)
    again = resize(resize(smooth, 36), 12)
    assert (again.float() - smooth.float()).abs().mean() < 4
    assert (again.float() - smooth.roll(1, 3).float()).abs().mean() > 20
    assert (resize(torch.full_like(smooth, 77), 30) == 77).all()
    edge = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    edge[..., 4:] = 255  # bicubic goes beyond 0 and 255 here: cut, not wrapped around
    rows = resize(edge, 24)[0, 0].int()
    assert (rows.diff(dim=1) >= 0).all()
    assert (rows[:, 0] == 0).all()
    assert (rows[:, -1] == 255).all()


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_a_mixed_image_and_its_target_are_mixed_in_the_same_proportion(mixup, cutmix):
    """One colour to an image: so the proportion can be read off the pixels."""
    levels = torch.tensor([0, 200, 100, 60])
    images = levels.byte().view(4, 1, 1, 1).expand(4, 3, 40, 40).contiguous()
    targets = torch.eye(4)
    for seed in range(6):
        torch.manual_seed(seed)
        mixed, shares = mix(images, targets, mixup, cutmix)
        assert mixed.dtype == torch.uint8
        torch.testing.assert_close(shares.sum(1), torch.ones(4))
        expected = shares @ levels.float()
        torch.testing.assert_close(mixed.float().mean((1, 2, 3)), expected, rtol=0, atol=0.6)
        pieces = all(len(image.unique()) <= 2 and image.unique()[0] in levels for image in mixed)
        if not mixup:
            assert pieces
        if not cutmix:
            assert all(len(image.unique()) == 1 for image in mixed)
    same = mix(images, targets, 0.0, 0.0)
    assert same[0] is images
    assert same[1] is targets
