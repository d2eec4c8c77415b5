"""The sentences with which bad settings and inputs are refused, where several modules share one."""

import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

BELOW_1 = math.nextafter(1, 0)
MOST = 2**20  # what no size and no number of steps of ours comes near
KINDS: dict[str, Callable[[torch.dtype], bool]] = {
    "float": lambda dtype: dtype.is_floating_point and dtype.itemsize > 1,
    "real": lambda dtype: not dtype.is_complex,
    "whole": lambda dtype: not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool),
    "uint8": lambda dtype: dtype == torch.uint8,
    "int64": lambda dtype: dtype == torch.int64,
    "bool": lambda dtype: dtype == torch.bool,
}


def shown(value: object) -> str:
    """Return `value` as Python writes it, in one line and cut short: it may be an array."""
    return f"{' '.join(repr(value).split()):.80}"


def as_path(path: object) -> Path:
    """Return a path, `~` its home folder; raise a `ValueError` if it is neither text nor one."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"A path cannot be made of {shown(path)}; give text, or a Path.")
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path's own raises where nobody is called so)


def check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    """Raise a `ValueError` that lists the `choices`, unless `value` is one of them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{setting}={shown(value)} is unknown; choose one of {', '.join(choices)}."
        )


def check_whole_numbers(settings: Any, **lowest: int) -> None:
    """Raise a `ValueError` unless each `int` of a dataclass is one, from `lowest` or from 1."""
    for name in (setting.name for setting in fields(settings) if setting.type is int):
        value, low = getattr(settings, name), lowest.get(name, 1)
        if type(value) is not int or not low <= value < 2**63:  # as torch has them
            raise ValueError(
                f"{name}={shown(value)} will not do; give a whole number from {low}, below 2^63."
            )


def check_whole(name: str, value: object, low: int = 1, high: int = MOST) -> None:
    """Raise a `ValueError` unless `value` is a whole number from `low` to `high`."""
    if isinstance(value, torch.SymInt):  # a size of whatever is being compiled
        return
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= value <= high:  # type: ignore[operator]
        raise ValueError(
            f"{name}={shown(value)} will not do; give a whole number, {low} to {high}."
        )


def check_sizes(**sizes: object) -> None:
    """Raise a `ValueError` unless all `sizes` are whole numbers from 1."""
    for name, size in sizes.items():
        check_whole(name, size)


def check_shape(name: str, shape: object, count: int) -> None:
    """Raise a `ValueError` unless `shape` is a tuple of `count` whole numbers from 1."""
    if not isinstance(shape, tuple | list) or len(shape) != count:
        raise ValueError(
            f"{name}={shown(shape)} will not do; give {count} whole numbers in a tuple."
        )
    for size in shape:
        check_whole(name, size)


def check_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise a `ValueError` unless `value` is a finite number from `low` to `high`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    with suppress(OverflowError):  # a whole number that no float holds
        if real and math.isfinite(value) and low <= value <= high:  # type: ignore[arg-type,operator]
            return
    end = {BELOW_1: " to below 1", math.inf: " or more"}.get(high, f" to {high:g}")
    where = f", {low:g}{end}" if math.isfinite(low) else ""
    raise ValueError(f"{name}={shown(value)} will not do; give a finite number{where}.")


def check_flag(name: str, value: object) -> None:
    """Raise a `ValueError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}={shown(value)} will not do; give True or False.")


def check_by_name(name: str, value: object) -> None:
    """Raise a `ValueError` unless `value` is a mapping by words, with something in it."""
    if not isinstance(value, Mapping) or not value or not all(isinstance(k, str) for k in value):
        raise ValueError(f"{name}={shown(value)} will not do; give one or several, by name.")


def finite_numbers(
    name: str, values: Any, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Return finite numbers as a list, whatever held them: a list, an array, a tensor `(N,)`.

    Raises:
        ValueError: if one is none, or lies outside `low` to `high`.
    """
    with suppress(RuntimeError):  # a tensor without values stays one, and is refused
        values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, Tensor | str) or not isinstance(values, Iterable):
        raise ValueError(f"{name}={shown(values)} will not do; give a list of numbers.")
    values = list(values)
    for index, value in enumerate(values):
        check_number(f"{name}[{index}]", value, low, high)
    return values


def check_tensor(
    name: str,
    value: Any,
    shape: str,
    kind: str = "float",
    module: nn.Module | None = None,
    finite: bool = False,
) -> None:
    """Raise a `ValueError` unless `value` is a tensor that can be used.

    Args:
        name: of the argument.
        value: of the argument.
        shape: `"(N, 3, H, W)"`: a letter is any size from 1, `...` any sizes at all.
        kind: one of `KINDS`, or several: `"uint8 or float"`.
        module: what is going to use it, with weights of the same dtype (but under autocast) on the
            same device.
        finite: whether every value has to be a finite number. It waits for a GPU: not for what is
            trained or compiled.
    """
    needs = f"{type(module).__name__} needs" if module else "give"
    wanted = shape.strip("(,)").split(", ")
    if not is_dense(value) or not _fits(value.shape, wanted) or not is_a(value.dtype, kind):
        verb = "are" if name.endswith("s") else "is"
        raise ValueError(f"{name} {verb} {describe(value)}; {needs} {kind} {shape}.")
    weight = next(module.parameters(), value) if module else value
    if weight.device != value.device:
        raise ValueError(
            f"{name} is on {value.device} and {type(module).__name__} on {weight.device}; move one "
            "of them with .to(device)."
        )
    if weight.dtype != value.dtype and not torch.is_autocast_enabled(value.device.type):
        raise ValueError(
            f"{name} is {value.dtype} and {type(module).__name__} {weight.dtype}; change one of "
            "them with .to(dtype)."
        )
    if finite and (value.is_meta or not value.isfinite().all()):
        raise ValueError(f"{name} holds values that are no finite numbers; look where they began.")


def check_spread(module: nn.Module, norm: nn.Module, values: int) -> None:
    """Raise a `ValueError` if `norm`, in training, has so few `values` of a channel that it is one.

    SyncBatchNorm, another class, sees the images of all GPUs.
    """
    if norm.training and isinstance(norm, nn.BatchNorm2d) and values == 1:
        raise ValueError(
            f"{type(module).__name__} got a batch of 1 in training mode: pooled to 1×1, a channel "
            "has a single value, and batch normalisation cannot estimate a spread. Train with at "
            "least 2 images a step (drop_last=True in the loader), or use eval() to predict."
        )


def is_dense(value: object) -> TypeGuard[Tensor]:
    """Say whether `value` is a tensor, and of the usual kind: neither sparse nor nested."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_nested


def has_values(value: object) -> TypeGuard[Tensor]:
    """Say whether `value` is a tensor of the usual kind whose values can be looked at."""
    return is_dense(value) and not value.is_meta


def is_a(dtype: torch.dtype, kind: str) -> bool:
    """Say whether `dtype` is of a kind, or of one of several: `"uint8 or float"`; see `KINDS`."""
    return any(KINDS[one](dtype) for one in kind.split(" or "))


def _fits(shape: torch.Size, wanted: list[str]) -> bool:
    if wanted[0] == "...":
        wanted = wanted[1:]
        shape = shape[max(0, len(shape) - len(wanted)) :]
    return len(shape) == len(wanted) and all(
        size == int(word) if word.isdigit() else size > 0
        for word, size in zip(wanted, shape, strict=True)
    )


def describe(value: object) -> str:
    """Say what `value` is: a tensor's dtype and shape, or the type of anything else."""
    if isinstance(value, Tensor):
        if not is_dense(value):
            return f"a {value.dtype} tensor that is sparse or nested"
        void = " without values" if value.is_meta else ""
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}{void}"
    return f"a {type(value).__name__}, not a tensor"
