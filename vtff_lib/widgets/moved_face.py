"""A rendered face whose muscles follow sliders, with what G and L answer. Taught in 03."""

from collections.abc import Callable

from ipywidgets import FloatSlider
from torch import Tensor

from vtff_lib.plots import AttentionPicture, Picture
from vtff_lib.synthetic_faces import ACTION_UNIT_NAMES, Faces, render
from vtff_lib.widgets.live import Live

MOVES: dict[str, dict[int, float]] = {  # intensities of action units, by what they look like
    "at rest": {},
    "smile": {12: 1.0, 26: 0.5},
    "open mouth": {26: 0.8},
    "mouth corners down": {15: 1.0},
    "brows up": {1: 1.0},
    "brows down": {4: 1.0},
}
UNITS = (1, 4, 12, 15, 26)
FIRST = "smile"


def moved_face(person: Faces, attention_of: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Live:
    """Return sliders for five action units, above the face, L's map and G's bars.

    Args:
        person: one, as `synthetic_faces.sample` draws them.
        attention_of: from images `(1, 3, H, W)` uint8 to G's scores `(1, C)` and L's `(1, h, w)`.
    """
    at_rest = attention_of(render(person.showing({})).images)[0][0]
    view = AttentionPicture(len(at_rest), "the face", global_limit=4, local_limit=6)

    def draw(**intensities: float) -> Picture:
        units = {int(name.removeprefix("AU")): value for name, value in intensities.items()}
        units[25] = units[26]  # where the jaw drops, the lips part
        image = render(person.showing(units)).images
        of_channels, of_places = (scores[0] for scores in attention_of(image))
        shown = ", ".join(f"AU {unit} at {value:.1f}" for unit, value in units.items() if value)
        row, column = divmod(int(of_places.argmax()), of_places.shape[1])
        return view.draw(
            image[0],
            of_channels,
            of_places,
            before=at_rest,
            alt=f"A rendered face with {shown or 'no action unit'}, L's map, and G's "
            f"{len(at_rest)} bars.",
            caption=f"L is highest, {of_places.max():.1f}, in row {row}, column {column}, counted "
            f"from 0. G's scores are {(of_channels - at_rest).abs().mean():.1f} from those at "
            "rest, on average.",
        )

    buttons = {
        word: {f"AU{unit}": move.get(unit, 0.0) for unit in UNITS} for word, move in MOVES.items()
    }
    return Live(draw, buttons, **{f"AU{unit}": _slider(unit) for unit in UNITS})


def _slider(unit: int) -> FloatSlider:
    return FloatSlider(
        MOVES[FIRST].get(unit, 0.0),
        min=0,
        max=1,
        step=0.1,
        readout_format=".1f",
        description=f"{unit} {ACTION_UNIT_NAMES[unit][0]}",
        style={"description_width": "155px"},
        layout={"width": "335px"},
    )
