"""How a training run shows itself: in a notebook, in a terminal, in a log file. Taught in 07."""

import math
import sys
import time
from typing import Any, TextIO

from torch import Tensor

from vtff_lib.training.history import History, describe_epoch
from vtff_lib.plots.pictures import Picture

BAR = 24  # characters
EVERY = 0.5  # seconds between two looks at the loss: each look waits for a GPU


class Progress:
    """Told what happens, it shows nothing: for runs that are to be silent, and to build on.

    Taught in 07.
    """

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Begin, or go on at `step`, with the epochs so far."""

    def step(self, step: int, loss: Tensor) -> None:
        """Learn that `step` steps are taken, the last with `loss` `()`. Reading it can wait."""

    def epoch(self, history: History) -> None:
        """Learn that an epoch is over."""

    def close(self) -> None:
        """Learn that the run is over, or was broken off."""


class TextProgress(Progress):
    """A bar in a terminal, and a line for each epoch; in a log file only the lines.

    Args:
        stream: where to write; standard error if not given, as it is not held back.

    Taught in 07.
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.bar = _Bar()

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Write the head of the table, and the epochs so far."""
        self.bar.start(history, step, total_steps)
        print(history, file=self.stream, flush=True)

    def step(self, step: int, loss: Tensor) -> None:
        """Write the first loss, then move the bar if anybody can see it move."""
        words = self.bar.words(step, loss)
        if words and self.stream.isatty():
            self.stream.write(f"\r\x1b[K{words}")
            self.stream.flush()
        elif step == self.bar.first:
            print(words.lstrip("█░ "), file=self.stream, flush=True)

    def epoch(self, history: History) -> None:
        """Write the line of the epoch."""
        self.close()
        print(describe_epoch(history.epochs[-1]), file=self.stream, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self.stream.isatty():
            self.stream.write("\r\x1b[K")
            self.stream.flush()


class NotebookProgress(Progress):
    """The curves of the run, redrawn after each epoch, with the bar below while it runs.

    It is one output that is replaced, no widget: what stays in the notebook is the last picture.

    Taught in 07.
    """

    def __init__(self) -> None:
        self.bar = _Bar()
        self.picture: Picture | None = None
        self._handle: Any = None

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Show the epochs so far."""
        self.bar.start(history, step, total_steps)
        self.picture = history.plot()
        self._show("")

    def step(self, step: int, loss: Tensor) -> None:
        """Move the bar."""
        words = self.bar.words(step, loss)
        if words:
            self._show(words)

    def epoch(self, history: History) -> None:
        """Draw the curves anew."""
        self.picture = history.plot()
        self._show("")

    def close(self) -> None:
        """Leave the curves alone."""
        self._show("")

    def _show(self, words: str) -> None:
        from IPython.display import display  # here, so that the library imports without Jupyter

        assert self.picture is not None
        html = self.picture.html() + (f"<pre>{words}</pre>" if words else "")
        bundle = {"text/html": html, "text/plain": f"Picture: {self.picture.alt}\n{words}".strip()}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def choose_progress() -> Progress:
    """Return what suits the place: curves where a notebook runs, else text. Taught in 07."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return NotebookProgress() if hasattr(shell, "kernel") else TextProgress()


class _Bar:
    """The line that moves: how far, with what loss, how long still."""

    def start(self, history: History, step: int, total_steps: int) -> None:
        self.first, self.total = step + 1, total_steps
        self.guessing = math.log(history.num_classes)
        self.began = time.monotonic()
        self.looked = -math.inf

    def words(self, step: int, loss: Tensor) -> str:
        """Return the line, or nothing if the last is not half a second old."""
        now = time.monotonic()
        if now - self.looked < EVERY:
            return ""
        self.looked = now
        done = step - self.first + 1
        left = (now - self.began) / done * (self.total - step)
        full = BAR * step // self.total
        return (
            f"{'█' * full}{'░' * (BAR - full)} step {step} of {self.total}, loss {loss.item():.3f} "
            f"(guessing evenly: {self.guessing:.3f}), {left // 60:.0f}:{left % 60:02.0f} left"
        )
