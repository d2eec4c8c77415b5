"""Train a model from the command line: `python -m vtff_lib.train --help`. Taught in 07b."""

import argparse
import json
import math
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vtff_lib import files
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.endings import in_a_sentence
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.names import SPLITS
from vtff_lib.plots.runs import confusion_matrix, training_curves
from vtff_lib.training.augmentation import PRESETS as AUGMENTATIONS
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.history import History
from vtff_lib.training.loop import train
from vtff_lib.training.processes import Team, join_team, told_to_stop
from vtff_lib.training.progress import Progress, TensorBoardProgress, TextProgress
from vtff_lib.training.recipe import PRESETS, TrainingConfig
from vtff_lib.training.teacher import learned_from
from vtff_lib.vtff import VTFF, count_parameters

MODELS = {"tiny": VTFFConfig.tiny, "paper": VTFFConfig.paper, "deep": VTFFConfig.deep}
DESCRIPTION = """\
Train VTFF on a packed set of faces, and measure it on the set's test split.

  python -m vtff_lib.train --out runs/first              the shipped faces, about two minutes
  python -m vtff_lib.train --out runs/long --preset thorough --seed 1
  python -m vtff_lib.train faces.safetensors --model paper --device cuda --precision bfloat16 \\
      --compiled --out runs/paper
  torchrun --nproc-per-node 4 -m vtff_lib.train faces.safetensors --parts 4 --device cuda …

Stopped (Ctrl-C, SIGTERM, a crash, kill -9), the same command goes on where the last checkpoint is,
and ends with the same weights, if threads and processes are as many. OUT is one run's at a time.

exit status: 0 when all is written or --time-limit has stopped the run; 143 after SIGTERM, 130 after
Ctrl-C, 2 for a wrong flag, 1 for all else that is wrong."""
EPILOG = """\
written to OUT:
  model.safetensors       the averaged weights with their settings: VTFF.load(path)
  settings.json           model and training: --settings OUT/settings.json repeats them
  history.json            loss, accuracy, learning rate and time of each epoch
  report.json             figures with 95 % confidence intervals, settings, versions, time
  report.txt              the same figures as a table
  history.png, confusion.png
  tensorboard/            with --tensorboard: the figures of each epoch, while the run goes on
  checkpoint.safetensors  to go on from, and .before, the one before, if that should be damaged;
                          both may be deleted when the run is over"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a mistake ends it with a sentence, see `in_a_sentence`."""
    options = make_parser().parse_args(arguments)
    with (
        in_a_sentence("Stopped; the same command goes on from the last checkpoint."),
        join_team(options.device) as (team, device),
    ):
        run(options, team, device)


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
    add("--stored", action="store_true", help="leave the pixels in a file, see FaceSet.read")
    add("--out", type=Path, required=True, help="folder for the results; made if missing")
    add("--model", choices=MODELS, help="(default: tiny)")
    add("--image-size", type=int, help="height and width, in place of the model's")
    add("--fusion", help="in place of the model's, see VTFFConfig")
    add("--device", default="cpu", help="cpu, cuda, cuda:1, mps … (default: %(default)s)")
    add("--save-every", type=int, default=0, metavar="STEPS", help="save within epochs too")
    add("--time-limit", type=float, default=math.inf, metavar="SECONDS", help="then stop and save")
    add("--tensorboard", action="store_true", help="write curves for TensorBoard to OUT too")
    add("--flipped", action="store_true", help="measure on mirror images too, and average")
    settings = parser.add_argument_group("training settings, see vtff_lib.training.TrainingConfig")
    add = settings.add_argument
    add("--preset", choices=PRESETS, help="to start from (default: minute)")
    add("--settings", type=Path, help="settings.json of a run, in place of --preset and --model")
    add("--teacher", type=Path, metavar="FILE", help="a teacher's answers to the training faces")
    add("--teacher-share", type=float, help="its share of what is learned, else a half")
    add("--augmentation", choices=AUGMENTATIONS, help="in place of the preset's")
    for name, kind in SETTINGS.items():
        flag = f"--{name.replace('_', '-')}"
        if kind is bool:
            add(flag, action=argparse.BooleanOptionalAction, default=None)
        else:
            add(flag, type=kind, metavar=kind.__name__.upper())
    return parser


SETTINGS = {
    setting.name: type(setting.default)
    for setting in fields(TrainingConfig)
    if isinstance(setting.default, bool | int | float | str)
}


def run(options: argparse.Namespace, team: Team, device: torch.device) -> None:
    """Train as told, and write the results.

    Raises:
        ValueError: if faces, settings or checkpoint will not do, or TensorBoard is missing.
        OSError: if there are no such faces, or the results cannot be written.
        FloatingPointError: if the loss is no number any more.
        torch.OutOfMemoryError: if the memory of the GPU does not do.
    """
    config = make_config(options)
    faces = FaceSet.read(options.faces, options.stored) if options.faces else load_default()
    train_set, valid_set, _ = (faces.part(split) for split in SPLITS)  # the test's comes later
    if options.teacher is None:
        if options.teacher_share is not None:
            raise ValueError("--teacher-share needs a teacher; give its answers with --teacher.")
    else:
        if options.teacher_share is None:
            options.teacher_share = 0.5
        if not config.soft_labels:
            raise ValueError("--teacher gives soft labels; leave --no-soft-labels out.")
        train_set = learned_from(train_set, options.teacher, options.teacher_share)
    torch.manual_seed(config.seed)
    model = VTFF(make_model_config(options, faces)).to(device)
    settings = {"model": asdict(model.config), "training": asdict(config)}
    begin = partial(files.write_json, options.out / "settings.json", settings)
    progress: Progress = TextProgress(begin=begin)
    if options.tensorboard:
        progress = TensorBoardProgress(options.out / "tensorboard", progress)
    if team.leads:
        print(f"{faces!r}\n{count_parameters(model):,} parameters", file=sys.stderr)
    with told_to_stop() as terminated:
        history = train(
            model, train_set, valid_set, config, options.out,
            options.save_every, options.time_limit, progress, team,
        )  # fmt: skip
    if team.leads:
        write_results(options, model, faces, config, history)
    if not history.finished:
        if terminated():  # now that all is saved, tell whom it was for
            signal.raise_signal(signal.SIGTERM)
        print("The time is up; the same command goes on.", file=sys.stderr)


def make_config(options: argparse.Namespace) -> TrainingConfig:
    """Return the preset's settings, or those of a file, with the changes asked for."""
    changes = {name: getattr(options, name) for name in SETTINGS}
    if options.augmentation:
        changes["augmentation"] = Augmentation.preset(options.augmentation)
    given = {name: value for name, value in changes.items() if value is not None}
    if options.settings is None:
        return TrainingConfig.preset(options.preset or "minute", **given)
    if options.preset or options.model:
        raise ValueError("--settings brings model and training; leave --preset and --model out.")
    stored = read_settings(options.settings, "training")
    try:
        stored["augmentation"] = Augmentation(**stored["augmentation"])
        return replace(TrainingConfig(**stored), **given)
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"{options.settings} has settings that this version does not know ({error}); give the "
            "settings.json of a run of this version."
        ) from error


def make_model_config(options: argparse.Namespace, faces: FaceSet) -> VTFFConfig:
    """Return the settings of the model, for the classes of `faces`."""
    changes = {
        name: getattr(options, name)
        for name in ("image_size", "fusion")
        if getattr(options, name) is not None
    }
    changes["class_names"] = tuple(faces.class_names)
    if options.settings is None:
        return MODELS[options.model or "tiny"](**changes)
    stored = VTFFConfig.from_json(json.dumps(read_settings(options.settings, "model")))
    return replace(stored, **changes)


def read_settings(path: Path, part: str) -> dict[str, Any]:
    """Return one part of a settings.json.

    Raises:
        ValueError: if the file is none.
    """
    try:
        return dict(files.from_json(path.read_text(encoding="utf-8"))[part])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no settings.json of a run; give one.") from error


def write_results(
    options: argparse.Namespace,
    model: VTFF,
    faces: FaceSet,
    config: TrainingConfig,
    history: History,
) -> None:
    """Write what came of the run so far and, if it is over, its figures on the test faces."""
    out = options.out
    files.write(out / "history.json", f"{history.to_json()}\n")
    files.write(out / "history.png", training_curves(history).png)
    if not history.finished:
        return
    test = faces.part("test")
    probabilities = predict(model, test.images, flipped=options.flipped)
    report = evaluate(probabilities, test, model.config.class_names)
    model.save(out / "model.safetensors")
    files.write(out / "confusion.png", confusion_matrix(report).png)
    files.write(out / "report.txt", f"{report}\n")
    seconds = sum(epoch.seconds for epoch in history.epochs)
    record = {"test": report.to_dict(), **describe(options, model, config, faces, seconds)}
    files.write_json(out / "report.json", record)
    print(report)


def describe(
    options: argparse.Namespace, model: VTFF, config: TrainingConfig, faces: FaceSet, seconds: float
) -> dict[str, Any]:
    """Return all that is needed to make the figures again, and what it took."""
    return {
        **circumstances("numpy", "scikit-learn"),
        "device": options.device,
        "seconds": round(seconds, 1),
        "faces": {"images": len(faces.images), "sha256": faces.manifest.get("sha256")},
        "flipped": options.flipped,
        "teacher": options.teacher
        and {"file": options.teacher.name, "share": options.teacher_share},
        "model": asdict(model.config),
        "training": asdict(config),
    }


if __name__ == "__main__":
    main()
