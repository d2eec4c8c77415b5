"""Pictures of the encoder: where a token looks, and what the scale and the norms do."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vtff_lib import plots
from vtff_lib.plots import LookPicture

FACE = torch.full((3, 32, 32), 128, dtype=torch.uint8)
EVEN = torch.full((7,), 1 / 7)
SHARP = torch.tensor([0.1, 0, 0, 0, 0, 0.9, 0])  # [cls], then 2 rows of 3 cells


@pytest.fixture(scope="module")
def view():
    return LookPicture((2, 3))


def pixels(picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png))).astype(int)


def look(view, shares=SHARP, token=0):
    return view.draw(FACE, shares, token, ("a face", "block 1"))


def test_words_tell_who_looks_where_and_at_how_many(view):
    of_cls, of_cell = look(view), look(view, EVEN, token=4)
    assert "where [cls] looks, block 1: most at row 2, column 2, a share of 0.90." in of_cls.alt
    assert of_cls.caption == (
        "Where [cls] looks: at about 1 of 7 tokens. [cls] itself gets 0.10; an even share is 0.14."
    )
    assert "Where the cell in row 2, column 1 looks: at about 7 of 7" in of_cell.caption


def test_only_a_cell_that_asks_gets_a_frame(view):
    plain = pixels(look(view))
    for token in (1, 6):
        framed = pixels(look(view, token=token))
        assert (framed != plain).any()
    assert np.array_equal(pixels(look(view)), plain)  # nothing of the last picture is left


def test_the_bar_stays_whatever_is_drawn(view):
    pictures = [pixels(look(view, shares)) for shares in (EVEN, SHARP)]
    first, second = (each[:, round(0.8 * each.shape[1]) :] for each in pictures)
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("shares", "token", "words"), [(EVEN[:6], 0, "shares"), (EVEN, 7, "token")]
)
def test_what_is_no_row_of_the_weights_is_named(view, shares, token, words):
    with pytest.raises(ValueError, match=words):
        look(view, shares, token)


def rows(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(5, 2, 9, generator=generator) for _ in range(2)]


def test_charts_have_one_line_for_each_name_and_refuse_more_than_can_be_told_apart():
    scales = {"no scale": rows(0), "scale √d": rows(1)}
    two = plots.effects_of_scale(scales, [4, 16], tokens=50)
    one = plots.effects_of_scale({"no scale": rows(0)}, [4, 16], tokens=50)
    assert not np.array_equal(pixels(two), pixels(one))
    with pytest.raises(ValueError, match="There are 4 lines; give at most 3"):
        plots.effects_of_scale({str(n): rows(n) for n in range(4)}, [4, 16], tokens=50)


def test_gradients_are_told_in_words_from_the_first_block_to_the_last():
    falling = torch.tensor([[4.0, 2, 1], [2.0, 2, 1]])
    picture = plots.gradients_by_block(
        {"small\n0.2": {"pre-LN": falling}, "large": {"pre-LN": 2 * falling}}
    )
    assert "small, pre-LN: 3.00 to 1.00; large, pre-LN: 6.00 to 2.00." in picture.alt
