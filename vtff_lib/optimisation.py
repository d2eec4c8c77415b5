"""The parts of a training step: targets, weights of classes, the optimiser, its schedule, averages.

Taught in 07.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vtff_lib.training.processes import Team
from vtff_lib.refusals import describe


class LabelledFaces(Protocol):
    """What can be trained on: uint8 `images` `(N, 3, H, W)` and int64 `labels` `(N,)`.

    The images may also be `StoredImages`.

    If it also has `targets` `(N, num_classes)` that are not `None`, annotators' votes or
    probabilities, these are what is learned. Taught in 07.
    """

    @property
    def images(self) -> Any:
        """The images."""

    @property
    def labels(self) -> Tensor | None:
        """The class of each."""


class Examples(NamedTuple):
    """The simplest `LabelledFaces`. Taught in 07."""

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

    Taught in 07.
    """
    images, labels = faces.images, faces.labels
    votes = getattr(faces, "targets", None) if soft else None
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
    Taught in 07.
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


class PartStatistics:
    """Batch norm's running statistics while a batch is learned in parts.

    Each part begins with those from before the batch, and the batch ends with the mean of what the
    parts left: the same one after another and in several processes. Taught in 07.
    """

    def __init__(self, model: nn.Module, parts: int):
        named = model.named_buffers() if parts > 1 else ()
        self.current = [buffer for name, buffer in named if ".running_" in name]
        self.before = [buffer.clone() for buffer in self.current]
        self.after: list[list[Tensor]] = []

    @torch.no_grad()
    def begin(self) -> None:
        """Begin a part."""
        for buffer, before in zip(self.current, self.before, strict=True):
            buffer.copy_(before)

    def end(self) -> None:
        """End a part."""
        self.after.append([buffer.clone() for buffer in self.current])

    @torch.no_grad()
    def average(self, team: Team) -> None:
        """End the batch."""
        for buffer, *parts in zip(self.current, *self.after, strict=True):
            buffer.copy_(torch.stack(parts).mean(dim=0))
        team.mean(self.current)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Move the exponential moving average of the weights one step on.

        average = d · average + (1 - d) · model,   d = min(decay, (1 + step) / (10 + step))

    `step` counts from 0. The lower d at the start forgets the random weights; so the average is
    over about the last tenth of the steps until `decay` is reached. The statistics of batch norm
    are averaged like the weights that they belong to; whole numbers are copied.

    Source: Polyak & Juditsky 1992; the warm-up is TensorFlow's. Taught in 07.
    """
    means, news = ([*network.state_dict().values()] for network in (average, model))
    floats = [index for index, mean in enumerate(means) if mean.is_floating_point()]
    move = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))  # all at once: few kernels
    move([means[index] for index in floats], [news[index] for index in floats], step)
    for mean, new in zip(means, news, strict=True):
        if not mean.is_floating_point():
            mean.copy_(new)
