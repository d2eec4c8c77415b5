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
        _check_map(self, u)
        norm = self.layers[1]  # SyncBatchNorm, another class, sees the images of all GPUs
        if u.shape[0] == 1 and norm.training and isinstance(norm, nn.BatchNorm2d):
            raise ValueError(
                "GlobalAttention got a batch of 1 in training mode: pooled to 1×1, a channel has a "
                "single value, and batch normalisation cannot estimate a spread. Train with at "
                "least 2 images a step (drop_last=True in the loader), or use eval() to predict."
            )
        return self.layers(self.pool(u))  # (N, C, H, W) -> (N, C, 1, 1)


class LocalAttention(nn.Module):
    """L(U): one score for each position, the same for every channel.

    `(N, C, H, W)` -> `(N, 1, H, W)`, any real numbers. Permuting the positions permutes the scores.

    Args:
        channels: C of the feature map.
        reduction: r, the squeeze inside; it must divide `channels`.

    Raises:
        ValueError: if `reduction` does not divide `channels`; in `forward`, if the shape does not
            fit.
    """

    def __init__(self, channels: int, reduction: int = 8):
        super().__init__()
        self.channels = channels
        self.layers = _squeeze_and_score(channels, reduction, out_channels=1)

    def forward(self, u: Tensor) -> Tensor:
        """Return L(U)."""
        _check_map(self, u)
        return self.layers(u)  # (N, C, H, W) -> (N, 1, H, W)


def _squeeze_and_score(channels: int, reduction: int, out_channels: int) -> nn.Sequential:
    if reduction < 1 or channels % reduction:
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


def _check_map(module: GlobalAttention | LocalAttention, u: Tensor) -> None:
    if u.ndim != 4 or u.shape[1] != module.channels:
        raise ValueError(
            f"{type(module).__name__} got shape {tuple(u.shape)}; it was built for a feature map "
            f"(N, {module.channels}, H, W)."
        )
