"""What G and L answer is drawn in panels of their own, and keeps nothing of the last answer."""

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from vtff_lib.plots import AttentionPicture, changes_beside_faces, maps_below_faces
from vtff_lib.plots.cells import draw_cells
from vtff_lib.plots.pictures import Picture

FACE = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
BLANK = {"global_attention": torch.zeros(5), "local_attention": torch.zeros(7, 7), "alt": "words"}


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def panels_that_differ(before: np.ndarray, after: np.ndarray) -> set[str]:
    """The panels in which two pictures differ: the face and L's map above, G's bars below."""
    rows, columns = np.nonzero((after != before).any(axis=2))
    high, wide = before.shape[:2]
    below = rows > 0.55 * high
    return {
        *(["G"] if below.any() else []),
        *(["face"] if (~below & (columns < 0.42 * wide)).any() else []),
        *(["L"] if (~below & (columns >= 0.42 * wide)).any() else []),
    }


def test_each_answer_is_drawn_in_its_own_panel():
    view = AttentionPicture(5, "asked")
    before = pixels(view.draw(FACE, **BLANK))

    def changed(**parts: torch.Tensor) -> set[str]:
        parts = {"asked": FACE, **BLANK, **parts}
        return panels_that_differ(before, pixels(view.draw(**parts)))

    assert changed(asked=FACE.flip(-1)) == {"face"}
    assert changed(local_attention=torch.ones(7, 7)) == {"L"}
    assert changed(global_attention=torch.ones(5)) == {"G"}
    assert changed(before=torch.ones(5)) == {"G"}


def test_nothing_is_kept_of_the_last_answer():
    view = AttentionPicture(5, "asked")
    first = pixels(view.draw(FACE, **BLANK))
    other = {"global_attention": torch.randn(5), "local_attention": torch.randn(7, 7), "alt": ""}
    assert np.abs(pixels(view.draw(FACE, before=torch.ones(5), **other)) - first).max() > 50
    np.testing.assert_array_equal(pixels(view.draw(FACE, **BLANK)), first)


def test_scales_stay_so_that_answers_can_be_compared():
    view = AttentionPicture(5, "asked", global_limit=2, local_limit=3)
    low = {**BLANK, "local_attention": torch.full((7, 7), 0.5)}
    high = {**BLANK, "local_attention": torch.full((7, 7), 2.5)}
    low, high = (pixels(view.draw(FACE, **scores)) for scores in (low, high))
    assert panels_that_differ(low, high) == {"L"}


def test_words_go_with_the_picture():
    picture = AttentionPicture(5, "asked").draw(FACE, **BLANK, caption="more words")
    assert (picture.alt, picture.caption) == ("words", "more words")


def test_a_cell_is_drawn_around_the_pixel_that_it_is_centred_on():
    axis = Figure().add_subplot()
    left, right, below, above = draw_cells(axis, torch.zeros(7, 5)).get_extent()
    for index, (start, end, cells) in enumerate(((left, right, 5), (above, below, 7))):
        size = (end - start) / cells
        centres = [start + (cell + 0.5) * size for cell in range(cells)]
        assert centres == pytest.approx([cell / cells for cell in range(cells)]), index
    assert (axis.get_xlim(), axis.get_ylim()) == ((0, 1), (1, 0))  # the frame of the face


def test_a_map_stands_below_its_own_face_and_all_share_one_scale():
    faces = {"one": FACE, "two": FACE.flip(-1)}
    maps = {"one": torch.zeros(7, 7), "two": torch.full((7, 7), -2.0)}
    picture = maps_below_faces(faces, maps, alt="words", caption="more words", label="score")
    assert (picture.alt, picture.caption) == ("words", "more words")
    other = maps_below_faces(faces, {**maps, "one": torch.ones(7, 7)}, alt="words")
    assert pixels(picture).shape[1] == pixels(other).shape[1] == 1000
    assert picture.png != other.png


def test_changes_have_a_row_for_each_face():
    changes = {"picture": torch.rand(7, 7), "L": torch.rand(7, 7)}
    one = changes_beside_faces({"mouth": FACE}, {"mouth": changes}, alt="words")
    two = changes_beside_faces(
        {"mouth": FACE, "brows": FACE}, {"mouth": changes, "brows": changes}, alt="words"
    )
    assert pixels(two).shape[0] == 2 * pixels(one).shape[0]
    with pytest.raises(ValueError, match=r"heat"):
        changes_beside_faces({"mouth": FACE}, {"mouth": {"L": torch.rand(1, 7, 7)}}, alt="words")
