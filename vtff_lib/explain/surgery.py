"""Change a model while it looks: mask a patch, silence a head or a layer, force the gate.

A map says what a model may have used. To change a part and see the answer move says what it did
use. The weights stay as they are; all changes happen inside `with operated(…)`, a different one for
each image of the batch. Taught in 08 and 08b.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from vtff_lib.explain.heat_maps import filled
from vtff_lib.explain.hooks import pass_by, read_mean, regate, silence
from vtff_lib.fusion import AttentionalSelectiveFusion
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
READINGS = ("mean",)


@dataclass(frozen=True)
class Surgery:
    """One change, or none: of all that is not given, nothing is changed.

    Args:
        patch: cell of the grid, row by row, that is filled with the image's mean colour.
        head: (layer, head), counted from 0, whose output is set to 0.
        lbp_weight: weight of the LBP branch, at every place and channel; RGB gets the rest to 1,
            in whatever reading of the gate.
        without: `"global"` or `"local"`: this part's scores are set to 0 before the gate.
        layer: encoder block, counted from 0, that is left out: its tokens go on as they came. What
            its attention looked at is still told.
        reading: `"mean"`: the head reads the mean of all other tokens in place of [cls].

    Raises:
        ValueError: if more than one change is given, `without` or `reading` is unknown,
            `lbp_weight` is not 0 to 1, or a number is no whole one.
    """

    patch: int | None = None
    head: tuple[int, int] | None = None
    lbp_weight: float | None = None
    without: str | None = None
    layer: int | None = None
    reading: str | None = None

    def __post_init__(self) -> None:
        if sum(change is not None for change in vars(self).values()) > 1:
            raise ValueError(
                f"{self!r:.90} has several changes; give one, or make several surgeries."
            )
        if self.without is not None:
            check_choice("without", self.without, PARTS)
        if self.reading is not None:
            check_choice("reading", self.reading, READINGS)
        if self.lbp_weight is not None:
            check_number("lbp_weight", self.lbp_weight, 0, 1)
        if self.patch is not None:
            check_whole("patch", self.patch, low=-MOST)
        if self.layer is not None:
            check_whole("layer", self.layer, low=-MOST)
        if self.head is not None:
            if not isinstance(self.head, tuple) or len(self.head) != 2:
                raise ValueError(f"head={shown(self.head)} will not do; give (layer, head).")
            for number in self.head:
                check_whole("head", number, low=-MOST)

    @property
    def name(self) -> str:
        """A short name: `patch 24`, `head 0 3`, `gate rgb`, `without global`, `layer 1`, `none`."""
        if self.patch is not None:
            return f"patch {self.patch}"
        if self.head is not None:
            return f"head {self.head[0]} {self.head[1]}"
        if self.lbp_weight is not None:
            words = {value: word for word, value in FORCED.items()}
            return f"gate {words.get(self.lbp_weight, self.lbp_weight)}"
        if self.layer is not None:
            return f"layer {self.layer}"
        if self.reading is not None:
            return f"reading {self.reading}"
        return f"without {self.without}" if self.without else "none"


def all_surgeries(model: VTFF) -> list[Surgery]:
    """Return nothing, and then every change of a part that can be made alone.

    The patches are those of an image of the model's own size. See also `larger_surgeries`.
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


def larger_surgeries(model: VTFF) -> list[Surgery]:
    """Return the changes that take more than a part: each layer left out, and the mean read.

    Without any layer the mean of the tokens is all that a head could read; a model that answers as
    well without one of them owes little to what that layer's attention looks at.
    """
    check_model(model)
    return [*(Surgery(layer=layer) for layer in range(model.config.depth)), Surgery(reading="mean")]


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
            silent = of_this_thread(silence(model, surgeries, layer))
            hooks.append(proj.register_forward_pre_hook(silent))
        if any(surgery.lbp_weight is not None or surgery.without for surgery in surgeries):
            hooks.append(model.fusion.register_forward_hook(of_this_thread(regate(surgeries))))
        for layer in {surgery.layer for surgery in surgeries if surgery.layer is not None}:
            block = model.get_submodule(f"encoder.blocks.{layer}")
            hooks.append(block.register_forward_hook(of_this_thread(pass_by(surgeries, layer))))
        if any(surgery.reading for surgery in surgeries):
            hooks.append(model.encoder.register_forward_hook(of_this_thread(read_mean(surgeries))))
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
        no_layer = surgery.layer is not None and not 0 <= surgery.layer < model.config.depth
        if surgery.head not in heads or (on_gate and not selective) or no_layer:
            raise ValueError(
                f"This model has nothing to operate on for {surgery.name!r}; see "
                "all_surgeries(model)."
            )


def _check_batch(images: Tensor, surgeries: Sequence[Surgery]) -> None:
    if len(images) != len(surgeries):
        raise ValueError(
            f"The batch has {len(images)} images and there are {len(surgeries)} surgeries; give "
            "one for each image."
        )
