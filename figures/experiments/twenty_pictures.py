"""What twenty pictures of one person do to a trained model: for her, and for everybody else.

    python -m figures.experiments.twenty_pictures

The stand-in for a reader's own pictures: one rendered person before one bad webcam, with a lamp
from the side and below, a cool light, blur and noise, of which the shipped tiny model saw little.
Twenty pictures to learn from; others of the same person to test; the shipped test faces, of other
people before a better camera, for what is forgotten; and the same other people before her webcam,
for what was learned of it rather than of her. Three ways: the head alone; all weights with batch
norm's statistics as they are; all weights with batch norm learning too. All settings were chosen on
three other people. Written to `twenty_pictures.json`: each person and seed, and means with
intervals that draw persons.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment, first_seeds
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.measure import predict
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.synthetic_faces.shots import lamp_at
from vtff_lib.training.optimisation import make_optimiser
from vtff_lib.training.targets import Examples, Loss, soft_targets
from vtff_lib.vtff import VTFF

WEBCAM: dict[str, Any] = {
    "lamp": lamp_at(torch.tensor([0.6]), torch.tensor([-0.1])),
    "lamp_power": 0.6,
    "lamp_colour": torch.tensor([0.8, 1.0, 1.25]),
    "zoom": 1.6,
    "blur": 0.6,
    "noise": 3.0,
}
PEOPLE_SEED = 78
PERSONS = (0, 1, 2, 3, 4, 5)
OWN, TEST = 20, 160  # pictures of the person
STEPS, SMOOTHING = 40, 0.05
WHOSE = ("her", "others, same webcam", "others")
# Of each way: which parameters learn, at which rate, and whether batch norm's statistics move.
WAYS: dict[str, tuple[str, float, bool]] = {
    "head alone": ("head.", 1e-3, False),
    "all weights": ("", 5e-4, False),
    "all weights, batch norm learning": ("", 5e-4, True),
}


def pictures_of(person: int, count: int, seed: int) -> Examples:
    """Return pictures of one person of the test split, with expressions and poses of `seed`."""
    faces = sample(range(count), seed=seed, split="test").seen(**WEBCAM)
    who = sample([4 * person], seed=PEOPLE_SEED, split="test").people
    faces = replace(faces, people=who[torch.zeros(count, dtype=torch.int64)])
    return Examples(render(faces).images, faces.labels)


def learn_on(
    model: VTFF, own: Examples, part: str, rate: float, norms_learn: bool, seed: int, steps: int
) -> VTFF:
    """Return a copy that went on learning from a few pictures, all of them at every step.

    Args:
        model: the start; it stays as it is.
        own: the pictures.
        part: how the names of the parameters that learn begin; "" is all.
        rate: the learning rate.
        norms_learn: whether batch norm uses and gathers the statistics of these pictures.
        seed: of the mirroring.
        steps: how many.
    """
    model = copy.deepcopy(model).train(norms_learn)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(part))
    targets = soft_targets(own, model.config.num_classes)
    loss = Loss.of(targets, balance=0.0, smoothing=SMOOTHING, adjustment=0.0)
    optimiser = make_optimiser(model, rate, weight_decay=0.0)
    mirrored = torch.rand(steps, generator=torch.Generator().manual_seed(seed)) < 0.5
    for mirror in mirrored.tolist():
        optimiser.zero_grad()
        rgb = own.images.flip(3) if mirror else own.images
        loss(model(rgb).logits, targets).backward()
        optimiser.step()
    return model.eval()


def share_right(model: VTFF, images: Tensor, labels: Tensor | None) -> float:
    """Return the accuracy, rounded."""
    right = predict(model, images).argmax(dim=1) == labels
    return round(right.double().mean().item(), 4)


def run(
    person: int, seed: int, others: Mapping[str, Examples], counts: tuple[int, int], steps: int
) -> dict[str, Any]:
    """Return accuracy on other pictures of the person and on other people, before and after."""
    model = load_pretrained("tiny")
    own = pictures_of(person, counts[0], seed=100 + seed)
    tests = {"her": pictures_of(person, counts[1], seed=200 + seed), **others}
    models = {"before": model} | {
        way: learn_on(model, own, *settings, seed=seed, steps=steps)
        for way, settings in WAYS.items()
    }
    return {
        "person": person,
        "seed": seed,
        **{
            name: {whose: share_right(model, *tests[whose][:2]) for whose in WHOSE}
            for name, model in models.items()
        },
    }


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over persons and seeds, and their differences from before."""
    persons = torch.tensor([run["person"] for run in runs])

    def column(name: str, whose: str) -> Tensor:
        return torch.tensor([run[name][whose] for run in runs], dtype=torch.float64)

    values: Mapping[str, Tensor] = {
        f"{name}, {whose}": column(name, whose) for name in ("before", *WAYS) for whose in WHOSE
    }
    gained = {
        f"{name}, {whose}, gained": column(name, whose) - column("before", whose)
        for name in WAYS
        for whose in WHOSE
    }
    hers = {
        f"{name}, her more": gained[f"{name}, her, gained"]
        - gained[f"{name}, others, same webcam, gained"]
        for name in WAYS
    }
    return means({**values, **gained, **hers}, persons)


@experiment("twenty_pictures.json", "numpy", arguments=[first_seeds(3)])
def main(seeds: list[int]) -> Record:
    """Measure all persons and seeds; return every trial and their means."""
    faces = load_default().part("test")
    again = sample(range(len(faces)), seed=0, split="test").seen(**WEBCAM)  # the same faces
    others = {
        "others, same webcam": Examples(render(again).images, again.labels),
        "others": Examples(faces.images[:], faces.labels),
    }
    trials = []
    for person, seed in product(PERSONS, seeds):
        trials.append(run(person, seed, others, (OWN, TEST), STEPS))
        print(trials[-1], flush=True)
    return {
        "own": OWN,
        "test": TEST,
        "others": len(faces),
        "steps": STEPS,
        "ways": {name: list(settings) for name, settings in WAYS.items()},
        "summary": summarise(trials),
        "trials": trials,
    }


if __name__ == "__main__":
    main()
