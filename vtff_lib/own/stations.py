"""Where two models part ways: their maps are compared one after another. Taught in 06."""

from collections.abc import Callable
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vtff_lib.inputs import check_model, in_eval
from vtff_lib.vtff import VTFF

TOLERANCE = 1e-4  # relative to the largest value of a map
BEFORE = {  # what a model does between the station before and this one
    "backbones.rgb": "the normalisation of the RGB view",
    "backbones.lbp": "my_lbp (lesson 01), or the normalisation of the codes",
    "fusion": "which of the two maps comes first",
    "encoder.blocks.0": "my_tokens (lesson 05), or what it is given",
    "encoder.norm": "how one block's tokens are handed to the next",
    "head": "which token is read",
}
MADE_BY = {
    "backbones.rgb": "MyTrunk (lesson 02)",
    "backbones.lbp": "MyTrunk (lesson 02)",
    "fusion": "MyFusion (lesson 04)",
    "encoder.norm": "a layer norm",
    "head": "a linear layer",
}


class Station(NamedTuple):
    """The first place at which a model differs from another.

    Args:
        name: of the submodule.
        entering: whether what enters it differs already.
        far: by how much at most, relative to the largest value; infinite if the shapes differ, and
            nan if the part is never called.
    """

    name: str
    entering: bool
    far: float

    @property
    def words(self) -> str:
        """Where to look, as a sentence."""
        if isnan(self.far):
            return f"`{self.name}` is never called."
        apart = ", by" + f" {self.far:.2g}" if isfinite(self.far) else " in its shape"
        if self.entering:
            suspect = BEFORE.get(self.name, "what is done before it")
            return f"What enters `{self.name}` differs{apart}: look at {suspect}."
        maker = MADE_BY.get(self.name, "MyEncoderBlock (lesson 05)")
        return f"`{self.name}` is the first part to differ{apart}: {maker} made it."


@torch.no_grad()
def first_difference(model: nn.Module, reference: VTFF, images: Tensor) -> Station | None:
    """Return the first station at which `model` differs from `reference`, if there is one.

    Both have the same weights. Each is asked in eval mode, and given back as it was.

    Args:
        model: a VTFF, or one built like it, with submodules of the same names.
        reference: the model that is right.
        images: `(N, 3, H, W)`, uint8.

    Raises:
        ValueError: if `model` is none, or lacks a submodule.
    """
    check_model(model)
    check_model(reference)
    names = [name for name, _ in reference.named_modules() if _is_station(name)]
    mine, theirs = (_passed(each, names, images) for each in (model, reference))
    for name in sorted(names, key=list(theirs).index):
        for entering, place in ((True, 0), (False, 1)):
            if name not in mine:
                return Station(name, True, nan)
            if (far := _apart(mine[name][place], theirs[name][place])) > TOLERANCE:
                return Station(name, entering, far)
    return None


def _is_station(name: str) -> bool:
    within = name.split(".")
    return name in MADE_BY or (within[:2] == ["encoder", "blocks"] and len(within) == 3)


def _passed(model: nn.Module, names: list[str], images: Tensor) -> dict[str, Any]:
    """Return what entered each part first and what left it, in the order of the calls."""
    seen: dict[str, Any] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, given: Any, output: Any) -> None:
            left = output if isinstance(output, Tensor) else output[0]
            entered = tuple(each for each in given if isinstance(each, Tensor))
            seen.setdefault(name, (entered, (left,)))

        return hook

    handles = []
    for name in names:
        try:
            handles.append(model.get_submodule(name).register_forward_hook(note(name)))
        except AttributeError:
            raise ValueError(f"The model has no submodule {name!r}; VTFF has one.") from None
    try:
        with in_eval(model):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _apart(mine: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """Return how far tensors differ at most, relative to the largest value of the second."""
    if [each.shape for each in mine] != [each.shape for each in theirs]:
        return inf
    pairs = zip(mine, theirs, strict=True)
    return max(((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item() for a, b in pairs)
