"""The explorer as a Jupyter widget: JupyterLab, Notebook, VS Code, Colab. Taught in 08b."""

import anywidget
import traitlets

from vtff_lib.explorer.joined import script, styles


class ExplorerWidget(anywidget.AnyWidget):
    """An explorer whose data can be replaced while the reader's choices stay.

    Args:
        content: the data as JSON, `json.dumps(Explorer(…).content)`.
        parts: what runs the models in the browser, by name; none if that is empty.
        state: the reader's choices, by name; set them to move the explorer.
    """

    _esm = script()
    _css = styles()
    content = traitlets.Unicode().tag(sync=True)
    parts = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
