"""The settings of a training run, and all that follows from them and the number of images.

Taught in 07.
"""

import hashlib
import math
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Self

import torch
from torch import Tensor

from vtff_lib.refusals import check_choice, check_flag, check_number, check_whole_numbers
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.optimisation import learning_rate_share

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
SHARES = ("warmup", "label_smoothing", "class_balance", "ema_decay", "growth", "smallest")
PRESETS: dict[str, dict[str, Any]] = {
    "minute": {
        "epochs": 12,
        "batch_size": 32,
        "learning_rate": 1.5e-3,
        "warmup": 0.5,
        "growth": 0.4,
        "smallest": 0.72,
        "label_smoothing": 0.05,
        "augmentation": Augmentation(flip=0.5),
    },
    "thorough": {
        "epochs": 12,
        "batch_size": 32,
        "label_smoothing": 0.05,
        "augmentation": Augmentation.preset("light"),
    },
}


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a run.

    Args:
        epochs: passes through the training images.
        batch_size: images to a step; those left over at the end of an epoch are passed over in it.
        parts: in how many parts a batch is learned, one after another or in several processes, see
            `processes`. More take less memory. Batch norm sees one part at a time.
        learning_rate: the highest; for its course see `learning_rate_share`.
        weight_decay: AdamW's, see `make_optimiser`.
        warmup: share of the steps in which the learning rate rises.
        soft_labels: learn annotators' votes where the faces have them; else the labels.
        label_smoothing: ε, the share of each target that is spread evenly over the classes.
        class_balance: 0 to 1, how far rare classes weigh more, see `class_weights`.
        logit_adjustment: τ from 0, how far rare classes are favoured, see `Loss`.
        mixup, cutmix: α from 0; with it two images are blended, or a piece of one is laid over the
            other, and so are their targets: `torchvision.transforms.v2`. With both, each step takes
            one of them.
        ema_decay: the longest memory of the averaged weights, see `update_average`; 0: no average.
        clip_norm: longest gradient; a longer one is shortened to it.
        compiled: whether the model is compiled, see `torch.compile`: minutes at the start, then
            faster on a GPU.
        precision: `"float32"`, or `"bfloat16"` or `"float16"` where it is precise enough: faster on
            GPUs that have it, seldom on CPUs.
        growth: share of the steps over which the images grow to their full size, see `Plan.side`; 0
            shows them at full size from the start.
        smallest: the side that they start from, as a share of the full side.
        seed: of all chance in training; the first weights are the model's own.
        augmentation: how the images are altered.

    Raises:
        ValueError: if a setting is of another kind, out of range or unknown.
    """

    epochs: int = 20
    batch_size: int = 64
    parts: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    soft_labels: bool = True
    label_smoothing: float = 0.1
    class_balance: float = 0.0
    logit_adjustment: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    ema_decay: float = 0.999
    clip_norm: float = 1.0
    precision: str = "float32"
    compiled: bool = False
    growth: float = 0.0
    smallest: float = 0.5
    seed: int = 0
    augmentation: Augmentation = field(default_factory=lambda: Augmentation.preset("standard"))

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, PRECISIONS)
        check_whole_numbers(self, batch_size=2, seed=0)
        self._check_kinds()
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} will not do; give more than 0.")
        if self.batch_size % self.parts or self.batch_size // self.parts < 2:
            raise ValueError(
                f"parts={self.parts} will not do; give a divisor of batch_size={self.batch_size} "
                "that leaves at least 2 images to a part."
            )

    def _check_kinds(self) -> None:
        for setting in fields(self):
            name, value = setting.name, getattr(self, setting.name)
            if setting.type is float:
                check_number(name, value, 0, 1 if name in SHARES else math.inf)
                object.__setattr__(self, name, float(value))  # JSON takes none of NumPy's
            if setting.type is bool:
                check_flag(name, value)
        if not isinstance(self.augmentation, Augmentation):
            raise ValueError(
                f"augmentation={self.augmentation!r} will not do; give an Augmentation, such as "
                'Augmentation.preset("light").'
            )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return settings for the tiny model on two CPU cores.

        Args:
            name: `"minute"` for the shipped faces, about two minutes; `"thorough"` for the ten
                thousand that the shipped weights were trained on, less than half an hour.
            changes: settings that are to differ.

        Raises:
            ValueError: if there is no such preset.
        """
        check_choice("preset", name, PRESETS)
        return cls(**PRESETS[name] | changes)


@dataclass(frozen=True)
class Plan:
    """Which images each step takes, and how fast it learns: known before the first.

    Args:
        count: number of training images.
        config: the settings.

    Raises:
        ValueError: if there are fewer than two images to a part; batch norm has nothing to compare
            then.
    """

    count: int
    config: TrainingConfig

    def __post_init__(self) -> None:
        if self.count < 2 * self.config.parts:
            raise ValueError(
                f"{self.count} training images will not do; give at least "
                f"{2 * self.config.parts}, two to a part."
            )

    @property
    def batch_size(self) -> int:
        """Images to a step: of a small set fewer than asked for, but the same for all parts."""
        parts = self.config.parts
        return min(self.config.batch_size, self.count // parts * parts)

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in an epoch."""
        return self.count // self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * self.steps_per_epoch

    def batch(self, step: int) -> Tensor:
        """Return the indices `(batch_size,)` of the images of `step`, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = shuffled(self.count, self.config.seed, epoch)
        return order[position * self.batch_size :][: self.batch_size]

    def side(self, step: int, full: int, reduction: int) -> int:
        """Return the height and width at which `step`, counted from 0, sees its images.

        Small images are seen quickly, and teach first what large ones would teach later: training
        that grows them gets farther in the same time (Tan and Le, *EfficientNetV2*, ICML 2021,
        "progressive learning"; theirs strengthens the augmentation too).

        Args:
            step: counted from 0.
            full: height and width of the images.
            reduction: R of the model; the side is a multiple of it.
        """
        grown = (step / self.total_steps) / self.config.growth if self.config.growth else 1.0
        smallest = self.config.smallest
        share = smallest + (1 - smallest) * min(grown, 1.0)
        return max(int(full * share) // reduction, 1) * reduction

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of `step`, counted from 0."""
        warmup_steps = round(self.config.warmup * self.total_steps)
        share = learning_rate_share(step, self.total_steps, warmup_steps)
        return self.config.learning_rate * share


@lru_cache(maxsize=1)
def shuffled(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the images in `epoch`, `(count,)`."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


def generator(seed: int, purpose: str, index: int) -> torch.Generator:
    """Return a generator on the CPU for one purpose in one step or epoch."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose, index))


def derive_seed(seed: int, purpose: str, index: int) -> int:
    """Return a seed from 0 to 2^63 - 1 that shares nothing with that of any other arguments.

    Sums will not do: `seed + epoch` would give seed 1 the orders of seed 0, one epoch late.
    """
    digest = hashlib.sha256(f"{seed} {purpose} {index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
