"""ResNet-18 without its classifier: an image becomes a small grid of features. Taught in 02.

    (N, 3, H, W) -> (N, C, H/R, W/R),   R = 32, C = 512 for ResNet-18 (rounded up)

Source: the seed review (two ResNet-18s of one design, R = 32); the network is He et al. 2016, "Deep
Residual Learning for Image Recognition". The names in the state dict are those of torchvision's
`resnet18`, so that weights published for it fit.
"""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.refusals import check_sizes, check_spread, check_tensor, check_whole
from vtff_lib.weights import read_weights, require_same_tensors


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: `relu(x + f(x))`.

    `(N, in_channels, H, W)` -> `(N, out_channels, H/stride, W/stride)`. Where the shape changes,
    the shortcut is a strided 1×1 convolution; elsewhere it is the identity.

    Raises:
        ValueError: if a number is no whole one from 1; in `forward`, if the input is not a float
            `(N, in_channels, H, W)`.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels, stride=stride)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return `relu(shortcut(x) + f(x))`."""
        check_tensor("x", x, f"(N, {self.conv1.in_channels}, H, W)", module=self)
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x))


class ResNetTrunk(nn.Module):
    """The convolutional part of ResNet-18: a stem and up to four stages of two basic blocks.

    The stem divides height and width by 4, every stage after the first by 2 again, while the
    channels double: `reduction` = 4 · 2^(stages-1), `out_channels` = width · 2^(stages-1).

    Args:
        width: channels of the stem and the first stage (64 in ResNet-18).
        stages: 1 to 4 (4 in ResNet-18).

    Raises:
        ValueError: if `width` is below 1 or `stages` not 1 to 4; in `forward`, if the input is not
            a float `(N, 3, H, W)` or, in training, one image that shrinks to 1×1.
    """

    def __init__(self, width: int = 64, stages: int = 4):
        super().__init__()
        check_sizes(width=width)
        check_whole("stages", stages, high=4)
        self.reduction = 4 * 2 ** (stages - 1)
        self.out_channels = width * 2 ** (stages - 1)
        self.stage_names = tuple(f"layer{i + 1}" for i in range(stages))

        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for index, name in enumerate(self.stage_names):
            out_channels, stride = width * 2**index, 1 if index == 0 else 2
            stage = nn.Sequential(
                BasicBlock(channels, out_channels, stride), BasicBlock(out_channels, out_channels)
            )
            self.add_module(name, stage)
            channels = out_channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature map `(N, out_channels, H/R, W/R)` of `x`, float `(N, 3, H, W)`."""
        check_tensor("x", x, "(N, 3, H, W)", module=self)
        grid = [-(-side // self.reduction) for side in x.shape[2:]]
        check_spread(self, self.bn1, x.shape[0] * grid[0] * grid[1])
        x = F.relu(self.bn1(self.conv1(x)))  # (N, width, H/2, W/2)
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)  # (N, width, H/4, W/4)
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
        return x

    def load_published_weights(self, path: str | Path) -> list[str]:
        """Fill the trunk with published ResNet-18 weights, completely or not at all.

        Published files wrap and rename: an outer `state_dict`, `module.` in front of every name, a
        classifier `fc` or an embedding `feature` behind the trunk. Loaded with `strict=False`, such
        a file changes *nothing* and says nothing. Here the wrapping is undone, the classifier is
        dropped, and every other name and shape must agree.

        Args:
            path: a `.safetensors` file, or one written by `torch.save` (read with
                `weights_only=True`).

        Returns:
            The names that were dropped.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, would run code, or holds another network; the trunk is
                then unchanged.
        """
        weights = read_weights(path)
        dropped = [name for name in weights if name.startswith(("fc.", "feature."))]
        for name in dropped:
            del weights[name]
        expected = self.state_dict()
        for name, tensor in expected.items():
            if name.endswith("num_batches_tracked"):  # absent before 2018, and read by nothing here
                weights.setdefault(name, tensor)
        require_same_tensors(expected, weights, path)
        self.load_state_dict(weights)
        return dropped

    def extra_repr(self) -> str:
        """Show what the trunk does to a shape."""
        return f"(N, 3, H, W) -> (N, {self.out_channels}, H/{self.reduction}, W/{self.reduction})"
