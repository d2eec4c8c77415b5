"""What a question lends to an answer, and what the answer did to it.

A check may give a model and look afterwards at its gradients or its mode. The answer works on a
copy in another process; `changes` says there what became of it, `apply` does the same here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, str, list)


def lent(given: Any) -> list[Any]:
    """Return the modules and tensors in some arguments, in an order that both sides share."""
    return list(_found(given))


def _found(given: Any) -> Iterator[Any]:
    if isinstance(given, Tensor | nn.Module):
        yield given
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _found(each)
    elif isinstance(given, dict):
        yield from _found(list(given.values()))


def known(given: Any) -> list[Tensor]:
    """Return all tensors in some arguments, those of modules too, by which they are named."""
    return [
        tensor
        for thing in lent(given)
        for tensor in (
            [thing] if isinstance(thing, Tensor) else [*thing.parameters(), *thing.buffers()]
        )
    ]


def made(value: Any, given: Any) -> list[Tensor]:
    """Return the tensors in a value that were not lent: those that gradients come back through."""
    own = {id(each) for each in known(given)}
    return [each for each in known(value) if id(each) not in own]


def learning(given: Any) -> list[Tensor]:
    """Return what gradients lead back to: of lent tensors and modules, and of lists of them."""
    return [each for each in known(given) if each.requires_grad]


def gradients(given: Any) -> list[dict[str, Any]]:
    """Return the gradients that lent modules came with, which a copy has not."""
    return [
        {name: each.grad for name, each in thing.named_parameters()}
        for thing in lent(given)
        if isinstance(thing, nn.Module)
    ]


def give(given: Any, stored: list[dict[str, Any]]) -> None:
    """Give copies of lent modules their gradients."""
    modules = [thing for thing in lent(given) if isinstance(thing, nn.Module)]
    for module, each in zip(modules, stored, strict=True):
        for name, parameter in module.named_parameters():
            parameter.grad = each[name]


def state_of(thing: Any) -> dict[str, Any]:
    """Return all of a module or tensor that an answer may change, as plain values."""
    if isinstance(thing, Tensor):
        return {"data": thing.detach().clone()}
    parameters = dict(thing.named_parameters())
    return {
        "tensors": {name: each.detach().clone() for name, each in thing.state_dict().items()},
        "gradients": {name: each.grad for name, each in parameters.items()},
        "learns": {name: each.requires_grad for name, each in parameters.items()},
        "training": {name: each.training for name, each in thing.named_modules()},
        "plain": {
            name: value
            for name, value in vars(thing).items()
            if type(value) in PLAIN and not name.startswith("_") and name != "training"
        },
    }


@torch.no_grad()
def apply(thing: Any, state: Mapping[str, Any]) -> None:
    """Bring a module or tensor into a state that `state_of` described; what does not fit stays."""
    if isinstance(thing, Tensor):
        _copy(thing, state["data"])
        return
    own = thing.state_dict()
    for name, value in state["tensors"].items():
        _copy(own.get(name), value)
    for name, each in thing.named_parameters():
        each.requires_grad_(bool(state["learns"].get(name, each.requires_grad)))
        gradient = state["gradients"].get(name)
        fits = isinstance(gradient, Tensor) and gradient.shape == each.shape
        each.grad = gradient.to(each.dtype) if fits else None
    for name, each in thing.named_modules():
        each.training = bool(state["training"].get(name, each.training))
    for name, value in state["plain"].items():
        if type(vars(thing).get(name)) is type(value) and type(value) in PLAIN:
            setattr(thing, name, value)


def _copy(to: Any, value: Any) -> None:
    both = isinstance(value, Tensor) and isinstance(to, Tensor)
    if both and value.shape == to.shape and not torch.equal(value, to):
        to.copy_(value)
