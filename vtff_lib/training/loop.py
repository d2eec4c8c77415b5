"""The training loop. Taught in 07 and 07b.

    choose, resize, alter, mix                              a batch: `feed.Batches`
    LBP, logits, loss, gradient; AdamW; moving average      one step with it: `take_step`
    validation, checkpoint, the next step                   the run: `train`

All chance follows from the seed: the order of an epoch from (seed, epoch), the augmentation and the
dropout of a part of a batch from (seed, its number). So nothing about chance has to be remembered
when a run stops.
"""

import copy
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from numbers import Real
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from vtff_lib.evaluation.measure import predict
from vtff_lib.files import clear_unfinished, from_json, only_one
from vtff_lib.inputs import check_model, with_gradients
from vtff_lib.names import check_same_classes
from vtff_lib.refusals import as_path, check_whole, shown
from vtff_lib.training.checkpoints import (
    NAME,
    TrainingState,
    describe_faces,
    load_checkpoint,
    save_checkpoint,
)
from vtff_lib.training.feed import Batches
from vtff_lib.training.history import Epoch, History
from vtff_lib.training.optimisation import PartStatistics, make_optimiser, update_average
from vtff_lib.training.processes import (
    ALONE,
    Team,
    able_to_compile,
    enough_memory,
    told_to_stop,
)
from vtff_lib.training.progress import Progress, TextProgress
from vtff_lib.training.recipe import PRECISIONS, Plan, TrainingConfig
from vtff_lib.training.targets import LabelledFaces, Loss, soft_targets
from vtff_lib.vtff import VTFF


@with_gradients()
def train(
    model: VTFF,
    train_set: LabelledFaces,
    valid_set: LabelledFaces,
    config: TrainingConfig,
    folder: str | Path | None = None,
    save_every: int = 0,
    time_limit: float = math.inf,
    progress: Progress | None = None,
    team: Team = ALONE,
) -> History:
    """Train `model`, and leave it in eval mode with the averaged weights.

    SIGTERM, which clusters send before they take a machine away, ends the run as `time_limit` does.

    Args:
        model: on the device where the work is to be done; the images are brought there.
        train_set: what is learned. Images of another size than the model's are resized, step by
            step, to `model.config.image_size`.
        valid_set: what is measured after each epoch; nothing is learned from it.
        config: the settings.
        folder: where the checkpoint is kept, and one run works at a time. If one of the same run is
            there, the run goes on from it; on a CPU, with as many threads and processes, it ends
            with the same weights, bit for bit, as without the stop. Otherwise a warning says so.
        save_every: steps between checkpoints, besides the one after each epoch; 0: only those.
        time_limit: seconds after which the run stops, with a checkpoint; from 0.
        progress: how the run shows itself; as text if not given. `Progress()` is silent, and
            `plots.NotebookProgress()` draws curves in a notebook.
        team: the processes that train together, see `processes`.

    Returns:
        The history so far; `history.finished` says whether the run reached its end.

    Raises:
        ValueError: if the faces or their classes do not fit the model, the checkpoints are damaged
            or of another run, another run works in the folder, the parts of a batch cannot be
            shared out, or the model cannot be compiled here. Nothing has been written then.
        FloatingPointError: if the loss is no number any more; no such state is saved.
        torch.OutOfMemoryError: if the memory of the GPU does not do; with what to change.
    """
    started = time.monotonic()
    check_model(model)
    if not isinstance(config, TrainingConfig):
        raise ValueError(f"config={shown(config)} will not do; give a TrainingConfig.")
    folder = None if folder is None else as_path(folder)
    device = model.cls_token.device
    check_intervals(save_every, time_limit)
    for name, faces in {"train_set": train_set, "valid_set": valid_set}.items():
        class_names = getattr(faces, "class_names", model.config.class_names)
        check_same_classes(name, class_names, "the model", model.config.class_names)
    classes = model.config.num_classes
    targets = soft_targets(train_set, classes, config.soft_labels).to(device)  # (N, classes)
    valid_targets = soft_targets(valid_set, classes, config.soft_labels)
    loss = Loss.of(targets, config.class_balance, config.label_smoothing, config.logit_adjustment)
    plan = Plan(len(targets), config)
    batches = Batches(train_set.images, targets, plan, model.config, team)
    with able_to_compile():
        state = start_state(model, config, team)
    progress = TextProgress() if progress is None else progress
    progress = progress if team.leads else Progress()
    where = describe_place(device, team)
    # Dropout throws PyTorch's own dice, which belong to the caller and are given back.
    dice = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with closing(batches), alone_in(folder, team):
        if folder is not None:
            run = describe_run(model, config, train_set, targets)
            load_checkpoint(folder, state, run, where)
        team.require_same(state.step)
        progress.start(state.history, state.step, plan.total_steps)
        with closing(progress), dice, told_to_stop() as terminated:
            for step in range(state.step, plan.total_steps):
                lap = time.monotonic()
                with enough_memory(config.batch_size, config.parts, step), able_to_compile():
                    rate = plan.learning_rate(step)
                    step_loss = take_step(state, batches(step), loss, rate, config, team)
                progress.step(state.step, step_loss)
                state.seconds += time.monotonic() - lap

                epoch_over = state.step % plan.steps_per_epoch == 0
                if epoch_over:
                    finish_epoch(state, plan, valid_set.images, valid_targets, team)
                    progress.epoch(state.history)
                late = team.any(time.monotonic() - started > time_limit or terminated())
                due = epoch_over or late or (save_every and state.step % save_every == 0)
                if folder is not None and due:
                    team.mean([state.loss_sum])
                    require_finite(state)
                    if team.leads:
                        save_checkpoint(folder, state, run, where)
                if late:
                    break
    model.load_state_dict(state.average.state_dict())
    model.eval()
    return state.history


def check_intervals(save_every: int, time_limit: float) -> None:
    """Refuse steps and seconds that mean nothing, with a `ValueError`."""
    check_whole("save_every", save_every, low=0)
    if not isinstance(time_limit, Real) or not time_limit >= 0:
        raise ValueError(f"time_limit={shown(time_limit)} will not do; give seconds, 0 or more.")


@contextmanager
def alone_in(folder: str | Path | None, team: Team) -> Iterator[None]:
    """Let no other run write to `folder` meanwhile; what killed ones left half written goes."""
    if folder is None or not team.leads:
        yield
        return
    with only_one(folder):
        clear_unfinished(Path(folder) / NAME)
        yield


def start_state(model: VTFF, config: TrainingConfig, team: Team = ALONE) -> TrainingState:
    """Return the state before the first step; `model` becomes channels-last."""
    model.to(memory_format=torch.channels_last)  # rows of pixels, which convolutions like better
    device = model.cls_token.device
    return TrainingState(
        model=model,
        network=team.wrap(cast(nn.Module, torch.compile(model)) if config.compiled else model),
        average=copy.deepcopy(model).eval().requires_grad_(False),
        optimiser=make_optimiser(model, config.learning_rate, config.weight_decay),
        scaler=torch.amp.GradScaler(device.type, enabled=config.precision == "float16"),
        history=History(model.config.num_classes, config.epochs),
        loss_sum=torch.zeros((), device=device),
    )


def take_step(
    state: TrainingState,
    parts: Iterable[tuple[Tensor, Tensor]],
    loss: Loss,
    learning_rate: float,
    config: TrainingConfig,
    team: Team = ALONE,
) -> Tensor:
    """Learn from one batch, `state` is changed by it; return the loss `()` of this process's parts.

    Gradients are averaged over all parts, so a batch in many parts is learned as in one, but for
    batch norm, which sees one part at a time. Its running statistics are averaged too.

    Args:
        state: the run.
        parts: this process's share of the batch: rgb `(n, 3, H, W)` uint8, altered already, and
            targets `(n, num_classes)`, rows that sum to 1.
        loss: what is to become small.
        learning_rate: of this step.
        config: the settings.
        team: the processes that train together.
    """
    state.model.train()
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate
    state.optimiser.zero_grad()

    # The gradients of the parts add up; with the last, the processes average theirs.
    low = config.precision != "float32"
    count = len(team.share(config.parts))
    statistics = PartStatistics(state.model, config.parts)
    total = torch.zeros_like(state.loss_sum)
    for number, (rgb, targets) in enumerate(parts, start=1):
        statistics.begin()
        with nullcontext() if number == count else team.apart(state.network):
            with torch.autocast(rgb.device.type, PRECISIONS[config.precision], enabled=low):
                rgb = rgb.contiguous(memory_format=torch.channels_last)
                logits = state.network(rgb).logits  # (n, num_classes); LBP is made in the model
            part_loss = loss(logits, targets) / count
            state.scaler.scale(part_loss).backward()  # float16's alone, lest small ones become 0
        statistics.end()
        total += part_loss.detach()
    statistics.average(team)

    # One step of AdamW, then one of the moving average.
    state.scaler.unscale_(state.optimiser)
    nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    update_average(state.average, state.model, state.step, config.ema_decay)
    state.step += 1
    state.loss_sum += total
    return total


def finish_epoch(
    state: TrainingState, plan: Plan, images: Tensor, targets: Tensor, team: Team = ALONE
) -> None:
    """Measure the averaged weights on the validation images, and write the epoch down.

    Raises:
        FloatingPointError: if the loss is no number any more.
    """
    started, number = time.monotonic(), state.step // plan.steps_per_epoch
    team.mean([state.loss_sum])
    require_finite(state)
    train_loss = state.loss_sum.item() / plan.steps_per_epoch
    probabilities = predict(state.average, images)  # (N, num_classes)
    right = probabilities.argmax(dim=1) == targets.argmax(dim=1)
    epoch = Epoch(
        number=number,
        steps=state.step,
        train_loss=train_loss,
        valid_loss=-(targets * probabilities.clamp_min(1e-12).log()).sum(dim=1).mean().item(),
        valid_accuracy=right.float().mean().item(),
        learning_rate=plan.learning_rate(state.step - 1),
        seconds=state.seconds + time.monotonic() - started,
    )
    state.history.epochs.append(epoch)
    state.loss_sum.zero_()
    state.seconds = 0.0


def require_finite(state: TrainingState) -> None:
    """Check that the losses of the epoch so far are numbers, before anything of it is saved.

    Raises:
        FloatingPointError: if they are not.
    """
    if not math.isfinite(state.loss_sum.item()):
        raise FloatingPointError(
            f"The loss is no number any more, at step {state.step} at the latest; train with a "
            "lower learning_rate, or in bfloat16 or float32 if this was float16. The last "
            "checkpoint is from before."
        )


def describe_run(
    model: VTFF, config: TrainingConfig, faces: LabelledFaces, targets: Tensor
) -> dict[str, Any]:
    """Return what a checkpoint has to agree with to be gone on from."""
    settings = asdict(config)
    parts = {
        "augmentation": settings.pop("augmentation"),
        "model": from_json(model.config.to_json()),
    }
    described = {
        f"{part}.{name}": value for part, inner in parts.items() for name, value in inner.items()
    }
    return {"faces": describe_faces(faces, targets), **settings, **described}


def describe_place(device: torch.device, team: Team) -> dict[str, Any]:
    """Return what decides in which order floats are added, and so how sums are rounded."""
    threads = torch.get_num_threads() if device.type == "cpu" else None
    return {
        "device": device.type,
        "threads": threads,
        "processes": team.size,
        "torch": torch.__version__,
    }
