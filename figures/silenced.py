"""What the model loses when a part is silenced: each head, a branch, a part of the gate.

    python -m figures.silenced

Model: the shipped tiny one; faces: all shipped test faces. Written to `silenced.json`: accuracy
with each change, its difference from the whole model face by face with a 95 % interval, and the
share of faces whose guess is another.
"""

import json
import time
from typing import Any

import torch
from torch import Tensor

from figures.by_person import means
from figures.runs import FIGURES
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.explain.surgery import Surgery, all_surgeries, operated
from vtff_lib.pretrained import load_pretrained
from vtff_lib.vtff import VTFF

BATCH = 50


@torch.no_grad()
def guesses(model: VTFF, images: Tensor, surgery: Surgery) -> Tensor:
    """Return the model's guesses `(N,)` under one surgery."""
    found = []
    for batch in images.split(BATCH):
        with operated(model, [surgery] * len(batch)):
            found.append(model(batch).logits.argmax(dim=1))
    return torch.cat(found)


def silence(model: VTFF, faces: FaceSet) -> dict[str, Any]:
    """Return accuracy, difference and changed guesses for every change but those of the image."""
    images, persons = faces.images[:], faces.extras["identities"]
    surgeries = [each for each in all_surgeries(model) if each.patch is None]
    found = {each.name: guesses(model, images, each) for each in surgeries}
    whole = found["none"]
    right = {name: (guess == faces.labels).double() for name, guess in found.items()}
    accuracy = means(right, persons)
    difference = means({name: each - right["none"] for name, each in right.items()}, persons)
    changed = means({name: (guess != whole).double() for name, guess in found.items()}, persons)
    return {
        name: {
            "accuracy": accuracy[name],
            "difference": difference[name],
            "other guess": changed[name],
        }
        for name in found
    }


def main() -> None:
    """Write the figures."""
    torch.set_num_threads(1)
    started = time.process_time()
    faces, model = load_default(), load_pretrained("tiny")
    test = faces.part("test")
    result = {
        **circumstances("numpy"),
        "model": "tiny",
        "faces_sha256": faces.manifest.get("sha256"),
        "faces": len(test),
        "surgeries": silence(model, test),
        "cpu_seconds": round(time.process_time() - started, 1),
    }
    text = json.dumps(result, indent=1)
    (FIGURES / "silenced.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
