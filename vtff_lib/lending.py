"""What is lent comes back as it was: a model in eval mode, its weights, its hooks."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

import torch
from torch import nn


def check_model(model: object) -> None:
    """Raise a `ValueError` unless `model` is a VTFF, or one that a learner built like it."""
    if not isinstance(model, nn.Module) or not hasattr(model, "config"):
        raise ValueError(f"model is a {type(model).__name__}; give a VTFF, load_pretrained() say.")


@contextmanager
def in_eval(model: nn.Module) -> Iterator[None]:
    """Use `model` in eval mode, and give each of its modules back in the mode it was in.

    Several threads may do so at once; the last to leave gives it back.
    """
    with borrowed(model.modules(), "training", False):
        yield


_lock = Lock()
_users: dict[tuple[int, str], int] = {}  # of an object's attribute that is borrowed
_before: dict[tuple[int, str], Any] = {}  # what the first of them found there


@contextmanager
def borrowed(things: Iterable[Any], attribute: str, value: Any) -> Iterator[None]:
    """Set an attribute of all `things`; when the last thread leaves, it is what it was before."""
    lent = {(id(thing), attribute): thing for thing in things}
    with _lock:
        for key, thing in lent.items():
            _before.setdefault(key, getattr(thing, attribute))
            _users[key] = _users.get(key, 0) + 1
            setattr(thing, attribute, value)
    try:
        yield
    finally:
        with _lock:
            for key, thing in lent.items():
                _users[key] -= 1
                if not _users[key]:
                    del _users[key]
                    setattr(thing, attribute, _before.pop(key))


@contextmanager
def with_gradients() -> Iterator[None]:
    """Record gradients, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def of_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return `hook` for a model that other threads use too: their passes do not meet it."""
    mine = get_ident()
    return lambda *given: hook(*given) if get_ident() == mine else None
