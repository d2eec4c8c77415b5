"""A face that you move, and what the model makes of it, move by move; with a kernel. Taught in 08b.

The explorer is the one of the pages. Sliders and buttons around it make a new face, and only what
is looked at is computed: the maps, and the one change of the model that is chosen.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from vtff_lib.explain.surgery import Surgery, all_surgeries
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.photos.finding import crops_to_batch, face_from_photo
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.synthetic_faces.shots import OCCLUDERS
from vtff_lib.vtff import VTFF
from vtff_lib.widgets.telling import Whole, taken, told_in

UNITS = {
    1: "inner brow up",
    2: "outer brow up",
    4: "brow down",
    5: "lid up",
    6: "cheek up",
    9: "nose wrinkled",
    12: "lip corner up",
    15: "lip corner down",
    25: "lips apart",
    26: "jaw down",
}
START = {6: 0.6, 12: 0.8, 25: 0.6}
PAUSE = 0.015  # seconds in which moves that wait are gathered, so that only the last is drawn


class Playground(Whole):
    """Sliders for a rendered face and a place for a photo, around an explorer that follows.

    A photo stays in the kernel and in this notebook's page; it is sent nowhere else, and not saved.

    Args:
        model: any trained VTFF, or a model of your own, see `VTFF.of`.
        person: number of the person, see `synthetic_faces.sample`.
        units: the first intensities, 0 to 1, by action unit; those of a smile if not given.

    Raises:
        ValueError: if there is no slider for a unit.
    """

    def __init__(self, model: nn.Module, person: int = 0, units: Mapping[int, float] | None = None):
        start = START if units is None else units
        if not start.keys() <= UNITS.keys():
            raise ValueError(f"There are sliders for the action units {list(UNITS)} alone.")
        self._model = VTFF.of(model)
        self._face = sample([person], seed=2, split="test").in_studio()
        self._photo: Tensor | None = None
        self._due: asyncio.TimerHandle | None = None
        self._surgeries = {surgery.name: surgery for surgery in all_surgeries(self._model)}
        self.units = {
            unit: _slider(f"AU {unit}, {word}", start.get(unit, 0.0), 0, 1)
            for unit, word in UNITS.items()
        }
        self.lamp = _slider("lamp, left to right", 0.3, -1.2, 1.2)
        self.yaw = _slider("head, left to right", 0.0, -0.6, 0.6)
        self.occluder = widgets.Dropdown(options=OCCLUDERS, description="in front")
        self.upload = widgets.FileUpload(accept="image/*", description="your photo")
        self.back = widgets.Button(description="the rendered face")
        self.trouble = widgets.HTML()
        self.explorer = Explorer(
            self._model,
            self._pixels(),
            [self._name()],
            title="A face to move",
            computed=[Surgery()],
            live=False,  # the kernel draws the faces, and so works out the rest
        )
        self.view = self.explorer.widget
        sliders = [*self.units.values(), self.lamp, self.yaw, self.occluder]
        for control in sliders:
            control.observe(self._moved, names="value")
        self.view.observe(self._looked_elsewhere, names="state")
        self.upload.observe(self._uploaded, names="value")
        self.back.on_click(self._moved)
        flow = widgets.Layout(flex_flow="row wrap")
        controls = widgets.Box([*sliders, self.upload, self.back], layout=flow)
        super().__init__([controls, self.trouble, self.view])

    def _pixels(self) -> Tensor:
        """Return the photo, or the face as the sliders ask for it, uint8 `(1, 3, H, W)`."""
        if self._photo is not None:
            return self._photo
        lamp = torch.tensor([[self.lamp.value, -0.5, 1.0]])
        face = self._face.showing({unit: slider.value for unit, slider in self.units.items()})
        face = face.seen(
            yaw=self.yaw.value,
            lamp=lamp / lamp.norm(),
            occluder=OCCLUDERS.index(self.occluder.value),
        )
        return render(face, size=self._model.config.image_size).images

    def _name(self) -> str:
        return "rendered face" if self._photo is None else "your photo"

    def _moved(self, change: object = None) -> None:
        """Draw the rendered face: whoever moves a slider wants to see it, not the photo."""
        self._photo, self.trouble.value = None, ""
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Draw a moment later: moves that wait by then are drawn together, as they stand."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # plain Python, without a kernel's loop
            self._draw()
            return
        if self._due is None:
            self._due = loop.call_later(PAUSE, self._draw)

    def _draw(self) -> None:
        self._due = None
        chosen = self._chosen()
        with told_in(self.trouble):
            self.explorer.show(
                self._pixels(),
                [self._name()],
                computed=[Surgery(), *([self._surgeries[chosen]] if chosen != "none" else [])],
            )

    def _chosen(self) -> str:
        """Return the name of the change that the reader has chosen in the explorer."""
        name = self.view.state.get("surgery", "none")
        name = f"patch {self.view.state.get('cell')}" if name == "patch" else name
        return name if isinstance(name, str) and name in self._surgeries else "none"

    def _looked_elsewhere(self, change: object) -> None:
        if self._chosen() not in self.explorer.content["computed"]:
            self._draw_soon()

    def _uploaded(self, change: object) -> None:
        with told_in(self.trouble):
            content = taken(self.upload)
            if content is None:
                return
            photo = face_from_photo(content, which=0, size=self._model.config.image_size)
            self._photo, self.trouble.value = crops_to_batch([photo]), ""
            self._draw_soon()

    def close(self) -> None:
        """Close all sliders, and draw no more."""
        if self._due is not None:
            self._due.cancel()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show a picture where there is no kernel too."""
        return {
            **super()._repr_mimebundle_(**kwargs),
            "text/html": self.explorer.still().html(),
            "text/plain": self.explorer.describe(),
        }


def _slider(word: str, value: float, low: float, high: float) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        value,
        min=low,
        max=high,
        step=0.05,
        description=word,
        readout=False,
        style={"description_width": "160px"},
        layout=widgets.Layout(width="330px"),
    )
