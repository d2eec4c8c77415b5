"""Robustness curves: what each change does to a picture, and what is stored of them."""

import json

import pytest
import torch

from figures.experiments import robustness, runs
from figures.experiments.ablation import KEPT, build
from figures.experiments.harness import FIGURES
from vtff_lib.config import VTFFConfig
from vtff_lib.synthetic_faces import sample
from vtff_lib.vtff import VTFF


@pytest.fixture(scope="module")
def faces():
    return sample(range(1), split="test")


@pytest.fixture(scope="module")
def seen(faces):
    return robustness.pictures(faces, 64)


def test_the_first_step_of_every_change_is_the_usual_picture(faces, seen):
    usual = robustness.resize(robustness.studio(faces)[0], 64)
    for what, levels in robustness.LEVELS.items():
        assert torch.equal(seen[what][levels[0]][0], usual), what
        others = [seen[what][level][0] for level in levels[1:]]
        assert all(not torch.equal(other, usual) for other in others), what


def test_each_step_leads_farther_from_the_usual_picture(seen):
    for what, levels in robustness.LEVELS.items():
        if "turned" in what:  # a head that has gone cannot differ more
            continue
        usual = seen[what][levels[0]][0].float()
        far = [(seen[what][level][0] - usual).abs().mean().item() for level in levels]
        assert far == sorted(far), what


def test_noise_is_the_same_at_every_level_but_for_its_strength():
    grey = torch.full((1, 3, 32, 32), 128, dtype=torch.uint8)
    weak, strong = (robustness.noisy(grey, level).float() - 128 for level in (4, 8))
    assert (strong - 2 * weak).abs().max() <= 1.5  # rounding
    assert strong.std() == pytest.approx(8, rel=0.05)


def test_a_covered_square_has_the_side_that_is_asked_for_and_grows_around_its_centre():
    black = torch.zeros(4, 3, 100, 100, dtype=torch.uint8)
    small, large = (robustness.covered(black, level) == 128 for level in (0.1, 0.3))
    assert large.float().mean() == pytest.approx(0.09, rel=0.07)
    assert (large | ~small).all()


def test_a_blur_keeps_the_mean_and_takes_the_edges():
    stripes = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    stripes[..., ::2] = 200
    soft = robustness.blurred(stripes, 2.4).float()
    assert soft.mean() == pytest.approx(100, abs=1)
    assert soft[..., 8:-8].std() < 5


def test_a_look_tells_every_model_and_the_gate(faces, seen):
    models = {name: build(name, 8, 0).eval() for name in KEPT}
    told = robustness.look(models, seen["blur, pixels"][0.0], faces.labels)
    assert told.keys() == {*robustness.MODELS, "gate"}
    assert all(0 <= value <= 1 for value in told.values())
    torch.nn.init.constant_(models["full"].fusion.local_attention.layers[-1].bias, 20.0)
    shut = robustness.look(models, seen["blur, pixels"][0.0], faces.labels)
    assert shut["gate"] > 0.99
    assert shut["full"] == shut["full, gate to LBP"]


def test_a_mean_over_a_place_weighs_cells_by_what_lies_inside():
    heat = torch.tensor([[[1.0, 2.0, 4.0]]])
    place = torch.tensor([[[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]]).bool()
    found = robustness.over({"gate": heat.expand(2, -1, -1)}, torch.cat([place, place & False]))
    assert found["gate"][0].item() == pytest.approx((1 + 2 / 4) / (1 + 1 / 4))
    assert found["gate"][1].isnan()


@pytest.mark.parametrize("gated_branch", ["lbp", "rgb"])
def test_the_gate_is_told_as_the_weight_of_lbp_whichever_branch_it_multiplies(seen, gated_branch):
    model = VTFF(VTFFConfig.tiny(8, image_size=64, gated_branch=gated_branch)).eval()
    for part in (model.fusion.global_attention, model.fusion.local_attention):
        torch.nn.init.zeros_(part.layers[-1].weight)
        torch.nn.init.constant_(part.layers[-1].bias, 2)  # a gate of σ(4) everywhere
    weight = robustness.gate_maps(model, seen["blur, pixels"][0.0][0])["gate"]
    assert ((weight > 0.9) if gated_branch == "lbp" else (weight < 0.1)).all()


def test_missing_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "BUILD", tmp_path)
    monkeypatch.setattr("sys.argv", ["robustness", "--seeds", "1"])
    with pytest.raises(SystemExit, match=r"Seeds \[1\] have no weights"):
        robustness.main()


def test_what_is_stored_is_summed_up_seed_by_seed():
    told = json.loads((FIGURES / "robustness.json").read_text(encoding="utf-8"))
    assert [run["seed"] for run in told["runs"]] == list(robustness.SEEDS)
    assert told["summary"] == json.loads(json.dumps(robustness.summarise(told["runs"])))
    for what, levels in robustness.LEVELS.items():
        assert list(told["summary"][what]) == list(map(str, levels))
        first = told["summary"][what][str(levels[0])]
        assert first["gate_minus_usual"]["value"] == 0
        for run in told["runs"]:  # the usual picture is the same in all
            assert run["levels"][what][str(levels[0])] == next(
                iter(run["levels"]["blur, pixels"].values())
            )
