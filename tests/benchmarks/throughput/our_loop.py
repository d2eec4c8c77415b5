"""Our loop, timed as `train` runs it."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.profiler import record_function
from vtff_lib.inputs import resize
from vtff_lib.training.augmentation import mix
from vtff_lib.training.loop import start_state, take_step
from vtff_lib.training.recipe import Plan, TrainingConfig, derive_seed, generator
from vtff_lib.training.targets import Examples, Loss, soft_targets

from tests.benchmarks.clock import seconds
from tests.benchmarks.throughput.groups import AUGMENTATION
from vtff_lib.vtff import VTFF


class OurLoop:
    """The steps that `train` takes, without checkpoints and validation.

    Args:
        model: on the device.
        faces: what is learned; brought to the device, once.
        config: the settings, with one part to a batch.
    """

    def __init__(self, model: VTFF, faces: Examples, config: TrainingConfig):
        self.config, self.plan = config, Plan(len(faces.images), config)
        self.device = model.cls_token.device
        self.images = faces.images.to(self.device)
        self.targets = soft_targets(faces, model.config.num_classes).to(self.device)
        self.loss = Loss.of(
            self.targets, config.class_balance, config.label_smoothing, config.logit_adjustment
        )
        self.state = start_state(model, config)

    def parts(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batch of `step`: rgb `(N, 3, H, W)` uint8 and targets `(N, num_classes)`."""
        config, model = self.config, self.state.model.config
        with record_function(AUGMENTATION):
            chosen = self.plan.batch(step).to(self.device)
            rgb = resize(self.images[chosen], model.image_size)
            rgb = config.augmentation(rgb, generator(config.seed, "augmentation", step))
            rgb = resize(rgb, self.plan.side(step, rgb.shape[-1], model.reduction))
            torch.manual_seed(derive_seed(config.seed, "dropout", step))
            batch = mix(rgb, self.targets[chosen], config.mixup, config.cutmix)
        yield batch

    def run(self, steps: int) -> None:
        """Take `steps` steps; nothing waits for the device."""
        for _ in range(steps):
            step = self.state.step
            rate = self.plan.learning_rate(step)
            take_step(self.state, self.parts(step), self.loss, rate, self.config)

    def seconds(self, steps: int) -> float:
        """Time `steps` steps."""
        return seconds(lambda: self.run(steps))
