"""Our loop, timed as `train` runs it."""

from torch import Tensor
from torch.profiler import record_function

from figures.benchmarks.clock import seconds
from figures.benchmarks.throughput.groups import AUGMENTATION
from vtff_lib.training.feed import Batches
from vtff_lib.training.loop import start_state, take_step
from vtff_lib.training.recipe import Plan, TrainingConfig
from vtff_lib.training.targets import Examples, Loss, soft_targets
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
        targets = soft_targets(faces, model.config.num_classes).to(self.device)
        self.loss = Loss.of(
            targets, config.class_balance, config.label_smoothing, config.logit_adjustment
        )
        self.batches = Batches(faces.images, targets, self.plan, model.config)
        self.state = start_state(model, config)

    def parts(self, step: int) -> list[tuple[Tensor, Tensor]]:
        """Return the batch of `step`: rgb `(N, 3, H, W)` uint8 and targets `(N, num_classes)`."""
        with record_function(AUGMENTATION):
            return list(self.batches(step))

    def run(self, steps: int) -> None:
        """Take `steps` steps; nothing waits for the device."""
        for _ in range(steps):
            step = self.state.step
            rate = self.plan.learning_rate(step)
            take_step(self.state, self.parts(step), self.loss, rate, self.config)

    def seconds(self, steps: int) -> float:
        """Time `steps` steps."""
        return seconds(lambda: self.run(steps))
