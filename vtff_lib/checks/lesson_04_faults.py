"""The check of lesson 04 that tries a learner's test on gates, right ones and faulty ones."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Mixture = tuple[Tensor, Tensor]  # gate and fused map


def _mixed(rgb_map: Tensor, lbp_map: Tensor, gate: Tensor) -> Mixture:
    return gate, lbp_map * gate + rgb_map * (1 - gate)


def _by_cells(rgb_map: Tensor, lbp_map: Tensor, global_map: Tensor, local_map: Tensor) -> Mixture:
    """Mix face by face and channel by channel."""
    gates = [
        torch.stack([torch.sigmoid(score + places[0]) for score in scores])
        for scores, places in zip(global_map, local_map, strict=True)
    ]
    return _mixed(rgb_map, lbp_map, torch.stack(gates))


def _by_tangent(rgb_map: Tensor, lbp_map: Tensor, global_map: Tensor, local_map: Tensor) -> Mixture:
    gate = (1 + torch.tanh((global_map + local_map) / 2)) / 2
    return gate, rgb_map + gate * (lbp_map - rgb_map)


def _with_new_memory(
    rgb_map: Tensor, lbp_map: Tensor, global_map: Tensor, local_map: Tensor
) -> Mixture:
    """Change in place only what is its own."""
    gate = (local_map.expand_as(rgb_map) + global_map).sigmoid_()
    rest = torch.sigmoid(-global_map - local_map)
    return gate, (lbp_map * gate).add_(rgb_map * rest)


def _of_scores(make: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Mixture]:
    """Return a version whose gate is made of both scores in another way."""

    def version(rgb_map: Tensor, lbp_map: Tensor, g: Tensor, local: Tensor) -> Mixture:
        return _mixed(rgb_map, lbp_map, make(g, local).expand_as(rgb_map))

    return version


def _exchanged(rgb_map: Tensor, lbp_map: Tensor, g: Tensor, local: Tensor) -> Mixture:
    gate = torch.sigmoid(g + local)
    return gate, torch.lerp(lbp_map, rgb_map, gate)


def _without_sum_one(rgb_map: Tensor, lbp_map: Tensor, g: Tensor, local: Tensor) -> Mixture:
    gate = torch.sigmoid(g + local)
    return gate, lbp_map * gate + rgb_map * torch.sigmoid(1 - g - local)


def _in_place(rgb_map: Tensor, lbp_map: Tensor, g: Tensor, local: Tensor) -> Mixture:
    gate = torch.sigmoid(g + local)
    rgb_map += gate * (lbp_map - rgb_map)
    return gate, rgb_map


def _reordered(rgb_map: Tensor, lbp_map: Tensor, g: Tensor, local: Tensor) -> Mixture:
    n, c, h, w = rgb_map.shape
    scores = g.reshape(n, 1, 1, c).expand(n, h, w, c).reshape(n, c, h, w)
    return _mixed(rgb_map, lbp_map, torch.sigmoid(scores + local))


RIGHT_GATES: dict[str, Callable[..., Mixture]] = {
    "in two lines": _of_scores(lambda g, local: torch.sigmoid(g + local)),
    "face by face and channel by channel": _by_cells,
    "with tanh, and as RGB plus a step towards LBP": _by_tangent,
    "in memory of its own": _with_new_memory,
    "with the logarithm of the sigmoid": _of_scores(lambda g, local: F.logsigmoid(g + local).exp()),
}
FAULTY_GATES: dict[str, Callable[..., Mixture]] = {
    "you were given": _reordered,
    "gives the gate to the RGB map, and 1 - gate to the LBP map": _exchanged,
    "returns the weight of the RGB map as the gate": lambda rgb, lbp, g, local: (
        torch.sigmoid(-g - local),
        torch.lerp(rgb, lbp, torch.sigmoid(g + local)),
    ),
    "weighs RGB by σ(1 - G ⊕ L), so that both weights do not sum to 1": _without_sum_one,
    "takes the mean of σ(G) and σ(L)": _of_scores(
        lambda g, local: (torch.sigmoid(g) + torch.sigmoid(local)) / 2
    ),
    "takes the channel scores of the first face for all faces": _of_scores(
        lambda g, local: torch.sigmoid(g[:1] + local)
    ),
    "reads channel scores along the rows (for as many channels as rows; else it raises an error)": (
        _of_scores(lambda g, local: torch.sigmoid(g.transpose(1, 2) + local))
    ),
    "writes e^x / (1 + e^x), which for a score of 1000 is no number": _of_scores(
        lambda g, local: (g + local).exp() / (1 + (g + local).exp())
    ),
    "cuts scores at -4 and 4, so that no branch is ever shut off": _of_scores(
        lambda g, local: torch.sigmoid((g + local).clamp(-4, 4))
    ),
    "writes the mixture over the RGB map that it was given": _in_place,
}


@exercise("04", "Find the fault: a test for the gate")
def fault_in_gate(answer: Callable[[Callable[..., Any]], Any]) -> str:
    """Check Exercise 3 of lesson 04: a test that tells gates from faulty ones."""
    judge_test(answer, RIGHT_GATES, FAULTY_GATES)
    return (
        f"Your test passes {len(RIGHT_GATES)} right versions and fails {len(FAULTY_GATES)} faulty "
        "ones. The given one reshapes where axes have to be moved, so a score lands at another "
        "channel: where all channels have the same score, nobody sees it."
    )
