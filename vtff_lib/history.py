"""What a training run went through, epoch by epoch, as numbers, as JSON and as a picture.

Taught in 07.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vtff_lib.plots.pictures import INK, Picture, picture

PALE = "#9A9A9A"  # the training images, behind the validation images in ink


@dataclass(frozen=True)
class Epoch:
    """One pass through the training images.

    Args:
        number: 1 for the first.
        steps: optimiser steps since the start of the run.
        train_loss: mean of the loss that was minimised, in nats, over augmented images, with label
            smoothing and class weights.
        valid_loss: mean -log p of the true class, in nats, of the averaged weights, without them.
        valid_accuracy: share of the validation images that the averaged weights name rightly.
        learning_rate: of the last step.
        seconds: time that training and validation took.

    Taught in 07.
    """

    number: int
    steps: int
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    learning_rate: float
    seconds: float


@dataclass
class History:
    """The epochs of a run so far.

    Args:
        num_classes: of the model; guessing evenly costs log(num_classes) nats.
        planned: epochs that the run is to have.
        epochs: those that it had, in order.

    Taught in 07.
    """

    num_classes: int
    planned: int
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether all planned epochs are there."""
        return len(self.epochs) >= self.planned

    def to_json(self) -> str:
        """Return the history as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the history that `to_json` wrote.

        Raises:
            ValueError: if the text is none.
        """
        try:
            content = json.loads(text)
            epochs = [Epoch(**epoch) for epoch in content.pop("epochs")]
            return cls(**content, epochs=epochs)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{text[:60]!r} is no history that History.to_json wrote.") from error

    def __str__(self) -> str:
        """Return a table, a line for each epoch."""
        head = "epoch  train loss  valid loss  valid accuracy  learning rate  seconds"
        return "\n".join([head, *map(describe_epoch, self.epochs)])

    def plot(self) -> Picture:
        """Return the curves of loss and accuracy."""
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        _frame(loss, self, "loss (nats)", math.log(self.num_classes))
        _frame(accuracy, self, "accuracy on validation images", 1 / self.num_classes)
        numbers = [epoch.number for epoch in self.epochs]
        style: dict[str, Any] = {"lw": 1.8, "marker": "o", "ms": 3}
        losses = [epoch.train_loss for epoch in self.epochs]
        loss.plot(numbers, losses, color=PALE, label="training", **style)
        losses = [epoch.valid_loss for epoch in self.epochs]
        loss.plot(numbers, losses, color=INK, label="validation", **style)
        loss.legend(frameon=False, fontsize=8, loc="lower left")
        shares = [epoch.valid_accuracy for epoch in self.epochs]
        accuracy.plot(numbers, shares, color=INK, **style)
        loss.set_ylim(bottom=0)
        accuracy.set_ylim(0, 1)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        caption = (
            "Training images are altered and their labels softened, validation images are not: the "
            "two losses are not on one footing. Dotted: guessing evenly."
        )
        return picture(figure, self._alt(), caption)

    def _alt(self) -> str:
        if not self.epochs:
            return f"Two empty panels, loss and accuracy, for {self.planned} epochs to come."
        first, last = self.epochs[0], self.epochs[-1]
        return (
            f"Two line charts over {last.number} of {self.planned} epochs. Left, the loss: in "
            f"training from {first.train_loss:.2f} to {last.train_loss:.2f} nats, in validation "
            f"from {first.valid_loss:.2f} to {last.valid_loss:.2f}. Right, the accuracy in "
            f"validation: from {first.valid_accuracy:.0%} to {last.valid_accuracy:.0%}."
        )


def describe_epoch(epoch: Epoch) -> str:
    """Return an epoch as a line of the table that `str(history)` is. Taught in 07."""
    return (
        f"{epoch.number:5d}  {epoch.train_loss:10.4f}  {epoch.valid_loss:10.4f}  "
        f"{epoch.valid_accuracy:13.1%}  {epoch.learning_rate:13.2e}  {epoch.seconds:7.1f}"
    )


def _frame(axis: Axes, history: History, quantity: str, guessing: float) -> None:
    axis.axhline(guessing, color=INK, lw=1, ls=":")
    axis.set_xlim(0.5, max(history.planned, 2) + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_title(quantity, fontsize=9, loc="left", color=INK)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
