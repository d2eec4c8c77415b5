"""What does each stage of a fused model know of the expression? A linear probe of each.

    python -m figures.experiments.fusion_probes

Models: those that `figures.experiments.fusion` left in `build/`, of the stage `renders`. From what
they make of the test faces a linear model (ridge regression) learns the expression, on half of the
test people, and is asked about the other half; then the halves change places. So neither the
network nor the probe has seen the people that it is asked about. Maps are probed twice: their mean
over all places, and all places side by side. Beside each trained model stands its twin with the
first weights: what a probe finds there was in the picture, and nobody has learned it.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from figures.experiments.fusion import gather, kept
from figures.experiments.fusion_faces import interval
from figures.experiments.fusion_models import build
from figures.experiments.harness import Record, experiment, first_seeds
from vtff_lib.datasets import FaceSet
from vtff_lib.inputs import resize
from vtff_lib.vtff import VTFF

STAGE = "renders"
PROBED = ("full", "sum", "mean")
FIRST = 8  # the first seed of the plan
PENALTIES = np.logspace(0, 5, 6)


@torch.no_grad()
def stages_of(model: VTFF, images: Tensor) -> dict[str, np.ndarray]:
    """Return what each stage of a model makes of the images, by its name, `(N, features)`."""
    parts: dict[str, list[Tensor]] = {}

    def note(name: str, values: Tensor) -> None:
        parts.setdefault(name, []).append(values)

    def cls_token(name: str) -> Callable[..., None]:
        return lambda block, given, output: note(name, output[0][:, 0])

    hooks = [
        each.register_forward_hook(cls_token(f"[cls] after block {number}"))
        for number, each in enumerate(model.encoder.blocks, start=1)
    ]
    for batch in images.split(200):
        out = model(resize(batch, model.config.image_size), return_maps=True)
        for name in ("rgb_map", "lbp_map", "fused"):
            note(f"{name}, mean", getattr(out, name).mean(dim=(2, 3)))
            note(f"{name}, all places", getattr(out, name).flatten(1))
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(values).double().numpy() for name, values in parts.items()}


def probe(features: np.ndarray, labels: np.ndarray, half: np.ndarray) -> float:
    """Return the accuracy of a linear model that learns one half and is asked about the other.

    Args:
        features: `(N, F)`.
        labels: `(N,)`.
        half: `(N,)` bool; each half is asked about once.
    """
    right = []
    for learned in (half, ~half):
        linear = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES))
        linear.fit(features[learned], labels[learned])
        right.append(linear.predict(features[~learned]) == labels[~learned])
    return round(float(np.concatenate(right).mean()), 4)


def halves(test: FaceSet) -> np.ndarray:
    """Return which faces belong to a random half of the people, `(N,)` bool."""
    people = test.extras["identities"]
    everyone = people.unique()
    order = torch.randperm(len(everyone), generator=torch.Generator().manual_seed(0))
    return torch.isin(people, everyone[order[: len(everyone) // 2]]).numpy()


def probes(model: VTFF, test: FaceSet) -> dict[str, float]:
    """Return the accuracy of a probe of each stage of a model."""
    half, labels = halves(test), test.labels.numpy()
    found = stages_of(model, test.images)
    return {name: probe(features, labels, half) for name, features in found.items()}


def summarise(runs: list[Record]) -> Record:
    """Return means over the seeds with their intervals."""
    return {
        name: {
            stage: interval([run["models"][name][stage] for run in runs])
            for stage in runs[0]["models"][name]
        }
        for name in runs[0]["models"]
    }


@experiment(
    "fusion_probes.json", "numpy", "scikit-learn", arguments=[first_seeds(5)], summarise=summarise
)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield the probes of each seed, counted from the first of the plan."""
    _, test = gather(STAGE, None)
    for seed in (FIRST + each for each in seeds):
        models = {name: kept(STAGE, name, seed) for name in PROBED}
        models["full, untrained"] = build("full", len(test.class_names), seed).eval()
        yield {
            "seed": seed,
            "images": len(test),
            "faces_sha256": test.manifest.get("sha256"),
            "models": {name: probes(model, test) for name, model in models.items()},
        }


if __name__ == "__main__":
    main()
