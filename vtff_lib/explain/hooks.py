"""What `operated` hangs into a running model: a hook for each kind of change."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vtff_lib.fusion import GATES, AttentionalSelectiveFusion, FusionMaps

if TYPE_CHECKING:
    from vtff_lib.explain.surgery import Surgery
    from vtff_lib.vtff import VTFF

Hook = Callable[..., Any]


def silence(
    model: "VTFF", surgeries: Sequence["Surgery"], layer: int
) -> Callable[..., tuple[Tensor]]:
    """Return a hook that sets to 0 what the heads of this layer hand to its projection."""
    width = model.config.embed_dim // model.config.num_heads
    speaks = torch.ones(len(surgeries), 1, model.config.embed_dim)
    for index, surgery in enumerate(surgeries):
        if surgery.head is not None and surgery.head[0] == layer:
            speaks[index, :, surgery.head[1] * width : (surgery.head[1] + 1) * width] = 0

    def hook(proj: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0] * speaks.to(inputs[0]),)

    return hook


def regate(surgeries: Sequence["Surgery"]) -> Callable[..., tuple[Tensor, FusionMaps]]:
    """Return a hook that fuses again, with changed scores or a forced gate."""

    def hook(
        fusion: AttentionalSelectiveFusion,
        inputs: tuple[Tensor, Tensor],
        output: tuple[Tensor, FusionMaps],
    ) -> tuple[Tensor, FusionMaps]:
        def column(values: Sequence[float]) -> Tensor:  # (N, 1, 1, 1)
            return torch.tensor(values).to(inputs[0]).view(-1, 1, 1, 1)

        rgb_map, lbp_map = inputs
        _, local_map, global_map = output[1]
        assert local_map is not None
        assert global_map is not None
        global_map = global_map * column([surgery.without != "global" for surgery in surgeries])
        local_map = local_map * column([surgery.without != "local" for surgery in surgeries])
        gate, rest = GATES[fusion.gate](global_map, local_map)
        by_lbp = fusion.gated_branch == "lbp"
        forced = column([surgery.lbp_weight is not None for surgery in surgeries]).bool()
        lbp_weight = column([surgery.lbp_weight or 0.0 for surgery in surgeries])
        gate = torch.where(forced, lbp_weight if by_lbp else 1 - lbp_weight, gate)
        rest = torch.where(forced, 1 - lbp_weight if by_lbp else lbp_weight, rest)
        gated, other = (lbp_map, rgb_map) if by_lbp else (rgb_map, lbp_map)
        return gated * gate + other * rest, FusionMaps(gate, local_map, global_map)

    return hook


def pass_by(surgeries: Sequence["Surgery"], layer: int) -> Hook:
    """Return a hook that hands on the tokens of this layer as they came."""
    skipped = torch.tensor([surgery.layer == layer for surgery in surgeries])

    def hook(
        block: nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        tokens, weights = output
        left_out = skipped.to(tokens.device).view(-1, 1, 1)
        return torch.where(left_out, inputs[0], tokens), weights

    return hook


def read_mean(surgeries: Sequence["Surgery"]) -> Hook:
    """Return a hook that puts the mean of all other tokens in the place of [cls]."""
    chosen = torch.tensor([surgery.reading == "mean" for surgery in surgeries])

    def hook(
        encoder: nn.Module, inputs: tuple[Tensor, ...], output: tuple[Tensor, Any]
    ) -> tuple[Tensor, Any]:
        tokens, weights = output
        mean = tokens[:, 1:].mean(dim=1, keepdim=True)  # (N, 1, embed_dim)
        first = torch.where(chosen.to(tokens.device).view(-1, 1, 1), mean, tokens[:, :1])
        return torch.cat([first, tokens[:, 1:]], dim=1), weights

    return hook
