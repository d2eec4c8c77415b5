"""The course's text in one file, without solutions, for a chatbot: `make tutor`.

python -m notebooks.editions.tutor      # writes build/tutor/course.md, TUTOR.md in front
"""

import argparse
from pathlib import Path

from nbformat import NotebookNode

from notebooks.editions import source
from vtff_lib.endings import in_a_sentence

TUTOR = source.ROOT / "TUTOR.md"
NAME = "course.md"


def printed(cell: NotebookNode) -> str:
    """Return what a cell printed, as a block of Markdown; pictures and HTML are left out."""
    texts = []
    for output in cell.get("outputs", []):
        texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    text = "".join(texts).rstrip()
    return f"\n\n```text\n{text}\n```" if text else ""


def lesson_text(lesson: Path) -> str:
    """Return a lesson as Markdown: its words, its code, and what that printed; no solutions."""
    notebook = source.read(lesson, solutions=False)
    return "\n\n".join(
        f"```python\n{cell.source}\n```{printed(cell)}" if cell.cell_type == "code" else cell.source
        for cell in notebook.cells
        if cell.cell_type in ("code", "markdown")
    )


def make(folder: Path) -> None:
    """Write the files into `folder`.

    Raises:
        FileExistsError: if `folder` holds other files.
    """
    texts = {f"{lesson.stem}.md": lesson_text(lesson) for lesson in source.lessons()}
    with source.making(folder) as partial:
        for name, text in (texts | {NAME: "\n\n".join(texts.values())}).items():
            with_advice = f"{TUTOR.read_text(encoding='utf-8')}\n\n{text}\n"
            (partial / name).write_text(with_advice, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Write the files as asked on the command line, and say where they are."""
    parser = argparse.ArgumentParser(description="Write the course's text without solutions.")
    where = source.ROOT / "build" / "tutor"
    parser.add_argument("--out", type=Path, default=where, help="folder to make")
    folder = parser.parse_args(arguments).out
    with in_a_sentence(source.STOPPED):
        make(folder)
        words = len((folder / NAME).read_text(encoding="utf-8").split())
        print(f"{words:,} words without solutions: {folder / NAME}")


if __name__ == "__main__":
    main()
