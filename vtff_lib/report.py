"""What was measured of a model: as words, as JSON, as a picture. Taught in 07."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots.pictures import INK, Picture, picture


@dataclass(frozen=True)
class ClassReport:
    """What was measured for one class.

    Args:
        name: of the class.
        support: images of the class.
        precision: of those called so, the share that are.
        recall: of those that are, the share called so; its mean over classes is the balanced
            accuracy.
        f1: the harmonic mean of both; 0 if both are 0.

    Precision and recall have Wilson intervals. Taught in 07.
    """

    name: str
    support: int
    precision: Estimate
    recall: Estimate
    f1: float


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured.

    Args:
        images: number of images.
        accuracy: share of images named rightly, with a Wilson interval.
        balanced_accuracy: mean recall of the classes that occur.
        macro_f1: mean F1 of the classes that occur.
        calibration_error: ECE, see `calibration_error`.
        negative_log_likelihood: mean -log p of the true class, in nats.
        classes: each class for itself, in order.
        confusion: `confusion[i][j]`: images of class i called j.

    All but the accuracy have bootstrap intervals. Taught in 07.
    """

    images: int
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    negative_log_likelihood: Estimate
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as what `json.dumps` takes; an unknown figure is `None`."""
        return _for_json(asdict(self))

    def __str__(self) -> str:
        """Return two tables: the figures of all images, and those of each class."""
        figures = {
            "accuracy": f"{self.accuracy:.1%}",
            "balanced accuracy": f"{self.balanced_accuracy:.1%}",
            "macro F1": f"{self.macro_f1:.3f}",
            "calibration error": f"{self.calibration_error:.3f}",
            "-log likelihood": f"{self.negative_log_likelihood:.3f}",
        }
        lines = [f"{self.images} images, with 95 % confidence intervals", ""]
        lines += [f"{name:18}{figure}" for name, figure in figures.items()]
        width = max(len("class"), *(len(each.name) for each in self.classes))
        lines += ["", f"{'class':{width}}  images  precision  recall                    F1"]
        lines += [
            f"{each.name:{width}}  {each.support:6d}  {_share(each.precision):>9}  "
            f"{f'{_share(each.recall)} {_range(each.recall)}':22}  {each.f1:6.3f}"
            for each in self.classes
        ]
        return "\n".join(lines)

    def plot(self) -> Picture:
        """Return the confusion matrix: shares of each true class, and the counts."""
        counts = np.array(self.confusion)
        shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
        names = [each.name for each in self.classes]
        side = 1.6 + 0.55 * len(names)
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axis = figure.add_subplot()
        drawn = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.55 else INK
            axis.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.tick_params(labelsize=8, length=0)
        axis.set_xlabel("called", fontsize=9)
        axis.set_ylabel("labelled", fontsize=9)
        bar = figure.colorbar(drawn, ax=axis, shrink=0.8, pad=0.02)
        bar.ax.tick_params(labelsize=8)
        bar.set_label("share of the label's images", fontsize=8)
        return picture(figure, self._alt(), "Numbers: images. Colour: share of the row.")

    def _alt(self) -> str:
        counts = np.array(self.confusion)
        wrong = counts * (1 - np.eye(len(counts), dtype=int))
        row, column = np.unravel_index(wrong.argmax(), wrong.shape)
        told = (
            f"Confusion matrix of {len(counts)} classes over {self.images} images; "
            f"{self.accuracy.value:.0%} lie on the diagonal."
        )
        if not wrong.any():
            return told
        labelled, called = self.classes[row].name, self.classes[column].name
        return f"{told} Most often mistaken: {labelled} for {called}, {wrong.max()} times."


def _share(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.value) else f"{estimate.value:.1%}"


def _range(estimate: Estimate) -> str:
    return f"[{estimate.low:.1%}, {estimate.high:.1%}]"


def _for_json(value: Any) -> Any:
    """Return `value` in what JSON has: dicts, lists, numbers, text, and `None` for NaN."""
    if isinstance(value, Estimate):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _for_json(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_for_json(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
