"""The main exercise of lesson 06: the whole model."""

import copy
from dataclasses import replace
from typing import Any

import torch
from skimage import data
from torch import Tensor, nn

from vtff_lib.checks.judging import call, close, exercise, far, require, require_tensor
from vtff_lib.checks.models import SMALL
from vtff_lib.checks.modules import lively, require_names
from vtff_lib.inputs import resize
from vtff_lib.own import first_difference
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.vtff import VTFF, VTFFOutput

FACE = (slice(24, 200), slice(134, 310))  # of the astronaut, rows and columns
ODD = replace(SMALL, depth=3, num_heads=2, attention_reduction=4, lbp_mean=(0.4, 0.5, 0.6))


@exercise("06", "The whole model", part="MyVTFF")
def whole_model(answer: type[nn.Module]) -> str:
    """Check Exercise 2 of lesson 06: a class that takes the library's weights and answers as it."""
    require(
        not isinstance(answer, nn.Module),
        "Pass the class itself, not a model made of it: models of several sizes are tried.",
    )
    for config, sizes in ((SMALL, ((3, 32, 32), (1, 24, 40))), (ODD, ((2, 40, 32),))):
        reference = VTFF(config).eval()
        lively(reference)
        mine = _with_weights_of(answer, reference)
        for count, height, width in sizes:
            images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
            _compare(mine, reference, images)
        _require_training(mine, reference, images)
    shipped = load_pretrained("tiny")
    astronaut = torch.from_numpy(data.astronaut()[FACE]).permute(2, 0, 1)[None]
    people = sample(range(1), split="test").showing({12: 1.0, 25: 0.6})
    faces = torch.cat([resize(astronaut, shipped.config.image_size), render(people).images])
    logits = _compare(_with_weights_of(answer, shipped), shipped, faces)
    names = shipped.config.class_names
    shown = " and ".join(names[place] for place in logits.argmax(dim=1).tolist())
    return (
        f"Yours. With the shipped weights it names the astronaut and a rendered face {shown}, and "
        "all 16 logits are the library's to the fifth decimal."
    )


def _with_weights_of(answer: Any, reference: VTFF) -> nn.Module:
    """Return the learner's model with the weights of the library's, in eval mode."""
    mine = call(answer, reference.config)
    require(
        isinstance(mine, nn.Module),
        f"Make a class that inherits from `nn.Module`; yours gives {mine!r:.60}.",
    )
    require(
        getattr(mine, "config", None) == reference.config,
        "Keep the settings as `self.config`: whoever uses the model asks it for them.",
    )
    require_names(mine, reference)
    own = dict(mine.named_parameters())
    absent = [name for name, _ in reference.named_parameters() if name not in own]
    require(
        not absent,
        f"`{', '.join(absent[:1])}` is no parameter of its own: is it an `nn.Parameter`, and is "
        "there a new module for each view and each block?",
    )
    mine.load_state_dict(reference.state_dict())
    return mine.eval()


def _compare(mine: nn.Module, reference: VTFF, images: Tensor) -> Tensor:
    """Return the logits of the learner's model; say where they begin to differ if they do."""
    wanted = reference(images).logits.detach()
    given = call(mine, images)
    require(
        isinstance(given, VTFFOutput),
        "Return `VTFFOutput(logits)`, as the library's model does: what trains or shows a model "
        "reads `.logits`.",
    )
    logits = require_tensor(given.logits, tuple(wanted.shape), f"The logits of {len(images)} faces")
    if close(logits, wanted):
        return logits
    station = first_difference(mine, reference, images)
    where = station.words if station else "All maps agree: look at what follows the head."
    apart = far(logits.detach(), wanted)
    require(False, f"Your logits differ from the library's by up to {apart:.3g}. {where}")
    return logits


def _require_training(mine: nn.Module, reference: VTFF, images: Tensor) -> None:
    mine.train()
    twice = images.repeat(2, 1, 1, 1)
    logits = mine(twice).logits
    require(
        close(logits, copy.deepcopy(reference).train()(twice).logits, 1e-3),
        "In eval mode yours is right, in training mode it is not: is there a dropout or an "
        "`eval()` in it?",
    )
    loss = logits.square().sum()
    if loss.requires_grad:
        loss.backward()
    idle = [name for name, each in list(mine.named_parameters()) if each.grad is None]
    require(not idle, f"No gradient reaches {', '.join(f'`{name}`' for name in idle[:2])}.")
