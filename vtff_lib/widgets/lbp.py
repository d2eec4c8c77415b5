"""The live pictures of lesson 01: a window bit by bit, and a face whose light is moved."""

from collections.abc import Callable, Mapping, Sequence

import torch
from ipywidgets import BoundedIntText, Checkbox, FloatSlider, ToggleButtons

from vtff_lib.lbp import OFFSETS
from vtff_lib.plots.lbp import COMPARISONS, window_picture
from vtff_lib.plots.pictures import Picture
from vtff_lib.widgets.live import Live

CELLS = (
    *("upper left", "above", "upper right", "left", "centre", "right"),
    *("lower left", "below", "lower right"),
)
SLIDERS = {  # value at the start, least, most, step
    "across": ("lamp, across", -1.0, -1.3, 1.3, 0.05),
    "above": ("lamp, above", 0.5, -0.6, 1.2, 0.1),
    "brightness": ("brightness", 1.0, 0.2, 1.0, 0.1),
    "gamma": ("gamma", 1.0, 0.4, 2.5, 0.1),
    "contrast": ("contrast", 1.0, 0.2, 1.0, 0.1),
    "blur": ("blur", 0.0, 0.0, 1.6, 0.1),
    "noise": ("noise", 0.0, 0.0, 8.0, 0.1),
}


def live_window(patterns: Mapping[str, Sequence[int]]) -> Live:
    """Return nine numbers from 0 to 255 that can be changed, above the code bit by bit.

    Args:
        patterns: what a button sets, nine numbers row by row; the first is there at the start.

    Taught in 01.
    """

    def draw(order: str, comparison: str, **cells: int) -> Picture:
        window = torch.tensor(list(cells.values())).reshape(3, 3)
        return window_picture(window, order, comparison)

    narrow = {"layout": {"width": "31%"}, "style": {"description_width": "80px"}}
    first = next(iter(patterns.values()))
    cells = {
        name.replace(" ", "_"): BoundedIntText(value, min=0, max=255, description=name, **narrow)
        for name, value in zip(CELLS, first, strict=True)
    }
    buttons = {word: dict(zip(cells, values, strict=True)) for word, values in patterns.items()}
    order = ToggleButtons(options=list(OFFSETS), description="order")
    comparison = ToggleButtons(options=list(COMPARISONS), description="neighbour is")
    return Live(draw, buttons, **cells, order=order, comparison=comparison)


def live_light(draw: Callable[..., Picture], presets: Mapping[str, Mapping[str, float]]) -> Live:
    """Return sliders for a lamp and a camera above the picture of a face.

    Args:
        draw: called with `across`, `above` (of the lamp, in radians), `brightness`, `gamma`,
            `contrast`, `blur`, `noise` and `eight_bits`.
        presets: what a button moves away from the values in `SLIDERS`, by the button's word.

    Taught in 01.
    """
    wide = {"style": {"description_width": "110px"}, "layout": {"width": "300px"}}
    controls = {
        name: FloatSlider(value, min=low, max=high, step=step, description=words, **wide)
        for name, (words, value, low, high, step) in SLIDERS.items()
    }
    start = {name: control.value for name, control in controls.items()} | {"eight_bits": False}
    buttons = {word: start | dict(moves) for word, moves in presets.items()}
    return Live(draw, buttons, **controls, eight_bits=Checkbox(False, description="8 bits"))
