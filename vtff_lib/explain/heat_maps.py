"""A map over the grid, as it was computed, and the scale to show it on. Taught in 08 and 08b.

    share     0 to 1            gate, share of energy: a weight at each place
    amount    0 to the largest  attention, rollout, relevance, Grad-CAM
    signed    ± the largest     L(U), integrated gradients, occlusion

No map is rescaled by itself: maps that are compared can share a scale, and none is stretched until
its noise looks like a finding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.refusals import check_choice, check_tensor, describe, is_a, is_dense

FILLS = ("mean", "blur")

BLUR = 8  # a filled picture keeps one value for 8×8 pixels, smoothly joined
SCALES = ("share", "amount", "signed")


@dataclass(frozen=True, eq=False)
class HeatMap:
    """One value for each cell of the grid, and how to show it.

    Args:
        values: `(N, h, w)` float; kept without gradients.
        scale: `"share"`, `"amount"` or `"signed"`, see above.
        meaning: what a value is, in a few words.

    Raises:
        ValueError: if the shape or the scale will not do, or a value is no finite number.
    """

    values: Tensor
    scale: str
    meaning: str

    def __post_init__(self) -> None:
        check_choice("scale", self.scale, SCALES)
        check_tensor("values", self.values, "(N, h, w)", finite=True)
        object.__setattr__(self, "values", self.values.detach())

    @property
    def limits(self) -> tuple[float, float]:
        """The values at both ends of the scale, the same for all N images.

        A share ends at 1, unless a gate goes beyond: that of `sum_of_sigmoids` reaches 2.
        """
        largest = self.values.abs().max().item()
        if self.scale == "share":
            return 0.0, max(1.0, largest)
        largest = largest or 1.0  # a map of zeros has a scale too
        return (-largest, largest) if self.scale == "signed" else (0.0, largest)

    def on_scale(self) -> Tensor:
        """Return the values as they are shown: 0 to 1 between both `limits`."""
        low, high = self.limits
        return ((self.values - low) / (high - low)).clamp(0, 1)


def check_classes(classes: Tensor, count: int, num_classes: int) -> None:
    """Check that `classes` name one of `num_classes` for each of `count` images.

    Raises:
        ValueError: if they do not.
    """
    if not is_dense(classes) or not is_a(classes.dtype, "int64") or classes.shape != (count,):
        raise ValueError(
            f"classes are {describe(classes)}; {count} images need int64 ({count},), one class "
            "each, such as out.logits.argmax(dim=1)."
        )
    if count and not 0 <= classes.min() <= classes.max() < num_classes:
        raise ValueError(
            f"classes go from {classes.min()} to {classes.max()}; use 0 to {num_classes - 1}."
        )


def as_share(image: Tensor) -> Tensor:
    """Return an image or its codes as float 0 to 1, from uint8 or as they are."""
    return image.float() / 255 if image.dtype == torch.uint8 else image


def filled(rgb: Tensor, fill: str = "mean") -> Tensor:
    """Return what stands in for removed places, uint8 `(N, 3, H, W)`.

    `"mean"` is the image's mean colour, `"blur"` the image without its details. No choice is
    neutral: both are pictures that the model has never seen.

    Raises:
        ValueError: if `fill` is unknown or `rgb` is not uint8 `(N, 3, H, W)`.
    """
    check_choice("fill", fill, FILLS)
    check_tensor("rgb", rgb, "(N, 3, H, W)", "uint8")
    if fill == "mean":
        mean = rgb.float().mean(dim=(2, 3), keepdim=True)
        return mean.round().to(torch.uint8).expand_as(rgb)
    small = F.avg_pool2d(rgb.float(), BLUR, ceil_mode=True)
    smooth = F.interpolate(small, rgb.shape[-2:], mode="bilinear")
    return smooth.round().clamp(0, 255).to(torch.uint8)
