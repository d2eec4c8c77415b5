"""Train the tiny model on synthetic faces, three seeds, and write down what came of it.

    python -m figures.train_tiny minute     the shipped faces, about two minutes a seed
    python -m figures.train_tiny shipped    ten thousand faces, less than half an hour a seed

`shipped` also writes the weights that come with the package, of the first seed; their card is made
by `python -m figures.model_card`. Stopped, each goes on where it was. `--seeds 1 2` trains only
those and keeps other results.
"""

import argparse
import json
import shutil
from statistics import mean
from typing import Any

from data_scripts import make_synthetic
from figures.runs import BUILD, FIGURES, train_tiny, weights_of, write_runs
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.pretrained import FOLDER
from vtff_lib.training.recipe import TrainingConfig

PRESETS = {"minute": "minute", "shipped": "thorough"}
MANY = make_synthetic.Settings(train=10_000, valid=400, test=0, quality=None)
SHIPPED_SEED = 0  # the first, whatever the others reach


def faces_for(experiment: str) -> FaceSet:
    """Return the faces to learn from, with a split to watch; rendered now if they must be."""
    if experiment == "minute":
        return load_default()
    return make_synthetic.rendered(BUILD / "tiny_training.safetensors", MANY)


def run(experiment: str, seed: int) -> dict[str, Any]:
    """Train one seed and return its figures on the shipped test faces, people never seen."""
    config = TrainingConfig.preset(PRESETS[experiment], seed=seed)
    model, told = train_tiny(f"tiny_{experiment}", faces_for(experiment), config)
    test = load_default().part("test")
    report = evaluate(predict(model, test.images), test.labels, test.class_names)
    return told | {"test": report.to_dict()}


def mean_accuracy(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean accuracy on the test faces over all seeds."""
    accuracies = [run["test"]["accuracy"]["value"] for run in runs]
    return {"mean_accuracy": round(mean(accuracies), 4), "seeds": len(accuracies)}


def main() -> None:
    """Train the seeds asked for and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", choices=PRESETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    path = FIGURES / f"tiny_{options.experiment}.json"
    for seed in options.seeds:
        result = run(options.experiment, seed)
        write_runs(path, [result], mean_accuracy)
        print(f"seed {seed}: {result['test']['accuracy']}, {result['seconds']} s")
        if options.experiment == "shipped" and seed == SHIPPED_SEED:
            shutil.copy(weights_of("tiny_shipped", seed), FOLDER / "tiny.safetensors")
    print(json.loads(path.read_text(encoding="utf-8"))["summary"])


if __name__ == "__main__":
    main()
