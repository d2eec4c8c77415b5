"""The lessons as a web site: `make site`, or `python -m notebooks.editions.site`.

The site has the repository's layout. `notebooks/03_….ipynb` becomes `notebooks/03_….html`, a module
`vtff_lib/fusion.py` becomes `vtff_lib/fusion.py.html` with an anchor `#L88` for each line, and what
a page links to comes along: a page of its own for Markdown and Python, a copy for anything else.
"""

import ast
import base64
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from notebooks.editions import cheat_sheet, equations, sheets, slides, source
from notebooks.editions.finish import finish
from notebooks.editions.source import ROOT
from vtff_lib.endings import in_a_sentence

FILES = Path(__file__).parent / "site_files"  # settings, style, and the pages that are only here
LIBRARY = ROOT / "vtff_lib"
GLOSSARY = source.NOTEBOOKS / "glossary.ipynb"
CHEAT_SHEET = source.NOTEBOOKS / "cheat_sheet.md"
STANDS = source.NOTEBOOKS / "where_vtff_stands.md"
RUNS = source.NOTEBOOKS / "where_it_runs.md"
LEDGER = ROOT / "figures" / "LEDGER.md"
FIGURES = ROOT / "figures" / "README.md"
FOR_TEACHERS = "for_teachers"  # a page; slides and sheets, to which it leads, are made with it
ORPHAN = "---\norphan: true\nnosearch: true\n---\n\n"  # a page that is in no menu

# `](target#fragment "title")`, behind the text of a link.
LINK = re.compile(r'\]\(([^()#\s"]*)(#(?:[^()\s]|\([^()\s]*\))*)?(?:\s+"((?:[^"\\]|\\.)*)")?\)')
PICTURE = re.compile(r'<img ([^>]*)src="data:image/(png|jpeg|webp);base64,([^"]+)"')
LESSON_TABLE = re.compile(r"^\| lesson \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
TAUGHT_IN = re.compile(r"Taught in ([^.\"]*)")
HEADING = re.compile(r"^(#+ |<details>)", re.MULTILINE)
# A line that is a link to a saved page of the explorer, at a state: `#view=gate&face=3`.
HELD = re.compile(r"^\[([^\]]+)\]\(([\w./]*explorer_\w+\.html#\S*)\)$", re.MULTILINE)

GUESS = "*Your guess:*"
PRINTED = "\n\n[The same on one sheet of paper, to print](to:../printed/cheat_sheet.html)\n"


class Site:
    """The folders from which Sphinx makes a site, filled page by page.

    Args:
        folder: an empty folder.
        solutions: whether the solutions of the exercises are shown, and what is for teachers: the
            guide, which has the answers to the questions for discussion, and the slides.
    """

    def __init__(self, folder: Path, solutions: bool = True):
        self.solutions = solutions
        self.pages = folder / "pages"  # what Sphinx reads
        self.copies = folder / "copies"  # what goes to the site as it is
        self.letters = folder / "letters"  # the font of equations, and the style that names it
        for inner in (self.pages, self.copies, self.letters):
            inner.mkdir()
        self.named = [  # the pages that the menu names, beside those of `site_files/pages`
            *source.lessons(), GLOSSARY, CHEAT_SHEET, STANDS, RUNS, LEDGER, FIGURES,
            *([source.GUIDE] if solutions else []),
        ]  # fmt: skip

    def fill(self) -> None:
        """Write all pages, and all that they need."""
        for path in self.named:
            self.add(path)
        table = LESSON_TABLE.search((ROOT / "README.md").read_text(encoding="utf-8"))
        if not table:
            raise ValueError("README.md has no table of lessons, which the home page shows.")
        meanings = {
            "<LESSON TABLE>": table[0],
            "<LESSONS>": "\n".join(f"notebooks/{lesson.stem}" for lesson in source.lessons()),
            "<MODULES>": "\n".join(self.row(path) for path in sorted(LIBRARY.rglob("*.py"))),
            "<TEACHING TABLE>": teaching_table(),
        }
        for path in (FILES / "pages").rglob("*.md"):
            if path.stem == FOR_TEACHERS and not self.solutions:
                continue
            text = path.read_text(encoding="utf-8")
            for word, meaning in meanings.items():
                text = text.replace(word, meaning)
            if not self.solutions:
                lines = text.splitlines(keepends=True)
                held = (source.GUIDE.stem, FOR_TEACHERS)
                text = "".join(line for line in lines if not any(each in line for each in held))
            place = path.relative_to(FILES / "pages")
            self.write(place, self.relink(text, ROOT / place))
        equations.save_font(self.letters)
        (self.copies / "printed").mkdir()
        cheat_sheet.save(self.copies / "printed")

    def row(self, module: Path) -> str:
        """Return a module's row in the list of all, and write its page."""
        name = module.relative_to(LIBRARY).as_posix()
        return f"| [`{name}`]({name}) | {summary(module)} |"

    def add(self, path: Path) -> None:
        """Write the page of a notebook, a Markdown file or a Python file, unless it is there.

        Raises:
            ValueError: if it is the guide, and solutions are held back.
        """
        if path == source.GUIDE and not self.solutions:
            raise ValueError("A page links to the guide, which has answers: they are held back.")
        place = path.relative_to(ROOT)
        if path.suffix == ".py":
            place = place.with_name(f"{place.name}.md")
        if (self.pages / place).exists():
            return
        self.write(place, "")  # now it is there, for pages that link to each other
        if path.suffix == ".ipynb":
            text = self.notebook(path)
        elif path.suffix == ".py":
            text = module_page(path)
        else:
            text = notes_as_list(path.read_text(encoding="utf-8"))
            if path == CHEAT_SHEET:
                text = text.replace("\n", PRINTED, 1)
            text = self.relink(text, path)
            if path not in self.named:
                text = ORPHAN + text
        self.write(place, text)

    def write(self, place: Path, text: str) -> None:
        """Write what Sphinx reads to make the page at `place`."""
        path = self.pages / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def notebook(self, path: Path) -> str:
        """Return a notebook as a page is made of it, and save one for downloading."""
        notebook = source.read(path, self.solutions)
        download = self.copies / path.relative_to(ROOT)
        download.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, download)
        title, *cells = notebook.cells
        size = download.stat().st_size / 1e6
        shown = f"{size:.1f} MB" if size >= 0.1 else f"{1000 * size:.0f} kB"
        note = (
            f"To read, as it ran. [Download this notebook](to:{path.name}) ({shown}): it runs in "
            "the folder of the whole project."
        )
        notebook.cells = [title, new_markdown_cell(note), *cells]
        if path == GLOSSARY:
            notebook.cells.insert(2, new_markdown_cell(letters(cells)))
        fold(notebook.cells)
        if path not in self.named:
            notebook.metadata |= {"orphan": True, "nosearch": True}  # in no menu, as ORPHAN says
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.relink(cell.source, path)
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "text/markdown" in data:
                    data["text/markdown"] = self.relink(data["text/markdown"], path)
                if "text/html" in data:
                    data["text/html"] = PICTURE.sub(self.take_out, data["text/html"])
        return nbformat.writes(notebook)

    def take_out(self, picture: re.Match[str]) -> str:
        """Save a picture that is inside HTML as a file, so that no page waits for it."""
        attributes, kind, text = picture.groups()
        content = base64.b64decode(text)
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
        folder = self.copies / "notebooks" / "pictures"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        return f'<img {attributes}src="pictures/{name}"'

    def relink(self, text: str, origin: Path) -> str:
        """Return Markdown whose links to the repository's files lead to where they are here.

        What they lead to is added to the site. A link to Python code may have a title: that is
        then a line of code, and the link leads to it.

        Args:
            text: the Markdown.
            origin: the file that it is from, or would be if it were in the repository.

        Raises:
            ValueError: if a title is not found on exactly one line.
        """

        def lead(link: re.Match[str]) -> str:
            target, fragment, title = link[1], link[2] or "", link[3]
            path = Path(os.path.normpath(origin.parent / target)) if target else origin
            if path.is_dir():
                path, target = path / "__init__.py", f"{target}/__init__.py"
            if not path.is_file() or not path.is_relative_to(ROOT):
                return link[0]  # an address, or a page that is only here, or broken: Sphinx knows
            if path.suffix in (".ipynb", ".md"):
                self.add(path)
                anchor = slug(unquote(fragment))
                return f"]({target}{anchor and '#'}{anchor})"
            if path.suffix in (".svg", ".png", ".jpg", ".webp"):
                copy(path, self.pages)
                return link[0]
            if path.suffix == ".py":
                self.add(path)
                target = f"{target}.html"
                if title:
                    code = re.sub(r"\\(.)", r"\1", title)
                    fragment = f"#L{line_of(code, path)}"
            else:
                copy(path, self.copies)
            key = link.string[: link.start()].rpartition("[")[2]
            if path.suffix == ".bib" and key != path.name:
                target, fragment = target.replace(".bib", ".html"), f"#{key}"
            shown = f' "{title}"' if title else ""
            return f"]({'at' if fragment else 'to'}:{target}{fragment}{shown})"

        return LINK.sub(lead, HELD.sub(frame, text))


def teaching_table() -> str:
    """Return a table of the lessons: each with its slides, and its section in the guide."""
    lines = ["| lesson | to show | to prepare |", "|---|---|---|"]
    for lesson in source.lessons():
        number = source.number(lesson)
        title = source.read(lesson).cells[0].source.partition("\n")[0].removeprefix("# ")
        lines.append(
            f"| [{title}](notebooks/{lesson.name}) "
            f"| [slides {number}](to:slides/{lesson.stem}.html) "
            f"| [guide {number}](notebooks/{source.GUIDE.name}#{slug(title)}) |"
        )
    return "\n".join(lines)


def letters(words: list[NotebookNode]) -> str:
    """Return a bar of letters that lead to the glossary's first word of each."""
    names = [word.source.partition("\n")[0].removeprefix("## ") for word in words]
    first = {name[0].upper(): name for name in reversed(names)}
    links = (f"[{letter}](#{slug(first[letter])})" for letter in sorted(first))
    return "\n".join([":::{container} letters", *links, ":::"])


def frame(link: re.Match[str]) -> str:
    """Return a link to the explorer as a frame that holds it at a state, and the link below.

    Without a state, with a bare `#`, the frame is where the page's own address says.
    """
    words, address = link.groups()
    keeps = " data-keeps" if address.endswith("#") else ""
    return (
        f'<iframe class="explorer" src="{address.removesuffix("#")}" title="{words}"{keeps} '
        f'loading="lazy" allow="clipboard-write; camera"></iframe>\n\n{link[0]}'
    )


def fold(cells: list[NotebookNode]) -> None:
    """Hide the code of cells that only draw, and what answers a prediction, until it is asked for.

    Tags are those of MyST-NB. There is nothing to write a guess into, so that line goes. The words
    behind an answer repeat it: they are folded as well, up to the next heading.
    """
    answers = False  # a prediction was asked for, and nothing has been said of it since
    for cell in cells:
        wanted = ["input"] if "draws" in source.tags(cell) else []
        if "predict" in source.tags(cell):
            cell.source = cell.source.replace(GUESS, "").rstrip()
            answers = True
        elif answers and cell.cell_type == "markdown":
            cell.source = folded(cell.source)
            answers = False
        elif answers and cell.get("outputs"):
            wanted.append("output")
        if wanted:
            cell.metadata["tags"] = source.tags(cell) + [f"hide-{what}" for what in wanted]
            ask = "See" if wanted == ["output"] else "The code of this picture"
            cell.metadata["mystnb"] = {
                "code_prompt_show": ask if len(wanted) == 1 else "Show the {type}",
                "code_prompt_hide": "Hide",
            }


def folded(text: str) -> str:
    """Return Markdown with what stands above its first heading or fold in a fold of its own."""
    heading = HEADING.search(text)
    above, below = (text[: heading.start()], text[heading.start() :]) if heading else (text, "")
    if not above.strip():
        return text
    fold = (
        f'<details class="told"><summary>What it tells</summary>\n\n{above.strip()}\n\n</details>'
    )
    return f"{fold}\n\n{below}".rstrip()


def slug(heading: str) -> str:
    """Return how a link to a page names a heading, as GitHub does it for Markdown.

    A link to a notebook keeps case and marks. It gives the same as the heading that it names.
    """
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def copy(path: Path, folder: Path) -> None:
    """Copy a file of the repository to its place in `folder`."""
    target = folder / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def line_of(code: str, path: Path) -> int:
    """Return the number of the one line of the file at `path` that `code` is, or is a part of.

    Raises:
        ValueError: if there is no such line, or more than one.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    numbers = [number for number, line in enumerate(lines, start=1) if code in line]
    if len(numbers) != 1:
        raise ValueError(
            f"A link to {path.relative_to(ROOT).as_posix()} names the code {code!r}, which is on "
            f"{len(numbers)} lines there; it must be on one."
        )
    return numbers[0]


def notes_as_list(text: str) -> str:
    """Return Markdown with its notes for speakers, which a program reads, as lists to read."""

    def as_list(block: re.Match[str]) -> str:
        (notes,) = yaml.safe_load(block[1]).values()
        points = [f"- *{heading}*: {note}" for heading, note in notes.items()]
        return "\n".join(["**To say, part by part.**", "", *points])

    return source.NOTES.sub(as_list, text)


def summary(module: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=\.)\s|\n\n", text, maxsplit=1)[0].replace("\n", " ").replace("|", r"\|")


def module_page(path: Path) -> str:
    """Return the Markdown of a page that shows Python code, with an anchor for each line."""
    text = path.read_text(encoding="utf-8")
    place = path.relative_to(ROOT)
    up = "../" * (len(place.parts) - 1)
    named = " ".join(TAUGHT_IN.findall(text))
    links = [
        f"[lesson {source.number(lesson)}]({up}notebooks/{lesson.name})"
        for lesson in source.lessons()
        if source.number(lesson) in re.findall(r"\w+", named)
    ]
    lines = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).splitlines()
    code = "".join(
        f'<span id="L{number}"><a href="#L{number}" tabindex="-1">{number}</a>{line}\n</span>'
        for number, line in enumerate(lines, start=1)
    )
    page = (FILES / "module.md").read_text(encoding="utf-8")
    taught = f"Taught in {' and '.join(links)}." if links else ""
    return page.format(name=place.as_posix(), up=up, taught=taught, code=code)


def make(folder: Path, solutions: bool = True) -> None:
    """Make the site in `folder`.

    Raises:
        FileExistsError: if `folder` holds other files.
        ValueError: if a page has a fault, such as a broken link; it says which.
    """
    with tempfile.TemporaryDirectory() as temporary, source.making(folder) as partial:
        site = Site(Path(temporary), solutions)
        site.fill()
        settings = {
            "html_static_path": [str(FILES / "static"), str(site.letters)],
            "html_extra_path": [str(site.copies)],
        }
        faults = io.StringIO()
        nocolor()
        with docutils_namespace(), patch_docutils(FILES):
            made = Path(temporary) / "made" / "html"  # MyST-NB writes beside it too
            Sphinx(
                site.pages, FILES, made, Path(temporary) / "read", "html", settings,
                status=None, warning=faults,
            ).build()  # fmt: skip
        if faults.getvalue():
            raise ValueError(faults.getvalue().replace(f"{site.pages}{os.sep}", "").strip())
        finish(made)
        shutil.copytree(made, partial, dirs_exist_ok=True)
        if (partial / f"{FOR_TEACHERS}.html").exists():
            slides.make(partial / "slides", source.lessons(), solutions)
            sheets.make(partial / "sheets")


def main() -> None:
    """Make the site as asked on the command line, and say what it is."""
    given = source.arguments("Make the lessons a web site.", "site").parse_args()
    start = time.perf_counter()
    with in_a_sentence(source.STOPPED):
        make(given.out, given.solutions == "shown")
        files = [path for path in given.out.rglob("*") if path.is_file()]
        pages = sum(path.suffix == ".html" for path in files)
        size = sum(path.stat().st_size for path in files) / 1e6
        seconds = time.perf_counter() - start
        print(f"{pages} pages, {size:.1f} MB, {seconds:.0f} s: open {given.out / 'index.html'}")


if __name__ == "__main__":
    main()
