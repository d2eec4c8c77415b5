"""What a check uses and gives back as it was: settings, random numbers, the learner's models."""

import contextlib
import copy
import gc
import io
import random
import sys
import sysconfig
import threading
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vtff_lib.checks import versions

MOST_PRINTED = 10_000  # characters
INSTALLED = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(torch.__file__).parents[1]),
    str(Path(__file__).parents[1]),
    "<frozen",
)

# How each is read, and how it is set; and what checks rely on, whatever the notebook has chosen.
SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device.type == "cpu" else device),
        torch.device("cpu"),
    ),
    (torch.get_num_threads, torch.set_num_threads, ...),
    (torch.is_grad_enabled, torch._C._set_grad_enabled, True),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, ...),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, ...),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled, ...),
    (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
        False,
    ),
    (np.geterr, lambda kinds: np.seterr(**kinds), ...),
    (sys.getrecursionlimit, sys.setrecursionlimit, ...),
    (sys.gettrace, sys.settrace, ...),
    (sys.getprofile, sys.setprofile, ...),
)
# Generators of random numbers, and how the state of each is read and set.
GENERATORS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    torch.Generator: (torch.Generator.get_state, torch.Generator.set_state),
    np.random.Generator: (
        lambda generator: generator.bit_generator.state,
        lambda generator, state: setattr(generator.bit_generator, "state", state),
    ),
    np.random.RandomState: (np.random.RandomState.get_state, np.random.RandomState.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
}
# Settings and standard output are all threads': they run one check at a time, but for one in it.
ONE_AT_A_TIME, AT_WORK = threading.RLock(), ContextVar("AT_WORK", default=False)


@contextlib.contextmanager
def as_it_was(answer: Any) -> Iterator[None]:
    """Run a check of `answer`; whatever it does to these is undone.

    Settings of PyTorch, NumPy and Python, all random numbers, those of GPUs too, and the models,
    parameters and generators that the answer is made of or names. Warnings are silent, and of what
    is printed only the beginning is shown.
    """
    with contextlib.ExitStack() as stack:
        if not AT_WORK.get():
            stack.enter_context(ONE_AT_A_TIME)
            stack.callback(AT_WORK.reset, AT_WORK.set(True))
        stack.enter_context(torch.inference_mode(False))
        for read, write, wanted in SETTINGS:
            stack.callback(_set, read, write, read())
            _set(read, write, wanted)
        stack.enter_context(_dice())
        for keep in _keeping(reached_by(answer)):
            stack.enter_context(keep)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(Beginning(sys.stdout)))
        stack.enter_context(contextlib.redirect_stderr(Beginning(sys.stderr)))
        yield


def _set(read: Callable[[], Any], write: Callable[[Any], Any], wanted: Any) -> None:
    if wanted is not ... and read() != wanted:
        write(wanted)


class Beginning(io.TextIOBase):
    """Hands on the beginning of what is printed, and forgets the rest."""

    def __init__(self, stream: Any):
        self.stream, self.left = stream, MOST_PRINTED

    def write(self, text: str) -> int:
        """Hand on what may still be shown of `text`."""
        if self.left > 0 and self.stream is not None:
            self.stream.write(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.stream.write(" … (what follows is not shown)\n")
        return len(text)

    def flush(self) -> None:
        """Show what was handed on."""
        if self.stream is not None:
            self.stream.flush()


@contextlib.contextmanager
def _dice() -> Iterator[None]:
    """Seed PyTorch's random numbers on the CPU, and give all back as they were."""
    python, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 (the learner's)
    cpu = torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    tracker = torch.cuda._lazy_seed_tracker  # the seed that waits for the first use of a GPU
    waiting = dict(vars(tracker))
    torch.default_generator.manual_seed(versions.seed())
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)  # noqa: NPY002
        torch.set_rng_state(cpu)
        vars(tracker).update(waiting)
        if gpus is not None:
            torch.cuda.set_rng_state_all(gpus)


def is_installed(path: str) -> bool:
    """Say if a file of code belongs to Python or a package, not to whoever works here."""
    return path.startswith(INSTALLED)


def reached_by(answer: Any) -> list[Any]:
    """Return what an answer is, holds or names, and what that does; of packages, no code.

    Nothing of it is run: an object can do anything when it is asked or compared.
    """
    seen: dict[int, Any] = {}
    following = [answer]
    while following:
        thing = following.pop()
        if id(thing) not in seen:
            seen[id(thing)] = thing
            following += _held(thing)
    return list(seen.values())


def _held(thing: Any) -> list[Any]:
    kind = type(thing)
    if kind is types.FunctionType:
        if is_installed(thing.__code__.co_filename):
            return [vars(thing).get("__wrapped__")]  # `@torch.no_grad()` around a function
        world, known = thing.__globals__, thing.__builtins__  # of which a function names a few
        named = [world[name] for name in _names(thing.__code__) if name in world]
        return named + [h for h in gc.get_referents(thing) if h is not world and h is not known]
    if issubclass(kind, types.ModuleType) or (issubclass(kind, type) and _is_of_a_package(thing)):
        return []
    return gc.get_referents(thing)


def _names(code: types.CodeType) -> set[str]:
    """Return the names in some code and in what is defined in it."""
    inner = [_names(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    return set(code.co_names).union(*inner)


def _is_of_a_package(kind: type) -> bool:
    name = type.__getattribute__(kind, "__module__")
    module = sys.modules.get(name) if isinstance(name, str) and name != "__main__" else None
    path = getattr(module, "__file__", None) or "<frozen"
    return module is not None and is_installed(path)


def _keeping(things: list[Any]) -> Iterator[contextlib.AbstractContextManager[None]]:
    """Yield what gives back each module, parameter, buffer and generator among `things`."""
    tensors = {id(thing): thing for thing in things if issubclass(type(thing), nn.Parameter)}
    for thing in things:
        if issubclass(type(thing), nn.Module):
            yield _kept(thing)
            buffers = object.__getattribute__(thing, "__dict__").get("_buffers", {}).values()
            tensors |= {id(buffer): buffer for buffer in buffers if isinstance(buffer, Tensor)}
        elif type(thing) in GENERATORS:
            yield _kept_generator(thing)
    yield from (_kept_tensor(tensor) for tensor in tensors.values() if not is_lazy(tensor))


@contextlib.contextmanager
def _kept_generator(generator: Any) -> Iterator[None]:
    read, write = GENERATORS[type(generator)]
    state = read(generator)
    try:
        yield
    finally:
        write(generator, state)


@contextlib.contextmanager
def _kept(module: nn.Module) -> Iterator[None]:
    """Give a module back with the mode, hooks and parts that it has."""
    inside = object.__getattribute__(module, "__dict__")
    held = {
        name: copy.copy(value) if type(value) in (dict, OrderedDict, list, set) else value
        for name, value in inside.items()
    }
    try:
        yield
    finally:
        inside.clear()
        inside.update(held)


@contextlib.contextmanager
def _kept_tensor(tensor: Tensor) -> Iterator[None]:
    data, learns = tensor.data, tensor.requires_grad
    gradient = tensor.grad if tensor.is_leaf else None
    copies = [(each, each.detach().clone()) for each in (data, gradient) if each is not None]
    try:
        yield
    finally:
        # A buffer may be such that nothing can be written to it; then nobody has.
        with torch.no_grad(), contextlib.suppress(RuntimeError):
            tensor.data = data
            if tensor.is_leaf:
                tensor.grad = gradient
                tensor.requires_grad_(learns)
            for each, numbers in copies:
                each.detach().copy_(numbers)
