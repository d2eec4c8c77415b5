"""How a training run shows itself: in a terminal, in a log file, in TensorBoard.

Taught in 07 and 07b. In a notebook, `plots.NotebookProgress` draws its curves.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from torch import Tensor

from vtff_lib.training.history import Epoch, History, describe_epoch

WIDTH = 24  # of the bar, in characters
EVERY = 0.5  # seconds between two looks at the loss: each look waits for a GPU
FIGURES = ("train_loss", "valid_loss", "valid_accuracy", "learning_rate", "seconds")  # of an Epoch


class Progress:
    """Told what happens, it shows nothing: for runs that are to be silent, and to build on."""

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
        begin: called once nothing is refused any more: a step is taken, or none is left.
    """

    def __init__(self, stream: TextIO | None = None, begin: Callable[[], Any] = lambda: None):
        self.stream, self.begin = stream or sys.stderr, begin
        self.bar = Bar()

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Write the head of the table, and the epochs so far."""
        if step == total_steps:
            self.begin()
        self.bar.start(history, step, total_steps)
        print(history, file=self.stream, flush=True)

    def step(self, step: int, loss: Tensor) -> None:
        """Write the first loss, then move the bar if anybody can see it move."""
        if step == self.bar.first:
            self.begin()
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


class TensorBoardProgress(Progress):
    """Shows a run as `shown` does, and writes each epoch's figures where TensorBoard reads them.

    Args:
        folder: for the event files, made when a step is taken or none is left. What a run that was
            stopped wrote there stays, but for epochs after its last checkpoint: TensorBoard drops
            those.
        shown: how else the run shows itself; as text if not given.

    Raises:
        ValueError: if the package `tensorboard` is not installed.
    """

    def __init__(self, folder: str | Path, shown: Progress | None = None):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(
                f"TensorBoard's curves need a package that is missing here ({error}); run `pip "
                "install tensorboard`, or leave --tensorboard out."
            ) from error
        self.folder = Path(folder)
        self._writer: Any = None
        self.shown = TextProgress() if shown is None else shown
        self._open_writer: Any = SummaryWriter

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Begin after the epochs so far."""
        self._writer, self._before = None, [*history.epochs]
        if step == total_steps:
            self._begin()
        self.shown.start(history, step, total_steps)

    def step(self, step: int, loss: Tensor) -> None:
        """Pass it on."""
        if self._writer is None:
            self._begin()
        self.shown.step(step, loss)

    def epoch(self, history: History) -> None:
        """Write the figures of the epoch, to be seen at once."""
        self._write(history.epochs[-1])
        self.shown.epoch(history)

    def close(self) -> None:
        """Write what is not on disk yet."""
        if self._writer is not None:
            self._writer.close()
        self.shown.close()

    def _begin(self) -> None:
        """Open the file; write the epochs so far if there are no curves of them yet."""
        begun = any(self.folder.glob("events.*"))
        self._writer = self._open_writer(self.folder, purge_step=len(self._before) + 1)
        for epoch in [] if begun else self._before:
            self._write(epoch)

    def _write(self, epoch: Epoch) -> None:
        for name in FIGURES:
            self._writer.add_scalar(name, getattr(epoch, name), epoch.number)
        self._writer.flush()


class Bar:
    """The line that moves: how far, with what loss, how long still."""

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Begin, or go on, at `step`."""
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
        full = WIDTH * step // self.total
        return (
            f"{'█' * full}{'░' * (WIDTH - full)} step {step} of {self.total}, "
            f"loss {loss.item():.3f} (guessing evenly: {self.guessing:.3f}), "
            f"{left // 60:.0f}:{left % 60:02.0f} left"
        )
