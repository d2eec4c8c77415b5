"""How models hold out as a face gets harder to see, and what the gate does about it.

    python -m figures.experiments.robustness

Models: those that `figures.experiments.ablation` left in `build/`, five seeds each of the full
model, of RGB alone, LBP alone and the sum; of the full model also with the gate forced to one
branch. Faces: people of the split "test", whom no training saw, rendered in a studio and then with
one thing changed: the lamp's side, the exposure, the head's turn, or, in the finished picture,
noise, blur and a grey square. So each face is compared with itself. Training saw mild shots
(wildness 0.25), so all but the first steps are harder than what it saw.

The gate is the LBP branch's weight, a mean over the cells of the face.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from figures.experiments.ablation import KEPT
from figures.experiments.harness import Record, experiment, first_seeds
from figures.experiments.runs import weights_of
from vtff_lib import explain
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.comparisons import compare
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain.pointing import share_of_cells
from vtff_lib.explain.surgery import Surgery, operated
from vtff_lib.inputs import resize
from vtff_lib.synthetic_faces import Faces, render, sample
from vtff_lib.synthetic_faces.shots import lamp_at
from vtff_lib.vtff import VTFF

FACES, SIZE = 320, 112
SEEDS = (0, 1, 2, 3, 4)
FRONT, ABOVE = 0.0, 0.5  # the usual lamp, in radians
LEVELS: dict[str, tuple[float, ...]] = {
    "lamp to the side, radians": (0.0, 0.4, 0.8, 1.2, 1.5),
    "exposure, as a factor": (1.0, 0.7, 0.45, 0.3, 0.2),
    "noise, grey levels": (0.0, 4.0, 8.0, 16.0, 32.0),
    "blur, pixels": (0.0, 0.8, 1.6, 2.4, 3.2),
    "covered square, share of the side": (0.0, 0.1, 0.2, 0.3, 0.4),
    "head turned, radians": (0.0, 0.15, 0.3, 0.45, 0.6),
}
FORCED = {"full, gate to RGB": 0.0, "full, gate to LBP": 1.0}
MODELS = (*KEPT, *FORCED)
Picture = tuple[Tensor, Tensor]  # images (N, 3, H, W) uint8 and regions (N, H, W)


def studio(faces: Faces, **shot: Any) -> Picture:
    """Render the faces under the usual lamp, apart from what `shot` sets."""
    front = {"lamp": lamp_at(torch.tensor([FRONT]), torch.tensor([ABOVE]))}
    picture = render(faces.in_studio(**front | shot), size=SIZE)
    return picture.images, picture.regions


def noisy(images: Tensor, level: float) -> Tensor:
    """Add noise of this deviation, the same but for its strength at every level."""
    dice = torch.Generator().manual_seed(0)
    noise = torch.randn(images.shape, generator=dice)
    return (images + level * noise).round().clamp(0, 255).byte()


def blurred(images: Tensor, level: float) -> Tensor:
    """Blur with a Gaussian of this deviation in pixels."""
    return gaussian_blur(images, 2 * math.ceil(3 * level) + 1, level) if level else images


def covered(images: Tensor, level: float) -> Tensor:
    """Lay a grey square over each picture, its centre anywhere in the middle of the picture."""
    dice = torch.Generator().manual_seed(1)
    height, width = images.shape[-2:]
    centres = 0.3 + 0.4 * torch.rand(len(images), 2, generator=dice)  # (N, 2): row, column
    rows = (torch.arange(height) + 0.5) / height - centres[:, :1]  # (N, H)
    columns = (torch.arange(width) + 0.5) / width - centres[:, 1:]
    inside = (rows.abs() < level / 2)[:, :, None] & (columns.abs() < level / 2)[:, None]
    return images.masked_fill(inside[:, None], 128)


def lamp_aside(faces: Faces, level: float) -> Picture:
    """Move the lamp to the right."""
    return studio(faces, lamp=lamp_at(torch.tensor([level]), torch.tensor([ABOVE])))


CHANGES: dict[str, Callable[[Faces, Picture, float], Picture]] = dict(
    zip(
        LEVELS,
        (
            lambda faces, usual, level: lamp_aside(faces, level),
            lambda faces, usual, level: studio(faces, exposure=level),
            lambda faces, usual, level: (noisy(usual[0], level), usual[1]),
            lambda faces, usual, level: (blurred(usual[0], level), usual[1]),
            lambda faces, usual, level: (covered(usual[0], level), usual[1]),
            lambda faces, usual, level: studio(faces, yaw=level),
        ),
        strict=True,
    )
)


def pictures(faces: Faces, size: int) -> dict[str, dict[float, Picture]]:
    """Return what models of this size see of the faces, at each level of each change."""
    usual = studio(faces)
    seen: dict[str, dict[float, Picture]] = {}
    for what, levels in LEVELS.items():
        changed = {level: CHANGES[what](faces, usual, level) for level in levels}
        seen[what] = {
            level: (resize(images, size), places) for level, (images, places) in changed.items()
        }
    return seen


def forced_accuracy(model: VTFF, images: Tensor, labels: Tensor, lbp_weight: float) -> float:
    """Return the accuracy with the gate forced to a weight of the LBP branch."""
    right = 0
    for batch, truth in zip(images.split(64), labels.split(64), strict=True):
        with torch.no_grad(), operated(model, [Surgery(lbp_weight=lbp_weight)] * len(batch)):
            right += int((model(batch).logits.argmax(dim=1) == truth).sum())
    return right / len(labels)


@torch.no_grad()
def gate_maps(model: VTFF, images: Tensor) -> dict[str, Tensor]:
    """Return the LBP branch's mean weight and its share of the energy, of each cell."""
    pairs = []
    for batch in images.split(64):
        out = model(batch, return_maps=True)
        gate = explain.gate(out).values
        weight = gate if model.config.gated_branch == "lbp" else 1 - gate
        share = explain.energy_share(out, model.config.gated_branch).values
        pairs.append(torch.stack([weight, share]))
    weight, share = torch.cat(pairs, dim=1)
    return {"gate": weight, "energy share": share}


def over(maps: dict[str, Tensor], places: Tensor) -> dict[str, Tensor]:
    """Return each face's mean over `places` `(N, H, W)`, NaN where there are none."""
    inside = share_of_cells(places, maps["gate"])
    total = inside.sum(dim=(1, 2))
    return {name: (heat * inside).sum(dim=(1, 2)) / total for name, heat in maps.items()}


def look(models: dict[str, VTFF], picture: Picture, labels: Tensor) -> dict[str, float]:
    """Return each model's accuracy on one set of pictures, and the full model's mean gate."""
    images, places = picture
    shares = {}
    for name, model in models.items():
        right = predict(model, images).argmax(dim=1) == labels
        shares[name] = right.double().mean().item()
    for name, weight in FORCED.items():
        shares[name] = forced_accuracy(models["full"], images, labels, weight)
    shares["gate"] = over(gate_maps(models["full"], images), places > 0)["gate"].nanmean().item()
    return {name: round(value, 4) for name, value in shares.items()}


def interval(values: list[float]) -> dict[str, float]:
    """Return the mean over seeds with its 95 % t interval."""
    if len(values) < 2:
        return {"value": round(values[0], 4)}
    estimate = compare(values, [0.0] * len(values)).difference
    return {name: round(value, 4) for name, value in estimate._asdict().items()}


def summarise(runs: list[Record]) -> Record:
    """Return, at each level, means over seeds; full minus each model and the gate seed by seed."""
    table: Record = {}
    for what, levels in LEVELS.items():
        table[what] = {}
        usual = str(levels[0])
        for level in map(str, levels):
            share = [run["levels"][what][level] for run in runs]
            first = [run["levels"][what][usual]["gate"] for run in runs]
            table[what][level] = {
                "accuracy": {name: interval([one[name] for one in share]) for name in MODELS},
                "full_minus": {
                    name: interval([one["full"] - one[name] for one in share])
                    for name in MODELS[1:]
                },
                "gate": interval([one["gate"] for one in share]),
                "gate_minus_usual": interval(
                    [one["gate"] - start for one, start in zip(share, first, strict=True)]
                ),
            }
    return table


@experiment("robustness.json", "numpy", arguments=[first_seeds(len(SEEDS))], summarise=summarise)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield what the models of each seed name in all pictures."""
    missing = [s for s in seeds if not all(weights_of(f"ablation_{n}", s).is_file() for n in KEPT)]
    if missing:
        raise SystemExit(
            f"Seeds {missing} have no weights; run python -m figures.experiments.ablation first."
        )
    faces = sample(range(FACES), split="test")
    sha256 = load_default().manifest.get("sha256")
    seen = None
    for seed in seeds:
        models = {name: VTFF.load(weights_of(f"ablation_{name}", seed)) for name in KEPT}
        seen = seen or pictures(faces, models["full"].config.image_size)
        yield {
            "seed": seed,
            "faces": len(faces.labels),
            "people": len(faces.identities.unique()),
            "faces_sha256": sha256,
            "levels": {
                what: {str(step): look(models, seen[what][step], faces.labels) for step in steps}
                for what, steps in LEVELS.items()
            },
        }


if __name__ == "__main__":
    main()
