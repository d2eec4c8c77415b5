"""What plausible mistakes make of the input of a residual block and of a trunk (lesson 02)."""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.backbone import BasicBlock, ResNetTrunk

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "a leaky ReLU": F.leaky_relu,
    "a ReLU that ends at 6": F.relu6,
    "GELU": F.gelu,
    "SiLU": F.silu,
    "ELU": F.elu,
    "softplus": F.softplus,
    "a sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "the absolute value": torch.abs,
}
PLACES = {
    "Your activation": ("inner", "outer"),
    "Your first activation": ("inner",),
    "Your last activation": ("outer",),
}


def _through_block(block: BasicBlock, x: Tensor, **instead: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what a block makes of x if some of its steps are others."""
    steps: dict[str, Callable[[Tensor], Tensor]] = {
        "conv1": block.conv1,
        "bn1": block.bn1,
        "inner": F.relu,
        "conv2": block.conv2,
        "bn2": block.bn2,
        "change": nn.Identity(),
        "shortcut": block.downsample,
        "outer": F.relu,
    }
    steps.update(instead)
    out = steps["inner"](steps["bn1"](steps["conv1"](x)))
    out = steps["change"](steps["bn2"](steps["conv2"](out)))
    return steps["outer"](out + steps["shortcut"](x))


def block_mistakes(block: BasicBlock, x: Tensor) -> dict[str, Tensor]:
    """Return what plausible mistakes make of x, by the words for each."""
    same, through = nn.Identity(), _through_block
    mistakes = _other_mode(block, x)  # first: what follows moves running statistics

    def nothing(x: Tensor) -> Tensor:
        return torch.zeros(())

    def shortcut_relu(x: Tensor) -> Tensor:
        return F.relu(block.downsample(x))

    mistakes |= {
        "The last ReLU is missing: it comes after the sum.": through(block, x, outer=same),
        "You applied the last ReLU before the sum. Add first: a block must be able to make a value "
        "smaller.": through(block, x, change=F.relu, outer=same),
        "There is one ReLU too many: f(x) ends in a batch norm, so that it can be negative.": (
            through(block, x, change=F.relu)
        ),
        "The shortcut is missing: you returned relu(f(x)), a plain block.": through(
            block, x, shortcut=nothing
        ),
        "The shortcut and the last ReLU are missing: you returned f(x).": through(
            block, x, shortcut=nothing, outer=same
        ),
        "The ReLU between the two convolutions is missing. Without it they are no more than one.": (
            through(block, x, inner=same)
        ),
        "There is no ReLU at all: one belongs behind `bn1`, one behind the sum.": through(
            block, x, inner=same, outer=same
        ),
        "`bn1` is missing, the batch norm after the first convolution.": through(
            block, x, bn1=same
        ),
        "`bn2` is missing, the batch norm after the second convolution.": through(
            block, x, bn2=same
        ),
        "Both batch norms are missing: each convolution has one behind it.": through(
            block, x, bn1=same, bn2=same
        ),
        "You used the two batch norms the other way round: each has its own statistics.": through(
            block, x, bn1=block.bn2, bn2=block.bn1
        ),
        "You used `bn1` twice; `bn2` has numbers of its own.": through(block, x, bn2=block.bn1),
        "You used `bn2` twice; `bn1` has numbers of its own.": through(block, x, bn1=block.bn2),
        "The first ReLU comes before its batch norm. The order is convolution, norm, ReLU.": (
            through(block, x, bn1=lambda out: block.bn1(F.relu(out)), inner=same)
        ),
        "The ReLU of the shortcut is one too many: x goes past f as it is.": through(
            block, x, shortcut=shortcut_relu
        ),
        "You multiplied the two paths. They are added.": F.relu(
            through(block, x, shortcut=nothing, outer=same) * block.downsample(x)
        ),
        "You subtracted the two paths. They are added.": through(
            block, x, shortcut=lambda x: -block.downsample(x)
        ),
        "You took the mean of the two paths. They are added.": (through(block, x) / 2),
        "You added x twice.": through(block, x, shortcut=lambda x: 2 * block.downsample(x)),
        "You added the shortcut only after the last ReLU. First the sum, then the ReLU.": (
            through(block, x, shortcut=nothing) + block.downsample(x)
        ),
        "You put the two paths behind one another. They are added.": torch.cat(
            [through(block, x, shortcut=nothing, outer=same), block.downsample(x)], dim=1
        ),
        "You added f(x) twice.": through(block, x, change=lambda out: 2 * out),
        "You took the larger of the two paths. They are added.": torch.maximum(
            through(block, x, shortcut=nothing), block.downsample(x)
        ),
        "You passed x through a ReLU first: f and the shortcut both take it as it is.": through(
            block, F.relu(x)
        ),
        "On the shortcut you passed x through a ReLU first; it goes past f as it is.": through(
            block, x, shortcut=lambda x: block.downsample(F.relu(x))
        ),
        "There is a ReLU between `conv2` and `bn2`, where none belongs.": through(
            block, x, bn2=lambda out: block.bn2(F.relu(out))
        ),
    }
    for name, other in ACTIVATIONS.items():
        for where, steps in PLACES.items():
            words = f"{where} is {name}; a ResNet has ReLU."
            mistakes[words] = through(block, x, **dict.fromkeys(steps, other))
    if isinstance(block.downsample, nn.Sequential):
        convolution, norm = block.downsample
        mistakes |= {
            "The batch norm of the shortcut is missing.": through(block, x, shortcut=convolution),
            "There is a ReLU between the convolution and the sum on the shortcut: it has none.": (
                through(block, x, shortcut=lambda x: norm(F.relu(convolution(x))))
            ),
        }
        if x.shape[1] == 1 == block.conv1.stride[0]:
            words = (
                "You added x itself. Here x has one channel and f(x) more: PyTorch stretched it, "
                "where `downsample` should have made the others."
            )
            mistakes[words] = through(block, x, shortcut=same)
    else:
        mistakes |= {
            "You used `conv1` twice; `conv2` has weights of its own.": through(
                block, x, conv2=block.conv1
            ),
            "You used `conv2` twice; `conv1` has weights of its own.": through(
                block, x, conv1=block.conv2
            ),
            "You used the two convolutions the other way round.": through(
                block, x, conv1=block.conv2, conv2=block.conv1
            ),
            "Yours begins with norm and ReLU, and its convolutions come last. In this ResNet each "
            "convolution comes first, then its norm.": (
                block.conv2(F.relu(block.bn2(block.conv1(F.relu(block.bn1(x)))))) + x
            ),
        }
    return mistakes


def _other_mode(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    if module.training:
        words = (
            "In training mode yours uses the running numbers of batch norm, not the batch's: who "
            "calls `eval()`?"
        )
    else:
        words = "In eval mode yours still uses the batch's own mean and variance."
    return {words: copy.deepcopy(module).train(not module.training)(x)}


def trunk_mistakes(trunk: ResNetTrunk, x: Tensor) -> dict[str, Tensor]:
    """Return what plausible mistakes make of x, by the words for each."""
    mistakes = _other_mode(trunk, x)  # first: what follows moves running statistics
    conv, bn = trunk.conv1, trunk.bn1
    stem = F.relu(bn(conv(x)))
    pool = partial(F.max_pool2d, kernel_size=3, stride=2, padding=1)
    pooled = pool(stem)
    stages = [trunk.get_submodule(name) for name in trunk.stage_names]

    def on(x: Tensor, stages: Sequence[nn.Module] = stages) -> Tensor:
        for stage in stages:
            x = stage(x)
        return x

    right = on(pooled)
    mean = right.mean(dim=(2, 3), keepdim=True)
    mistakes |= {
        "The max pooling of the stem is missing.": on(stem),
        "The ReLU of the stem is missing, after `bn1`.": on(pool(bn(conv(x)))),
        "`bn1` of the stem is missing.": on(pool(F.relu(conv(x)))),
        "`bn1` and the ReLU of the stem are missing.": on(pool(conv(x))),
        "In the stem the ReLU comes before the batch norm; it comes after.": on(
            F.max_pool2d(bn(F.relu(conv(x))), 3, 2, 1)
        ),
        "You pooled before `bn1`. The order is convolution, norm, ReLU, pooling.": on(
            F.relu(bn(pool(conv(x))))
        ),
        "The stem pools the mean of each window; it is the largest that it keeps.": on(
            F.avg_pool2d(stem, 3, 2, 1)
        ),
        "Your pooling has windows of 2×2; they are 3×3, with stride 2 and padding 1.": on(
            F.max_pool2d(stem, 2)
        ),
        "Your pooling has windows of 2×2 and rounds up; they are 3×3, with stride 2 and padding "
        "1.": on(F.max_pool2d(stem, 2, ceil_mode=True)),
        "Your pooling lacks its padding of 1.": on(F.max_pool2d(stem, 3, 2)),
        "Your pooling has no padding, and rounds up: give it `padding=1` instead.": on(
            F.max_pool2d(stem, 3, 2, ceil_mode=True)
        ),
        "Your pooling rounds up: leave `ceil_mode` away.": on(
            F.max_pool2d(stem, 3, 2, 1, ceil_mode=True)
        ),
        "`bn1` is used twice.": on(pool(F.relu(bn(bn(conv(x)))))),
        "Your pooling has stride 1; it has 2.": on(F.max_pool2d(stem, 3, 1, 1)),
        "Your pooling has stride 3: PyTorch takes the window's size unless told otherwise.": on(
            F.max_pool2d(stem, 3, padding=1)
        ),
        "You returned the mean over all places. The trunk ends in a map.": mean,
        "You returned the mean over all places, flattened. The trunk ends in a map.": (
            mean.flatten(1)
        ),
        "You flattened the map. The trunk ends in (N, C, H/R, W/R).": right.flatten(1),
        "You made tokens of the map. That comes in lesson 05; the trunk ends in a map.": (
            right.flatten(2).transpose(1, 2)
        ),
        "You pooled the last map; the trunk ends with its last stage.": F.max_pool2d(
            right, 3, 2, 1
        ),
        "You return what the stem makes; the stages are left out.": pooled,
    }
    for name, other in ACTIVATIONS.items():
        mistakes[f"The activation of your stem is {name}; a ResNet has ReLU."] = on(
            pool(other(bn(conv(x))))
        )
    if len(stages) > 1:
        mistakes |= {
            "Your last stage is made and never used: does the loop end one too early?": on(
                pooled, stages[:-1]
            ),
            "You return what the first stage makes: does a `return` stand inside the loop?": on(
                pooled, stages[:1]
            ),
            "The first stage is made and never used.": on(pooled, stages[1:]),
            "You pooled once more after the first stage.": on(pool(stages[0](pooled)), stages[1:]),
        }
    halves = [stage[0] for stage in stages if isinstance(stage, nn.Sequential)]
    mistakes["Of each stage you used the first block alone."] = on(pooled, halves)
    return mistakes
