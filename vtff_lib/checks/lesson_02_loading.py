"""The checks of lesson 02, second part: find the fault in a function that loads weights."""

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

WRAPPING = ("module.", "_orig_mod.")
CLASSIFIER = ("fc.", "feature.")
Weights = Mapping[str, Tensor]
Load = Callable[[nn.Module, Weights], object]


@exercise("02", "Find the fault: a file is loaded whole, or not at all")
def fault_in_loading(answer: Callable[[Load], object]) -> str:
    """Check Exercise 4 of lesson 02: a test of a function that loads published weights."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        "Right versions pass, and eight faulty ones fail. The one that you were given fails "
        "because PyTorch copies what fits before it complains: an error does not mean that nothing "
        "has happened. `load_published_weights` compares first, and loads then."
    )


def bare(name: str) -> str:
    """Return a name without its wrapping."""
    while name.startswith(WRAPPING):
        name = name.partition(".")[2]
    return name


def unwrapped(weights: Weights) -> dict[str, Tensor]:
    """Return the tensors of a trunk, by their names without wrapping."""
    found = {bare(name): tensor for name, tensor in weights.items()}
    return {name: tensor for name, tensor in found.items() if not name.startswith(CLASSIFIER)}


def optional(name: str) -> bool:
    """Say if a file may lack a name."""
    return name.endswith("num_batches_tracked")


def odd_names(trunk: nn.Module, found: Weights) -> dict[str, list[str]]:
    """Return which names are missing, unexpected, or of another shape."""
    wanted = trunk.state_dict()
    return {
        "missing": [name for name in wanted if name not in found and not optional(name)],
        "unexpected": [name for name in found if name not in wanted],
        "shapes": [n for n, each in wanted.items() if n in found and found[n].shape != each.shape],
    }


def fill(trunk: nn.Module, found: Weights, careless: str = "") -> None:
    """Load if no name is odd, but for one kind that is not minded."""
    odd = odd_names(trunk, found)
    if any(names for kind, names in odd.items() if kind != careless):
        raise ValueError("This file holds another network.")
    left_out = {*odd["unexpected"], *odd["shapes"]}
    trunk.load_state_dict({n: w for n, w in found.items() if n not in left_out}, strict=False)


def compares_first(trunk: nn.Module, weights: Weights) -> None:
    """Compare all names and shapes, then load."""
    fill(trunk, unwrapped(weights))


def tries_a_copy(trunk: nn.Module, weights: Weights) -> None:
    """Load into a copy; if that goes well, into the trunk."""
    for target in (copy.deepcopy(trunk), trunk):
        try:
            target.load_state_dict(unwrapped(weights))
        except RuntimeError as problem:
            raise ValueError(str(problem)) from None


def puts_back(trunk: nn.Module, weights: Weights) -> None:
    """Load, and put everything back if it goes wrong."""
    before = {name: each.clone() for name, each in trunk.state_dict().items()}
    try:
        trunk.load_state_dict(unwrapped(weights))
    except RuntimeError as problem:
        trunk.load_state_dict(before)
        raise ValueError(str(problem)) from None


def copies_numbers(trunk: nn.Module, weights: Weights) -> list[str]:
    """Compare sorted lists, then copy the numbers one tensor after another."""
    found = unwrapped(weights)
    for name, each in trunk.state_dict().items():
        if optional(name):
            found.setdefault(name, each)
    listed = (
        sorted((name, each.shape) for name, each in one.items())
        for one in (found, trunk.state_dict())
    )
    if len({repr(each) for each in listed}) > 1:
        raise ValueError("Names or shapes differ.")
    for name, each in trunk.state_dict().items():
        each.detach().copy_(found[name])
    return sorted(found)


def half_filled(trunk: nn.Module, weights: Weights) -> None:
    """The fault of the lesson: PyTorch has copied what fits by the time it complains."""
    try:
        trunk.load_state_dict(unwrapped(weights))
    except RuntimeError as problem:
        raise ValueError(str(problem)) from None


def says_nothing(trunk: nn.Module, weights: Weights) -> None:
    """Load what fits."""
    found = unwrapped(weights)
    odd = {name for names in odd_names(trunk, found).values() for name in names}
    trunk.load_state_dict({n: w for n, w in found.items() if n not in odd}, strict=False)


def unwraps_once(trunk: nn.Module, weights: Weights) -> None:
    """Take each prefix off once, in one order."""
    found = {n.removeprefix("_orig_mod.").removeprefix("module."): w for n, w in weights.items()}
    fill(trunk, {n: w for n, w in found.items() if not n.startswith(CLASSIFIER)})


def classifier_first(trunk: nn.Module, weights: Weights) -> None:
    """Drop the classifier before the names are unwrapped."""
    fill(trunk, {bare(n): w for n, w in weights.items() if not n.startswith(CLASSIFIER)})


def ignoring(kind: str) -> Load:
    """Return a version that does not mind one kind of odd names."""
    return lambda trunk, weights: fill(trunk, unwrapped(weights), careless=kind)


@torch.no_grad()
def parameters_only(trunk: nn.Module, weights: Weights) -> None:
    """Copy what is learned by gradients, and leave the running statistics."""
    found = unwrapped(weights)
    if any(odd_names(trunk, found).values()):
        raise ValueError("This file holds another network.")
    for name, parameter in trunk.named_parameters():
        parameter.copy_(found[name])


RIGHT: Mapping[str, Load] = {
    "it compares names and shapes first, then loads": compares_first,
    "it loads into a copy first": tries_a_copy,
    "it puts everything back when loading fails": puts_back,
    "it copies the numbers tensor by tensor, and returns the names": copies_numbers,
}
FAULTY: Mapping[str, Load] = {
    "refuses a file that does not fit, but has filled half of the trunk by then": half_filled,
    "loads what fits and says nothing of the rest": says_nothing,
    "takes `_orig_mod.` and then `module.` off, each once": unwraps_once,
    "refuses a file whose classifier is wrapped, as in `module.fc.weight`": classifier_first,
    "does not mind that a tensor is missing": ignoring("missing"),
    "does not mind a tensor too many": ignoring("unexpected"),
    "leaves out tensors of another shape in silence": ignoring("shapes"),
    "fills in what gradients learn, and forgets the running statistics": parameters_only,
}
