"""How nbval runs the lessons: once, as run.py does, with pictures compared as it compares them."""

import os
from unittest.mock import patch

from nbformat import NotebookNode
from nbval import plugin

from notebooks import run

tell_how_texts_differ = plugin.IPyNbCell.compare_outputs


class Kernel(plugin.RunningKernel):
    """A kernel that counts its cells and heeds a closing semicolon, as for a reader."""

    def __init__(self, *arguments: object, **settings: object):
        with patch.dict(os.environ, run.ENVIRONMENT):
            super().__init__(*arguments, **settings)

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send a cell to the kernel; return the name of the message."""
        return self.kc.execute(cell_input, allow_stdin=allow_stdin, stop_on_error=False)


def compare_outputs(
    item: plugin.IPyNbCell, fresh: list[NotebookNode], stored: list[NotebookNode]
) -> bool:
    """Tell whether a cell gave what is stored, by `run.same_outputs`; if not, note how."""
    for output in fresh:
        run.settle(output)
    cells = [NotebookNode(item.cell, outputs=outputs) for outputs in (stored, fresh)]
    if run.same_outputs(*cells):
        return True
    if tell_how_texts_differ(item, fresh, stored):
        item.comparison_traceback = ["A picture, or the order of the outputs, is another."]
    return False


plugin.RunningKernel = Kernel
plugin.IPyNbCell.compare_outputs = compare_outputs
plugin.coalesce_streams = run.merge_streams
