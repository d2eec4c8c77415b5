"""Take one muscle away, draw the face again, and ask each map what it knew.

    python -m figures.experiments.muscle_pairs

What is asked, of whom, and what counts is in `figures/plans/maps.toml`. Models: the tiny ones whose
weights are there (the shipped one always is, see `figures.experiments.maps`), and the one for
photographs. Written to `muscle_pairs.json`, three tests:

    order    of two units in different parts of a face, which does the answer need more?
    change   without one of them, does the map change where the picture did?
    unusual  does this face need the unit more than others with the same answer do?
"""

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


def some(taken: Removals, rows: Tensor) -> Removals:
    """Return some of the removals."""
    return Removals(*(column[rows] for column in taken))


class Scene:
    """Faces, each of them again without each unit, and what one model answers."""

    def __init__(self, model: VTFF, faces: Faces, images: Tensor, without: Tensor | None = None):
        taken = explain.removals(faces, PLAN["faces"]["active"])
        if without is None:
            without, _ = under_test.draw(taken.faces, model.config.image_size)
        seen = (without != images[taken.face]).any(dim=(1, 2, 3))  # the rest is hidden
        self.faces, self.images, self.grid = faces, images, model.config.grid
        self.taken, self.without = some(taken, seen), without[seen]
        before = images[self.taken.face]
        self.places = explain.change_in_cells(before, self.without, self.grid)  # (K, h, w)
        self.moved = (before.double() - self.without).abs().sum(dim=(1, 2, 3))  # (K,)
        self.answers = under_test.answers(model, images)
        whole = under_test.logits_of(model, images, self.answers)
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


def order(scene: Scene, maps: Maps) -> Scores:
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
    return found


def average(several: list[list[float | None]]) -> list[float | None]:
    """Return the mean of each person's scores over several draws."""
    return [
        None if row[0] is None else round(sum(row) / len(row), 5)
        for row in zip(*several, strict=True)
    ]


def change(scene: Scene, model: VTFF, twin: VTFF, maps: Maps) -> Scores:
    """Return whose maps changed where the picture did, on the first face of each person."""
    first = under_test.expressive(scene.faces, ASKED["second_faces_each"])
    rows = torch.isin(scene.taken.face, first)
    few, images = some(scene.taken, rows), scene.without[rows]
    pairs, places, classes = explain.pairs_of(few), scene.places[rows], scene.answers[few.face]

    def judged(before: Tensor, after: Tensor) -> list[float | None]:
        """Both `before`, of all faces, and `after`, of the removals, are maps."""
        right = explain.changed_there((after - before[few.face]).abs(), places, pairs)
        return scene.by_person(right, few.face[pairs[:, 0]])

    blank = under_test.all_maps(twin, scene.images[first], scene.answers[first])
    after, blank_after = (under_test.all_maps(each, images, classes) for each in (model, twin))
    edges = [under_test.edges(pictures, scene.grid) for pictures in (scene.images, images)]
    found = {name: judged(maps[name], after[name]) for name in maps} | {"edges": judged(*edges)}
    for name, heat in blank.items():
        before = torch.zeros_like(maps[name])
        before[first] = heat
        found[f"{name}: untrained"] = judged(before, blank_after[name])
    return found


def unusual(scene: Scene, maps: Maps) -> Scores:
    """Return who knew where a face needs a unit more, or less, than others with its answer do."""
    usual = Usual(scene)
    persons, face = scene.faces.identities, scene.taken.face

    def of_map(heat: Tensor) -> list[float | None]:
        ranks = heat.flatten(1).argsort(dim=1).argsort(dim=1).view(heat.shape)
        return usual.judged(explain.mean_over(ranks[face], scene.places))

    any_map = next(iter(maps.values()))
    draws = under_test.chance(any_map, PLAN["controls"]["random_draws"])
    found = {name: of_map(heat) for name, heat in maps.items()}
    found["random"] = average([of_map(heat) for heat in draws])
    found["edges"] = of_map(under_test.edges(scene.images, scene.grid))
    found["how far pixels move"] = usual.judged(scene.moved)
    for name, heat in maps.items():
        found[f"{name}: class prior"] = of_map(explain.prior(heat, persons, scene.answers))
    return found


class Usual:
    """What is usual for a unit in other people's faces with the same answer."""

    def __init__(self, scene: Scene):
        taken = scene.taken
        person, answer = scene.faces.identities[taken.face], scene.answers[taken.face]
        self.others = (  # (K, K): whom each removal is compared with
            (taken.unit[:, None] == taken.unit)
            & (answer[:, None] == answer)
            & (person[:, None] != person)
        )
        self.scene, self.gap = scene, self.above(scene.losses)
        enough = self.others.sum(dim=1) >= ASKED["third_others"]
        self.counts = enough & (self.gap.abs() >= ASKED["third_apart"])

    def above(self, values: Tensor) -> Tensor:
        """Return by how much each value `(K,)` is above the median of the others'."""
        values = values.double()
        others = torch.where(self.others, values, torch.nan)
        return values - others.nanquantile(0.5, dim=1)

    def judged(self, marks: Tensor) -> list[float | None]:
        """Return each person's share of removals that the marks put on the right side."""
        right = (self.above(marks).sign() * self.gap.sign() + 1) / 2
        return self.scene.by_person(right[self.counts], self.scene.taken.face[self.counts])


def told_of(scene: Scene) -> Record:
    """Return how much was asked."""
    pairs = explain.pairs_of(scene.taken, scene.losses, ASKED["apart"])
    return {
        "faces": len(scene.faces),
        "right": round((scene.answers == scene.faces.labels).double().mean().item(), 4),
        "removals": len(scene.losses),
        "pairs": len(pairs),
        "faces with pairs": len(scene.taken.face[pairs[:, 0]].unique()),
    }


def scene_of(name: str, model: VTFF) -> tuple[Scene, Maps]:
    """Return all faces with every removal, and the model's maps of the faces."""
    seen = under_test.seen(name, model)
    without = under_test.kept_tensors("removals", lambda: {"images": drawn(seen.faces)})
    return Scene(model, seen.faces, seen.images, without["images"]), seen.maps


def first_question(name: str, model: VTFF) -> Record:
    """Return which of two units matters more, person by person."""

    def ask() -> Record:
        scene, maps = scene_of(name, model)
        return {"asked": told_of(scene), "found": order(scene, maps)}

    return under_test.kept(f"order {name}", ask)


def second_question(name: str, model: VTFF) -> Record:
    """Return whether maps change where the picture does, person by person."""

    def ask() -> Record:
        scene, maps = scene_of(name, model)
        return {"found": change(scene, model, under_test.untrained(name, model), maps)}

    return under_test.kept(f"change {name}", ask)


def third_question(name: str, model: VTFF) -> Record:
    """Return who knew what is unusual in a face, person by person."""

    def ask() -> Record:
        scene, maps = scene_of(name, model)
        return {"removals": int(Usual(scene).counts.sum()), "found": unusual(scene, maps)}

    return under_test.kept(f"unusual {name}", ask)


def drawn(faces: Faces) -> Tensor:
    """Return the pictures of all removals."""
    return under_test.draw(explain.removals(faces, PLAN["faces"]["active"]).faces)[0]


def ask_photos() -> Record:
    """Return the first test of the model for photographs, on faces more like what it knows."""
    model, faces = load_pretrained("photos"), under_test.people()
    few = faces[under_test.expressive(faces, 1)].seen(**GREY_AND_TIGHT)
    images, _ = under_test.draw(few, model.config.image_size)
    scene = Scene(model, few, images)
    maps = under_test.all_maps(model, images, scene.answers)
    return {"asked": told_of(scene), "found": order(scene, maps)}


RIVALS: dict[str, dict[str, str | float]] = {
    "order": {"class prior": "{}: class prior", "random": "random"},
    "change": {"½": 0.5, "untrained": "{}: untrained"},
    "unusual": {"½": 0.5, "class prior": "{}: class prior"},
}


def summarise(runs: list[dict[str, Record]]) -> Record:
    """Return the verdicts of the tests that all of some models met, over all of them."""
    return {
        test: under_test.verdicts([run[test]["found"] for run in runs], "high", rivals)
        for test, rivals in RIVALS.items()
        if all(test in run for run in runs)
    }


@experiment("muscle_pairs.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return both tests of all models that are there."""
    runs = {
        name: {
            "order": first_question(name, model),
            "change": second_question(name, model),
            "unusual": third_question(name, model),
        }
        for name, model in under_test.trained().items()
    }
    runs["photos"] = {"order": under_test.kept("order photos", ask_photos)}
    trained = [run for name, run in runs.items() if name != "photos"]
    unseen = [{"unusual": runs[n]["unusual"]} for n in ASKED["third_models"] if n in runs]
    tests = summarise(trained) | (summarise(unseen) if unseen else {})
    tests["unusual"]["pilot"] = not unseen  # the plan leaves its verdict to models not yet seen
    return {
        "plan": "figures/plans/maps.toml",
        "models": {name: run["order"]["asked"] for name, run in runs.items()},
        "tests": tests,
        "each model": {name: summarise([run]) for name, run in runs.items()},
    }


if __name__ == "__main__":
    main()
