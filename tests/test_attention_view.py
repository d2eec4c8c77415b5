"""What G and L answer is drawn in panels of their own, and keeps nothing of the last answer."""

import io

import numpy as np
import torch
from PIL import Image

from vtff_lib.plots.attention import AttentionPicture
from vtff_lib.plots.pictures import Picture

FACE = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
BLANK = {"global_attention": torch.zeros(5), "local_attention": torch.zeros(7, 7), "alt": "words"}


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def panels_that_differ(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """The first and the last panel in which two pictures differ; they begin at 0, 414 and 880."""
    columns = np.flatnonzero((after != before).any(axis=(0, 2)))
    first, last = np.searchsorted([414, 880], [columns.min(), columns.max()], side="right")
    return int(first), int(last)


def test_each_answer_is_drawn_in_its_own_panel():
    view = AttentionPicture(5, "asked")
    before = pixels(view.draw(torch.zeros(3, 7, 7).byte(), **BLANK))

    def changed(**parts: torch.Tensor) -> tuple[int, int]:
        parts = {"asked": torch.zeros(3, 7, 7).byte(), **BLANK, **parts}
        return panels_that_differ(before, pixels(view.draw(**parts)))

    assert changed(asked=torch.full((3, 7, 7), 9).byte()) == (0, 0)
    assert changed(local_attention=torch.ones(7, 7)) == (1, 1)
    assert changed(global_attention=torch.ones(5)) == (2, 2)
    assert changed(before=torch.ones(5)) == (2, 2)


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
    assert panels_that_differ(low, high) == (1, 1)


def test_words_go_with_the_picture():
    picture = AttentionPicture(5, "asked").draw(
        torch.zeros(3, 7, 7).byte(), **BLANK, caption="more words"
    )
    assert (picture.alt, picture.caption) == ("words", "more words")
