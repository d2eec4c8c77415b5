"""What the model loses when a part is silenced: each head, a branch, a part of the gate, a layer.

    python -m figures.experiments.silenced

Model: the shipped tiny one; faces: all shipped test faces. Written to `silenced.json`: accuracy
with each change, its difference from the whole model face by face with a 95 % interval, and the
share of faces whose guess is another.
"""

from typing import Any

import torch
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.explain.surgery import Surgery, all_surgeries, larger_surgeries, operated
from vtff_lib.pretrained import load_pretrained
from vtff_lib.vtff import VTFF

BATCH = 50


@torch.no_grad()
def guesses(model: VTFF, images: Tensor, surgery: Surgery) -> Tensor:
    """Return the model's guesses `(N,)` under one surgery."""
    classes = []
    for batch in images.split(BATCH):
        with operated(model, [surgery] * len(batch)):
            classes.append(model(batch).logits.argmax(dim=1))
    return torch.cat(classes)


def silence(model: VTFF, faces: FaceSet) -> dict[str, Any]:
    """Return accuracy, difference and changed guesses for every change but those of the image."""
    images, persons = faces.images[:], faces.extras["identities"]
    surgeries = [surgery for surgery in all_surgeries(model) if surgery.patch is None]
    surgeries += larger_surgeries(model)
    guessed = {surgery.name: guesses(model, images, surgery) for surgery in surgeries}
    whole = guessed["none"]
    right = {name: (guess == faces.labels).double() for name, guess in guessed.items()}
    accuracy = means(right, persons)
    difference = means({name: hits - right["none"] for name, hits in right.items()}, persons)
    changed = means({name: (guess != whole).double() for name, guess in guessed.items()}, persons)
    return {
        name: {
            "accuracy": accuracy[name],
            "difference": difference[name],
            "other guess": changed[name],
        }
        for name in guessed
    }


@experiment("silenced.json", "numpy")
def main() -> Record:
    """Return what each change does to the shipped model."""
    faces, model = load_default(), load_pretrained("tiny")
    test = faces.part("test")
    return {
        "model": "tiny",
        "faces_sha256": faces.manifest.get("sha256"),
        "faces": len(test),
        "surgeries": silence(model, test),
    }


if __name__ == "__main__":
    main()
