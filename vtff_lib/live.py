"""A picture that follows sliders, in a notebook with a running kernel.

`ipywidgets.interact` would be shorter, but the `Output` widget behind it can stall a run without a
browser and cannot carry alternative text; here the picture is HTML that is replaced whole.
"""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from vtff_lib.plots import Picture


class Live(widgets.VBox):
    """Controls above a picture that is drawn anew whenever one of them moves.

    Args:
        draw: called with the controls' values by name; returns the `Picture` to show.
        controls: any `ipywidgets` with a value, named as `draw` names its arguments.

    Taught in 00.
    """

    def __init__(self, draw: Callable[..., Picture], /, **controls: widgets.ValueWidget):
        self._draw = draw
        self._controls = controls
        self._view = widgets.HTML(self._drawn())
        for control in controls.values():
            control.observe(self._redraw, names="value")
        super().__init__([*controls.values(), self._view])

    def _drawn(self) -> str:
        values = {name: control.value for name, control in self._controls.items()}
        state = ", ".join(f"{name}={value}" for name, value in values.items())
        return self._draw(**values).html(state)

    def _redraw(self, change: object) -> None:
        try:
            self._view.value = self._drawn()
        except Exception as error:  # would vanish in a log, and leave a picture that is not true
            words = html.escape(f"{type(error).__name__}: {error}")
            self._view.value = f'<pre role="alert">This could not be drawn. {words}</pre>'

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Show the picture where there is no kernel too: on a web page, or before the first run."""
        return {**super()._repr_mimebundle_(**kwargs), "text/html": self._view.value}
