"""How a part of the model is judged: a class that has to be the library's under another name.

The learner's module gets random weights, by name, and is compared with the library's that has the
same: its answer in eval mode and in training mode, what training mode leaves in its running
statistics, and the gradient of every weight and input.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vtff_lib.checks.judging import Wrong, call, close, far, judge, require, require_tensor

# What plausible mistakes make of the inputs of a module, by the words for each.
Mistakes = Callable[..., Mapping[str, Tensor]]


class Case(NamedTuple):
    """What a module is made with, and the shapes of what it is given."""

    settings: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]


def judge_module(
    answer: Any,
    library: Callable[..., nn.Module],
    cases: Sequence[Case],
    mistakes: Mistakes,
    tolerance: float = 1e-4,
) -> None:
    """Say what is wrong with a learner's module, unless it does what the library's does.

    Args:
        answer: a class.
        library: the class that it has to agree with.
        cases: sizes that tell mistakes apart.
        mistakes: from a module of the library (a copy, which may be changed) and inputs to wrong
            outputs, by the words for each.
        tolerance: how far values that count as equal may differ.
    """
    require(
        isinstance(answer, type) or not isinstance(answer, nn.Module),
        "Pass the class itself, not a module made of it: sizes of all kinds are tried.",
    )
    for case in cases:
        reference = lively(library(*case.settings))
        mine = call(answer, *case.settings)
        require(
            isinstance(mine, nn.Module),
            f"Make a class that inherits from `nn.Module`; yours gives {mine!r:.60}.",
        )
        require_names(mine, reference)
        inputs = [torch.randn(shape) for shape in case.shapes]
        for training in (False, True):
            _compare(mine, reference, inputs, training, mistakes, tolerance)


def lively(module: nn.Module) -> nn.Module:
    """Return `module` with weights and statistics in which every number matters."""
    state = {}
    for name, tensor in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand_like(tensor)
        else:
            state[name] = torch.randn_like(tensor) / max(1, tensor[0].numel()) ** 0.5
    module.load_state_dict(state)
    return module


def require_names(mine: nn.Module, reference: nn.Module) -> None:
    """Say which weights a learner's module lacks or has too many, by name and shape."""
    wanted = {name: tuple(each.shape) for name, each in reference.state_dict().items()}
    given = {name: tuple(each.shape) for name, each in mine.state_dict().items()}
    missing = [name for name in wanted if name not in given]
    more = [name for name in given if name not in wanted]
    biases = [each for each in more if f"{each.removesuffix('.bias')}.weight" in wanted]
    if biases and not missing:
        raise Wrong(
            f"`{biases[0].removesuffix('.bias')}` has a bias, and what stands in for it has none: "
            "`bias=False`, for the batch norm behind it brings one."
        )
    first = f", `{missing[0]}` first" if missing else ""
    require(
        not missing,
        f"The shipped weights have {len(wanted)} tensors, and your module has no place for "
        f"{len(missing)} of them{first}: give its layers the names that the task says"
        + (f" (yours has `{more[0]}`)." if more else "."),
    )
    require(not more, f"Your module has weights that are not asked for: {', '.join(more[:3])}.")
    for name, shape in wanted.items():
        require(
            given[name] == shape, f"`{name}` should have shape {shape}; yours has {given[name]}."
        )


def _compare(
    mine: nn.Module,
    reference: nn.Module,
    inputs: Sequence[Tensor],
    training: bool,
    mistakes: Mistakes,
    tolerance: float,
) -> None:
    mine.load_state_dict(reference.state_dict())
    mine.train(training)
    twin = copy.deepcopy(reference).train(training)
    shown = " and ".join(str(tuple(each.shape)) for each in inputs)
    mode = "training" if training else "eval"
    asked = [each.clone().requires_grad_(training) for each in inputs]
    own = [each.clone().requires_grad_(training) for each in inputs]
    right = first_of(twin(*asked))
    copies: list[Tensor] = []

    def answered(*given: Tensor) -> Any:
        copies[:] = given
        return mine(*given)

    given = first_of(call(answered, *own))
    require_tensor(given, tuple(right.shape), f"What becomes of {shown}")
    wrong = copy.deepcopy(reference).train(training)
    with torch.no_grad():
        named = {} if close(given, right, tolerance) else mistakes(wrong, *inputs)
    judge(
        given,
        right.detach(),
        {words: value for words, value in named.items() if value.shape == right.shape},
        lambda: (
            f"In {mode} mode, what becomes of {shown} has the right shape, but its numbers are off "
            f"by up to {far(given.detach(), right.detach()):.3g}."
        ),
        tolerance,
    )
    require(
        all(map(torch.equal, copies, inputs)),
        "Your module changes what it is given, in place; whoever called it still needs that.",
    )
    if training:
        _compare_what_is_learned(mine, twin, given, right, tolerance)
        pairs = zip(own, asked, strict=True)
        require(
            all(
                each.grad is not None and close(each.grad, theirs.grad, 10 * tolerance)
                for each, theirs in pairs
            ),
            "The answer is right, but the gradient that comes back to what went in is not: the "
            "parts before yours would learn the wrong thing. Is something detached?",
        )


def _compare_what_is_learned(
    mine: nn.Module, twin: nn.Module, given: Tensor, right: Tensor, tolerance: float
) -> None:
    """Compare running statistics and gradients after one forward pass in training mode."""
    theirs = dict(twin.named_buffers())
    for name, values in mine.named_buffers():
        require(
            close(values, theirs[name], tolerance),
            f"In training mode `{name}` moves differently: is the layer used once, and on all?",
        )
    way = torch.randn(right.shape)
    (right * way).sum().backward()
    require(
        given.requires_grad,
        "No gradient comes out of your module: is there a `detach()`, or a `no_grad`?",
    )
    try:
        (given * way).sum().backward()
    except RuntimeError as error:
        raise Wrong(
            f"It cannot be trained: the backward pass raises {str(error).partition('.')[0]:.120}. "
            "Is something changed in place that the gradient needs, with `+=` say?"
        ) from None
    wanted = {name: each.grad for name, each in twin.named_parameters()}
    for name, each in mine.named_parameters():
        require(
            each.grad is not None,
            f"No gradient reaches `{name}`: is it used, and nothing detached?",
        )
        require(
            each.grad is None or close(each.grad, wanted[name], 10 * tolerance),
            f"The answer is right, but the gradient of `{name}` is not: does something stand "
            "outside of the graph?",
        )


def first_of(output: Any) -> Any:
    """Return what a module gives, without the maps that may come along with it."""
    return output[0] if isinstance(output, tuple | list) and output else output
