"""Change a model while it looks: mask a patch, silence a head, force the gate. Taught in 08.

A map says what a model may have used. To change a part and see the answer move says what it did
use. The weights stay as they are; all changes happen inside `with operated(…)`, a different one for
each image of the batch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vtff_lib.explain.heat_maps import filled
from vtff_lib.fusion import GATES, AttentionalSelectiveFusion, FusionMaps
from vtff_lib.inputs import check_model, of_this_thread
from vtff_lib.refusals import (
    MOST,
    check_choice,
    check_number,
    check_sizes,
    check_tensor,
    check_whole,
    shown,
)
from vtff_lib.vtff import VTFF

FORCED = {"rgb": 0.0, "lbp": 1.0, "half": 0.5}  # the LBP branch's weight
PARTS = ("global", "local")


@dataclass(frozen=True)
class Surgery:
    """One change, or none: of all that is not given, nothing is changed.

    Args:
        patch: cell of the grid, row by row, that is filled with the image's mean colour.
        head: (layer, head), counted from 0, whose output is set to 0.
        lbp_weight: weight of the LBP branch, at every place and channel; RGB gets the rest to 1,
            in whatever reading of the gate.
        without: `"global"` or `"local"`: this part's scores are set to 0 before the gate.

    Raises:
        ValueError: if more than one change is given, `without` is unknown, `lbp_weight` is not 0 to
            1, or a number is no whole one.
    """

    patch: int | None = None
    head: tuple[int, int] | None = None
    lbp_weight: float | None = None
    without: str | None = None

    def __post_init__(self) -> None:
        if sum(change is not None for change in vars(self).values()) > 1:
            raise ValueError(
                f"{self!r:.90} has several changes; give one, or make several surgeries."
            )
        if self.without is not None:
            check_choice("without", self.without, PARTS)
        if self.lbp_weight is not None:
            check_number("lbp_weight", self.lbp_weight, 0, 1)
        if self.patch is not None:
            check_whole("patch", self.patch, low=-MOST)
        if self.head is not None:
            if not isinstance(self.head, tuple) or len(self.head) != 2:
                raise ValueError(f"head={shown(self.head)} will not do; give (layer, head).")
            for number in self.head:
                check_whole("head", number, low=-MOST)

    @property
    def name(self) -> str:
        """A short name: `patch 24`, `head 0 3`, `gate rgb`, `without global` or `none`."""
        if self.patch is not None:
            return f"patch {self.patch}"
        if self.head is not None:
            return f"head {self.head[0]} {self.head[1]}"
        if self.lbp_weight is not None:
            words = {value: word for word, value in FORCED.items()}
            return f"gate {words.get(self.lbp_weight, self.lbp_weight)}"
        return f"without {self.without}" if self.without else "none"


def all_surgeries(model: VTFF) -> list[Surgery]:
    """Return nothing, and then every change that can be made alone.

    The patches are those of an image of the model's own size.
    """
    check_model(model)
    config = model.config
    surgeries = [
        Surgery(),
        *(Surgery(patch=cell) for cell in range(config.grid[0] * config.grid[1])),
    ]
    heads = [(layer, head) for layer in range(config.depth) for head in range(config.num_heads)]
    surgeries += [Surgery(head=head) for head in heads]
    if isinstance(model.fusion, AttentionalSelectiveFusion):
        surgeries += [Surgery(lbp_weight=weight) for weight in FORCED.values()]
        surgeries += [Surgery(without=part) for part in PARTS]
    return surgeries


def masked(rgb: Tensor, surgeries: Sequence[Surgery], reduction: int) -> Tensor:
    """Return copies of the images with the patch of each one's surgery filled.

    Args:
        rgb: uint8 `(N, 3, H, W)`.
        surgeries: one for each image.
        reduction: R, the side of a patch in pixels.

    Raises:
        ValueError: if there is not one surgery for each image, `rgb` is not uint8, or an image has
            no such patch.
    """
    check_tensor("rgb", rgb, "(N, 3, H, W)", "uint8")
    check_sizes(reduction=reduction)
    check_surgeries(surgeries)
    _check_batch(rgb, surgeries)
    height, width = (size // reduction for size in rgb.shape[-2:])
    changed, filling = rgb.clone(), filled(rgb)
    for index, patch in enumerate(surgery.patch for surgery in surgeries):
        if patch is None:
            continue
        if not 0 <= patch < height * width:
            raise ValueError(
                f"There is no patch {patch}; {height}×{width} cells have 0 to {height * width - 1}."
            )
        row, column = patch // width * reduction, patch % width * reduction
        cell = (slice(row, row + reduction), slice(column, column + reduction))
        changed[index, :, *cell] = filling[index, :, *cell]
    return changed


@contextmanager
def operated(model: VTFF, surgeries: Sequence[Surgery]) -> Iterator[None]:
    """Change `model` while the context is open; image i of a batch meets surgery i.

    Patches are not its business, see `masked`. What other threads ask of the model meanwhile is
    answered by the model as it is.

    Raises:
        ValueError: if a head or a part is asked for that the model does not have; in a forward
            pass, if the batch has not one image for each surgery.
    """
    _check(model, surgeries)
    first = next(iter(model.backbones.values()))  # the first part that an image meets
    hooks = [
        first.register_forward_pre_hook(
            of_this_thread(lambda _, inputs: _check_batch(inputs[0], surgeries))
        )
    ]
    try:
        for layer in {surgery.head[0] for surgery in surgeries if surgery.head is not None}:
            proj = model.get_submodule(f"encoder.blocks.{layer}.attn.proj")
            silence = of_this_thread(_silence(model, surgeries, layer))
            hooks.append(proj.register_forward_pre_hook(silence))
        if any(surgery.lbp_weight is not None or surgery.without for surgery in surgeries):
            hooks.append(model.fusion.register_forward_hook(of_this_thread(_regate(surgeries))))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def check_surgeries(surgeries: object) -> None:
    """Raise a `ValueError` unless `surgeries` is a list of them."""
    listed = isinstance(surgeries, Sequence) and not isinstance(surgeries, str)
    if not listed or not all(isinstance(surgery, Surgery) for surgery in surgeries):  # type: ignore[attr-defined]
        raise ValueError(f"surgeries={shown(surgeries)} will not do; give a list of Surgery(…).")


def _check(model: VTFF, surgeries: Sequence[Surgery]) -> None:
    check_model(model)
    check_surgeries(surgeries)
    selective = isinstance(model.fusion, AttentionalSelectiveFusion)
    heads = {surgery.head for surgery in all_surgeries(model)}
    for surgery in surgeries:
        on_gate = surgery.lbp_weight is not None or surgery.without is not None
        if surgery.head not in heads or (on_gate and not selective):
            raise ValueError(
                f"This model has nothing to operate on for {surgery.name!r}; see "
                "all_surgeries(model)."
            )


def _silence(model: VTFF, surgeries: Sequence[Surgery], layer: int) -> Callable[..., tuple[Tensor]]:
    """Return a hook that sets to 0 what the heads of this layer hand to its projection."""
    width = model.config.embed_dim // model.config.num_heads
    speaks = torch.ones(len(surgeries), 1, model.config.embed_dim)
    for index, surgery in enumerate(surgeries):
        if surgery.head is not None and surgery.head[0] == layer:
            speaks[index, :, surgery.head[1] * width : (surgery.head[1] + 1) * width] = 0

    def hook(proj: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0] * speaks.to(inputs[0]),)

    return hook


def _regate(surgeries: Sequence[Surgery]) -> Callable[..., tuple[Tensor, FusionMaps]]:
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


def _check_batch(images: Tensor, surgeries: Sequence[Surgery]) -> None:
    if len(images) != len(surgeries):
        raise ValueError(
            f"The batch has {len(images)} images and there are {len(surgeries)} surgeries; give "
            "one for each image."
        )
