"""Train the tiny model with each reading of the gate, and with each branch gated.

    python -m figures.experiments.gate_readings

All settings of one seed start from the same weights and see the same images in the same order, so
differences are taken seed by seed. Images of 64 pixels and few epochs: enough to compare, not to
recognise well. Written down: accuracy on the shipped test faces, the weights of both branches
before and after, and how the gradient divides between the branches from step to step.
`--seeds 3 4` trains only those and keeps other results.
"""

import copy
import shutil
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn

from figures.experiments.harness import Record, experiment, first_seeds
from figures.experiments.runs import train_model, weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.comparisons import compare
from vtff_lib.evaluation.measure import predict
from vtff_lib.fusion import GATES
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

SETTINGS = {f"{gate}, {view}": (gate, view) for gate in GATES for view in ("lbp", "rgb")}
REFERENCE = "sigmoid_of_sum, lbp"
IMAGE_SIZE, EPOCHS, PHASES = 64, 5, 15
WATCHED = 64  # images on which the weights are looked at
FEWEST = 3  # seeds that an interval is told of


def train_reading(name: str, seed: int, faces: FaceSet) -> Record:
    """Train one setting from one seed; return what is told of it."""
    gate, view = SETTINGS[name]
    settings = {"image_size": IMAGE_SIZE, "gate": gate, "gated_branch": view}
    torch.manual_seed(seed)
    model = VTFF(VTFFConfig.tiny(len(faces.class_names), **settings))
    train_set, test_set = faces.part("train"), faces.part("test")
    start = branch_weights(copy.deepcopy(model).train(), train_set.images[:WATCHED])
    run_name = f"gate_readings_{gate}_{view}"
    folder = weights_of(run_name, seed).parent
    shutil.rmtree(folder, ignore_errors=True)  # a run that goes on would lack its first gradients
    gradients: list[Tensor] = []
    hook = model.fusion.register_full_backward_hook(keep_norms(gradients))
    config = TrainingConfig.preset("minute", epochs=EPOCHS, growth=0.0, seed=seed)
    record = train_model(run_name, model, faces, config)
    hook.remove()
    shutil.rmtree(folder)
    right = predict(model, test_set.images).argmax(dim=1) == test_set.labels
    return record | {
        "accuracy": round(right.double().mean().item(), 4),
        "test_images": len(test_set),
        "start": start,
        "end": branch_weights(model, test_set.images[:WATCHED]),
        "rgb_gradient_over_lbp": by_phase(torch.stack(gradients)),
    }


def keep_norms(kept: list[Tensor]) -> Callable[[nn.Module, Any, Any], None]:
    """Return a hook that keeps the norms of the gradients at X_RGB and X_LBP, `(2,)` a step."""

    def hook(fusion: nn.Module, at_maps: tuple[Tensor, Tensor], at_output: Any) -> None:
        kept.append(torch.stack([gradient.norm() for gradient in at_maps]))

    return hook


def by_phase(norms: Tensor) -> list[float]:
    """Return the geometric mean of RGB's norm over LBP's in each of `PHASES` parts of a run."""
    ratios = (norms[:, 0] / norms[:, 1]).log()  # (steps,)
    return [round(part.mean().exp().item(), 4) for part in ratios.tensor_split(PHASES)]


@torch.no_grad()
def branch_weights(model: VTFF, images: Tensor) -> dict[str, Any]:
    """Return what multiplies each branch, and how often the mixture leaves the two maps."""
    images = nn.functional.interpolate(images / 255, (IMAGE_SIZE, IMAGE_SIZE), mode="area")
    out = model(images, return_maps=True)
    gate, rest = GATES[model.config.gate](out.global_attention, out.local_attention)
    low, high = torch.minimum(out.rgb_map, out.lbp_map), torch.maximum(out.rgb_map, out.lbp_map)
    outside = (out.fused < low - 1e-5) | (out.fused > high + 1e-5)
    return {
        "gated": describe(gate),
        "other": describe(rest),
        "outside": round(outside.float().mean().item(), 4),
    }


def describe(weights: Tensor) -> dict[str, float]:
    """Return mean, deviation and range of some weights."""
    figures = {
        "mean": weights.mean(),
        "deviation": weights.std(),
        "least": weights.min(),
        "most": weights.max(),
    }
    return {name: round(value.item(), 4) for name, value in figures.items()}


def summarise(runs: list[Record]) -> Record:
    """Return each setting's accuracy, and its difference from the reference, seed by seed.

    `interval_95` is half the width of a 95 % interval of that difference; none of too few seeds.
    """
    accuracies = {s: [run["readings"][s]["accuracy"] for run in runs] for s in SETTINGS}
    summary = {}
    for setting, reached in accuracies.items():
        row: Record = {"accuracy": round(mean(reached), 4)}
        pairs = [a - b for a, b in zip(reached, accuracies[REFERENCE], strict=True)]
        row["difference"], row["interval_95"] = round(mean(pairs), 4), None
        if len(pairs) >= FEWEST:
            difference = compare(reached, accuracies[REFERENCE]).difference
            row["interval_95"] = round(difference.high - difference.value, 4)
        summary[setting] = row
    return summary


SHARED = ("seed", "training", "images", "faces_sha256")  # by all settings of a seed


@experiment(
    "gate_readings.json",
    "numpy",
    "scikit-learn",
    arguments=[first_seeds(5)],
    summarise=summarise,
)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield all settings of each seed."""
    faces = load_default()
    for seed in seeds:
        readings = {name: train_reading(name, seed, faces) for name in SETTINGS}
        print(seed, {name: record["accuracy"] for name, record in readings.items()})
        yield {
            **{key: readings[REFERENCE][key] for key in SHARED},
            "seconds": round(sum(record["seconds"] for record in readings.values()), 1),
            "readings": {
                name: {key: value for key, value in record.items() if key not in SHARED}
                for name, record in readings.items()
            },
        }


if __name__ == "__main__":
    main()
