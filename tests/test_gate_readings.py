"""The comparison of the gate's readings: what the script measures, and what it wrote down."""

import json
import math

import pytest
import torch
from torch import nn

from figures.experiments import gate_readings
from figures.experiments.harness import FIGURES
from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF


def runs_with(accuracies):
    """Runs of three seeds in which all settings but one reach 0.6."""
    other = {s: {"accuracy": 0.6} for s in gate_readings.SETTINGS}
    return [
        {"seed": seed, "readings": other | {"double_sigmoid, rgb": {"accuracy": accuracy}}}
        for seed, accuracy in enumerate(accuracies)
    ]


def test_differences_are_taken_seed_by_seed():
    summary = gate_readings.summarise(runs_with([0.61, 0.62, 0.63]))
    told = summary["double_sigmoid, rgb"]
    assert told["accuracy"] == 0.62
    assert told["difference"] == 0.02
    assert told["interval_95"] == pytest.approx(4.303 * 0.01 / math.sqrt(3), abs=1e-4)
    assert summary[gate_readings.REFERENCE]["difference"] == 0


def test_two_seeds_are_too_few_for_an_interval():
    summary = gate_readings.summarise(runs_with([0.61, 0.62]))
    assert summary["double_sigmoid, rgb"]["interval_95"] is None


def test_norms_of_gradients_are_kept_in_the_order_of_the_maps():
    class TwiceAndThrice(nn.Module):
        def forward(self, rgb_map, lbp_map):
            return 2 * rgb_map + 3 * lbp_map, None

    fusion, kept = TwiceAndThrice(), []
    fusion.register_full_backward_hook(gate_readings.keep_norms(kept))
    maps = torch.rand(2, 1, 4, 3, 3, requires_grad=True)
    fusion(maps[0], maps[1])[0].sum().backward()
    assert kept[0].tolist() == pytest.approx([2 * 6, 3 * 6])  # of 36 equal numbers


def test_a_phase_is_the_geometric_mean_of_its_steps():
    norms = torch.tensor([[1.0, 2.0], [2.0, 1.0]]).repeat(gate_readings.PHASES, 1)
    assert gate_readings.by_phase(norms) == [1.0] * gate_readings.PHASES
    assert gate_readings.by_phase(3 * norms * torch.tensor([4.0, 1.0])) == [4.0] * 15


@pytest.mark.parametrize(("gate", "stays"), [("sigmoid_of_sum", True), ("sum_of_sigmoids", False)])
def test_only_a_convex_mixture_never_leaves_the_two_maps(gate, stays):
    torch.manual_seed(0)
    model = VTFF(VTFFConfig.tiny(8, image_size=gate_readings.IMAGE_SIZE, gate=gate))
    images = torch.randint(0, 256, (4, 3, 112, 112), dtype=torch.uint8)
    told = gate_readings.branch_weights(model, images)
    assert (told["outside"] == 0) == stays
    assert told["gated"]["mean"] + told["other"]["mean"] == pytest.approx(1, abs=2e-4)


def test_what_is_stored_can_be_made_again_and_is_summed_up_truly():
    told = json.loads((FIGURES / "gate_readings.json").read_text(encoding="utf-8"))
    assert len(told["runs"]) >= 3
    for run in told["runs"]:
        assert {"command", "date", "seed", "torch", "faces_sha256", "seconds"} <= run.keys()
        assert run["readings"].keys() == gate_readings.SETTINGS.keys()
    assert told["summary"] == gate_readings.summarise(told["runs"])
