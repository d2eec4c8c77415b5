"""The models of `figures/plans/fusion.toml`: each differs from the full one in what its name says.

Two models of one seed start from the same weights wherever they have a part of the same name and
shape. What a model is given to see, and what becomes of its answer, is changed from outside, by
parts put in and by hooks, so that the library's VTFF stays the one that is taught.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from figures.experiments.ablation import (
    Variant,
    both_see_lbp,
    both_see_rgb,
    start_alike,
)
from vtff_lib.lbp import LocalBinaryPattern
from vtff_lib.vtff import VTFF

AROUND = 5  # side of the window whose mean and deviation a pixel is compared with
SILENT = 0.25  # how often modality dropout silences the one view, and how often the other
NATIVE = 48  # side in pixels of the photographs before they are enlarged


class LocalContrast(nn.Module):
    """Each pixel against its neighbourhood: σ((x - mean) / deviation).

    Mean and deviation are those of a 5 × 5 window; beyond the border the outermost pixel is
    repeated. A deviation below a grey level counts as one, so that a flat place stays flat.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Return the contrast of `image`, `(N, 3, H, W)` uint8 or float 0 to 1, in (0, 1)."""
        x = image.float() / 255 if image.dtype == torch.uint8 else image
        mean, mean_of_squares = (_around(values) for values in (x, x.square()))
        deviation = (mean_of_squares - mean.square()).clamp_min(0).sqrt()
        return torch.sigmoid((x - mean) / deviation.clamp_min(1 / 255))


def _around(values: Tensor) -> Tensor:
    """Return the mean of the window around each pixel."""
    padded = F.pad(values, (AROUND // 2,) * 4, mode="replicate")
    return F.avg_pool2d(padded, AROUND, stride=1)


class NativeCodes(nn.Module):
    """LBP of a picture as it was before it was enlarged; then the codes are, not the pixels.

    The smaller picture is the one whose enlargement comes nearest to what is seen: exactly the
    original, but for roundings, where nothing has been altered since.
    """

    shrink: Tensor

    def __init__(self, size: int, order: str):
        super().__init__()
        columns = torch.eye(NATIVE).view(NATIVE, 1, 1, NATIVE)
        enlarge = F.interpolate(columns, (1, size), mode="bicubic").view(NATIVE, size)
        self.register_buffer("shrink", torch.linalg.pinv(enlarge), persistent=False)
        self.lbp = LocalBinaryPattern(order)

    def forward(self, image: Tensor) -> Tensor:
        """Return the codes of `image` `(N, 3, size, size)` uint8, of the same size."""
        small = (self.shrink.T @ image.float() @ self.shrink).round().clamp(0, 255).byte()
        return F.interpolate(self.lbp(small).float(), image.shape[-2:], mode="nearest").byte()


def sees_contrast(model: VTFF) -> None:
    """Show local contrast to the trunk that would see the codes, normalised as they are."""
    model.lbp = LocalContrast()


def sees_native_codes(model: VTFF) -> None:
    """Show the codes of the pictures as they were before they were enlarged."""
    model.lbp = NativeCodes(model.config.image_size, model.config.lbp_order)


def reads_mean_token(model: VTFF) -> None:
    """Read the class off the mean of the tokens that leave the last block, not off [cls]."""
    model.encoder.register_forward_hook(_mean_first)


def _mean_first(_: nn.Module, given: Any, output: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
    tokens, attentions = output
    return tokens[:, 1:].mean(dim=1, keepdim=True), attentions


def drops_views(model: VTFF) -> None:
    """In training, silence the map of one view of each second face, either as often.

    Source: Neverova et al. 2016, "ModDrop".
    """
    model.fusion.register_forward_pre_hook(_silence_one)


def _silence_one(fusion: nn.Module, given: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor] | None:
    if not fusion.training:
        return None
    rgb_map, lbp_map = given
    dice = torch.rand(len(rgb_map), 1, 1, 1, device=rgb_map.device)
    return rgb_map * (dice >= SILENT), lbp_map * (dice < 1 - SILENT)


MODELS = {
    "full": Variant("RGB and LBP, ASF, two encoder blocks"),
    "rgb": Variant("RGB alone", {"fusion": "rgb"}),
    "lbp": Variant("LBP alone", {"fusion": "lbp"}),
    "contrast": Variant("local contrast alone", {"fusion": "lbp"}, sees_contrast),
    "sum": Variant("sum in place of ASF", {"fusion": "sum"}),
    "mean": Variant("mean in place of ASF: the gate held at one half", {"fusion": "mean"}),
    "concat": Variant("concatenation in place of ASF", {"fusion": "concat"}),
    "aff": Variant("AFF in place of ASF", {"fusion": "aff"}),
    "cross_attention": Variant("cross-attention in place of ASF", {"fusion": "cross_attention"}),
    "two_rgb": Variant("both trunks see RGB", change=both_see_rgb),
    "two_lbp": Variant("both trunks see LBP", change=both_see_lbp),
    "rgb_contrast": Variant("local contrast in place of LBP", change=sees_contrast),
    "native_lbp": Variant("LBP made before the picture is enlarged", change=sees_native_codes),
    "mean_readout": Variant("the mean of the tokens in place of [cls]", change=reads_mean_token),
    "no_blocks": Variant("N = 0: the mean of the tokens", {"depth": 0}, reads_mean_token),
    "modality_dropout": Variant("one view silenced at random in training", change=drops_views),
}
AVERAGE = ("rgb", "lbp")  # whose answers the model `average` takes the mean of
AVERAGED = "RGB alone and LBP alone, their answers averaged"
LONGER = "_longer"  # how the name of a model that is trained for as long as the full one ends


def build(name: str, num_classes: int, seed: int, image_size: int = 64) -> VTFF:
    """Build a model of the plan, with its first weights."""
    return start_alike(MODELS[name.removesuffix(LONGER)], num_classes, seed, image_size)


def words(name: str) -> str:
    """Return what a model of the plan is, in words."""
    if name == "average":
        return AVERAGED
    what = MODELS[name.removesuffix(LONGER)].what
    return f"{what}, for as long" if name.endswith(LONGER) else what
