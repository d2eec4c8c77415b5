"""The training loop. Taught in 07.

    choose, resize -> alter -> LBP and logits -> loss -> gradient -> AdamW -> moving average

All chance follows from the seed: the order of an epoch from (seed, epoch), the augmentation and the
dropout of a step from (seed, step). So nothing about chance has to be remembered when a run stops.
"""

import copy
import json
import math
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.augmentation import resize
from vtff_lib.checkpoints import TrainingState, describe_faces, load_checkpoint, save_checkpoint
from vtff_lib.evaluation import predict
from vtff_lib.history import Epoch, History
from vtff_lib.optimisation import (
    LabelledFaces,
    class_weights,
    make_optimiser,
    soft_targets,
    update_average,
)
from vtff_lib.progress import Progress, choose_progress
from vtff_lib.recipe import PRECISIONS, Plan, TrainingConfig, derive_seed, generator
from vtff_lib.vtff import VTFF


def train(
    model: VTFF,
    train_set: LabelledFaces,
    valid_set: LabelledFaces,
    config: TrainingConfig,
    folder: str | Path | None = None,
    save_every: int = 0,
    time_limit: float = math.inf,
    progress: Progress | None = None,
) -> History:
    """Train `model`, and leave it in eval mode with the averaged weights.

    Args:
        model: on the device where the work is to be done; the images are brought there.
        train_set: what is learned. Images of another size than the model's are resized, step by
            step, to `model.config.image_size`.
        valid_set: what is measured after each epoch; nothing is learned from it.
        config: the settings.
        folder: where the checkpoint is kept. If one of the same run is there, the run goes on from
            it; on a CPU it ends with the same weights, bit for bit, as without the stop.
        save_every: steps between checkpoints, besides the one after each epoch; 0: only those.
        time_limit: seconds after which the run stops, with a checkpoint.
        progress: how the run shows itself; as suits the place if not given. `Progress()` is silent.

    Returns:
        The history so far; `history.finished` says whether the run reached its end.

    Raises:
        ValueError: if the faces do not fit the model, or the checkpoint is damaged or of another
            run.
        FloatingPointError: if the loss is no number any more.

    Taught in 07.
    """
    started = time.monotonic()
    device = model.cls_token.device
    targets = soft_targets(train_set, model.config.num_classes).to(device)  # (N, num_classes)
    valid_targets = soft_targets(valid_set, model.config.num_classes)
    weights = class_weights(targets, config.class_balance)
    images = train_set.images.to(device)  # (N, 3, H, W) uint8
    plan = Plan(len(images), config)
    state = start_state(model, config)
    if folder is not None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        run = describe_run(model, config, train_set, targets)
        load_checkpoint(folder, state, run)

    progress = choose_progress() if progress is None else progress
    progress.start(state.history, state.step, plan.total_steps)
    # Dropout throws PyTorch's own dice, which belong to the caller and are given back.
    with closing(progress), torch.random.fork_rng([device] if device.type == "cuda" else []):
        for step in range(state.step, plan.total_steps):
            lap = time.monotonic()
            chosen = plan.batch(step).to(device)
            rgb = resize(images[chosen], model.config.image_size)
            rgb = config.augmentation(rgb, generator(config.seed, "augmentation", step))
            rgb = resize(rgb, plan.side(step, rgb.shape[-1], model.config.reduction))
            torch.manual_seed(derive_seed(config.seed, "dropout", step))
            loss = take_step(state, rgb, targets[chosen], weights, plan.learning_rate(step), config)
            progress.step(state.step, loss)
            state.seconds += time.monotonic() - lap

            epoch_over = state.step % plan.steps_per_epoch == 0
            if epoch_over:
                finish_epoch(state, plan, valid_set.images, valid_targets)
                progress.epoch(state.history)
            late = time.monotonic() - started > time_limit
            due = epoch_over or late or (save_every and state.step % save_every == 0)
            if folder is not None and due:
                save_checkpoint(folder, state, run)
            if late:
                break
    model.load_state_dict(state.average.state_dict())
    model.eval()
    return state.history


def start_state(model: VTFF, config: TrainingConfig) -> TrainingState:
    """Return the state before the first step; `model` becomes channels-last. Taught in 07."""
    model.to(memory_format=torch.channels_last)  # rows of pixels, which convolutions like better
    device = model.cls_token.device
    return TrainingState(
        model=model,
        average=copy.deepcopy(model).eval().requires_grad_(False),
        optimiser=make_optimiser(model, config.learning_rate, config.weight_decay),
        scaler=torch.amp.GradScaler(device.type, enabled=config.precision == "float16"),
        history=History(model.config.num_classes, config.epochs),
        loss_sum=torch.zeros((), device=device),
    )


def take_step(
    state: TrainingState,
    rgb: Tensor,
    targets: Tensor,
    weights: Tensor,
    learning_rate: float,
    config: TrainingConfig,
) -> Tensor:
    """Learn from one batch, `state` is changed by it; return the loss `()`.

        loss = -1/N Σ_n Σ_c w_c · t_nc · log p_nc,   t = (1 - ε) · targets + ε/num_classes

    Args:
        state: the run.
        rgb: `(N, 3, H, W)` uint8, altered already.
        targets: `(N, num_classes)`, rows that sum to 1.
        weights: w, of the classes, `(num_classes,)`.
        learning_rate: of this step.
        config: the settings; ε is `label_smoothing`.

    Taught in 07.
    """
    state.model.train()
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate
    low = config.precision != "float32"
    with torch.autocast(rgb.device.type, PRECISIONS[config.precision], enabled=low):
        logits = state.model(rgb.contiguous(memory_format=torch.channels_last)).logits
    loss = F.cross_entropy(logits.float(), targets, weights, label_smoothing=config.label_smoothing)
    state.optimiser.zero_grad()
    state.scaler.scale(loss).backward()  # float16 alone is scaled, lest small gradients become 0
    state.scaler.unscale_(state.optimiser)
    nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    update_average(state.average, state.model, state.step, config.ema_decay)
    state.step += 1
    state.loss_sum += loss.detach()
    return loss.detach()


def finish_epoch(state: TrainingState, plan: Plan, images: Tensor, targets: Tensor) -> None:
    """Measure the averaged weights on the validation images, and write the epoch down.

    Raises:
        FloatingPointError: if the loss is no number any more.

    Taught in 07.
    """
    started, number = time.monotonic(), state.step // plan.steps_per_epoch
    train_loss = state.loss_sum.item() / plan.steps_per_epoch
    if not math.isfinite(train_loss):
        raise FloatingPointError(
            f"The loss is {train_loss} in epoch {number}; train with a lower learning_rate, or in "
            "bfloat16 or float32 if this was float16."
        )
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


def describe_run(
    model: VTFF, config: TrainingConfig, faces: LabelledFaces, targets: Tensor
) -> dict[str, Any]:
    """Return what a checkpoint has to agree with to be gone on from. Taught in 07."""
    settings = asdict(config)
    parts = {
        "augmentation": settings.pop("augmentation"),
        "model": json.loads(model.config.to_json()),
    }
    described = {
        f"{part}.{name}": value for part, inner in parts.items() for name, value in inner.items()
    }
    return {"faces": describe_faces(faces, targets), **settings, **described}
