"""What is to be learned: faces with labels or votes, and how far logits are from them.

Taught in 07 and 07b.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.datasets.stored_images import check_images
from vtff_lib.refusals import check_flag, check_whole, describe, has_values


class LabelledFaces(Protocol):
    """What can be trained on: uint8 `images` `(N, 3, H, W)` and int64 `labels` `(N,)`.

    The images may also be `StoredImages`.

    If it also has `targets` `(N, num_classes)` that are not `None`, annotators' votes or
    probabilities, these are what is learned.
    """

    @property
    def images(self) -> Any:
        """The images."""

    @property
    def labels(self) -> Tensor | None:
        """The class of each."""


class Examples(NamedTuple):
    """The simplest `LabelledFaces`."""

    images: Tensor  # (N, 3, H, W) uint8
    labels: Tensor | None = None  # (N,) int64
    targets: Tensor | None = None  # (N, num_classes): votes, or any weights from 0


def soft_targets(faces: LabelledFaces, num_classes: int, soft: bool = True) -> Tensor:
    """Return the probability of each class that is to be learned, `(N, num_classes)` float32.

    A label becomes a row with a single 1; votes are divided by their sum, or left aside if not
    `soft`.

    Raises:
        ValueError: if labels or votes do not fit the images or the classes, an image has no vote,
            or there is no image.
    """
    images: Any = getattr(faces, "images", None)
    labels = getattr(faces, "labels", None)
    check_images(images, channels=None)  # the model's door knows
    check_flag("soft", soft)
    check_whole("num_classes", num_classes, low=2)
    votes = getattr(faces, "targets", None) if soft else None
    count = len(images)
    if count == 0:
        raise ValueError("There are no images; give at least one.")
    if votes is None:
        if not has_values(labels) or labels.shape != (count,) or labels.dtype.is_complex:
            raise ValueError(
                f"labels are {describe(labels)}; {count} images need int64 ({count},)."
            )
        if labels.is_floating_point() or labels.min() < 0 or labels.max() >= num_classes:
            raise ValueError(
                f"labels are {labels.dtype} from {labels.min()} to {labels.max()}; a model of "
                f"{num_classes} classes needs whole numbers from 0 to {num_classes - 1}."
            )
        return nn.functional.one_hot(labels.long(), num_classes).float()
    real = has_values(votes) and not votes.dtype.is_complex
    if not real or votes.shape != (count, num_classes):
        raise ValueError(
            f"targets are {describe(votes)}; {count} images and {num_classes} classes need "
            f"({count}, {num_classes})."
        )
    votes = votes.float()
    total = votes.sum(dim=1, keepdim=True)
    if not (votes.isfinite().all() and (votes >= 0).all() and (total > 0).all()):
        raise ValueError(
            "targets hold a row without votes, or votes that are negative or not finite; leave "
            "such images out."
        )
    return votes / total


def class_weights(targets: Tensor, balance: float) -> Tensor:
    """Return the weight of each class in the loss, `(num_classes,)`.

        w_c = s · (1 / n_c)^balance,   with s such that an average image weighs 1

    Args:
        targets: `(N, num_classes)`, rows that sum to 1; n_c is the sum of column c.
        balance: 0: all weigh 1; 1: all classes count alike, however rare; 0.5: half way.

    Returns:
        The weights; a class that nothing belongs to weighs as if one image did.

    Source: ours; 1 is scikit-learn's `"balanced"`.
    """
    counts = targets.sum(dim=0)
    weights = counts.clamp_min(1) ** -balance
    return weights * (counts.sum() / (weights * counts).sum())


@dataclass(frozen=True)
class Loss:
    """How far the logits `(N, num_classes)` of a model are from `targets` `(N, num_classes)`.

        -1/N Σ_n Σ_c w_c · t_nc · log softmax(logits_n + τ · log π)_c
        t = (1 - ε) · targets + ε/num_classes

    Args:
        weights: w, of the classes, `(num_classes,)`, see `class_weights`.
        smoothing: ε, from 0 to 1.
        adjustment: τ · log π, `(num_classes,)`, with π the share of each class: a rare one has to
            be named more clearly in training, and is named more often afterwards.

    Source: Szegedy et al. 2016 (ε); Menon et al. 2021, *Long-tail learning via logit adjustment*.
    """

    weights: Tensor
    smoothing: float
    adjustment: Tensor

    @classmethod
    def of(cls, targets: Tensor, balance: float, smoothing: float, adjustment: float) -> Self:
        """Return the loss for training `targets` `(N, num_classes)`; `adjustment` is τ."""
        shares = targets.sum(dim=0).clamp_min(1) / targets.sum()
        return cls(class_weights(targets, balance), smoothing, adjustment * shares.log())

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss `()`."""
        logits = logits.float() + self.adjustment
        return F.cross_entropy(logits, targets, self.weights, label_smoothing=self.smoothing)
