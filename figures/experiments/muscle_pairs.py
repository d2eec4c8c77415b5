"""Take one muscle away, draw the face again, and ask each map what it knew.

    python -m figures.experiments.muscle_pairs

What is asked, of whom, and what counts is in `figures/plans/maps.toml`. Models: the tiny ones whose
weights are there (the shipped one always is, see `figures.experiments.maps`), and the one for
photographs. Written to `muscle_pairs.json`, two tests:

    order    of two units in different parts of a face, which does the answer need more?
    change   without one of them, does the map change where the picture did?
"""

from typing import Any

import torch
from torch import Tensor

from figures.experiments import maps_under_test as under_test
from figures.experiments.harness import Record, experiment
from figures.experiments.maps_under_test import PLAN, Maps, Scores
from vtff_lib import explain
from vtff_lib.explain.muscles import Removals
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces.faces import Faces
from vtff_lib.vtff import VTFF

ASKED = PLAN["muscle_pairs"]
GREY_AND_TIGHT = {"grey": 1, "zoom": 1.6, "blur": 1.0}  # nearer to what the other model learned
BESIDE = "photographs"


def some(taken: Removals, rows: Tensor) -> Removals:
    """Return some of the removals."""
    return Removals(*(column[rows] for column in taken))


class Scene:
    """Faces, each of them again without each unit, and what one model answers."""

    def __init__(self, model: VTFF, faces: Faces):
        size, self.grid, self.faces = model.config.image_size, model.config.grid, faces
        self.images, _ = under_test.draw(faces, size)
        taken = explain.removals(faces, PLAN["faces"]["active"])
        without, _ = under_test.draw(taken.faces, size)
        seen = (without != self.images[taken.face]).any(dim=(1, 2, 3))  # the rest is hidden
        self.taken, self.without = some(taken, seen), without[seen]
        before = self.images[self.taken.face]
        self.places = explain.change_in_cells(before, self.without, self.grid)  # (K, h, w)
        self.moved = (before.double() - self.without).abs().sum(dim=(1, 2, 3))  # (K,)
        self.answers = under_test.answers(model, self.images)
        whole = under_test.logits_of(model, self.images, self.answers)
        left = under_test.logits_of(model, self.without, self.answers[self.taken.face])
        self.losses = whole[self.taken.face] - left  # (K,)

    def by_person(self, right: Tensor, face: Tensor) -> list[float | None]:
        """Return each person's share of right pairs `(Q,)`, of the faces `(Q,)`; else nothing."""
        asked = self.faces.identities[face]
        return [
            round(right[asked == person].mean().item(), 5) if (asked == person).any() else None
            for person in self.faces.identities.unique()
        ]


def mean_loss(scene: Scene, same_answer: bool) -> Tensor:
    """Return what each unit cost the answers of other people's faces, on average, `(K,)`."""
    taken, faces = scene.taken, scene.faces
    person, answer = faces.identities[taken.face], scene.answers[taken.face]
    means = torch.zeros(len(taken.face), dtype=torch.float64)
    for row in range(len(taken.face)):
        others = (taken.unit == taken.unit[row]) & (person != person[row])
        alike = others & (answer == answer[row])
        chosen = alike if same_answer and alike.any() else others
        if chosen.any():
            means[row] = scene.losses[chosen].double().mean()
    return means


def order(scene: Scene, maps: Maps, twin: Maps) -> Scores:
    """Return who was right about which of two units matters more, of each map and control."""
    pairs = explain.pairs_of(scene.taken, scene.losses, ASKED["apart"])
    persons, face = scene.faces.identities, scene.taken.face

    def judged(marks: Tensor) -> list[float | None]:
        return scene.by_person(explain.in_order(marks, scene.losses, pairs), face[pairs[:, 0]])

    def of_map(heat: Tensor) -> list[float | None]:
        return judged(explain.mean_over(heat[face], scene.places))

    any_map = next(iter(maps.values()))
    draws = under_test.chance(any_map, PLAN["controls"]["random_draws"])
    found = {name: of_map(heat) for name, heat in maps.items()}
    found["random"] = average([of_map(heat) for heat in draws])
    found["blob"] = of_map(under_test.blob(any_map))
    found["edges"] = of_map(under_test.edges(scene.images, scene.grid))
    found["mean loss by this unit"] = judged(mean_loss(scene, same_answer=False))
    found["mean loss by this unit, same answer"] = judged(mean_loss(scene, same_answer=True))
    found["how far pixels move"] = judged(scene.moved)
    for name, heat in maps.items():
        found[f"{name}: prior"] = of_map(explain.prior(heat, persons))
        found[f"{name}: class prior"] = of_map(explain.prior(heat, persons, scene.answers))
        found[f"{name}: untrained"] = of_map(twin[name])
    return found


def average(several: list[list[float | None]]) -> list[float | None]:
    """Return the mean of each person's scores over several draws."""
    return [
        None if row[0] is None else round(sum(row) / len(row), 5)
        for row in zip(*several, strict=True)
    ]


def change(
    scene: Scene, model: VTFF, twin: VTFF, maps: Maps, twins: Maps, chosen: Tensor
) -> Scores:
    """Return whose maps changed where the picture did, on the `chosen` faces."""
    taken = scene.taken
    rows = torch.isin(taken.face, chosen)
    few = some(taken, rows)
    pairs, places = explain.pairs_of(few), scene.places[rows]
    images, classes = scene.without[rows], scene.answers[few.face]

    def judged(before: Tensor, after: Tensor) -> list[float | None]:
        moved = (after - before[few.face]).abs()
        right = explain.changed_there(moved, places, pairs)
        return scene.by_person(right, few.face[pairs[:, 0]])

    def edges(pictures: Tensor) -> Tensor:
        return under_test.edges(pictures, scene.grid)

    after = under_test.all_maps(model, images, classes)
    after_twin = under_test.all_maps(twin, images, classes)
    found = {name: judged(maps[name], after[name]) for name in maps}
    found["edges"] = judged(edges(scene.images), edges(images))
    found |= {f"{name}: untrained": judged(twins[name], after_twin[name]) for name in maps}
    return found


def ask(name: str, model: VTFF, faces: Faces) -> Record:
    """Return both tests of one model on some faces, person by person."""
    scene, twin = Scene(model, faces), under_test.untrained(name, model)
    maps = under_test.all_maps(model, scene.images, scene.answers)
    twins = under_test.all_maps(twin, scene.images, scene.answers)
    first = under_test.expressive(faces, 1)
    pairs = explain.pairs_of(scene.taken, scene.losses, ASKED["apart"])
    return {
        "faces": len(faces),
        "right": round((scene.answers == faces.labels).double().mean().item(), 4),
        "removals": len(scene.losses),
        "pairs": len(pairs),
        "faces_with_pairs": len(scene.taken.face[pairs[:, 0]].unique()),
        "order": order(scene, maps, twins),
        "change": change(scene, model, twin, maps, twins, first),
    }


def summarise(runs: list[Record]) -> Record:
    """Return the verdicts over some models together."""
    rivals: dict[str, Any] = {"class prior": "{}: class prior", "random": "random"}
    return {
        "order": under_test.verdicts([run["order"] for run in runs], "high", rivals),
        "change": under_test.verdicts(
            [run["change"] for run in runs], "high", {"½": 0.5, "untrained": "{}: untrained"}
        ),
    }


@experiment("muscle_pairs.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return both tests of all models that are there."""
    faces = under_test.people()
    shown = faces[under_test.expressive(faces)]
    runs = {
        name: under_test.kept(f"muscle_pairs {name}", lambda n=name, m=model: ask(n, m, shown))
        for name, model in under_test.trained().items()
    }
    few = faces[under_test.expressive(faces, 1)].seen(**GREY_AND_TIGHT)
    photos = under_test.kept(
        "muscle_pairs photos", lambda: ask("photos", load_pretrained("photos"), few)
    )
    return {
        "plan": "figures/plans/maps.toml",
        "models": {
            name: {key: run[key] for key in run if key not in ("order", "change")}
            for name, run in (runs | {"photos": photos}).items()
        },
        "tests": summarise(list(runs.values())),
        "each model": {name: summarise([run]) for name, run in runs.items()},
        BESIDE: summarise([photos]),
    }


if __name__ == "__main__":
    main()
