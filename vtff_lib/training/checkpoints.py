"""Checkpoints: a run that is stopped at any moment goes on as if it had not been. Taught in 07.

One `.safetensors` file holds all tensors and, as JSON, all else; reading it runs nothing. It is
written under another name and renamed when complete, so a crash while writing leaves the last one.
No random state is in it: all chance of a run follows from its seed and the step (see `loop`).
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.files import clear_unfinished
from vtff_lib.training.history import History
from vtff_lib.training.targets import LabelledFaces
from vtff_lib.vtff import VTFF
from vtff_lib.weights import read_metadata, read_weights, require_same_tensors, write_weights

NAME = "checkpoint.safetensors"
SAMPLED_IMAGES = 64  # of a set, which are looked at to tell it from another


@dataclass
class TrainingState:
    """All of a run that changes while it runs.

    Args:
        model: the network in training.
        network: what runs it: `model` itself, or compiled, or wrapped for several processes.
        average: a copy of it, with the moving average of its weights.
        optimiser: AdamW, over the model's parameters.
        scaler: the loss scale of float16; idle in other precisions.
        history: the epochs that are over.
        loss_sum: sum of the losses of this epoch's steps so far, `()`.
        step: steps taken since the start.
        seconds: time spent in this epoch so far.
    """

    model: VTFF
    network: nn.Module
    average: VTFF
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    history: History
    loss_sum: Tensor
    step: int = 0
    seconds: float = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name: the state itself, not a copy."""
        moments = {
            f"optimiser.{name}.{moment}": tensor
            for name, parameter in self.model.named_parameters()
            for moment, tensor in self.optimiser.state[parameter].items()
        }
        networks = {"model": self.model, "average": self.average}
        weights = {
            f"{role}.{name}": tensor
            for role, network in networks.items()
            for name, tensor in network.state_dict().items()
        }
        return {**weights, **moments, "loss_sum": self.loss_sum}


def save_checkpoint(folder: Path, state: TrainingState, fingerprint: dict[str, Any]) -> None:
    """Write `checkpoint.safetensors` into `folder`, whole or not at all."""
    tensors = {name: tensor.detach().cpu() for name, tensor in state.tensors().items()}
    notes = {
        "fingerprint": fingerprint,
        "checksum": _checksum(tensors),
        "step": state.step,
        "seconds": state.seconds,
        "scaler": state.scaler.state_dict(),
        "history": state.history.to_json(),
    }
    write_weights(folder / NAME, tensors, {"training": json.dumps(notes)})


def load_checkpoint(folder: Path, state: TrainingState, fingerprint: dict[str, Any]) -> bool:
    """Bring `state` to where the checkpoint in `folder` was written, if there is one.

    Returns:
        Whether there was one; if not, `state` is as it was.

    Raises:
        ValueError: if it is damaged, or was written with another model, other settings or faces.
    """
    path = folder / NAME
    clear_unfinished(path)
    if not path.is_file():
        return False
    tensors, notes = _read(path)
    _require_same_run(path, notes["fingerprint"], fingerprint)
    _fill_optimiser(state, tensors)
    own = state.tensors()
    require_same_tensors(own, tensors, path)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])  # into its place: device and memory format stay
    state.step, state.seconds = notes["step"], notes["seconds"]
    state.scaler.load_state_dict(notes["scaler"])
    state.history = History.from_json(notes["history"])
    return True


def describe_faces(faces: LabelledFaces, targets: Tensor) -> str:
    """Return a short text that tells `faces` from other faces.

    It is made of their number and size, of all `targets`, and of 64 images spread over the set.
    """
    spread = torch.linspace(0, len(faces.images) - 1, SAMPLED_IMAGES).long()
    sample = faces.images[spread.to(faces.images.device)].cpu()
    checksum = _checksum({"images": sample, "targets": targets.cpu()})
    return f"{'×'.join(map(str, faces.images.shape))}, {checksum}"


def _checksum(tensors: dict[str, Tensor]) -> str:
    """Return the CRC-32 of all bytes: it finds damage, and is no protection from malice."""
    value = 0
    for name in sorted(tensors):
        content = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        value = zlib.crc32(content.numpy().data, zlib.crc32(name.encode(), value))
    return f"{value:08x}"


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    remedy = "delete it to train from the start"
    try:
        tensors, notes = read_weights(path), json.loads(read_metadata(path)["training"])
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged or no checkpoint of a training; {remedy}.") from error
    if notes["checksum"] != _checksum(tensors):
        raise ValueError(f"{path} is damaged: its bytes have changed since; {remedy}.")
    return tensors, notes


def _require_same_run(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = [
        f"{name}={found.get(name)!r} instead of {wanted.get(name)!r}"
        for name in found | wanted
        if found.get(name) != wanted.get(name)
    ]
    if differing:
        raise ValueError(
            f"{path} is of another run: {'; '.join(differing)}. Go on with its settings, or choose "
            "another folder."
        )


def _fill_optimiser(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Make room for the moments: AdamW has none before its first step."""
    for name, parameter in state.model.named_parameters():
        prefix = f"optimiser.{name}."
        for key in [key for key in tensors if key.startswith(prefix)]:
            like = parameter if tensors[key].shape == parameter.shape else tensors[key]
            room = torch.empty_like(like, device=parameter.device, dtype=tensors[key].dtype)
            state.optimiser.state[parameter][key.removeprefix(prefix)] = room.detach()
