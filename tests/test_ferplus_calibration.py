"""How honest the model for photographs is: what the script measures, and what it wrote down."""

import json
import math

import numpy as np
import pytest
import torch

from figures.experiments import ferplus_calibration
from figures.experiments.harness import FIGURES
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.measure import BINS, calibration_error


def test_bins_hold_every_image_and_give_the_calibration_error():
    dice = np.random.default_rng(0)
    confidence = dice.uniform(0.3, 1, 500)
    right = (dice.uniform(size=500) < confidence**2).astype(float)
    agreed = dice.uniform(size=500)
    bins = ferplus_calibration.reliability(confidence, right, agreed)
    assert sum(each["images"] for each in bins) == 500
    assert all(each["images"] for each in bins)
    error = sum(each["images"] * abs(each["right"] - each["confidence"]) for each in bins) / 500
    assert error == pytest.approx(calibration_error(confidence, right), abs=1e-3)
    mean = sum(each["images"] * each["agreed"] for each in bins) / 500
    assert mean == pytest.approx(agreed.mean(), abs=1e-4)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below_it():
    edge = 3 / BINS
    bins = ferplus_calibration.reliability(
        np.array([edge, edge + 1e-9]), np.array([1.0, 0.0]), np.zeros(2)
    )
    assert [each["right"] for each in bins] == [1.0, 0.0]


def test_agreement_of_votes_that_can_be_worked_out_by_hand():
    told = ferplus_calibration.agreement(torch.tensor([[4.0, 0, 0], [1, 1, 0]]))
    assert told == {"entropy": round(math.log(2) / 2, 4), "top_share": 0.75, "unanimous": 0.5}


def test_few_votes_count_as_much_as_many():
    few, many = torch.tensor([[2.0, 1]]), torch.tensor([[20.0, 10]])
    assert ferplus_calibration.agreement(few) == ferplus_calibration.agreement(many)


def test_people_agree_with_what_the_model_names_and_not_with_the_label():
    shares = torch.tensor([[0.6, 0.4], [0.3, 0.7]]).double()
    votes = torch.tensor([[1.0, 3.0], [0.0, 5.0]]).double()
    told = ferplus_calibration.told_of(shares, torch.tensor([1, 1]), votes)
    assert (told["agreed"], told["accuracy"]) == ((0.25 + 1) / 2, 0.5)


def test_faces_without_votes_are_no_ground_for_it():
    with pytest.raises(AssertionError):
        ferplus_calibration.measure(load_default()[::300])


def test_the_command_needs_a_pack(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["ferplus_calibration", str(tmp_path / "none.safetensors")])
    with pytest.raises(SystemExit, match="There is no pack"):
        ferplus_calibration.main()


def test_what_is_stored_agrees_with_itself_and_with_the_run_it_is_of():
    told = json.loads((FIGURES / "ferplus_calibration.json").read_text(encoding="utf-8"))
    assert {"command", "date", "torch", "faces_sha256", "cpu_seconds", "protocol"} <= told.keys()
    bins, images = told["bins"], told["images"]
    assert sum(each["images"] for each in bins) == images
    for figure, of_bin in (
        ("accuracy", "right"),
        ("mean_confidence", "confidence"),
        ("agreed", "agreed"),
    ):
        mean = sum(each["images"] * each[of_bin] for each in bins) / images
        assert mean == pytest.approx(told[figure], abs=2e-4)
    error = sum(each["images"] * abs(each["right"] - each["confidence"]) for each in bins) / images
    assert error == pytest.approx(told["calibration_error"], abs=2e-4)
    assert told["loss_on_votes"] > told["votes"]["entropy"] > 0

    runs = json.loads((FIGURES / "ferplus_photos.json").read_text(encoding="utf-8"))["runs"]
    shipped = next(run["shipped"] for run in runs if "shipped" in run)
    assert told["accuracy"] == pytest.approx(shipped["accuracy"]["value"], abs=1e-4)
    assert told["calibration_error"] == pytest.approx(
        shipped["calibration_error"]["value"], abs=1e-3
    )
