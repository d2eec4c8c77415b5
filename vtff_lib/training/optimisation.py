"""The parts of a training step: the optimiser, its schedule, statistics and averages.

Taught in 07 and 07b.
"""

import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vtff_lib.training.processes import Team


def make_optimiser(
    model: nn.Module, learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """Return AdamW that pulls the weights of convolutions and linear layers towards 0.

    Biases, norms, [cls] and positions are left out: they set levels and places, and do not
    multiply features. Source: Loshchilov & Hutter 2019; the two groups are ViT's habit.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[name.endswith("weight") and parameter.ndim >= 2].append(parameter)
    return torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        fused=True,
    )


def learning_rate_share(step: int, total_steps: int, warmup_steps: int) -> float:
    """Return the share of the learning rate that `step` (from 0) is taken with.

        (step + 1) / W                       for step < W       (linear warm-up)
        1/2 + 1/2 cos(π (step - W)/(S - W))  from there         (down to nearly 0 at step S - 1)

    with W `warmup_steps` and S `total_steps`. Source: Loshchilov & Hutter 2017 (cosine).
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 + 0.5 * math.cos(math.pi * done)


class PartStatistics:
    """Batch norm's running statistics while a batch is learned in parts.

    Each part begins with those from before the batch, and the batch ends with the mean of what the
    parts left: the same one after another and in several processes.
    """

    def __init__(self, model: nn.Module, parts: int):
        named = model.named_buffers() if parts > 1 else ()
        self.current = [buffer for name, buffer in named if ".running_" in name]
        self.before = [buffer.clone() for buffer in self.current]
        self.after: list[list[Tensor]] = []

    @torch.no_grad()
    def begin(self) -> None:
        """Begin a part."""
        for buffer, before in zip(self.current, self.before, strict=True):
            buffer.copy_(before)

    def end(self) -> None:
        """End a part."""
        self.after.append([buffer.clone() for buffer in self.current])

    @torch.no_grad()
    def average(self, team: Team) -> None:
        """End the batch."""
        for buffer, *parts in zip(self.current, *self.after, strict=True):
            buffer.copy_(torch.stack(parts).mean(dim=0))
        team.mean(self.current)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Move the exponential moving average of the weights one step on.

        average = d · average + (1 - d) · model,   d = min(decay, (1 + step) / (10 + step))

    `step` counts from 0. The lower d at the start forgets the random weights; so the average is
    over about the last tenth of the steps until `decay` is reached. The statistics of batch norm
    are averaged like the weights that they belong to; whole numbers are copied.

    Source: Polyak & Juditsky 1992; the warm-up is TensorFlow's.
    """
    means, news = ([*network.state_dict().values()] for network in (average, model))
    floats = [index for index, mean in enumerate(means) if mean.is_floating_point()]
    move = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))  # all at once: few kernels
    move([means[index] for index in floats], [news[index] for index in floats], step)
    for mean, new in zip(means, news, strict=True):
        if not mean.is_floating_point():
            mean.copy_(new)
