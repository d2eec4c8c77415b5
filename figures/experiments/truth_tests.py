"""Put each map to the usual tests, beside controls that can beat it: the same map of other people.

    python -m figures.experiments.truth_tests

What is asked, of whom, and what counts is in `figures/plans/maps.toml`. Models: the tiny ones whose
weights are there (the shipped one always is, see `figures.experiments.maps`). Every map is made for
the class that the model names. Written to `truth_controls.json`:

    deletion, insertion, pointing    each map, its differences from its rivals, and the verdict
    likeness                         rank correlation of maps of two people with different answers,
                                     and how often the commonest top cell is on top
"""

import torch
from torch import Tensor

from figures.experiments import maps_under_test as under_test
from figures.experiments.harness import Record, experiment
from figures.experiments.maps_under_test import NAMES, PLAN, Maps, Scores
from vtff_lib import explain
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain import faithfulness, pointing
from vtff_lib.vtff import VTFF

ASKED = PLAN["truth_tests"]
CURVES = {"deletion": (False, "mean"), "insertion": (True, "blur")}
GOOD = {"deletion": "low", "insertion": "high", "pointing": "high"}
RIVALS: dict[str, str | float] = {"class prior": "{}: class prior", "random": "random"}


def scored(each: dict[str, Tensor], persons: Tensor) -> Scores:
    """Return the scores of each person."""
    return {
        name: under_test.by_person(score, persons)
        for name, score in under_test.as_one(each).items()
    }


def likeness(maps: Maps, persons: Tensor, classes: Tensor) -> Record:
    """Return how alike maps of different people with different answers are, by map."""
    apart = (persons[:, None] != persons) & (classes[:, None] != classes)
    found = {}
    for name, heat in maps.items():
        alike = torch.stack(
            [faithfulness.rank_correlation(heat, one.expand_as(heat)) for one in heat]
        )
        means = torch.where(apart, alike, torch.nan).nanmean(dim=1)
        tops = heat.flatten(1).argmax(dim=1).bincount(minlength=heat[0].numel())
        found[name] = {
            "correlation": under_test.by_person(means, persons),
            "commonest top cell": int(tops.argmax()),
            "its share": round(tops.max().item() / len(heat), 4),
        }
    return found


def ask(name: str, model: VTFF) -> Record:
    """Return all tests of one model, person by person; priors are made of all faces."""
    seen = under_test.seen(name, model)
    persons, classes = seen.faces.identities, seen.answers
    maps = seen.maps | {"edges": under_test.edges(seen.images, model.config.grid)}
    found: Record = {"likeness": likeness(maps, persons, classes)}
    maps |= under_test.with_controls(seen.maps, persons, classes)
    masks = pointing.expression_masks(seen.regions, seen.faces.action_units)
    first = under_test.expressive(seen.faces, ASKED["faces_each"])
    images, asked = seen.images[first], classes[first]

    def area(heat: Tensor, insert: bool, fill: str) -> Tensor:
        curves = faithfulness.curve(
            lambda pictures: predict(model, pictures),
            images, heat[first], asked, insert, fill, ASKED["curve_steps"],
        )  # fmt: skip
        return faithfulness.area(curves)

    for test, how in CURVES.items():
        found[test] = scored({key: area(heat, *how) for key, heat in maps.items()}, persons[first])
    maps["mean mask: prior"] = mean_mask(masks, maps, persons)
    some = {key: heat[first] for key, heat in maps.items()}
    twin = under_test.all_maps(under_test.untrained(name, model), images, asked)
    some |= {f"{kind}: untrained": heat for kind, heat in twin.items()}
    hits = {key: pointing.pointing_game(heat, masks[first]) for key, heat in some.items()}
    return found | {"pointing": scored(hits, persons[first])}


def mean_mask(masks: Tensor, maps: Maps, persons: Tensor) -> Tensor:
    """Return the mean mask of other people, on the grid: a map that needs no model."""
    return explain.prior(explain.share_of_cells(masks, maps[NAMES[0]]), persons)


def summarise(runs: list[Record]) -> Record:
    """Return the verdicts over some models together."""
    tests = {
        test: under_test.verdicts([run[test] for run in runs], good, RIVALS)
        for test, good in GOOD.items()
    }
    tests["likeness"] = {
        name: {
            "correlation": under_test.told(
                under_test.table(run["likeness"][name]["correlation"] for run in runs), p=False
            ),
            "top cells": [run["likeness"][name]["commonest top cell"] for run in runs],
            "their shares": [run["likeness"][name]["its share"] for run in runs],
        }
        for name in runs[0]["likeness"]
    }
    return tests


@experiment("truth_controls.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return the tests of all models that are there."""
    runs = {
        name: under_test.kept(f"truth_tests {name}", lambda n=name, m=model: ask(n, m))
        for name, model in under_test.trained().items()
    }
    return {
        "plan": "figures/plans/maps.toml",
        "models": {name: {"cpu_seconds": run["cpu_seconds"]} for name, run in runs.items()},
        "tests": summarise(list(runs.values())),
        "each model": {name: summarise([run]) for name, run in runs.items()},
    }


if __name__ == "__main__":
    main()
