"""How a command ends: well, or with one sentence and an exit status that a shell can use.

Of the standard library alone, for the doctor has to speak where PyTorch is broken.
"""

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

# What to do about what the system refuses; it says only what that is.
REMEDIES = {
    errno.ENOSPC: "make room, and give the same command again",
    errno.EDQUOT: "make room, and give the same command again",
    errno.EFBIG: "give another place, or raise the limit on the size of files",
    errno.EROFS: "give a place that can be written to",
    errno.EACCES: "give a place that you may read and write, or ask for permission",
    errno.EPERM: "give a place that you may read and write, or ask for permission",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EPIPE: "what reads the output has ended, so let another, or a file, take all of it",
}
FULL_MEMORY = ("DefaultCPUAllocator", "out of memory", "not enough memory")  # says PyTorch


@contextmanager
def in_a_sentence(stopped: str) -> Iterator[None]:
    """Run a command, and end it with one sentence on standard error if something outside is wrong.

    The exit status is 1 then; 130 after Ctrl-C and 143 after SIGTERM, for which the sentence is
    `stopped`. A bug of ours is none of this, and keeps its traceback. What is printed can be
    printed, whatever the terminal's encoding: what that lacks is written as `\\xe9`.

    Raises:
        SystemExit: in place of a ValueError, an OSError, a loss that is no number or full memory.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the command
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    before = signal.getsignal(signal.SIGTERM)
    # Not where somebody else listens, nor in another thread, where Python catches no signals.
    listening = before is signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    if listening:
        signal.signal(signal.SIGTERM, lambda number, _: _end(stopped, number))
    try:
        yield
        print(end="", flush=True)  # while what goes wrong with it can be told
    except KeyboardInterrupt:
        _end(stopped, signal.SIGINT)
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))
    except OSError as error:
        _let_go()
        sys.exit(_in_words(error))
    except (MemoryError, RuntimeError) as error:  # of which torch.OutOfMemoryError is one
        reason = str(error).partition("\n")[0]
        if isinstance(error, MemoryError) or any(word in reason for word in FULL_MEMORY):
            sys.exit(f"The memory does not do ({reason or 'MemoryError'}); ask for less at a time.")
        if type(error).__name__ == "OutOfMemoryError":
            sys.exit(reason)  # ours, which says what to change
        raise
    finally:
        if listening:
            signal.signal(signal.SIGTERM, before)


def _end(stopped: str, number: int) -> NoReturn:
    """Tell that a signal came, and end as shells expect it."""
    print(stopped, file=sys.stderr)
    sys.exit(128 + number)


def _let_go() -> None:
    """Drop what cannot be printed: Python would try it again at its end, and complain of that."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: OSError) -> str:
    """Return a sentence of ours as it is, and what the system says with the file and what to do."""
    if error.errno is None or error.strerror is None:
        return str(error)
    place = f"{error.filename}: " if error.filename is not None else ""
    return f"{place}{error.strerror}; {REMEDIES.get(error.errno, 'check the path and the disk')}."
