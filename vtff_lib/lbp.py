"""Local binary patterns: a texture view that ignores how bright an image is. Taught in 01.

Each pixel is compared with its eight neighbours, and the eight answers make one byte:

    code(c) = Σ_k 2^(7-k) · [x_k >= x_c],   k = 0..7 over the 3×3 window without its centre c

Source: the seed review (window, comparison, bit order, and its worked example 90 -> 141). It leaves
two things open, and we settle both as scikit-image does: a neighbour **equal** to the centre gives
1, and everything outside the image is 0.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.refusals import check_choice, check_tensor

# (row, column) of each neighbour relative to the centre, most significant bit first.
OFFSETS = {
    # Left to right, top to bottom, as the seed review reads the window.
    "reading": ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)),
    # Around the centre; the right neighbour is the least significant bit, as in scikit-image.
    "circular": ((1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1)),
}


def local_binary_pattern(image: Tensor, order: str = "reading") -> Tensor:
    """Return the local binary pattern of every pixel.

    The codes depend on nothing but which of two grey values is larger: a strictly increasing change
    of all values (brightness, contrast, gamma) leaves them as they are. Only the outermost ring can
    change, because its pixels are also compared with the 0 outside.

    Args:
        image: `(..., H, W)`, any real dtype and range; each leading index is a picture of its own.
            A NaN is neither larger nor smaller than anything: comparisons with it give 0.
        order: which neighbour is which bit: `"reading"` (seed) or `"circular"` (scikit-image).

    Returns:
        Codes 0 to 255, `(..., H, W)` uint8, on the device of `image`.

    Raises:
        ValueError: if `image` is no tensor of real numbers with at least two dimensions, or
            `order` is unknown.
    """
    check_choice("order", order, OFFSETS)
    check_tensor("image", image, "(..., H, W)", "real")
    height, width = image.shape[-2:]
    padded = _comparable(F.pad(image, (1, 1, 1, 1)))
    centre = padded[..., 1:-1, 1:-1]
    codes = torch.zeros(image.shape, dtype=torch.uint8, device=image.device)
    for bit, (row, column) in enumerate(OFFSETS[order]):
        neighbour = padded[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]
        codes.add_((neighbour >= centre).to(torch.uint8), alpha=2 ** (7 - bit))
    return codes


def order_table(source: str, target: str) -> Tensor:
    """Return the `(256,)` uint8 table that turns codes of one bit order into the other's.

    `order_table("reading", "circular")[codes.long()]` equals the codes computed in circular order.

    Raises:
        ValueError: if either order is unknown.
    """
    check_choice("source", source, OFFSETS)
    check_choice("target", target, OFFSETS)
    codes = torch.arange(256)
    table = torch.zeros_like(codes)
    for target_bit, offset in enumerate(OFFSETS[target]):
        source_bit = OFFSETS[source].index(offset)
        table += ((codes >> (7 - source_bit)) & 1) << (7 - target_bit)
    return table.to(torch.uint8)


class LocalBinaryPattern(nn.Module):
    """`local_binary_pattern` as a layer: `(N, C, H, W)` -> `(N, C, H, W)` uint8, nothing learned.

    It stands at the model's door, behind the geometric augmentation: codes are names of patterns,
    not amounts, and must never be interpolated.

    Raises:
        ValueError: if `order` is unknown.
    """

    def __init__(self, order: str = "reading"):
        super().__init__()
        check_choice("order", order, OFFSETS)
        self.order = order

    def forward(self, image: Tensor) -> Tensor:
        """Return the codes of `image`, each channel for itself."""
        return local_binary_pattern(image, self.order)

    def extra_repr(self) -> str:
        """Show the bit order."""
        return f"order={self.order!r}"


def _comparable(image: Tensor) -> Tensor:
    """Give dtypes that PyTorch stores but does not compare one that it does, in the same order."""
    if image.dtype == torch.uint64:  # flipping the top bit maps 0..2^64-1 onto the int64 range
        return image.view(torch.int64) ^ torch.iinfo(torch.int64).min
    if image.is_floating_point() and image.dtype.itemsize == 1:
        return image.float()
    return image.to(
        {torch.uint16: torch.int32, torch.uint32: torch.int64}.get(image.dtype, image.dtype)
    )
