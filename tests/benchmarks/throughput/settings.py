"""What is measured and how long: of every loop, on a GPU and on a CPU."""

import math
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import Plan, TrainingConfig

from vtff_lib.config import VTFFConfig

SEED = 0
WARM_UP = 4  # steps of ours before the first that is timed; the first of all is timed apart
PROFILED = 3  # steps in the profile
MODELS = {"paper": VTFFConfig.paper, "deep": VTFFConfig.deep, "tiny": VTFFConfig.tiny}
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
DEFAULTS: dict[str, dict[str, Any]] = {
    "cpu": {
        "model": "tiny", "batch_size": 16, "steps": 3, "repeats": 3, "workers": min(CORES, 2),
        "images": 2048, "precision": "float32", "compiled": False,
    },
    "cuda": {
        "model": "paper", "batch_size": 256, "steps": 48, "repeats": 5, "workers": min(CORES, 16),
        "images": 4096, "precision": "bfloat16", "compiled": True,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long.

    Args:
        device: `"cpu"` or `"cuda"`.
        model: `"paper"`, `"deep"` or `"tiny"`.
        batch_size: images to a step, of all three loops.
        steps: timed steps of ours in each repeat. Baselines take as many, rounded up to whole
            rounds of their workers.
        repeats: timed stretches of each loop.
        workers: processes that prepare the baselines' batches; 0: none but the main one.
        images: how many there are.
        stored_size: height and width in pixels in which they are kept.
        precision: of ours, see `TrainingConfig`.
        compiled: whether ours is compiled.
    """

    device: str
    model: str
    batch_size: int
    steps: int
    repeats: int
    workers: int
    images: int
    stored_size: int
    precision: str
    compiled: bool

    @property
    def model_config(self) -> VTFFConfig:
        """The settings of the model."""
        return MODELS[self.model]()

    @property
    def training_config(self) -> TrainingConfig:
        """The settings of our run, long enough for every step that is to be taken."""
        taken = 1 + WARM_UP + self.repeats * self.steps + 1 + PROFILED
        config = TrainingConfig(
            batch_size=self.batch_size,
            precision=self.precision,
            compiled=self.compiled,
            seed=SEED,
            augmentation=Augmentation.preset("standard"),
        )
        return replace(config, epochs=math.ceil(taken / Plan(self.images, config).steps_per_epoch))


def shared_memory(settings: Settings) -> tuple[float, float]:
    """Return the bytes of batches that may wait at once, and those that there is room for."""
    image = 2 * 3 * settings.model_config.image_size**2 * 4  # two float32 views
    needed = 2 * settings.workers * settings.batch_size * image  # two batches to a worker
    place = Path("/dev/shm")  # where Linux keeps it; elsewhere there is no such bound
    return needed, shutil.disk_usage(place).free if place.is_dir() else math.inf
