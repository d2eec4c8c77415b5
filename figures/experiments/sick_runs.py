"""Train the tiny model once as it should be and four times with something wrong, for lesson 07.

    python -m figures.experiments.sick_runs

One seed, images of 64 pixels, a plain loop: what is wrong is to be seen in the curves, and all else
is equal; but labels that say nothing come with fewer images, so that these few steps are enough to
show how they are learned by heart. Training figures are those of the steps themselves, so in
training mode; validation is in eval mode, by the weights as they are. What is wrong with a run is
not stored, since lesson 07 asks for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from figures.experiments.harness import Record, experiment
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.inputs import resize
from vtff_lib.training.optimisation import learning_rate_share, make_optimiser
from vtff_lib.training.recipe import generator
from vtff_lib.vtff import VTFF

SEED, IMAGE_SIZE, BATCH = 0, 64, 32
ROUNDS, STEPS = 16, 25  # points of a curve, and steps to a point
IMAGES, FEW, SOME = 2800, 64, 800
RATE, TOO_HIGH = 1.5e-3, 0.1


def shuffle(labels: Tensor) -> Tensor:
    """Return the labels dealt out anew: each says nothing of its image."""
    return labels[torch.randperm(len(labels), generator=generator(SEED, "labels", 0))]


def freeze_statistics(model: nn.Module) -> None:
    """Keep the running statistics of batch norm as they are, mean 0 and variance 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0


@dataclass(frozen=True)
class Run:
    """What is done to a run, and in words what is wrong with it."""

    cause: str
    rate: float = RATE
    images: int = IMAGES
    labels: Callable[[Tensor], Tensor] = lambda labels: labels
    model: Callable[[nn.Module], None] = lambda model: None


RUNS = {
    "healthy": Run("nothing"),
    "A": Run("frozen statistics", model=freeze_statistics),
    "B": Run("too few images", images=FEW),
    "C": Run("rate too high", rate=TOO_HIGH),
    "D": Run("labels shuffled", images=SOME, labels=shuffle),
}


def train_run(run: Run, faces: FaceSet, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Train once; return four curves of `rounds` points."""
    train_set, valid_set = faces.part("train"), faces.part("valid")
    order = torch.randperm(len(train_set), generator=generator(SEED, "images", 0))
    chosen = order[: run.images]
    images = resize(train_set.images[chosen], IMAGE_SIZE)
    labels = run.labels(train_set.labels[chosen])
    valid_images = resize(valid_set.images[:], IMAGE_SIZE)
    torch.manual_seed(SEED)
    model = VTFF(VTFFConfig.tiny(len(faces.class_names), image_size=IMAGE_SIZE))
    run.model(model)
    optimiser = make_optimiser(model, run.rate, weight_decay=0.05)
    dice, total = generator(SEED, "batches", 0), rounds * STEPS
    curves: dict[str, list[float]] = {}
    for number in range(rounds):
        losses, hits = [], []
        model.train()
        for step in range(number * STEPS, (number + 1) * STEPS):
            batch = torch.randint(len(images), (BATCH,), generator=dice)
            optimiser.param_groups[0]["lr"] = optimiser.param_groups[1]["lr"] = (
                run.rate * learning_rate_share(step, total, total // 10)
            )
            logits = model(images[batch]).logits
            loss = F.cross_entropy(logits, labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            hits.append((logits.argmax(dim=1) == labels[batch]).double().mean().item())
        logits = look(model, valid_images)
        point = {
            "train_loss": mean(losses),
            "train_accuracy": mean(hits),
            "valid_loss": F.cross_entropy(logits, valid_set.labels).item(),
            "valid_accuracy": (logits.argmax(dim=1) == valid_set.labels).double().mean().item(),
        }
        for name, value in point.items():
            curves.setdefault(name, []).append(round(value, 4))
    return curves


@torch.no_grad()
def look(model: VTFF, images: Tensor) -> Tensor:
    """Return the logits of all images, in eval mode."""
    model.eval()
    return torch.cat([model(batch).logits for batch in images.split(100)])


@experiment("sick_runs.json", "numpy")
def main() -> Record:
    """Train all five; return their curves."""
    faces, cases = load_default(), {}
    for name, run in RUNS.items():
        cases[name] = train_run(run, faces)
        print(name, {key: value[-1] for key, value in cases[name].items()}, flush=True)
    return {
        "seed": SEED,
        "faces_sha256": faces.manifest.get("sha256"),
        "steps_to_a_point": STEPS,
        "cases": cases,
    }


if __name__ == "__main__":
    main()
