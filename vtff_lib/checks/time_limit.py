"""An answer that never ends is stopped, even where it catches everything.

What cannot be stopped is one step of C that never looks up, such as `sum(range(10**12))`.
"""

import _thread
import contextlib
import contextvars
import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

AGAIN = 0.01  # seconds after which one who is late is told once more
GRACE = 1.0  # seconds in which a thread is told again and again to end


class TimeUp(BaseException):
    """An answer ran for too long."""


def within(seconds: float, work: Callable[[Any], Any], argument: Any) -> Any:
    """Return `work(argument)`, or stop it after so many seconds.

    In the main thread a timer of the system does it, which ends a sleep too. Elsewhere, and on
    Windows, the work is done in a thread of its own, which is left behind if it does not end.
    A check inside a check has no time of its own. Handlers and timers are given back.

    Raises:
        TimeUp: if it was stopped.
    """
    if _at_work(sys._getframe()):
        return _work(work, argument)
    main = threading.current_thread() is threading.main_thread()
    if main and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None:
        with _timer(seconds):
            return _work(work, argument)
    return _beside(seconds, work, argument)


def _work(work: Callable[[Any], Any], argument: Any) -> Any:
    return work(argument)  # what has this frame below it may be stopped, and nothing else


def _at_work(frame: FrameType | None) -> bool:
    while frame and frame.f_code is not _work.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False  # half a module would be there until the kernel ends
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def _timer(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        again = map(_thread.interrupt_main, (signal.Signals(number),))
        if _at_work(frame):
            (_,) = again  # Called as this is unpacked, it waits for the next step of Python after
            raise TimeUp  # this one: whoever catches `TimeUp` is stopped there.

    handler = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        unused, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - seconds + unused, AGAIN), interval)


def _beside(seconds: float, work: Callable[[Any], Any], argument: Any) -> Any:
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(_work(work, argument))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    ends = time.monotonic() + GRACE
    while thread.is_alive() and time.monotonic() < ends:
        number = thread.ident or 0
        if _at_work(sys._current_frames().get(number)):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(number), ctypes.py_object(TimeUp)
            )
        thread.join(AGAIN)
    for result in results:
        return result
    raise errors[0] if errors else TimeUp
