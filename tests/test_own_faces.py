"""The scripts of lesson 10: what is measured, and what is stored of it."""

import json
import sys

import pytest
import torch

from figures.experiments import (
    accuracy_by_group,
    domain_gap,
    groups_crossed,
    light_skin_only,
    twenty_pictures,
)
from figures.experiments.harness import FIGURES
from vtff_lib import load_pretrained
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import predict
from vtff_lib.names import EXPRESSIONS
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import Examples


def stored(name):
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tiny():
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def faces():
    return accuracy_by_group.adults()[:16]


@pytest.mark.parametrize(
    "module", [accuracy_by_group, domain_gap, groups_crossed, light_skin_only, twenty_pictures]
)
def test_unknown_arguments_are_refused_before_anything_is_done(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [module.__name__, "--nonsense"])
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def different(one, other) -> set[str]:
    """Return the columns in which two tables of the same faces differ."""
    return {
        name
        for table in ("people", "shots")
        for name, column in vars(getattr(one, table)).items()
        if not torch.equal(column, getattr(getattr(other, table), name))
    }


# accuracy_by_group


@pytest.mark.parametrize("factor", accuracy_by_group.FACTORS)
def test_a_level_changes_one_thing_and_leaves_the_rest_equal(faces, factor):
    levels = [change(faces) for change in accuracy_by_group.FACTORS[factor].values()]
    allowed = {
        "skin tone": {"skin", "lip_colour"},
        "skin tone, dim light": {"skin", "lip_colour"},
        "age": {"age"},
        "glasses": {"glasses"},
        "beard": {"beard", "moustache", "stubble"},
        "head turn": {"yaw"},
        "light from": {"lamp", "lamp_power"},
        "light": {"lamp", "lamp_power"},
        "in front": {"occluder"},
    }[factor]
    first = levels[0]
    for other in levels[1:]:
        assert torch.equal(first.labels, other.labels)
        assert torch.equal(first.action_units, other.action_units)
        assert different(first, other)
        assert different(first, other) <= allowed


def test_a_gap_is_the_mean_difference_of_the_same_faces(tiny, faces):
    levels = accuracy_by_group.FACTORS["light from"]
    levels = {name: levels[name] for name in ("the front", "below")}
    found = accuracy_by_group.compare({"tiny": tiny}, faces, levels)
    right = [
        (predict(tiny, render(change(faces)).images).argmax(1) == faces.labels).double()
        for change in levels.values()
    ]
    gap = found["below"]["tiny, gap"]
    assert gap["value"] == pytest.approx((right[1] - right[0]).mean().item(), abs=1e-4)
    assert gap["low"] <= gap["value"] <= gap["high"]
    assert found["the front"]["tiny, gap"]["value"] == 0


def test_children_are_left_out_and_beards_are_for_men(faces):
    assert (accuracy_by_group.adults().people.age > 0).all()
    men = faces[accuracy_by_group.masculine(faces)]
    assert 0 < len(men) < len(faces)
    shaved = accuracy_by_group.FACTORS["beard"]["shaved"](men)
    assert not shaved.people.stubble.any()


def test_what_is_stored_of_the_groups_is_whole_and_agrees_with_itself():
    told = stored("accuracy_by_group")
    for part in accuracy_by_group.PARTS:
        assert told["made"][part]["command"].startswith(
            "python -m figures.experiments.accuracy_by_group"
        )
    assert list(told["paired"]) == list(accuracy_by_group.FACTORS)
    for factor, each in told["paired"].items():
        assert list(each["levels"]) == list(accuracy_by_group.FACTORS[factor])
        assert each["faces"] <= told["faces"]
        first = next(iter(each["levels"].values()))
        for figures in each["levels"].values():
            for model in ("tiny", "photos"):
                accuracy, gap = figures[f"{model}, accuracy"], figures[f"{model}, gap"]
                before = first[f"{model}, accuracy"]["value"]
                assert gap["value"] == pytest.approx(accuracy["value"] - before, abs=2e-4)
                assert gap["low"] <= gap["value"] <= gap["high"]
    for parts in told["as drawn"].values():
        assert sum(each["number"] for each in parts.values()) == told["faces"]


# groups_crossed


def test_what_adds_up_is_nothing_beyond_the_sum_and_what_meets_is():
    costs = {"old": 0.25, "darkest": 0.5, "dim light": 0.125}
    added = {
        group: torch.full((4,), 1 - sum(costs.get(level, 0) for level in group)).double()
        for group in groups_crossed.GROUPS
    }
    beyond = groups_crossed.beyond_the_sum
    assert all(not beyond(added, group).any() for group in groups_crossed.GROUPS)
    last = groups_crossed.GROUPS[-1]
    met = added | {last: added[last] - 0.0625}
    assert beyond(met, last).tolist() == [-0.0625] * 4


def test_groups_differ_in_their_levels_and_nothing_else(faces):
    assert len(set(groups_crossed.GROUPS)) == 8
    first, last = (groups_crossed.changed(faces, groups_crossed.GROUPS[k]) for k in (0, -1))
    assert torch.equal(first.labels, last.labels)
    assert torch.equal(first.action_units, last.action_units)
    assert different(first, last) == {"age", "skin", "lip_colour", "lamp_power"}


def test_what_is_stored_of_crossed_groups_agrees_with_itself_and_with_the_groups():
    told, alone = stored("groups_crossed"), stored("accuracy_by_group")
    assert (told["faces"], told["persons"]) == (alone["faces"], alone["persons"])
    for figures in told["groups"].values():
        assert list(figures) == [", ".join(group) for group in groups_crossed.GROUPS]
        first = next(iter(figures.values()))
        for each in figures.values():
            before, after = first["accuracy"]["value"], each["accuracy"]["value"]
            assert each["gap"]["value"] == pytest.approx(after - before, abs=2e-4)


# domain_gap


def test_a_face_as_ferplus_has_it_is_grey_small_and_cut_close():
    image = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    made = domain_gap.as_ferplus(image)
    assert made.shape == (2, 3, 48, 48)
    assert (made[:, 0] == made[:, 1]).all()
    assert (made[:, 0] == made[:, 2]).all()
    image[:, :, 50:60, 50:60] = 255  # what is in the middle counts, and the border does not
    assert not torch.equal(domain_gap.as_ferplus(image), made)
    again = image.clone()
    again[:, :, :, :6] = 0
    assert torch.equal(domain_gap.as_ferplus(again), domain_gap.as_ferplus(image))


def test_tightness_is_how_much_larger_than_the_box_a_picture_is(astronaut):
    ratios = []
    for room in (10, 25):  # pixels around the finder's box of 93
        part = astronaut[70 - room : 163 + room, 175 - room : 268 + room].copy()
        part = torch.from_numpy(part).permute(2, 0, 1)[None].float()
        small = torch.nn.functional.interpolate(part, (48, 48), mode="area")[0].byte()
        found = domain_gap.tightness([small, torch.zeros_like(small)])
        assert (found["pictures"], found["found"]) == (2, 1)
        ratios.append(found["side_by_box"]["median"])
        assert ratios[-1] == pytest.approx((93 + 2 * room) / 93, abs=0.2)
    assert ratios[0] < ratios[1]


def test_the_threshold_is_set_on_validation_and_tried_on_test(tiny):
    shipped = load_default().part("test")[:48]
    splits = torch.arange(48) % 2 + 1
    faces = FaceSet(shipped.images, shipped.labels, splits, EXPRESSIONS, shipped.extras)
    found = domain_gap.answering(tiny, faces.part("valid"), faces.part("test"))
    shares = predict(tiny, faces.part("test").images)
    for each in found.values():
        answered = shares.amax(1) >= each["confidence"] - 1e-4
        assert each["answered"] == pytest.approx(answered.float().mean().item(), abs=1 / 20)
    kept = [each["confidence"] for each in found.values()]
    assert kept == sorted(kept)
    on = domain_gap.on_renders(tiny, faces.part("test"))
    right = (shares.argmax(1) == faces.part("test").labels).float().mean().item()
    assert on["colour"]["eight"]["value"] == pytest.approx(right, abs=1e-4)


def test_what_is_stored_of_the_domains_is_whole():
    told = stored("domain_gap")
    assert told["command"].startswith("python -m figures.experiments.domain_gap")
    for model in ("tiny", "photos"):
        assert list(told["rendered"][model]) == list(domain_gap.VIEWS)
        for view in told["rendered"][model].values():
            mean = sum(view["recall"].values()) / len(EXPRESSIONS)
            assert view["eight"]["value"] == pytest.approx(mean, abs=1e-3)  # classes are even
    assert list(told["answering"]) == [str(wanted) for wanted in domain_gap.WANTED]


# light_skin_only


def test_two_trainings_differ_in_skin_alone_and_one_sees_no_dark_one():
    faces = sample(range(32), seed=light_skin_only.TRAIN_SEED)
    whole, lighter = (light_skin_only.toned(faces, end, 0) for end in (1.0, 0.5))
    for name, column in vars(whole.people).items():
        same = torch.equal(column, getattr(lighter.people, name))
        assert same == (name not in {"skin", "lip_colour"}), name
    assert lighter.people.skin[:, 0].min() >= 0.43  # half way down the ramp
    assert whole.people.skin[:, 0].min() < 0.35
    for person in faces.identities.unique():
        assert len(whole.people.skin[faces.identities == person].unique(dim=0)) == 1


def test_a_run_trains_and_tests_both(monkeypatch):
    config = TrainingConfig(epochs=1, batch_size=8)
    told = light_skin_only.run(0, config, (8, 4, 2))
    assert set(light_skin_only.DARKEST) <= told.keys()
    for name in light_skin_only.DARKEST:
        assert set(light_skin_only.CONDITIONS) <= told[name].keys()
    summary = light_skin_only.summarise([told])
    darkest = told["whole ramp"]["skin tone"]["darkest"]
    assert summary["accuracy"]["whole ramp"]["skin tone"]["darkest"] == darkest["accuracy"]["value"]


def test_what_a_training_adds_to_a_gap_is_taken_seed_by_seed():
    def run(whole, lighter):
        def told(gap):
            return {"skin tone": {"darkest": {"gap": {"value": gap}}}}

        return {"whole ramp": told(whole), "lighter half": told(lighter)}

    runs = [run(0.1, 0.0), run(-0.3, -0.4), run(0.2, 0.1)]  # seeds differ, and the pairs do not
    over = light_skin_only.over_seeds(runs, "skin tone")
    assert over["difference"] == {"value": -0.1, "low": -0.1, "high": -0.1}
    assert over["whole ramp"]["low"] < 0 < over["whole ramp"]["high"]
    assert light_skin_only.over_seeds(runs[:1], "skin tone") == {}


def test_the_stored_summary_is_that_of_the_stored_trials():
    told = stored("twenty_pictures")
    assert twenty_pictures.summarise(told["trials"]) == told["summary"]
    assert len({trial["seed"] for trial in told["trials"]}) >= 3


# twenty_pictures


def test_pictures_of_one_person_are_of_one_person_and_seeds_differ():
    first, again = (twenty_pictures.pictures_of(1, 8, seed=100) for _ in "ab")
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, twenty_pictures.pictures_of(1, 8, seed=101).images)
    assert not torch.equal(first.images, twenty_pictures.pictures_of(2, 8, seed=100).images)
    assert len(first.labels.unique()) == 8


@pytest.mark.parametrize("way", twenty_pictures.WAYS)
def test_each_way_changes_what_it_says_and_nothing_else(tiny, way):
    part, rate, norms_learn = twenty_pictures.WAYS[way]
    own = twenty_pictures.pictures_of(0, 8, seed=100)
    before = {name: each.clone() for name, each in tiny.state_dict().items()}
    model = twenty_pictures.learn_on(tiny, own, part, rate, norms_learn, seed=0, steps=2)
    moved = {n for n, each in model.state_dict().items() if not torch.equal(each, before[n])}
    assert "head.weight" in moved
    assert all(torch.equal(each, before[n]) for n, each in tiny.state_dict().items())
    statistics = {name for name in moved if ".running_" in name}
    assert bool(statistics) == norms_learn
    if part:
        assert moved == {"head.weight", "head.bias"}
    assert not model.training


def test_a_run_tells_every_way_before_and_after(tiny):
    drawn = sample(range(8), split="test")
    faces = Examples(render(drawn).images, drawn.labels)
    others = {"others, same webcam": faces, "others": faces}
    told = twenty_pictures.run(0, 0, others, (8, 8), steps=1)
    for name in ("before", *twenty_pictures.WAYS):
        assert set(told[name]) == set(twenty_pictures.WHOSE)
        assert all(0 <= share <= 1 for share in told[name].values())
