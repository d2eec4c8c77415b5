"""The grader's side: a check asks its questions here, and the student's process answers them.

The check itself runs in this process, where no line of a student's is ever run. What it is given is
a stand-in: called, it sends the arguments over, and returns the plain values that come back. So a
verdict can only be had by giving right values for what the check asks.
"""

import builtins
import functools
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import torch
from torch import Tensor, nn

from notebooks.grading import lent, wire
from notebooks.grading.answering import CallBack
from vtff_lib.vtff import VTFF

MOST = 256 * 2**20  # bytes of one reply


class LostError(RuntimeError):
    """The student's process has ended, is late or talks nonsense."""


class Session:
    """A conversation with a student's process.

    Args:
        pipe: to it.
        patience: seconds for one reply.
    """

    def __init__(self, pipe: Connection, patience: float):
        self.pipe, self.patience = pipe, patience
        self.over = ""  # why, if it is

    def __deepcopy__(self, memo: dict[int, Any]) -> "Session":
        return self

    def ask(self, *question: Any, given: Any = (), patience: float = 0.0) -> Any:
        """Return the reply to a question.

        Args:
            question: a method of `Answering`, and its arguments.
            given: what they lend; replies may name it.
            patience: seconds, if others than usual.

        Raises:
            LostError: if there is none; the conversation is over then.
        """
        if self.over:
            raise LostError(self.over)
        self.over = "It was interrupted."  # unless all goes well
        try:
            reply = self._reply(question, given, patience or self.patience)
        except (OSError, EOFError, wire.BadMessageError, LostError) as error:
            self.over = str(error) if isinstance(error, LostError) else "It has ended."
            if isinstance(error, wire.BadMessageError):
                self.over = "What it says makes no sense."
            raise LostError(self.over) from error
        self.over = ""
        return reply

    def _reply(self, question: Any, given: Any, patience: float) -> dict[str, Any]:
        callbacks: list[Any] = []
        understood = functools.partial(self._understood, given)
        self.pipe.send_bytes(_pickled(question, callbacks))
        while True:
            if not self.pipe.poll(patience):
                raise LostError("It took too long.")
            reply = wire.loads(self.pipe.recv_bytes(MOST), understood)
            if not isinstance(reply, dict):
                raise wire.BadMessageError("no reply")
            if "callback" not in reply:
                return reply
            self.pipe.send_bytes(_pickled(_called_back(callbacks, reply), []))

    def _understood(self, given: Any, what: dict[str, Any]) -> Any:
        match what["is"]:
            case "given":
                return lent.known(given)[what["place"]]
            case "VTFF":
                model = VTFF(what["config"])
                lent.apply(model, what["state"])
                return model
            case "module":
                return Module(self, what)
            case "class":
                return _class(self, what)
            case _:
                return _function(self, what)

    def call(self, number: int, given: Any, named: Any, module: "Module | None" = None) -> Any:
        """Return what the student's function of this number makes of arguments.

        Gradients find their way back through it, to tensors among the arguments and to the
        parameters of `module`, if the function is one.
        """
        asked = _Asked(self, number, given, named, module)
        sources = lent.learning([given, named, *([module] if module is not None else [])])
        if not sources:
            asked.forward()
            return asked.reply["value"]
        return asked.put_back(_There.apply(asked, *sources))


def _pickled(question: Any, callbacks: list[Any]) -> bytes:
    return cloudpickle.dumps(_with_callbacks(question, callbacks))


def _with_callbacks(given: Any, callbacks: list[Any]) -> Any:
    """Leave here what remembers what it was asked: an object of a class of the checks."""
    if type(given) in (list, tuple):
        return type(given)(_with_callbacks(each, callbacks) for each in given)
    if type(given) is dict:
        return {key: _with_callbacks(each, callbacks) for key, each in given.items()}
    remembers = type(given).__module__.startswith("vtff_lib.checks") and callable(given)
    if remembers and not isinstance(given, nn.Module | type):
        callbacks.append(given)
        return CallBack(len(callbacks) - 1)
    return given


def _called_back(callbacks: list[Any], reply: dict[str, Any]) -> tuple[Any, BaseException | None]:
    try:
        with torch.set_grad_enabled(bool(reply["grad"])):
            return callbacks[reply["callback"]](*reply["given"], **reply["named"]), None
    except Exception as error:
        return None, type("Refused", (Exception,), {})(str(error))


def _error(raised: dict[str, str]) -> BaseException:
    kind = getattr(builtins, str(raised["kind"]), None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(str(raised["kind"]), (Exception,), {})
    try:
        return kind(str(raised["words"]))
    except TypeError:  # one that wants more than words
        return RuntimeError(str(raised["words"]))


def _function(session: Session, what: dict[str, Any]) -> Any:
    number = what["number"]

    def stand_in(*given: Any, **named: Any) -> Any:
        return session.call(number, given, named)

    return stand_in


def _class(session: Session, what: dict[str, Any]) -> type:
    number = what["number"]

    def new(cls: type, *given: Any, **named: Any) -> Any:
        return session.call(number, given, named)

    return type(str(what["name"]), (), {"__new__": new})


class Module(nn.Module):
    """Stands in for a student's module: the same parameters and buffers, its forward elsewhere."""

    def __init__(self, session: Session, what: dict[str, Any]):
        super().__init__()
        self.session, self.number, self.config = session, what["number"], what["config"]
        for name in what["parts"]:
            above, _, last = name.rpartition(".")
            self.get_submodule(above).add_module(last, nn.Module())
        for kind, name, first, value, flag in what["tensors"]:
            above, _, last = name.rpartition(".")
            part = self.get_submodule(above)
            if kind == "buffer":
                part.register_buffer(last, value, persistent=flag)
            elif name == first:
                part.register_parameter(last, nn.Parameter(value, requires_grad=flag))
            else:
                part.register_parameter(last, self.get_parameter(first))
        self.train(bool(what["training"]))

    def forward(self, *given: Any, **named: Any) -> Any:
        """Return what the student's module, brought into this one's state, makes of arguments."""
        return self.session.call(self.number, given, named, self)


class _Asked:
    """One call of a function or module: what goes over, and the reply."""

    def __init__(self, session: Session, number: int, given: Any, named: Any, module: Any):
        self.session, self.number, self.module = session, number, module
        self.given, self.named, self.grad = given, named, torch.is_grad_enabled()
        self.reply: dict[str, Any] = {}
        self.lent: list[Any] = []

    def forward(self) -> list[Tensor]:
        """Ask for the outputs; what the answer did to the arguments is done to them here."""
        things = lent.lent([self.given, self.named])
        how = {"state": None, "gradients": lent.gradients(things), "grad": self.grad}
        if self.module is not None:
            how["state"] = lent.state_of(self.module) | {"gradients": {}, "plain": {}}
        given, named = _without_history(self.given), _without_history(self.named)
        self.reply = self.session.ask("call", self.number, given, named, how, given=things)
        if "raised" in self.reply:
            raise _error(self.reply["raised"])
        for thing, state in zip(things, self.reply["changed"], strict=True):
            if state is not None:
                lent.apply(thing, state)
        own = dict(self.module.named_buffers()) if self.module is not None else {}
        for name, value in self.reply["buffers"].items():
            own[name].copy_(value)
        self.lent = things
        return lent.made(self.reply["value"], things)

    def put_back(self, outputs: Sequence[Tensor]) -> Any:
        """Return the reply with `outputs` in place of its tensors."""
        learns = self.reply["learns"]
        linked = iter(
            each if flag else each.detach() for each, flag in zip(outputs, learns, strict=True)
        )
        own = {id(each) for each in lent.known(self.lent)}
        return _replaced(self.reply["value"], linked, own)


class _There(torch.autograd.Function):
    """Forward and backward in the student's process."""

    @staticmethod
    def forward(ctx: Any, asked: _Asked, *sources: Tensor) -> tuple[Tensor, ...]:
        ctx.asked = asked
        return tuple(asked.forward())

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        asked = ctx.asked
        reply = asked.session.ask("backward", asked.reply["graph"], list(gradients))
        if "raised" in reply:
            raise _error(reply["raised"])
        return None, *reply["value"]


def _without_history(given: Any) -> Any:
    if isinstance(given, Tensor):
        return given.detach().requires_grad_(given.requires_grad)
    if type(given) in (list, tuple):
        return type(given)(_without_history(each) for each in given)
    if isinstance(given, dict):
        return {key: _without_history(each) for key, each in given.items()}
    return given


def _replaced(value: Any, linked: Iterator[Tensor], own: set[int]) -> Any:
    """Return a value with `linked` in place of its tensors, but for those that are one's own."""
    if isinstance(value, Tensor):
        return value if id(value) in own else next(linked)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_replaced(each, linked, own) for each in value))
    if type(value) in (list, tuple):
        return type(value)(_replaced(each, linked, own) for each in value)
    if isinstance(value, dict):
        return {key: _replaced(each, linked, own) for key, each in value.items()}
    return value
