"""What ends a run from outside, told to the loop or to the person. Taught in 07."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from vtff_lib.training.recipe import TrainingConfig


@contextmanager
def told_to_stop() -> Iterator[Callable[[], bool]]:
    """Catch SIGTERM; yield a function that returns whether it came.

    In another thread than the main one, where Python catches no signals, it never comes.

    Taught in 07.
    """
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield told.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        yield told.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def enough_memory(config: TrainingConfig, step: int) -> Iterator[None]:
    """Say what to change if the memory of the GPU does not do for `step`, counted from 0.

    Raises:
        torch.OutOfMemoryError: with a sentence, in place of PyTorch's own.

    Taught in 07.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        part = config.batch_size // config.parts
        raise torch.OutOfMemoryError(
            f"The GPU's memory is full in step {step + 1}, with {part} images at a time; set parts "
            f"to {2 * config.parts} or more in place of {config.parts}, or a smaller batch_size, "
            "and begin anew in another folder."
        ) from error
