"""Change the recipe for FER+ in one thing at a time, and measure it on the validation pictures.

    python -m figures.experiments.ferplus_search PACK --device cuda            a quarter as long
    python -m figures.experiments.ferplus_search PACK --model small --share 1  tiny, on a CPU

The test pictures are dropped as soon as PACK is read. Stopped, or after `--time-limit` seconds, the
same command goes on.

Three rows of the table differ in the seed alone; what differs by less than they do is equally good.
The best of many was lucky too, so its figures promise more than a new seed will keep. And weaker
augmentation looks better in short runs than in long ones.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from figures.experiments.ferplus import DEVICE, EXPERIMENTS, TIME_LIMIT, read_faces, run
from figures.experiments.harness import FIGURES, PACK, Record, argument, experiment, read_runs
from figures.experiments.runs import weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import TrainingConfig

UNCHANGED = "unchanged"
LAST_START = 0.8  # of the time limit: none starts later, for a GPU compiles a minute first
Recipe = tuple[VTFFConfig, TrainingConfig]


def recipes(settings: VTFFConfig, training: TrainingConfig) -> dict[str, Recipe]:
    """Return a recipe and, by name, those that differ from it in one thing."""
    changes: dict[str, dict[str, Any]] = {
        "weight_decay_doubled": {"weight_decay": 2 * training.weight_decay},
        "learning_rate_halved": {"learning_rate": training.learning_rate / 2},
        "learning_rate_doubled": {"learning_rate": training.learning_rate * 2},
    }
    for setting, values in {
        "seed": (1, 2),  # what chance alone does
        "mixup": (0.0, 0.2, 0.4),
        "logit_adjustment": (0.0, 0.5),
        "label_smoothing": (0.0, 0.1),
    }.items():
        changes |= {f"{setting}_{value}": {setting: value} for value in values}
    for name in ("light", "standard", "strong"):
        changes[f"augmentation_{name}"] = {"augmentation": Augmentation.preset(name)}
    made = {name: (settings, replace(training, **change)) for name, change in changes.items()}
    made |= {f"dropout_{p}": (replace(settings, dropout=p), training) for p in (0.0, 0.1)}
    start = (settings, training)
    return {UNCHANGED: start} | {name: recipe for name, recipe in made.items() if recipe != start}


def identity(recipe: Recipe, faces: FaceSet) -> dict[str, Any]:
    """Return what two runs have to share to be the same: all settings, and the faces."""
    settings, training = recipe
    return {
        "training": repr(training),
        "model": json.loads(settings.to_json()),
        "faces_sha256": faces.manifest.get("sha256"),
    }


def search(
    path: Path, wanted: dict[str, Recipe], faces: FaceSet, device: str, time_limit: float
) -> Iterator[Record]:
    """Train and measure the recipes that `path` does not tell of yet, and yield each when over.

    Args:
        path: of the table; its name is that of the runs too.
        wanted: the recipes by name.
        faces: those of "train" and "valid".
        device: where to train.
        time_limit: seconds.

    Raises:
        SystemExit: if the time is over before the recipes are, or `path` tells of other runs.
    """
    started = time.monotonic()
    done = {record["recipe"]: record for record in read_runs(path)}
    for recipe, record in done.items():
        if recipe not in wanted or not record.items() >= identity(wanted[recipe], faces).items():
            raise SystemExit(
                f"{path} tells of {recipe!r} with other settings or faces, and one table compares "
                "what differs in one thing; move it away, or give the command that wrote it."
            )
    waiting = [recipe for recipe in wanted if recipe not in done]
    while waiting:
        recipe = waiting[0]
        settings, training = wanted[recipe]
        name, left = f"{path.stem}_{recipe}", max(0.0, started + time_limit - time.monotonic())
        record = run(name, settings, training, faces, device, left, "valid")
        if record:
            yield record | {"recipe": recipe, **identity(wanted[recipe], faces)}
            shutil.rmtree(weights_of(name, training.seed).parent)  # nearly a GB at full size
            accuracy = record["valid"]["accuracy"]["value"]
            print(f"{recipe}: {accuracy:.1%} of the validation pictures", flush=True)
            del waiting[0]
        late = time.monotonic() - started > LAST_START * time_limit
        if not record or (waiting and late):
            raise SystemExit(f"Recipes to go: {len(waiting)}; the same command goes on.")


def tabulate(runs: list[Record]) -> Record:
    """Return a row of figures for each recipe, the most accurate first."""
    figures = {"accuracy": "accuracy", "macro_f1": "macro_f1", "loss": "negative_log_likelihood"}
    rows = {
        run["recipe"]: {
            **{name: round(run["valid"][figure]["value"], 4) for name, figure in figures.items()},
            "seconds": run["seconds"],  # with compiling, in the first run after a start
        }
        for run in runs
    }
    best = sorted(rows, key=lambda recipe: (-rows[recipe]["accuracy"], rows[recipe]["loss"]))
    return {
        "best": best[0],
        "valid_accuracy": rows[best[0]]["accuracy"],
        "table": {recipe: rows[recipe] for recipe in best},
    }


@experiment(
    "ferplus_search_{model}.json",
    "numpy",
    "scikit-learn",
    arguments=[
        PACK,
        argument("--model", choices=EXPERIMENTS, default="full", help="and its recipe"),
        argument("--share", type=float, default=0.25, help="of the recipe's epochs"),
        DEVICE,
        TIME_LIMIT,
    ],
    summarise=tabulate,
    key="recipe",
    threads=None,
)
def main(pack: Path, model: str, share: float, device: str, time_limit: float) -> Iterator[Record]:
    """Search among the changes of one experiment's recipe."""
    faces = read_faces(pack, watching=True)
    settings, training = EXPERIMENTS[model]
    short = replace(training, epochs=max(1, round(share * training.epochs)))
    path = FIGURES / f"ferplus_search_{model}.json"
    yield from search(path, recipes(settings, short), faces, device, time_limit)


if __name__ == "__main__":
    main()
