"""What an answer needs, beside what the maps mark: each square of a face covered in turn.

    python -m figures.experiments.need

Model: the shipped tiny one; faces: all shipped test faces. Every one of the 49 squares is covered
with the picture's mean colour, and the needed one is the square that costs the first guess most.
Written to `need.json`: how often an answer hangs on one square, and how often a map marks the
needed one brightest, or among its five brightest. The controls: a square by lot, and for each face
the square that is needed most often in faces of everybody else.
"""

from typing import Any

import torch
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.explain import maps, occlusion
from vtff_lib.explain.heat_maps import HeatMap
from vtff_lib.pretrained import load_pretrained
from vtff_lib.vtff import VTFF

BATCH = 8
FEW = 5  # brightest squares that may hold the needed one
MUCH = 0.3  # of probability, lost with one square


def looked_at(model: VTFF, images: Tensor) -> dict[str, Tensor]:
    """Return maps `(N, h·w)` by name, and the first guess `(N, 1)`: what is needed comes first."""
    out = model(images, return_maps=True)
    guess = out.logits.argmax(dim=1)
    found: dict[str, HeatMap] = {
        "need": occlusion(model, images, guess),
        "attention": maps.attention(out),
        "rollout": maps.rollout(out),
        "gradient": maps.gradient_attention(out, guess),
        "grad-cam": maps.grad_cam(out, guess),
    }
    heats = {name: heat.values.detach().flatten(1) for name, heat in found.items()}
    return heats | {"guess": guess[:, None]}


def hits(heat: Tensor, needed: Tensor) -> dict[str, Tensor]:
    """Return for each face 1.0 where the needed square `(N,)` is the brightest, and of the few."""
    order = heat.argsort(dim=1, descending=True, stable=True) == needed[:, None]
    return {"first": order[:, 0].double(), "of five": order[:, :FEW].any(dim=1).double()}


def of_others(needed: Tensor, persons: Tensor, cells: int) -> Tensor:
    """Return maps `(N, h·w)`: how often each square is needed in faces of other persons."""
    counts = [torch.bincount(needed[persons != person], minlength=cells) for person in persons]
    return torch.stack(counts).double()


def compare(model: VTFF, faces: FaceSet) -> dict[str, Any]:
    """Return what one square costs, and how often each map marks the needed one."""
    batches = [looked_at(model, images) for images in faces.images[:].split(BATCH)]
    heats = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    need, guess, persons = heats.pop("need"), heats.pop("guess"), faces.extras["identities"]
    cost, needed = need.max(dim=1)
    heats["same square for all"] = of_others(needed, persons, need.shape[1])
    agreement = {name: means(hits(heat, needed), persons) for name, heat in heats.items()}
    cells = need.shape[1]
    chance = {"first": round(1 / cells, 4), "of five": round(min(FEW / cells, 1), 4)}
    return {
        "right": means({"all": (guess[:, 0] == faces.labels).double()}, persons)["all"],
        "one square costs": means(
            {"more than 0.3": (cost > MUCH).double(), "less than 0.01": (cost < 0.01).double()},
            persons,
        ),
        "chance": chance,
        "agreement": agreement,
    }


@experiment("need.json", "numpy")
def main() -> Record:
    """Return what the answers of the shipped model need."""
    faces, model = load_default(), load_pretrained("tiny")
    test = faces.part("test")
    return {
        "model": "tiny",
        "faces_sha256": faces.manifest.get("sha256"),
        "faces": len(test),
        **compare(model, test),
    }


if __name__ == "__main__":
    main()
