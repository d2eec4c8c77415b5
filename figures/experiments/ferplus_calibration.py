"""Measure how honest the shipped model for photographs is, and how far FER+'s people agree.

    python -m figures.experiments.ferplus_calibration PACK

For lesson 07. PACK is made by `python data_scripts/prepare.py ferplus`. The model was chosen
without the test pictures; each is seen twice, once mirrored, as in `figures.experiments.ferplus`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from figures.experiments.harness import PACK, Record, experiment
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.measure import BINS, calibration_error, predict
from vtff_lib.pretrained import load_pretrained

MODEL = "photos"


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[dict]:
    """Return images, mean confidence and share right of each bin that is not empty, see ECE."""
    in_bin = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    rows = []
    for number in range(bins):
        inside = in_bin == number
        if inside.any():
            rows.append(
                {
                    "images": int(inside.sum()),
                    "confidence": round(float(confidence[inside].mean()), 4),
                    "right": round(float(right[inside].mean()), 4),
                }
            )
    return rows


def agreement(votes: Tensor) -> dict[str, float]:
    """Return how far people agree, from votes `(N, classes)`: means over the pictures.

    `entropy` is the least loss, in nats, that any model can have on such votes; `top_share` the
    share of the most named class; `unanimous` the share of pictures with a single class.
    """
    shares = votes.double() / votes.double().sum(dim=1, keepdim=True)
    entropy = -(shares * shares.clamp_min(1e-12).log()).sum(dim=1)
    top = shares.max(dim=1).values
    return {
        "entropy": round(entropy.mean().item(), 4),
        "top_share": round(top.mean().item(), 4),
        "unanimous": round((top == 1).double().mean().item(), 4),
    }


def measure(faces: FaceSet) -> dict[str, Any]:
    """Return what is told of the test pictures."""
    test = faces.part("test")
    shares = predict(load_pretrained(MODEL), test.images, flipped=True).double()  # (N, classes)
    assert test.labels is not None
    assert test.targets is not None
    right = (shares.argmax(dim=1) == test.labels).double().numpy()
    confidence = shares.max(dim=1).values.numpy()
    targets = test.targets.double() / test.targets.double().sum(dim=1, keepdim=True)
    return {
        "images": len(test),
        "bins": reliability(confidence, right),
        "calibration_error": round(calibration_error(confidence, right), 4),
        "mean_confidence": round(float(confidence.mean()), 4),
        "accuracy": round(float(right.mean()), 4),
        "loss_on_votes": round(
            -(targets * shares.clamp_min(1e-12).log()).sum(dim=1).mean().item(), 4
        ),
        "votes": agreement(test.targets),
    }


@experiment("ferplus_calibration.json", "numpy", arguments=[PACK])
def main(pack: Path) -> Record:
    """Return what is told of the shipped model."""
    faces = FaceSet.read(pack)
    return {
        "model": MODEL,
        "faces_sha256": faces.manifest.get("sha256"),
        "protocol": faces.manifest.get("protocol"),
        **measure(faces),
    }


if __name__ == "__main__":
    main()
