"""What the explorer shows, worked out beforehand and kept as bytes. Taught in 08b.

`examine` looks at one face with a model, as it is and with every change that can be made to it; all
maps that come of it are quantised. `explorer` puts them on a page.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vtff_lib.explain import maps
from vtff_lib.explain.surgery import Surgery, check_surgeries, masked, operated
from vtff_lib.explorer.pictures import picture_address
from vtff_lib.explorer.story import Pad, Story
from vtff_lib.inputs import borrowed, check_model, in_eval, with_gradients
from vtff_lib.refusals import check_tensor, check_whole, describe, is_a, is_dense
from vtff_lib.vtff import VTFF, VTFFOutput

GROUPS = 8  # of channels, whose gates can be looked at one by one
BARS = 64  # of the global part; wider models show the means of neighbouring channels
AT_ONCE = 16  # changes of the model that are tried at once: more take memory and win no time
WHOLE = ("attention", "cls_attention", "gate_groups", "probabilities")  # kept otherwise, or not
PAD_MAPS = ("probabilities", "gate", "rollout")  # that follow a face that moves

Stored = dict[str, Any]


def quantise(values: Tensor, apart: int = 0) -> Stored:
    """Return `values` as bytes, with what 0 and 255 stand for.

        value ≈ low + byte · (high - low) / 255,   wrong by at most (high - low) / 510

    Args:
        values: of any shape.
        apart: how many of the first dimensions have ranges of their own. With 2 for `(layers,
            heads, …)`, a head that looks everywhere a little keeps its shades beside a head that
            looks at one place.

    Returns:
        `shape`; `low` and `high`, one for each range; `data`, the bytes in base64.

    Raises:
        ValueError: if there are no values, or one is not finite.
    """
    if not is_dense(values) or values.is_meta or not is_a(values.dtype, "float or whole"):
        raise ValueError(f"values are {describe(values)}; give real ones that are there.")
    check_whole("apart", apart, 0, values.ndim)
    values = values.detach().cpu().double()
    if not values.numel():
        raise ValueError(f"quantise got {describe(values)}, which has no values.")
    if not values.isfinite().all():
        raise ValueError("A map holds values that are no finite numbers; look at the model first.")
    ranges = values.reshape(math.prod(values.shape[:apart]), -1)
    low, high = ranges.aminmax(dim=1, keepdim=True)
    step = (high - low) / 255
    steps = ((ranges - low) / torch.where(step > 0, step, 1)).round().to(torch.uint8)
    return {
        "shape": list(values.shape),
        "low": _short(low),
        "high": _short(high),
        "data": base64.b64encode(steps.numpy().tobytes()).decode(),
    }


def _short(values: Tensor) -> list[float]:
    """Return float32 values with no more digits than they have."""
    return [float(str(value)) for value in values.flatten().float().numpy()]


def dequantise(stored: Mapping[str, Any]) -> Tensor:
    """Return the values that `quantise` stored, as near as bytes are."""
    steps = np.frombuffer(base64.b64decode(stored["data"]), dtype=np.uint8).copy()
    low, high = (torch.tensor(stored[end]).double().view(-1, 1) for end in ("low", "high"))
    values = low + (high - low) / 255 * torch.from_numpy(steps).view(len(low), -1)
    return values.float().view(stored["shape"])


def examine(model: VTFF, rgb: Tensor, surgeries: Sequence[Surgery]) -> dict[str, Stored]:
    """Return all that the explorer shows of one face, quantised, by name.

    Gradients are those of the class that the model, unchanged, names first.

    Args:
        model: any VTFF; it is used in eval mode and left as it was.
        rgb: `(3, H, W)` uint8.
        surgeries: S changes.

    Returns:
        Arrays `(S, …)`, each change with a range of its own; but `cls_attention`, where [cls]
        looks, `(layers, heads, S, h·w)`, and of the unchanged model alone `attention` `(layers,
        heads, T, T)` and `gate_groups` `(groups, h·w)`. What the model does not have is left out.
    """
    check_model(model)
    check_tensor("rgb", rgb, "(3, H, W)", "uint8")
    check_surgeries(surgeries)
    weights = model.parameters()
    with in_eval(model), borrowed(weights, "requires_grad", True), with_gradients():
        face = rgb.to(model.cls_token.device).unsqueeze(0)
        plain = model(face, return_maps=True)
        batch = masked(face.expand(len(surgeries), -1, -1, -1), surgeries, model.config.reduction)
        answers = []
        for start in range(0, len(surgeries), AT_ONCE):
            some = surgeries[start : start + AT_ONCE]
            with operated(model, some):
                out = model(batch[start : start + AT_ONCE], return_maps=True)
            answers.append(_maps(model, out, plain.logits.argmax(dim=1)))
    arrays = {name: torch.cat([answer[name] for answer in answers]) for name in answers[0]}
    stored = {}
    if plain.attentions:
        towards = arrays.pop("cls_attention").movedim(0, 2)  # S becomes the third dimension
        stored["cls_attention"] = quantise(towards, apart=2)
        stored["attention"] = quantise(torch.cat(plain.attentions), apart=2)
    if plain.gate is not None:
        groups = plain.gate[0].flatten(1).tensor_split(min(GROUPS, model.config.channels))
        stored["gate_groups"] = quantise(torch.stack([g.mean(dim=0) for g in groups]), apart=1)
    return {name: quantise(values, apart=1) for name, values in arrays.items()} | stored


def _maps(model: VTFF, out: VTFFOutput, guess: Tensor) -> dict[str, Tensor]:
    """Return the maps of N images, each `(N, …)`, for the class `guess` `(1,)`."""
    classes = guess.expand(len(out.logits))
    arrays = {"probabilities": out.logits.detach().softmax(dim=1)}
    if out.gate is not None:
        arrays |= _fusion_maps(model, out)
    if out.attentions:
        weights = torch.stack(out.attentions, dim=1).detach()  # (N, layers, heads, T, T)
        arrays["cls_attention"] = weights[..., 0, 1:]
        arrays["rollout"] = maps.rollout(out).values.flatten(1).detach()
        arrays["gradient"] = maps.gradient_attention(out, classes).values.flatten(1)
    for place in ("fused", *model.backbones):
        arrays[f"cam_{place}"] = maps.grad_cam(out, classes, place).values.flatten(1)
    return arrays


def _fusion_maps(model: VTFF, out: VTFFOutput) -> dict[str, Tensor]:
    bars = min(BARS, model.config.channels)
    scores = maps.global_part(out).detach().tensor_split(bars, dim=1)
    share = maps.energy_share(out, model.config.gated_branch).values.detach()
    return {
        "gate": maps.gate(out).values.flatten(1).detach(),
        "share": share.flatten(1),
        "global": torch.stack([score.mean(dim=1) for score in scores], dim=1),
        "local": maps.local_part(out).values.flatten(1),
    }


def brief(run: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return what a page keeps of `examine` that can work out the rest: answers to all changes.

    The maps are those of the model as it is, and attention is that of [cls].
    """
    kept = {name: _first(each) for name, each in run.items() if name not in WHOLE}
    if "cls_attention" in run:
        kept["cls_attention"] = quantise(dequantise(run["cls_attention"])[:, :, :1], apart=2)
    return kept | {name: run[name] for name in ("probabilities", "gate_groups") if name in run}


def _first(stored: Stored) -> Stored:
    """Return the first row of an array whose rows have ranges of their own."""
    return quantise(dequantise(stored)[:1], apart=1)


def tell(story: Story, model: VTFF, faces: int) -> dict[str, Any]:
    """Return a story of some faces, ready for JSON; what it does not have is left out.

    Raises:
        ValueError: if the story does not fit the faces.
    """
    rows, columns = model.config.grid
    story.check(faces, rows * columns)
    parts = {
        "squares": list(story.squares) or None,
        "pad": story.pad and _moved(story.pad, model),
        "need": story.agreement(),
    }
    return {"first": story.first} | {name: part for name, part in parts.items() if part}


def _moved(pad: Pad, model: VTFF) -> dict[str, Any]:
    runs = [examine(model, face, [Surgery()]) for face in pad.images]
    return {
        "across": pad.across,
        "down": pad.down,
        "steps": pad.steps,
        "faces": [{"rgb": picture_address(face)} for face in pad.images],
        "runs": [{name: run[name] for name in PAD_MAPS if name in run} for run in runs],
    }
