"""What was measured of a model: as words and as JSON. Taught in 07 and 07b."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from vtff_lib.evaluation.intervals import Estimate


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

    Precision and recall have Wilson intervals.
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

    All but the accuracy have bootstrap intervals.
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
        width = max(len("class"), *(len(row.name) for row in self.classes))
        lines += ["", f"{'class':{width}}  images  precision  recall                    F1"]
        lines += [
            f"{row.name:{width}}  {row.support:6d}  {_share(row.precision):>9}  "
            f"{f'{_share(row.recall)} {_range(row.recall)}':22}  {row.f1:6.3f}"
            for row in self.classes
        ]
        return "\n".join(lines)


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
