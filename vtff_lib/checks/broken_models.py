"""Models to try answers of lesson 06 on: broken ones, and what mistakes make of a sound one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF

SMALL = VTFFConfig.tiny(
    5, image_size=32, width=4, stages=2, embed_dim=12, num_heads=3, mlp_dim=16
)  # R = 8, a 4×4 grid of 8 channels


def lively_model() -> VTFF:
    """Return a small model in which every number matters, also the positions and [cls]."""
    model = VTFF(SMALL).eval()
    for name, parameter in model.named_parameters():
        if not name.startswith("backbones"):
            nn.init.normal_(parameter, std=0.5)
    return model


def patients() -> list[tuple[str, set[str], VTFF]]:
    """Return models, what is wrong with each, and the parts that are idle for it."""
    healthy, detached, zeroed, ungated, layer, old, small = (lively_model() for _ in range(7))
    detached.backbones["lbp"].register_forward_hook(lambda part, inputs, out: out.detach())
    zeroed.backbones["lbp"].register_forward_hook(lambda part, inputs, out: 0 * out)
    for name in ("fusion.global_attention", "fusion.local_attention"):
        attention = ungated.get_submodule(name)
        attention.register_forward_hook(lambda part, inputs, out: out.detach())
    layer.get_submodule("backbones.rgb.conv1").requires_grad_(False)
    small.head.register_forward_hook(lambda part, inputs, out: 1e-9 * out)
    old.backbones["lbp"].register_forward_hook(lambda part, inputs, out: out.detach())
    for parameter in old.parameters():
        parameter.grad = torch.ones_like(parameter)
    lbp = {"backbones.lbp"}
    return [
        ("the LBP map detached", lbp, detached),
        ("nothing broken", set(), healthy),
        ("one layer frozen", set(), layer),
        ("the LBP map multiplied by 0", lbp, zeroed),
        ("G and L detached", {"fusion"}, ungated),
        ("scores almost 0", set(), small),
        ("old gradients, and the LBP map detached", lbp, old),
    ]


def other_readings(model: VTFF, fused: Tensor) -> list[tuple[str, Tensor]]:
    """Return what plausible mistakes make of a fused map, each with its words."""
    count, channels, rows, columns = fused.shape
    cls_token = model.cls_token.expand(count, -1, -1)
    square = model.config.grid == (rows, columns)
    positions = model.position_embedding

    def stretched(size: tuple[int, int]) -> Tensor:
        cells = positions[:, 1:].transpose(1, 2).unflatten(2, model.config.grid)
        cells = F.interpolate(cells, size, mode="bicubic").flatten(2).transpose(1, 2)
        return torch.cat([positions[:, :1], cells], dim=1)

    right = positions if square else stretched((rows, columns))
    cells = model.token_projection(fused.flatten(2).transpose(1, 2))
    mixed = model.token_projection(fused.reshape(count, rows * columns, channels))
    columns_first = model.token_projection(fused.transpose(2, 3).flatten(2).transpose(1, 2))
    tokens = torch.cat([cls_token, cells], dim=1)
    last = torch.cat([cells, cls_token], dim=1)

    def read(tokens: Tensor) -> Tensor:
        return model.encoder(tokens)[0]

    def normless(tokens: Tensor) -> Tensor:
        for block in model.encoder.blocks:
            tokens, _ = block(tokens)
        return tokens

    whole = read(tokens + right)
    return [
        (
            "`reshape` alone mixes the channels of different cells. Flatten rows and columns, then "
            "swap the two last dimensions: (N, C, h, w) -> (N, C, h·w) -> (N, h·w, C).",
            model.head(read(torch.cat([cls_token, mixed], dim=1) + right)[:, 0]),
        ),
        (
            "Your cells come column by column; the positions were learned row by row.",
            model.head(
                read(torch.cat([cls_token, columns_first], dim=1) + right)[:, 0]
            ),
        ),
        (
            "The positions are missing: without them the encoder cannot tell an eye from a mouth "
            "corner by its place.",
            model.head(read(tokens)[:, 0]),
        ),
        (
            "[cls] has a position of its own, the first; you gave it none.",
            model.head(read(tokens + torch.cat([0 * right[:, :1], right[:, 1:]], dim=1))[:, 0]),
        ),
        (
            "You put [cls] behind the cells; its position is the first, so it goes in front.",
            model.head(read(last + right)[:, -1]),
        ),
        (
            "You put [cls] behind the cells and then read the first token, which is a cell.",
            model.head(read(last + right)[:, 0]),
        ),
        (
            "You averaged all tokens; the head reads [cls] alone.",
            model.head(whole.mean(dim=1)),
        ),
        (
            "You averaged the cells; the head reads [cls] alone.",
            model.head(whole[:, 1:].mean(dim=1)),
        ),
        (
            "You read the last token; [cls] is the first.",
            model.head(whole[:, -1]),
        ),
        (
            "The encoder is missing: [cls] has not seen a single cell yet.",
            model.head((tokens + right)[:, 0]),
        ),
        (
            "The layer norm behind the last block is missing: `model.encoder` has it.",
            model.head(normless(tokens + right)[:, 0]),
        ),
        (
            "You returned probabilities; logits are the scores before the softmax.",
            model.head(whole[:, 0]).softmax(dim=-1),
        ),
        (
            "The grid of the positions has its rows and columns swapped: give (rows, columns).",
            model.head(read(tokens + stretched((columns, rows)))[:, 0]),
        ),
    ]  # fmt: skip
