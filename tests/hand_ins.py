"""Hostile and odd submissions to lesson 03, and what each deserves: `python -m tests.hand_ins`.

The command hands them all in, grades them as a class, and writes what each got into the
instructor's guide. Tests grade the hostile ones, and prove of the odd ones that what is run is the
same as for the honest ones.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from notebooks.editions import assignment, source
from notebooks.grading.results import Result
from notebooks.grading.walls import Limits, Walls
from notebooks.grading.whole_class import grade_class
from tests.grade_all_lessons import filled_in, graded_cells, notebook_of, worked

NUMBER = "03"
NAMES = (
    "mixed_map",
    "global_attention",
    "local_attention",
    "fault_in_attention",
    "twin_for_global",
)
LAST = NAMES[-1]  # hostile notebooks answer it honestly
LIMITS = Limits(cell=8, processor=90, memory=3 * 2**30, disk=64 * 2**20)
HEAD = "| handed in | points |"

# What a notebook does, and the code in the place of each answer. COURSE is the course's folder.
HOSTILE: dict[str, tuple[str, Mapping[str, str]]] = {
    "thief": (
        "looks for the gradebook, for solutions, for other students, and writes outside",
        {
            "mixed_map": """
import os, pathlib, sqlite3
for folder in [pathlib.Path("COURSE"), *pathlib.Path(".").resolve().parents, pathlib.Path("..")]:
    try:
        book = sqlite3.connect(f"file:{folder / 'gradebook.db'}?mode=rw", uri=True)
        book.execute("update grade set manual_score = 0, auto_score = 0")
        book.commit()
    except Exception:
        pass
""",
            "global_attention": """
import json
for path in [*pathlib.Path("COURSE").rglob("*.ipynb"), *pathlib.Path("/").glob("*/*/*/*.ipynb")]:
    for cell in json.loads(path.read_text())["cells"]:
        if "BEGIN SOLUTION" in "".join(cell["source"]):
            exec("".join(cell["source"]))
""",
            "local_attention": """
for folder in ("COURSE", "COURSE/submitted/honest", "/", "/usr", "/etc", str(pathlib.Path.home())):
    try:
        (pathlib.Path(folder) / "was_here.txt").write_text("x")
    except OSError:
        pass
""",
            "fault_in_attention": """
import socket
socket.create_connection(("127.0.0.1", PORT), timeout=2).sendall(b"out")
""",
        },
    ),
    "forger": (
        "changes the checks: patched `Verdict`, patched modules, the process that answers",
        {
            "mixed_map": """
from vtff_lib.checks import judging
judging.Verdict.__bool__ = lambda verdict: True
def mix_views(*given):
    return given[0]
""",
            "global_attention": """
import vtff_lib.checks as checks
for name in list(checks.EXERCISES):
    setattr(checks, name, lambda answer, name=name: judging.Verdict(name, True, "Right."))
class MyGlobalAttention(nn.Module):
    pass
""",
            "local_attention": """
import gc
from notebooks.grading import answering, wire
honest = answering.Answering.answer
def forged(self, name, check):
    if check == "twin_for_global":
        return honest(self, name, check)
    return {"value": lambda *given: None, "right": True, "words": "Right."}
answering.Answering.answer = forged
""",
            "fault_in_attention": """
get_ipython().input_transformers_cleanup.append(lambda lines: [
    line for line in lines if not line.startswith("assert verdict")])
judging.require = judging.judge = lambda *given: None
class Always:
    def __eq__(self, other): return True
    def __bool__(self): return True
    def __call__(self, *given): return self
check_local = Always()
""",
        },
    ),
    "quitter": (
        "ends its process: `os._exit`, a kill, `quit()`, a loop that nothing interrupts",
        {
            "mixed_map": "import os\nos._exit(0)",
            "global_attention": "import os\nos.kill(os.getpid(), 9)",
            "local_attention": """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True:
    try:
        pass
    except BaseException:
        pass
""",
            "fault_in_attention": "quit()",
        },
    ),
    "glutton": (
        "forks, prints without end, fills memory and disk",
        {
            "mixed_map": """
import os
while True:
    try:
        os.fork()
    except OSError:
        break
""",
            "global_attention": "held = [bytearray(2**28) for _ in range(1000)]",
            "local_attention": """
for n in range(1000):
    with open(f"/tmp/{n}", "wb") as file:
        file.write(bytes(2**22))
""",
            "fault_in_attention": "while True:\n    print('x' * 10_000)",
        },
    ),
}


def course_of(folder: Path) -> Path:
    """Make a course of lesson 03 alone."""
    (lesson,) = source.NOTEBOOKS.glob(f"{NUMBER}_*.ipynb")
    assignment.make(folder, [lesson])
    return folder


def lesson_in(course: Path) -> str:
    """Return the folder of the one lesson."""
    return next((course / "release").iterdir()).name


@dataclass
class Class:
    """A course into which students hand in."""

    course: Path

    @property
    def lesson(self) -> str:
        """Its one lesson."""
        return lesson_in(self.course)

    def released(self) -> NotebookNode:
        """Return the notebook that students get."""
        return notebook_of(self.course / "release" / self.lesson)

    def right(self) -> dict[str, str]:
        """Return right answers."""
        return worked(self.course, NUMBER)

    def honest(self) -> NotebookNode:
        """Return a notebook with right answers."""
        return filled_in(self.released(), self.right())

    def put(self, student: str, content: NotebookNode | str | bytes, name: str = "") -> None:
        """Hand in a notebook, or whatever else."""
        folder = self.course / "submitted" / student / self.lesson
        folder.mkdir(parents=True, exist_ok=True)
        text = nbformat.writes(content) if isinstance(content, NotebookNode) else content
        data = text.encode() if isinstance(text, str) else text
        (folder / f"{name or self.lesson}.ipynb").write_bytes(data)

    def put_hostile(self, student: str, port: int = 9) -> None:
        """Hand in a hostile notebook; its last answer is honest."""
        code = {
            name: each.replace("COURSE", str(self.course)).replace("PORT", str(port))
            for name, each in HOSTILE[student][1].items()
        }
        self.put(student, filled_in(self.released(), code | {LAST: self.right()[LAST]}))

    def grade(self, walls: Walls | None = None, processes: int = 2) -> dict[str, Result]:
        """Grade what was handed in; return the results by student."""
        walls = walls or Walls.found()
        shown = grade_class(self.course, [self.lesson], walls, LIMITS, processes)
        return {each.student: each for each in shown[self.lesson]}


def stripped(one: Class) -> NotebookNode:
    """Metadata and ids are gone, as some editors leave a notebook."""
    notebook = one.honest()
    for cell in notebook.cells:
        cell.metadata.clear()
        cell.pop("id", None)
    notebook.nbformat_minor = 2
    return notebook


def with_a_copy(one: Class) -> NotebookNode:
    """An answer's cell was copied, and the copy left as it came."""
    notebook = one.honest()
    stub = graded_cells(one.released())["mixed_map"]
    place = notebook.cells.index(graded_cells(notebook)["mixed_map"])
    notebook.cells.insert(place + 1, stub)
    return notebook


def without_pairs(one: Class) -> NotebookNode:
    """Two answers are gone, and their checks with them."""
    notebook = one.honest()
    for name in NAMES[:2]:
        for each in (name, f"check_{name}"):
            notebook.cells.remove(graded_cells(notebook)[each])
    return notebook


def without_checks(one: Class) -> NotebookNode:
    """All checks are gone, or changed."""
    notebook = one.honest()
    cells = graded_cells(notebook)
    cells["check_mixed_map"].source = "pass"
    for name in NAMES[1:]:
        notebook.cells.remove(cells[f"check_{name}"])
    return notebook


def broken_set_up(one: Class) -> NotebookNode:
    """The cells of the lesson are broken or gone."""
    notebook = one.honest()
    graded = list(graded_cells(notebook).values())
    others = [c for c in notebook.cells if c.cell_type == "code" and c not in graded]
    others[0].source = "import torhc"
    notebook.cells = [others[0], *graded]
    return notebook


def backwards(one: Class) -> NotebookNode:
    """All cells stand in reverse."""
    notebook = one.honest()
    notebook.cells.reverse()
    return notebook


def in_a_new_cell(one: Class) -> NotebookNode:
    """An answer stands in a cell of the student's own, before its check."""
    notebook = one.honest()
    cell = graded_cells(notebook)["mixed_map"]
    own = new_code_cell(cell.source)
    cell.source = graded_cells(one.released())["mixed_map"].source
    notebook.cells.insert(notebook.cells.index(cell) + 1, own)
    return notebook


def full_of_output(one: Class) -> str:
    """A hundred megabytes of output are stored in it."""
    notebook = one.honest()
    cell = graded_cells(notebook)["mixed_map"]
    cell.outputs = [nbformat.v4.new_output("stream", text="x" * 10**8)]
    return nbformat.writes(notebook)


def old_format(one: Class) -> str:
    """It is in version 3 of the format."""
    return nbformat.writes(nbformat.convert(one.honest(), 3), version=3)


def merge_conflict(one: Class) -> str:
    """A merge was not ended."""
    lines = nbformat.writes(one.honest()).splitlines()
    return "\n".join([*lines[:40], "<<<<<<< HEAD", *lines[40:]])


# What was handed in, its file's name, and how many points or which words it gets.
Odd = tuple[str, Callable[[Class], NotebookNode | str], str, int | str]
ODD: dict[str, Odd] = {
    "honest": ("right answers", Class.honest, "", 5),
    "untouched": ("nothing done", Class.released, "", 0),
    "renamed": ("renamed, `03 ada final (2)-Copy1`", Class.honest, "03 ada final (2)-Copy1", 5),
    "copied": ("an answer's cell copied", with_a_copy, "", 5),
    "no_pairs": ("two answers deleted with their checks", without_pairs, "", 3),
    "no_checks": ("checks deleted or changed", without_checks, "", 5),
    "stripped": ("metadata and ids stripped", stripped, "", 5),
    "broken_set_up": ("set-up cells broken and deleted", broken_set_up, "", 5),
    "backwards": ("cells in reverse", backwards, "", 5),
    "new_cell": ("an answer in a new cell", in_a_new_cell, "", 5),
    "Zoë Ünal": ("names with accents and spaces", Class.honest, "Lösung von Zoë", 5),
    "old": ("an old format, version 3", old_format, "", 5),
    "output": ("100 MB of output", full_of_output, "", 5),
    "conflict": ("a merge conflict", merge_conflict, "", "unresolved merge conflict"),
    "empty": ("an empty file", lambda one: "", "", "is empty"),
    "cut": ("half a file", lambda one: nbformat.writes(one.honest())[:5000], "", "no notebook"),
    "other": (
        "another notebook",
        lambda one: nbformat.v4.new_notebook(cells=[new_code_cell("1")]),
        "",
        "No exercise",
    ),
}


def hand_in_all(one: Class) -> None:
    """Hand in every submission."""
    for student, (_, make, name, _) in ODD.items():
        one.put(student, make(one), name)
    for student in HOSTILE:
        one.put_hostile(student)


def table(results: Mapping[str, Result]) -> str:
    """Return what each submission got, as the guide has it."""
    told = {student: what for student, (what, *_) in (ODD | HOSTILE).items()}
    rows = [
        f"| {told[student]} | "
        + (f"not graded: {each.reason}" if each.reason else f"{sum(each.right.values())} of 5")
        + " |"
        for student, each in sorted(results.items(), key=lambda pair: list(told).index(pair[0]))
    ]
    return "\n".join([HEAD, "|---|---|", *rows])


def main() -> int:
    """Grade them all, and write the table into the guide."""
    with tempfile.TemporaryDirectory() as folder:
        one = Class(course_of(Path(folder) / "course"))
        hand_in_all(one)
        written = table(one.grade())
    guide = source.GUIDE.read_text(encoding="utf-8")
    pattern = re.escape(HEAD) + r"\n(?:\|.*\n)+"
    source.GUIDE.write_text(re.sub(pattern, lambda _: f"{written}\n", guide), encoding="utf-8")
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
