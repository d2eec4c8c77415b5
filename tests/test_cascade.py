"""The face finder in few bytes: they say what scikit-image's cascade says, and fit in a page."""

import base64

import numpy as np
import pytest
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from vtff_lib.live.cascade import pack_cascade

CLOCKWISE = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))  # of 3 × 3 blocks


def unpacked(content):
    """Return the arrays that `pack_cascade` tells of, read one after the other."""
    stages, questions = np.frombuffer(content, "<u2", 2).tolist()
    layout = (
        ("<u4", (questions, 8)), ("<f4", (questions, 2)), ("<f4", (stages,)),
        ("u1", (questions, 4)), ("u1", (stages,)),
    )  # fmt: skip
    start, arrays = 4, []
    for kind, shape in layout:
        arrays.append(np.frombuffer(content, kind, np.prod(shape), start).reshape(shape))
        start += arrays[-1].nbytes
    assert start == len(content)
    return arrays


def passing(content, grey, factor):
    """Return where windows `factor` times the smallest pass every stage, as [row, column]."""
    codes, votes, thresholds, blocks, asked = unpacked(content)
    side = 24 * factor
    sums = np.pad(grey.astype(int), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows, columns = np.indices([length - side for length in grey.shape])
    kept = np.full(rows.shape, True)
    for stage, last in enumerate(np.cumsum(asked, dtype=int)):
        points = 0.0
        for question in range(last - asked[stage], last):
            x, y, width, height = blocks[question].astype(int) * factor
            corner = [
                [sums[rows + y + i * height, columns + x + j * width] for j in range(4)]
                for i in range(4)
            ]
            block = np.diff(np.diff(np.array(corner), axis=0), axis=1)
            bits = [block[place] >= block[1, 1] for place in CLOCKWISE]
            code = sum(bit << 7 - number for number, bit in enumerate(bits))
            first = codes[question][code >> 5] >> (code & 31) & 1
            points = points + np.where(first, votes[question, 0], votes[question, 1])
        kept &= points >= thresholds[stage]
    return np.argwhere(kept).tolist()


@pytest.fixture(scope="module")
def grey(astronaut):
    """Her head in 145 × 140 pixels: so few that scikit-image's float32 sums are exact."""
    return (astronaut[20:310:2, 80:360:2].mean(axis=2)).round().astype(np.uint8)


@pytest.mark.parametrize("factor", [1, 2])
def test_the_bytes_pass_the_windows_that_scikit_image_passes(grey, factor):
    side = 24 * factor
    hits = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        grey, scale_factor=1.05, step_ratio=1 / factor, min_size=(side, side),
        max_size=(side + 1, side + 1), min_neighbor_number=1, intersection_score_threshold=2,
    )  # fmt: skip
    wanted = sorted([hit["r"], hit["c"]] for hit in hits)
    assert passing(pack_cascade(), grey, factor) == wanted
    assert (len(wanted) > 3) == (factor == 2)  # her face has about 48 pixels


def test_the_finder_fits_in_ten_kilobytes_of_a_page():
    assert len(base64.b64encode(pack_cascade())) <= 10_000
