"""Where the gate prefers LBP and where RGB: by light, by region of the face, by class.

    python -m figures.experiments.gate_by

Model: the shipped tiny one. By light: rendered people of the test split, whom no training saw, in a
studio in which only the lamp moves, or only its power changes; so each face is compared with itself
under the usual lamp. By region and class: the shipped test faces. A face counts as the mean over
its own cells (of a region: over the region's), weighed by how much of a cell belongs to it. Written
to `gate_by.json`: of the gate and of the energy share, mean with 95 % interval and quantiles.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment
from vtff_lib import explain
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.explain.pointing import share_of_cells
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import REGIONS, render, sample
from vtff_lib.synthetic_faces.shots import lamp_at
from vtff_lib.vtff import VTFF

FACES = 64  # rendered
ABOVE = 0.5  # radians by which the lamp stands above the eyes
ANGLES = (-1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2)  # of the lamp, radians to the right
POWERS = (0.25, 0.5, 1.0, 1.5, 2.0)  # of the lamp; 1 is usual
USUAL_ANGLE, USUAL_POWER = 0.0, 1.0
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Maps = dict[str, Tensor]  # (N, h, w)


@torch.no_grad()
def gate_maps(model: VTFF, images: Tensor) -> Maps:
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


def over(maps: Maps, places: Tensor) -> dict[str, Tensor]:
    """Return each face's mean over `places` `(N, H, W)`, NaN where there are none."""
    inside = share_of_cells(places, maps["gate"])
    total = inside.sum(dim=(1, 2))
    return {name: (heat * inside).sum(dim=(1, 2)) / total for name, heat in maps.items()}


def spread(values: Mapping[str, Tensor], persons: Tensor) -> dict[str, dict[str, Any]]:
    """Return the mean with its interval, and quantiles over the faces."""
    points = torch.tensor(QUANTILES)
    return {
        name: figures
        | {"quantiles": [round(q, 4) for q in values[name].float().nanquantile(points).tolist()]}
        for name, figures in means(values, persons).items()
    }


def by_light(model: VTFF) -> dict[str, Any]:
    """Return the gate under each lamp, and its differences from the usual lamp, face by face."""
    faces = sample(range(FACES), split="test")
    shots: dict[str, dict[float, dict[str, Any]]] = {
        "angle": {
            angle: {"lamp": lamp_at(torch.tensor([angle]), torch.tensor([ABOVE]))}
            for angle in ANGLES
        },
        "power": {power: {"lamp_power": power} for power in POWERS},
    }
    table: dict[str, Any] = {}
    for what, usual in (("angle", USUAL_ANGLE), ("power", USUAL_POWER)):
        seen = {}
        for value, shot in shots[what].items():
            front = {"lamp": shots["angle"][USUAL_ANGLE]["lamp"]}
            picture = render(faces.in_studio(**front | shot), size=model.config.image_size)
            seen[value] = over(gate_maps(model, picture.images), picture.regions > 0)
        table[what] = {
            str(value): spread(gates, faces.identities)
            | {
                f"{name} minus usual": difference
                for name, difference in means(
                    {name: gates[name] - seen[usual][name] for name in gates}, faces.identities
                ).items()
            }
            for value, gates in seen.items()
        }
    return table


def by_region_and_class(model: VTFF, faces: FaceSet) -> dict[str, Any]:
    """Return the gate in each region and outside the face, and over the faces of each class."""
    maps, regions = gate_maps(model, faces.images[:]), faces.extras["regions"]
    persons = faces.extras["identities"]
    places = {"no part of the face": regions == 0} | {
        name: regions == 1 + number for number, name in enumerate(REGIONS)
    }
    whole = over(maps, regions > 0)
    classes = {}
    for label, name in enumerate(faces.class_names):
        these = faces.labels == label
        classes[name] = spread({key: gate[these] for key, gate in whole.items()}, persons[these])
    return {
        "region": {name: spread(over(maps, place), persons) for name, place in places.items()},
        "class": classes,
    }


@experiment("gate_by.json", "numpy")
def main() -> Record:
    """Return all distributions."""
    faces, model = load_default(), load_pretrained("tiny")
    test = faces.part("test")
    return {
        "model": "tiny",
        "faces_sha256": faces.manifest.get("sha256"),
        "faces": len(test),
        "faces_rendered": FACES,
        "seed": 0,
        "quantiles": QUANTILES,
        "light": by_light(model),
        **by_region_and_class(model, test),
    }


if __name__ == "__main__":
    main()
