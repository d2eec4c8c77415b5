"""A model of a few thousand weights, faces that it learns in a second, and runs with them."""

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from torch import nn

from vtff_lib import train as command
from vtff_lib.config import VTFFConfig
from vtff_lib.training.history import History
from vtff_lib.training.loop import train
from vtff_lib.training.progress import Progress
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF

SMALL = VTFFConfig.tiny(
    num_classes=3, image_size=32, width=4, stages=2, embed_dim=16, depth=1, num_heads=2,
    mlp_dim=32, attention_reduction=2, dropout=0.2,
)  # fmt: skip


CONFIG = TrainingConfig(epochs=3, batch_size=8)


SILENT = Progress()


def faces(count: int = 26, seed: int = 0) -> Examples:
    """Noise in which the class decides which channel is bright."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 128, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    images[torch.arange(count), labels] += 100
    return Examples(images, labels)


def model(seed: int = 0, config: VTFFConfig = SMALL) -> VTFF:
    torch.manual_seed(seed)
    return VTFF(config)


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def without_times(history: History) -> History:
    return replace(history, epochs=[replace(epoch, seconds=0) for epoch in history.epochs])


def trained(config: TrainingConfig = CONFIG, **options) -> tuple[VTFF, History]:
    network = model()
    return network, train(network, faces(), faces(9, 1), config, progress=SILENT, **options)


def small_command(*arguments: object) -> None:
    """Run the command with a small model in place of the tiny one."""
    small = {name: getattr(SMALL, name) for name in ("width", "stages", "embed_dim", "mlp_dim")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(command.MODELS, "tiny", lambda **given: VTFFConfig.tiny(**small, **given))
        command.main([str(argument) for argument in arguments])


def beside(
    work: Callable[..., object],
    *arguments: object,
    log: str | Path = os.devnull,
    **environment: str,
) -> BaseProcess:
    """Start a process of its own that calls a function; what it says on stderr goes to a file.

    It is forked, so that it need not import PyTorch once more, where that is safe.
    """
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    process = context.Process(target=_called, args=(work, arguments, log, environment))
    process.start()
    return process


def _called(
    work: Callable[..., object],
    arguments: tuple[object, ...],
    log: str | Path,
    environment: dict[str, str],
) -> None:
    os.environ.update(environment)
    with Path(log).open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8")  # this and the filters are not pytest's
    warnings.resetwarnings()
    work(*arguments)
