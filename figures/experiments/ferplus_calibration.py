"""Measure how honest the shipped model for photographs is, and how far FER+'s people agree.

    python -m figures.experiments.ferplus_calibration PACK

For lesson 07b. PACK is made by `python data_scripts/prepare.py ferplus`. The model was chosen
without the test pictures; each is seen twice, once mirrored, as in `figures.experiments.ferplus`,
and again as it is, so that what the mirror does to the confidence can be told.
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


def reliability(
    confidence: np.ndarray, right: np.ndarray, agreed: np.ndarray, bins: int = BINS
) -> list[dict]:
    """Return images, mean confidence and share right of each bin that is not empty, see ECE.

    `agreed` is the share of the votes that named what the model names; its mean is told as well.
    """
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
                    "agreed": round(float(agreed[inside].mean()), 4),
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


def told_of(shares: Tensor, labels: Tensor, votes: Tensor) -> dict[str, Any]:
    """Return how sure the model is, how often right, and how many people agree with it."""
    confidence, named = shares.max(dim=1)
    right = (named == labels).double().numpy()
    agreed = (votes / votes.sum(dim=1, keepdim=True)).gather(1, named[:, None])[:, 0].numpy()
    return {
        "bins": reliability(confidence.numpy(), right, agreed),
        "calibration_error": round(calibration_error(confidence.numpy(), right), 4),
        "mean_confidence": round(float(confidence.mean()), 4),
        "accuracy": round(float(right.mean()), 4),
        "agreed": round(float(agreed.mean()), 4),
    }


def measure(faces: FaceSet) -> dict[str, Any]:
    """Return what is told of the test pictures."""
    test = faces.part("test")
    assert test.labels is not None
    assert test.targets is not None
    model, votes = load_pretrained(MODEL), test.targets.double()
    shares = predict(model, test.images, flipped=True).double()  # (N, classes)
    targets = votes / votes.sum(dim=1, keepdim=True)
    loss = -(targets * shares.clamp_min(1e-12).log()).sum(dim=1).mean().item()
    seen_once = told_of(predict(model, test.images).double(), test.labels, votes)
    return {
        "images": len(test),
        **told_of(shares, test.labels, votes),
        "seen_once": {name: value for name, value in seen_once.items() if name != "bins"},
        "loss_on_votes": round(loss, 4),
        "votes": agreement(votes),
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
