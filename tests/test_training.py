"""Training: the parts equal loops by hand, and a run that was stopped equals one that was not."""

import contextlib
import copy
import io
import itertools
import json
import math
import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from tests.small_runs import (
    CONFIG,
    SILENT,
    SMALL,
    beside,
    faces,
    model,
    same_weights,
    trained,
    without_times,
)
from vtff_lib import train as command
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.measure import predict
from vtff_lib.inputs import resize
from vtff_lib.plots.runs import NotebookProgress, training_curves
from vtff_lib.training import loop
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.checkpoints import BEFORE, NAME, _checksum, _read
from vtff_lib.training.history import Epoch, History
from vtff_lib.training.loop import start_state, take_step, train
from vtff_lib.training.optimisation import learning_rate_share, make_optimiser, update_average
from vtff_lib.training.progress import Progress, TextProgress
from vtff_lib.training.recipe import Plan, TrainingConfig, derive_seed
from vtff_lib.training.targets import Examples, Loss, class_weights, soft_targets
from vtff_lib.vtff import VTFF
from vtff_lib.weights import read_metadata, read_weights, write_weights

EVEN = Loss(torch.ones(3), 0.0, torch.zeros(3))


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[VTFF, History]:
    return trained()


# The parts


def test_votes_become_shares_and_labels_are_votes_of_one():
    images, labels = faces(4)[:2]
    votes = torch.tensor([[2, 0, 0], [0, 3, 1], [0, 0, 0.5], [1, 1, 1]])
    expected = torch.tensor([[1, 0, 0], [0, 0.75, 0.25], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(soft_targets(Examples(images, targets=votes), 3), expected)
    assert torch.equal(
        soft_targets(Examples(images, labels), 3),
        soft_targets(Examples(images, targets=7 * F.one_hot(labels, 3)), 3),
    )


@pytest.mark.parametrize(
    ("examples", "sentence"),
    [
        (
            Examples(faces(4).images, torch.tensor([0, 1, 2, 3])),
            "from 0 to 3; a model of 3 classes",
        ),
        (Examples(faces(4).images, torch.tensor([0, 1, -1, 2])), "labels are .* from -1 to 2"),
        (Examples(faces(4).images, torch.tensor([0, 1])), r"4 images need int64 \(4,\)"),
        (Examples(faces(4).images, torch.tensor([0.0, 1, 1, 2])), "needs whole numbers"),
        (Examples(faces(4).images), "labels are a NoneType"),
        (Examples(faces(4).images, targets=torch.ones(4, 2)), r"3 classes need \(4, 3\)"),
        (Examples(faces(4).images, targets=torch.eye(4)[:, :3]), "a row without votes"),
        (Examples(faces(4).images, targets=torch.full((4, 3), torch.nan)), "not finite"),
        (Examples(faces(4).images[:0], torch.tensor([])), "There are no images"),
    ],
)
def test_labels_that_do_not_fit_are_refused(examples, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        train(model(), examples, faces(3), CONFIG, progress=SILENT)
    assert "\n" not in str(refusal.value)


def test_full_balance_is_that_of_scikit_learn_and_none_weighs_all_alike():
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.tensor([0] * 10 + [1] * 4 + [2])
    targets = F.one_hot(labels, 3).float()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    torch.testing.assert_close(class_weights(targets, 1.0).double(), torch.tensor(expected))
    assert torch.equal(class_weights(targets, 0.0), torch.ones(3))
    half = class_weights(targets, 0.5)
    torch.testing.assert_close((targets @ half).mean(), torch.tensor(1.0))
    torch.testing.assert_close(half[2] / half[0], torch.tensor(10**0.5))
    assert class_weights(F.one_hot(labels, 4).float(), 1.0).isfinite().all()  # nobody in class 3


def test_only_the_weights_of_layers_decay():
    network = model()
    optimiser = make_optimiser(network, 1e-3, 0.1)
    decays = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    assert len(decays) == len(list(network.parameters()))
    layers = {
        id(layer.weight) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    for name, parameter in network.named_parameters():
        assert decays[id(parameter)] == (0.1 if id(parameter) in layers else 0.0), name


def test_the_learning_rate_rises_in_a_line_and_falls_as_a_cosine():
    shares = [learning_rate_share(step, 50, 10) for step in range(50)]
    assert shares[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
    for share in shares[10:]:
        assert share == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        cosine.step()
    assert 0 < shares[-1] < 0.01
    assert all(a >= b for a, b in pairwise(shares[9:]))
    assert learning_rate_share(0, 1, 0) == 1


def test_the_average_is_that_of_a_loop_by_hand():
    network, decay = model().train(), 0.5
    average = copy.deepcopy(network)
    expected = {name: tensor.double() for name, tensor in network.state_dict().items()}
    for step in range(8):
        with torch.no_grad():
            network(faces(8, step).images)  # moves the statistics
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        update_average(average, network, step, decay)
        keep = min(decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            expected[name] = keep * expected[name] + (1 - keep) * tensor
    for name, tensor in average.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert tensor == 8
        else:
            torch.testing.assert_close(tensor.double(), expected[name], rtol=1e-4, atol=1e-5)


def test_without_decay_the_average_is_the_model():
    network = model()
    average = model(1)
    update_average(average, network, 100, 0.0)
    assert same_weights(average, network)


def test_a_step_is_the_one_that_torch_takes():
    """Independently: smoothed, weighted cross-entropy, clipped, plain AdamW."""
    config = replace(CONFIG, label_smoothing=0.2, clip_norm=0.05, weight_decay=0.3)
    state = start_state(model(config=replace(SMALL, dropout=0.0)), config)
    twin = copy.deepcopy(state.model)
    examples, weights = faces(8), torch.tensor([0.5, 1.0, 2.0])
    rgb = examples.images
    for _ in range(2):
        parts = [(rgb, soft_targets(examples, 3))]
        loss = take_step(state, parts, Loss(weights, 0.2, torch.zeros(3)), 0.01, config)

    decays = [p for n, p in twin.named_parameters() if p.ndim > 1 and n.endswith("weight")]
    rest = [p for p in twin.parameters() if not any(p is decayed for decayed in decays)]
    groups = [{"params": decays, "weight_decay": 0.3}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.01, foreach=False)
    for _ in range(2):
        log_p = twin.train()(rgb).logits.log_softmax(dim=1)
        smooth = torch.full((8, 3), 0.2 / 3)
        smooth[torch.arange(8), examples.labels] += 0.8
        expected = (
            -sum(weights[c] * smooth[n, c] * log_p[n, c] for n in range(8) for c in range(3)) / 8
        )
        optimiser.zero_grad()
        expected.backward()
        norm = torch.cat([p.grad.flatten() for p in twin.parameters()]).norm()
        assert norm > 0.05
        for parameter in twin.parameters():
            parameter.grad *= 0.05 / norm
        optimiser.step()
    torch.testing.assert_close(loss, expected.detach())
    for ours, theirs in zip(state.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_batch_in_parts_has_their_mean_gradient_and_their_mean_statistics():
    """Batch norm sees one part at a time: so it is two batches by hand, and not one."""
    config = replace(CONFIG, clip_norm=1e9, parts=2)
    state = start_state(model(config=replace(SMALL, dropout=0.0)), config)
    before = copy.deepcopy(state.model)
    examples = faces(8)
    targets = soft_targets(examples, 3)
    halves = list(zip(examples.images.chunk(2), targets.chunk(2), strict=True))
    loss = take_step(state, halves, EVEN, 1e-9, config)
    twins = [copy.deepcopy(before).train() for _ in halves]
    losses = [
        F.cross_entropy(twin(rgb).logits, rows)
        for twin, (rgb, rows) in zip(twins, halves, strict=True)
    ]
    for one in losses:
        one.backward()
    torch.testing.assert_close(loss, sum(losses).detach() / 2)
    for parameter, *theirs in zip(*(m.parameters() for m in (state.model, *twins)), strict=True):
        expected = (theirs[0].grad + theirs[1].grad) / 2
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=1e-6)
    for (name, buffer), *theirs in zip(
        *(m.named_buffers() for m in (state.model, *twins)), strict=True
    ):
        if "running_" in name:
            torch.testing.assert_close(buffer, (theirs[0][1] + theirs[1][1]) / 2)


def test_a_batch_is_the_same_images_in_any_number_of_parts():
    for parts in (1, 2, 4):
        plan = Plan(26, replace(CONFIG, parts=parts))
        assert torch.equal(plan.batch(4), Plan(26, CONFIG).batch(4))
    assert Plan(7, replace(CONFIG, parts=2)).batch_size == 6  # of few images, equal parts
    with pytest.raises(ValueError, match="3 training images will not do; give at least 4, two to"):
        Plan(3, replace(CONFIG, parts=2))


def test_adjusted_logits_favour_what_is_rare_by_its_share():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    targets = F.one_hot(labels, 3).float()
    loss = Loss.of(targets, balance=0.0, smoothing=0.0, adjustment=1.5)
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    weighed = logits.double().exp() * torch.tensor([0.6, 0.3, 0.1]).double() ** 1.5
    shares = weighed / weighed.sum(dim=1, keepdim=True)
    expected = -shares[torch.arange(10), labels].log().mean()
    torch.testing.assert_close(loss(logits, targets).double(), expected, rtol=1e-5, atol=1e-6)
    assert not Loss.of(targets, 0.0, 0.0, 0.0).adjustment.any()


def test_votes_are_learned_or_left_aside_as_asked():
    examples = faces(8)
    votes = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))
    voted = Examples(examples.images, examples.labels, votes)
    hard = replace(CONFIG, epochs=1, soft_labels=False)
    networks = [model(), model(), model()]
    train(networks[0], voted, examples, hard, progress=SILENT)
    train(networks[1], examples, examples, hard, progress=SILENT)
    train(networks[2], voted, examples, replace(hard, soft_labels=True), progress=SILENT)
    assert same_weights(networks[0], networks[1])
    assert not same_weights(networks[0], networks[2])


def test_the_dice_of_gpus_that_do_not_train_are_left_alone(monkeypatch):
    network, reseeded = model(), []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    train(network, faces(), faces(9, 1), replace(CONFIG, epochs=1), progress=SILENT)
    assert reseeded == []
    torch.manual_seed(0)  # which is what would do it
    assert reseeded == [0]


def test_a_compiled_model_is_run_and_the_plain_one_is_kept(monkeypatch):
    compiled = []

    def compile_(network):
        compiled.append(nn.Sequential(network))
        return compiled[-1]

    monkeypatch.setattr(torch, "compile", compile_)
    network, _ = trained(replace(CONFIG, compiled=True))
    assert len(compiled) == 1
    assert same_weights(network, trained()[0])


def test_float16_clips_the_gradient_and_not_its_scaled_copy():
    norms = []
    for precision in ("float32", "float16"):
        config = replace(CONFIG, precision=precision, clip_norm=50.0)
        state = start_state(model(config=replace(SMALL, dropout=0.0)), config)
        examples = faces(8)
        take_step(state, [(examples.images, soft_targets(examples, 3))], EVEN, 1e-3, config)
        gradients = [parameter.grad.flatten() for parameter in state.model.parameters()]
        norms.append(torch.cat(gradients).norm().item())
    assert norms[1] == pytest.approx(norms[0], rel=0.05)


def test_each_epoch_takes_each_image_at_most_once_in_an_order_of_its_own():
    plan = Plan(26, CONFIG)
    assert (plan.steps_per_epoch, plan.total_steps) == (3, 9)
    epochs = [torch.cat([plan.batch(3 * e + i) for i in range(3)]) for e in range(3)]
    for order in epochs:
        assert len(order.unique()) == 24
    assert not torch.equal(epochs[0], epochs[1])
    other_seed = Plan(26, replace(CONFIG, seed=1))
    orders = {tuple(p.batch(3 * e).tolist()) for p in (plan, other_seed) for e in range(3)}
    assert len(orders) == 6  # seed 1 does not repeat seed 0, one epoch late


def test_seeds_of_different_things_differ():
    keys = [(s, p, i) for s in range(20) for p in ("order", "dropout") for i in range(20)]
    seeds = {derive_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


# The run


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(uninterrupted):
    torch.manual_seed(123)  # what the caller does with chance must not matter
    network, history = trained()
    assert same_weights(network, uninterrupted[0])
    assert without_times(history) == without_times(uninterrupted[1])
    assert not same_weights(trained(replace(CONFIG, seed=1))[0], network)


def test_each_step_gets_its_faces_their_labels_its_learning_rate_and_the_weights(monkeypatch):
    config = replace(CONFIG, class_balance=1.0, augmentation=Augmentation())
    examples, plan, steps = faces(), Plan(26, config), []

    def watch(state, parts, loss, learning_rate, config, team):
        parts = list(parts)
        steps.append((*parts[0], loss.weights, learning_rate))
        return take_step(state, parts, loss, learning_rate, config, team)

    monkeypatch.setattr(loop, "take_step", watch)
    train(model(), examples, faces(9, 1), config, progress=SILENT)
    assert len(steps) == 9
    for step, (rgb, targets, weights, learning_rate) in enumerate(steps):
        assert torch.equal(rgb, examples.images[plan.batch(step)])
        assert torch.equal(targets.argmax(1), examples.labels[plan.batch(step)])
        torch.testing.assert_close(weights, class_weights(soft_targets(examples, 3), 1.0))
        assert learning_rate == pytest.approx(2e-3 * learning_rate_share(step, 9, 1))


def test_the_chance_of_the_caller_is_left_alone():
    network = model()
    state = torch.get_rng_state()
    train(network, faces(), faces(9), replace(CONFIG, epochs=1), progress=SILENT)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_and_augmentation_take_part():
    still = replace(CONFIG, augmentation=Augmentation())
    weights = [trained(config)[0] for config in (CONFIG, still)]
    assert not same_weights(*weights)
    network = model(config=replace(SMALL, dropout=0.0))
    train(network, faces(), faces(9, 1), CONFIG, progress=SILENT)
    assert not same_weights(network, weights[0])


def test_images_of_another_size_are_learned_as_if_resized_before():
    side = SMALL.image_size
    images, labels = faces().images, faces().labels
    larger = Examples(images.repeat_interleave(2, 2), labels)  # twice as high
    resized = Examples(resize(larger.images, side), larger.labels)
    networks = [model(), model()]
    for network, examples in zip(networks, (larger, resized), strict=True):
        train(network, examples, examples, CONFIG, progress=SILENT)
    assert same_weights(*networks)


def test_a_few_faces_are_learned_by_heart():
    config = TrainingConfig(
        epochs=40, batch_size=6, label_smoothing=0, learning_rate=5e-3, augmentation=Augmentation()
    )
    network, examples = model(), faces(6)
    history = train(network, examples, examples, config, progress=SILENT)
    assert history.epochs[-1].valid_accuracy == 1
    assert history.epochs[-1].train_loss < 0.3 < history.epochs[0].train_loss
    assert not network.training
    assert torch.equal(predict(network, examples.images).argmax(1), examples.labels)


def test_the_history_is_what_the_model_left_behind_shows(uninterrupted):
    network, history = uninterrupted
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3]
    assert [epoch.steps for epoch in history.epochs] == [3, 6, 9]
    assert history.finished
    last, valid = history.epochs[-1], faces(9, 1)
    with torch.no_grad():
        logits = network(valid.images).logits
    loss = F.cross_entropy(logits, valid.labels)
    assert last.valid_loss == pytest.approx(loss.item(), rel=1e-4)
    assert last.valid_accuracy == pytest.approx(
        (logits.argmax(1) == valid.labels).float().mean().item()
    )
    assert last.learning_rate == pytest.approx(2e-3 * learning_rate_share(8, 9, 1))
    assert 0.9 < history.epochs[0].train_loss < 1.4


def test_half_precision_trains():
    for precision in ("bfloat16", "float16"):
        network, history = trained(replace(CONFIG, epochs=1, precision=precision))
        assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
        assert history.epochs[0].train_loss == pytest.approx(1.1, abs=0.2)


def test_a_loss_that_is_no_number_ends_the_run():
    network = model()
    nn.init.constant_(network.head.bias, torch.nan)
    with pytest.raises(
        FloatingPointError, match=r"The loss is no number .* step 3 at .* with a lower"
    ):
        train(network, faces(), faces(9), CONFIG, progress=SILENT)


def test_one_face_is_refused():
    with pytest.raises(ValueError, match="1 training images will not do; give at least 2"):
        train(model(), faces(1), faces(3), CONFIG, progress=SILENT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"batch_size": 1}, {"seed": -1}, {"warmup": 1.5}, {"learning_rate": 0.0},
        {"learning_rate": math.nan}, {"weight_decay": -1.0}, {"label_smoothing": -0.1},
        {"epochs": 2.5}, {"clip_norm": 0.0}, {"parts": 0}, {"parts": 3}, {"parts": 8},
        {"mixup": -1.0}, {"cutmix": math.inf}, {"logit_adjustment": -0.1},
        {"learning_rate": math.inf}, {"learning_rate": "0.1"}, {"warmup": None}, {"mixup": True},
        {"compiled": "no"}, {"soft_labels": 1}, {"augmentation": None}, {"augmentation": "light"},
        {"seed": 10**30}, {"learning_rate": 10**400},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}=.* will not do; give"):
        replace(CONFIG, **wrong)


# Stopped and gone on


@pytest.mark.parametrize("stop_after", [1, 3, 4, 8])
def test_a_run_that_was_stopped_ends_as_if_it_was_not(stop_after, uninterrupted, tmp_path):
    class Stop(Progress):
        def step(self, step: int, loss: torch.Tensor) -> None:
            if step > stop_after:
                raise KeyboardInterrupt

    network = model()
    with pytest.raises(KeyboardInterrupt):
        train(network, faces(), faces(9, 1), CONFIG, tmp_path, save_every=1, progress=Stop())
    assert json.loads(read_metadata(tmp_path / NAME)["training"])["step"] == stop_after
    again = model(seed=99)  # its own weights no longer matter
    history = train(again, faces(), faces(9, 1), CONFIG, tmp_path, progress=SILENT)
    assert same_weights(again, uninterrupted[0])
    assert without_times(history) == without_times(uninterrupted[1])


def test_float16_goes_on_with_its_scale(tmp_path):
    config = replace(CONFIG, precision="float16", epochs=1)
    whole = trained(config)[0]
    for _ in range(3):
        trained(config, folder=tmp_path, time_limit=0)
    assert same_weights(trained(config, folder=tmp_path)[0], whole)
    assert json.loads(read_metadata(tmp_path / NAME)["training"])["scaler"]["_growth_tracker"] == 3


def test_a_time_limit_stops_with_a_checkpoint_step_by_step(uninterrupted, tmp_path):
    finished = []
    while not any(finished) and len(finished) < 20:
        network, history = trained(folder=tmp_path, time_limit=0)
        assert not network.training
        finished.append(history.finished)
    assert finished == [False] * 8 + [True]
    assert same_weights(network, uninterrupted[0])


def test_a_finished_run_is_not_run_again(uninterrupted, tmp_path):
    trained(folder=tmp_path)
    before = (tmp_path / NAME).read_bytes()
    network, history = trained(folder=tmp_path)
    assert same_weights(network, uninterrupted[0])
    assert history.finished
    assert (tmp_path / NAME).read_bytes() == before


KILLED_CONFIG = replace(CONFIG, epochs=12)  # 36 steps


def train_and_tell(folder, told):
    """Train, and say each step that was taken."""

    class Told(Progress):
        def step(self, step, loss):
            told.send(step)

    train(model(), faces(), faces(9, 1), KILLED_CONFIG, folder, save_every=1, progress=Told())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_was_not(tmp_path, dice):
    """After some step, and then up to 30 ms later: within a step, or while it is written down."""
    steps = [0]
    for _ in range(2):
        told_here, told_there = multiprocessing.Pipe(duplex=False)
        process = beside(train_and_tell, tmp_path, told_there)
        told = [told_here.recv() for _ in range(dice.randint(2, 9))]
        threading.Timer(dice.uniform(0, 0.03), process.kill).start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert told[0] == steps[-1] + 1  # on from the last checkpoint, and nothing is skipped
        steps.append(json.loads(read_metadata(tmp_path / NAME)["training"])["step"])
        assert steps[-1] >= told[-1] - 1  # all but the last interval is there
    network, history = trained(KILLED_CONFIG, folder=tmp_path)
    whole = trained(KILLED_CONFIG)
    assert same_weights(network, whole[0])
    assert without_times(history) == without_times(whole[1])
    assert {path.name for path in tmp_path.iterdir()} == {NAME, BEFORE}


@pytest.mark.parametrize("breaks_at", [1, 2, 3, 4])
def test_a_crash_half_way_through_any_write_loses_nothing_else(
    breaks_at, uninterrupted, tmp_path, monkeypatch
):
    whole, writes = Path.write_bytes, []

    def write(path, content):
        writes.append(path)
        if len(writes) == breaks_at:
            whole(path, content[: len(content) // 2])
            raise OSError("No space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(OSError, match="No space left"):
        trained(folder=tmp_path, save_every=1)
    assert same_weights(trained(folder=tmp_path)[0], uninterrupted[0])


def test_what_a_kill_while_writing_left_behind_is_cleared_away(tmp_path):
    trained(replace(CONFIG, epochs=1), folder=tmp_path)
    before = (tmp_path / NAME).read_bytes()
    (tmp_path / f".{NAME}.1234.part").write_bytes(before[:1000])
    trained(replace(CONFIG, epochs=1), folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == before


def test_checkpoints_of_another_run_are_refused(tmp_path):
    trained(folder=tmp_path, time_limit=0)
    before = (tmp_path / NAME).read_bytes()

    def refused(sentence, network=None, examples=None, config=CONFIG):
        with pytest.raises(ValueError, match=sentence) as refusal:
            train(network or model(), examples or faces(), faces(9, 1), config, tmp_path)
        assert "\n" not in str(refusal.value)

    refused(
        "is of another run: epochs=3 instead of 4. Go on with", config=replace(CONFIG, epochs=4)
    )
    quiet = replace(CONFIG, augmentation=Augmentation(flip=0.5))
    refused(r"augmentation\.move=0\.8 instead of 0\.0", config=quiet)
    refused(r"model\.width=4 instead of 8", network=model(config=replace(SMALL, width=8)))
    refused("faces='26×3×32×32, .*' instead of", examples=faces(seed=5))
    swapped = faces()._replace(labels=faces().labels.flip(0))
    refused("faces='26×3×32×32, .*' instead of", examples=swapped)
    assert (tmp_path / NAME).read_bytes() == before


def test_damaged_checkpoints_are_refused(tmp_path):
    trained(folder=tmp_path, time_limit=0)
    path = tmp_path / NAME
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-40] ^= 1
    tensors = read_weights(path)
    for content in (whole[:-1], whole[:100], b"", bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is damaged.*\)\. Delete it to train from the st"):
            trained(folder=tmp_path)
    torch.save(tensors, path)
    with pytest.raises(ValueError, match=r"damaged or no checkpoint"):
        trained(folder=tmp_path)
    write_weights(path, tensors, {})
    with pytest.raises(ValueError, match=r"damaged or no checkpoint"):
        trained(folder=tmp_path)


def test_what_a_checkpoint_says_of_itself_is_looked_at_before_it_is_gone_on_from(tmp_path):
    """Its checksum is right; a moment of another size would have AdamW write beside it."""
    trained(folder=tmp_path, time_limit=0)
    path = tmp_path / NAME
    tensors = {name: tensor.clone() for name, tensor in read_weights(path).items()}
    notes = json.loads(read_metadata(path)["training"])

    def refused(match, tensors=tensors, **changes):
        text = json.dumps({k: v for k, v in (notes | changes).items() if v is not ...})
        write_weights(path, tensors, {"training": text, "checksum": _checksum(tensors, text)})
        with pytest.raises(ValueError, match=match):
            trained(folder=tmp_path)

    for name, odd in itertools.product(
        ("step", "seconds", "where", "fingerprint", "scaler", "history"), (..., None, "1", -1, [])
    ):
        refused("is damaged or no checkpoint", **{name: odd})
    for name, other in (("head.bias", None), ("head.bias.exp_avg", torch.zeros(1))):
        odd = {k: other if k.endswith(name) else v for k, v in tensors.items()}
        refused("weights of another net", {k: v for k, v in odd.items() if v is not None})


def test_no_flipped_bit_is_taken_for_what_was_saved(tmp_path, dice):
    """In the header, where the notes are, and in the tensors; FUZZ=10 tries ten times as many."""
    trained(folder=tmp_path, time_limit=0)
    path = tmp_path / NAME
    whole, (tensors, notes, history) = path.read_bytes(), _read(path)
    saved = safetensors.torch.save(tensors)
    header = int.from_bytes(whole[:8], "little")
    for trial in range(200 * int(os.environ.get("FUZZ", "1"))):
        flipped = bytearray(whole)
        flipped[dice.randrange(len(whole) if trial % 6 == 0 else header)] ^= 1 << dice.randrange(8)
        path.write_bytes(flipped)
        with contextlib.suppress(ValueError):  # nothing else may be raised
            found = _read(path)
            assert found[1:] == (notes, history)  # a blank of padding was hit, say
            assert safetensors.torch.save(found[0]) == saved


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: b"", None])
def test_the_checkpoint_before_serves_when_the_last_is_damaged_or_gone(
    damage, uninterrupted, tmp_path
):
    for _ in range(3):
        trained(folder=tmp_path, time_limit=0)
    path = tmp_path / NAME
    if damage is None:
        path.unlink()
        network, _ = trained(folder=tmp_path)
    else:
        path.write_bytes(damage(path.read_bytes()))
        with pytest.warns(UserWarning, match=rf"is damaged.* The run goes on from .*{BEFORE}"):
            network, _ = trained(folder=tmp_path)
    assert same_weights(network, uninterrupted[0])


def test_two_damaged_checkpoints_are_refused(tmp_path):
    for _ in range(2):
        trained(folder=tmp_path, time_limit=0)
    for name in (NAME, BEFORE):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=rf"Delete it and {BEFORE} to train from the start\."):
        trained(folder=tmp_path)


def test_one_run_works_in_a_folder_at_a_time(uninterrupted, tmp_path):
    class Intruder(Progress):
        def step(self, step: int, loss: torch.Tensor) -> None:
            if step == 4:
                before = content_of(tmp_path)
                with pytest.raises(ValueError, match=r"Another process works in .*; wait"):
                    trained(replace(CONFIG, seed=5), folder=tmp_path)
                assert content_of(tmp_path) == before

    network = model()
    train(network, faces(), faces(9, 1), CONFIG, tmp_path, progress=Intruder())
    assert same_weights(network, uninterrupted[0])


def test_one_image_of_many_is_missed(tmp_path):
    examples = faces(200)
    train(model(), examples, faces(9), CONFIG, tmp_path, time_limit=0, progress=SILENT)
    images = examples.images.clone()
    images[77, 0, 3, 3] ^= 1
    changed = examples._replace(images=images)
    with pytest.raises(ValueError, match="is of another run: faces="):
        train(model(), changed, faces(9), CONFIG, tmp_path, progress=SILENT)


def test_who_goes_on_with_other_threads_is_told(tmp_path, monkeypatch):
    trained(folder=tmp_path, time_limit=0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    with pytest.warns(UserWarning, match=r"with threads=7 instead of \d+: sums .*bit for bit"):
        trained(folder=tmp_path, time_limit=0)


@pytest.mark.parametrize("names", [("b", "a", "c"), ("a", "b", "d"), ("a", "b")])
@pytest.mark.parametrize("role", ["train_set", "valid_set"])
def test_faces_of_other_classes_than_the_model_are_refused(names, role, tmp_path):
    """Their labels would teach the model something else than its names say."""
    network = model(config=replace(SMALL, class_names=("a", "b", "c")))
    images, labels = faces(9)[:2]

    def named(names):
        return FaceSet(images, labels % 2, torch.zeros_like(labels), names)

    sets = {"train_set": named(("a", "b", "c")), "valid_set": named(("a", "b", "c"))}
    sets[role] = named(names)
    with pytest.raises(ValueError, match=f"{role} and the model have .*: {', '.join(names)} and "):
        train(network, config=CONFIG, folder=tmp_path / "out", progress=SILENT, **sets)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong", [{"save_every": -3}, {"save_every": 0.5}, {"time_limit": math.nan}, {"time_limit": -1}]
)
def test_intervals_that_mean_nothing_are_refused(wrong, tmp_path):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}=.* will not do; give"):
        trained(folder=tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def content_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder, but for locks, which stay on Windows."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# How it shows itself


def test_a_history_survives_json_and_nonsense_is_refused(uninterrupted):
    history = uninterrupted[1]
    assert History.from_json(history.to_json()) == history
    for text in ("", "[]", "{}", '{"num_classes": 3, "planned": 1, "epochs": [{"a": 1}]}'):
        with pytest.raises(ValueError, match="is no history that History"):
            History.from_json(text)


def test_the_picture_of_a_history_tells_its_figures_in_words():
    epochs = [Epoch(1, 5, 1.5, 1.4, 0.25, 1e-3, 2.0), Epoch(2, 10, 0.9, 0.8, 0.75, 1e-4, 2.0)]
    picture = training_curves(History(8, 4, epochs))
    assert "2 of 4 epochs" in picture.alt
    assert "from 1.50 to 0.90" in picture.alt
    assert "from 25% to 75%" in picture.alt
    assert picture.caption
    assert picture.png != training_curves(History(8, 4, epochs[:1])).png
    assert "Two empty panels" in training_curves(History(8, 4)).alt


def test_a_log_file_gets_the_first_loss_and_a_line_for_each_epoch():
    log = io.StringIO()
    train(model(), faces(), faces(9, 1), CONFIG, progress=TextProgress(log))
    lines = log.getvalue().splitlines()
    assert lines[0].split()[:3] == ["epoch", "train", "loss"]
    assert lines[1].startswith("step 1 of 9, loss 1.")
    assert "guessing evenly: 1.099" in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
    assert not set(log.getvalue()) & set("\r\x1b█")


def test_a_terminal_gets_a_bar_that_is_taken_away():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    train(model(), faces(), faces(9, 1), CONFIG, progress=TextProgress(terminal))
    text = terminal.getvalue()
    assert "░ step 1 of 9, loss 1." in text
    assert text.endswith("\r\x1b[K")
    table = [line.rpartition("\x1b[K")[2] for line in text.split("\n")]
    assert [line.split()[0] for line in table if line.strip()] == ["epoch", "1", "2", "3"]


def test_a_notebook_gets_one_output_that_is_replaced_and_ends_as_the_curves(monkeypatch):
    import IPython.display

    shown, handles = [], []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle)

    def display(bundle, raw, display_id):
        shown.append(bundle)
        handles.append(Handle())
        return handles[-1]

    monkeypatch.setattr(IPython.display, "display", display)
    history = train(model(), faces(), faces(9, 1), CONFIG, progress=NotebookProgress())
    assert len(handles) == 1
    assert "step 1 of 9, loss 1." in shown[1]["text/html"]
    assert set(shown[-1]) == {"text/html", "text/plain"}
    assert shown[-1]["text/html"] == training_curves(history).html()
    assert "left" not in shown[-1]["text/plain"].replace("Left", "")


def test_progress_is_closed_when_a_run_breaks():
    class Watcher(Progress):
        closed = False

        def step(self, step: int, loss: torch.Tensor) -> None:
            raise KeyboardInterrupt

        def close(self) -> None:
            self.closed = True

    watcher = Watcher()
    with pytest.raises(KeyboardInterrupt):
        train(model(), faces(), faces(9), CONFIG, progress=watcher)
    assert watcher.closed


# The command


@pytest.fixture
def packed(tmp_path, monkeypatch) -> Path:
    """A set of three classes, and small models in place of the tiny one."""
    examples = faces(60)
    splits = torch.arange(60) // 10 % 3
    path = tmp_path / "faces.safetensors"
    FaceSet(*examples[:2], splits, ("red", "green", "blue")).write(path, quality=None)
    small = {name: getattr(SMALL, name) for name in ("width", "stages", "embed_dim", "mlp_dim")}
    monkeypatch.setitem(command.MODELS, "tiny", lambda **c: VTFFConfig.tiny(**small, **c))
    return path


def test_the_command_trains_measures_writes_and_goes_on(packed, tmp_path, capsys):
    out = tmp_path / "runs" / "first"
    arguments = [str(packed), "--out", str(out), "--epochs", "2", "--batch-size", "8"]
    command.main([*arguments, "--time-limit", "0"])
    assert "The time is up; the same command goes on." in capsys.readouterr().err
    assert not (out / "report.json").exists()
    command.main(arguments)
    assert "balanced accuracy" in capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert report["training"]["epochs"] == 2
    assert report["test"]["images"] == 20
    loaded = VTFF.load(out / "model.safetensors", class_names=["red", "green", "blue"])
    test = FaceSet.read(packed).part("test")
    right = predict(loaded, test.images).argmax(1) == test.labels
    assert report["test"]["accuracy"]["value"] == pytest.approx(right.double().mean().item())
    assert History.from_json((out / "history.json").read_text()).finished
    straight = tmp_path / "straight"
    command.main([*arguments[:2], str(straight), *arguments[3:]])
    assert same_weights(VTFF.load(straight / "model.safetensors"), loaded)


def test_the_command_tells_a_mistake_in_a_sentence(packed, tmp_path):
    with pytest.raises(SystemExit, match=r"^There is no pack nowhere\.safetensors"):
        command.main(["nowhere.safetensors", "--out", str(tmp_path / "a")])
    with pytest.raises(SystemExit, match=r"^epochs=0 will not do"):
        command.main([str(packed), "--out", str(tmp_path / "a"), "--epochs", "0"])


def test_stored_settings_repeat_a_run_and_flags_change_them(packed, tmp_path):
    first = [str(packed), "--out", str(tmp_path / "a"), "--epochs", "1", "--batch-size", "10"]
    flags = ["--parts", "2", "--mixup", "0.3", "--no-soft-labels", "--image-size", "16"]
    command.main([*first, *flags, "--augmentation", "strong", "--fusion", "sum"])
    stored = ["--settings", str(tmp_path / "a" / "settings.json")]
    command.main([str(packed), "--out", str(tmp_path / "b"), *stored])
    a, b = (VTFF.load(tmp_path / name / "model.safetensors") for name in "ab")
    assert same_weights(a, b)
    assert (b.config.image_size, b.config.fusion) == (16, "sum")
    changed = [str(packed), "--out", str(tmp_path / "c"), *stored, "--seed", "4"]
    command.main(changed)
    first, last = (json.loads((tmp_path / n / "report.json").read_text()) for n in "ac")
    assert first["training"] | {"seed": 4} == last["training"]
    assert first["training"]["parts"] == 2
    assert first["training"]["augmentation"]["erased"] == 0.4
    assert not first["training"]["soft_labels"]
    assert first["model"] == last["model"] == json.loads(b.config.to_json())


@pytest.mark.parametrize(
    "change",
    ["--seed 7", "--epochs 3", "--learning-rate 0.1", "--fusion sum", "--image-size 16",
     "--model paper", "--save-every -3", "--time-limit nan", "--device cudda", "--parts 3"],
)  # fmt: skip
def test_a_command_that_is_refused_has_changed_nothing(change, packed, tmp_path, monkeypatch):
    monkeypatch.setitem(command.MODELS, "paper", lambda **c: VTFFConfig.tiny(width=8, **c))
    out = tmp_path / "out"
    arguments = [str(packed), "--out", str(out), "--epochs", "2", "--batch-size", "8"]
    command.main([*arguments, "--time-limit", "0"])
    before = content_of(out)
    assert {"settings.json", "history.json", NAME} <= set(before)
    with pytest.raises(SystemExit) as end:
        command.main([*arguments, *change.split()])
    assert isinstance(end.value.code, str)
    assert content_of(out) == before
    fresh = tmp_path / "fresh"
    if "will not do" in end.value.code or "cudda" in end.value.code:
        with pytest.raises(SystemExit):
            command.main([*arguments[:2], str(fresh), *arguments[3:], *change.split()])
        assert not fresh.exists()


def test_a_flag_that_settings_make_pointless_is_refused(packed, tmp_path):
    arguments = [str(packed), "--out", str(tmp_path / "a"), "--settings", "settings.json"]
    for flag in ("--preset minute", "--model tiny"):
        with pytest.raises(SystemExit, match="--settings brings model and training; leave"):
            command.main([*arguments, *flag.split()])


def test_a_pack_without_faces_to_test_is_refused_before_the_training(tmp_path):
    path = tmp_path / "faces.safetensors"
    FaceSet(*faces(60)[:2], torch.arange(60) % 2, ("red", "green", "blue")).write(path, None)
    with pytest.raises(SystemExit, match="has no face of the split 'test'"):
        command.main([str(path), "--out", str(tmp_path / "a")])
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 200_000, "is no settings.json of a run"),
        ("nonsense", "is no settings.json of a run"),
        ('{"model": {}}', "is no settings.json of a run"),
        ('{"training": {"speed": 1, "augmentation": {}}}', "does not know .*speed"),
    ],
)
def test_settings_of_another_kind_are_refused(packed, tmp_path, text, sentence):
    (tmp_path / "settings.json").write_text(text)
    stored = ["--settings", str(tmp_path / "settings.json")]
    with pytest.raises(SystemExit, match=sentence):
        command.main([str(packed), "--out", str(tmp_path / "a"), *stored])
    assert not (tmp_path / "a").exists()


def test_the_help_names_every_file_and_default(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    text = capsys.readouterr().out
    for word in ("model.safetensors", "checkpoint.safetensors", "default: tiny", "--resume"):
        assert (word in text) == (word != "--resume")


def test_images_grow_in_steps_of_the_reduction_and_then_stay_full():
    plan = Plan(100, TrainingConfig(epochs=14, batch_size=10, growth=0.64, smallest=0.58))
    sides = [plan.side(step, 112, 16) for step in range(plan.total_steps)]
    assert sides == sorted(sides)
    assert sorted(set(sides)) == [64, 80, 96, 112]
    full = sides.index(112)
    assert abs(full / plan.total_steps - 0.64) < 0.01
    assert abs(sides.count(64) - sides.count(80)) <= 2  # each size its share
    still = Plan(100, TrainingConfig(epochs=14, batch_size=10))
    assert {still.side(step, 112, 16) for step in range(still.total_steps)} == {112}
    assert Plan(100, TrainingConfig(growth=1.0, smallest=0.0)).side(0, 112, 16) == 16


def test_what_is_learned_from_has_the_size_of_the_plan():
    seen, network = [], model()

    def look(module: VTFF, inputs: tuple) -> None:
        if module.training:  # the average, a copy, is only measured
            seen.append(inputs[0].shape[-1])

    network.register_forward_pre_hook(look)
    config = replace(CONFIG, growth=0.5, smallest=0.25)
    train(network, faces(), faces(), config, progress=SILENT)
    plan = Plan(26, config)
    assert seen == [plan.side(step, 32, 8) for step in range(plan.total_steps)]
    assert {8, 16, 32} <= set(seen)
