"""Files of weights: read without running anything in them, written whole or not at all.

Taught in 02 (reading) and 06 (saving).
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from vtff_lib import files
from vtff_lib.refusals import as_path

WRAPPING = re.compile(r"^(module\.|_orig_mod\.)+")
# What training scripts save it under; `model` may hold settings, or another of these.
OUTER = ("state_dict", "model_state_dict", "model", "net", "state_dict")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` file or of a state dict written by `torch.save`.

    Returns:
        Tensors by name, on the CPU, without what training scripts wrap around them: one of the
        `OUTER` names, and in front of names `module.` (`nn.DataParallel`) and `_orig_mod.`
        (`torch.compile`).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, would have to run code to be read, or holds no tensors by
            name.

    Taught in 02.
    """
    path = as_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no weight file {path}; check the path.")
    try:
        if _is_safetensors(path):
            content = safetensors.torch.load_file(path)
        else:
            _refuse_inflation(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is not a plain file of tensors: it is damaged, or reading it would run code "
            "that it brings along, which could do anything on this machine. Ask for a .safetensors "
            "file, or save only its state_dict() where you trust it."
        ) from error
    except Exception as error:  # a damaged file can fail with anything
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            f"{path} is damaged or not a weight file ({reason}); download or save it again."
        ) from error
    return _tensors_by_name(content, path)


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return the notes of a `.safetensors` file; any other readable weight file has none."""
    if not _is_safetensors(Path(path)):
        return {}
    with safetensors.safe_open(path, "pt") as file:
        return file.metadata() or {}


def write_weights(
    path: str | Path, weights: Mapping[str, Tensor], metadata: dict[str, str]
) -> None:
    """Write a `.safetensors` file; until it is complete, what stood at `path` stays.

    Raises:
        ValueError: if `path` does not end in `.safetensors` or its folder does not exist.

    Taught in 06.
    """
    path = as_path(path)
    if path.suffix != ".safetensors" or not path.parent.is_dir() or path.is_dir():
        raise ValueError(
            f"Cannot save to {path}; give a .safetensors file in a folder that exists."
        )
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    # Not save_file, which makes a file that only its owner can read.
    files.write(path, safetensors.torch.save(weights, metadata))


def require_same_tensors(
    expected: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    path: str | Path,
    remedy: str = "Build the model that it was saved from, or choose another file.",
) -> None:
    """Check that `found` has exactly the names and shapes of `expected`, and floats for floats.

    Args:
        expected: the tensors of the model that is to hold them.
        found: those that there are.
        path: where they are from, as the sentence names it.
        remedy: what to do if they do not fit, as a sentence.

    Raises:
        ValueError: saying how many tensors are missing, unexpected, of another shape or of another
            kind, with one of each.

    Taught in 02.
    """
    reshaped = [
        f"{name}: {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    problems = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": reshaped,
        "of another kind": [
            f"{name}: {found[name].dtype}"
            for name, tensor in expected.items()
            if name in found and found[name].is_floating_point() != tensor.is_floating_point()
        ],
    }
    counts = [f"{len(names)} {what} ({names[0]!r})" for what, names in problems.items() if names]
    if counts:
        raise ValueError(
            f"{path} holds the weights of another network: of {len(expected)} tensors, "
            f"{', '.join(counts)}. {remedy}"
        )


def _is_safetensors(path: Path) -> bool:
    """Say so by content, whatever it is called: 8 bytes that tell a length, then JSON."""
    with path.open("rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def _refuse_inflation(path: Path) -> None:
    """Refuse what `torch.save` never does: a file whose content is larger than itself."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as opened:
            if sum(info.file_size for info in opened.infolist()) > path.stat().st_size:
                raise ValueError("it is compressed, and torch.save compresses nothing")


def _is_plain(tensor: object) -> bool:
    """Say whether it is a tensor whose values are in memory, each in its place."""
    return (
        isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and tensor.untyped_storage().nbytes() >= tensor.nbytes
    )


def _tensors_by_name(content: object, path: Path) -> dict[str, Tensor]:
    for outer in OUTER:
        if isinstance(content, dict) and isinstance(content.get(outer), dict):
            content = content[outer]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and _is_plain(tensor) for name, tensor in content.items()
    ):
        raise ValueError(f"{path} holds no tensors by name; save a model's state_dict() in it.")
    weights = {WRAPPING.sub("", name): tensor for name, tensor in content.items()}
    if len(weights) < len(content):
        raise ValueError(
            f"{path} holds some tensors twice, with and without module. in front of the name; save "
            "one model in it."
        )
    return weights
