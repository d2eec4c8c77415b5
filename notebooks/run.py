"""Run the lessons in fresh kernels and store them with their outputs.

    python notebooks/run.py            # run every lesson and store it
    python notebooks/run.py 00 03      # only the lessons whose names begin so
    python notebooks/run.py --check    # store nothing: does a fresh run give what is stored?

A stored lesson is *canonical*: running it again gives the same bytes, so that a diff shows
what a person changed and nothing else.
"""

import argparse
import base64
import copy
import io
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from PIL import Image

from vtff_lib import files
from vtff_lib.endings import in_a_sentence

FOLDER = Path(__file__).parent
LESSON = re.compile(r"([0-9]{2}[a-z]?|appendix)_")  # sorted as they are read: 07, 07b, 08
CELL_TIMEOUT = 300  # seconds; nbclient's own default is to wait for ever

# One thread, because sums of floats depend on the number of threads; a fixed date in SVG files;
# a learner who has solved nothing, whatever the author has.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "SOURCE_DATE_EPOCH": "0",
    "PYTHONHASHSEED": "0",
    "VTFF_PROGRESS": os.devnull,
    "VTFF_OWN": os.devnull,
}

# Written as constants: what Jupyter puts here tells which Python last ran the lesson.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
CELL_METADATA = {"tags", "jupyter", "slideshow"}  # a person's choices; the rest is an editor's

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# Nine digits or more: an address, and not a 32-bit constant that a lesson shows.
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{9,16}\b")

# A time or a speed. It is stored as measured, and never compared.
DURATION = re.compile(r"\b\d[\d.,]* ?(?:\w+/s|\xb5s|us|ms|s|seconds?|min|minutes?)\b")

# A PNG or JPEG in the JSON of an output: a bundle's own, or inside its HTML up to the quote.
PICTURE = re.compile(
    r'("image/(?:png|jpeg)": "|data:image/(?:png|jpeg);base64,)'
    r'((?:[A-Za-z0-9+/=]|\\n)+)(?=\\?["\'])'
)
GREY_LEVELS = 2


class LessonError(ValueError):
    """A lesson that cannot be run to its end: one sentence for the person who wrote it."""


def canonical(notebook: NotebookNode) -> str:
    """Return the text of the file in which `notebook` is stored."""
    notebook = copy.deepcopy(notebook)
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA & cell.metadata.keys()}
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
            for output in cell.outputs:
                settle(output)
    return nbformat.writes(notebook, indent=1, sort_keys=True) + "\n"


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join what was printed in pieces: where the pieces end is a matter of timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        # Only streams have a name.
        if merged and "name" in output and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def settle(output: NotebookNode) -> None:
    """Take out of `output`, in place, what another run would give differently."""
    if output.output_type == "stream":
        output.text = ADDRESS.sub("0x0", output.text)
    elif output.output_type == "error":
        # The frames tell where the library is installed; the message is what a reader needs.
        output.evalue = ADDRESS.sub("0x0", output.evalue)
        output.traceback = [f"{output.ename}: {output.evalue}"]
    else:
        # A view names its widget by a random id, and shows nothing without the kernel that made
        # it: where the notebook is trusted, JupyterLab puts "Error displaying widget: model not
        # found" in the place of the picture or text in the same bundle. So only those are stored.
        output.data.pop(WIDGET_VIEW, None)
        if "text/plain" in output.data:
            output.data["text/plain"] = ADDRESS.sub("0x0", output.data["text/plain"])


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file.

    Raises `LessonError` if there is none in it, such as after a merge that went wrong.
    """
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except OSError:
        raise
    except Exception as error:  # nbformat does not say which
        raise LessonError(
            f"{path.name} is no notebook ({first_line(error)}); mend it, or take the last that was."
        ) from error


def first_line(error: Exception) -> str:
    """Return how an error begins, or its kind if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def run(path: Path) -> str:
    """Run the lesson at `path` in a fresh kernel and return the text to store.

    Raises `LessonError` when a cell raises (unless it is tagged `raises-exception`), takes
    longer than `CELL_TIMEOUT` or loses its kernel.
    """
    notebook, place = read(path), ""

    def note(cell: NotebookNode, cell_index: int) -> None:
        nonlocal place
        place = name_of(cell, cell_index)

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=note,
    )
    try:
        client.execute(env={**os.environ, **ENVIRONMENT})
    except CellExecutionError as error:
        raise LessonError(f"{path.name}, {place}: {error.ename}: {error.evalue}") from error
    except (CellTimeoutError, NoSuchKernel, RuntimeError) as error:  # a kernel that never starts
        raise LessonError(f"{path.name}, {place}: {first_line(error)}") from error
    return canonical(notebook)


def name_of(cell: NotebookNode, index: int) -> str:
    """Name a cell so that a person finds it."""
    first_line = cell.source.strip().split("\n")[0]
    return f"cell {index + 1} ({first_line})"


def store(path: Path, text: str) -> None:
    """Write `text` to `path` at once, so that a reader never meets half a lesson."""
    files.write(path, text)


def difference(path: Path) -> str | None:
    """Tell in words how the lesson stored at `path` differs from a fresh run, if it does."""
    stored = read(path)
    if path.read_text(encoding="utf-8") != canonical(stored):
        return f"{path.name} is not in canonical form; run it with notebooks/run.py."
    fresh = nbformat.reads(run(path), as_version=4)
    for index, (before, after) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if not same_outputs(before, after):
            return f"{path.name}: a fresh run gives another output for {name_of(after, index)}."
    return None


def same_outputs(before: NotebookNode, after: NotebookNode) -> bool:
    """Compare what two runs of one cell gave: text but for times, pictures as the eye sees them.

    The bytes of a PNG agree from run to run, but another processor, zlib or version of
    Matplotlib may round a pixel or compress otherwise. So PNG and JPEG, in HTML too, are
    decoded: same size, and a mean difference of at most `GREY_LEVELS` of 255. What nbval is told
    to ignore is ignored here too: it tells of the machine.
    """
    if "nbval-ignore-output" in after.metadata.get("tags", []):
        return before.execution_count == after.execution_count
    (text, pictures), (other_text, other_pictures) = take_pictures(before), take_pictures(after)
    return text == other_text and all(
        a.shape == b.shape and np.abs(a - b).mean() <= GREY_LEVELS
        for a, b in zip(pictures, other_pictures, strict=True)
    )


def take_pictures(cell: NotebookNode) -> tuple[str, list[np.ndarray]]:
    """Return a cell's count and outputs as JSON without pictures, and the pictures' pixels."""
    pictures = []

    def take(match: re.Match[str]) -> str:
        image = Image.open(io.BytesIO(base64.b64decode(match[2].replace("\\n", ""))))
        pictures.append(np.asarray(image.convert("RGBA"), dtype=float))
        return match[1]

    result = json.dumps([cell.get("execution_count"), cell.get("outputs")], sort_keys=True)
    return DURATION.sub("#", PICTURE.sub(take, result)), pictures


def choose(names: list[str], folder: Path) -> list[Path]:
    """Return the lessons of `folder` that begin with one of `names`, or all: appendices last.

    A number is that of one lesson: 07 is not 07b, which comes after it.
    """
    lessons = sorted(path for path in folder.glob("*.ipynb") if LESSON.match(path.name))
    names = [Path(wanted).name for wanted in names]  # a path is as good as a name
    names = [f"{wanted}_" if LESSON.fullmatch(f"{wanted}_") else wanted for wanted in names]
    for wanted in names:
        if not any(path.name.startswith(wanted) for path in lessons):
            known = ", ".join(path.stem for path in lessons)
            raise LessonError(f"There is no lesson {wanted.rstrip('_')!r}; there are: {known}.")
    return [path for path in lessons if path.name.startswith(tuple(names or [""]))]


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Run or check the lessons of `folder` as asked on the command line; 0 if all is well."""
    parser = argparse.ArgumentParser(description="Run the lessons and store their outputs.")
    parser.add_argument("names", nargs="*", help="lessons, such as 00 or 03_local; default: all")
    parser.add_argument("--check", action="store_true", help="compare only, store nothing")
    options = parser.parse_args(arguments)
    problems = []
    with in_a_sentence("Stopped; the lessons that were run before are stored."):
        for path in choose(options.names, folder):
            start = time.perf_counter()
            problem = None
            if not options.check:
                store(path, run(path))
            elif problem := difference(path):
                problems.append(problem)
            print(problem or f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
