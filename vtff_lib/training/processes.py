"""Several processes that train one model, started by `torchrun`, and what ends them. Taught in 07b.

    torchrun --nproc-per-node 4 -m vtff_lib.train faces.safetensors --parts 4 …

The engine is PyTorch's: `torch.distributed` and `DistributedDataParallel`. What is ours is who does
what: a batch is cut into `parts` whatever the number of processes, and process r of n takes parts
r, r + n, r + 2n … So one process and several learn the same, and a run may go on with other ones.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

# What is small and on the CPU goes through gloo everywhere: no GPU has to be waited for.
BACKENDS = {"cuda": "cpu:gloo,cuda:nccl"}  # elsewhere gloo
PATIENCE = timedelta(minutes=10)  # with who does not answer: to compile a model takes minutes
# Where in its source, such as "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:561] "
GLOO_TRANSPORT = re.compile(r"\[\S*\bgloo[/\\]transport[/\\]\S+:\d+\] ")


@dataclass(frozen=True)
class Team:
    """The processes that train together; alone by default.

    Args:
        rank: number of this process, from 0. Process 0 leads: it alone writes and shows something.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and shows what comes of the run."""
        return self.rank == 0

    def share(self, parts: int) -> range:
        """Return which parts of a batch this process takes.

        Raises:
            ValueError: if the parts cannot be shared out evenly.
        """
        if parts % self.size:
            raise ValueError(
                f"parts={parts} cannot be shared by {self.size} processes; give a multiple of "
                f"{self.size}, or start another number of processes."
            )
        return range(self.rank, parts, self.size)

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return what runs `model` and averages its gradients over all processes."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, broadcast_buffers=False)

    def apart(self, network: nn.Module) -> AbstractContextManager[None]:
        """Return a context in which gradients of a wrapped model are added up, not averaged yet."""
        return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()

    def mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each of the float `tensors` by its mean over all processes."""
        if self.size == 1 or not tensors:
            return
        joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
        dist.all_reduce(joined)
        joined /= self.size
        pieces = joined.split([tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, piece in zip(tensors, pieces, strict=True):
                tensor.copy_(piece.view_as(tensor))

    def any(self, here: bool) -> bool:
        """Return whether it is so in any process: the same answer in all of them."""
        if self.size == 1:
            return here
        flag = torch.tensor(float(here))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def require_same(self, number: int) -> None:
        """Check that all processes are at the same step.

        Raises:
            ValueError: if they are not, because some did not find the checkpoint.
        """
        if self.any(number != self._from_leader(number)):
            raise ValueError(
                f"The processes begin at different steps (this one at {number}); give a folder "
                "that all machines share, or start anew in an empty one."
            )

    def _from_leader(self, number: int) -> int:
        if self.size == 1:
            return number
        sent = torch.tensor(number)
        dist.broadcast(sent, src=0)
        return int(sent.item())


ALONE = Team()


@contextmanager
def everybody_answers() -> Iterator[None]:
    """Say how to go on if another process of the team was lost, or does not answer any more.

    What the others do together with it fails then: with an error of `torch.distributed`, or, in
    gloo, with a plain RuntimeError that begins with a place in the source of gloo's transport. Any
    other RuntimeError is let through.

    Raises:
        ConnectionError: with a sentence, in place of PyTorch's own.
    """
    try:
        yield
    except RuntimeError as error:
        message = str(error).partition("\n")[0]
        if not isinstance(error, dist.DistError) and not GLOO_TRANSPORT.match(message):
            raise
        reason = GLOO_TRANSPORT.sub("", message).partition(". ")[0].rstrip(".")
        raise ConnectionError(
            f"Another process of the run was lost or does not answer ({reason}); its own message, "
            "if there is one, says why. The same torchrun command goes on from the last "
            "checkpoint, also with another number of processes that divides parts."
        ) from error


@contextmanager
def join_team(device: str) -> Iterator[tuple[Team, torch.device]]:
    """Join the processes that `torchrun` started, if it did; yield the team and this one's device.

    Args:
        device: `"cuda"` gives each process of a machine a GPU of its own; else all use the same.

    Raises:
        ValueError: if there is no such device here, or more processes on this machine than GPUs.
        ConnectionError: if another process was lost, or has not answered for ten minutes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = find_device(device)
    if size == 1:
        yield Team(), chosen
        return
    if chosen.type == "cuda":
        local, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= gpus:
            raise ValueError(
                f"Process {local} of this machine has no GPU, there are {gpus}; start at most "
                f"{gpus} processes."
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    with everybody_answers():
        dist.init_process_group(BACKENDS.get(chosen.type, "gloo"), timeout=PATIENCE)
        try:
            yield Team(dist.get_rank(), size), chosen
        finally:
            dist.destroy_process_group()


def find_device(name: str) -> torch.device:
    """Return the device of that name, after it has added two numbers.

    Raises:
        ValueError: if there is none, or PyTorch cannot use it here.
    """
    try:
        device = torch.device(name)
        (torch.ones(1, device=device) + 1).item()
        return device
    except Exception as error:  # each kind of device fails in its own way
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0]
        there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        there += ["mps"] if torch.backends.mps.is_available() else []
        raise ValueError(
            f"The device {name!r} cannot be used here ({reason.rstrip('.')}); choose one of "
            f"{', '.join(there)}."
        ) from error


class Told:
    """A handler of signals that only remembers whether one came."""

    came = False

    def __call__(self, *_: object) -> None:
        """Remember it."""
        self.came = True


@contextmanager
def told_to_stop() -> Iterator[Callable[[], bool]]:
    """Catch SIGTERM; yield a function that returns whether it came. One block in another shares it.

    In another thread than the main one, where Python catches no signals, it never comes; nor where
    a handler is installed that is not Python's, and could not be given back.
    """
    before, told = signal.getsignal(signal.SIGTERM), Told()
    if isinstance(before, Told):
        told = before
    elif before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, told)
    try:
        yield lambda: told.came
    finally:
        if signal.getsignal(signal.SIGTERM) is told is not before:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def enough_memory(batch_size: int, parts: int, step: int) -> Iterator[None]:
    """Say what to change if the memory of the GPU does not do for `step`, counted from 0.

    Raises:
        torch.OutOfMemoryError: with a sentence, in place of PyTorch's own.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise torch.OutOfMemoryError(
            f"The GPU's memory is full in step {step + 1}, with {batch_size // parts} images at a "
            f"time; set parts to {2 * parts} or more in place of {parts}, or a smaller batch_size, "
            "and begin anew in another folder."
        ) from error


@contextmanager
def able_to_compile() -> Iterator[None]:
    """Say what to do if `torch.compile` cannot do its work here: no compiler, say.

    What it cannot trace is a bug of ours, and keeps its traceback.

    Raises:
        ValueError: with a sentence, in place of PyTorch's own.
    """
    try:
        yield
    except RuntimeError as error:
        compiling = type(error).__module__.startswith("torch._inductor")
        if not compiling and not str(error).startswith("torch.compile is not supported"):
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".:")
        raise ValueError(
            f"The model cannot be compiled here ({reason}); install a C++ compiler and what "
            "torch.compile needs besides, or train without compiled."
        ) from error
