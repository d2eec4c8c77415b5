"""Does fusion help? All stages of `figures/plans/fusion.toml`, in their order, seed by seed.

    python -m figures.experiments.fusion                  what needs no photographs
    python -m figures.experiments.fusion PACK             all of it; PACK is FER+
    python -m figures.experiments.fusion PACK --stages photographs

PACK is made by `python data_scripts/prepare.py ferplus`. Each model is trained on one thread and
measured once; each test face's answer is stored. Stopped, the same command goes on: after the last
epoch that was over, and no finished run is made twice. The weights stay in `build/`, for
`fusion_faces` and `fusion_probes` beside this.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from data_scripts import make_synthetic
from figures.experiments.ablation import TEST_FACES, measure
from figures.experiments.domain_gap import as_ferplus
from figures.experiments.ferplus import SMALL, read_faces
from figures.experiments.fusion_models import AVERAGE, build
from figures.experiments.fusion_told import STAGES, epochs_of, models_of, summarise
from figures.experiments.harness import (
    BUILD,
    FIGURES,
    Record,
    argument,
    parse,
    read_runs,
    timed,
    write_runs,
)
from figures.experiments.runs import train_model, weights_of
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.endings import in_a_sentence
from vtff_lib.evaluation.measure import predict
from vtff_lib.names import SPLITS
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF, count_parameters
from vtff_lib.weights import read_weights

RECIPES = {  # and whether an answer is the mean of those to a picture and to its mirror image
    "minute": (TrainingConfig.preset("minute", growth=0.0, soft_labels=False), False),
    "ferplus small": (SMALL, True),
}
WATCHED = 400  # validation pictures of the stage with few photographs, as many as there are renders


def of_photographs(stage: str) -> bool:
    """Say if a stage needs FER+."""
    return "photographs" in STAGES[stage]["faces"]


def gather(stage: str, pack: Path | None) -> tuple[FaceSet, FaceSet]:
    """Return the faces that a stage learns from and watches, and those it is tested on."""
    plan = STAGES[stage]
    if of_photographs(stage):
        faces = read_faces(pack)
        test = faces.part("test")
        return (few(faces, plan["pictures"]) if "pictures" in plan else faces), test
    test = make_synthetic.rendered(BUILD / "ablation_faces.safetensors", TEST_FACES)
    if plan["faces"] == "renders":
        return load_default(), test
    settings = make_synthetic.Settings(train=plan["pictures"], test=0)
    many = make_synthetic.rendered(BUILD / "many_faces.safetensors", settings)
    return grey_and_coarse(many), grey_and_coarse(test)


def few(faces: FaceSet, count: int) -> FaceSet:
    """Return `count` training pictures and `WATCHED` for validation, the same at every call."""
    dice = torch.Generator().manual_seed(0)
    chosen = []
    for split, most in (("train", count), ("valid", WATCHED)):
        rows = (faces.splits == SPLITS.index(split)).nonzero().flatten()
        chosen.append(rows[torch.randperm(len(rows), generator=dice)[:most]])
    return faces[torch.cat(chosen).sort().values]


def grey_and_coarse(faces: FaceSet) -> FaceSet:
    """Return renders as FER+'s photographs are: grey, 48 pixels wide, tightly cropped."""
    return replace(faces, images=torch.cat(list(map(as_ferplus, faces.images[:].split(500)))))


def run_name(stage: str, name: str) -> str:
    """Return what the folder of a run is called, but for its seed."""
    return f"fusion_{stage}_{name}"


def kept(stage: str, name: str, seed: int) -> VTFF:
    """Return a trained model of a stage.

    Raises:
        FileNotFoundError: if its weights are not in `build/`.
    """
    weights = read_weights(weights_of(run_name(stage, name), seed))
    model = build(name, len(weights["head.bias"]), seed)
    model.load_state_dict(weights)
    return model.eval()


def run(stage: str, name: str, seed: int, faces: FaceSet, test: FaceSet) -> Record:
    """Train one model, or average two, and measure the answers; the weights stay in `build/`."""
    recipe, flipped = RECIPES[STAGES[stage]["recipe"]]
    answer = partial(predict, images=test.images, flipped=flipped)
    if name == "average":
        models = [kept(stage, each, seed) for each in AVERAGE]
        told = {
            "seconds": 0.0,
            "cpu_seconds": 0.0,
            "parameters": sum(count_parameters(each) for each in models),
        }
        shares = torch.stack([answer(each) for each in models]).mean(dim=0)
        return told | measure(shares.argmax(dim=1), test)
    model = build(name, len(faces.class_names), seed)
    config = replace(recipe, epochs=epochs_of(stage, name), seed=seed)
    started = time.process_time()
    record = train_model(run_name(stage, name), model, faces, config)
    if not record:
        raise SystemExit("Stopped; the same command goes on.")
    record["cpu_seconds"] = round(time.process_time() - started, 1)
    weights = weights_of(run_name(stage, name), seed)
    shutil.rmtree(weights.parent)  # checkpoints too
    weights.parent.mkdir()
    model.save(weights)
    record |= {"parameters": count_parameters(model)} | measure(answer(model).argmax(dim=1), test)
    return {key: record[key] for key in record if key not in ("seed", "images", "faces_sha256")}


def runs_of(stage: str, pack: Path | None) -> Iterator[Record]:
    """Yield the record of a seed after each of its models that was missing."""
    plan = STAGES[stage]
    stored = {each["seed"]: each for each in read_runs(FIGURES / plan["file"])}
    missing = [
        (seed, name)
        for seed in plan["seeds"]
        for name in models_of(stage)
        if name not in stored.get(seed, {"variants": {}})["variants"]
    ]
    if not missing:
        return
    faces, test = gather(stage, pack)
    people = test.extras.get("identities", torch.arange(len(test)))  # a row of faces is a person's
    about = {
        "command": "python -m figures.experiments.fusion" + ("" if pack is None else " PACK"),
        "images": len(faces.part("train")),
        "faces_sha256": faces.manifest.get("sha256"),
        "test_images": len(test),
        "test_people": len(people.unique()),
        "test_sha256": test.manifest.get("sha256"),
    }
    for seed, name in missing:
        record = stored.setdefault(seed, {"seed": seed, "seconds": 0.0, "variants": {}})
        found = run(stage, name, seed, faces, test)
        print(stage, seed, name, found["accuracy"], found["seconds"], flush=True)
        record["variants"] |= {name: found}
        record["seconds"] = round(record["seconds"] + found["seconds"], 1)
        yield about | {key: record[key] for key in ("seed", "seconds", "variants")}


def main() -> None:
    """Go through the stages; write each run as soon as it is over."""
    options = parse(
        __doc__,
        [
            argument("pack", type=Path, nargs="?", help="FER+, packed by data_scripts/prepare.py"),
            argument("--stages", nargs="*", choices=STAGES, default=list(STAGES)),
        ],
    )
    torch.set_num_threads(1)
    for stage in options["stages"]:
        if of_photographs(stage) and options["pack"] is None:
            print(f"The stage {stage!r} waits for photographs: give the pack.")
            continue
        path, tell = FIGURES / STAGES[stage]["file"], partial(summarise, stage)
        with in_a_sentence("Stopped; the same command goes on."):
            for record in timed(
                lambda stage=stage: runs_of(stage, options["pack"]), ("numpy", "scikit-learn")
            ):
                write_runs(path, [record], tell)
            write_runs(path, [], tell)


if __name__ == "__main__":
    main()
