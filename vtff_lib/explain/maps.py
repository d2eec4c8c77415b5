"""What one output of a VTFF tells of where it looked. Taught in 08.

    out = model(rgb, return_maps=True)
    gate(out), energy_share(out), local_part(out)      what the fusion did
    attention(out), rollout(out)                       where [cls] looked
    gradient_attention(out, classes), grad_cam(…)      what a class rests on

Each returns a `HeatMap`, for any grid and any number of images, each image for itself.
`attribution` has the maps that need many passes through the model.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.explain.heat_maps import HeatMap, check_classes
from vtff_lib.refusals import MOST, check_choice, check_whole, finite_numbers
from vtff_lib.vtff import VTFFOutput

PLACES = ("fused", "rgb", "lbp")


def gate(out: VTFFOutput, channels: Sequence[int] | None = None) -> HeatMap:
    """Return the mean of the gate over `channels`, all if not given.

    It is the weight of the branch that the gate multiplies, LBP's by default.

    Raises:
        ValueError: if the model has no gate, or was not asked for its maps.
    """
    weight = _needed(out, "gate")  # (N, C, h, w)
    chosen = range(weight.shape[1]) if channels is None else finite_numbers("channels", channels)
    for channel in chosen:
        check_whole("channel", channel, -weight.shape[1], weight.shape[1] - 1)
    return HeatMap(weight[:, list(chosen)].mean(dim=1), "share", "mean weight of the gated branch")


def energy_share(out: VTFFOutput, gated_branch: str = "lbp") -> HeatMap:
    """Return the LBP branch's part of the energy of both, as they enter the fused map.

        Σ_c (X_LBP·g)² / (Σ_c (X_LBP·g)² + Σ_c (X_RGB·(1-g))²)

    A gate of one half takes nothing from a branch that is silent there: this says what arrives.
    Ours. In a reading whose weights do not sum to 1, the other branch's own weight takes the place
    of 1-g. Where nothing arrives from either it is one half.

    Args:
        out: of a model with a gate, asked for its maps.
        gated_branch: the model's `config.gated_branch`.

    Raises:
        ValueError: if the model has no gate, or was not asked for its maps.
    """
    check_choice("gated_branch", gated_branch, ("lbp", "rgb"))
    gated = _needed(out, f"{gated_branch}_map") * _needed(out, "gate")
    other = _needed(out, "fused") - gated  # whatever weight the reading gives it
    gated_energy, other_energy = gated.square().sum(dim=1), other.square().sum(dim=1)
    lbp = gated_energy if gated_branch == "lbp" else other_energy
    both = gated_energy + other_energy
    share = torch.where(both > 0, lbp / both.clamp_min(1e-30), 0.5)
    return HeatMap(share, "share", "LBP's share of the energy")


def local_part(out: VTFFOutput) -> HeatMap:
    """Return L(U), one score for each place; where channels have their own (AFF), their mean.

    Raises:
        ValueError: if the model has none, or was not asked for its maps.
    """
    return HeatMap(_needed(out, "local_attention").mean(dim=1), "signed", "L(U)")


def global_part(out: VTFFOutput) -> Tensor:
    """Return G(U), `(N, C)`: one score for each channel, the same at all places.

    Raises:
        ValueError: if the model has none, or was not asked for its maps.
    """
    return _needed(out, "global_attention")[:, :, 0, 0].detach()


def attention(out: VTFFOutput, layer: int = -1, head: int | None = None, token: int = 0) -> HeatMap:
    """Return where one token looks in one layer and head; what it gives to [cls] is left out.

    Args:
        out: of a model that was asked for its maps.
        layer: 0 for the first block; -1 for the last.
        head: number of the head; the mean of all if not given.
        token: 0 is [cls], then the grid row by row.

    Raises:
        ValueError: if the model has no encoder block, or was not asked for its maps.
        IndexError: if there is no such layer, head or token.
    """
    layers = _needed(out, "attentions")
    _check_place("layer", layer, len(layers))
    weights = layers[layer]  # (N, heads, T, T)
    _check_place("head", 0 if head is None else head, weights.shape[1])
    _check_place("token", token, weights.shape[2])
    chosen = weights.mean(dim=1) if head is None else weights[:, head]
    return HeatMap(_on_grid(chosen[:, token], out), "amount", "attention")


def rollout(out: VTFFOutput) -> HeatMap:
    """Return attention rollout: where [cls] could have looked through all layers.

        R = Ã_N ··· Ã_2 Ã_1,   Ã = ½ (mean over heads of A) + ½ I

    The ½ I stands for the shortcut around each attention. It knows neither values nor MLPs nor
    classes. Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", arXiv
    2005.00928. Ours: the row of [cls] is returned without [cls] itself, scaled to sum to 1.

    Raises:
        ValueError: if the model has no encoder block, or was not asked for its maps.
    """
    layers = [weights.mean(dim=1) for weights in _needed(out, "attentions")]
    identity = torch.eye(layers[0].shape[-1], device=layers[0].device, dtype=layers[0].dtype)
    rolled = identity
    for weights in layers:
        rolled = (weights + identity) / 2 @ rolled  # (N, T, T)
    cells = _on_grid(rolled[:, 0], out)
    return HeatMap(cells / cells.sum(dim=(1, 2), keepdim=True), "amount", "rollout")


def gradient_attention(out: VTFFOutput, classes: Tensor) -> HeatMap:
    """Return attention weighed by what it does for a class, through all layers.

        R = I;  for each layer:  R = R + Ā R,   Ā = mean over heads of max(0, A ⊙ ∂logit/∂A)

    The row of [cls] without [cls] itself. Source: Chefer, Gur and Wolf 2021, "Generic
    Attention-model Explainability", arXiv 2103.15679, for self-attention.

    Args:
        out: of a model in eval mode that was asked for its maps, with gradients.
        classes: `(N,)`, for which class each.

    Raises:
        ValueError: if the model has no encoder block, was not asked for its maps, or ran without
            gradients, or if `classes` are not one for each image.
    """
    layers = _needed(out, "attentions")
    gradients = _gradients(out, classes, layers)
    relevance = torch.eye(layers[0].shape[-1], device=out.logits.device, dtype=layers[0].dtype)
    for weights, gradient in zip(layers, gradients, strict=True):
        moved = (weights.detach() * gradient).clamp_min(0).mean(dim=1)  # (N, T, T)
        relevance = relevance + moved @ relevance
    return HeatMap(_on_grid(relevance[:, 0], out), "amount", "relevance")


def grad_cam(out: VTFFOutput, classes: Tensor, place: str = "fused") -> HeatMap:
    """Return Grad-CAM at the fused map or at the map of a branch.

        max(0, Σ_c α_c X_c),   α_c = mean over places of ∂logit/∂X_c

    Source: Selvaraju et al. 2017, "Grad-CAM", arXiv 1610.02391.

    Args:
        out: of a model in eval mode that was asked for its maps, with gradients.
        classes: `(N,)`, for which class each.
        place: `"fused"`, `"rgb"` or `"lbp"`.

    Raises:
        ValueError: if `place` is unknown or the model has no such branch, was not asked for its
            maps, or ran without gradients, or if `classes` are not one for each image.
    """
    check_choice("place", place, PLACES)
    features = _needed(out, place if place == "fused" else f"{place}_map")
    (gradient,) = _gradients(out, classes, (features,))
    alpha = gradient.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
    return HeatMap(F.relu((alpha * features).sum(dim=1)), "amount", "Grad-CAM")


def _needed(out: VTFFOutput, part: str) -> Any:
    value = getattr(out, part, None)
    if value is None or (part == "attentions" and not value):
        words = "attention weights" if part == "attentions" else part
        raise ValueError(
            f"The output has no {words}; call the model with return_maps=True, and choose one that "
            "has that part."
        )
    return value


def _check_place(name: str, place: object, count: int) -> None:
    check_whole(name, place, low=-MOST)
    if not -count <= place < count:  # type: ignore[operator]
        raise IndexError(f"There is no {name} {place}; this model has 0 to {count - 1}.")


def _gradients(out: VTFFOutput, classes: Tensor, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the gradients of the classes' logits by `maps`; the output can be asked again.

    The logits are summed: in eval mode no image touches another's.
    """
    check_classes(classes, *out.logits.shape)
    if not all(features.requires_grad for features in maps):
        raise ValueError(
            "The output was made without gradients; call the model outside torch.no_grad() and "
            "torch.inference_mode(), and do not freeze its weights."
        )
    wanted = out.logits.gather(1, classes.view(-1, 1).to(out.logits.device)).sum()
    return torch.autograd.grad(wanted, maps, retain_graph=True)


def _on_grid(row: Tensor, out: VTFFOutput) -> Tensor:
    """Drop [cls] from a row `(N, T)` and lay the rest out as `(N, h, w)`."""
    return row[:, 1:].unflatten(1, _needed(out, "fused").shape[-2:])
