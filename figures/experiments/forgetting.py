"""Does a map change when the model forgets? With many draws of what it might have been instead.

    python -m figures.experiments.forgetting

Part after part, from the head to the trunks, is replaced by new weights, as `randomised` does it,
many times (`figures/plans/maps.toml`). Written to `forgetting.json`: rank correlation of each map
with the same map of the model that forgot that part and those before it. Its intervals are over
draws of new weights and people: one draw settles nothing.
"""

from figures.experiments import maps_under_test as under_test
from figures.experiments.harness import Record, experiment
from figures.experiments.maps_under_test import NAMES, PLAN
from vtff_lib.explain.faithfulness import randomised, rank_correlation
from vtff_lib.synthetic_faces.faces import Faces
from vtff_lib.vtff import VTFF

ASKED = PLAN["forgetting"]


def ask(model: VTFF, faces: Faces, draw: int) -> dict[str, dict[str, list[float]]]:
    """Return the correlation of each face, by part and map, for one draw of new weights."""
    images, _ = under_test.draw(faces, model.config.image_size)
    classes = under_test.answers(model, images)
    before = under_test.all_maps(model, images, classes)
    found = {}
    for part, forgotten in randomised(model, draw):
        after = under_test.all_maps(forgotten, images, classes)
        alike = {name: rank_correlation(before[name], after[name]).tolist() for name in NAMES}
        found[part] = {name: [round(value, 4) for value in row] for name, row in alike.items()}
    return found


def summarise(draws: list[dict]) -> Record:
    """Return the mean of each map after each part, and that of each draw."""
    return {
        part: {
            name: under_test.told(under_test.table(draw[part][name] for draw in draws), p=False)
            | {"draws": [round(sum(draw[part][name]) / len(draw[part][name]), 3) for draw in draws]}
            for name in NAMES
        }
        for part in draws[0]
    }


@experiment("forgetting.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return what stays in the shipped model."""
    faces, model = under_test.people(), under_test.trained()["tiny 0"]
    faces = faces[under_test.expressive(faces, 1)[: ASKED["faces"]]]
    draws = [
        under_test.kept(f"forgetting {draw}", lambda draw=draw: {"parts": ask(model, faces, draw)})
        for draw in range(ASKED["draws"])
    ]
    return {
        "plan": "figures/plans/maps.toml",
        "model": "tiny",
        "faces": len(faces),
        "parts": summarise([draw["parts"] for draw in draws]),
    }


if __name__ == "__main__":
    main()
