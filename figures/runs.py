"""What the training scripts share: a run of the tiny model, and the file that holds all seeds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vtff_lib.circumstances import circumstances
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.recipe import TrainingConfig
from vtff_lib.training import train
from vtff_lib.vtff import VTFF

FIGURES = Path(__file__).parent
BUILD = FIGURES.parent / "build"


def weights_of(name: str, seed: int) -> Path:
    """Return the file with the weights of a finished run."""
    return BUILD / f"{name}_{seed}" / "model.safetensors"


def train_tiny(
    name: str, faces: FaceSet, config: TrainingConfig, start: VTFF | None = None
) -> tuple[VTFF, dict[str, Any]]:
    """Train a tiny model, or go on where an earlier run of that name and seed was.

    Args:
        name: of the run, without its seed.
        faces: with a split to learn from and one to watch.
        config: the settings.
        start: the model whose weights are the first; random ones if not given.

    Returns:
        The model, and what is to be told of its training.
    """
    torch.manual_seed(config.seed)
    model = start or VTFF(VTFFConfig.tiny(len(faces.class_names)))
    weights = weights_of(name, config.seed)
    history = train(model, faces.part("train"), faces.part("valid"), config, weights.parent)
    model.save(weights)
    return model, {
        "seed": config.seed,
        "seconds": round(sum(epoch.seconds for epoch in history.epochs), 1),
        **circumstances("numpy", "scikit-learn"),
        "training": repr(config),
        "images": len(faces.part("train")),
        "faces_sha256": faces.manifest.get("sha256"),
        "valid_accuracy": [round(epoch.valid_accuracy, 4) for epoch in history.epochs],
    }


def write_runs(
    path: Path, new: list[dict[str, Any]], summarise: Callable[[list[dict[str, Any]]], Any]
) -> None:
    """Write the runs of all seeds, those of earlier calls too, and a summary of them all."""
    earlier = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    seeds = {run["seed"] for run in new}
    runs = sorted([r for r in earlier if r["seed"] not in seeds] + new, key=lambda r: r["seed"])
    text = json.dumps({"summary": summarise(runs), "runs": runs}, indent=1)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
