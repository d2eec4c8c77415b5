"""A button for the camera of whoever looks at the notebook. Needs a kernel. Taught in 10."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget


class Webcam(anywidget.AnyWidget):
    """Two buttons: camera on or off, and take a picture.

    A picture comes as a message to this kernel. It is no part of the widget's state, so a notebook
    cannot store it, and it is sent nowhere else.

    Args:
        on_photo: called with each picture, the bytes of a PNG, when it is taken.
    """

    _esm = Path(__file__).with_name("webcam.js")

    def __init__(self, on_photo: Callable[[bytes], Any]):
        super().__init__()
        self._on_photo = on_photo
        self.on_msg(self._receive)

    def _receive(self, widget: object, content: Any, buffers: Sequence[memoryview | bytes]) -> None:
        if isinstance(content, dict) and content.get("kind") == "photo" and buffers:
            self._on_photo(bytes(buffers[0]))
