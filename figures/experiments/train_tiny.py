"""Train the tiny model on synthetic faces, three seeds, and write down what came of it.

    python -m figures.experiments.train_tiny minute     the shipped faces, about two minutes a seed
    python -m figures.experiments.train_tiny shipped    ten thousand faces, half an hour a seed

`shipped` also writes the weights that come with the package, of the first seed; their card is made
by `python -m figures.ledger.model_card`. Stopped, each goes on where it was. `--seeds 1 2` trains
only those and keeps other results.
"""

import shutil
from collections.abc import Iterator
from statistics import mean

from data_scripts import make_synthetic
from figures.experiments.harness import BUILD, Record, argument, experiment, first_seeds
from figures.experiments.runs import train_tiny, weights_of
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


def run(experiment: str, seed: int) -> Record:
    """Train one seed and return its figures on the shipped test faces, people never seen."""
    config = TrainingConfig.preset(PRESETS[experiment], seed=seed)
    model, record = train_tiny(f"tiny_{experiment}", faces_for(experiment), config)
    test = load_default().part("test")
    report = evaluate(predict(model, test.images), test.labels, test.class_names)
    return record | {"test": report.to_dict()}


def mean_accuracy(runs: list[Record]) -> Record:
    """Return the mean accuracy on the test faces over all seeds."""
    accuracies = [run["test"]["accuracy"]["value"] for run in runs]
    return {"mean_accuracy": round(mean(accuracies), 4), "seeds": len(accuracies)}


@experiment(
    "tiny_{experiment}.json",
    "numpy",
    "scikit-learn",
    arguments=[argument("experiment", choices=PRESETS), first_seeds(3)],
    summarise=mean_accuracy,
    threads=None,
)
def main(experiment: str, seeds: list[int]) -> Iterator[Record]:
    """Yield the figures of each seed."""
    for seed in seeds:
        record = run(experiment, seed)
        print(f"seed {seed}: {record['test']['accuracy']}, {record['seconds']} s")
        yield record
        if experiment == "shipped" and seed == SHIPPED_SEED:
            shutil.copy(weights_of("tiny_shipped", seed), FOLDER / "tiny.safetensors")


if __name__ == "__main__":
    main()
