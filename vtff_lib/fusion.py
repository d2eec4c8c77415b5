"""Two feature maps become one: attentional selective fusion (ASF) and plainer ways. Taught in 04.

    U       = W_l · X_LBP + W_c · X_RGB
    GL(U)   = G(U) ⊕ L(U),          broadcast: (C, 1, 1) + (1, H, W) -> (C, H, W)
    X_fused = X_LBP ⊗ gate + X_RGB ⊗ (1 - gate),   gate = sigmoid(GL(U))

Source: the seed review, but for the sigmoid, which it does not mention. Two readers of the paper
put it in two other places; all three readings are settings of `AttentionalSelectiveFusion`. Ours
keeps the gate in (0, 1), so that every fused value lies between the two it was made from.
`RELATED_FUSIONS` are designs of others, to compare with (09).
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.attention import GlobalAttention, LocalAttention
from vtff_lib.refusals import check_choice, check_sizes, check_tensor, describe


class FusionMaps(NamedTuple):
    """What a fusion looked at; `None` where it has no such map."""

    gate: Tensor | None = None  # (N, C, H, W): the weight of the gated branch
    local_attention: Tensor | None = None  # (N, 1, H, W), AFF's (N, C, H, W): L(U), no sigmoid yet
    global_attention: Tensor | None = None  # (N, C, 1, 1): G(U), before any sigmoid


# A reading of the paper: from G(U) and L(U) to the weights of the gated branch and of the other.
Reading = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def sigmoid_of_sum(global_map: Tensor, local_map: Tensor) -> tuple[Tensor, Tensor]:
    """Return σ(G ⊕ L) and 1 - σ(G ⊕ L): both in (0, 1), sum 1. Ours."""
    gate = torch.sigmoid(global_map + local_map)
    return gate, 1 - gate


def sum_of_sigmoids(global_map: Tensor, local_map: Tensor) -> tuple[Tensor, Tensor]:
    """Return σ(G) ⊕ σ(L) in (0, 2) and 1 minus it in (-1, 1): sum 1. Reader B."""
    gate = torch.sigmoid(global_map) + torch.sigmoid(local_map)
    return gate, 1 - gate


def double_sigmoid(global_map: Tensor, local_map: Tensor) -> tuple[Tensor, Tensor]:
    """Return σ(GL) and σ(1 - GL), with GL = σ(G) ⊕ σ(L).

    GL lies in (0, 2), so the weights lie in (0.5, 0.88) and (0.27, 0.73) and do not sum to 1.
    Reader A.
    """
    gl = torch.sigmoid(global_map) + torch.sigmoid(local_map)
    return torch.sigmoid(gl), torch.sigmoid(1 - gl)


GATES: dict[str, Reading] = {
    "sigmoid_of_sum": sigmoid_of_sum,
    "sum_of_sigmoids": sum_of_sigmoids,
    "double_sigmoid": double_sigmoid,
}


class Fusion(nn.Module):
    """What all fusions share: `fusion(rgb_map, lbp_map)`, two `(N, C, H, W)` -> one.

    `views` names the maps that a fusion uses; the other one may be `None`.

    Raises:
        ValueError: in `forward`, if a map that it uses is missing or is not `(N, channels, H, W)`,
            or if the two differ in shape.
    """

    views: ClassVar[tuple[str, ...]] = ("rgb", "lbp")
    fuse: Callable[..., tuple[Tensor, FusionMaps]]  # of the maps of `views`, in this order

    def __init__(self, channels: int):
        super().__init__()
        check_sizes(channels=channels)
        self.channels = channels

    def forward(
        self, rgb_map: Tensor | None, lbp_map: Tensor | None, return_maps: bool = False
    ) -> Tensor | tuple[Tensor, FusionMaps]:
        """Return the fused map, and with `return_maps` also the `FusionMaps`."""
        maps = {"rgb": rgb_map, "lbp": lbp_map}
        for view in self.views:
            check_tensor(f"{view}_map", maps[view], f"(N, {self.channels}, H, W)", module=self)
        used = [view_map for view in self.views if (view_map := maps[view]) is not None]
        if used[0].shape != used[-1].shape or used[0].device != used[-1].device:
            raise ValueError(
                f"rgb_map is {describe(rgb_map)} on {used[0].device} and lbp_map "
                f"{describe(lbp_map)} on {used[-1].device}; {type(self).__name__} needs two of one "
                "shape on one device."
            )
        fused, fusion_maps = self.fuse(*used)
        return (fused, fusion_maps) if return_maps else fused


class AttentionalSelectiveFusion(Fusion):
    """ASF: a gate made from both maps chooses, for every channel and position, between them.

    Args:
        channels: C of both maps.
        reduction: r inside G and L.
        gate: the reading of the paper: `"sigmoid_of_sum"` (ours), `"sum_of_sigmoids"` or
            `"double_sigmoid"`.
        gated_branch: the map that is multiplied by the gate; the other gets the rest. `"lbp"`
            (seed) or `"rgb"` (both readers of the paper).

    Raises:
        ValueError: if a setting is unknown or `reduction` does not divide `channels`; in `forward`
            as `Fusion` and `GlobalAttention`.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 8,
        gate: str = "sigmoid_of_sum",
        gated_branch: str = "lbp",
    ):
        super().__init__(channels)
        check_choice("gate", gate, GATES)
        check_choice("gated_branch", gated_branch, self.views)
        self.gate = gate
        self.gated_branch = gated_branch
        self.rgb_weight = nn.Conv2d(channels, channels, 1, bias=False)  # W_c
        self.lbp_weight = nn.Conv2d(channels, channels, 1, bias=False)  # W_l
        self.global_attention = GlobalAttention(channels, reduction)
        self.local_attention = LocalAttention(channels, reduction)

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return X_fused and the maps that made it."""
        u = self.lbp_weight(lbp_map) + self.rgb_weight(rgb_map)  # (N, C, H, W)
        global_map, local_map = self.global_attention(u), self.local_attention(u)
        gate, rest = GATES[self.gate](global_map, local_map)
        gated, other = (lbp_map, rgb_map) if self.gated_branch == "lbp" else (rgb_map, lbp_map)
        return gated * gate + other * rest, FusionMaps(gate, local_map, global_map)

    def extra_repr(self) -> str:
        """Show the reading of the paper."""
        return f"gate={self.gate!r}, gated_branch={self.gated_branch!r}"


class AttentionalFeatureFusion(AttentionalSelectiveFusion):
    """AFF: as ASF, but U is the plain sum, and L scores each channel *and* place.

        U = X_RGB + X_LBP,   X_fused = X_LBP ⊗ M + X_RGB ⊗ (1 - M),   M = sigmoid(G(U) ⊕ L(U))

    This L has the layers of G without its pooling: `(N, C, H, W)`. Arguments and errors are ASF's.

    Taught in 09. Source: Dai et al. 2021, "Attentional Feature Fusion".
    """

    def __init__(self, channels: int, reduction: int = 8, gated_branch: str = "lbp"):
        super().__init__(channels, reduction, gated_branch=gated_branch)
        per_place = GlobalAttention(channels, reduction)
        per_place.add_module("pool", nn.Identity())
        self.add_module("local_attention", per_place)
        self.add_module("rgb_weight", nn.Identity())
        self.add_module("lbp_weight", nn.Identity())


class CrossAttentionFusion(Fusion):
    """Each view's places ask the other's; what they hear is added to the mean of both maps.

        X_fused = ½ (X_RGB + A(X_RGB, X_LBP) + X_LBP + A'(X_LBP, X_RGB))
        A(X, Y) = W_o [softmax(Q Kᵀ / √d) V],   Q = W_q X, K = W_k Y, V = W_v Y

    A and A' have weights of their own. Tokens are places; they carry no positions here.

    Args:
        channels: C of both maps.
        num_heads: how many ask side by side, each d = C / num_heads wide.

    Raises:
        ValueError: if `num_heads` does not divide `channels`; in `forward` as `Fusion`.

    Taught in 09. Source: Vaswani et al. 2017; between two views Lu et al. 2019, "ViLBERT".
    """

    def __init__(self, channels: int, num_heads: int = 4):
        super().__init__(channels)
        check_sizes(num_heads=num_heads)
        if channels % num_heads:
            raise ValueError(
                f"num_heads={num_heads} does not divide channels={channels}; choose a divisor."
            )
        self.num_heads = num_heads
        self.query, self.key, self.value, self.proj = (
            nn.ModuleDict({view: nn.Linear(channels, channels) for view in self.views})
            for _ in range(4)
        )

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the mean of both maps and of what each heard from the other."""
        rgb, lbp = (each.flatten(2).transpose(1, 2) for each in (rgb_map, lbp_map))  # (N, H·W, C)
        heard = self.hear("rgb", rgb, lbp) + self.hear("lbp", lbp, rgb)
        return (rgb_map + lbp_map + heard.transpose(1, 2).view_as(rgb_map)) / 2, FusionMaps()

    def hear(self, view: str, asking: Tensor, asked: Tensor) -> Tensor:
        """Return what each token of `view` hears from the other's, `(N, H·W, C)`."""
        layers = (self.query[view], self.key[view], self.value[view])
        q, k, v = (
            layer(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (N, heads, H·W, d)
            for layer, tokens in zip(layers, (asking, asked, asked), strict=True)
        )
        out = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)  # (N, H·W, heads, d)
        return self.proj[view](out.flatten(2))


class SumFusion(Fusion):
    """X_RGB + X_LBP."""

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the sum."""
        return rgb_map + lbp_map, FusionMaps()


class MeanFusion(Fusion):
    """½ (X_RGB + X_LBP): ASF with its gate held at one half. Taught in 09."""

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the mean."""
        return (rgb_map + lbp_map) / 2, FusionMaps()


class MaxFusion(Fusion):
    """The larger of X_RGB and X_LBP, value by value."""

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the maximum."""
        return torch.maximum(rgb_map, lbp_map), FusionMaps()


class ConcatFusion(Fusion):
    """W · [X_RGB, X_LBP]: both stacked, then a learned 1×1 convolution 2C -> C."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.mix = nn.Conv2d(2 * channels, channels, 1)

    def fuse(self, rgb_map: Tensor, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the mixture."""
        return self.mix(torch.cat([rgb_map, lbp_map], dim=1)), FusionMaps()


class RGBOnly(Fusion):
    """X_RGB alone: the baseline that a fusion has to beat."""

    views = ("rgb",)

    def fuse(self, rgb_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the one map."""
        return rgb_map, FusionMaps()


class LBPOnly(Fusion):
    """X_LBP alone, the other baseline."""

    views = ("lbp",)

    def fuse(self, lbp_map: Tensor) -> tuple[Tensor, FusionMaps]:
        """Return the one map."""
        return lbp_map, FusionMaps()


PLAIN_FUSIONS: dict[str, type[Fusion]] = {
    "sum": SumFusion,
    "max": MaxFusion,
    "concat": ConcatFusion,
    "rgb": RGBOnly,
    "lbp": LBPOnly,
}
FUSIONS = ("selective", *PLAIN_FUSIONS)
RELATED_FUSIONS: dict[str, type[Fusion]] = {
    "mean": MeanFusion,
    "aff": AttentionalFeatureFusion,
    "cross_attention": CrossAttentionFusion,
}


def make_fusion(
    name: str,
    channels: int,
    reduction: int = 8,
    gate: str = "sigmoid_of_sum",
    gated_branch: str = "lbp",
) -> Fusion:
    """Build a fusion by its name in `FUSIONS` (`"selective"` is ASF) or `RELATED_FUSIONS`.

    The last three arguments are ASF's, `reduction` and `gated_branch` AFF's too; the others have no
    settings.

    Raises:
        ValueError: if the name is unknown.
    """
    check_choice("fusion", name, (*FUSIONS, *RELATED_FUSIONS))
    if name == "selective":
        return AttentionalSelectiveFusion(channels, reduction, gate, gated_branch)
    if name == "aff":
        return AttentionalFeatureFusion(channels, reduction, gated_branch)
    return (PLAIN_FUSIONS | RELATED_FUSIONS)[name](channels)
