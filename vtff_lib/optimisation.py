"""The parts of a training step: targets, weights of classes, the optimiser, its schedule, averages.

Taught in 07.
"""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vtff_lib.refusals import describe


class LabelledFaces(Protocol):
    """What can be trained on: uint8 `images` `(N, 3, H, W)` and int64 `labels` `(N,)`.

    If it also has `targets` `(N, num_classes)` that are not `None`, annotators' votes or
    probabilities, these are what is learned. Taught in 07.
    """

    @property
    def images(self) -> Tensor:
        """The images."""

    @property
    def labels(self) -> Tensor | None:
        """The class of each."""


class Examples(NamedTuple):
    """The simplest `LabelledFaces`. Taught in 07."""

    images: Tensor  # (N, 3, H, W) uint8
    labels: Tensor | None = None  # (N,) int64
    targets: Tensor | None = None  # (N, num_classes): votes, or any weights from 0


def soft_targets(faces: LabelledFaces, num_classes: int) -> Tensor:
    """Return the probability of each class that is to be learned, `(N, num_classes)` float32.

    A label becomes a row with a single 1; votes are divided by their sum.

    Raises:
        ValueError: if labels or votes do not fit the images or the classes, an image has no vote,
            or there is no image.

    Taught in 07.
    """
    images, labels = faces.images, faces.labels
    votes = getattr(faces, "targets", None)
    count = len(images)
    if count == 0:
        raise ValueError("There are no images; give at least one.")
    if votes is None:
        if not isinstance(labels, Tensor) or labels.shape != (count,) or labels.dtype.is_complex:
            raise ValueError(
                f"labels are {describe(labels)}; {count} images need int64 ({count},)."
            )
        if labels.is_floating_point() or labels.min() < 0 or labels.max() >= num_classes:
            raise ValueError(
                f"labels are {labels.dtype} from {labels.min()} to {labels.max()}; a model of "
                f"{num_classes} classes needs whole numbers from 0 to {num_classes - 1}."
            )
        return nn.functional.one_hot(labels.long(), num_classes).float()
    if not isinstance(votes, Tensor) or votes.shape != (count, num_classes):
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

    Source: ours; 1 is scikit-learn's `"balanced"`. Taught in 07.
    """
    counts = targets.sum(dim=0)
    weights = counts.clamp_min(1) ** -balance
    return weights * (counts.sum() / (weights * counts).sum())


def make_optimiser(
    model: nn.Module, learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """Return AdamW that pulls the weights of convolutions and linear layers towards 0.

    Biases, norms, [cls] and positions are left out: they set levels and places, and do not
    multiply features. Source: Loshchilov & Hutter 2019; the two groups are ViT's habit.

    Taught in 07.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[name.endswith("weight") and parameter.ndim >= 2].append(parameter)
    return torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        fused=True,
    )


def learning_rate_share(step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the share of the learning rate that `step` (from 0) is taken with.

        (step + 1) / W                       for step < W       (linear warm-up)
        1/2 + 1/2 cos(π (step - W)/(S - W))  from there         (down to nearly 0 at step S - 1)

    with W `warmup_steps` and S `total_steps`. Source: Loshchilov & Hutter 2017 (cosine).

    Taught in 07.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 + 0.5 * math.cos(math.pi * done)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Move the exponential moving average of the weights one step on.

        average = d · average + (1 - d) · model,   d = min(decay, (1 + step) / (10 + step))

    `step` counts from 0. The lower d at the start forgets the random weights; so the average is
    over about the last tenth of the steps until `decay` is reached. The statistics of batch norm
    are averaged like the weights that they belong to; whole numbers are copied.

    Source: Polyak & Juditsky 1992; the warm-up is TensorFlow's. Taught in 07.
    """
    keep = min(decay, (1 + step) / (10 + step))
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    for mean, new in pairs:
        if mean.is_floating_point():
            mean.lerp_(new, 1 - keep)
        else:
            mean.copy_(new)
