"""How far does a model that has only seen rendered faces get on photographs?

    python -m figures.experiments.sim_to_real FERPLUS      a folder with FER+

FERPLUS is FER+ in either of its layouts, see `vtff_lib.datasets.sources.ferplus`: grey pictures of
48×48 pixels with ten votes each; those count of which more than half name one expression. Nothing
of it is copied. For each seed the shipped model learns on from rendered snapshots, made grey,
coarse and tightly cropped as these pictures are, and is measured on the test pictures and their
mirror images; all that was chosen was chosen on the validation pictures (`--watch` looks at no
others), which are told too. The shipped model as it is stands beside it.

Figures are balanced accuracies: the mean of the classes' recalls, of all eight expressions and of
neutral, happiness and surprise alone, where only these three can be chosen.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from torch import Tensor

from data_scripts import make_synthetic
from figures.experiments.harness import (
    BUILD,
    FIGURES,
    Record,
    argument,
    first_seeds,
    parse,
    write_runs,
)
from figures.experiments.runs import train_tiny
from vtff_lib import load_pretrained
from vtff_lib.datasets.sources.ferplus import catalogue_ferplus
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.evaluation.report import Report
from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

SNAPSHOTS = make_synthetic.Settings(
    train=12_000, valid=400, test=0, seed=1, quality=None, wildness=1.0
)
TRAINING = TrainingConfig(
    epochs=10, batch_size=32, learning_rate=1.5e-3, warmup=0.2, growth=0.5, smallest=0.72,
    augmentation=Augmentation(
        flip=0.5, move=0.8, rotation=15, scale=0.25, shift=0.08, brightness=0.2, contrast=0.7,
        gamma=0.6, grey=1.0, noise=0.05, blur=1.0, smallest=0.4, erasing=0.4, erased=0.4,
    ),
)  # fmt: skip
MIDDLE = (slice(None), slice(None), slice(6, 102), slice(8, 104))  # rows and columns of 112
THREE = EXPRESSIONS[:3]


def read_photographs(ferplus: Path, split: str) -> tuple[Tensor, Tensor]:
    """Return FER+'s pictures, `(N, 3, 48, 48)` uint8, and their majority `(N,)`."""
    try:
        catalogue = catalogue_ferplus(ferplus)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    rows = (catalogue.splits == SPLITS.index(split)).nonzero().flatten()
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(catalogue.load, rows.tolist()))  # each (48, 48, 3)
    return torch.from_numpy(np.stack(pictures)).movedim(-1, 1), catalogue.labels[rows]


def measure(model: VTFF, images: Tensor, labels: Tensor) -> Record:
    """Return balanced accuracy with its interval, and recalls, of eight and of three classes."""
    probabilities = predict(model, images, flipped=True)
    three = labels < len(THREE)
    of_three = probabilities[three, : len(THREE)]
    of_three = of_three / of_three.sum(dim=1, keepdim=True)
    return {
        "eight": summary(evaluate(probabilities, labels, EXPRESSIONS)),
        "three": summary(evaluate(of_three, labels[three], THREE)),
    }


def summary(report: Report) -> Record:
    """Return what is told of one report."""
    figures = report.to_dict()
    return {
        "images": report.images,
        "chance": round(1 / len(report.classes), 4),
        "balanced_accuracy": figures["balanced_accuracy"],
        "recall": {row["name"]: row["recall"]["value"] for row in figures["classes"]},
    }


def summarise(runs: list[Record]) -> Record:
    """Return the means over all seeds, on each split that was looked at."""
    return {
        f"mean_balanced_accuracy_of_{name}_on_{split}": round(
            mean(run[split][name]["balanced_accuracy"]["value"] for run in runs), 4
        )
        for split in SPLITS[1:]
        if split in runs[0]
        for name in ("three", "eight")
    }


def main() -> None:
    """Measure each seed and the shipped model, and write the figures."""
    watch = argument("--watch", action="store_true", help="do not look at the test pictures")
    folder = argument("ferplus", type=Path, help="folder with FER+")
    options = parse(__doc__, [folder, watch, first_seeds(3)])
    splits = SPLITS[1:2] if options["watch"] else SPLITS[1:]
    photographs = {split: read_photographs(options["ferplus"], split) for split in splits}

    def measured(model: VTFF) -> Record:
        return {split: measure(model, *photographs[split]) for split in splits}

    shipped = measured(load_pretrained("tiny"))
    print("shipped", json.dumps(shipped))
    faces = make_synthetic.rendered(BUILD / "snapshots.safetensors", SNAPSHOTS)
    faces = replace(faces, images=faces.images[MIDDLE])  # training enlarges them again
    path = (BUILD if options["watch"] else FIGURES) / "sim_to_real.json"
    for seed in options["seeds"]:
        config, start = replace(TRAINING, seed=seed), load_pretrained("tiny")
        model, record = train_tiny("snapshots", faces, config, start)
        run = circumstances("numpy", "scikit-learn") | record | measured(model)
        print(json.dumps(run))
        write_runs(path, [run], lambda runs: {**summarise(runs), "shipped": shipped})


if __name__ == "__main__":
    main()
