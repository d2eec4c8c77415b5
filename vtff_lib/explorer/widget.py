"""The explorer as a Jupyter widget: JupyterLab, Notebook, VS Code, Colab. Taught in 08b."""

from pathlib import Path

import anywidget
import traitlets


class ExplorerWidget(anywidget.AnyWidget):
    """An explorer whose data can be replaced while the reader's choices stay.

    Args:
        content: the data as JSON, `json.dumps(Explorer(…).content)`.
        state: the reader's choices, by name; set them to move the explorer.
    """

    _esm = Path(__file__).parent / "assets" / "explorer.js"
    _css = _esm.with_suffix(".css")
    content = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
