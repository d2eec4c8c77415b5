"""What the tests of maps wrote down, and what is drawn of it."""

import copy
import json
import math

import numpy as np
import pytest
import torch

from figures.drawings import truth_tests as drawing
from figures.experiments.by_person import means
from figures.experiments.harness import FIGURES
from figures.experiments.maps_under_test import NAMES, PLAN

STORED = drawing.stored()


@pytest.mark.parametrize("file", ["muscle_pairs", "truth_controls"])
def test_what_is_stored_is_whole_and_follows_the_plan(file):
    told = json.loads((FIGURES / f"{file}.json").read_text(encoding="utf-8"))
    assert told["plan"] == "figures/plans/maps.toml"
    assert {"command", "date", "torch", "captum", "threads"} <= told.keys()
    for tests in (told["tests"], *told["each model"].values()):
        for test in (each for name, each in tests.items() if name != "likeness"):
            assert list(test["maps"]) == NAMES
            for row in test["maps"].values():
                gaps = [row[f"minus {rival}"] for rival in test["rivals"]]
                assert all(gap["low"] <= gap["value"] <= gap["high"] for gap in gaps)
                sign = 1 if test["good"] == "high" else -1
                beaten = all(sign * gap["value"] > 0 for gap in gaps)
                assert row["shown"] == (row["holm_p"] < PLAN["shown"]["level"])
                assert beaten or not row["shown"]


def dots(tests: dict) -> dict[str, list[tuple[float, bool]]]:
    """The dots of each panel, from the top: where, and whether filled."""
    return {
        axes.get_title(loc="right"): [
            (dot.get_xdata()[0], dot.get_markerfacecolor() != "white")
            for dot in axes.lines
            if dot.get_marker() == "o"
        ]
        for axes in drawing.draw(tests).axes
    }


def test_what_is_drawn_is_what_is_stored():
    drawn = dots(STORED)
    for test, (title, _) in drawing.PANELS.items():
        wanted = [(row["mean"]["value"], row["shown"]) for row in STORED[test]["maps"].values()]
        assert drawn[title] == wanted
    other = copy.deepcopy(STORED)
    other["order"]["maps"]["gate"]["shown"] ^= True
    assert dots(other) != drawn


def test_means_are_over_faces_and_their_intervals_over_persons():
    """Four faces of a person that are all alike tell no more than one."""
    one_each = torch.rand(40, generator=torch.Generator().manual_seed(0))
    four_each = one_each.repeat_interleave(4)
    single = means({"x": one_each}, torch.arange(40))["x"]
    assert means({"x": four_each}, torch.arange(40).repeat_interleave(4))["x"] == single
    independent = means({"x": four_each}, torch.arange(160))["x"]
    assert single["high"] - single["low"] > 1.6 * (independent["high"] - independent["low"])
    assert single["value"] == pytest.approx(one_each.mean().item(), abs=1e-4)
    half_width = 1.96 * one_each.std().item() / math.sqrt(40)
    assert (single["high"] - single["low"]) / 2 == pytest.approx(half_width, rel=0.1)


def test_faces_without_a_measure_do_not_count():
    values = torch.tensor([1.0, np.nan, 3.0, 5.0])
    found = means({"x": values, "y": torch.ones(4)}, torch.tensor([7, 7, 9, 9]))
    assert found["x"]["value"] == 3
    assert (found["x"]["low"], found["x"]["high"]) == (1, 4)
    assert found["y"] == {"value": 1, "low": 1, "high": 1}
