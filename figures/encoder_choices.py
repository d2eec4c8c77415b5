"""Train the tiny model with another choice in its encoder: post-LN, or no positions.

    python -m figures.encoder_choices

All else is as in `python -m figures.train_tiny minute`, whose runs these are compared with: the
shipped faces, the same seeds, settings and first weights. Without positions, their embedding stays
at zero. Written down: the accuracy on the shipped test faces, of people never seen. `--seeds 3 4`
trains only those and keeps other results; what was stopped goes on where it was.
"""

import argparse
import json
from statistics import mean
from typing import Any

import torch

from figures.runs import FIGURES, train_model, write_runs
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

CHOICES: dict[str, dict[str, str]] = {"post-LN": {"norm": "post"}, "no positions": {}}
SHARED = ("command", "date", "processor", "cores", "threads", "python", "torch", "faces_sha256")


def train_choice(choice: str, seed: int, faces: FaceSet) -> dict[str, Any]:
    """Train one choice from one seed; return what is told of it."""
    torch.manual_seed(seed)
    model = VTFF(VTFFConfig.tiny(len(faces.class_names), **CHOICES[choice]))
    if choice == "no positions":
        torch.nn.init.zeros_(model.position_embedding).requires_grad_(False)
    config = TrainingConfig.preset("minute", seed=seed)
    name = f"encoder_{choice.replace(' ', '_').lower()}"
    told = train_model(name, model, faces, config)
    test = faces.part("test")
    report = evaluate(predict(model, test.images), test.labels, test.class_names)
    return told | {"accuracy": report.to_dict()["accuracy"]}


def run(seed: int, faces: FaceSet) -> dict[str, Any]:
    """Train every choice from one seed; return the figures of all."""
    told = {choice: train_choice(choice, seed, faces) for choice in CHOICES}
    first = next(iter(told.values()))
    choices = {
        choice: {key: each[key] for key in ("accuracy", "valid_accuracy", "training", "seconds")}
        for choice, each in told.items()
    }
    seconds = round(sum(each["seconds"] for each in told.values()), 1)
    return {"seed": seed, "seconds": seconds} | {k: first[k] for k in SHARED} | {"choices": choices}


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each choice's mean accuracy on the test faces over the seeds."""
    return {
        choice: {
            "mean_accuracy": round(
                mean(run["choices"][choice]["accuracy"]["value"] for run in runs), 4
            ),
            "seeds": len(runs),
        }
        for choice in CHOICES
    }


def main() -> None:
    """Train the seeds asked for and write their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    faces, path = load_default(), FIGURES / "encoder_choices.json"
    for seed in parser.parse_args().seeds:
        write_runs(path, [run(seed, faces)], summarise)
        print(f"seed {seed} done")
    print(json.loads(path.read_text(encoding="utf-8"))["summary"])


if __name__ == "__main__":
    main()
