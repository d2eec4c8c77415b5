"""The curves of a run for TensorBoard, which `pip install tensorboard` brings. Taught in 07.

    python -m vtff_lib.train --out runs/first --tensorboard
    tensorboard --logdir runs

It shows them while the run goes on, and those of several runs in one picture.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from vtff_lib.training.history import Epoch, History
from vtff_lib.training.progress import Progress, choose_progress

FIGURES = ("train_loss", "valid_loss", "valid_accuracy", "learning_rate", "seconds")  # of an Epoch


class TensorBoardProgress(Progress):
    """Shows a run as `shown` does, and writes each epoch's figures where TensorBoard reads them.

    Args:
        folder: for the event files, made at the start of the run. What a run that was stopped wrote
            there stays, but for epochs after its last checkpoint: TensorBoard drops those.
        shown: how else the run shows itself; as suits the place if not given.

    Raises:
        ValueError: if the package `tensorboard` is not installed.

    Taught in 07.
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
        self.shown = choose_progress() if shown is None else shown
        self._open_writer: Any = SummaryWriter

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Begin after the epochs so far; write them if there are no curves of them yet."""
        begun = any(self.folder.glob("events.*"))
        self._writer = self._open_writer(self.folder, purge_step=len(history.epochs) + 1)
        for epoch in [] if begun else history.epochs:
            self._write(epoch)
        self.shown.start(history, step, total_steps)

    def step(self, step: int, loss: Tensor) -> None:
        """Pass it on."""
        self.shown.step(step, loss)

    def epoch(self, history: History) -> None:
        """Write the figures of the epoch, to be seen at once."""
        self._write(history.epochs[-1])
        self.shown.epoch(history)

    def close(self) -> None:
        """Write what is not on disk yet."""
        self._writer.close()
        self.shown.close()

    def _write(self, epoch: Epoch) -> None:
        for name in FIGURES:
            self._writer.add_scalar(name, getattr(epoch, name), epoch.number)
        self._writer.flush()
