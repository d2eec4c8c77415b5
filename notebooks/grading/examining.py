"""One submission is run behind the walls, and each of its answers judged from outside."""

import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from notebooks.grading import answering, wire
from notebooks.grading.asking import LostError, Session
from notebooks.grading.walls import Limits, Walls
from vtff_lib import checks
from vtff_lib.checks import judging
from vtff_lib.checks.versions import VARIABLE

SECONDS = 30.0  # for one check, on machines that have much to do
START = 300.0  # seconds in which a process has to be there, on a machine that has much to do
LATE = 5.0  # seconds after which one that should have ended is ended
MOST_STARTS = 12  # of a process, when cells end it
IN_ALL = 420.0  # seconds for a submission, whatever is in it
MOST_WORDS = 1000  # characters
KEPT = ("PATH", "LANG", "LC_ALL", "TZ")  # of the environment
SET = {
    "HOME": "/tmp",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp",
    "OMP_NUM_THREADS": "1",
    "VTFF_OWN": "/tmp/my_vtff.py",
    "VTFF_PROGRESS": "/tmp/progress.json",
}
LOADED = ["notebooks.grading.answering", "matplotlib.pyplot", "torchvision", "vtff_lib.widgets"]


class GraderError(ValueError):
    """Nothing could be run: the fault is not the student's."""


@dataclass(frozen=True)
class Step:
    """A cell to run or, with a `check`, an answer to judge.

    Args:
        source: code, or the name of the answer.
        check: that judges it.
        exercise: whose answer the cell is.
        may_raise: whether it is to show an error.
    """

    source: str
    check: str = ""
    exercise: str = ""
    may_raise: bool = False


@dataclass
class Outcome:
    """What a submission earned: a verdict for each exercise, and what the teacher should know."""

    right: dict[str, bool] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # other cells, and what each raised

    def give(self, check: str, right: bool, words: str) -> None:
        """Write a verdict down; the first one stays."""
        self.right.setdefault(check, right)
        self.words.setdefault(check, words[:MOST_WORDS])


def prepare() -> None:
    """Start the process from which those of submissions are made; it has loaded what all need.

    What it inherits they could read: so the environment is emptied before.
    """
    judging.SECONDS = SECONDS
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | SET)
    multiprocessing.set_forkserver_preload(LOADED)


def examine(
    steps: Sequence[Step],
    files: Path,
    walls: Walls,
    limits: Limits,
    place: int,
    version: str | None = None,
) -> Outcome:
    """Run the cells of a submission, and judge its answers.

    A cell that ends the process, or is not to be stopped, is left out when the others run again.

    Args:
        steps: in their order.
        files: the release: what lies beside the notebook.
        walls: around it.
        limits: for it.
        place: of this grader among those at work.
        version: that the student was given, see `vtff_lib.checks.versions`.
    """
    take(version)
    outcome, left_out, ends = Outcome(), set[int](), time.monotonic() + IN_ALL
    to_do = [n for n, step in enumerate(steps) if step.check]
    for _ in range(MOST_STARTS):
        with started(files, walls, limits, place, version) as session:
            for n, step in enumerate(steps[: max(to_do, default=-1) + 1]):
                if time.monotonic() > ends or session.over:
                    break
                if step.check and n in to_do:
                    _judge(session, step, outcome)
                elif not step.check and n not in left_out:
                    _run(session, n, step, limits, left_out, outcome)
        to_do = [n for n in to_do if steps[n].check not in outcome.right]
        if not to_do or time.monotonic() > ends:
            break
    for n in to_do:
        outcome.give(steps[n].check, False, "The time for this notebook was over before.")
    return outcome


def take(version: str | None) -> None:
    """Let the checks of this process be those of a version, or of none."""
    os.environ.pop(VARIABLE, None)
    if version is not None:
        os.environ[VARIABLE] = version


def _run(
    session: Session, n: int, step: Step, limits: Limits, left_out: set[int], outcome: Outcome
) -> None:
    try:
        error = session.ask("run", step.source, patience=limits.cell + LATE).get("error")
    except LostError as lost:
        left_out.add(n)
        error = f"The cell ended the process that ran it, or could not be stopped. {lost}"
        outcome.notes.append(f"A cell was left out: {step.source[:60]!r}.")
        if step.exercise:
            outcome.give(step.exercise, False, error)
    if error and not step.exercise and not step.may_raise and n not in left_out:
        outcome.failed.append(f"{step.source}\n{error}")
    if error and step.exercise:
        outcome.words.setdefault(f"cell {step.exercise}", str(error)[:MOST_WORDS])


def _judge(session: Session, step: Step, outcome: Outcome) -> None:
    """Ask the process for its own verdict, and where that is good, judge from outside."""
    name = step.check
    raised = outcome.words.get(f"cell {name}", "")
    try:
        reply = session.ask("answer", step.source, name)
        own, words = reply["right"], str(reply["words"])
    except LostError as lost:
        outcome.give(name, False, f"Its check could not be run to the end. {lost}")
        return
    except KeyError:
        own, words = False, "This check cannot make sense of what was made."
    if own is not True:
        outcome.give(name, False, f"{words} Your cell raised: {raised}" if raised else words)
        return
    verdict = getattr(checks, name)(reply["value"])
    if not verdict:
        outcome.notes.append(
            f"`{name}`: the check said Right where the answer runs, and not when it was asked from "
            "outside. Look at this answer."
        )
    outcome.give(name, verdict.right, verdict.words)


@contextlib.contextmanager
def started(
    files: Path, walls: Walls, limits: Limits, place: int, version: str | None
) -> Iterator[Session]:
    """Yield a conversation with a new process behind the walls; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="vtff_", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o711)
        (folder / "root").mkdir()
        shutil.copytree(files, folder / "work", ignore=shutil.ignore_patterns("*.ipynb"))
        walls.hand_over(folder / "work", place)
        context = multiprocessing.get_context("forkserver")
        here, there = context.Pipe()
        process = context.Process(
            target=_inside,
            args=(there, folder / "work", walls, limits, place, version),
            daemon=True,
        )
        process.start()
        there.close()
        try:
            session = Session(here, SECONDS + LATE)
            try:
                failed = session.ask("hello", patience=START).get("failed")
            except LostError as lost:
                failed = str(lost)
            if failed:
                raise GraderError(f"No submission could be started behind the walls: {failed}")
            yield session
        finally:
            here.close()
            walls.end(process.pid or 0, place)
            process.join(5)


def _inside(
    pipe: Connection, folder: Path, walls: Walls, limits: Limits, place: int, version: str | None
) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    try:
        walls.enter(folder, limits, place)
    except OSError as error:
        pipe.send_bytes(wire.dumps({"failed": str(error)}))
        os._exit(1)
    os.closerange(3, pipe.fileno())
    os.closerange(pipe.fileno() + 1, 4096)
    judging.SECONDS = SECONDS
    sys.path.insert(0, "")
    take(version)
    answering.serve(pipe, limits.cell)
    os._exit(0)
