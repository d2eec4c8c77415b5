"""The table of truth tests: what the script measures, what it wrote down, and what is drawn."""

import copy
import json
import math

import numpy as np
import pytest
import torch

from figures.drawings import truth_tests as drawing
from figures.experiments import truth_tests
from figures.experiments.by_person import means
from figures.experiments.harness import FIGURES
from vtff_lib.datasets import FaceSet
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample

MAPS = (
    "gate, energy share, local part, attention, rollout, gradient × attention, Grad-CAM, fused, "
    "Grad-CAM, RGB, Grad-CAM, LBP, integrated gradients, RGB, integrated gradients, LBP, "
    "occlusion, random map, centred blob"
)
TESTS = {
    *(f"{kind}, {fill}" for kind in ("deletion", "insertion") for fill in ("mean", "blur")),
    *("pointing", "mass"),
    *(f"randomised {part}" for part in ("head", "tokens", "fusion", "backbones")),
    *(f"randomised encoder.blocks.{block}" for block in (0, 1)),
}
STORED = json.loads((FIGURES / "truth_tests.json").read_text(encoding="utf-8"))
MAPS_IN_ORDER = list(STORED["tests"]["mass"])


@pytest.fixture(scope="module")
def small() -> dict:
    """The whole script on sixteen small faces of four people, with few steps."""
    faces = sample(range(16), split="test")
    picture = render(faces, size=64)
    extras = {
        "regions": picture.regions,
        "action_units": faces.action_units,
        "identities": faces.identities,
    }
    splits = torch.full((16,), 2)
    face_set = FaceSet(picture.images, faces.labels, splits, EXPRESSIONS, extras)
    settings = truth_tests.Settings(2, 1, curve_steps=1, path_steps=2, batch_size=5)
    return truth_tests.run(load_pretrained("tiny"), face_set, settings)


def check(tests: dict) -> None:
    """Every map has met every test and both controls, and differences are differences."""
    assert tests.keys() == TESTS
    for name, test in tests.items():
        assert ", ".join(test) == MAPS
        for told in test.values():
            assert told.keys() == {"mean", "minus random map", "minus centred blob"}
            for found in told.values():
                assert found["low"] <= found["value"] <= found["high"]
            for control in truth_tests.CONTROLS:
                gap = told["mean"]["value"] - test[control]["mean"]["value"]
                assert told[f"minus {control}"]["value"] == pytest.approx(gap, abs=2e-4)
            if not name.startswith("randomised"):
                assert 0 <= told["mean"]["value"] <= 1
        blob = test["centred blob"]["mean"]["value"]
        assert (blob == 1) == name.startswith("randomised")


@pytest.mark.slow
def test_a_small_run_fills_the_table(small):
    check(small["tests"])
    assert small["faces"] == 8 - 1  # of two people, but for the one at rest
    assert small["faces_randomised"] in (3, 4)


@pytest.mark.slow
def test_a_map_changes_when_a_part_before_it_forgets_and_not_sooner(small):
    def alike(part, kind):
        return small["tests"][f"randomised {part}"][kind]["mean"]["value"]

    for kind in ("gate", "energy share", "local part"):
        assert alike("tokens", kind) == 1 > alike("fusion", kind)
    for kind in ("attention", "rollout"):
        assert alike("head", kind) == 1 > alike("encoder.blocks.1", kind)
    for kind in ("gradient × attention", "Grad-CAM, fused", "occlusion"):
        assert alike("head", kind) < 1


def test_what_is_stored_is_whole_and_can_be_made_again():
    check(STORED["tests"])
    assert {"command", "date", "torch", "captum", "faces_sha256", "seconds"} <= STORED.keys()
    assert STORED["settings"] == truth_tests.asdict(truth_tests.Settings())
    assert STORED["command"] == "python -m figures.experiments.truth_tests"
    assert STORED["cpu_seconds"] <= 360


def drawn(result: dict) -> tuple[dict[str, dict], list[str]]:
    """The dots of each panel, from the top, and the numbers of the table."""
    panels, numbers = {}, []
    for axes in drawing.draw(result).axes:
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        if dots:
            panels[axes.get_title()] = [
                (dot.get_xdata()[0], dot.get_markerfacecolor() != "white") for dot in dots
            ]
        numbers += [text.get_text() for text in axes.texts]
    return panels, numbers


def test_what_is_drawn_is_what_is_stored():
    panels, numbers = drawn(STORED)
    names = [name for name in MAPS_IN_ORDER if name not in truth_tests.CONTROLS]
    for test, (title, good) in drawing.PANELS.items():
        told = STORED["tests"][test]
        for name, (place, filled) in zip(names, panels[f"{title} ({good} is good)"], strict=True):
            assert place == told[name]["mean"]["value"]
            beats = [told[name][f"minus {control}"] for control in truth_tests.CONTROLS]
            sign = -1 if good == "low" else 1
            assert filled == all(min(sign * each["low"], sign * each["high"]) > 0 for each in beats)
    stages = [test for test in STORED["tests"] if test.startswith("randomised")]
    told = [
        STORED["tests"][stage][name]["mean"]["value"] for name in MAPS_IN_ORDER for stage in stages
    ]
    assert list(map(float, numbers)) == pytest.approx(told, abs=0.00501)
    assert "-0.00" not in numbers
    other = copy.deepcopy(STORED)
    other["tests"]["mass"]["rollout"]["mean"]["value"] += 0.1
    assert drawn(other)[0] != panels


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
