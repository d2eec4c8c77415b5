"""Train a model from the command line: `python -m vtff_lib.train --help`. Taught in 07."""

import argparse
import json
import math
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vtff_lib.augmentation import PRESETS as AUGMENTATIONS
from vtff_lib.augmentation import Augmentation
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation import evaluate, predict
from vtff_lib.recipe import PRECISIONS, PRESETS, TrainingConfig
from vtff_lib.training import train
from vtff_lib.vtff import VTFF, count_parameters

MODELS = {"tiny": VTFFConfig.tiny, "paper": VTFFConfig.paper, "deep": VTFFConfig.deep}
DESCRIPTION = """\
Train VTFF on a packed set of faces, and measure it on the set's test split.

  python -m vtff_lib.train --out runs/first              the shipped faces, about two minutes
  python -m vtff_lib.train --out runs/long --preset thorough --seed 1
  python -m vtff_lib.train faces.safetensors --model paper --device cuda --precision bfloat16 \\
      --out runs/paper

Stopped (Ctrl-C, a crash, kill -9), the same command goes on where the last checkpoint is, and ends
with the same weights."""
EPILOG = """\
written to OUT:
  model.safetensors       the averaged weights with their settings: VTFF.load(path)
  history.json            loss, accuracy, learning rate and time of each epoch
  report.json             figures with 95 % confidence intervals, settings, versions, time
  report.txt              the same figures as a table
  history.png, confusion.png
  checkpoint.safetensors  to go on from; may be deleted when the run is over"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 is returned, or 1 after a mistake told in a sentence, 130 after Ctrl-C."""
    options = make_parser().parse_args(arguments)
    try:
        run(options)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vtff_lib.train",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("faces", nargs="?", type=Path, help="packed set of faces (default: the shipped ones)")
    add("--out", type=Path, required=True, help="folder for the results; made if missing")
    add("--model", choices=MODELS, default="tiny", help="(default: %(default)s)")
    add("--preset", choices=PRESETS, default="minute", help="settings (default: %(default)s)")
    add("--epochs", type=int, help="in place of the preset's")
    add("--batch-size", type=int, help="in place of the preset's")
    add("--learning-rate", type=float, help="in place of the preset's")
    add("--augmentation", choices=AUGMENTATIONS, help="in place of the preset's")
    add("--precision", choices=PRECISIONS, default="float32", help="(default: %(default)s)")
    add("--seed", type=int, default=0, help="of weights and chance (default: %(default)s)")
    add("--device", default="cpu", help="cpu, cuda, cuda:1, mps … (default: %(default)s)")
    add("--save-every", type=int, default=0, metavar="STEPS", help="save within epochs too")
    add("--time-limit", type=float, default=math.inf, metavar="SECONDS", help="then stop and save")
    return parser


def run(options: argparse.Namespace) -> None:
    """Train as told, and write the results.

    Raises:
        ValueError: if faces, settings or checkpoint will not do.
        FileNotFoundError: if there are no such faces.
        FloatingPointError: if the loss is no number any more.
    """
    config = make_config(options)
    faces = read_faces(options.faces)
    torch.manual_seed(config.seed)
    settings = MODELS[options.model](
        class_names=tuple(faces.class_names), image_size=faces.images.shape[-1]
    )
    model = VTFF(settings).to(options.device)
    print(f"{faces!r}\n{options.model}: {count_parameters(model):,} parameters", file=sys.stderr)
    history = train(
        model,
        faces.part("train"),
        faces.part("valid"),
        config,
        folder=options.out,
        save_every=options.save_every,
        time_limit=options.time_limit,
    )
    (options.out / "history.json").write_text(f"{history.to_json()}\n", encoding="utf-8")
    (options.out / "history.png").write_bytes(history.plot().png)
    if not history.finished:
        print("The time is up; the same command goes on.", file=sys.stderr)
        return
    test = faces.part("test")
    report = evaluate(predict(model, test.images), test.labels, faces.class_names)
    model.save(options.out / "model.safetensors")
    (options.out / "confusion.png").write_bytes(report.plot().png)
    (options.out / "report.txt").write_text(f"{report}\n", encoding="utf-8")
    described = describe(options, config, faces, sum(e.seconds for e in history.epochs))
    text = json.dumps({"test": report.to_dict(), **described}, indent=1)
    (options.out / "report.json").write_text(f"{text}\n", encoding="utf-8")
    print(report)


def make_config(options: argparse.Namespace) -> TrainingConfig:
    """Return the preset's settings with the changes asked for."""
    names = ("epochs", "batch_size", "learning_rate", "precision", "seed")
    changes = {name: getattr(options, name) for name in names}
    if options.augmentation:
        changes["augmentation"] = Augmentation.preset(options.augmentation)
    given = {name: value for name, value in changes.items() if value is not None}
    return TrainingConfig.preset(options.preset, **given)


def read_faces(path: Path | None) -> FaceSet:
    """Return the faces at `path`, or the shipped ones."""
    return load_default() if path is None else FaceSet.read(path)


def describe(
    options: argparse.Namespace, config: TrainingConfig, faces: FaceSet, seconds: float
) -> dict[str, Any]:
    """Return all that is needed to make the figures again, and what it took."""
    cuda = options.device.startswith("cuda")
    return {
        "command": shlex.join(["python", "-m", "vtff_lib.train", *sys.argv[1:]]),
        "model": options.model,
        "training": asdict(config),
        "faces": {"images": len(faces.images), "sha256": faces.manifest.get("sha256")},
        "hardware": torch.cuda.get_device_name(options.device) if cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "scikit-learn": version("scikit-learn"),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
