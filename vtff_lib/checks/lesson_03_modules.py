"""The checks of lesson 03 on the learner's global and local attention, as parts of VTFF."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.attention import GlobalAttention, LocalAttention
from vtff_lib.checks.judging import call, close, exercise, judge, require, require_tensor
from vtff_lib.checks.lesson_03_mistakes import mistakes_of_global, mistakes_of_local
from vtff_lib.checks.modules import Case, Mistakes, judge_module, lively

ORDER = ("Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d")


@exercise("03", "Global attention, a part of VTFF", part="MyGlobalAttention")
def global_attention(answer: Callable[..., nn.Module]) -> str:
    """Check Exercise 2 of lesson 03: G = BN(W2 · relu(BN(W1 · mean(U)))), with these layers."""
    _require_layers(answer, GlobalAttention)
    for size in ((4, 6, 3, 5), (1, 6, 2, 1)):  # one face will do in eval mode
        what, wanted = f"G of a map {size}", (*size[:2], 1, 1)
        should = f"{what} should be {wanted}."
        shapes = {
            size: f"{should} Yours still has H and W: take the mean over the places first, and "
            "return the scores alone, neither spread over the map nor multiplied with it.",
            size[:2]: f"{should} Yours is {size[:2]}: keep the two empty dimensions "
            "(keepdim=True), lesson 04 broadcasts along them.",
            (1, 6, 1, 1): f"{should} Yours has one face left: do not average over the batch.",
            (size[0], 1, 1, 1): f"{should} Yours has one channel left: excite gives each channel a "
            "score.",
        }
        _require_answer_in_eval(
            answer, GlobalAttention, size, wanted, what, shapes, mistakes_of_global
        )
    cases = (
        Case((6, 3), ((4, 6, 3, 5),)),  # of two faces, training would make ±1, and no gradient
        Case((12, 4), ((5, 12, 4, 2),)),
        Case((16,), ((7, 16, 2, 7),)),
    )
    judge_module(answer, GlobalAttention, cases, mistakes_of_global)
    return (
        "That is squeeze-and-excitation with batch norm. No place is named in it after the first "
        "step, so no place can be favoured."
    )


@exercise("03", "Local attention, a part of VTFF", part="MyLocalAttention")
def local_attention(answer: Callable[..., nn.Module]) -> str:
    """Check Exercise 3 of lesson 03: L = BN(V2 · relu(BN(V1 · U))), with these layers."""
    _require_layers(answer, LocalAttention)
    for size in ((2, 6, 3, 5), (1, 6, 4, 1)):
        count, channels, height, width = size
        what, wanted = f"L of a map {size}", (count, 1, height, width)
        shapes = {
            size: f"Yours has a score for each of {channels} channels; L has one for all of them.",
            (count, height, width): "The channel dimension is gone; keep it, with length 1: "
            "lesson 04 broadcasts along it.",
            (count, 1, width, height): "Height and width have changed places.",
            (count, 1, 1, 1): "The places are gone: L does not pool.",
            (count, height * width): "The places stand in one row; L is (N, 1, H, W).",
            (count, 1, height * width): "The places stand in one row; give them back their height "
            "and width.",
        }
        words = {shape: f"{what} should be {wanted}. {said}" for shape, said in shapes.items()}
        _require_answer_in_eval(
            answer, LocalAttention, size, wanted, what, words, mistakes_of_local
        )
    cases = (
        Case((6, 3), ((2, 6, 3, 5),)),
        Case((12, 4), ((3, 12, 4, 2),)),
        Case((16,), ((1, 16, 2, 7),)),  # one face will do in training mode as well
    )
    judge_module(answer, LocalAttention, cases, mistakes_of_local)
    return "One score for each place, made from all channels of that place and from nothing else."


def _require_layers(answer: Any, library: Callable[..., nn.Module]) -> None:
    """Say what is odd about the layers of a learner's module, if it has `layers` of five."""
    if isinstance(answer, nn.Module):
        return  # `judge_module` says that it wants the class
    for channels, reduction in ((12, 4), (40, 5), (6, 3)):
        mine = call(answer, channels, reduction)
        layers = getattr(mine, "layers", None)
        if not isinstance(layers, nn.Sequential):
            return  # `judge_module` looks for the names
        kinds = tuple(type(layer).__name__ for layer in layers)
        theirs = library(channels, reduction)
        fits = theirs.state_dict().keys() <= mine.state_dict().keys()
        affine = all(layer.affine for layer in layers if isinstance(layer, nn.BatchNorm2d))
        require(
            affine or "BatchNorm2d" not in kinds,
            "A batch norm of yours has no scale and shift (affine=False); they are learned.",
        )
        require(
            fits or kinds == ORDER,
            f"In your `layers` stand {', '.join(kinds) or 'no layers'}. Asked for are five, in "
            "this order: squeeze, batch norm, ReLU, excite, batch norm.",
        )
        require(
            "Linear" not in kinds,
            "Your `layers` have a `Linear`. It would give the same numbers, but the shipped "
            "weights are those of convolutions with a 1×1 kernel.",
        )
        require(
            not any("Dropout" in type(module).__name__ for module in mine.modules()),
            "Your module has a dropout; G and L have none.",
        )
        if kinds[: len(ORDER)] == ORDER:
            _require_kinds(layers, theirs.layers, channels, reduction)


def _require_kinds(layers: Any, wanted: Any, channels: int, reduction: int) -> None:
    made = f"For C = {channels} and r = {reduction},"
    squeezed, last = wanted[0].out_channels, wanted[3].out_channels
    for index, what in ((0, "squeeze"), (3, "excite")):
        layer = layers[index]
        require(
            (layer.kernel_size, layer.stride, layer.padding) == ((1, 1), (1, 1), (0, 0)),
            f"Your {what}, `layers[{index}]`, is {layer!r}; make it a convolution with kernel 1, "
            "which looks at no neighbour.",
        )
        require(
            layer.groups == 1,
            f"Your {what}, `layers[{index}]`, has groups={layer.groups}, so an output is not made "
            "from all inputs.",
        )
    given = layers[0].out_channels
    require(
        given == squeezed,
        f"{made} squeeze should give C/r = {squeezed} channels; yours gives {given}."
        + (" That is r." if given == reduction else ""),
    )
    given = layers[3].out_channels
    one, each = "L has one score for all channels together", "G has a score for each channel"
    require(
        given == last,
        f"{made} excite should give {last}; yours gives {given}: {one if last == 1 else each}.",
    )
    for index in (1, 4):
        theirs = wanted[index]
        for name in ("eps", "momentum", "track_running_stats"):
            require(
                getattr(layers[index], name) == getattr(theirs, name),
                f"The batch norm `layers[{index}]` has {name}={getattr(layers[index], name)}; "
                f"leave it at {getattr(theirs, name)}, as PyTorch makes it.",
            )


def _require_answer_in_eval(
    answer: Any,
    library: Callable[..., nn.Module],
    size: tuple[int, ...],
    wanted: tuple[int, ...],
    what: str,
    shapes: Mapping[Any, str],
    mistakes: Mistakes,
) -> None:
    """Say what is wrong with an answer in eval mode: its shape, its numbers, what it leaves."""
    if isinstance(answer, nn.Module):
        return
    maps = torch.randn(8, *size[1:]) + 0.3
    reference = _balanced(library(6, 3), maps)
    mine = call(answer, 6, 3)
    if not isinstance(mine, nn.Module) or _sizes(mine) != _sizes(reference):
        return  # `judge_module` names what is missing, or of another size
    mine.load_state_dict(reference.state_dict())
    mine.eval()
    u, seen = maps[: size[0]], []

    def and_look(given: Tensor) -> Any:
        scores = mine(given)
        seen.append(given)
        return scores

    with torch.no_grad():
        scores = require_tensor(call(and_look, u), wanted, what, shapes)
        right = reference(u)
        named = {} if close(scores, right, 1e-4) else mistakes(copy.deepcopy(reference), u)
    named = {  # zeros everywhere have many causes
        words: value for words, value in named.items() if value.shape == right.shape and value.any()
    }
    judge(scores, right, named, lambda: _first_difference(what, scores, right), 1e-4)
    require(
        close(seen[0], u),
        "The map itself was changed on the way: work on a copy, for what comes next needs it too.",
    )


def _sizes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: each.shape for name, each in module.state_dict().items()}


@torch.no_grad()
def _balanced(module: Any, u: Tensor) -> nn.Module:
    """Return a module of the library, in eval mode, whose numbers are of both signs in each layer.

    Args:
        module: G or L.
        u: maps for which they are.
    """
    layers: Any = lively(module).eval().layers
    x = u.mean((2, 3), keepdim=True) if isinstance(module, GlobalAttention) else u
    for conv, norm in ((layers[0], layers[1]), (layers[3], layers[4])):
        x = conv(x)
        norm.running_mean.copy_(x.mean((0, 2, 3)) - 0.1)
        norm.running_var.copy_(x.var((0, 2, 3)) * 0.7 + 0.01)
        norm.weight.copy_(5 + torch.rand_like(norm.weight))  # beyond 6, for ReLU6
        norm.bias.copy_(0.2 * torch.rand_like(norm.bias))
        x = norm(x).relu()
    return module


def _first_difference(what: str, given: Tensor, right: Tensor) -> str:
    apart = ~torch.isclose(given.double(), right.double(), rtol=1e-4, atol=1e-4)
    place = tuple(apart.nonzero()[0].tolist())
    return (
        f"{what} has the right shape, but not the right numbers. The first that differs is at "
        f"{list(place)}: {right[place]:.3f} would be right, yours is {given[place]:.3f}."
    )
