"""Faces in photographs: find them, and crop them as the model wants them.

The finder is scikit-image's cascade of LBP features, trained by others on frontal faces. It needs
no network and no GPU, and misses faces that are turned, tilted or half hidden. Taught in 00 and 10.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from vtff_lib.photos.reading import PhotoSource, read_photo, room_for
from vtff_lib.refusals import check_number, check_whole, shown

CASCADE_WINDOW = 24  # pixels: the side of the faces that the cascade was trained on
SEARCH_WINDOW = 36  # pixels: the smallest face on the copy that is searched
MOST_SEARCHED = 800_000  # pixels of that copy: some seconds
LARGEST_PLACE, LARGEST_CROP = 10_000, 4_096  # pixels of a side, before and after resizing
AGREEING_WINDOWS = 7  # this many hits on one place make a face; with fewer, more is no face


@dataclass(frozen=True)
class FaceBox:
    """Where a face is in a photo: its top left pixel and its size, in pixels. Taught in 10.

    Raises:
        ValueError: if one is no finite number.
    """

    row: int
    column: int
    height: int
    width: int

    def __post_init__(self) -> None:
        for name, number in vars(self).items():
            check_number(name, number)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box as (row, column)."""
        return self.row + self.height / 2, self.column + self.width / 2


def find_faces(photo: np.ndarray, smallest: float = 1 / 8) -> list[FaceBox]:
    """Find the frontal, upright faces in a photo, the largest first; boxes go from brows to chin.

    A large photo is searched on a copy, shrunk until the smallest face sought is 36 pixels high.
    Where 7 windows of the search agree on a place (intersection over union > 1/2, ours), a face is
    said to be, and the box is their average.

    Args:
        photo: uint8 RGB (H, W, 3), from `read_photo`.
        smallest: height of the smallest face sought, as a share of the photo's shorter side, 0.001
            to 1. Half of it takes four times as long and finds more that is no face.

    Raises:
        ValueError: the photo is no uint8 RGB array or under 24 pixels, the share is no share, or
            the search would take minutes.

    Taught in 00.
    """
    _check_photo(photo)
    shorter = min(photo.shape[:2])
    if shorter < CASCADE_WINDOW:
        raise ValueError(
            f"The photo is {photo.shape[0]} x {photo.shape[1]} pixels, too small to be searched: "
            f"give one of at least {CASCADE_WINDOW} x {CASCADE_WINDOW}."
        )
    check_number("smallest", smallest, 1e-3, 1)
    scale = min(1.0, SEARCH_WINDOW / (smallest * shorter))
    if scale**2 * photo.shape[0] * photo.shape[1] > MOST_SEARCHED:
        raise ValueError(
            f"To search {photo.shape[0]} x {photo.shape[1]} pixels for faces of {smallest:.2g} of "
            "the shorter side would take minutes: seek larger ones, or cut out a part."
        )
    least = max(CASCADE_WINDOW, round(scale * smallest * shorter))
    return _agreed_boxes(_search(photo, scale, least))


def crop_face(photo: np.ndarray, box: FaceBox, margin: float = 0.2, size: int = 224) -> np.ndarray:
    """Cut a square around a face and resize it, antialiased, to uint8 (size, size, 3).

    side = (1 + 2 · margin) · max(height, width), around the middle of the box (ours)

    Where the square leaves the photo, the edge pixels are repeated: a black border would be an edge
    that LBP sees and no face has.

    Args:
        photo: uint8 RGB (H, W, 3), from `read_photo`.
        box: the face, in pixels of that photo.
        margin: what is added on every side, as a share in [0, 1] of the box.
        size: side of the crop in pixels, at least 1.

    Raises:
        ValueError: the photo is no uint8 RGB array, the middle of the box lies outside it, or the
            margin or the size is out of range.

    Taught in 00.
    """
    _check_photo(photo)
    if not isinstance(box, FaceBox):
        raise ValueError(f"{shown(box)} is no place in a photo; give a FaceBox.")
    inside = all(0 <= m < n for m, n in zip(box.centre, photo.shape[:2], strict=True))
    check_number("margin", margin, 0, 1)
    check_whole("size", size, high=LARGEST_CROP)
    side = round((1 + 2 * margin) * max(box.height, box.width))
    if not inside or min(box.height, box.width) < 1 or side > LARGEST_PLACE:
        raise ValueError(f"{box} is no place in a photo of {photo.shape[:2]} rows and columns.")
    rows, columns = (
        np.clip(round(middle - side / 2) + np.arange(side), 0, length - 1)
        for middle, length in zip(box.centre, photo.shape[:2], strict=True)
    )
    square = Image.fromarray(photo[rows[:, None], columns])
    return np.array(square.resize((size, size), Image.Resampling.BICUBIC))


@room_for()
def face_from_photo(
    source: PhotoSource, which: int | None = None, margin: float = 0.2, size: int = 224
) -> np.ndarray:
    """Read a photo, find its face and crop it: uint8 (size, size, 3).

    Args:
        source: whatever `read_photo` reads.
        which: None where one face is expected; else the number of the face, 0 being the largest.
        margin: see `crop_face`.
        size: see `crop_face`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no face was found, or several and none chosen, or no face has that number; and
            as `read_photo`, `find_faces` and `crop_face`.

    Taught in 10.
    """
    photo = read_photo(source)
    boxes = find_faces(photo)
    if not boxes:
        raise ValueError(
            "No face was found in the photo: try one that shows the face from the front, upright, "
            "large and evenly lit, or say where it is with crop_face(photo, FaceBox(...))."
        )
    chosen = 0 if which is None and len(boxes) == 1 else which
    if not isinstance(chosen, int) or not 0 <= chosen < len(boxes):
        raise ValueError(
            f"{len(boxes)} face(s) were found in the photo and which={which} was given: choose "
            f"from which=0 (the largest) to which={len(boxes) - 1}, or cut the photo to one face."
        )
    return crop_face(photo, boxes[chosen], margin, size)


def crops_to_batch(crops: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack crops of one size into what the model takes: uint8 (N, 3, H, W).

    Raises:
        ValueError: there is no crop, they differ in size, or one is no uint8 RGB array.

    Taught in 00.
    """
    if isinstance(crops, np.ndarray) and crops.ndim == 3:
        raise ValueError("One crop was given: put it in a list, crops_to_batch([crop]).")
    listed = isinstance(crops, Sequence | np.ndarray) and np.iterable(crops)
    if not listed or len(crops) == 0:
        raise ValueError("No crop was given: a batch needs at least one.")
    for crop in crops:
        _check_photo(crop)
    sizes = sorted({crop.shape[:2] for crop in crops})
    if len(sizes) > 1:
        raise ValueError(f"The crops differ in size, {sizes}: make all with the same `size`.")
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()


def grey_face(photo: np.ndarray, box: FaceBox, side: int = 48) -> torch.Tensor:
    """Return a face as FER+ has them: tight, grey and small, uint8 `(1, 3, side, side)`.

    Args:
        photo: uint8 RGB `(H, W, 3)`, from `read_photo`.
        box: the face, from `find_faces`: its box is as tight as FER+'s pictures are.
        side: of the crop in pixels; FER+'s have 48.

    Raises:
        ValueError: as `crop_face`.

    Taught in 10.
    """
    crop = crop_face(photo, box, margin=0.0, size=side)
    return crops_to_batch([np.asarray(Image.fromarray(crop).convert("L").convert("RGB"))])


def _check_photo(photo: np.ndarray) -> None:
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.shape[2:] != (3,):
        array = isinstance(photo, np.ndarray)
        given = f"{photo.dtype} {photo.shape}" if array else type(photo).__name__
        raise ValueError(
            f"{given} was given: give uint8 RGB of shape (H, W, 3), as read_photo makes it."
        )


def _search(photo: np.ndarray, scale: float, least: int) -> np.ndarray:
    """Slide the cascade over the photo shrunk by `scale`: its hits (n, 3) as row, column, side."""
    height, width = (round(scale * length) for length in photo.shape[:2])
    small = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2)
    hits = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        np.array(small),
        scale_factor=1.05,
        step_ratio=1,
        min_size=(least, least),
        max_size=(height, width),
        min_neighbor_number=1,
        intersection_score_threshold=2,  # out of reach, so that no hit is merged with another
    )
    rows = sorted((hit["r"], hit["c"], hit["height"]) for hit in hits)
    return np.array(rows, dtype=float).reshape(-1, 3) / scale


def _agreed_boxes(windows: np.ndarray) -> list[FaceBox]:
    """Take the place that most windows agree on, drop all windows there, and again."""
    boxes = []
    while len(windows):
        agree = _overlap(windows) > 0.5
        best = agree.sum(axis=1).argmax()
        if agree[best].sum() < AGREEING_WINDOWS:
            break
        row, column, side = windows[agree[best]].mean(axis=0)
        boxes.append(FaceBox(round(row), round(column), round(side), round(side)))
        steps = windows[:, :2] + windows[:, 2:] / 2 - (row + side / 2, column + side / 2)
        apart = np.abs(steps) > np.maximum(side, windows[:, 2:]) / 2  # one holds no other's middle
        windows = windows[apart.any(axis=1)]
    return sorted(boxes, key=lambda box: -box.height)


def _overlap(windows: np.ndarray) -> np.ndarray:
    """Intersection over union of each window with each: (n, 3) -> (n, n)."""
    start, end = windows[:, :2], windows[:, :2] + windows[:, 2:]
    sides = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    common = sides.clip(min=0).prod(axis=-1)
    area = windows[:, 2] ** 2
    return common / (area[:, None] + area - common)
