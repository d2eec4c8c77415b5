"""What a training run went through, epoch by epoch, as numbers and as JSON.

Taught in 07b.
"""

import json
from dataclasses import asdict, astuple, dataclass, field
from typing import Self

from vtff_lib.files import from_json
from vtff_lib.refusals import check_sizes, shown


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
            content = from_json(text)
            epochs = [Epoch(**epoch) for epoch in content.pop("epochs")]
            history = cls(**content, epochs=epochs)
            check_sizes(num_classes=history.num_classes, planned=history.planned)
            if not all(isinstance(figure, int | float) for e in epochs for figure in astuple(e)):
                raise TypeError("a figure is no number")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{shown(text)} is no history that History.to_json wrote.") from error
        return history

    def __str__(self) -> str:
        """Return a table, a line for each epoch."""
        head = "epoch  train loss  valid loss  valid accuracy  learning rate  seconds"
        return "\n".join([head, *map(describe_epoch, self.epochs)])


def describe_epoch(epoch: Epoch) -> str:
    """Return an epoch as a line of the table that `str(history)` is."""
    return (
        f"{epoch.number:5d}  {epoch.train_loss:10.4f}  {epoch.valid_loss:10.4f}  "
        f"{epoch.valid_accuracy:13.1%}  {epoch.learning_rate:13.2e}  {epoch.seconds:7.1f}"
    )
