"""The sentences with which bad settings and inputs are refused, where several modules share one."""

from collections.abc import Collection

from torch import Tensor


def check_choice(setting: str, value: str, choices: Collection[str]) -> None:
    """Raise a `ValueError` that lists the `choices`, unless `value` is one of them."""
    if value not in choices:
        raise ValueError(f"{setting}={value!r} is unknown; choose one of {', '.join(choices)}.")


def describe(value: object) -> str:
    """Say what `value` is: a tensor's dtype and shape, or the type of anything else."""
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}, not a tensor"
