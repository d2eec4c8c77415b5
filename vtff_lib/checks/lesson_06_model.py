"""The whole model of lesson 06, and a test of what asks a model about many images."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from skimage import data
from torch import Tensor, nn

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import call, close, exercise, far, require, require_tensor
from vtff_lib.checks.models import SMALL
from vtff_lib.checks.modules import lively, require_names
from vtff_lib.inputs import in_eval, resize
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
        _require_gradients(mine, images)
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


def _require_gradients(mine: nn.Module, images: Tensor) -> None:
    mine.train()
    loss = mine(images.repeat(2, 1, 1, 1)).logits.square().sum()
    if loss.requires_grad:
        loss.backward()
    idle = [name for name, each in list(mine.named_parameters()) if each.grad is None]
    require(not idle, f"No gradient reaches {', '.join(f'`{name}`' for name in idle[:2])}.")


@exercise("06", "A test that finds faults in batches")
def fault_in_batches(answer: Callable[[Any], Any]) -> str:
    """Check Exercise 5 of lesson 06: a test of what answers many images, a batch at a time."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right versions and finds {len(FAULTY)} faults, in code "
        "that it never looked into. The library's own is `evaluation.predict`."
    )


@torch.no_grad()
def _answered(model: nn.Module, parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([model(each).logits for each in parts])


def _in_parts(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model):
        return _answered(model, images.split(batch_size))


def _filled_in(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model), torch.inference_mode():
        found = model(images[:1]).logits.repeat(len(images), 1)
        for start in range(0, len(images), batch_size):
            found[start : start + batch_size] = model(images[start : start + batch_size]).logits
    return found


def _one_by_one(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _answered(copy.deepcopy(model).eval(), images.split(1))


def _whole_batches(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    ends = range(0, len(images) - batch_size + 1, batch_size)
    with in_eval(model):
        return _answered(model, [images[start : start + batch_size] for start in ends])


def _left_in_eval(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _answered(model.eval(), images.split(batch_size))


def _left_training(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    found = _answered(model.eval(), images.split(batch_size))
    model.train()
    return found


def _all_thawed(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    before = model.training
    found = _answered(model.eval(), images.split(batch_size))
    model.train(before)
    return found


def _as_it_came(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    state = copy.deepcopy(model.state_dict())
    found = _answered(model, images.split(batch_size))
    model.load_state_dict(state)
    return found


def _last_batch_first(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    with in_eval(model):
        return _answered(model, images.split(batch_size)[::-1])


def _as_shares(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    return _in_parts(model, images, batch_size).softmax(dim=1)


def _padded(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    missing = -len(images) % batch_size
    filled = torch.cat([images, images[-1:].expand(missing, -1, -1, -1)])
    return _in_parts(model, filled, batch_size)


def _on_the_spot(model: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    found = _in_parts(model, images, batch_size)
    images.clamp_(max=200)
    return found


RIGHT = {
    "with `split`": _in_parts,
    "into a tensor made before": _filled_in,
    "one image at a time, of a copy": _one_by_one,
}
FAULTY = {
    "leaves out what does not fill a batch": _whole_batches,
    "answers in the mode in which the model came": _as_it_came,
    "gives the last batch first": _last_batch_first,
    "returns probabilities": _as_shares,
    "fills the last batch up and returns rows for what it added": _padded,
    "leaves a model that came in training mode in eval mode": _left_in_eval,
    "leaves a model that came in eval mode in training mode": _left_training,
    "puts a frozen part of a model that trains back into training mode": _all_thawed,
    "changes the images": _on_the_spot,
}
