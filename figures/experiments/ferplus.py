"""Train VTFF and its baselines on FER+, and write down what came of it.

    python -m figures.experiments.ferplus PACK small              on a CPU, minutes a seed
    python -m figures.experiments.ferplus PACK small_rgb          a baseline, for lesson 09
    python -m figures.experiments.ferplus PACK photos              shipped; an hour on a CPU
    python -m figures.experiments.ferplus PACK student --teacher build/teacher.safetensors
    python -m figures.experiments.ferplus PACK full --device cuda  full size, for a GPU
    python -m figures.experiments.ferplus PACK rgb --device cuda   a baseline, without fusion

PACK is made by `python data_scripts/prepare.py ferplus`. The weights start at random, and no other
faces are used. All that is chosen is chosen on the validation pictures (`--watch`, which measures
nothing else, and `ferplus_search` beside this); each seed is measured on the test pictures once,
with their mirror images. Stopped, or after `--time-limit` seconds, the same command goes on.
`figures/RUNS.md` lists what was run.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from figures.experiments.harness import PACK, Record, argument, experiment, first_seeds
from figures.experiments.runs import train_model, weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.twins import find_twins
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.names import SPLITS
from vtff_lib.pretrained import FOLDER, load_pretrained
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.teacher import learned_from
from vtff_lib.vtff import VTFF, count_parameters

FULL = TrainingConfig(
    epochs=80,
    batch_size=128,
    learning_rate=1e-3,
    warmup=0.1,
    label_smoothing=0.0,  # the votes are soft already
    mixup=0.2,
    ema_decay=0.9995,
    precision="bfloat16",
    compiled=True,
    growth=0.5,
    smallest=0.58,
    augmentation=Augmentation.preset("standard"),
)
SMALL = TrainingConfig(
    epochs=8,
    batch_size=64,
    learning_rate=2e-3,
    warmup=0.2,
    label_smoothing=0.0,
    augmentation=Augmentation.preset("light"),
)
PHOTOS = TrainingConfig(
    epochs=24,
    batch_size=64,
    learning_rate=2e-3,
    warmup=0.1,
    label_smoothing=0.0,
    ema_decay=0.9995,
    precision="bfloat16",  # CPUs with AVX-512 BF16 take half the time
    growth=0.7,
    smallest=0.57,
    augmentation=Augmentation.preset("standard"),
)
TEACHER = replace(PHOTOS, epochs=40, mixup=0.2)  # erasing is in the augmentation
WIDER = {"width": 32, "embed_dim": 128, "mlp_dim": 256}
MEDIUM = {"width": 40, "embed_dim": 256, "depth": 4, "num_heads": 8, "mlp_dim": 768}
SHIPPED = ("photos", 0)  # experiment and seed: the first, whatever the others reach
EXPERIMENTS: dict[str, tuple[VTFFConfig, TrainingConfig]] = {
    "small": (VTFFConfig.tiny(8, image_size=64), SMALL),
    **{
        f"small_{name}": (VTFFConfig.tiny(8, image_size=64, fusion=name), SMALL)
        for name in ("rgb", "lbp", "sum")
    },
    "photos": (VTFFConfig.tiny(8, **WIDER), PHOTOS),
    "teacher": (VTFFConfig.tiny(8, **WIDER), TEACHER),
    "student": (VTFFConfig.tiny(8, **WIDER), TEACHER),
    **{
        f"photos_{name}": (VTFFConfig.tiny(8, fusion=name, **WIDER), TEACHER)
        for name in ("rgb", "lbp")
    },
    "medium": (VTFFConfig.tiny(8, **MEDIUM), FULL),
    "full": (VTFFConfig.paper(8), FULL),
    **{name: (VTFFConfig.paper(8, fusion=name), FULL) for name in ("rgb", "lbp", "sum", "concat")},
}


def read_faces(pack: Path, watching: bool = False) -> FaceSet:
    """Read FER+; `watching`, without its test pictures.

    Raises:
        SystemExit: if there is no such pack, or it cannot be read.
    """
    try:
        faces = FaceSet.read(pack)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    return faces[faces.splits != SPLITS.index("test")] if watching else faces


def run(
    name: str,
    settings: VTFFConfig,
    config: TrainingConfig,
    faces: FaceSet,
    device: str,
    time_limit: float,
    split: str,
) -> Record:
    """Train one model; return its figures on the pictures of a split, nothing if it is not over."""
    torch.manual_seed(config.seed)
    model = VTFF(settings).to(device)
    record = train_model(name, model, faces, config, time_limit)
    if not record:
        return {}
    return record | {
        "parameters": count_parameters(model),
        "protocol": faces.manifest["protocol"],
        "split": split,
        **measure(model, faces, split),
    }


def taught(faces: FaceSet, teacher: Path) -> FaceSet:
    """Return faces of which the training pictures have the teacher's answers among their votes."""
    learned = faces.splits == SPLITS.index("train")
    votes = faces.extras["votes"].clone()
    votes[learned] = learned_from(faces.part("train"), teacher).extras["votes"]
    return replace(faces, extras={**faces.extras, "votes": votes})


def measure(model: VTFF, faces: FaceSet, split: str) -> dict[str, Any]:
    """Return the figures of a split, and those without pictures that have twins elsewhere."""
    alone = faces[~find_twins(faces.images, faces.splits).across].part(split)
    part = faces.part(split)
    return {
        name: evaluate(
            predict(model, some.images, flipped=True), some.labels, some.class_names
        ).to_dict()
        for name, some in ((split, part), ("without_twins", alone))
    }


def ship(weights: Path, faces: FaceSet) -> dict[str, Any]:
    """Put weights, in half precision, into the package; return what those reach on test."""
    VTFF.load(weights).half().save(FOLDER / "photos.safetensors")
    test = faces.part("test")
    probabilities = predict(load_pretrained("photos"), test.images, flipped=True)
    return {"shipped": evaluate(probabilities, test.labels, test.class_names).to_dict()}


def summarise(runs: list[Record]) -> Record:
    """Return means over all seeds."""
    return {
        "seeds": len(runs),
        **{
            f"mean_{figure}": round(mean(run[run["split"]][figure]["value"] for run in runs), 4)
            for figure in ("accuracy", "balanced_accuracy", "macro_f1")
        },
        "mean_accuracy_without_twins": round(
            mean(run["without_twins"]["accuracy"]["value"] for run in runs), 4
        ),
    }


DEVICE = argument("--device", default="cpu")
TIME_LIMIT = argument("--time-limit", type=float, default=math.inf, metavar="SECONDS")
WATCH = argument("--watch", action="store_true", help="measure on validation pictures only")
ANSWERS = argument("--teacher", type=Path, metavar="FILE", help="of figures.experiments.teacher")


@experiment(
    "ferplus_{experiment}.json",
    "numpy",
    "scikit-learn",
    arguments=[
        PACK,
        argument("experiment", choices=EXPERIMENTS),
        first_seeds(3),
        DEVICE,
        TIME_LIMIT,
        WATCH,
        ANSWERS,
    ],
    summarise=summarise,
    threads=None,
)
def main(
    pack: Path,
    experiment: str,
    seeds: list[int],
    device: str,
    time_limit: float,
    watch: bool,
    teacher: Path | None,
) -> Iterator[Record]:
    """Yield the figures of each seed.

    Raises:
        ValueError: if a student has no teacher, or the teacher answers to other pictures.
    """
    started = time.monotonic()
    faces = read_faces(pack, watch)
    if (experiment == "student") != (teacher is not None):
        raise ValueError("A student, and nobody else, needs --teacher FILE; see the help.")
    if teacher is not None:
        faces = taught(faces, teacher)
    settings, training = EXPERIMENTS[experiment]
    name, split = f"ferplus_{experiment}", "valid" if watch else "test"
    for seed in seeds:
        config = replace(training, seed=seed)
        left = max(0.0, time_limit - (time.monotonic() - started))
        record = run(name, settings, config, faces, device, left, split)
        if not record:
            raise SystemExit(f"Seed {seed} is not over yet; the same command goes on.")
        record["experiment"] = experiment
        if (experiment, seed) == SHIPPED and not watch:
            record |= ship(weights_of(name, seed), faces)
        print(f"seed {seed}: {record[split]['accuracy']}, {record['seconds']} s")
        yield record


if __name__ == "__main__":
    main()
