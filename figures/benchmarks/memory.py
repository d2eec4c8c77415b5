"""How much memory a student needs, lesson by lesson: `python -m figures.benchmarks.memory`. Linux.

Each lesson runs in a fresh kernel to its end. Told is the largest sum, over the kernel and what it
started, of what each of them held at most: no less than what a hub counts. The server comes on top.
"""

import contextlib
import re
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

import psutil

from figures.experiments.harness import Record, experiment
from notebooks import run
from tests.browser import jupyter_lab

EVERY = 0.05  # seconds from one look to the next
HELD_AT_MOST = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def held_at_most(process: psutil.Process) -> int:
    """Return the bytes that a process had in memory at most; 0 if it is over."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = HELD_AT_MOST.search(text)
    return 1024 * int(found[1]) if found else 0


class Watch:
    """A block: the processes that this one starts in it, and theirs, are looked at."""

    def __init__(self) -> None:
        self.bytes = 0
        self.others = set(psutil.Process().children(recursive=True))
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        """Look again and again, until the block is over."""
        me = psutil.Process()
        while not self.over.wait(EVERY):
            started = set(me.children(recursive=True)) - self.others
            self.bytes = max(self.bytes, sum(map(held_at_most, started)))

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self.thread.join()

    @property
    def gib(self) -> float:
        """The most that was seen."""
        return round(self.bytes / 2**30, 2)


def of_lesson(path: Path) -> float:
    """Return the GiB that a lesson takes."""
    with Watch() as watch:
        run.run(path)
    print(f"{path.stem}: {watch.gib} GiB", flush=True)
    return watch.gib


def read(address: str) -> bytes:
    """Return what a server answers; it tells its address a moment before it listens."""
    for _ in range(100):
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address) as answer:
            return answer.read()
        time.sleep(EVERY)
    raise TimeoutError("JupyterLab's server does not answer; start it by hand to see why.")


def of_server() -> float:
    """Return the GiB that JupyterLab's server takes, before any kernel is started."""
    with Watch() as watch, jupyter_lab(run.FOLDER) as address:
        for page in ("lab", "api/contents/notebooks"):
            read(address.replace("/lab?", f"/{page}?"))
    return watch.gib


@experiment("memory.json", "torchvision", "ipykernel", "jupyterlab")
def main() -> Record:
    """Measure the server and every lesson."""
    server = of_server()
    lessons = {path.stem.split("_")[0]: of_lesson(path) for path in run.choose([], run.FOLDER)}
    return {"unit": "GiB", "server": server, "lessons": lessons}


if __name__ == "__main__":
    main()
