"""The throughput benchmark times the same work in all its loops, and its figures agree."""

import copy
import json
import math
import shutil
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.autograd import DeviceType
from vtff_lib.training.loop import train
from vtff_lib.training.optimisation import update_average
from vtff_lib.training.progress import Progress
from vtff_lib.training.recipe import Plan, TrainingConfig

from tests.benchmarks.throughput import __main__ as throughput
from tests.benchmarks.throughput import floor, profiling, usual_loop
from tests.benchmarks.throughput.floor import flops_of_an_image
from tests.benchmarks.throughput.groups import (
    AUGMENTATION,
    CONVOLUTION,
    ELEMENTWISE,
    GROUPS,
    LBP,
    MATMUL,
    OPTIMISER,
    REST,
    time_by_group,
)
from tests.benchmarks.throughput.our_loop import OurLoop
from tests.benchmarks.throughput.profiling import profile_of
from tests.benchmarks.throughput.settings import PROFILED, WARM_UP
from tests.benchmarks.throughput.usual_loop import UsualFaces, UsualLoop, worker_lbp
from vtff_lib import training
from vtff_lib.config import VTFFConfig
from vtff_lib.lbp import local_binary_pattern, order_table
from vtff_lib.vtff import VTFF

SMALL = VTFFConfig.tiny(image_size=32, width=8, depth=1)
SMOKE = (
    *("--batch-size", "4", "--images", "64", "--stored-size", "48"),
    *("--steps", "2", "--repeats", "2", "--workers", "1"),
)
STRAIGHT = 64 + 16 + 8 + 2  # the bits of the neighbours above, left, right and below, in reading


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """What a small run on the CPU writes."""
    path = tmp_path_factory.mktemp("throughput") / "figures.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["throughput", *SMOKE, "--json", str(path)])
        throughput.main()
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def settings():
    return throughput.parse(["--batch-size", "4", "--images", "16", "--workers", "0"])[0]


def figures(tree):
    """Yield every number of a tree of lists and dictionaries."""
    for leaf in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(leaf, (dict, list)):
            yield from figures(leaf)
        elif leaf is not None:
            yield leaf


def test_every_figure_is_finite_and_positive(stored):
    results = copy.deepcopy(stored["results"])
    shares = results["profile"].pop("shares")
    numbers = [*figures(results)]
    assert len(numbers) > 15
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    assert all(0 <= share <= 1 for share in shares.values())
    assert results["ours"]["peak_memory_gib"] is None  # it is the GPU's


def test_ratios_are_the_quotients_of_the_rates(stored):
    results = stored["results"]
    ours = results["ours"]["images_per_s"]
    for name, ratio in results["ratios"].items():
        assert ratio == pytest.approx(ours / results[name]["images_per_s"], rel=1e-3)
    floor = results["floor"]
    assert floor["share_reached"] == pytest.approx(ours / floor["images_per_s"], rel=1e-3)
    possible = 1e3 * floor["matmul_tflop_per_s"] / floor["gflop_per_image"]
    assert floor["images_per_s"] == pytest.approx(possible, rel=2e-3)


def test_the_shares_of_the_profile_sum_to_one_and_every_part_is_found(stored):
    shares = stored["results"]["profile"]["shares"]
    assert tuple(shares) == GROUPS
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    for group in (CONVOLUTION, MATMUL, ELEMENTWISE, AUGMENTATION, LBP, OPTIMISER):
        assert shares[group] > 0, group


def test_figures_are_stored_with_what_they_need_to_be_made_again(stored):
    assert {"seed", "command", "date", "cores", "torch", "scikit-image", "notes"} <= stored.keys()
    assert stored["settings"]["batch_size"] == 4
    assert stored["settings"]["model_config"] == json.loads(VTFFConfig.tiny().to_json())
    assert stored["settings"]["training_config"]["augmentation"]["rotation"] == 10
    assert "random bytes" in stored["notes"][0]


def test_ours_takes_the_steps_of_train():
    """The weights are those that `train` gives, bit for bit, and so was every image."""
    config = TrainingConfig(epochs=2, batch_size=4)
    faces = throughput.make_faces(8, 48, SMALL.num_classes)
    torch.manual_seed(0)
    model = VTFF(SMALL)
    ours = OurLoop(copy.deepcopy(model), faces, config)
    train(model, faces, faces, config, progress=Progress())
    ours.run(4)
    for name, tensor in ours.state.average.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], rtol=0, atol=0)


def test_the_run_is_long_enough_for_every_step(settings):
    taken = 1 + WARM_UP + settings.repeats * settings.steps + 1 + PROFILED
    plan = Plan(settings.images, settings.training_config)
    assert plan.total_steps >= taken
    assert plan.learning_rate(taken - 1) > 0


@pytest.mark.parametrize(("with_lbp", "count"), [(True, 2), (False, 1)])
def test_all_loops_see_equally_many_images_of_one_size_in_a_step(settings, with_lbp, count):
    faces = throughput.make_faces(settings.images, 24, SMALL.num_classes)
    ours = OurLoop(VTFF(SMALL), faces, settings.training_config)
    [(rgb, targets)] = ours.parts(0)
    *views, labels = next(iter(UsualLoop(VTFF(SMALL), faces, settings, with_lbp).loader))
    assert [view.shape for view in views] == count * [rgb.shape] == count * [(4, 3, 32, 32)]
    assert len(targets) == len(labels) == settings.batch_size
    assert all(view.dtype == torch.float32 and view.min() >= 0 for view in views)
    assert all(0.9 < view.max() <= 1 for view in views)


def test_the_lbp_view_of_a_worker_is_that_of_the_image_it_gives(settings):
    """Straight neighbours are pixels in both; scikit-image interpolates the others."""
    faces = throughput.make_faces(8, 32, SMALL.num_classes)
    rgb, lbp, _ = UsualFaces(faces, SMALL, with_lbp=True)[3]
    codes = (255 * lbp).round().to(torch.uint8)
    own = local_binary_pattern((255 * rgb).round().to(torch.uint8), SMALL.lbp_order)
    torch.testing.assert_close(codes & STRAIGHT, own & STRAIGHT, rtol=0, atol=0)


@pytest.mark.parametrize("order", ["reading", "circular"])
def test_the_lbp_view_of_a_worker_has_the_models_bit_order(order):
    """On a slope interpolation changes no comparison, so all eight bits agree; so no bit is lost.

    No neighbour is equal to the centre, and the eight slopes give eight codes.
    """
    row, column = torch.meshgrid(torch.arange(9), torch.arange(9), indexing="ij")
    steps = [(r, c) for r in (-5, -2, 2, 5) for c in (-5, -2, 2, 5) if abs(r) != abs(c)]
    slopes = [(128 + r * (row - 4) + c * (column - 4)).to(torch.uint8) for r, c in steps]
    rgb = torch.stack(slopes)  # (8, 9, 9): as many channels
    own = local_binary_pattern(rgb, order)
    codes = worker_lbp(rgb, order_table("circular", order).numpy())
    inner = (slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(codes[inner], own[inner], rtol=0, atol=0)
    assert len(own[inner].unique()) == 8


def test_baselines_are_timed_in_whole_rounds_of_their_workers(settings):
    faces = throughput.make_faces(16, 32, SMALL.num_classes)
    for workers, steps, timed in ((0, 3, 3), (2, 3, 4), (2, 4, 4)):
        chosen = replace(settings, workers=workers, steps=steps)
        loop = UsualLoop(VTFF(SMALL), faces, chosen, with_lbp=False)
        assert loop.timed == timed
        assert len(loop.loader) == loop.lead + timed + max(workers, 1)


def test_a_baseline_trains_before_the_clock_starts_and_stops_with_it(settings, monkeypatch):
    faces = throughput.make_faces(16, 32, SMALL.num_classes)
    loop = UsualLoop(VTFF(SMALL), faces, replace(settings, steps=3), with_lbp=False)
    learned, stretches = [], []
    monkeypatch.setattr(loop, "learn", learned.append)

    def clock(run):
        before = len(learned)
        run()
        stretches.append((before, len(learned)))
        return 1.0

    monkeypatch.setattr(usual_loop, "seconds", clock)
    assert loop.seconds() == 1.0
    assert stretches == [(2, 5)]
    assert len(learned) == 5


def test_a_baseline_learns(settings):
    faces = throughput.make_faces(4, 32, SMALL.num_classes)
    torch.manual_seed(0)
    loop = UsualLoop(VTFF(SMALL), faces, settings, with_lbp=True)
    batch = next(iter(loop.loader))
    losses = [loop.learn(batch) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_flops_of_an_image_are_those_counted_by_hand():
    """Each product is done forward, for the weights, and for the input, if that is no image."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 256, 5))
    convolution = 2 * (8 * 16 * 16) * (3 * 3 * 3)
    linear = 2 * (8 * 16 * 16) * 5
    counted = flops_of_an_image(model, 16)
    assert counted == pytest.approx(2 * convolution + 3 * linear, rel=0.01)


def test_the_speeds_of_a_machine_are_operations_and_bytes_a_second(monkeypatch):
    """A product of two matrices of 1024² takes 2·1024³; copying reads and writes 64 MiB."""
    monkeypatch.setattr(floor, "median_seconds", lambda run: 0.5)
    assert floor.matmul_speed(torch.device("cpu")) == 2 * 1024**3 / 0.5
    assert floor.copy_speed(torch.device("cpu")) == 2 * 64 * 2**20 / 0.5


def test_the_paper_model_takes_thirty_gflop_an_image():
    with torch.device("meta"):
        flops = flops_of_an_image(VTFF(VTFFConfig.paper()), 224)
    assert flops == pytest.approx(30.6e9, rel=0.03)


def event(name, start, kernels=(), device=DeviceType.CPU, marked=False, length=1.0):
    """Stand in for an event of the profiler, for a machine without a GPU."""
    return SimpleNamespace(
        name=name,
        device_type=device,
        is_user_annotation=marked,
        time_range=SimpleNamespace(start=start, end=start + length, elapsed_us=lambda: length),
        kernels=[SimpleNamespace(name=kernel, duration=time) for kernel, time in kernels],
        self_cpu_time_total=1000.0,  # of the CPU, which must not count on a GPU
    )


def test_a_kernel_belongs_to_the_range_that_launched_it_whenever_it_ran():
    gpu = DeviceType.CUDA
    events = [
        event(AUGMENTATION, 0, [(AUGMENTATION, 99.0)], length=10),  # the mark is no kernel
        event("aten::mul", 5, [("multiply", 3.0)]),
        event("aten::mul", 11, [("multiply", 4.0)]),
        event("aten::cudnn_convolution", 12, [("fprop", 7.0)]),
        event("aten::addmm", 13, [("nvjet", 2.0)]),
        event("triton_poi_fused_add_constant_pad_nd_ge_mul_0", 14, [("triton", 1.0)]),
        event("triton_red_fused_convolution_native_batch_norm_1", 15, [("triton", 5.0)]),
        event(AUGMENTATION, 40, device=gpu, marked=True, length=99.0),
        event("multiply", 50, device=gpu, length=22.0),
        event("of nobody", 80, device=gpu, length=6.0),
    ]
    spent = time_by_group(events, cuda=True)
    assert {group: time for group, time in spent.items() if time} == {
        AUGMENTATION: 3.0, ELEMENTWISE: 9.0, CONVOLUTION: 7.0, MATMUL: 2.0, LBP: 1.0, REST: 6.0,
    }  # fmt: skip


def test_every_part_of_a_step_that_is_no_network_is_named(settings, monkeypatch):
    """Averaging, clipping, the optimiser's step and the gradients' start are one group."""
    names = Counter()
    faces = throughput.make_faces(settings.images, 32, SMALL.num_classes)
    ours = OurLoop(VTFF(SMALL), faces, settings.training_config)
    monkeypatch.setattr(
        profiling, "record_function", lambda name: names.update([name]) or nullcontext()
    )
    with profiling.named_ranges(ours):
        ours.run(2)
    assert names == {OPTIMISER: 2 * 4, LBP: 2}


def test_profiling_leaves_the_training_loop_as_it_was(settings):
    faces = throughput.make_faces(settings.images, 32, SMALL.num_classes)
    ours = OurLoop(VTFF(SMALL), faces, settings.training_config)
    profile_of(ours, 1)
    assert training.update_average is update_average
    assert "forward" not in vars(ours.state.model.lbp)


def test_what_the_machine_cannot_do_is_said_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        throughput.parse(["--device", "cuda"])
    assert "no GPU" in capsys.readouterr().err
    monkeypatch.setattr(Path, "is_dir", lambda path: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1e6))
    with pytest.raises(SystemExit):
        throughput.parse(["--workers", "2"])
    assert "fewer --workers" in capsys.readouterr().err
    assert throughput.parse(["--workers", "0"])[0].workers == 0


def test_a_gpu_gets_the_paper_model_and_the_fast_settings(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(throughput, "shared_memory", lambda settings: (0, 1))
    settings, _ = throughput.parse(["--device", "cuda"])
    assert (settings.model, settings.batch_size, settings.stored_size) == ("paper", 256, 224)
    assert (settings.precision, settings.compiled) == ("bfloat16", True)
    settings, _ = throughput.parse(["--device", "cuda", "--no-compiled", "--stored-size", "48"])
    assert (settings.compiled, settings.stored_size) == (False, 48)
