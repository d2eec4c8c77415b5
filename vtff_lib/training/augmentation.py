"""Augmentation: each face a little different every time it is seen. Taught in 07 and 07b.

All images of a batch change at once, each in its own way, where the batch is. What comes out are
uint8 pixels again, so the LBP view is made *after* the geometry and never bent along with it: codes
are names of patterns, and cannot be interpolated.
"""

import math
from dataclasses import dataclass, fields
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.refusals import check_choice, check_number, describe

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
SAMPLED_SIZES = 8  # of how many sizes an enlarged image may have been
RANGES = {"smallest": (0.05, 1), "rotation": (0, 180)}  # the range of a setting; else 0 to 1


@dataclass(frozen=True)
class Augmentation:
    """How much images may change; every 0 switches its change off. Start from `preset`.

    Args:
        flip: probability of a mirror image. No label changes: none names a side.
        move: probability of rotation, scale and shift together; the rest keep their sharp pixels.
        rotation: largest angle to either side, in degrees.
        scale: largest change of size, as a share: 0.1 is 1/1.1 to 1.1 times the size.
        shift: largest way in either direction, as a share of the side.
        brightness: largest amount added or taken, as a share of white.
        contrast: largest change of the distance from middle grey, as `scale`.
        gamma: largest change of the exponent, as `scale`.
        grey: probability of losing all colour.
        noise: largest standard deviation of sensor noise, as a share of white.
        blur: probability of being sampled down and up again, as a small photo enlarged looks.
        smallest: the smallest side that it is sampled down to, as a share: 0.4 is 45 of 112 pixels.
        erasing: probability that a rectangle is hidden behind one colour.
        erased: largest side of the rectangle, as a share of the image's.

    Raises:
        ValueError: if a number is out of its range: 0 to 180 for `rotation`, 0.05 to 1 for
            `smallest`, 0 to 1 for all others.
    """

    flip: float = 0.0
    move: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    smallest: float = 1.0
    erasing: float = 0.0
    erased: float = 0.0

    def __post_init__(self) -> None:
        for name in (setting.name for setting in fields(self)):
            check_number(name, getattr(self, name), *RANGES.get(name, (0, 1)))
            object.__setattr__(self, name, float(getattr(self, name)))

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the settings called `"none"`, `"light"`, `"standard"` or `"strong"`.

        Raises:
            ValueError: if there is no such preset.
        """
        check_choice("augmentation", name, PRESETS)
        return cls(**PRESETS[name])

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed copies of `images`, uint8 `(N, 3, H, W)`, on their device.

        Args:
            images: uint8 `(N, 3, H, W)`; they are not changed.
            generator: all chance comes from it. It is on the CPU, wherever the images are: so the
                CPU knows what happens, and need not wait for the device to find out.

        Raises:
            ValueError: if `images` have another dtype or shape.
        """
        if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"Augmentation got {describe(images)}; it needs uint8 (N, 3, H, W).")
        if self == Augmentation():
            return images.clone()
        dice = _Dice(len(images), images.device, generator)
        unit = self._lit(images, dice)  # float 0 to 1
        unit = self._moved(unit, dice)
        unit = self._covered(unit, dice)
        unit = self._recorded(unit, dice)
        unit = self._enlarged(unit, dice)
        return unit.mul_(255).round_().clamp_(0, 255).to(torch.uint8)

    def _lit(self, images: Tensor, dice: "_Dice") -> Tensor:
        """Bend the tones, `contrast · (x^gamma - 1/2) + 1/2 + brightness`: x has 256 values only.

        So the curve is worked out once for each value and looked up for each pixel.
        """
        tones = (torch.arange(256) / 255) ** dice.factor(self.gamma)  # (N, 256)
        tones = dice.factor(self.contrast) * (tones - 0.5) + 0.5
        tones = tones + dice.between(-self.brightness, self.brightness)
        if not (self.gamma or self.contrast or self.brightness):
            return images / 255
        curves = tones.clamp(0, 1).to(images.device)
        return curves.gather(1, images.flatten(1).long()).view(images.shape)

    def _moved(self, images: Tensor, dice: "_Dice") -> Tensor:
        """Mirror, rotate, scale and shift in one resampling, reflected where the image ends."""
        moves = dice.happens(self.move)
        angle = moves * dice.between(-self.rotation, self.rotation) * (math.pi / 180)
        size = dice.factor(self.scale) ** moves
        mirror = 1 - 2 * dice.happens(self.flip)
        right, down = (moves * dice.between(-2 * self.shift, 2 * self.shift) for _ in "xy")
        if not self.move:
            return torch.where(dice.place(mirror) < 0, images.flip(3), images)
        cosine, sine = angle.cos() / size, angle.sin() / size
        height, width = images.shape[2:]  # a side is 2 units long: pixels are square, units not
        from_x = [mirror * cosine, mirror * sine * (height / width), right]
        from_y = [-sine * (width / height), cosine, down]
        affine = torch.cat(from_x + from_y, dim=1).view(-1, 2, 3).to(images.device)
        places = F.affine_grid(affine, list(images.shape), align_corners=False)
        return F.grid_sample(images, places, padding_mode="reflection", align_corners=False)

    def _covered(self, images: Tensor, dice: "_Dice") -> Tensor:
        """Hide a rectangle of some, somewhere, behind one colour."""
        hidden = dice.place(dice.happens(self.erasing)) > 0  # (N, 1, 1, 1), and grows with the axes
        for axis in (2, 3):
            side = torch.linspace(0, 1, images.shape[axis], device=images.device)
            side = side.view([-1 if dimension == axis else 1 for dimension in range(4)])
            centre, length = dice.between(0, 1), dice.between(self.erased / 2, self.erased)
            hidden = hidden & ((side - dice.place(centre)).abs() < dice.place(length) / 2)
        colour = torch.cat([dice.between(0, 1) for _ in "rgb"], 1).to(images.device)
        if not self.erasing:
            return images
        return torch.where(hidden, colour[:, :, None, None], images)

    def _recorded(self, images: Tensor, dice: "_Dice") -> Tensor:
        """Lose the colour of some; add noise, the same to all channels, as JPEG leaves it."""
        grey = dice.happens(self.grey).view(-1, 1, 1)
        if self.grey:
            mixing = torch.lerp(torch.eye(3), torch.tensor(LUMINANCE).expand(3, 3), grey)
            images = (mixing.to(images.device) @ images.flatten(2)).view(images.shape)
        if not self.noise:
            return images
        noise = dice.noise(images[:, :1].shape)  # (N, 1, H, W)
        return images.add_(noise.mul_(dice.place(dice.between(0, self.noise))))

    def _enlarged(self, images: Tensor, dice: "_Dice") -> Tensor:
        """Sample some down and up again; those of one size together."""
        steps = dice.between(0, SAMPLED_SIZES).floor() + 1
        steps = (steps * dice.happens(self.blur)).flatten()
        for step in steps[steps > 0].unique().tolist():
            share = 1 - (1 - self.smallest) * step / SAMPLED_SIZES
            small = [max(1, round(share * side)) for side in images.shape[2:]]
            chosen = (steps == step).nonzero().flatten().to(images.device)
            sampled = F.interpolate(images[chosen], small, mode="bilinear", antialias=True)
            images[chosen] = F.interpolate(sampled, images.shape[2:], mode="bilinear")
        return images


PRESETS: dict[str, dict[str, float]] = {
    "none": {},
    "light": {
        "flip": 0.5, "move": 0.3, "rotation": 6, "scale": 0.05, "shift": 0.03, "grey": 0.05,
        "noise": 0.01, "blur": 0.05, "smallest": 0.5,
    },
    "standard": {
        "flip": 0.5, "move": 0.8, "rotation": 10, "scale": 0.1, "shift": 0.05,
        "brightness": 0.1, "contrast": 0.25, "gamma": 0.25, "grey": 0.2,
        "noise": 0.02, "blur": 0.25, "smallest": 0.4, "erasing": 0.2, "erased": 0.3,
    },
    "strong": {
        "flip": 0.5, "move": 0.9, "rotation": 20, "scale": 0.2, "shift": 0.08,
        "brightness": 0.2, "contrast": 0.5, "gamma": 0.5, "grey": 0.5,
        "noise": 0.05, "blur": 0.6, "smallest": 0.35, "erasing": 0.4, "erased": 0.4,
    },
}  # fmt: skip


def mix(rgb: Tensor, targets: Tensor, mixup: float, cutmix: float) -> tuple[Tensor, Tensor]:
    """Blend each image with the next of the batch, or lay a piece of the next one over it.

    With both, one of the two is chosen. Chance comes from PyTorch's own dice.

    Args:
        rgb: `(N, 3, H, W)` uint8.
        targets: `(N, num_classes)`, rows that sum to 1; they are mixed in the same proportion.
        mixup: α of blending, Beta(α, α) its proportion; 0: none.
        cutmix: α of laying over; 0: none.

    Source: Zhang et al. 2018 (mixup), Yun et al. 2019 (CutMix), as torchvision has them.
    """
    wanted = [(name, alpha) for name, alpha in (("MixUp", mixup), ("CutMix", cutmix)) if alpha]
    if not wanted:
        return rgb, targets
    from torchvision.transforms import v2  # here, because it takes more than a second

    name, alpha = wanted[int(torch.randint(len(wanted), ()))]
    mixed, shares = getattr(v2, name)(alpha=alpha)(rgb.float(), targets)
    return mixed.round_().to(torch.uint8), shares


class _Dice:
    """The chance of one batch: a number for each image, `(N, 1)`, thrown on the CPU."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator):
        self.count, self.device, self.generator = count, device, generator

    def between(self, low: float, high: float) -> Tensor:
        """Return evenly spread numbers."""
        return low + (high - low) * torch.rand(self.count, 1, generator=self.generator)

    def factor(self, share: float) -> Tensor:
        """Return factors from 1/(1+share) to 1+share, as often below 1 as above."""
        return (1 + share) ** self.between(-1, 1)

    def happens(self, probability: float) -> Tensor:
        """Return 1.0 where it happens and 0.0 where not."""
        return (self.between(0, 1) < probability) * 1.0  # of the dtype that all others have

    def place(self, numbers: Tensor) -> Tensor:
        """Return the numbers as `(N, 1, 1, 1)` where the images are."""
        return numbers.view(-1, 1, 1, 1).to(self.device)

    def noise(self, shape: torch.Size) -> Tensor:
        """Return normal noise, drawn on the device by a generator that this one seeds."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        source = torch.Generator(self.device).manual_seed(seed)
        return torch.randn(shape, generator=source, device=self.device)
