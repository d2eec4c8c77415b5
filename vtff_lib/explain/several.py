"""Several changes at once, as the page with a model in it makes them. Taught in 08b.

    rerun(model, rgb, patches=[24], heads=[(0, 3)], lbp_weight=0.35).logits

`surgery` makes one change for each image; here all are made for every image, one upon the other.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.explain.heat_maps import filled
from vtff_lib.explain.surgery import Surgery, masked, operated
from vtff_lib.inputs import check_model
from vtff_lib.refusals import check_choice, check_number, check_tensor, check_whole
from vtff_lib.vtff import VTFF, VTFFOutput

DAYLIGHT = {"bright": 100.0, "contrast": 100.0, "gamma": 100.0, "lamp": 0.0}


def relit(rgb: Tensor, **light: float) -> Tensor:
    """Return images under another light, rounded to bytes again as a camera does.

        x ← x · bright · (1 + lamp · s),   x ← ½ + contrast · (x - ½),   x ← x ^ gamma

    for x from 0 to 1, and s from -1 at the left edge to 1 at the right one.

    Args:
        rgb: `(N, 3, H, W)` uint8.
        light: `bright`, `contrast`, `gamma` and `lamp`, in percent; 100, 100, 100 and 0 if not
            given.

    Raises:
        ValueError: if `rgb` is something else, or a light is unknown or no number.
    """
    check_tensor("rgb", rgb, "(N, 3, H, W)", "uint8")
    for name, value in light.items():
        check_choice("light", name, DAYLIGHT)
        check_number(name, value)
    bright, contrast, gamma, lamp = (value / 100 for value in (DAYLIGHT | light).values())
    width = rgb.shape[-1]
    side = 2 * torch.arange(width, device=rgb.device).double() / max(width - 1, 1) - 1
    lit = rgb.double() * bright * (1 + lamp * side * (width > 1))
    spread = (127.5 + contrast * (lit - 127.5)).clamp(0, 255)
    return (255 * (spread / 255) ** gamma + 0.5).floor().to(torch.uint8)


def rerun(
    model: VTFF,
    rgb: Tensor,
    *,
    patches: Sequence[int] = (),
    heads: Sequence[tuple[int, int]] = (),
    layers: Sequence[int] = (),
    lbp_weight: float | None = None,
    without: Sequence[str] = (),
    reading: str | None = None,
    scores: Mapping[int, float] | None = None,
    light: Mapping[str, float] | None = None,
) -> VTFFOutput:
    """Return what a model says, maps included, when the picture and its parts are changed.

    Args:
        model: any VTFF; it is left as it was.
        rgb: `(N, 3, H, W)` uint8; the light is changed first, then cells are covered.
        patches, heads, layers, lbp_weight, without, reading: as in `Surgery`, as many as you like.
        scores: what is added to L's score, by cell.
        light: see `relit`.

    Raises:
        ValueError: as `relit`, `masked` and `operated`.
    """
    check_model(model)
    lit = relit(rgb, **(light or {}))
    covered, filling = lit.clone(), filled(lit)
    for patch in patches:
        one = masked(lit, [Surgery(patch=patch)] * len(rgb), model.config.reduction)
        covered = torch.where(one == lit, covered, filling)
    surgeries = [
        *(Surgery(head=head) for head in heads),
        *(Surgery(layer=layer) for layer in layers),
        *(Surgery(without=part) for part in without if part == "global" or not scores),
        *([] if lbp_weight is None else [Surgery(lbp_weight=lbp_weight)]),
        *([] if reading is None else [Surgery(reading=reading)]),
    ]
    with ExitStack() as changes:
        for surgery in surgeries:
            changes.enter_context(operated(model, [surgery] * len(rgb)))
        if scores:
            hook = _adding(model, scores, keep="local" not in without)
            local = model.fusion.get_submodule("local_attention")
            changes.callback(local.register_forward_hook(hook).remove)
        return model(covered, return_maps=True)


def _adding(model: VTFF, scores: Mapping[int, float], keep: bool) -> Any:
    """Return a hook that adds to L's scores, or, with `keep` false, puts others in their place."""
    rows, columns = model.config.grid
    more = torch.zeros(rows * columns)
    for cell, score in scores.items():
        check_whole("cell", cell, 0, rows * columns - 1)
        check_number("score", score)
        more[cell] += score

    def hook(local: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return (output if keep else torch.zeros_like(output)) + more.view(rows, columns).to(output)

    return hook
