"""A picture that follows sliders, in a notebook with a running kernel.

`ipywidgets.interact` would be shorter, but the `Output` widget behind it can stall a run without a
browser and cannot carry alternative text; here the picture is HTML that is replaced whole.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as widgets

from vtff_lib.plots.pictures import Picture
from vtff_lib.widgets.telling import Whole, told_in


def tidy(value: Any) -> Any:
    """Return a number without the dust that a slider's arithmetic leaves: 0.6 for 0.59999…"""
    return round(value, 9) if isinstance(value, float) else value


class Live(Whole):
    """Controls above a picture that is drawn anew whenever one of them moves.

    Args:
        draw: called with the controls' values by name; returns the `Picture` to show.
        presets: what a button sets, by the button's word: values by the control's name. Controls
            without a value stay where they are.
        controls: any `ipywidgets` with a value, named as `draw` names its arguments.

    Taught in 00.
    """

    def __init__(
        self,
        draw: Callable[..., Picture],
        presets: Mapping[str, Mapping[str, Any]] | None = None,
        /,
        **controls: widgets.ValueWidget,
    ):
        self._draw = draw
        self._busy = False
        self._controls = controls
        self._view = widgets.HTML(self._drawn())
        for control in controls.values():
            control.observe(self._redraw, names="value")
        rows = [self._row(controls.values()), self._view]
        if presets:
            rows.insert(0, self._row(map(self._button, presets, presets.values())))
        super().__init__(rows)

    @staticmethod
    def _row(children: Iterable[widgets.Widget]) -> widgets.Box:
        return widgets.Box(list(children), layout=widgets.Layout(flex_flow="row wrap"))

    def _button(self, word: str, values: Mapping[str, Any]) -> widgets.Button:
        button = widgets.Button(description=word, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self._set(values))
        return button

    def _set(self, values: Mapping[str, Any]) -> None:
        """Move several controls, and draw once."""
        self._busy = True
        with told_in(self._view, ()):
            try:
                for name, value in values.items():
                    self._controls[name].value = value
            finally:
                self._busy = False
            self._view.value = self._drawn()

    def _drawn(self) -> str:
        values = {name: tidy(control.value) for name, control in self._controls.items()}
        state = ", ".join(f"{name}={value}" for name, value in values.items())
        return self._draw(**values).html(state)

    def _redraw(self, change: object = None) -> None:
        if self._busy:
            return
        with told_in(self._view, ()):  # in the place of a picture that is not true
            self._view.value = self._drawn()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Show the picture where there is no kernel too: on a web page, or before the first run."""
        return {**super()._repr_mimebundle_(**kwargs), "text/html": self._view.value}
