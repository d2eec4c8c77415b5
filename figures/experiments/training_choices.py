"""Train the tiny model in ways that differ in one thing each, for lesson 07b.

    python -m figures.experiments.training_choices

Images of 64 pixels and few epochs: enough to compare, not to recognise well. All choices of a seed
start from the same weights and see the same images in the same order, so differences are taken seed
by seed, each from the choice named in `AGAINST`. Measured on the shipped test faces.
`--seeds 3 4` trains only those and keeps other results.

Two things are not in the shipped faces and are made here. *Votes*: ten imagined annotators a face,
each right with a probability that differs from face to face, else taken in by a class that is easy
to confuse with the true one. *Imbalance*: of the training faces, each class keeps 0.6 times as many
as the one before it; the test faces stay as they are.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from figures.experiments.harness import Record, experiment, first_seeds
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.comparisons import compare
from vtff_lib.evaluation.measure import predict
from vtff_lib.inputs import resize
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.loop import train
from vtff_lib.training.progress import Progress
from vtff_lib.training.recipe import TrainingConfig, generator
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF, VTFFOutput

IMAGE_SIZE, EPOCHS = 64, 5
VOTES = 10
RIGHT = (0.2, 0.9)  # how likely an annotator is right: least and most clear face
CONFUSED = (3, 2, 6, 0, 5, 4, 2, 1)  # by true class, the class that takes most in
TAKEN_IN = 0.7  # share of the wrong votes that go there; the rest go anywhere
KEPT = 0.6  # of each class, as a share of the one before
LONGER = {"epochs": 16}  # of the fewer faces that are left: about as many steps
HIGH_RATE = 8e-3
TURNS = {"flip": 0.5, "move": 1.0, "rotation": 20}


def ten_votes(labels: Tensor, classes: int, seed: int) -> Tensor:
    """Return how many of ten imagined annotators named each class, `(N, classes)`."""
    dice = generator(seed, "votes", 0)
    right = torch.empty(len(labels)).uniform_(*RIGHT, generator=dice)[:, None]
    truth = torch.nn.functional.one_hot(labels, classes)
    taken = torch.nn.functional.one_hot(torch.tensor(CONFUSED)[labels], classes)
    wrong = TAKEN_IN * taken + (1 - TAKEN_IN) / classes
    chances = right * truth + (1 - right) * wrong  # (N, classes)
    named = torch.multinomial(chances, VOTES, replacement=True, generator=dice)  # (N, 10)
    return torch.nn.functional.one_hot(named, classes).sum(dim=1).float()


def imbalanced(faces: Examples) -> Examples:
    """Return the faces without most of those whose class comes late."""
    assert faces.labels is not None
    kept = []
    for label in faces.labels.unique().tolist():
        places = (faces.labels == label).nonzero().flatten()
        kept.append(places[: round(len(places) * KEPT**label)])
    chosen = torch.cat(kept).sort().values
    return Examples(faces.images[chosen], faces.labels[chosen])


class BentWithCodes(Augmentation):
    """Makes the codes first and bends them along with the image. The wrong order, on purpose."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed copies of `images` and, as channels 3 to 5, of their codes."""
        both = torch.cat([images, local_binary_pattern(images)], dim=1)
        return super().__call__(both, generator)


class CodesGiven(VTFF):
    """A VTFF that takes its codes, where an image brings them along."""

    def forward(
        self, rgb: Tensor, lbp: Tensor | None = None, return_maps: bool = False
    ) -> VTFFOutput:
        """Return what VTFF does of `(N, 6, H, W)`: colours, then codes; of 3, as it always does."""
        colours, codes = rgb[:, :3].contiguous(), rgb[:, 3:].contiguous()
        return super().forward(colours, codes if codes.numel() else lbp, return_maps)


def votes(faces: Examples) -> Examples:
    """Return the faces with ten votes each to learn from."""
    assert faces.labels is not None
    return faces._replace(targets=ten_votes(faces.labels, len(CONFUSED), 0))


def most_votes(faces: Examples) -> Examples:
    """Return the faces with the class that most of the ten voted for as their label."""
    targets = votes(faces).targets
    assert targets is not None
    return faces._replace(labels=targets.argmax(dim=1))


@dataclass(frozen=True)
class Choice:
    """One way of training: settings that differ, what is learned from, and which model learns.

    What is tested is the same in all: faces as they are, with the codes that the model makes.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    faces: Callable[[Examples], Examples] = lambda faces: faces
    model: type[VTFF] = VTFF


CHOICES = {
    "reference": Choice(),
    "no warm-up": Choice({"warmup": 0.0}),
    "high rate, warm-up": Choice({"learning_rate": HIGH_RATE}),
    "high rate, no warm-up": Choice({"learning_rate": HIGH_RATE, "warmup": 0.0}),
    "no averaged weights": Choice({"ema_decay": 0.0}),
    "ten votes": Choice(faces=votes),
    "hard labels": Choice(faces=most_votes),
    "geometry, LBP after": Choice({"augmentation": Augmentation(**TURNS)}),
    "LBP before geometry": Choice({"augmentation": BentWithCodes(**TURNS)}, model=CodesGiven),
    "imbalanced": Choice(LONGER, imbalanced),
    "imbalanced, class balance": Choice(LONGER | {"class_balance": 1.0}, imbalanced),
    "imbalanced, logit adjustment": Choice(LONGER | {"logit_adjustment": 1.0}, imbalanced),
}
AGAINST = {
    "high rate, no warm-up": "high rate, warm-up",
    "hard labels": "ten votes",
    "LBP before geometry": "geometry, LBP after",
    "imbalanced, class balance": "imbalanced",
    "imbalanced, logit adjustment": "imbalanced",
}


def small(faces: FaceSet) -> Examples:
    """Return the faces at the size that is trained with here."""
    return Examples(resize(faces.images[:], IMAGE_SIZE), faces.labels)


def train_choice(name: str, seed: int, faces: FaceSet, **changes: Any) -> Record:
    """Train one choice from one seed, with other `changes`; return what is told of it."""
    choice, started = CHOICES[name], time.process_time()
    learned, watched, test = (small(faces.part(split)) for split in ("train", "valid", "test"))
    torch.manual_seed(seed)
    model = choice.model(VTFFConfig.tiny(len(faces.class_names), image_size=IMAGE_SIZE))
    settings = {"epochs": EPOCHS, "growth": 0.0, "seed": seed} | choice.settings | changes
    config = TrainingConfig.preset("minute", **settings)
    record: Record = {"settings": {key: str(value) for key, value in choice.settings.items()}}
    try:
        train_set = choice.faces(learned)
        history = train(model, train_set, watched, config, progress=Progress())
    except FloatingPointError as error:
        return record | {
            "error": str(error),
            "cpu_seconds": round(time.process_time() - started, 1),
        }
    guesses = predict(model, test.images).argmax(dim=1)
    assert test.labels is not None
    recalls = [
        (guesses[test.labels == label] == label).double().mean().item()
        for label in range(len(faces.class_names))
    ]
    return record | {
        "images": len(train_set.images),
        "accuracy": round((guesses == test.labels).double().mean().item(), 4),
        "recalls": [round(recall, 4) for recall in recalls],
        "train_loss": [round(epoch.train_loss, 4) for epoch in history.epochs],
        "valid_loss": [round(epoch.valid_loss, 4) for epoch in history.epochs],
        "valid_accuracy": [round(epoch.valid_accuracy, 4) for epoch in history.epochs],
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def run_seed(seed: int, faces: FaceSet) -> Record:
    """Train every choice from one seed; return the figures of all."""
    choices = {}
    for name in CHOICES:
        choices[name] = train_choice(name, seed, faces)
        print(seed, name, choices[name].get("accuracy"), flush=True)
    return {
        "seed": seed,
        "settings": {"image_size": IMAGE_SIZE, "epochs": EPOCHS, "votes": VOTES, "right": RIGHT},
        "test_images": len(faces.part("test")),
        "faces_sha256": faces.manifest.get("sha256"),
        "choices": choices,
    }


def summarise(runs: list[Record]) -> Record:
    """Return each choice's mean accuracy, and its difference from another, seed by seed.

    `interval_95` is half the width of a 95 % interval of the difference.
    """
    scores = {name: [run["choices"][name]["accuracy"] for run in runs] for name in CHOICES}
    summary = {}
    for name, accuracies in scores.items():
        against = AGAINST.get(name, "reference")
        row = {"accuracy": round(mean(accuracies), 4), "against": against}
        if len(runs) > 1:
            difference = compare(accuracies, scores[against]).difference
            row["difference"] = round(difference.value, 4)
            row["interval_95"] = round(difference.high - difference.value, 4)
        summary[name] = row
    return summary


@experiment("training_choices.json", "numpy", arguments=[first_seeds(8)], summarise=summarise)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield all choices of each seed."""
    faces = load_default()
    for seed in seeds:
        yield run_seed(seed, faces)


if __name__ == "__main__":
    main()
