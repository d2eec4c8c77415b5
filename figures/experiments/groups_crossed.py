"""Do groups that cross lose more than each loses alone, and is a threshold fair to all of them?

    python -m figures.experiments.groups_crossed

The faces of `accuracy_by_group`, each rendered young and old, with the lightest and the darkest
skin, under the usual and a dim lamp: eight times, all else equal. Written to `groups_crossed.json`,
for both shipped models: accuracy; its paired difference from the first of the eight; how much of
that difference is more than the sum of what each change costs alone; and what share is answered,
how rightly, from the confidence on at which 95 % of the answers are right on the model's own
validation faces (for the model for photographs, on FER+'s, as `domain_gap.json` has it). Intervals
draw persons.
"""

import json
from itertools import product
from typing import Any

import torch
from torch import Tensor

from figures.experiments.accuracy_by_group import DIM_LAMP, FRONT, adults, column, skin
from figures.experiments.by_person import means
from figures.experiments.domain_gap import as_ferplus
from figures.experiments.harness import FIGURES, Record, experiment
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.answering import least_confidence
from vtff_lib.evaluation.measure import predict
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import Faces, render
from vtff_lib.vtff import VTFF

WANTED = 0.95  # of the answers, right
# Of each factor the level that others are compared with, and the other one.
FACTORS = {
    "age": {"young": column("age", 0.0), "old": column("age", 1.0)},
    "skin": {"lightest": skin(0), "darkest": skin(3)},
    "light": {"usual light": FRONT, "dim light": DIM_LAMP},
}
GROUPS = list(product(*FACTORS.values()))


def changed(faces: Faces, group: tuple[str, ...]) -> Faces:
    """Return the faces at one level of each factor."""
    for levels, level in zip(FACTORS.values(), group, strict=True):
        faces = levels[level](faces)
    return faces


def thresholds(tiny: VTFF) -> dict[str, float]:
    """Return for each model the confidence from which on enough of its answers are right."""
    valid = load_default().part("valid")
    shares = predict(tiny, valid.images)
    own = least_confidence(shares.amax(dim=1), shares.argmax(dim=1) == valid.labels, WANTED)
    told = json.loads((FIGURES / "domain_gap.json").read_text(encoding="utf-8"))
    return {"tiny": own, "photos": told["answering"][str(WANTED)]["confidence"]}


def beyond_the_sum(right: dict[tuple[str, ...], Tensor], group: tuple[str, ...]) -> Tensor:
    """Return of each face what `group` changes beyond the sum of its changes made alone."""
    first = GROUPS[0]
    alone = [
        right[(*first[:place], level, *first[place + 1 :])] - right[first]
        for place, level in enumerate(group)
    ]
    return right[group] - right[first] - torch.stack(alone).sum(dim=0)


def measure(model: VTFF, threshold: float, images: list[Tensor], faces: Faces) -> Record:
    """Return what one model makes of the faces in each group."""
    right, answered = {}, {}
    for group, pictures in zip(GROUPS, images, strict=True):
        shares = predict(model, pictures)
        right[group] = (shares.argmax(dim=1) == faces.labels).double()
        answered[group] = shares.amax(dim=1) >= threshold
    return {
        ", ".join(group): means(
            {
                "accuracy": right[group],
                "gap": right[group] - right[GROUPS[0]],
                "beyond the sum": beyond_the_sum(right, group),
                "answered": answered[group].double(),
                "rightly": right[group].where(answered[group], torch.nan),
            },
            faces.identities,
        )
        for group in GROUPS
    }


@experiment("groups_crossed.json", "numpy")
def main() -> Record:
    """Return what both models make of all groups."""
    faces = adults()
    images = [render(changed(faces, group)).images for group in GROUPS]
    tiny, photos = load_pretrained("tiny"), load_pretrained("photos")
    least = thresholds(tiny)
    models: dict[str, Any] = {
        "tiny": measure(tiny, least["tiny"], images, faces),
        "photos": measure(photos, least["photos"], list(map(as_ferplus, images)), faces),
    }
    return {
        "faces": len(faces),
        "persons": len(faces.identities.unique()),
        "wanted": WANTED,
        "thresholds": {name: round(value, 4) for name, value in least.items()},
        "groups": models,
    }


if __name__ == "__main__":
    main()
