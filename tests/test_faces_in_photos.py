"""A face is found wherever it is in a photo, and cropped."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from tests.photo_files import EXIF_ORIENTATION, file_of
from vtff_lib.photos.finding import (
    FaceBox,
    _agreed_boxes,
    crop_face,
    crops_to_batch,
    face_from_photo,
    find_faces,
)


@pytest.fixture(scope="module")
def two_faces(astronaut: np.ndarray) -> np.ndarray:
    """A face on the right and, half as large, another on the left: 256 x 640 pixels."""
    half = np.array(Image.fromarray(astronaut).resize((256, 256)))
    return np.hstack([half, astronaut[:256, 64:448]])


def overlap(one: FaceBox, other: FaceBox) -> float:
    """Area of the intersection over the area of the union."""
    rows = min(one.row + one.height, other.row + other.height) - max(one.row, other.row)
    columns = min(one.column + one.width, other.column + other.width) - max(
        one.column, other.column
    )
    common = max(rows, 0) * max(columns, 0)
    return common / (one.height * one.width + other.height * other.width - common)


@pytest.mark.parametrize("scale", [0.5, 1, 2, 6])
def test_the_astronaut_is_found_at_every_size(astronaut: np.ndarray, scale: float) -> None:
    side = round(512 * scale)
    photo = np.array(Image.fromarray(astronaut).resize((side, side), Image.Resampling.BICUBIC))
    (box,) = find_faces(photo)
    expected = FaceBox(*(round(value * scale) for value in (70, 175, 93, 93)))
    assert overlap(box, expected) > 0.7


def test_faces_come_largest_first_and_once_each(two_faces: np.ndarray) -> None:
    large, small = find_faces(two_faces)
    assert overlap(large, FaceBox(70, 256 + 175 - 64, 93, 93)) > 0.7
    assert overlap(small, FaceBox(35, 88, 46, 46)) > 0.7


def test_a_face_smaller_than_asked_for_is_left_out(two_faces: np.ndarray) -> None:
    (only,) = find_faces(two_faces, smallest=1 / 4)
    assert overlap(only, find_faces(two_faces)[0]) > 0.7
    assert find_faces(two_faces, smallest=1) == []


def test_a_smaller_face_than_usual_can_be_asked_for(astronaut: np.ndarray) -> None:
    far = np.pad(astronaut, ((0, 500), (300, 400), (0, 0)), mode="edge")
    assert find_faces(far, smallest=1 / 4) == []
    assert overlap(find_faces(far, smallest=1 / 16)[0], FaceBox(70, 475, 93, 93)) > 0.7


def test_a_face_below_the_cascades_window_is_not_guessed_by_enlarging(
    astronaut: np.ndarray,
) -> None:
    photo = np.array(Image.fromarray(astronaut).resize((80, 80)))  # its face: 15 pixels
    assert find_faces(photo) == []


def test_windows_that_agree_are_averaged_and_hide_the_ones_inside_and_around() -> None:
    face = [(50 + shift, 60 - shift, 80) for shift in range(-4, 5)]
    inside = [(80, 90, 20 + more) for more in range(8)]
    around = [(10, 90, 200 + more) for more in range(8)]  # holds the face's middle, aside
    elsewhere = [(300, 300, 40 + more) for more in range(7)]
    too_few = [(500, 500, 40 + more) for more in range(6)]
    windows = np.array(face + inside + around + elsewhere + too_few, dtype=float)
    assert _agreed_boxes(windows) == [FaceBox(50, 60, 80, 80), FaceBox(300, 300, 43, 43)]


def test_no_face_is_found_on_a_plain_wall_or_upside_down(astronaut: np.ndarray) -> None:
    assert find_faces(np.full((120, 90, 3), 200, dtype=np.uint8)) == []
    assert find_faces(np.ascontiguousarray(astronaut[::-1])) == []


@pytest.mark.parametrize("shape", [(24, 24), (24, 999), (301, 25)])
def test_the_smallest_and_narrowest_photos_are_searched(shape: tuple[int, int]) -> None:
    assert find_faces(np.zeros((*shape, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize(("shape", "smallest"), [((2000, 2000), 1e-3), ((30, 60_000), 1 / 8)])
def test_a_search_of_minutes_is_refused(shape: tuple[int, int], smallest: float) -> None:
    with pytest.raises(ValueError, match=r"would take minutes: seek larger ones, or cut out"):
        find_faces(np.zeros((*shape, 3), dtype=np.uint8), smallest)


def test_a_photo_below_the_cascades_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"23 x 80 pixels, too small .*at least 24 x 24"):
        find_faces(np.zeros((23, 80, 3), dtype=np.uint8))


@pytest.mark.parametrize("smallest", [0, -1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(astronaut: np.ndarray, smallest: float) -> None:
    with pytest.raises(ValueError, match=r"smallest=.* will not do; give a .* 0.001 to 1"):
        find_faces(astronaut, smallest)


@pytest.mark.parametrize(
    "photo", [np.zeros((30, 30)), np.zeros((30, 30, 4), np.uint8), np.zeros((30, 30, 3)), "a.jpg"]
)
def test_only_what_read_photo_makes_is_searched_cropped_or_stacked(photo: object) -> None:
    for use in (
        find_faces,
        lambda p: crop_face(p, FaceBox(1, 1, 9, 9)),
        lambda p: crops_to_batch([p]),
    ):
        with pytest.raises(ValueError, match=r"was given: give uint8 RGB .*read_photo"):
            use(photo)


# Cropping


def test_a_crop_of_its_own_size_is_cut_out_unchanged(astronaut: np.ndarray) -> None:
    crop = crop_face(astronaut, FaceBox(100, 200, 40, 40), margin=0.25, size=60)
    assert np.array_equal(crop, astronaut[90:150, 190:250])


def test_a_box_that_is_no_square_is_cut_as_one_around_its_middle(astronaut: np.ndarray) -> None:
    crop = crop_face(astronaut, FaceBox(100, 200, 20, 40), margin=0, size=40)
    assert np.array_equal(crop, astronaut[90:130, 200:240])


def test_outside_the_photo_the_edge_pixels_are_repeated(astronaut: np.ndarray) -> None:
    crop = crop_face(astronaut, FaceBox(0, 472, 40, 40), margin=0.5, size=80)
    padded = np.pad(astronaut, ((20, 0), (0, 20), (0, 0)), mode="edge")
    assert np.array_equal(crop, padded[:80, -80:])


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    stripes = np.zeros((96, 96, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    crop = crop_face(stripes, FaceBox(0, 0, 96, 96), margin=0, size=12)
    assert abs(crop[2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_the_margin_does_not_move_the_middle(astronaut: np.ndarray) -> None:
    photo = np.zeros((201, 301, 3), dtype=np.uint8)
    photo[95:105, 145:155] = 255
    for margin in (0, 0.2, 0.5, 1):
        lit = crop_face(photo, FaceBox(80, 130, 40, 40), margin, size=100)[..., 0] > 127
        assert np.abs(np.argwhere(lit).mean(axis=0) - 49.5).max() <= 1


@pytest.mark.parametrize(
    ("box", "margin", "size", "message"),
    [
        (FaceBox(600, 10, 20, 20), 0.2, 9, "FaceBox.* no place in a photo"),
        (FaceBox(-30, 10, 20, 20), 0.2, 9, "FaceBox.* no place in a photo"),
        (FaceBox(10, 10, 0, 20), 0.2, 9, "FaceBox.* no place in a photo"),
        (FaceBox(10, 10, 20, 20), -0.1, 9, "margin=-0.1 will not do; .* 0 to 1"),
        (FaceBox(10, 10, 20, 20), 1e9, 9, "margin=1000000000.0 will not do"),
        (FaceBox(10, 10, 20, 20), 0.2, 0, "size=0 will not do"),
        (FaceBox(10, 10, 20, 20), 0.2, 10**6, "size=1000000 will not do"),
        (FaceBox(20 - 10**9, 20 - 10**9, 2 * 10**9, 2 * 10**9), 0.2, 9, "FaceBox.* no place"),
    ],
)
def test_an_impossible_crop_is_refused(
    astronaut: np.ndarray, box: FaceBox, margin: float, size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        crop_face(astronaut, box, margin, size)


# All at once


def test_a_photo_of_one_face_gives_that_face(astronaut: np.ndarray) -> None:
    crop = face_from_photo(file_of(astronaut), margin=0.3, size=64)
    (box,) = find_faces(astronaut)
    assert np.array_equal(crop, crop_face(astronaut, box, margin=0.3, size=64))
    assert np.array_equal(crop, face_from_photo(astronaut, which=0, margin=0.3, size=64))


def test_a_photo_lying_on_its_side_gives_the_upright_face(astronaut: np.ndarray) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    lying = file_of(np.ascontiguousarray(np.rot90(astronaut)), exif=exif)
    assert np.array_equal(face_from_photo(lying), face_from_photo(astronaut))


def test_of_several_faces_one_has_to_be_chosen(two_faces: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"2 face.*which=None.*which=0 \(the largest\) to which=1"):
        face_from_photo(two_faces)
    for which, box in enumerate(find_faces(two_faces)):
        assert np.array_equal(face_from_photo(two_faces, which), crop_face(two_faces, box))
    for which in (2, -1):
        with pytest.raises(ValueError, match=f"2 face.*which={which} was given"):
            face_from_photo(two_faces, which)


def test_a_photo_without_a_face_says_what_to_do(colours: np.ndarray) -> None:
    wall = np.array(ImageOps.fit(Image.fromarray(colours), (60, 60)))
    with pytest.raises(ValueError, match=r"No face was found.*upright.*crop_face\(photo, FaceBox"):
        face_from_photo(wall, which=0)


def test_a_batch_holds_the_crops_channels_first(colours: np.ndarray) -> None:
    batch = crops_to_batch([colours, 255 - colours])
    assert batch.dtype == torch.uint8
    assert batch.shape == (2, 3, 7, 5)
    assert batch.is_contiguous()
    assert batch[1, 2, 6, 4] == 255 - colours[6, 4, 2]


def test_a_crop_that_is_not_in_a_list_is_told_so(colours: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"One crop was given: put it in a list"):
        crops_to_batch(colours)


def test_a_batch_of_nothing_or_of_two_sizes_is_refused(colours: np.ndarray) -> None:
    with pytest.raises(ValueError, match="No crop was given"):
        crops_to_batch([])
    with pytest.raises(ValueError, match=r"differ in size.*\(6, 5\), \(7, 5\).*same `size`"):
        crops_to_batch([colours, colours[1:]])
