"""Where an answer of lesson 05 begins to be wrong, for mistakes that nobody has foreseen."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.checks.judging import Wrong, close
from vtff_lib.checks.modules import Case, lively

STATIONS = {  # of a block: what should enter each
    "norm1": "the tokens",
    "attn": "norm1 of the tokens",
    "norm2": "the tokens plus what `attn` returned",
    "mlp.fc1": "norm2 of that sum",
    "mlp.fc2": "GELU of what `mlp.fc1` returned",
}


def of_weights(given: Tensor, scores: Tensor, right: float) -> str:
    """Return what can be said of wrong weights.

    Args:
        given: `(…, T, T)`.
        scores: Q Kᵀ, not scaled.
        right: what they should be divided by.
    """
    sums = given.sum(dim=-1)
    if not close(sums, torch.ones_like(sums), 1e-3):
        columns = given.sum(dim=-2)
        worst = sums.flatten()[(sums - 1).abs().argmax()].item()
        also = " Its columns do." if close(columns, torch.ones_like(columns), 1e-3) else ""
        return f"The rows of your weights do not all sum to 1; one sums to {worst:.4g}.{also}"
    if not bool((given > 0).all()):
        return "Some of your shares are 0 or less; a softmax gives every token more than that."
    logs = given.double().log()
    logs, centred = (x - x.mean(dim=-1, keepdim=True) for x in (logs, scores.double()))
    slope = (logs * centred).sum() / centred.square().sum()
    if slope and close(logs, slope * centred, 1e-3):
        if close(1 / slope, right, 1e-3):
            return "That is rounding: are they made in another dtype than they came in?"
        return (
            f"Yours is the softmax of the scores divided by {1 / slope.item():.3f}; here √d is "
            f"{right:.3f}."
        )
    return "The rows sum to 1, but it is no softmax of q @ kᵀ: are q and k those of these tokens?"


def judged_with(judge: Callable[[], None], where: Callable[[], str]) -> None:
    """Judge, and where only the size of an error is known, add where it begins.

    Args:
        judge: raises `Wrong`.
        where: returns a sentence.
    """
    try:
        judge()
    except Wrong as wrong:
        if not str(wrong).startswith("In eval mode"):
            raise
        raise Wrong(f"{wrong} {where()}") from None


def first_said(
    say: Callable[[nn.Module, Any, Tensor], str],
    answer: Callable[..., nn.Module],
    library: Callable[..., nn.Module],
    cases: Sequence[Case],
) -> str:
    """Return what `say` finds in the first of `cases` in which a learner's class is off.

    Args:
        say: is given a learner's module, the library's and tokens; it says what is off.
        answer: the learner's class.
        library: the class that it has to agree with.
        cases: sizes.
    """
    for case in cases:
        mine, reference = answer(*case.settings).eval(), lively(library(*case.settings)).eval()
        mine.load_state_dict(reference.state_dict())
        tokens = torch.randn(*case.shapes)
        with torch.no_grad():
            right = close(mine(tokens)[0], reference(tokens)[0], 1e-4)
        if not right:
            return say(mine, reference, tokens)
    return ""


@torch.no_grad()
def of_attention(mine: nn.Module, reference: Any, tokens: Tensor) -> str:
    """Say whether the weights of attention in heads are wrong already, and how."""
    _, right = reference(tokens, return_weights=True)
    given = mine(tokens)[1]
    if not isinstance(given, Tensor) or given.shape != right.shape:
        shape = tuple(getattr(given, "shape", ()))
        return f"The weights that you return have shape {shape} instead of {tuple(right.shape)}."
    if close(given, right, 1e-4):
        return (
            "The weights that you return are right, so look at what comes after them: the values, "
            "how heads are merged, `proj`."
        )
    n, t, _ = tokens.shape
    qkv = reference.qkv(tokens).reshape(n, t, 3, reference.num_heads, -1)
    q, k, _ = qkv.permute(2, 0, 3, 1, 4)
    said = of_weights(given, q @ k.mT, q.shape[-1] ** 0.5)
    return f"The weights that you return are off already. {said}"


@torch.no_grad()
def of_block(mine: nn.Module, reference: nn.Module, tokens: Tensor) -> str:
    """Say which part of a block is the first to be given something wrong."""
    entered = [_entering(block, tokens) for block in (mine, reference)]
    own, right = entered
    for name, what in STATIONS.items():
        if name not in own:
            return f"`{name}` is never called."
        if own[name].shape != right[name].shape or not close(own[name], right[name], 1e-4):
            return f"What enters `{name}` should be {what}, and is not."
    return "Each part is given what it should be; look at the last sum, and at what is returned."


def _entering(block: nn.Module, tokens: Tensor) -> dict[str, Tensor]:
    """Return what enters each station of a block first."""
    seen: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen.setdefault(name, given[0].clone())

        return hook

    handles = [block.get_submodule(name).register_forward_pre_hook(note(name)) for name in STATIONS]
    try:
        block(tokens)
    finally:
        for handle in handles:
            handle.remove()
    return seen
