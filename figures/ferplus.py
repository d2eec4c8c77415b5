"""Train VTFF and its baselines on FER+, and write down what came of it.

    python -m figures.ferplus PACK small                      tiny, on a CPU, a few minutes a seed
    python -m figures.ferplus PACK full --device cuda         full size, for a GPU
    python -m figures.ferplus PACK rgb --device cuda          a baseline: the same without fusion

PACK is made by `python data_scripts/prepare.py ferplus`. The weights start at random, and no other
faces are used. All that is chosen is chosen on the validation pictures (`--watch`, which measures
nothing else); each seed is measured on the test pictures once, with their mirror images. Stopped,
or after `--time-limit` seconds, the same command goes on. `figures/RUNS.md` lists what was run.
"""

import argparse
import math
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from figures.runs import BUILD, FIGURES, train_model, write_runs
from vtff_lib.augmentation import Augmentation
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.twins import find_twins
from vtff_lib.evaluation import evaluate, predict
from vtff_lib.recipe import TrainingConfig
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
MEDIUM = {"width": 40, "embed_dim": 256, "depth": 4, "num_heads": 8, "mlp_dim": 768}
EXPERIMENTS: dict[str, tuple[VTFFConfig, TrainingConfig]] = {
    "small": (VTFFConfig.tiny(8, image_size=64), SMALL),
    "medium": (VTFFConfig.tiny(8, **MEDIUM), FULL),
    "full": (VTFFConfig.paper(8), FULL),
    **{name: (VTFFConfig.paper(8, fusion=name), FULL) for name in ("rgb", "lbp", "sum", "concat")},
}


def run(
    experiment: str, faces: FaceSet, seed: int, device: str, time_limit: float, watch: bool
) -> dict[str, Any]:
    """Train one seed; return its figures on the test pictures, nothing if it is not over yet.

    With `watch`, test pictures are not looked at, and those of validation take their place.
    """
    settings, training = EXPERIMENTS[experiment]
    config = TrainingConfig(**{**vars(training), "seed": seed})
    torch.manual_seed(seed)
    model = VTFF(settings).to(device)
    told = train_model(f"ferplus_{experiment}", model, faces, config, time_limit)
    if not told:
        return {}
    split = "valid" if watch else "test"
    return told | {
        "experiment": experiment,
        "parameters": count_parameters(model),
        "protocol": faces.manifest["protocol"],
        "split": split,
        **measure(model, faces, split),
    }


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


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
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


def main() -> None:
    """Train the seeds asked for and write their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="FER+, packed by data_scripts/prepare.py")
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--time-limit", type=float, default=math.inf, metavar="SECONDS")
    parser.add_argument("--watch", action="store_true", help="measure on validation pictures only")
    options = parser.parse_args()
    try:
        faces = FaceSet.read(options.pack)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    folder = BUILD if options.watch else FIGURES
    for seed in options.seeds:
        told = run(
            options.experiment, faces, seed, options.device, options.time_limit, options.watch
        )
        if not told:
            raise SystemExit(f"Seed {seed} is not over yet; the same command goes on.")
        write_runs(folder / f"ferplus_{options.experiment}.json", [told], summarise)
        print(f"seed {seed}: {told[told['split']]['accuracy']}, {told['seconds']} s")


if __name__ == "__main__":
    main()
