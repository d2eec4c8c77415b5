"""Global and local attention over a feature map U. Taught in 03.

    G(U) = BN(W2 · relu(BN(W1 · mean over H, W of U)))     (N, C, H, W) -> (N, C, 1, 1)
    L(U) = BN(V2 · relu(BN(V1 · U)))                       (N, C, H, W) -> (N, 1, H, W)

W and V are 1×1 convolutions that squeeze C channels to C/r. G asks *which channels* matter and
cannot see where; L asks *where* and gives one answer for all channels.

Source: the seed review (U, and the shapes of G and L). Its formulas are lost; the order of the
layers, the single channel of L and r = 8 are what independent readers of the paper agree on.
Neither map ends in a sigmoid: where that stands is the fusion's business (04).
"""

from torch import Tensor, nn

from vtff_lib.refusals import check_sizes, check_spread, check_tensor


class GlobalAttention(nn.Module):
    """G(U): one score for each channel, the same at every position.

    `(N, C, H, W)` -> `(N, C, 1, 1)`, any real numbers. Permuting the positions changes nothing.

    Args:
        channels: C of the feature map.
        reduction: r, the squeeze inside; it must divide `channels`.

    Raises:
        ValueError: if `reduction` does not divide `channels`; in `forward`, if the shape does not
            fit or, in training, if there is only one image.
    """

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        self.channels = channels
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.layers = _squeeze_and_score(channels, reduction, out_channels=channels)

    def forward(self, u: Tensor) -> Tensor:
        """Return G(U)."""
        check_tensor("u", u, f"(N, {self.channels}, H, W)", module=self)
        check_spread(self, self.layers[1], u.shape[0])
        return self.layers(self.pool(u))  # (N, C, H, W) -> (N, C, 1, 1)


class LocalAttention(nn.Module):
    """L(U): one score for each position, the same for every channel.

    `(N, C, H, W)` -> `(N, 1, H, W)`, any real numbers. Permuting the positions permutes the scores.

    Args:
        channels: C of the feature map.
        reduction: r, the squeeze inside; it must divide `channels`.

    Raises:
        ValueError: if `reduction` does not divide `channels`; in `forward`, if the map does not
            fit or, in training, is a single place of one image.
    """

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        self.channels = channels
        self.layers = _squeeze_and_score(channels, reduction, out_channels=1)

    def forward(self, u: Tensor) -> Tensor:
        """Return L(U)."""
        check_tensor("u", u, f"(N, {self.channels}, H, W)", module=self)
        check_spread(self, self.layers[1], u[:, 0].numel())
        return self.layers(u)  # (N, C, H, W) -> (N, 1, H, W)


def _squeeze_and_score(channels: int, reduction: int, out_channels: int) -> nn.Sequential:
    check_sizes(channels=channels, reduction=reduction)
    if channels % reduction:
        raise ValueError(
            f"reduction={reduction} does not divide channels={channels}; choose a divisor."
        )
    squeezed = channels // reduction
    return nn.Sequential(
        nn.Conv2d(channels, squeezed, 1, bias=False),  # batch norm brings the bias
        nn.BatchNorm2d(squeezed),
        nn.ReLU(),
        nn.Conv2d(squeezed, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )
