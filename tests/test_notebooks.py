"""The lessons as stored: properties of every file, and of notebooks/run.py that stores them.

Each property is a function from a lesson to its problems in words. Each is shown to hold for
every lesson, and to fail for at least one that is wrong.
"""

import functools
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise, product
from pathlib import Path
from unittest.mock import Mock

import nbformat
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks import run
from tests.lessons import NUMBERS
from tests.prose import GLOSSARY, LESSONS

ROOT = run.FOLDER.parent
NOTEBOOKS = [*LESSONS, run.FOLDER / GLOSSARY]
MEGABYTES = 3

MACHINE_PATH = re.compile(
    r"(?<![\w.~/-])/(?:home|root|tmp|mnt|opt|Users|private|var)/|\b[A-Z]:\\\w"
)
FETCHED = re.compile(
    r"""\bsrc(?:set)?\s*=\s*\\?["']?\s*(?:https?:)?// | <(?:link|image|use)\b[^>]*https?://
    | url\(\s*["']?https?:// | @import\s*["']https?:// | \b(?:import|from|fetch)\b\s*\(?["']https?://
    | !\[[^\]]*\]\(\s*<?https?://""",
    re.VERBOSE,
)
CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@dataclass
class Lesson:
    """A notebook and the file it is stored in."""

    path: Path
    text: str

    @functools.cached_property
    def notebook(self) -> NotebookNode:
        return nbformat.reads(self.text, as_version=4)

    def cells(self, kind: str) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == kind]

    def prose(self) -> Iterator[str]:
        """What each markdown cell says, without its blocks of code."""
        return (CODE_BLOCK.sub("", cell.source) for cell in self.cells("markdown"))

    def shown(self, *kinds: str) -> Iterator[str]:
        """Text of the outputs: all of it, printed and raised too, or that of these MIME types."""
        for output in (output for cell in self.cells("code") for output in cell.outputs):
            for kind, content in output.get("data", {"printed": output.get("text", "")}).items():
                if kind in kinds or (
                    not kinds and not kind.startswith(("image/png", "image/jpeg"))
                ):
                    yield content if isinstance(content, str) else str(content)
            if not kinds:
                yield output.get("evalue", "")


def is_canonical(lesson: Lesson) -> Iterator[str]:
    if run.canonical(lesson.notebook) != lesson.text:
        yield "it is not in canonical form; store it with notebooks/run.py"


def is_run_from_top_to_bottom(lesson: Lesson) -> Iterator[str]:
    counts = [cell.execution_count for cell in lesson.cells("code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}"


def shows_outputs(lesson: Lesson) -> Iterator[str]:
    if lesson.path.name == GLOSSARY:
        if lesson.cells("code"):
            yield "the glossary has code"
    elif not any(cell.outputs for cell in lesson.cells("code")):
        yield "no cell has an output"


def shows_only_wanted_errors(lesson: Lesson) -> Iterator[str]:
    for cell in lesson.cells("code"):
        raised = any(output.output_type == "error" for output in cell.outputs)
        if raised != ("raises-exception" in cell.metadata.get("tags", [])):
            yield f"tag raises-exception and error do not go together: {cell.source}"


def stores_no_widgets(lesson: Lesson) -> Iterator[str]:
    if "widgets" in lesson.notebook.metadata or run.WIDGET_VIEW in lesson.text:
        yield "it holds the state or a view of a widget"


def has_plain_name(lesson: Lesson) -> Iterator[str]:
    name = lesson.path.name
    if name != GLOSSARY and not re.fullmatch(r"([0-9]{2}[a-z]?|appendix)_[a-z0-9_]+\.ipynb", name):
        yield f"the name {name} is not like 00_start_here.ipynb"


def is_small(lesson: Lesson) -> Iterator[str]:
    if (size := len(lesson.text.encode()) / 1e6) > MEGABYTES:
        yield f"it has {size:.1f} MB, more than {MEGABYTES}"


def names_no_machine_path(lesson: Lesson) -> Iterator[str]:
    for text in [*(cell.source for cell in lesson.notebook.cells), *lesson.shown()]:
        for match in MACHINE_PATH.finditer(text):
            yield f"it names a path of one machine: {text[match.start() : match.start() + 40]}"


def fetches_nothing(lesson: Lesson) -> Iterator[str]:
    for text in [*lesson.prose(), *lesson.shown()]:
        for match in FETCHED.finditer(text):
            yield f"it needs the network: {text[match.start() : match.start() + 60]}"


def has_headings_in_order(lesson: Lesson) -> Iterator[str]:
    first = lesson.notebook.cells[0]
    headings = [heading for text in lesson.prose() for heading in re.findall("^#+ ", text, re.M)]
    levels = [len(heading) - 1 for heading in headings]
    if not (first.cell_type == "markdown" and first.source.startswith("# ")):
        yield "it does not start with a heading of the first level"
    if levels.count(1) != 1:
        yield f"it has {levels.count(1)} headings of the first level"
    if any(below > above + 1 for above, below in pairwise(levels)):
        yield f"a level of headings is skipped: {levels}"


def describes_its_pictures(lesson: Lesson) -> Iterator[str]:
    for text in lesson.prose():
        for match in re.finditer(r"!\[\s*\]\s*[(\[].*", text):
            yield f"a picture has no alt text: {match[0]}"
    for text in [*lesson.prose(), *lesson.shown("text/html", "text/markdown")]:
        for alt in alt_texts(text):
            if not alt.strip():
                yield f"an <img> has no alt text: {text[:60]}"


def points_to_files_that_exist(lesson: Lesson) -> Iterator[str]:
    for text in lesson.prose():
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not target.startswith("https://") and not (run.FOLDER / target).exists():
                yield f"there is no {target}"


def alt_texts(html: str) -> list[str]:
    """Return the alt text, perhaps empty, of each <img> in `html`."""
    found = []

    class Images(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "img":
                found.append(dict(attributes).get("alt") or "")

    Images().feed(html)
    return found


PROPERTIES = [
    is_canonical,
    is_run_from_top_to_bottom,
    shows_outputs,
    shows_only_wanted_errors,
    stores_no_widgets,
    has_plain_name,
    is_small,
    names_no_machine_path,
    fetches_nothing,
    has_headings_in_order,
    describes_its_pictures,
    points_to_files_that_exist,
]


def code(source: str, *outputs: NotebookNode, **arguments: object) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), **{"execution_count": 1, **arguments})


def printed(text: str) -> NotebookNode:
    return new_output("stream", text=text)


def html(text: str) -> NotebookNode:
    return new_output("display_data", {"text/html": text})


RAISED = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
TITLE = new_markdown_cell("# Title")
GOOD = [
    new_markdown_cell(
        "# Title\n\n## Part\n\n### Detail\n\n## Part\n\n![A face](../figures/overview.png)\n\n"
        "[a link](https://example.org/home/page)\n\n```\n# no heading, ![](no picture)\n```"
    ),
    code("print(1 / 3)", printed("0.33 after 12 ms\n")),
    code("show()", html('<img alt="A map" src="data:image/png;base64,AA==">'), execution_count=2),
    code("f()", RAISED, execution_count=3, metadata={"tags": ["raises-exception"]}),
]


def lesson_of(cells: list[NotebookNode], name: str = "00_title.ipynb") -> Lesson:
    return Lesson(Path(name), run.canonical(new_notebook(cells=cells)))


def one_cell(*outputs: NotebookNode, source: str = "f()", **arguments: object) -> Lesson:
    return lesson_of([TITLE, code(source, *outputs, **arguments)])


def prose(*texts: str, name: str = "00_title.ipynb") -> Lesson:
    return lesson_of([new_markdown_cell(text) for text in texts], name)


@pytest.mark.parametrize("holds", PROPERTIES)
def test_good_lesson_has_every_property(holds: Callable[[Lesson], Iterator[str]]):
    assert list(holds(lesson_of(GOOD))) == []


WIDGET_STATE = NotebookNode(widgets=NotebookNode(state={}))
WRONG = [
    (is_canonical, Lesson(Path("a"), nbformat.writes(new_notebook(cells=GOOD)))),
    (is_canonical, Lesson(Path("a"), lesson_of(GOOD).text + "\n")),
    (is_run_from_top_to_bottom, one_cell(execution_count=None)),
    (is_run_from_top_to_bottom, one_cell(execution_count=2)),
    (is_run_from_top_to_bottom, lesson_of([TITLE, code("1"), code("2")])),
    (shows_outputs, one_cell()),
    (shows_outputs, prose("# Only words")),
    (shows_outputs, lesson_of(GOOD, GLOSSARY)),
    (shows_only_wanted_errors, one_cell(RAISED)),
    (shows_only_wanted_errors, one_cell(metadata={"tags": ["raises-exception"]})),
    (stores_no_widgets, Lesson(Path("a"), nbformat.writes(new_notebook(metadata=WIDGET_STATE)))),
    (has_plain_name, lesson_of(GOOD, "00_caf\xe9.ipynb")),
    (has_plain_name, lesson_of(GOOD, "Untitled.ipynb")),
    (has_plain_name, lesson_of(GOOD, "appendix.ipynb")),
    (is_small, one_cell(printed("x" * 3_000_001))),
    (names_no_machine_path, one_cell(printed("/home/me/face.png"))),
    (names_no_machine_path, one_cell(source="open('/tmp/face.png')")),
    (names_no_machine_path, one_cell(printed(r"C:\Users\me"))),
    (names_no_machine_path, one_cell(html('<a href="/root/face.png">'))),
    (fetches_nothing, one_cell(html('<img alt="A" src="https://example.org/a.png">'))),
    (fetches_nothing, one_cell(html("<script src=//example.org/a.js></script>"))),
    (fetches_nothing, one_cell(html('<link rel="stylesheet" href="http://example.org/a.css">'))),
    (fetches_nothing, one_cell(html('<script>import("https://example.org/a.js")</script>'))),
    (fetches_nothing, prose("# A\n\n![A](https://example.org/a.png)")),
    (has_headings_in_order, prose("No heading")),
    (has_headings_in_order, prose("## Second")),
    (has_headings_in_order, prose("# First", "# First")),
    (has_headings_in_order, prose("# First", "### Third")),
    (has_headings_in_order, lesson_of(GOOD[::-1])),
    (points_to_files_that_exist, prose("# A\n\n![A face](../figures/gone.png)")),
    (points_to_files_that_exist, prose("# A\n\n[next](99_gone.ipynb#part)")),
    (describes_its_pictures, prose("# A\n\n![](a.png)")),
    (describes_its_pictures, prose("# A\n\n![ ][a]")),
    (describes_its_pictures, prose('# A\n\n<img src="a.png">')),
    (describes_its_pictures, one_cell(html('<figure><img src="a.png" alt=" "></figure>'))),
    (describes_its_pictures, one_cell(html('<img alt="A" src="a.png"><img src="b.png" />'))),
]


@pytest.mark.parametrize(("holds", "lesson"), WRONG)
def test_wrong_lesson_is_caught(holds: Callable[[Lesson], Iterator[str]], lesson: Lesson):
    assert list(holds(lesson)) != []


def test_every_property_is_shown_to_fail():
    assert {holds for holds, _ in WRONG} == set(PROPERTIES)


@pytest.mark.parametrize("holds", PROPERTIES)
def test_a_glossary_of_words_alone_has_every_property(holds: Callable[[Lesson], Iterator[str]]):
    assert list(holds(prose("# Glossary", "## gate\n\nA weight.", name=GLOSSARY))) == []


def test_all_notebooks_are_lessons_but_the_glossary():
    assert {*NOTEBOOKS} == {*run.FOLDER.glob("*.ipynb")}
    assert len(LESSONS) == len(NUMBERS) + 2  # 00 and the appendix have no exercises


@functools.cache
def lesson_in(path: Path) -> Lesson:
    """Decoded from bytes: reading as text would hide the line ends of Windows."""
    return Lesson(path, path.read_bytes().decode())


@pytest.mark.parametrize("holds", PROPERTIES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, holds: Callable[[Lesson], Iterator[str]]):
    assert list(holds(lesson_in(path))) == []


# From here on: notebooks/run.py and conftest.py themselves, on small lessons.

WAYWARD = [  # each would give other bytes at each run, were it stored as it comes
    "print(object())\nimport sys\nprint(1, flush=True)\nprint(2, flush=True)\nobject()",
    "import numpy, matplotlib.pyplot as plt\nplt.imshow(numpy.eye(9));",
    "import ipywidgets\nipywidgets.VBox([ipywidgets.IntSlider()])",
    "hash('a')",
]
RED_DOT = """import base64, io
from PIL import Image
buffer = io.BytesIO()
Image.new("RGB", (9, 9), (200, 0, 0)).save(buffer, "PNG")
data = {"image/png": buffer.getvalue()}
data["text/html"] = f'<img alt="dot" src="data:image/png;base64,'
data["text/html"] += base64.b64encode(buffer.getvalue()).decode() + '">'
display({**data, "image/png": base64.b64encode(buffer.getvalue()).decode()}, raw=True)"""


def write(folder: Path, *sources: str, name: str = "00_small.ipynb") -> Path:
    path = folder / name
    cells = [new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lesson that was run and stored; to be copied, not changed."""
    path = write(tmp_path_factory.mktemp("stored"), *WAYWARD, RED_DOT, "print(f'{0.5:.1f} s')")
    assert run.main([], path.parent) == 0
    return path


@pytest.fixture
def lesson(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(stored, tmp_path))


def test_two_runs_give_the_same_bytes(stored, tmp_path):
    again = write(tmp_path, *WAYWARD, RED_DOT, "print(f'{0.5:.1f} s')")
    assert run.main([], again.parent) == 0
    assert again.read_bytes() == stored.read_bytes()
    assert list(is_canonical(Lesson(stored, stored.read_bytes().decode()))) == []
    for trace in ["0x0", "VBox", '"image/png"']:  # what was made stable was there
        assert trace in stored.read_text()


def test_running_a_stored_lesson_again_changes_nothing(lesson):
    before = lesson.read_bytes()
    assert run.main(["00_small"], lesson.parent) == 0
    assert lesson.read_bytes() == before


def test_check_finds_the_first_cell_that_differs(lesson, capsys):
    change(lesson, '"1\\n"', '"3\\n"')
    change(lesson, "hash('a')", "hash('b')")
    content = lesson.read_bytes()
    assert run.main(["--check"], lesson.parent) == 1
    sentence = "00_small.ipynb: a fresh run gives another output for cell 1 ("
    assert sentence in capsys.readouterr().out
    assert lesson.read_bytes() == content


def test_check_finds_a_form_that_is_not_canonical(lesson, capsys):
    change(lesson, '"name": "python3"', '"name": "my-kernel"')
    assert run.main(["--check"], lesson.parent) == 1
    assert "00_small.ipynb is not in canonical form" in capsys.readouterr().out


def test_check_forgives_a_rounded_pixel_and_a_duration(lesson):
    change(lesson, "(200, 0, 0)", "(201, 2, 3)")
    change(lesson, "{0.5:.1f}", "{0.72:.2f}")
    assert run.main(["--check"], lesson.parent) == 0


def test_check_forgives_what_nbval_is_told_to_ignore(tmp_path):
    path = write(tmp_path, "import platform\nplatform.node()")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata.tags = ["nbval-ignore-output"]
    nbformat.write(notebook, path)
    assert run.main([], tmp_path) == 0
    change(path, platform.node(), "elsewhere")
    assert run.main(["--check"], tmp_path) == 0


FORGIVEN = {  # changes to the stored lesson: none but a pixel, a duration and what is ignored
    "(200, 0, 0)": "(201, 2, 3)",
    "{0.5:.1f}": "{0.72:.2f}",
    '"id": "cell-3",\n   "metadata": {}': (
        '"id": "cell-3",\n   "metadata": {"tags": ["nbval-ignore-output"]}'
    ),
    "hash('a')": "hash('b')",
}
DIFFERENT = {
    "print(2, flush=True)": "print(3, flush=True)",  # cell 0
    "numpy.eye(9)": "numpy.eye(8)",  # cell 1
    "hash('a')": "hash('b')",  # cell 3
    "(200, 0, 0)": "(180, 0, 0)",  # cell 4: in the bundle and in HTML
}
OTHERWISE = {
    "print(2, flush=True)": "display(2); print(2)",  # cell 0
    '"execution_count": 4': '"execution_count": 5',  # cell 3
}


def test_nbval_compares_texts_and_pixels_and_nothing_that_a_machine_decides(stored, tmp_path):
    for name, changes in enumerate([FORGIVEN, DIFFERENT, OTHERWISE]):
        path = Path(shutil.copy(stored, tmp_path / f"{name}.ipynb"))
        for before, after in changes.items():
            change(path, before, after)
    options = ["--nbval", "--nbval-current-env", "-p", "notebooks.conftest", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-q", *options, f"--rootdir={tmp_path}", tmp_path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    cells = re.findall(r"^FAILED \S*(\d)\.ipynb::Cell (\d)", result.stdout, re.MULTILINE)
    assert sorted(cells) == [*product("1", "0134"), *product("2", "03")], result.stdout
    assert "6 failed, 12 passed" in result.stdout


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("x = 1\n1 / 0", "00_small.ipynb, cell 2 (x = 1): ZeroDivisionError: division by zero"),
        ("import os\nos._exit(1)", "00_small.ipynb, cell 2 (import os): Kernel died"),
        ("import time\ntime.sleep(60)", "00_small.ipynb, cell 2 (import time): A cell timed out"),
    ],
)
def test_failing_cell_is_named_and_the_stored_lesson_stays(tmp_path, monkeypatch, source, sentence):
    monkeypatch.setattr(run, "CELL_TIMEOUT", 2)
    path = write(tmp_path, "1 + 1", source)
    before = path.read_bytes()
    with pytest.raises(SystemExit) as end:
        run.main([], tmp_path)
    assert end.value.code.startswith(sentence)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", [b"", b"<<<<<<< HEAD", b"[]", b'{"cells": [{}]}', b'{"a": 1}', b"\xff\xfe"]
)
@pytest.mark.parametrize("option", [[], ["--check"]])
def test_what_is_no_notebook_is_told_in_a_sentence(tmp_path, content, option):
    (tmp_path / "00_small.ipynb").write_bytes(content)
    with pytest.raises(SystemExit, match=r"^00_small\.ipynb is no notebook \("):
        run.main(option, tmp_path)


def test_a_kernel_that_never_starts_is_told_in_a_sentence(tmp_path, monkeypatch):
    write(tmp_path, "1 + 1")
    for error in (RuntimeError("Kernel didn't respond"), RuntimeError(), NoSuchKernel("python3")):
        monkeypatch.setattr(run.NotebookClient, "execute", Mock(side_effect=error))
        with pytest.raises(SystemExit, match=r"^00_small\.ipynb"):
            run.main([], tmp_path)


def test_wanted_error_is_stored_without_its_frames(tmp_path):
    path = write(tmp_path, "import json\njson.loads('{')")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, path)
    assert run.main([], tmp_path) == 0
    (output,) = nbformat.read(path, as_version=4).cells[0].outputs
    assert output.traceback == [f"JSONDecodeError: {output.evalue}"]


def test_only_the_named_lessons_are_run(tmp_path):
    first, second = (write(tmp_path, "1", name=name) for name in ("00_a.ipynb", "01_b.ipynb"))
    before = first.read_bytes()
    assert run.main(["notebooks/01_b.ipynb"], tmp_path) == 0
    assert first.read_bytes() == before
    assert nbformat.read(second, as_version=4).cells[0].execution_count == 1
    with pytest.raises(SystemExit, match=r"^There is no lesson '02'; there are: 00_a, 01_b\.$"):
        run.main(["02"], tmp_path)


def test_a_lesson_with_a_letter_comes_after_its_number_and_is_another(tmp_path):
    names = ("07b_b.ipynb", "08_c.ipynb", "07_a.ipynb")
    second, third, first = (write(tmp_path, "1", name=name) for name in names)
    assert run.choose([], tmp_path) == [first, second, third]
    assert run.choose(["07"], tmp_path) == [first]
    assert run.choose(["07b"], tmp_path) == [second]
    assert list(has_plain_name(lesson_of(GOOD, second.name))) == []
    assert list(has_plain_name(lesson_of(GOOD, "07bc_d.ipynb"))) != []


def test_an_appendix_is_run_like_a_lesson_and_last(tmp_path):
    names = ("appendix_a.ipynb", "00_b.ipynb", "notes.ipynb")
    paths = {name: write(tmp_path, "1", name=name) for name in names}
    appendix, first, _ = paths.values()
    assert run.choose([], tmp_path) == [first, appendix]
    assert run.choose(["appendix"], tmp_path) == [appendix]
    assert list(has_plain_name(lesson_of(GOOD, appendix.name))) == []
