"""Train the tiny model with another choice in its encoder: post-LN, or no positions.

    python -m figures.experiments.encoder_choices

All else is as in `python -m figures.experiments.train_tiny minute`, whose runs these are compared
with: the shipped faces, the same seeds, settings and first weights. Without positions, their
embedding stays at zero. Written down: the accuracy on the shipped test faces, of people never seen.
`--seeds 3 4` trains only those and keeps other results; what was stopped goes on where it was.
"""

from collections.abc import Iterator
from statistics import mean
from typing import Any

import torch

from figures.experiments.harness import Record, experiment, first_seeds
from figures.experiments.runs import train_model
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

CHOICES: dict[str, dict[str, str]] = {"post-LN": {"norm": "post"}, "no positions": {}}


def train_choice(choice: str, seed: int, faces: FaceSet) -> Record:
    """Train one choice from one seed; return what is told of it."""
    torch.manual_seed(seed)
    model = VTFF(VTFFConfig.tiny(len(faces.class_names), **CHOICES[choice]))
    if choice == "no positions":
        torch.nn.init.zeros_(model.position_embedding).requires_grad_(False)
    config = TrainingConfig.preset("minute", seed=seed)
    name = f"encoder_{choice.replace(' ', '_').lower()}"
    record = train_model(name, model, faces, config)
    test = faces.part("test")
    report = evaluate(predict(model, test.images), test.labels, test.class_names)
    return record | {"accuracy": report.to_dict()["accuracy"]}


def run(seed: int, faces: FaceSet) -> Record:
    """Train every choice from one seed; return the figures of all."""
    records = {choice: train_choice(choice, seed, faces) for choice in CHOICES}
    choices = {
        choice: {key: record[key] for key in ("accuracy", "valid_accuracy", "training", "seconds")}
        for choice, record in records.items()
    }
    return {
        "seed": seed,
        "seconds": round(sum(record["seconds"] for record in records.values()), 1),
        "faces_sha256": faces.manifest.get("sha256"),
        "choices": choices,
    }


def summarise(runs: list[Record]) -> dict[str, Any]:
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


@experiment("encoder_choices.json", arguments=[first_seeds(3)], summarise=summarise)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield all choices of each seed."""
    faces = load_default()
    for seed in seeds:
        yield run(seed, faces)


if __name__ == "__main__":
    main()
