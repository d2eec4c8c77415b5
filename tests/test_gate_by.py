"""Where the gate prefers which branch, and what can be silenced: what is measured and stored."""

import json

import pytest
import torch

from figures.experiments import gate_by, silenced
from figures.experiments.harness import FIGURES
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.explain.surgery import Surgery, all_surgeries, larger_surgeries
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import REGIONS, render, sample
from vtff_lib.vtff import VTFF


def stored(name: str) -> dict:
    told = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    assert {"command", "date", "torch", "faces_sha256", "cpu_seconds", "faces"} <= told.keys()
    assert told["command"] == f"python -m figures.experiments.{name}"
    return told


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    drawn = sample(range(8), split="test")
    picture = render(drawn, size=112)
    extras = {"regions": picture.regions, "identities": drawn.identities}
    return FaceSet(picture.images, drawn.labels, torch.full((8,), 2), EXPRESSIONS, extras)


def test_a_mean_over_a_place_weighs_cells_by_what_lies_inside():
    heat = torch.tensor([[[1.0, 2.0, 4.0]]])
    place = torch.tensor([[[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]]).bool()
    found = gate_by.over({"gate": heat.expand(2, -1, -1)}, torch.cat([place, place & False]))
    assert found["gate"][0].item() == pytest.approx((1 + 2 / 4) / (1 + 1 / 4))
    assert found["gate"][1].isnan()


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
def test_the_gate_is_told_as_the_weight_of_lbp_whichever_branch_it_multiplies(faces, gated_branch):
    model = VTFF(VTFFConfig.tiny(8, gated_branch=gated_branch)).eval()
    for part in (model.fusion.global_attention, model.fusion.local_attention):
        torch.nn.init.zeros_(part.layers[-1].weight)
        torch.nn.init.constant_(part.layers[-1].bias, 2)  # a gate of σ(4) everywhere
    weight = gate_by.gate_maps(model, faces.images)["gate"]
    assert ((weight > 0.9) if gated_branch == "lbp" else (weight < 0.1)).all()


def test_regions_and_classes_are_told_apart(faces):
    model = load_pretrained("tiny")
    found = gate_by.by_region_and_class(model, faces)
    assert list(found["region"]) == ["no part of the face", *REGIONS]
    assert list(found["class"]) == list(EXPRESSIONS)
    maps = gate_by.gate_maps(model, faces.images)
    inside = faces.extras["regions"] == 1 + REGIONS.index("mouth")
    for name in maps:
        expected = gate_by.over(maps, inside)[name].mean().item()
        assert found["region"]["mouth"][name]["value"] == pytest.approx(expected, abs=1e-4)
        for label, word in enumerate(EXPRESSIONS):  # one face each
            whole = gate_by.over(maps, faces.extras["regions"] > 0)[name][faces.labels == label]
            assert found["class"][word][name]["value"] == pytest.approx(whole.item(), abs=1e-4)


def test_what_is_stored_of_the_gate_is_whole_and_in_order():
    told = stored("gate_by")
    assert list(told["light"]["angle"]) == [str(angle) for angle in gate_by.ANGLES]
    assert list(told["light"]["power"]) == [str(power) for power in gate_by.POWERS]
    assert list(told["region"]) == ["no part of the face", *REGIONS]
    assert list(told["class"]) == list(EXPRESSIONS)
    for places in (*told["light"].values(), told["region"], told["class"]):
        for spread in places.values():
            for name in ("gate", "energy share"):
                each = spread[name]
                assert each["quantiles"] == sorted(each["quantiles"])
                assert 0 < each["low"] <= each["value"] <= each["high"] < 1
    for what, usual in (("angle", "0.0"), ("power", "1.0")):
        assert told["light"][what][usual]["gate minus usual"]["value"] == 0
        for spread in told["light"][what].values():
            gap = spread["gate"]["value"] - told["light"][what][usual]["gate"]["value"]
            assert spread["gate minus usual"]["value"] == pytest.approx(gap, abs=2e-4)


def test_every_part_is_silenced_and_compared_face_by_face(faces):
    model = load_pretrained("tiny")
    found = silenced.silence(model, faces)
    changes = [*all_surgeries(model), *larger_surgeries(model)]
    names = [each.name for each in changes if each.patch is None]
    assert list(found) == names == list(stored("silenced")["surgeries"])
    assert found["none"]["other guess"] == found["none"]["difference"]
    guesses = silenced.guesses(model, faces.images, Surgery(lbp_weight=0.0))
    right = (guesses == faces.labels).double().mean().item()
    whole = (model(faces.images).logits.argmax(1) == faces.labels).double().mean().item()
    assert found["gate rgb"]["accuracy"]["value"] == pytest.approx(right, abs=1e-4)
    assert found["gate rgb"]["difference"]["value"] == pytest.approx(right - whole, abs=1e-4)
    assert found["gate rgb"]["other guess"]["value"] > 0
