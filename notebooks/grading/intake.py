"""What was handed in is found, whatever it is called: folders, and archives of Canvas and Moodle.

    submitted/ada/03_local_vs_global_attention/anything.ipynb      # nbgrader's own order
    inbox/submissions.zip                                          # from Canvas or Moodle

An archive's notebooks are put into `submitted`, where they replace earlier ones, and the archive
into `inbox/placed`. Which lesson a notebook belongs to is read in it.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from notebooks.grading.mending import UngradableError, cells_of, exercises_in
from vtff_lib import files
from vtff_lib.checks import EXERCISES

MOST = 400 * 2**20  # bytes of a notebook
# adalovelace_LATE_4711_815_03_local.ipynb: a name, the number of a person and that of a file
CANVAS = re.compile(r"(?P<name>[^_/]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>[^/]+)")
# Ada Lovelace_815_assignsubmission_file_/03_local.ipynb, or without the slash
MOODLE = re.compile(r"(?P<name>[^_/]+)_(?P<number>\d+)_assignsubmission_file_/?(?P<file>.+)")


@dataclass(frozen=True)
class HandedIn:
    """A notebook of a student, or why there is none."""

    student: str
    lesson: str
    path: Path | None = None
    reason: str = ""


def student_and_file(name: str) -> tuple[str, str] | None:
    """Return who has handed in a file of an archive, and what it was called; None if unknown.

    Args:
        name: of the file in the archive, with its folders.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if any(part in ("..", "__MACOSX") or part.startswith("._") for part in parts):
        return None
    for start in range(len(parts)):
        inside = "/".join(parts[start:])
        for known in (MOODLE, CANVAS):
            if found := known.fullmatch(inside):
                student = re.sub(r"[^\w .-]", "", found["name"]).strip(" .")
                return f"{student}_{found['number']}", PurePosixPath(found["file"]).name
    if len(parts) > 1:
        return re.sub(r"[^\w .-]", "", parts[-2]).strip(" .") or "unnamed", parts[-1]
    return None


def unpack(course: Path) -> list[str]:
    """Put what the archives in `inbox` hold into `submitted`; return what could not be placed."""
    left: list[str] = []
    lessons = sorted(path.name for path in (course / "release").iterdir())
    placed = course / "inbox" / "placed"
    archives = sorted((course / "inbox").glob("*.zip"), key=lambda path: path.stat().st_mtime)
    for archive in archives:  # the newest last: what is handed in again replaces the first
        try:
            with zipfile.ZipFile(archive) as opened:
                for entry in opened.infolist():
                    if entry.filename.lower().endswith(".ipynb"):
                        left += _place(course, lessons, archive, opened, entry)
            placed.mkdir(exist_ok=True)
            archive.replace(placed / archive.name)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            left.append(f"{archive.name} cannot be opened ({error}).")
    return left


def _place(
    course: Path,
    lessons: list[str],
    archive: Path,
    opened: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
) -> Iterator[str]:
    known = student_and_file(entry.filename)
    if known is None:
        yield f"{archive.name}: {entry.filename} tells of no student."
        return
    if entry.file_size > MOST:
        yield f"{archive.name}: {entry.filename} has {entry.file_size / 2**20:.0f} MB."
        return
    content = opened.read(entry)
    lesson = lesson_of(content, f"{archive.name} {entry.filename}", lessons)
    if lesson is None:
        yield f"{archive.name}: {entry.filename} belongs to no lesson of this course."
        return
    path = course / "submitted" / known[0] / lesson / f"{lesson}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, content)


def lesson_of(content: bytes, names: str, lessons: list[str]) -> str | None:
    """Return which lesson a notebook belongs to: by its exercises, or else by its name."""
    try:
        found = exercises_in(cells_of(content.decode("utf-8-sig", "replace")))
        numbers = [EXERCISES[name].lesson for name in found]
        most = max(set(numbers), key=numbers.count, default="")
    except UngradableError:
        most = ""
    for lesson in lessons:
        if lesson.split("_")[0] == most or lesson in names:
            return lesson
    return None


def handed_in(course: Path, lesson: str) -> list[HandedIn]:
    """Return what every student has handed in for a lesson, by the students' names."""
    folders = sorted((course / "submitted").glob(f"*/{lesson}"))
    return [_of(folder, lesson) for folder in folders if folder.is_dir()]


def _of(folder: Path, lesson: str) -> HandedIn:
    student = folder.parent.name
    found = [
        path
        for path in sorted(folder.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts and path.is_file() and not path.is_symlink()
    ]
    named = [path for path in found if path.stem == lesson]
    if not found:
        return HandedIn(student, lesson, reason="There is no notebook in what was handed in.")
    if len(found) > 1 and len(named) != 1:
        names = ", ".join(path.name for path in found[:4])
        return HandedIn(student, lesson, reason=f"There are several notebooks: {names}. Keep one.")
    path = (named or found)[0]
    if path.stat().st_size > MOST:
        return HandedIn(
            student, lesson, reason=f"{path.name} is larger than {MOST / 2**20:.0f} MB."
        )
    return HandedIn(student, lesson, path)
