"""The usual research loop: worker processes prepare each image, PyTorch's defaults learn it."""

import math
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import local_binary_pattern as skimage_lbp
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import v2
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import generator
from vtff_lib.training.targets import Examples

from tests.benchmarks.clock import seconds
from tests.benchmarks.throughput.settings import SEED, Settings
from vtff_lib.config import VTFFConfig
from vtff_lib.lbp import order_table
from vtff_lib.vtff import VTFF


class UsualFaces(Dataset):
    """Images one by one, as a worker process prepares them.

    Each is rgb `(3, H, W)` float32 0 to 1, on request its LBP view in the same form, and its label.

    Args:
        faces: images and labels.
        config: the model's settings: size of the images and order of the LBP bits.
        with_lbp: whether the LBP view is made here.
    """

    def __init__(self, faces: Examples, config: VTFFConfig, with_lbp: bool):
        self.faces, self.with_lbp = faces, with_lbp
        self.augment = usual_augmentation(config.image_size)
        self.table = order_table("circular", config.lbp_order).numpy()

    def __len__(self) -> int:
        return len(self.faces.images)

    def __getitem__(self, index: int) -> tuple[Tensor | int, ...]:
        rgb = self.augment(v2.functional.to_pil_image(self.faces.images[index]))
        views = [rgb, worker_lbp(rgb, self.table)] if self.with_lbp else [rgb]
        return *(view.float().div_(255) for view in views), int(self.faces.labels[index])


def usual_augmentation(side: int) -> v2.Compose:
    """Return what alters a PIL image as "standard" does: a uint8 tensor `(3, side, side)`."""
    ours = Augmentation.preset("standard")
    move = v2.RandomAffine(
        degrees=ours.rotation,
        translate=(ours.shift, ours.shift),
        scale=(1 / (1 + ours.scale), 1 + ours.scale),
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    area = ((ours.erased / 2) ** 2, ours.erased**2)  # share of the image
    return v2.Compose(
        [
            v2.Resize((side, side), interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(ours.flip),
            v2.RandomApply([move], p=ours.move),
            v2.ColorJitter(brightness=ours.brightness, contrast=ours.contrast),
            v2.RandomGrayscale(ours.grey),
            v2.PILToTensor(),
            v2.RandomErasing(ours.erasing, scale=area, ratio=(0.5, 2), value=127),
        ]
    )


def worker_lbp(rgb: Tensor, table: np.ndarray) -> Tensor:
    """Return scikit-image's codes of `rgb` `(3, H, W)` uint8 in the bit order of `table`."""
    codes = np.stack([skimage_lbp(channel, P=8, R=1) for channel in rgb.numpy()])
    return torch.from_numpy(table[codes.astype(np.uint8)])


class UsualLoop:
    """The usual research loop: workers, float32, eager, and the loss read in every step.

    Args:
        model: on the device.
        faces: what is learned; on the CPU.
        settings: batch size, workers, and how many steps are timed.
        with_lbp: whether the workers make the LBP view (baseline a) or the model (baseline b).
    """

    def __init__(self, model: VTFF, faces: Examples, settings: Settings, with_lbp: bool):
        self.model, self.device = model.train(), model.cls_token.device
        self.batch_size, round_ = settings.batch_size, max(settings.workers, 1)
        self.timed = math.ceil(settings.steps / round_) * round_
        self.lead = max(round_, 2)  # batches before the first that is timed
        count = (self.lead + self.timed + round_) * self.batch_size
        dice = generator(SEED, "usual order", 0)
        dataset = UsualFaces(faces, model.config, with_lbp)
        self.loader = DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=RandomSampler(dataset, num_samples=count, generator=dice),
            num_workers=settings.workers,
            pin_memory=self.device.type == "cuda",
            persistent_workers=settings.workers > 0,
            generator=dice,
        )
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)

    def learn(self, batch: list[Tensor]) -> float:
        """Take one step; return its loss, for which the device is waited for."""
        *views, labels = (tensor.to(self.device) for tensor in batch)
        self.optimiser.zero_grad()
        loss = F.cross_entropy(self.model(*views).logits, labels, label_smoothing=0.1)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def seconds(self) -> float:
        """Time `timed` steps, with workers that neither start from nothing nor worked ahead."""
        batches = iter(self.loader)
        for batch in islice(batches, self.lead):
            self.learn(batch)
        result = seconds(lambda: [*map(self.learn, islice(batches, self.timed))])
        for _ in batches:  # what is left, so that no worker is busy while others are timed
            pass
        return result
