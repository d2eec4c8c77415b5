"""The checks of lesson 02, second part: how alike two branches are, and the names in a file."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vtff_lib.checks.judging import call, exercise, judge, number, require


class LargestResult(TorchFunctionMode):
    """Notes the largest tensor that any operation of PyTorch makes."""

    numel = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run the operation as it is."""
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.numel = max(self.numel, result.numel())
        return result


@exercise("02", "Linear CKA without a table of all pairs")
def linear_cka(answer: Callable[[Tensor, Tensor], Any]) -> str:
    """Check Exercise 5 of lesson 02: features `(N, a)` and `(N, b)` to a number from 0 to 1."""
    cases = []
    for faces, a, b in ((12, 3, 5), (40, 6, 2)):
        x = torch.randn(faces, a) * torch.linspace(0.5, 3, a) + torch.linspace(0, 4, a)
        y = x[:, :1] + torch.randn(faces, b) + 2
        cases.append((x, y))
    _judge_cka([number(call(answer, x, y), "CKA") for x, y in cases], cases)
    x, y = torch.randn(300, 4), torch.randn(300, 3)
    with LargestResult() as largest:
        call(answer, x, y)
    require(
        largest.numel < 300 * 300,
        "The number is right, but on the way you made a table of 300×300 for 300 faces. For "
        "100,000 faces it would take 40 GB. Make tables of channels × channels instead.",
    )
    return (
        "Right, and its cost grows with the number of faces, not with its square. Turn or mirror "
        "the axes of a branch's features as you like: CKA stays the same."
    )


def _judge_cka(alike: Sequence[float], cases: Sequence[tuple[Tensor, Tensor]]) -> None:
    def of(formula: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return torch.stack([formula(x, y) for x, y in cases])

    def centred(x: Tensor) -> Tensor:
        return x - x.mean(dim=0)

    def cka(x: Tensor, y: Tensor) -> Tensor:
        """By the table of all pairs, as the lesson does it."""
        k, m = x @ x.T, y @ y.T
        return (k * m).sum() / (k.norm() * m.norm())

    def over_norms(x: Tensor, y: Tensor) -> Tensor:
        return (y.T @ x).norm() ** 2 / (x.norm() ** 2 * y.norm() ** 2)

    right = of(lambda x, y: cka(centred(x), centred(y)))
    mistakes = {
        "You did not centre. Take the mean of each column off first; without it, two branches look "
        "alike because both are positive.": of(cka),
        "You centred each face over its channels. Centre each channel over the faces: dim=0.": of(
            lambda x, y: cka(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))
        ),
        "You are a square short: the numerator is the *squared* Frobenius norm of YᵀX.": of(
            lambda x, y: (
                (centred(y).T @ centred(x)).norm()
                / ((centred(x).T @ centred(x)).norm() * (centred(y).T @ centred(y)).norm())
            )
        ),
        "Yours is the square root of CKA.": right.sqrt(),
        "Below the line belong the norms of XᵀX and YᵀY, not of X and Y.": of(
            lambda x, y: over_norms(centred(x), centred(y))
        ),
        "You also divided every column by its spread. CKA only centres: channels that vary more "
        "count more.": of(
            lambda x, y: cka(centred(x) / x.std(0), centred(y) / y.std(0)),
        ),
        "You divided every column by its spread (with n, not n - 1). CKA only centres: channels "
        "that vary more count more.": of(
            lambda x, y: cka(
                centred(x) / x.std(0, correction=0), centred(y) / y.std(0, correction=0)
            )
        ),
        "Your norms below the line are squared. Above, one product is squared; below stand two "
        "norms, each once.": of(
            lambda x, y: (
                (centred(y).T @ centred(x)).norm() ** 2
                / ((centred(x).T @ centred(x)).norm() * (centred(y).T @ centred(y)).norm()) ** 2
            )
        ),
    }
    judge(
        alike,
        right,
        mistakes,
        f"For 12 faces with 3 and 5 channels CKA is {right[0]:.3f}; yours is {alike[0]:.3f}.",
        1e-4,
    )


EXPECTED = (
    "conv1.weight",
    "bn1.weight",
    "layer1.0.conv1.weight",
    "layer2.0.downsample.0.weight",
    "module_list.0.weight",
)
PUBLISHED = (
    "module.conv1.weight",
    "_orig_mod.module.layer1.0.conv1.weight",
    "layer2.0.downsample.0.weight",
    "module.layer1.module.bn9.weight",
    "module.module_list.0.weight",
    "module.fc.weight",
    "module.feature.bias",
    "module.neck.fc.weight",
    "module.fcx.weight",
)
MISSING = ["bn1.weight"]
UNEXPECTED = ["fcx.weight", "layer1.module.bn9.weight", "neck.fc.weight"]


@exercise("02", "What a published file lacks, and what it has too much")
def compare_names(answer: Callable[[list[str], list[str]], Any]) -> str:
    """Check Exercise 6 of lesson 02: names of a file and of a trunk to missing and unexpected."""
    missing, unexpected = _compared(answer, list(PUBLISHED), list(EXPECTED))
    _judge_names(missing, unexpected)
    require(missing == MISSING, f"Missing is {MISSING}; yours is {missing}.")
    require(unexpected == UNEXPECTED, f"Unexpected are {UNEXPECTED}; yours are {unexpected}.")
    clean = _compared(answer, list(EXPECTED[::-1]), list(EXPECTED))
    require(
        clean == ([], []),
        "When a file has exactly the names of the trunk, in another order, both lists are empty; "
        f"yours are {clean[0]} and {clean[1]}.",
    )
    return (
        "Right. `load_published_weights` does this, and then refuses to load unless both lists are "
        "empty: an answer that nobody looks at helps nobody."
    )


def _compared(
    answer: Callable[[list[str], list[str]], Any], published: list[str], expected: list[str]
) -> tuple[list[str], list[str]]:
    lists = call(answer, published, expected)
    require(
        isinstance(lists, tuple | list)
        and len(lists) == 2
        and all(isinstance(side, Iterable) and not isinstance(side, str) for side in lists),
        "Return two lists of names: the missing, then the unexpected.",
    )
    missing, unexpected = (sorted(map(str, side)) for side in lists)
    return missing, unexpected


def _judge_names(missing: list[str], unexpected: list[str]) -> None:
    names = {*missing, *unexpected}
    mistakes = {
        "`lstrip` takes off single letters, any of those in `module.`, in any order: it turned "
        "`layer1` into `ayer1`. A prefix is taken off by `removeprefix`.": any(
            name.startswith(("ayer", "ist.", "_list", "ck.")) for name in names
        ),
        "You cut the same number of characters off every name; some names have no prefix, or a "
        "longer one.": any(name.startswith(("0.down", "od.module")) for name in names),
        "You took `module.` out of the middle of a name: `layer1.module.bn9` is another layer than "
        "`layer1.bn9`. Only what stands in front is wrapping.": "layer1.bn9.weight" in names,
        "The names still have `module.` in front: that is the trap itself. Take it off first.": (
            "module.conv1.weight" in names
        ),
        "One name is wrapped twice, in `_orig_mod.` and `module.`. Take prefixes off until none is "
        "left.": any(name.endswith(".layer1.0.conv1.weight") for name in names),
        "Your two lists have changed places. Missing is what the trunk expects and the file "
        "lacks.": (missing, unexpected) == (UNEXPECTED, MISSING),
        "The classifier is no surprise: names that start with `fc.` or `feature.` are dropped. "
        "Look for them after the prefix is off.": {"fc.weight", "feature.bias"} <= names,
        "Names that start with `fc.` are dropped, too.": "fc.weight" in names,
        "Names that start with `feature.` are dropped, too.": "feature.bias" in names,
        "You dropped `neck.fc.weight`, which only *contains* fc. It belongs to no classifier that "
        "we know, so it is unexpected.": "neck.fc.weight" not in names,
        "You dropped `fcx.weight`: it starts with fc, but not with `fc.`": "fcx.weight"
        not in names,
    }
    for words, made in mistakes.items():
        require(not made, words)
