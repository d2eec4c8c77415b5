"""The sentences with which bad settings and inputs are refused, where several modules share one."""

import io
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor


def check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    """Raise a `ValueError` that lists the `choices`, unless `value` is one of them."""
    if value not in choices:
        raise ValueError(f"{setting}={value!r} is unknown; choose one of {', '.join(choices)}.")


def check_whole_numbers(settings: Any, **lowest: int) -> None:
    """Raise a `ValueError` unless each `int` of a dataclass is one, from `lowest` or from 1."""
    for name in (setting.name for setting in fields(settings) if setting.type is int):
        value, low = getattr(settings, name), lowest.get(name, 1)
        if type(value) is not int or value < low:
            raise ValueError(f"{name}={value!r} will not do; give a whole number from {low}.")


def describe(value: object) -> str:
    """Say what `value` is: a tensor's dtype and shape, or the type of anything else."""
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}, not a tensor"


@contextmanager
def in_a_sentence(stopped: str) -> Iterator[None]:
    """Run a command, and end it with one sentence on standard error if something outside is wrong.

    The exit status is 1 then, and 130 after Ctrl-C, for which the sentence is `stopped`. A bug of
    ours is none of this, and keeps its traceback.

    Raises:
        SystemExit: in place of a ValueError, an OSError, a loss that is no number or full memory.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal need not know all letters of a name
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except (ValueError, OSError, FloatingPointError, torch.OutOfMemoryError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        sys.exit(130)
