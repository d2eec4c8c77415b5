"""Does a map change when the model forgets? With many draws of what it might have been instead.

    python -m figures.experiments.forgetting

Part after part, from the head to the trunks, is replaced by new weights, as `randomised` does it,
many times (`figures/plans/maps.toml`). Written to `forgetting.json`: rank correlation of each map
with the same map of the model that forgot that part and those before it. Its intervals are over
draws of new weights and people: one draw settles nothing.
"""

from collections import defaultdict

from figures.experiments import maps_under_test as under_test
from figures.experiments.harness import Record, experiment
from figures.experiments.maps_under_test import NAMES, PLAN
from vtff_lib.explain.faithfulness import randomised, rank_correlation
from vtff_lib.synthetic_faces.faces import Faces
from vtff_lib.vtff import VTFF

ASKED = PLAN["forgetting"]


def ask(model: VTFF, faces: Faces, draws: int) -> Record:
    """Return the correlations of each part and map: a list for each draw, of each face."""
    images, _ = under_test.draw(faces, model.config.image_size)
    classes = under_test.answers(model, images)
    before = under_test.all_maps(model, images, classes)
    found: dict[str, dict[str, list]] = defaultdict(lambda: {name: [] for name in NAMES})
    for draw in range(draws):
        for part, forgotten in randomised(model, draw):
            after = under_test.all_maps(forgotten, images, classes)
            for name in NAMES:
                alike = rank_correlation(before[name], after[name])
                found[part][name].append([round(value, 4) for value in alike.tolist()])
    return {"faces": len(faces), "draws": draws, "parts": found}


def summarise(run: Record) -> Record:
    """Return the mean of each map after each part, and how far single draws reach."""
    return {
        part: {
            name: under_test.told(under_test.table(rows), p=False)
            | {"draws": [round(sum(row) / len(row), 3) for row in rows]}
            for name, rows in maps.items()
        }
        for part, maps in run["parts"].items()
    }


@experiment("forgetting.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return what stays in each model that is there."""
    faces = under_test.people()
    faces = faces[under_test.expressive(faces, 1)[: ASKED["faces"]]]
    models = {
        name: under_test.kept(
            f"forgetting {name}", lambda model=model: ask(model, faces, ASKED["draws"])
        )
        for name, model in under_test.trained().items()
    }
    return {
        "plan": "figures/plans/maps.toml",
        "models": {
            name: {key: run[key] for key in ("faces", "draws", "cpu_seconds")}
            | {"parts": summarise(run)}
            for name, run in models.items()
        },
    }


if __name__ == "__main__":
    main()
