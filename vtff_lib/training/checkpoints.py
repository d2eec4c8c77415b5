"""Checkpoints: a run that is stopped at any moment goes on as if it had not been. Taught in 07b.

One `.safetensors` file holds all tensors and, as JSON, all else; reading it runs nothing. It is
written under another name and renamed when complete, so a crash while writing leaves the last one;
and the one before stays beside it, to serve if the last is damaged. No random state is in it: all
chance of a run follows from its seed and the step (see `loop`).
"""

import json
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vtff_lib.files import from_json, whole
from vtff_lib.refusals import check_number, check_whole
from vtff_lib.training.history import History
from vtff_lib.training.targets import LabelledFaces
from vtff_lib.vtff import VTFF
from vtff_lib.weights import require_same_tensors

NAME = "checkpoint.safetensors"
BEFORE = f"{NAME}.before"
SAMPLED_IMAGES = 64  # of a set that stays in a file: to read all of it takes too long


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


def save_checkpoint(
    folder: Path, state: TrainingState, fingerprint: dict[str, Any], where: dict[str, Any]
) -> None:
    """Write `checkpoint.safetensors` into `folder`, whole or not at all; keep the one before it.

    Args:
        folder: that of the run.
        state: what is written.
        fingerprint: what a run has to agree with to go on from it.
        where: on what it ran; to go on elsewhere changes how floats are rounded.
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in state.tensors().items()}
    notes = json.dumps(
        {
            "fingerprint": fingerprint,
            "where": where,
            "step": state.step,
            "seconds": state.seconds,
            "scaler": state.scaler.state_dict(),
            "history": state.history.to_json(),
        }
    )
    metadata = {"training": notes, "checksum": _checksum(tensors, notes)}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with whole(folder / NAME) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(contiguous, metadata))
        if (folder / NAME).is_file():
            (folder / NAME).replace(folder / BEFORE)


def load_checkpoint(
    folder: Path, state: TrainingState, fingerprint: dict[str, Any], where: dict[str, Any]
) -> bool:
    """Bring `state` to where the last sound checkpoint in `folder` was written, if there is one.

    Returns:
        Whether there was one; if not, `state` is as it was.

    Raises:
        ValueError: if all there are are damaged, or it was written with another model, other
            settings or faces.
    """
    found = [folder / name for name in (NAME, BEFORE) if (folder / name).is_file()]
    if not found:
        return False
    path, tensors, notes, history = _read_first_sound(found)
    _require_same_run(path, notes["fingerprint"], fingerprint)
    _fill_optimiser(state, tensors)
    own = state.tensors()
    require_same_tensors(own, tensors, path)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])  # into its place: device and memory format stay
    state.step, state.seconds, state.history = notes["step"], notes["seconds"], history
    state.scaler.load_state_dict(notes["scaler"])
    changed = _differences(notes["where"], where)
    if changed:
        warnings.warn(
            f"{path} is gone on from with {changed}: sums of floats are rounded otherwise, so the "
            "weights will not be those of a run that was never stopped, bit for bit.",
            stacklevel=3,
        )
    return True


def describe_faces(faces: LabelledFaces, targets: Tensor) -> str:
    """Return a short text that tells `faces` from other faces.

    It is made of their number and size, of all `targets` and of all images; of `StoredImages`, of
    64 spread over the set, and of the hash of the pack that they come from.
    """
    images, pack = faces.images, ""
    if not isinstance(images, Tensor):
        images = images[torch.linspace(0, len(images) - 1, SAMPLED_IMAGES).long()]
        pack = getattr(faces, "manifest", {}).get("sha256", "")
    checksum = _checksum({"images": images.cpu(), "targets": targets.cpu()}, pack)
    return f"{'×'.join(map(str, faces.images.shape))}, {checksum}"


def _checksum(tensors: dict[str, Tensor], notes: str = "") -> str:
    """Return the CRC-32 of all bytes: it finds damage, and is no protection from malice."""
    value = zlib.crc32(notes.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        described = f"{name} {tensor.dtype} {list(tensor.shape)}"
        content = tensor.contiguous().reshape(-1).view(torch.uint8)
        value = zlib.crc32(content.numpy().data, zlib.crc32(described.encode(), value))
    return f"{value:08x}"


def _read_first_sound(
    paths: list[Path],
) -> tuple[Path, dict[str, Tensor], dict[str, Any], History]:
    """Return the content of the first that is no damaged one, and which that is."""
    refusals: list[ValueError] = []
    for path in paths:
        try:
            content = _read(path)
        except ValueError as error:
            refusals.append(error)
            continue
        if refusals:
            warnings.warn(f"{refusals[0]} The run goes on from {path}.", stacklevel=4)
        return path, *content
    them = "it" if len(paths) == 1 else f"it and {BEFORE}"
    raise ValueError(f"{refusals[0]} Delete {them} to train from the start.") from refusals[0]


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], History]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["checksum"] != _checksum(tensors, metadata["training"]):
            raise ValueError("its bytes have changed")
        notes = from_json(metadata["training"])
        check_whole("step", notes["step"], low=0, high=2**63)
        check_number("seconds", notes["seconds"], 0)
        if not all(isinstance(notes[part], dict) for part in ("fingerprint", "where", "scaler")):
            raise ValueError("its notes are of another kind")
        return tensors, notes, History.from_json(notes["history"])
    except Exception as error:  # a damaged file can fail with anything
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(f"{path} is damaged or no checkpoint of a training ({reason}).") from error


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    return "; ".join(
        f"{name}={wanted.get(name)!r} instead of {found.get(name)!r}"
        for name in found | wanted
        if found.get(name) != wanted.get(name)
    )


def _require_same_run(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = _differences(wanted, found)
    if differing:
        raise ValueError(
            f"{path} is of another run: {differing}. Go on with its settings, or choose another "
            "folder."
        )


def _fill_optimiser(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Make room for the moments: AdamW has none before its first step, and none of what is frozen.

    They have the sizes of the parameters, whatever the file says: AdamW writes there unseen.
    """
    for name, parameter in state.model.named_parameters():
        if f"optimiser.{name}.step" in tensors:
            room = {moment: torch.zeros_like(parameter) for moment in ("exp_avg", "exp_avg_sq")}
            room["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state.optimiser.state[parameter] = room
