"""A model as bytes for `engine.js`: settings as JSON, then weights in the order of their use.

    bytes 0-3    "VTFF"
    bytes 4-7    length of the JSON text, little-endian; it is filled with spaces to a multiple of 4
    bytes 8-     the JSON text: version, half, count of weights, the model's config, …
    the rest     the weights, float16 or float32, little-endian

A batch norm is folded into the convolution before it, which leaves its answers in eval mode:

    γ (W x - μ) / √(σ² + ε) + β  =  (γ / √(σ² + ε)) W x + (β - γ μ / √(σ² + ε))
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vtff_lib.encoder import resize_position_embedding
from vtff_lib.fusion import (
    FUSIONS,
    GATES,
    RELATED_FUSIONS,
    AttentionalSelectiveFusion,
    ConcatFusion,
    CrossAttentionFusion,
)
from vtff_lib.inputs import check_model
from vtff_lib.refusals import check_flag, check_shape
from vtff_lib.vtff import VTFF

MAGIC, VERSION = b"VTFF", 1
Part = Any  # of a model: what it holds is beyond the types of nn.Module
ROWS = 4  # channels that the engine's convolution makes at once
MOST = {"weights": 2**28, "pixels": 1024**2}  # a page has 4 GB at most, and often 1


@torch.no_grad()
def pack(model: nn.Module, half: bool = True, size: tuple[int, int] | None = None) -> bytes:
    """Return a model as the bytes that `openModel` of `engine.js` reads.

    Args:
        model: any VTFF, or a model of your own that is built like one; it is packed as it answers
            in eval mode, and left as it was.
        half: weights as float16: half the bytes, and logits that differ by at most 1e-2.
        size: height and width in pixels of the pictures that it will see; those that it was made
            for if not given. The positions are stretched as `VTFF` does it.

    Raises:
        ValueError: if it is no VTFF, its weights are no finite numbers or, with `half`, too large
            for float16; if a page could not hold the model or pictures of this size.
    """
    check_flag("half", half)
    check_model(model)
    model = VTFF.of(model)
    height, width = _checked_size(model, (model.config.image_size,) * 2 if size is None else size)
    grid = (height // model.config.reduction, width // model.config.reduction)
    weights = _as_floats(np.concatenate([*_weights(model, grid)]), half)
    header = {
        "version": VERSION,
        "half": half,
        "count": len(weights),
        "settings": _settings(model, height, width),
        "normalisation": _normalisation(model),
        "views": model.fusion.views,
        "gated": isinstance(model.fusion, AttentionalSelectiveFusion),
        "size": (height, width),
        "grid": grid,
        "channels": model.config.channels,
        "config": asdict(model.config),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return MAGIC + struct.pack("<I", len(text)) + text + weights.tobytes()


def _checked_size(model: VTFF, size: tuple[int, int]) -> tuple[int, int]:
    check_shape("size", size, 2)
    height, width = size
    reduction = model.config.reduction
    if height % reduction or width % reduction or height * width > MOST["pixels"]:
        raise ValueError(
            f"size={size} will not do; give multiples of {reduction}, by which the trunks divide "
            f"it, of at most {MOST['pixels']:,} pixels together."
        )
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > MOST["weights"] or any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError(
            f"The model has {count:,} weights, or some without values; a page can hold "
            f"{MOST['weights']:,}, so give a smaller one."
        )
    return height, width


def _as_floats(weights: np.ndarray, half: bool) -> np.ndarray:
    with np.errstate(over="ignore"):
        written = weights.astype("<f2" if half else "<f4")
    if not np.isfinite(weights).all():
        raise ValueError(
            "The model holds weights that are no finite numbers; look where its training failed."
        )
    if not np.isfinite(written).all():
        raise ValueError(
            "The model holds weights beyond 65504, which no float16 is; give half=False."
        )
    return written


def _normalisation(model: VTFF) -> list[float]:
    """Return mean and std of both views: the model's own, rounded perhaps to its dtype."""
    door: Any = model.normalise
    parts = [part for view in ("rgb", "lbp") for part in (door[view].mean, door[view].std)]
    return torch.cat([part.flatten() for part in parts]).tolist()


def _settings(model: VTFF, height: int, width: int) -> list[int]:
    """Return the numbers of `settings` in `engine.c`, in its order."""
    c = model.config
    return [
        *(height, width),
        int(c.lbp_order == "circular"),
        *(c.width, c.stages),
        (*FUSIONS, *RELATED_FUSIONS).index(c.fusion),
        [*GATES].index(c.gate) if c.fusion == "selective" else 0,
        int(c.gated_branch == "rgb"),
        c.attention_reduction,
        getattr(model.fusion, "num_heads", 0),
        *(c.embed_dim, c.depth, c.num_heads, c.mlp_dim),
        int(c.norm == "pre"),
        c.num_classes,
    ]


def _weights(model: VTFF, grid: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the weights in the order in which `run` of `engine.c` takes them."""
    for trunk in model.backbones.values():
        yield from trunk_weights(trunk)
    yield from fusion_weights(model.fusion)
    yield from layer(model.token_projection)
    positions = resize_position_embedding(model.position_embedding, model.config.grid, grid)
    yield from tokens_first(positions, model.cls_token)
    if isinstance(model.encoder.norm, nn.LayerNorm):
        yield from norm(model.encoder.norm)
    yield from layer(model.head)
    for block in model.encoder.blocks:
        yield from block_weights(block)


def trunk_weights(trunk: Part) -> Iterator[np.ndarray]:
    """Yield what `trunk` of `engine.c` takes."""
    yield from layer(trunk.conv1, trunk.bn1)
    for name in trunk.stage_names:
        for block in trunk.get_submodule(name):
            yield from basic_block_weights(block)


def basic_block_weights(block: Part) -> Iterator[np.ndarray]:
    """Yield what `basic_block` of `engine.c` takes."""
    if isinstance(block.downsample, nn.Sequential):
        yield from layer(*block.downsample)
    yield from layer(block.conv1, block.bn1)
    yield from layer(block.conv2, block.bn2)


def fusion_weights(fusion: Part) -> Iterator[np.ndarray]:
    """Yield what `fuse` of `engine.c` takes."""
    if isinstance(fusion, AttentionalSelectiveFusion):
        for mixing in (fusion.lbp_weight, fusion.rgb_weight):
            if not isinstance(mixing, nn.Identity):  # as in AFF
                yield from layer(mixing)
        yield from score_weights(fusion.global_attention)
        yield from score_weights(fusion.local_attention)
    elif isinstance(fusion, ConcatFusion):
        yield from layer(fusion.mix)
    elif isinstance(fusion, CrossAttentionFusion):
        for view in fusion.views:
            for part in (fusion.query, fusion.key, fusion.value, fusion.proj):
                yield from layer(part[view])


def score_weights(attention: Part) -> Iterator[np.ndarray]:
    """Yield what `squeeze_and_score` of `engine.c` takes."""
    squeeze, squeeze_norm, _, score, score_norm = attention.layers
    yield from layer(squeeze, squeeze_norm)
    yield from layer(score, score_norm)


def block_weights(block: Part) -> Iterator[np.ndarray]:
    """Yield what `encoder_block` of `engine.c` takes: a norm stands before its part, or behind."""
    attention = [*layer(block.attn.qkv), *layer(block.attn.proj)]
    mlp = [*layer(block.mlp.fc1), *layer(block.mlp.fc2)]
    norm1, norm2 = [*norm(block.norm1)], [*norm(block.norm2)]
    if block.pre_norm:
        yield from (*norm1, *attention, *norm2, *mlp)
    else:
        yield from (*attention, *norm1, *mlp, *norm2)


def tokens_first(positions: Tensor, cls_token: Tensor) -> Iterator[np.ndarray]:
    """Yield the positions `(1, T, C_p)` channel by channel, [cls] added to its own."""
    table = positions[0].double().clone()
    table[0] += cls_token[0, 0].double()
    yield _numbers(table.T)


def norm(norm: Part) -> Iterator[np.ndarray]:
    """Yield what `layer_norm` of `engine.c` takes."""
    yield _numbers(norm.weight)
    yield _numbers(norm.bias)


def layer(layer: Part, fold: Part = None) -> Iterator[np.ndarray]:
    """Yield what `convolution` of `engine.c` takes: kernels, then biases.

    For each `ROWS` output channels the kernels stand side by side; the last group is filled with 0.

    Args:
        layer: a convolution, or a linear layer, which is one of 1×1.
        fold: the batch norm behind it.
    """
    kernels = layer.weight.double().flatten(1)  # (channels, in_channels · k · k)
    bias = kernels.new_zeros(len(kernels)) if layer.bias is None else layer.bias.double()
    if fold is not None:
        scale = fold.weight.double() / (fold.running_var.double() + fold.eps).sqrt()
        kernels = kernels * scale[:, None]
        bias = fold.bias.double() + (bias - fold.running_mean.double()) * scale
    missing = -len(kernels) % ROWS
    kernels = torch.cat([kernels, kernels.new_zeros(missing, kernels.shape[1])])
    yield _numbers(kernels.unflatten(0, (-1, ROWS)).transpose(1, 2))
    yield _numbers(torch.cat([bias, bias.new_zeros(missing)]))


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().float().numpy().ravel()
