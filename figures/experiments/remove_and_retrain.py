"""Remove what a map marks from every picture, train anew, and see what is lost (ROAR).

    python -m figures.experiments.remove_and_retrain           on renders
    python -m figures.experiments.remove_and_retrain PACK      on FER+ too, packed by prepare.py

A model that only meets filled pictures when it is tested may fail because it has never seen one.
So here it learns from filled pictures too: Hooker et al. 2019, "A Benchmark for Interpretability
Methods in Deep Neural Networks", arXiv 1806.10758. What is asked is in `figures/plans/maps.toml`.
Written to `remove_and_retrain.json`. Stopped, the same command goes on after the last training.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from figures.experiments import maps_under_test as under_test
from figures.experiments.ferplus import SMALL, read_faces
from figures.experiments.harness import Record, argument, experiment
from figures.experiments.maps_under_test import PLAN
from figures.experiments.runs import train_model, weights_of
from vtff_lib import explain
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import predict
from vtff_lib.inputs import resize
from vtff_lib.names import SPLITS
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

ASKED = PLAN["remove_and_retrain"]
SIZE = 64


class Study(NamedTuple):
    """One set of pictures, and what is done with it."""

    name: str
    faces: FaceSet  # 64 pixels, all splits
    persons: Tensor  # (N,): of all faces
    training: TrainingConfig
    rankings: list[str]
    fractions: list[float]
    seeds: list[int]


def sized(faces: FaceSet, chosen: Tensor) -> FaceSet:
    """Return some faces at 64 pixels, without what would not be used."""
    some = faces[chosen]
    votes = {name: extra for name, extra in some.extras.items() if name == "votes"}
    images = resize(some.images[:], SIZE)
    return FaceSet(images, some.labels, some.splits, some.class_names, votes)


def renders() -> Study:
    """Return the study of the shipped faces."""
    faces = load_default()
    config = TrainingConfig.preset("minute", epochs=ASKED["epochs"], growth=0.0)
    everything = sized(faces, torch.arange(len(faces)))
    return Study(
        "renders", everything, faces.extras["identities"], config,
        ASKED["rankings"], ASKED["fractions"], ASKED["seeds"],
    )  # fmt: skip


def photographs(pack: Path) -> Study:
    """Return the study of some pictures of FER+; each counts as a person of its own."""
    faces = read_faces(pack)
    learned = (faces.splits == SPLITS.index("train")).nonzero()[: ASKED["ferplus_pictures"], 0]
    watched = (faces.splits != SPLITS.index("train")).nonzero()[:, 0]
    some = sized(faces, torch.cat([learned, watched]))
    config = replace(SMALL, epochs=ASKED["ferplus_epochs"])
    return Study(
        "photographs", some, torch.arange(len(some)), config,
        ASKED["ferplus_rankings"], ASKED["ferplus_fractions"], ASKED["ferplus_seeds"],
    )  # fmt: skip


def trained_on(study: Study, faces: FaceSet, run: str, seed: int) -> VTFF:
    """Train a tiny model on these pictures, or take the finished one."""
    torch.manual_seed(seed)
    model = VTFF(VTFFConfig.tiny(len(faces.class_names), image_size=SIZE))
    train_model(f"roar_{study.name}_{run}", model, faces, replace(study.training, seed=seed))
    return model.eval().to(memory_format=torch.channels_last)


def orders(study: Study) -> dict[str, Tensor]:
    """Return each ranking as maps of all pictures, `(N, 4, 4)`, by name."""
    seed = study.seeds[0]
    model = trained_on(study, study.faces, "whole", seed)
    images = study.faces.images[:]
    classes = under_test.answers(model, images)
    needed = {name for name in study.rankings if name in under_test.NAMES} | {"occlusion"}
    maps = under_test.all_maps(model, images, classes, sorted(needed))
    maps["prior"] = explain.prior(maps["occlusion"], study.persons)
    maps["random"] = explain.random_map(tuple(maps["prior"].shape))
    return maps


def highest(maps: Tensor, fraction: float) -> Tensor:
    """Return which cells are this share of all that are highest, `(N, h, w)`, bool."""
    values = maps.flatten(1)
    top = values.topk(round(fraction * values.shape[1]), dim=1).indices
    return torch.zeros_like(values, dtype=torch.bool).scatter_(1, top, True).view_as(maps)


def without_top(images: Tensor, maps: Tensor, fraction: float) -> Tensor:
    """Return pictures whose highest cells, this share of all, have the picture's mean colour."""
    side = images.shape[-1] // maps.shape[-1]
    gone = highest(maps, fraction)[:, None]
    gone = gone.repeat_interleave(side, 2).repeat_interleave(side, 3)
    return torch.where(gone, explain.filled(images), images)


def named_by_shape(gone: Tensor, labels: Tensor, learned: Tensor) -> Tensor:
    """Return the classes that a logistic regression names from which cells are gone, and no more.

    Args:
        gone: `(N, h, w)`, bool.
        labels: `(N,)`.
        learned: `(N,)`, bool: the faces that it learns from; the others are named.
    """
    cells, linear = gone.flatten(1).float(), nn.Linear(gone[0].numel(), int(labels.max()) + 1)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=200)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(linear(cells[learned]), labels[learned])
        loss = loss + 1e-4 * linear.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return linear(cells[~learned]).argmax(dim=1)


def shapes(study: Study, maps: Callable[[], dict]) -> Record:
    """Return which test faces the shape of what is filled tells alone, by ranking and fraction."""
    faces = study.faces
    test = faces.splits == SPLITS.index("test")
    used = test | (faces.splits == SPLITS.index("train"))
    found: Record = {}
    for ranking in study.rankings:
        for fraction in study.fractions:
            gone = highest(maps()[ranking], fraction)[used]
            named = named_by_shape(gone, faces.labels[used], ~test[used])
            right = named == faces.labels[test]
            found[f"{ranking} {fraction}"] = "".join(str(int(one)) for one in right.tolist())
    return found


def run(study: Study, maps: Callable[[], dict], ranking: str, fraction: float, seed: int) -> Record:
    """Train on pictures without what a ranking puts first; return which test faces are right."""
    faces = study.faces
    if fraction:
        faces = replace(faces, images=without_top(faces.images[:], maps()[ranking], fraction))
    name = f"{ranking}_{fraction}".replace(" ", "_") if fraction else "whole"
    model, test = trained_on(study, faces, name, seed), faces.part("test")
    if fraction or seed != study.seeds[0]:
        shutil.rmtree(weights_of(f"roar_{study.name}_{name}", seed).parent)
    right = predict(model, test.images).argmax(dim=1) == test.labels
    return {"right": "".join(str(int(one)) for one in right.tolist())}


def measured(study: Study) -> Record:
    """Return the accuracy under each ranking, and its difference from the controls'."""
    stored: dict[str, dict] = {}

    def maps() -> dict[str, Tensor]:
        if not stored:
            stored.update(orders(study))
        return stored

    test = study.persons[study.faces.splits == SPLITS.index("test")]

    def each_person(right: str) -> list[float | None]:
        return under_test.by_person(torch.tensor([float(one) for one in right]), test)

    def rights(ranking: str, fraction: float) -> np.ndarray:
        runs = [
            under_test.kept(
                f"roar {study.name} {ranking} {fraction} {seed}",
                lambda seed=seed: run(study, maps, ranking, fraction, seed),
            )
            for seed in study.seeds
        ]
        return under_test.table(each_person(found["right"]) for found in runs)

    def by_shape(ranking: str, fraction: float) -> Record:
        right = each_person(by_shapes[f"{ranking} {fraction}"])
        return under_test.told(under_test.table([right]), p=False)

    whole = under_test.told(rights("whole", 0), p=False)
    by_shapes = under_test.kept(f"roar {study.name} shapes", lambda: shapes(study, maps))
    table = {}
    for fraction in study.fractions:
        found = {ranking: rights(ranking, fraction) for ranking in study.rankings}
        table[str(fraction)] = {
            ranking: {
                "accuracy": under_test.told(scores, p=False),
                "shape alone": by_shape(ranking, fraction),
            }
            | {
                f"minus {control}": under_test.told(scores - found[control])
                for control in ("prior", "random")
                if control != ranking
            }
            for ranking, scores in found.items()
        }
    return {"faces": len(study.faces), "whole": whole, "fractions": table}


PACK = argument("pack", type=Path, nargs="?", help="FER+, packed by data_scripts/prepare.py")


@experiment("remove_and_retrain.json", "numpy", "scipy", arguments=[PACK])
def main(pack: Path | None) -> Record:
    """Return what was lost, on renders and, given a pack, on photographs."""
    found = {"plan": "figures/plans/maps.toml", "renders": measured(renders())}
    return found | ({"photographs": measured(photographs(pack))} if pack else {})


if __name__ == "__main__":
    main()
