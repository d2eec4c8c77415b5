"""A run of a model: what the scripts that train share."""

import math
from pathlib import Path

import torch

from figures.experiments.harness import BUILD, Record
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.training.loop import train
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF


def weights_of(name: str, seed: int) -> Path:
    """Return the file with the weights of a finished run."""
    return BUILD / f"{name}_{seed}" / "model.safetensors"


def train_tiny(
    name: str, faces: FaceSet, config: TrainingConfig, start: VTFF | None = None
) -> tuple[VTFF, Record]:
    """Train a tiny model to the end, see `train_model`; `start` has the first weights, if given."""
    torch.manual_seed(config.seed)
    model = start or VTFF(VTFFConfig.tiny(len(faces.class_names)))
    return model, train_model(name, model, faces, config)


def train_model(
    name: str, model: VTFF, faces: FaceSet, config: TrainingConfig, time_limit: float = math.inf
) -> Record:
    """Train `model`, or go on where an earlier run of that name and seed was, and save it.

    Args:
        name: of the run, without its seed.
        model: with its first weights, on the device where the work is to be done.
        faces: with a split to learn from and one to watch.
        config: the settings.
        time_limit: seconds after which the run stops, to be gone on with by the same call.

    Returns:
        What is to be told of the training; nothing if it is not over yet.
    """
    weights = weights_of(name, config.seed)
    train_set, valid_set = faces.part("train"), faces.part("valid")
    history = train(model, train_set, valid_set, config, weights.parent, time_limit=time_limit)
    if not history.finished:
        return {}
    model.save(weights)
    return {
        "seed": config.seed,
        "seconds": round(sum(epoch.seconds for epoch in history.epochs), 1),
        "training": repr(config),
        "images": len(train_set),
        "faces_sha256": faces.manifest.get("sha256"),
        "valid_accuracy": [round(epoch.valid_accuracy, 4) for epoch in history.epochs],
    }
