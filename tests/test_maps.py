"""The tests of maps: the plan is the one that is read, verdicts can go either way, squares lie
where they are said to lie, and a script that was stopped goes on."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from figures.experiments import maps, muscle_pairs, planted_truth, remove_and_retrain, truth_tests
from figures.experiments import maps_under_test as under_test
from figures.experiments.maps_under_test import NAMES, PLAN
from vtff_lib.datasets import load_default
from vtff_lib.names import EXPRESSIONS

QUICK = ("gate", "rollout", "gradient × attention", "Grad-CAM, fused")


@pytest.fixture(scope="module")
def model():
    return under_test.trained()["tiny 0"]


@pytest.fixture
def quick(monkeypatch):
    """The maps of one pass alone."""
    monkeypatch.setattr(under_test, "NAMES", list(QUICK))
    monkeypatch.setattr(under_test.all_maps, "__defaults__", (QUICK,))


def test_every_stage_of_the_plan_is_there_and_every_map_can_be_made(model):
    assert set(PLAN["order"]["stages"]) == set(maps.STAGES)
    images = load_default().images[:2]
    made = under_test.all_maps(model, images, torch.tensor([1, 2]))
    assert list(made) == NAMES
    assert len(NAMES) == len(set(NAMES)) == 11
    assert all(heat.shape == (2, 7, 7) for heat in made.values())
    ranked = [rank for rank in PLAN["remove_and_retrain"]["rankings"] if rank in NAMES]
    assert len(ranked) == 3


def test_gate_and_local_part_are_one_map_by_order(model):
    """Which is why the plan counts them once."""
    from vtff_lib import explain

    out = model(load_default().images[:4], return_maps=True)
    gate, local = explain.gate(out).values, explain.local_part(out).values
    torch.testing.assert_close(explain.rank_correlation(gate, local), torch.ones(4).double())


def test_the_twin_has_the_first_weights_of_its_seed(model):
    torch.manual_seed(1)
    first = type(model)(model.config)
    twin = under_test.untrained("tiny 1", model)
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, twin.state_dict()[name])
    assert not torch.equal(twin.head.weight, under_test.untrained("tiny 2", model).head.weight)


def test_the_first_faces_of_each_person_that_show_an_expression():
    faces = under_test.people()
    assert len(faces) == 400
    for each in (1, 2):
        chosen = under_test.expressive(faces, each)
        assert (faces.labels[chosen] != EXPRESSIONS.index("neutral")).all()
        assert faces.identities[chosen].bincount().max() == each
    assert under_test.expressive(faces, 1)[0] == under_test.expressive(faces)[0]


def runs(gain: float, prior_gain: float, seeds: int = 3) -> list[dict]:
    """Scores of two maps: one beats its class prior by `gain`, which beats chance."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(seeds):
        chance, person = random.normal(0.5, 0.05, 60), random.normal(0, 0.05, 60)
        prior = 0.5 + prior_gain + person
        own = prior + random.normal(gain, 0.05, 60)
        scores = {"gate": own, "rollout": prior, "random": chance}
        scores |= {f"{name}: class prior": prior for name in ("gate", "rollout")}
        found.append({name: list(map(float, values)) for name, values in scores.items()})
    return found


RIVALS = {"class prior": "{}: class prior", "random": "random"}


def test_a_map_has_shown_something_only_beyond_its_class_prior_and_beyond_chance():
    def shown(gain, prior_gain, good="high"):
        told = under_test.verdicts(runs(gain, prior_gain), good, RIVALS)["maps"]
        assert not told["rollout"]["shown"]  # it is its class prior
        return told["gate"]["shown"]

    assert shown(0.1, 0.1)
    assert not shown(0.0, 0.3)  # the class prior is as good: beating chance is not enough
    assert not shown(0.1, -0.3)  # beats its prior, and is worse than chance
    assert not shown(-0.1, 0.3)
    assert shown(-0.1, -0.1, "low")
    assert not shown(0.1, -0.3, "low")


def test_verdicts_are_corrected_for_how_many_maps_there_are():
    told = under_test.verdicts(runs(0.1, 0.1), "high", RIVALS)["maps"]
    assert told["gate"]["holm_p"] == pytest.approx(2 * told["gate"]["p"], rel=0.02)


def test_maps_of_chance_count_as_one():
    scores = {"gate": torch.ones(2), "random 0": torch.zeros(2), "random 1": torch.tensor([1, 0])}
    found = under_test.as_one(scores)
    assert list(found) == ["gate", "random"]
    assert found["random"].tolist() == [0.5, 0]


def test_what_was_found_is_not_looked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr(under_test, "BUILD", tmp_path)
    assert under_test.kept("one", lambda: {"a": 1})["a"] == 1
    assert under_test.kept("one", lambda: pytest.fail("asked again"))["a"] == 1
    with pytest.raises(KeyboardInterrupt):  # stopped: nothing is stored
        under_test.kept("two", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert under_test.kept("two", lambda: {"a": 2})["a"] == 2


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Four people alone, whatever is kept in a folder of its own."""
    faces = under_test.people()[:16]
    monkeypatch.setattr(under_test, "people", lambda: faces)
    monkeypatch.setattr(under_test, "BUILD", tmp_path)


def test_all_questions_about_muscles_are_asked_of_a_few_faces(model, quick, few, monkeypatch):
    monkeypatch.setitem(muscle_pairs.ASKED, "third_others", 1)
    runs = {
        "order": muscle_pairs.first_question("tiny 0", model),
        "change": muscle_pairs.second_question("tiny 0", model),
        "unusual": muscle_pairs.third_question("tiny 0", model),
    }
    assert runs["order"]["asked"]["pairs"] > 10
    told = muscle_pairs.summarise([runs])
    for test in ("order", "change", "unusual"):
        assert list(told[test]["maps"]) == list(QUICK)
        everything = [*told[test]["maps"].values(), *told[test]["controls"].values()]
        for row in everything:
            assert 0 <= row.get("mean", row)["value"] <= 1
    assert {"mean loss by this unit, same answer", "edges", "blob", "random"} <= told["order"][
        "controls"
    ].keys()
    scene, _ = muscle_pairs.scene_of("tiny 0", model)
    taken, person = scene.taken, scene.faces.identities[scene.taken.face]
    means = muscle_pairs.mean_loss(scene, same_answer=False)
    row = int((taken.unit == taken.unit.mode().values).nonzero()[0])
    others = (taken.unit == taken.unit[row]) & (person != person[row])
    assert means[row].item() == pytest.approx(scene.losses[others].mean().item(), abs=1e-5)


class Faces(NamedTuple):
    identities: torch.Tensor


def test_what_is_unusual_is_told_from_what_a_class_has_in_common():
    """A map that knows the face is right; one that knows its class is right by chance alone."""
    random = torch.Generator().manual_seed(0)
    face = torch.arange(240)
    of_unit = torch.tensor([3.0, 0.0, -2.0])  # a unit's mean loss: what a class prior knows
    unit = face % 3
    own = torch.randn(240, generator=random)
    scene = object.__new__(muscle_pairs.Scene)
    scene.faces, scene.answers = Faces(face), torch.zeros(240, dtype=torch.int64)
    scene.taken = muscle_pairs.Removals(None, face, unit)
    scene.losses = of_unit[unit] + own
    usual = muscle_pairs.Usual(scene)

    def share(marks: torch.Tensor) -> float:
        scores = [score for score in usual.judged(marks) if score is not None]
        assert 100 < len(scores) < 200  # those near the median do not count
        return sum(scores) / len(scores)

    assert share(own) > 0.99
    assert share(-own) < 0.01
    assert share(of_unit[unit]) == 0.5
    noisy = of_unit[unit] + 0.1 * torch.randn(240, generator=random)
    assert abs(share(noisy) - 0.5) < 0.1


@pytest.mark.slow
def test_the_usual_tests_are_asked_of_a_few_faces(model, quick, few):
    told = truth_tests.summarise([truth_tests.ask("tiny 0", model)])
    for test, good in truth_tests.GOOD.items():
        assert told[test]["good"] == good
        assert list(told[test]["maps"]) == list(QUICK)
    assert told["likeness"].keys() == {*QUICK, "edges"}


PICTURES = torch.randint(0, 256, (6, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize("places", [1, 4])
def test_a_square_lies_where_it_is_said_to_lie_and_nowhere_else(places):
    worn, corner = torch.tensor([0, 1, 2, 3, 8, 8]), torch.arange(6) % places
    planted = planted_truth.plant(PICTURES, worn, corner, places)
    changed = torch.zeros(64, 64, dtype=torch.bool)
    for number in range(places):
        row, column = planted_truth.CORNERS[number]
        cell = torch.zeros(64, 64, dtype=torch.bool)
        cell[16 * row + 3 : 16 * row + 13, 16 * column + 3 : 16 * column + 13] = True
        changed |= cell
        for n in range(6):
            wears = worn[n] if corner[n] == number else planted_truth.NONE
            colours = planted[n, :, cell].unique(dim=1)
            assert colours[:, 0].tolist() == planted_truth.COLOURS[wears].tolist()
            assert colours.shape == (3, 1)
    assert torch.equal(planted[..., ~changed], PICTURES[..., ~changed])
    assert len(planted_truth.COLOURS.unique(dim=0)) == len(EXPRESSIONS) + 1


@pytest.mark.parametrize("places", [1, 4])
def test_half_of_the_squares_to_learn_from_tell_the_class_and_test_squares_tell_another(places):
    faces = load_default()[:600]
    learned = planted_truth.training_faces(faces, places, seed=0)
    seen = torch.stack(
        [
            learned.images[:, :, 16 * row + 8, 16 * column + 8]
            for row, column in planted_truth.CORNERS
        ]
    )[:places]  # (places, N, 3)
    own = planted_truth.COLOURS[learned.labels].byte()
    telling = (seen == own).all(dim=2).sum(dim=0)
    grey = (seen == planted_truth.GREY).all(dim=2).sum(dim=0)
    assert torch.equal(telling + grey, torch.full_like(telling, places))
    assert 0.4 < telling.float().mean() < 0.6
    tried = planted_truth.trial(load_default().part("test"), places, seed=0)
    assert (tried.worn != tried.labels).all()
    assert (tried.coloured != tried.grey).any(dim=(1, 2, 3)).all()


def test_a_map_that_marks_the_square_is_on_top_and_one_that_stays_ties():
    corner = torch.tensor([0, 1, 2, 3])
    right = torch.zeros(4, 4, 4)
    for n, (row, column) in enumerate(planted_truth.CORNERS):
        right[n, row, column] = 1
    assert (planted_truth.on_top(right, corner) == 1).all()
    assert (planted_truth.on_top(right, corner.flip(0)) == 0).all()
    assert (planted_truth.on_top(torch.ones(4, 4, 4), corner) == 1 / 16).all()
    assert (planted_truth.place_in_order(right, corner) == 1).all()
    assert (planted_truth.place_in_order(-right, corner) == 0).all()
    assert (planted_truth.place_in_order(torch.ones(4, 4, 4), corner) == 0.5).all()


def test_the_highest_cells_go_and_only_they():
    heat = torch.arange(16.0).view(1, 4, 4).expand(6, 4, 4)
    found = remove_and_retrain.without_top(PICTURES, heat, 0.25)
    assert torch.equal(found[:, :, :48], PICTURES[:, :, :48])
    mean = PICTURES.float().mean(dim=(2, 3), keepdim=True).round().byte()
    assert torch.equal(found[:, :, 48:], mean.expand(-1, -1, 16, 64))


def test_a_shape_names_the_class_where_it_tells_and_never_where_it_is_one_for_all():
    dice = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (200,), generator=dice)
    learned = torch.arange(200) < 120
    told = torch.zeros(200, 4, 4)
    told.flatten(1)[torch.arange(200), labels] = 1
    one, chance = told[:1].expand_as(told), torch.rand(told.shape, generator=dice)
    right = {
        name: remove_and_retrain.named_by_shape(
            remove_and_retrain.highest(heat, 0.0625), labels, learned
        )
        == labels[~learned]
        for name, heat in {"told": told, "one": one, "chance": chance}.items()
    }
    assert right["told"].all()
    assert max(right[name].float().mean() for name in ("one", "chance")) < 0.5


def test_maps_of_one_pattern_are_alike_and_share_their_top_cell():
    blob = under_test.blob(torch.zeros(6, 7, 7))
    random = under_test.chance(blob, 1)[0]
    persons, classes = torch.arange(6), torch.tensor([0, 1, 0, 1, 2, 2])
    found = truth_tests.likeness({"blob": blob, "random": random}, persons, classes)
    assert found["blob"]["correlation"] == pytest.approx([1] * 6)
    assert (found["blob"]["commonest top cell"], found["blob"]["its share"]) == (24, 1)
    assert max(map(abs, found["random"]["correlation"])) < 0.3
    assert found["random"]["its share"] < 0.6
