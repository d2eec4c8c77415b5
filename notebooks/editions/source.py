"""What the editions (site, slides, assignment) are made from: the lessons, and one switch.

    make site SOLUTIONS=held      # as every edition: without the solutions, for courses that grade

An edition is made beside its folder and put in its place when it is whole, so that a reader
never meets half of one.
"""

import argparse
import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from notebooks import run
from vtff_lib.files import only_one

NOTEBOOKS = run.FOLDER
ROOT = NOTEBOOKS.parent
GUIDE = NOTEBOOKS / "instructors_guide.md"
STOPPED = "Stopped; what the last edition wrote is still there."
MADE_BY = ".made_by_vtff"  # a file that tells an edition's folder from a folder of yours

NOTES = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lessons() -> list[Path]:
    """Return the lessons, 00 first and the appendix last."""
    return run.choose([], NOTEBOOKS)


def read(lesson: Path, solutions: bool = True) -> NotebookNode:
    """Return a lesson as it is stored, with its solutions or without."""
    notebook = nbformat.read(lesson, as_version=4)
    if not solutions:
        notebook.cells = [cell for cell in notebook.cells if "solution" not in tags(cell)]
    return notebook


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def number(lesson: Path) -> str:
    """Return what the guide calls a lesson: "03", "07b", or "appendix"."""
    return lesson.stem.split("_")[0]


def speaker_notes() -> dict[str, dict[str, str]]:
    """Return the guide's notes for speakers: a sentence or two for a heading of a lesson."""
    notes: dict[str, dict[str, str]] = {}
    for block in NOTES.findall(GUIDE.read_text(encoding="utf-8")):
        notes.update(yaml.safe_load(block))
    return notes


def arguments(description: str, folder: str) -> argparse.ArgumentParser:
    """Return the parser of an edition's command line: where it goes, and the switch."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / folder, help="folder to make")
    parser.add_argument(
        "--solutions",
        choices=("shown", "held"),
        default="shown",
        help="hold the solutions of the exercises back, for courses that grade",
    )
    return parser


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` that takes its place if all goes well.

    Raises:
        FileExistsError: if `folder` is there and was not made by an edition: it is left alone.
        ValueError: if another process is making it.
    """
    if folder.is_file() or (folder.exists() and any(folder.iterdir()) and not is_ours(folder)):
        raise FileExistsError(
            f"{folder} holds files of yours; give another folder with --out, or remove it."
        )
    partial, before = (folder.with_name(f"{folder.name}.{word}") for word in ("partial", "before"))
    making_it = folder.with_name(f".{folder.name}.making")  # holds the lock, and nothing else
    with only_one(making_it):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            (partial / MADE_BY).touch()
            shutil.rmtree(before, ignore_errors=True)
            if folder.exists():
                folder.rename(before)  # whole or, where a file of it is open on Windows, not at all
            partial.rename(folder)
            shutil.rmtree(before, ignore_errors=True)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(making_it, ignore_errors=True)


def is_ours(folder: Path) -> bool:
    """Tell whether a folder was made by an edition."""
    return (folder / MADE_BY).exists()
