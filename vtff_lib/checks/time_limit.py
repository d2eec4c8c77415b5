"""An answer that never ends is stopped: wherever it runs, and even where it catches everything."""

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN = 50e-6  # seconds: late code is interrupted at every step, so that `except:` is left as well


class TimeUp(BaseException):
    """An answer ran for too long."""


def within(seconds: float, work: Callable[[Any], Any], argument: Any) -> Any:
    """Return `work(argument)`, or stop it after so many seconds.

    In the main thread a timer of the system does it, which ends a sleep too; elsewhere, and on
    Windows, another thread does, between two steps of Python. A check inside a check has no time of
    its own. Handlers and timers are given back.

    Raises:
        TimeUp: if it was stopped.
    """
    if _at_work(sys._getframe()):
        return _work(work, argument)
    main = threading.current_thread() is threading.main_thread()
    timer = main and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None
    with _timer(seconds) if timer else _watchdog(seconds):
        return _work(work, argument)


def _work(work: Callable[[Any], Any], argument: Any) -> Any:
    return work(argument)  # what has this frame below it may be stopped, and nothing else


def _at_work(frame: FrameType | None) -> bool:
    while frame and frame.f_code is not _work.__code__:
        frame = frame.f_back
    return frame is not None


@contextmanager
def _timer(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if _at_work(frame):
            raise TimeUp

    handler = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        unused, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - seconds + unused, AGAIN), interval)


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    thread, over = threading.get_ident(), threading.Event()

    def throw(error: type[BaseException] | None) -> None:
        what = ctypes.py_object(error) if error else None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)

    def watch() -> None:
        over.wait(seconds)
        while not over.wait(AGAIN):
            if _at_work(sys._current_frames().get(thread)):
                throw(TimeUp)

    dog = threading.Thread(target=watch, daemon=True)
    dog.start()
    try:
        yield
    finally:
        while dog.is_alive():
            try:
                over.set()
                dog.join()
                throw(None)
            except TimeUp:
                continue  # it was thrown just before
