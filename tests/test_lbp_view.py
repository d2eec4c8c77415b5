"""The pictures of local binary patterns show what the library computes, and say it in words."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vtff_lib.lbp import OFFSETS, local_binary_pattern
from vtff_lib.plots.lbp import LightPicture, curves_picture, window_picture
from vtff_lib.plots.pictures import COLOURS, Picture
from vtff_lib.widgets.lbp import SLIDERS, live_light, live_window

WINDOW = torch.tensor([[120, 42, 88], [37, 90, 103], [91, 65, 200]])
ORANGE = tuple(int(COLOURS["lbp"][place : place + 2], 16) for place in (1, 3, 5))
BLUE = tuple(int(COLOURS["rgb"][place : place + 2], 16) for place in (1, 3, 5))


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def share(picture: Picture, colour: tuple[int, int, int]) -> float:
    """How much of a picture has a colour."""
    return (np.abs(pixels(picture) - colour).max(axis=-1) <= 8).mean()


@pytest.mark.parametrize("order", OFFSETS)
def test_the_words_of_a_window_tell_the_code_of_the_library(order):
    for seed in range(6):
        window = torch.randint(0, 4, (3, 3), generator=torch.Generator().manual_seed(seed))
        code = int(local_binary_pattern(window, order)[1, 1])
        shown = window_picture(window, order)
        assert shown.caption.startswith(f"The code is {code}.")
        assert f"{code:08b}, code {code}." in shown.alt


def test_the_other_comparison_gives_equal_neighbours_0():
    flat = torch.full((3, 3), 7.5)
    assert "code is 255." in window_picture(flat).caption
    assert "code is 0." in window_picture(flat, comparison=">").caption


def test_as_many_cells_are_coloured_as_there_are_ones():
    flat, dark = torch.full((3, 3), 5), torch.full((3, 3), 5)
    dark[0] = 0  # three neighbours are smaller
    ratio = share(window_picture(dark), ORANGE) / share(window_picture(flat), ORANGE)
    assert 5 / 8 - 0.03 < ratio < 5 / 8 + 0.03
    assert share(window_picture(flat, comparison=">"), ORANGE) == 0


@pytest.mark.parametrize(
    ("window", "settings", "words"),
    [
        (torch.zeros(2, 3), {}, r"shape \(2, 3\).*shape \(3, 3\)"),
        ([[1, 2, 3]] * 3, {}, "a list, not a tensor"),
        (WINDOW, {"order": "spiral"}, "'spiral' is unknown"),
        (WINDOW, {"comparison": "<"}, "'<' is unknown"),
    ],
)
def test_what_is_no_window_is_refused(window, settings, words):
    with pytest.raises(ValueError, match=words):
        window_picture(window, **settings)


def draw(view: LightPicture, shares=(0.5, 0.25, 0.1), level: float = 4, seed: int = 0) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.randint(0, 256, (3, 32, 32), generator=generator).byte()
    changed = torch.full((32, 32), level)
    return view.draw(rgb, local_binary_pattern(rgb), changed, shares)


def test_the_bars_of_a_light_are_as_long_as_the_shares():
    view = LightPicture()
    none, half, whole = (draw(view, (value, 0, 0)) for value in (0, 0.5, 1))
    assert share(none, BLUE) < 0.001
    assert abs(share(half, BLUE) / share(whole, BLUE) - 0.5) < 0.05


def test_the_map_of_changes_keeps_its_scale():
    view = LightPicture()
    assert np.abs(pixels(draw(view, level=1)) - pixels(draw(view, level=7))).mean() > 1


def test_a_light_that_is_drawn_again_looks_as_at_first():
    view = LightPicture()
    first = draw(view)
    draw(view, shares=(1, 1, 1), level=8, seed=1)
    assert draw(view).png == first.png


def test_a_light_says_its_shares_in_words():
    drawn = draw(LightPicture(), shares=(1, 0.25, 0.1))
    for words in (drawn.alt, drawn.caption):
        assert "100% of the RGB numbers, 25% of the LBP codes and 10% of the comparisons" in words


def test_curves_carry_their_words_and_stand_under_their_anchor():
    curve = {"one": {1: 0.1, 2: 0.4}, "two": {1: 0.2, 2: 0.3}}
    charts = {"noise": curve, "blur": curve}
    drawn, higher = (
        curves_picture(charts, "share", ("anchor", value), "alt", "caption") for value in (0.5, 0.9)
    )
    assert (drawn.alt, drawn.caption) == ("alt", "caption")
    assert drawn.png != higher.png


def shown(live) -> str:
    """The HTML of a live picture, as it stands now."""
    return live._repr_mimebundle_()["text/html"]


def buttons(live) -> dict:
    """Its buttons, by their words."""
    return {each.description: each for each in live.children[0].children}


def test_a_live_window_begins_with_its_first_pattern_and_a_button_sets_another():
    live = live_window({"141": WINDOW.flatten().tolist(), "flat": [90] * 9})
    assert "The code is 141." in shown(live)
    buttons(live)["flat"].click()
    assert "The code is 255." in shown(live)


def test_a_button_of_a_live_light_moves_what_it_names_and_resets_the_rest():
    calls: list[dict] = []

    def draw(**values: float) -> Picture:
        calls.append(values)
        return Picture(b"", "alt")

    live = live_light(draw, {"noisy": {"noise": 2.0}, "dim": {"brightness": 0.3}})
    start = {name: value for name, (_, value, *_) in SLIDERS.items()} | {"eight_bits": False}
    buttons(live)["noisy"].click()
    buttons(live)["dim"].click()
    assert calls == [start, start | {"noise": 2.0}, start | {"brightness": 0.3}]
