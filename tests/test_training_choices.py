"""Lesson 07's stored experiments: what the scripts do, and what they wrote down."""

import json
from dataclasses import replace

import pytest
import torch

from figures.experiments import sick_runs, training_choices
from figures.experiments.harness import FIGURES
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import load_default
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.training.recipe import generator
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF

CURVES = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
LABELS = torch.arange(8).repeat_interleave(200)


@pytest.fixture(scope="module")
def few():
    return load_default()[::60]


def test_votes_are_ten_mostly_for_the_truth_and_come_again():
    votes = training_choices.ten_votes(LABELS, 8, seed=0)
    assert (votes.sum(dim=1) == training_choices.VOTES).all()
    assert torch.equal(votes, training_choices.ten_votes(LABELS, 8, seed=0))
    by_class = torch.stack([votes[label == LABELS].mean(dim=0) for label in range(8)])
    ranked = by_class.argsort(dim=1, descending=True)
    assert ranked[:, 0].tolist() == list(range(8))
    assert ranked[:, 1].tolist() == list(training_choices.CONFUSED)


def test_each_class_keeps_a_share_of_the_one_before():
    faces = Examples(torch.zeros(len(LABELS), 3, 8, 8, dtype=torch.uint8), LABELS)
    counts = training_choices.imbalanced(faces).labels.bincount().tolist()
    assert counts == [round(200 * training_choices.KEPT**label) for label in range(8)]


def test_codes_that_are_given_are_bent_with_the_image_and_else_are_the_models_own():
    torch.manual_seed(0)
    own = VTFF(VTFFConfig.tiny(8, image_size=64)).eval()
    given = training_choices.CodesGiven(own.config).eval()
    given.load_state_dict(own.state_dict())
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    seen = torch.cat([images, local_binary_pattern(images)], dim=1)
    with torch.no_grad():
        assert torch.equal(given(seen).logits, own(images).logits)
        assert torch.equal(given(images).logits, own(images).logits)
        assert not torch.equal(given(seen.flip(3)).logits, own(images.flip(3)).logits)
    after, before = (
        training_choices.CHOICES[name].settings["augmentation"](
            images, generator(0, "augmentation", 0)
        )
        for name in ("geometry, LBP after", "LBP before geometry")
    )
    colours, codes = before.chunk(2, dim=1)
    assert torch.equal(colours, after)
    assert (codes != local_binary_pattern(colours)).float().mean() > 0.5


def test_choices_of_a_seed_differ_in_one_thing():
    reference = training_choices.CHOICES["reference"]
    for name, against in training_choices.AGAINST.items():
        choice, other = training_choices.CHOICES[name], training_choices.CHOICES[against]
        differs = [key for key in ("faces", "model") if getattr(choice, key) != getattr(other, key)]
        differs += sorted({key for key, _ in choice.settings.items() ^ other.settings.items()})
        assert differs
        assert len(differs) == (2 if choice.model is training_choices.CodesGiven else 1)
    assert reference.settings == {}


@pytest.mark.parametrize("name", ["ten votes", "LBP before geometry", "imbalanced"])
def test_a_choice_is_trained_and_measured(name, few):
    told = training_choices.train_choice(name, 0, few, epochs=1)
    assert len(told["valid_accuracy"]) == 1
    assert 0 <= told["accuracy"] <= 1


@pytest.mark.slow
def test_frozen_statistics_change_nothing_in_training_mode(few):
    healthy, frozen = (
        sick_runs.train_run(replace(sick_runs.RUNS[name], images=40), few, rounds=1)
        for name in ("healthy", "A")
    )
    assert frozen["train_loss"] == healthy["train_loss"]
    assert frozen["valid_loss"] != healthy["valid_loss"]


def test_shuffled_labels_are_the_same_labels_elsewhere():
    shuffled = sick_runs.shuffle(LABELS)
    assert torch.equal(shuffled.bincount(), LABELS.bincount())
    assert (shuffled == LABELS).float().mean() < 0.25


def test_each_stored_run_is_sick_in_the_way_it_is_said_to_be():
    told = json.loads((FIGURES / "sick_runs.json").read_text(encoding="utf-8"))
    assert {"command", "date", "seed", "torch", "faces_sha256", "cpu_seconds"} <= told.keys()
    assert told["cases"].keys() == sick_runs.RUNS.keys()
    runs = {sick_runs.RUNS[name].cause: run for name, run in told["cases"].items()}
    chance = 1 / 8
    last = {cause: {key: run[key][-1] for key in run} for cause, run in runs.items()}
    healthy = last["nothing"]
    assert healthy["valid_accuracy"] > 3 * chance
    assert min(runs["nothing"]["valid_loss"]) > healthy["valid_loss"] - 0.1
    assert last["frozen statistics"]["train_loss"] == pytest.approx(healthy["train_loss"])
    assert last["frozen statistics"]["valid_accuracy"] < 2 * chance
    assert last["too few images"]["train_accuracy"] > 0.98
    assert chance < last["too few images"]["valid_accuracy"] < healthy["valid_accuracy"]
    assert last["labels shuffled"]["train_accuracy"] > 3 * chance
    assert last["labels shuffled"]["valid_accuracy"] < 1.5 * chance
    assert last["rate too high"]["train_loss"] > healthy["train_loss"]
