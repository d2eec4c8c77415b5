"""Several changes at once, in Python, against one at a time and against the engine of the page."""

import pytest
import torch

from tests.explored import CELLS, faces, small
from tests.test_live_engine import WasmEngine
from vtff_lib import explain
from vtff_lib.explain.surgery import all_surgeries, larger_surgeries, masked, operated
from vtff_lib.live import pack

ONE = {"patch": "patches", "head": "heads", "layer": "layers", "without": "without"}


@pytest.fixture(scope="module")
def model():
    return small()


def words(surgery):
    """Return a single change as `changed` takes it."""
    for name, value in vars(surgery).items():
        if value is not None:
            return {ONE[name]: [value]} if name in ONE else {name: value}
    return {}


def test_a_single_change_is_that_of_surgery(model):
    rgb = faces(2)
    for surgery in [*all_surgeries(model), *larger_surgeries(model)]:
        alike = [surgery] * 2
        with operated(model, alike):
            wanted = model(masked(rgb, alike, model.config.reduction)).logits
        found = explain.rerun(model, rgb, **words(surgery)).logits
        assert torch.allclose(found, wanted, atol=1e-6), surgery


def test_several_changes_are_those_of_the_engine(model):
    engine, rgb = WasmEngine(pack(model, half=False)), faces(1)
    verbs = (
        *(("cover", 2), ("cover", 7), ("silence", 0, 1), ("silence", 1, 2)),
        *(("leave_out_global",), ("add_to_score", 4, 1.5), ("read_mean",)),
    )
    change = {"patches": [2, 7], "heads": [(0, 1), (1, 2)], "reading": "mean"}
    out = explain.rerun(model, rgb, **change, without=["global"], scores={4: 1.5})
    found = engine.run(rgb, *verbs)
    assert torch.allclose(found["logits"].flatten(), out.logits[0], atol=1e-4)
    assert torch.allclose(found["gate"].flatten(), out.gate.flatten(), atol=1e-5)
    without = explain.rerun(model, rgb, without=["local"], scores={4: 1.5})
    found = engine.run(rgb, ("leave_out_local",), ("add_to_score", 4, 1.5))
    assert torch.allclose(found["logits"].flatten(), without.logits[0], atol=1e-4)
    forced = explain.rerun(model, rgb, without=["global"], lbp_weight=0.3)
    assert forced.gate.allclose(torch.tensor(0.3))  # whatever else is done to the gate


def test_the_model_is_left_as_it_was(model):
    rgb = faces(1)
    before = model(rgb).logits
    explain.rerun(model, rgb, patches=range(CELLS), heads=[(0, 0)], scores={1: 3.0})
    assert model(rgb).logits.equal(before)
    assert not any(module._forward_hooks for module in model.modules())


def test_daylight_changes_nothing_and_gamma_no_order():
    rgb = faces(2)
    assert explain.relit(rgb).equal(rgb)
    dark = explain.relit(rgb, gamma=150)
    pairs = rgb.flatten().sort().values, dark.flatten()[rgb.flatten().sort().indices]
    assert (pairs[1].int().diff() >= 0).all()
    assert dark.float().mean() < rgb.float().mean()


def test_a_lamp_from_one_side_makes_that_side_brighter():
    grey = torch.full((1, 3, 4, 5), 100, dtype=torch.uint8)
    assert explain.relit(grey, lamp=40)[0, 0, 0].tolist() == [60, 80, 100, 120, 140]
    assert explain.relit(grey, bright=50).unique().tolist() == [50]
    assert explain.relit(grey, contrast=200).unique().tolist() == [73]  # 72.5, rounded up


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patches": [99]}, "no patch 99"),
        ({"heads": [(5, 0)]}, "nothing to operate on"),
        ({"scores": {9: 1.0}}, "cell"),
        ({"scores": {1: float("nan")}}, "score"),
        ({"light": {"flash": 1}}, "light"),
    ],
)
def test_what_cannot_be_changed_is_refused_in_words(model, change, words):
    with pytest.raises(ValueError, match=words):
        explain.rerun(model, faces(1), **change)
