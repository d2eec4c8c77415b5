"""The student's side: a process that runs the cells of a submission and answers questions about it.

All of it may be replaced by what the student has written, and nothing depends on it: what it sends
is read by `wire`, as plain values, and judged in another process (`asking`).
"""

import copy
import os
import pickle
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from itertools import compress, islice
from multiprocessing.connection import Connection
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor, nn

from notebooks.grading import lent, wire
from vtff_lib import checks
from vtff_lib.checks.lent import Beginning
from vtff_lib.checks.time_limit import TimeUp, within
from vtff_lib.vtff import VTFF

MOST_WORDS = 2000  # characters of an error, or of what a check says


def serve(pipe: Connection, seconds: float) -> None:
    """Answer the grader's questions until the pipe is closed.

    Args:
        pipe: where they come from.
        seconds: for one cell.
    """
    answering, own = Answering(pipe, seconds), os.getpid()
    with suppress(EOFError):
        while True:
            verb, *parts = pickle.loads(pipe.recv_bytes())  # the grader's, who can be trusted
            try:
                reply = getattr(answering, verb)(*parts)
            except BaseException as error:
                reply = {"raised": _told(error)}
            if os.getpid() != own:
                os._exit(0)  # a cell has forked; only one may answer
            pipe.send_bytes(wire.dumps(reply, answering.stands_for))


class Answering:
    """The notebook of a submission, and the functions and models that it has made."""

    def __init__(self, pipe: Connection, seconds: float):
        self.pipe, self.seconds = pipe, seconds
        self.shell = InteractiveShell.instance()
        self.made: list[Any] = []  # what the grader knows by a number
        self.given: list[Tensor] = []  # what the question lent, by the place
        self.graphs: list[tuple[list[Tensor], list[Tensor]]] = []

    # What the grader asks for.

    def hello(self) -> dict[str, Any]:
        """Say that the process is there."""
        return {}

    def run(self, source: str) -> dict[str, Any]:
        """Run a cell; return what it raised, or None."""
        try:
            with redirect_stdout(Beginning(None)):
                result = within(self.seconds, self.shell.run_cell, source)
        except TimeUp:
            return {"error": f"It was stopped after {self.seconds:g} seconds."}
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            traceback.clear_frames(error.__traceback__)  # they may hold all the memory there is
        return {"error": error and _told(error)["words"]}

    def answer(self, name: str, check: str) -> dict[str, Any]:
        """Return what is called `name`, and what the check says of it in this process."""
        value = self.shell.user_ns.get(name)
        verdict = getattr(checks, check)(value)
        return {"value": value, "right": bool(verdict), "words": verdict.words[:MOST_WORDS]}

    def call(self, number: int, given: Any, named: Any, how: dict[str, Any]) -> dict[str, Any]:
        """Return what a function or module makes of arguments, and what became of what they lend.

        Args:
            number: of the function.
            given, named: the arguments.
            how: `state` that a module is brought into, `gradients` of lent modules, and whether
                `grad` is enabled.
        """
        answer = self.made[number]
        given, named = _with_callbacks(self, given), _with_callbacks(self, named)
        things = lent.lent([given, named])
        lent.give(things, how["gradients"])
        if how["state"]:
            lent.apply(answer, how["state"])
        self.given = lent.known(things)
        sources = lent.learning([*things, *([answer] if how["state"] else [])])
        before = [copy.deepcopy(lent.state_of(each)) for each in things]
        try:
            with torch.set_grad_enabled(how["grad"]), redirect_stdout(Beginning(None)):
                value = answer(*given, **named)
                value = (
                    list(islice(value, wire.MOST_ITEMS)) if isinstance(value, Iterator) else value
                )
        except BaseException as error:
            return {"raised": _told(error)}
        after = [lent.state_of(each) for each in things]
        outputs = lent.made(value, things)
        self.graphs.append((outputs, sources))
        return {
            "value": value,
            "learns": [each.requires_grad for each in outputs],
            "graph": len(self.graphs) - 1,
            "buffers": dict(answer.named_buffers()) if how["state"] else {},
            "changed": [
                None if _same(*pair) else pair[1] for pair in zip(before, after, strict=True)
            ],
        }

    def backward(self, graph: int, gradients: list[Tensor | None]) -> dict[str, Any]:
        """Return the gradients of inputs and parameters, given those of the outputs."""
        outputs, sources = self.graphs[graph]
        asked = [
            each.requires_grad and g is not None for each, g in zip(outputs, gradients, strict=True)
        ]
        wanted = [each for each in sources if each.requires_grad]
        found: Iterator[Tensor | None] = iter(
            torch.autograd.grad(
                list(compress(outputs, asked)),
                wanted,
                list(compress(gradients, asked)),
                allow_unused=True,
                retain_graph=True,
            )
            if any(asked) and wanted
            else []
        )
        return {"value": [next(found, None) if each.requires_grad else None for each in sources]}

    # How it is told.

    def stands_for(self, value: Any) -> Any:
        """Return what is sent in place of a function, class, module or borrowed tensor."""
        if isinstance(value, Tensor):
            place = next((n for n, each in enumerate(self.given) if each is value), None)
            return None if place is None else {"is": "given", "place": place}
        if isinstance(value, VTFF) and type(value) is VTFF:
            return {"is": "VTFF", "config": value.config, "state": lent.state_of(value)}
        if not callable(value):
            return None
        self.made.append(value)
        number = len(self.made) - 1
        if isinstance(value, nn.Module):
            return {"is": "module", "number": number, **_described(value)}
        kind = "class" if isinstance(value, type) else "function"
        return {"is": kind, "number": number, "name": getattr(value, "__name__", "answer")}

    def call_back(self, place: int, given: Any, named: Any) -> Any:
        """Ask the grader to call what it has lent, and return what comes of it."""
        given_before, self.given = self.given, []
        try:
            question = {
                "callback": place,
                "given": list(given),
                "named": named,
                "grad": torch.is_grad_enabled(),
            }
            self.pipe.send_bytes(wire.dumps(question, self.stands_for))
        finally:
            self.given = given_before
        value, error = pickle.loads(self.pipe.recv_bytes())
        if error is not None:
            raise error
        return value


class CallBack:
    """Stands in for a function that stays with the grader; `place` is its number there."""

    def __init__(self, place: int):
        self.place = place


def _with_callbacks(answering: Answering, given: Any) -> Any:
    if isinstance(given, CallBack):

        def ask(*arguments: Any, **named: Any) -> Any:
            return answering.call_back(given.place, arguments, named)

        return ask
    if type(given) in (list, tuple):
        return type(given)(_with_callbacks(answering, each) for each in given)
    if type(given) is dict:
        return {key: _with_callbacks(answering, each) for key, each in given.items()}
    return given


def _described(module: nn.Module) -> dict[str, Any]:
    """Return the parts, parameters and buffers of a module; one that has two names is named so."""
    names: dict[int, str] = {}
    tensors: list[tuple[str, str, str, Any, bool]] = []
    for name, each in module.named_parameters(remove_duplicate=False):
        first = names.setdefault(id(each), name)
        tensors.append(("parameter", name, first, each.detach(), each.requires_grad))
    kept = set(module.state_dict())
    for name, each in module.named_buffers():
        tensors.append(("buffer", name, name, each, name in kept))
    return {
        "class": type(module).__name__,
        "parts": [name for name, _ in module.named_modules() if name],
        "tensors": tensors,
        "training": module.training,
        "config": getattr(module, "config", None),
    }


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Tensor) and isinstance(new, Tensor):
        return old.shape == new.shape and torch.equal(old, new)
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return type(old) is type(new) and bool(old == new)


def _told(error: BaseException) -> dict[str, str]:
    try:
        words = f"{error}"[:MOST_WORDS]
    except BaseException:
        words = ""
    return {"kind": type(error).__name__, "words": words}
