"""The pictures of runs: curves of a training, also while it runs, and a confusion matrix.

Taught in 07 and 07b.
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from vtff_lib.evaluation.report import Report
from vtff_lib.plots.pictures import INK, Picture, picture
from vtff_lib.training.history import History
from vtff_lib.training.progress import Bar, Progress

PALE = "#9A9A9A"  # the training images, behind the validation images in ink


def training_curves(history: History) -> Picture:
    """Return the curves of loss and accuracy."""
    figure = Figure(figsize=(7.2, 2.7), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    _frame(loss, history, "loss (nats)", math.log(history.num_classes))
    _frame(accuracy, history, "accuracy on validation images", 1 / history.num_classes)
    numbers = [epoch.number for epoch in history.epochs]
    style: dict[str, Any] = {"lw": 1.8, "marker": "o", "ms": 3}
    losses = [epoch.train_loss for epoch in history.epochs]
    loss.plot(numbers, losses, color=PALE, label="training", **style)
    losses = [epoch.valid_loss for epoch in history.epochs]
    loss.plot(numbers, losses, color=INK, label="validation", **style)
    loss.legend(frameon=False, fontsize=8, loc="lower left")
    shares = [epoch.valid_accuracy for epoch in history.epochs]
    accuracy.plot(numbers, shares, color=INK, **style)
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(0, 1)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    caption = (
        "Training images are altered and their labels softened, validation images are not: the "
        "two losses are not on one footing. Dotted: guessing evenly."
    )
    return picture(figure, _describe_curves(history), caption)


def _describe_curves(history: History) -> str:
    if not history.epochs:
        return f"Two empty panels, loss and accuracy, for {history.planned} epochs to come."
    first, last = history.epochs[0], history.epochs[-1]
    return (
        f"Two line charts over {last.number} of {history.planned} epochs. Left, the loss: in "
        f"training from {first.train_loss:.2f} to {last.train_loss:.2f} nats, in validation "
        f"from {first.valid_loss:.2f} to {last.valid_loss:.2f}. Right, the accuracy in "
        f"validation: from {first.valid_accuracy:.0%} to {last.valid_accuracy:.0%}."
    )


def _frame(axis: Axes, history: History, quantity: str, guessing: float) -> None:
    axis.axhline(guessing, color=INK, lw=1, ls=":")
    axis.set_xlim(0.5, max(history.planned, 2) + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_title(quantity, fontsize=9, loc="left", color=INK)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


MOST_NAMED = 30  # classes: with more, a picture takes minutes, gigabytes, or fails


def confusion_matrix(report: Report) -> Picture:
    """Return the confusion matrix: shares of each true class; of few classes, names and counts."""
    counts = np.array(report.confusion)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    names = [one.name for one in report.classes]
    side, legible = 1.6 + 0.48 * min(len(names), MOST_NAMED), len(names) <= MOST_NAMED
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axis = figure.add_subplot()
    drawn = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts) if legible else ():
        colour = "white" if shares[row, column] > 0.55 else INK
        axis.text(column, row, str(count), ha="center", va="center", fontsize=9, color=colour)
    if legible:
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(names)), names)
    axis.tick_params(labelsize=9, length=0)
    axis.set_xlabel("called", fontsize=9)
    axis.set_ylabel("labelled", fontsize=9)
    bar = figure.colorbar(drawn, ax=axis, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=9)
    bar.set_label("share of the label's images", fontsize=9)
    caption = "Numbers: images. " * legible + "Colour: share of the row."
    return picture(figure, _describe_confusion(report), caption)


def _describe_confusion(report: Report) -> str:
    counts = np.array(report.confusion)
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    sentence = (
        f"Confusion matrix of {len(counts)} classes over {report.images} images; "
        f"{report.accuracy.value:.0%} lie on the diagonal."
    )
    if not wrong.any():
        return sentence
    labelled, called = report.classes[row].name, report.classes[column].name
    return f"{sentence} Most often mistaken: {labelled} for {called}, {wrong.max()} times."


class NotebookProgress(Progress):
    """The curves of the run, redrawn after each epoch, with the bar below while it runs.

    It is one output that is replaced, no widget: what stays in the notebook is the last picture.
    """

    def __init__(self) -> None:
        self.bar = Bar()
        self.picture: Picture | None = None
        self._handle: Any = None

    def start(self, history: History, step: int, total_steps: int) -> None:
        """Show the epochs so far."""
        self.bar.start(history, step, total_steps)
        self.picture = training_curves(history)
        self._show("")

    def step(self, step: int, loss: Tensor) -> None:
        """Move the bar."""
        words = self.bar.words(step, loss)
        if words:
            self._show(words)

    def epoch(self, history: History) -> None:
        """Draw the curves anew."""
        self.picture = training_curves(history)
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
