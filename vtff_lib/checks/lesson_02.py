"""The checks of lesson 02, first part: convolution, and the parts of VTFF: block and trunk."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.backbone import BasicBlock, ResNetTrunk
from vtff_lib.checks.judging import (
    Either,
    NotDone,
    Wrong,
    call,
    close,
    exercise,
    judge,
    number,
    require,
)
from vtff_lib.checks.lesson_02_mistakes import block_mistakes, trunk_mistakes
from vtff_lib.checks.modules import Case, Mistakes, judge_module, lively, require_names
from vtff_lib.refusals import describe

SIZES = (  # size, kernel, stride, padding
    (224, 7, 2, 3),
    (56, 3, 1, 1),
    (10, 3, 1, 0),
    (8, 3, 2, 0),
    (9, 5, 3, 2),
    (5, 1, 2, 0),
    (6, 2, 5, 0),
    (8, 4, 2, 1),
    (11, 4, 3, 0),
)
BLOCKS = (
    Case((1, 6, 1), ((2, 1, 5, 7),)),  # x itself would be stretched over six channels, and fit
    Case((5, 5), ((2, 5, 3, 4),)),
    Case((6, 6, 2), ((2, 6, 5, 8),)),  # the stride alone changes the shape
    Case((4, 6, 2), ((3, 4, 7, 10),)),
    Case((3, 5, 3), ((2, 3, 8, 7),)),
)
TRUNKS = (
    Case((4, 3), ((2, 3, 45, 70),)),
    Case((5, 1), ((2, 3, 21, 34),)),
    Case((6, 2), ((2, 3, 64, 41),)),
    Case((3, 4), ((2, 3, 70, 101),)),
)
SETTINGS = (  # of layers, the one that explains others first
    *("kernel_size", "stride", "dilation", "padding", "padding_mode", "groups"),
    *("eps", "momentum"),
)
Names = Callable[[nn.Module, nn.Module, tuple[Any, ...]], None]


@exercise("02", "The size that leaves a convolution")
def size_after_convolution(answer: Callable[[int, int, int, int], int]) -> str:
    """Check Exercise 1 of lesson 02: size, kernel, stride and padding to the size after it."""
    sizes = [number(call(answer, *case), f"The size after {case}") for case in SIZES]
    right = [
        F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p).shape[-1]
        for n, k, s, p in SIZES
    ]

    def of(formula: Callable[[int, int, int, int], float]) -> list[float]:
        return [formula(*case) for case in SIZES]

    mistakes = {
        "You added the padding once. It is put on both sides.": of(
            lambda n, k, s, p: (n + p - k) // s + 1
        ),
        "One place is missing, the first: the window stands somewhere before its first step.": (
            of(lambda n, k, s, p: (n + 2 * p - k) // s)
        ),
        "You rounded up. Where less than a whole step is left, the window does not fit any more.": (
            of(lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1)
        ),
        "You rounded to the nearest whole step; a step that does not fit is not taken at all.": (
            of(lambda n, k, s, p: round((n + 2 * p - k) / s) + 1)
        ),
        "Your sizes are not whole numbers: half a step is no step. Which way do you round?": (
            of(lambda n, k, s, p: (n + 2 * p - k) / s + 1)
        ),
        "You left out the padding.": of(lambda n, k, s, p: (n - k) // s + 1),
        "You left out the stride.": of(lambda n, k, s, p: n + 2 * p - k + 1),
        "You divided the size by the stride. The width of the kernel counts too.": Either(
            (of(lambda n, k, s, p: n // s), of(lambda n, k, s, p: math.ceil(n / s)))
        ),
        "You left out the kernel: the window has to fit into the image with all its width.": Either(
            (of(lambda n, k, s, p: (n + 2 * p) // s), of(lambda n, k, s, p: (n + 2 * p) // s + 1))
        ),
        "You took the padding off. It makes the image longer.": of(
            lambda n, k, s, p: (n - 2 * p - k) // s + 1
        ),
        "You took one pixel too many off: a window as wide as the image has one place.": of(
            lambda n, k, s, p: (n + 2 * p - k - 1) // s + 1
        ),
        "One place is too many: between n places there are n - 1 steps.": of(
            lambda n, k, s, p: (n + 2 * p - k) // s + 2
        ),
        "You took half the kernel for the padding. How much is added is for `padding` to say.": of(
            lambda n, k, s, p: (n + 2 * (k // 2) - k) // s + 1
        ),
        "You divided image and kernel each on its own, and rounded twice. Subtract first.": of(
            lambda n, k, s, p: (n + 2 * p) // s - k // s + 1
        ),
        "Only a part of what stands before `//` is divided. Put it into brackets.": Either(
            (
                of(lambda n, k, s, p: n + 2 * p - k // s + 1),
                of(lambda n, k, s, p: n + (2 * p - k) // s + 1),
            )
        ),
        "You counted all places of the window, then divided by the stride. Divide the steps "
        "*after* the first place instead.": of(lambda n, k, s, p: (n + 2 * p - k + 1) // s),
    }
    judge(sizes, right, mistakes, lambda: _wrong_size(sizes, right), tolerance=0)
    return (
        "That is it. Kernel 3 with padding 1 keeps the size, and with stride 2 it halves it, "
        "rounded up: nearly all of ResNet is made of these two."
    )


def _wrong_size(sizes: Sequence[float], right: Sequence[int]) -> str:
    trials = zip(SIZES, sizes, right, strict=True)
    (n, k, s, p), mine, wanted = next(trial for trial in trials if trial[1] != trial[2])
    return (
        f"Of {n} pixels, kernel {k}, stride {s} and padding {p} make {wanted}; yours is {mine:g}."
    )


@exercise("02", "The residual block", part="MyBlock")
def residual_block(answer: type[nn.Module]) -> str:
    """Check Exercise 2 of lesson 02: a class that does what `BasicBlock` does."""
    _judge(answer, BasicBlock, "MyBlock", BLOCKS, block_mistakes, _names_of_block)
    return (
        "In eval mode and in training mode it gives what the library's gives, and every weight "
        "gets the same gradient. Note what the last ReLU means: what a block hands on is never "
        "negative."
    )


@exercise("02", "The trunk", part="MyTrunk")
def trunk(answer: type[nn.Module]) -> str:
    """Check Exercise 3 of lesson 02: a class that does what `ResNetTrunk` does."""
    _judge(answer, ResNetTrunk, "MyTrunk", TRUNKS, trunk_mistakes, _names_of_trunk)
    _judge_against_torchvision(answer)
    return (
        "It takes the weights of torchvision's `resnet18` by name, all but the classifier's, and "
        "makes the same map of the same picture."
    )


def _judge(
    answer: Any,
    library: Callable[..., nn.Module],
    name: str,
    cases: Sequence[Case],
    mistakes: Mistakes,
    judge_names: Names,
) -> None:
    """Judge a module case by case; where it fails, name a setting of a layer that is to blame."""
    for case in cases:
        reference = lively(library(*case.settings))
        mine: Any = None
        try:
            if not isinstance(answer, nn.Module):
                mine = call(answer, *case.settings)
            if isinstance(mine, nn.Module):
                judge_names(mine, reference, case.settings)
                require_names(mine, reference)
                _judge_size(mine, reference, case, mistakes)
            judge_module(answer, library, [case], mistakes)
        except NotDone:
            raise
        except Wrong as wrong:
            words = str(wrong)
            if isinstance(mine, nn.Module) and set(mine.state_dict()) == set(
                reference.state_dict()
            ):
                words = next(odd_settings(mine, reference), words)
            tried = f" (Tried: `{name}{_listed(case.settings)}`.)" if mine is not None else ""
            raise Wrong(f"{words}{tried}") from wrong.__cause__


def _listed(settings: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, settings))})"


def odd_settings(mine: nn.Module, reference: nn.Module) -> Iterator[str]:
    """Yield which settings of layers of equal names differ, in words."""
    theirs = dict(reference.named_modules())
    for name, layer in mine.named_modules():
        wanted = theirs.get(name)
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d) and isinstance(wanted, type(layer)):
            for setting in SETTINGS:
                given, right = (getattr(each, setting, None) for each in (layer, wanted))
                if given != right and given != "same":
                    yield f"`{name}` has {setting}={_plain(given)}; it should be {_plain(right)}."


def _plain(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len({*value}) == 1 else value


@torch.no_grad()
def _judge_size(mine: nn.Module, reference: nn.Module, case: Case, mistakes: Mistakes) -> None:
    """Say which mistake gives a map of the wrong size, if it is one that is known."""
    mine.load_state_dict(reference.state_dict())
    inputs = [torch.randn(shape) for shape in case.shapes]
    given, right = call(mine.eval(), *inputs), reference.eval()(*inputs)
    shown = " and ".join(str(tuple(each.shape)) for each in inputs)
    require(
        isinstance(given, Tensor),
        f"What becomes of {shown} should be one tensor; yours is {describe(given)}.",
    )
    if given.shape != right.shape:
        for words, value in mistakes(reference, *inputs).items():
            require(not close(given, value, 1e-4), words)


def _names_of_block(mine: nn.Module, reference: nn.Module, settings: tuple[Any, ...]) -> None:
    given, wanted = set(mine.state_dict()), set(reference.state_dict())
    needed, has = (
        any(name.startswith("downsample.") for name in names) for names in (wanted, given)
    )
    before, after, stride = (*settings, 1)[:3]
    made = getattr(getattr(mine, "conv1", None), "stride", (stride, stride))
    require(
        len(settings) > 2 or made in ((1, 1), 1),
        f"Made without `stride`, a block has stride 1; yours has {_plain(made)}.",
    )
    why = "its stride" if before == after else "the number of its channels"
    require(
        has or not needed or not given < wanted,
        f"Here the shape changes, by {why} alone, and there is nothing in `downsample`: x cannot "
        "be added as it is."
        if stride == 1 or before == after
        else "Here the shape changes, and there is nothing in `downsample`: x cannot be added.",
    )
    require(
        needed or not wanted < given or not has,
        "Here the shape stays, so nothing is to be learned on the shortcut: make `downsample` an "
        "`nn.Identity()`, as torchvision leaves it out.",
    )


def _names_of_trunk(mine: nn.Module, reference: nn.Module, settings: tuple[Any, ...]) -> None:
    given, wanted = set(mine.state_dict()), set(reference.state_dict())
    more = sorted(given - wanted)
    width, stages = settings
    require(
        not any(name.startswith("fc.") for name in more),
        "The trunk ends in a map. Leave the classifier `fc` away.",
    )
    late = [name for name in more if name[:6] in {f"layer{n}" for n in range(stages + 1, 10)}]
    require(
        not late or not wanted < given,
        f"`stages` is {stages} here, and yours has `{late[0] if late else ''}`: how many stages "
        "there are is for whoever makes the trunk to say.",
    )
    third = [name for name in more if re.match(r"layer\d\.[2-9]", name)]
    require(
        not third or not wanted < given,
        f"Each stage has two blocks; yours has `{third[0] if third else ''}`.",
    )
    shortcuts = [name for name in more if re.match(r"layer\d\.\d\.downsample\.", name)]
    first_block = shortcuts[0].partition(".downsample")[0] if shortcuts else ""
    require(
        not wanted < given or shortcuts != more or not more,
        f"`{first_block}` should leave the shape as it is, and has something in `downsample`: look "
        "at the channels and the stride that it gets.",
    )
    same = given == wanted
    first = mine.state_dict()["conv1.weight"].shape[0] if same else width
    require(
        first == width,
        f"`width` is {width} here, and your stem has {first} channels: is `width` used?",
    )
    last = f"layer{stages}.1.conv2.weight"
    shape = mine.state_dict()[last].shape[0] if same else 0
    channels = width * 2 ** (stages - 1)
    require(
        not same or shape == channels,
        f"With width {width}, stage {stages} has {channels} channels; yours has {shape}: from the "
        "second stage on, each doubles them.",
    )


@torch.no_grad()
def _judge_against_torchvision(answer: Callable[..., nn.Module]) -> None:
    from torchvision.models import resnet18  # here, because it takes more than a second

    try:
        mine = call(answer)
    except Wrong as wrong:
        raise Wrong(
            "Made without settings, the trunk should be ResNet-18's, of width 64 and with 4 "
            f"stages. {str(wrong).replace('Called with , it', 'It')}"
        ) from wrong.__cause__
    with torch.device("meta"):  # its first numbers are not wanted
        theirs = resnet18()
    theirs = lively(theirs.to_empty(device="cpu")).eval()
    weights = {
        name: each for name, each in theirs.state_dict().items() if not name.startswith("fc.")
    }
    shapes = {name: tuple(each.shape) for name, each in mine.state_dict().items()}
    odd = [name for name in weights if shapes.get(name) != tuple(weights[name].shape)]
    odd += [name for name in shapes if name not in weights]
    require(
        not odd,
        "Made without settings, the trunk should be ResNet-18's, of width 64 and with 4 stages; "
        f"of {len(weights)} tensors of torchvision's, {len(odd)} do not fit yours, "
        f"`{odd[0] if odd else ''}` first.",
    )
    mine.load_state_dict(weights)
    picture = torch.randn(1, 3, 64, 96)
    features = nn.Sequential(*list(theirs.children())[:-2])(picture)  # without pooling and fc
    given = call(mine.eval(), picture)
    require(
        close(given / features.max(), features / features.max(), 1e-4),
        "With torchvision's weights yours gives another map than torchvision's `resnet18`.",
    )
