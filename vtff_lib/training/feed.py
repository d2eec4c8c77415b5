"""What each step of a run is given: read, resized, altered and mixed, where the model is.

Taught in 07b.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from vtff_lib.config import VTFFConfig
from vtff_lib.datasets.stored_images import AT_ONCE, StoredImages
from vtff_lib.inputs import resize
from vtff_lib.training.augmentation import mix
from vtff_lib.training.processes import ALONE, Team
from vtff_lib.training.recipe import Plan, derive_seed, generator

ROOM = 0.6  # share of a GPU's free memory that images may take


class Batches:
    """The batches of a run: `batches(step)` yields this process's parts of one, ready to learn.

        choose -> resize -> augment -> shrink to the plan's side -> mix

    Args:
        images: all training images, `(N, 3, H, W)` uint8; of another size than the model's they are
            resized, step by step.
        targets: `(N, num_classes)`, rows that sum to 1, on the device where the work is to be done.
        plan: which images each step takes.
        model: the settings of the model.
        team: the processes that train together.

    Raises:
        ValueError: if the parts of a batch cannot be shared out evenly.
    """

    def __init__(
        self,
        images: Tensor | StoredImages,
        targets: Tensor,
        plan: Plan,
        model: VTFFConfig,
        team: Team = ALONE,
    ):
        self.plan, self.model, self.targets = plan, model, targets
        self.parts = team.share(plan.config.parts)
        self.feed = Feed(images, targets.device, self.rows, plan.total_steps)

    def __call__(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield rgb `(n, 3, H, W)` uint8 and targets `(n, num_classes)`, part by part."""
        count, config = len(self.parts), self.plan.config
        images = self.feed(step).chunk(count)
        answers = self.targets[self.rows(step).to(self.targets.device)].chunk(count)
        for part, rgb, targets in zip(self.parts, images, answers, strict=True):
            number = step * config.parts + part  # all chance follows from it
            rgb = resize(rgb, self.model.image_size)
            rgb = config.augmentation(rgb, generator(config.seed, "augmentation", number))
            rgb = resize(rgb, self.plan.side(step, rgb.shape[-1], self.model.reduction))
            # `mix` and dropout throw PyTorch's own dice.
            throw_anew(rgb.device, derive_seed(config.seed, "dropout", number))
            yield mix(rgb, targets, config.mixup, config.cutmix)

    def rows(self, step: int) -> Tensor:
        """Return which images are this process's share of a batch, `(n,)`."""
        batch = self.plan.batch(step).chunk(self.plan.config.parts)
        return torch.cat([batch[part] for part in self.parts])

    def close(self) -> None:
        """Read no more."""
        self.feed.close()


def throw_anew(device: torch.device, seed: int) -> None:
    """Seed PyTorch's own dice for the CPU and one device; those of others are somebody else's."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


class Feed:
    """The images of each step, on the device; the next are read while the current are learned.

    Images that fit are kept on the device as a whole, and nothing is read then.

    Args:
        images: all training images.
        device: where they are to go.
        rows: returns which images a step takes, `(n,)` int64, from its number.
        steps: how many there are.
    """

    def __init__(
        self,
        images: Tensor | StoredImages,
        device: torch.device,
        rows: Callable[[int], Tensor],
        steps: int,
    ):
        self._device, self._rows, self._steps = device, rows, steps
        self._resident = _all_on(images, device)
        self._images = images
        self._reader = ThreadPoolExecutor(1)
        self._coming: tuple[int, Future[Tensor]] | None = None

    def __call__(self, step: int) -> Tensor:
        """Return the images of a step, `(n, 3, H, W)` uint8."""
        if self._resident is not None:
            return self._resident[self._rows(step).to(self._device)]
        coming = self._coming
        batch = coming[1].result() if coming and coming[0] == step else self._read(step)
        if step + 1 < self._steps:
            self._coming = step + 1, self._reader.submit(self._read, step + 1)
        return batch.to(self._device, non_blocking=True)

    def _read(self, step: int) -> Tensor:
        batch = self._images[self._rows(step)]
        return batch.pin_memory() if self._device.type == "cuda" else batch

    def close(self) -> None:
        """Read no more."""
        self._reader.shutdown(cancel_futures=True)


def _all_on(images: Tensor | StoredImages, device: torch.device) -> Tensor | None:
    """Return all images on the device, or None if they do not fit there."""
    size = images.shape.numel()
    if device.type == "cuda" and size > ROOM * torch.cuda.mem_get_info(device)[0]:
        return None
    if isinstance(images, Tensor):
        return images.to(device)
    if device.type == "cuda":
        return torch.cat([batch.to(device) for batch in images.split(AT_ONCE)])
    return None
