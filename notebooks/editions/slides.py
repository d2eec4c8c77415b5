"""Slides of the lessons, shown by reveal.js.

    make slides                                              # every deck, in build/slides
    python -m notebooks.editions.slides 03 --out build/look  # one deck, to look at

What is on a slide, the tags of the cells say:

    slide         the cell starts a slide
    slide-part    the cell goes on the slide before it
    slide-text    plain paragraphs are shown too (they are speaker notes otherwise)
    slide-output  the outputs are shown without the code

What follows a **Predict:** on its slide appears on a click, code before its outputs; and so does
the picture above it, if the prediction says to cover it.
"""

import importlib.resources
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from bs4 import BeautifulSoup, Tag
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from notebooks import run
from notebooks.editions import source
from notebooks.editions.equations import mathml, save_font
from vtff_lib.endings import in_a_sentence

PLACES = {"slide", "slide-part"}
MODIFIERS = {"slide-text", "slide-output"}
FOLDED = {"hints", "solution"}  # cells whose folded text is shown, unfolded, if it is on a slide

FILES = Path(__file__).with_name("slides_files")
REVEAL = importlib.resources.files("sphinx_revealjs") / "_static" / "revealjs"
REVEAL_FILES = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")

COVER = re.compile(r"\bcover\b.*\b(drawing|picture)\b")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LIVE = "A still picture: in the notebook, sliders and buttons move it."

highlight = Highlight2HTML(pygments_lexer="ipython3")


class Renderer(IPythonRenderer):
    """Markdown as Jupyter reads it, with its equations in MathML."""

    def block_math(self, body: str) -> str:
        """Return an equation on a line of its own."""
        return mathml(body.strip(), block=True)

    def inline_math(self, body: str) -> str:
        """Return an equation within a line."""
        return mathml(body.strip())


@dataclass
class Slide:
    """What is shown at once, and what is said about it.

    Args:
        title: the heading it stands under.
        section: the last heading above that is not an exercise's: what comes next stands under it.
        blocks: what is shown, from top to bottom.
        advice: the guide's notes for its headings.
        left_out: what the lesson says here, and the slide does not.
    """

    title: str
    section: str
    blocks: list[Tag] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    left_out: list[Tag] = field(default_factory=list)
    clicks: int = 0

    @property
    def continues(self) -> bool:
        """Whether it stands under a heading that an earlier slide has shown."""
        return not self.blocks or self.blocks[0].name not in HEADINGS

    def show(self, blocks: list[Tag]) -> None:
        """Put blocks at the end of the slide: at once, or on a click after a prediction."""
        if any(map(predicts, self.blocks)):
            self.hide(blocks)
        self.blocks += blocks
        if any(predicts(block) and COVER.search(block.text) for block in blocks):
            self.hide([block for block in self.blocks if block.img or is_caption(block)])

    def hide(self, blocks: list[Tag]) -> None:
        """Let blocks appear together, on the next click."""
        for block in blocks:
            block["class"] = [*block.get("class", []), "fragment"]
            block["data-fragment-index"] = str(self.clicks)
        self.clicks += bool(blocks)


def make_slides(notebook: NotebookNode, name: str, advice: dict[str, str]) -> list[Slide]:
    """Return the slides of a lesson.

    Args:
        notebook: the lesson.
        name: its file's, for errors.
        advice: the guide's note for a heading of the lesson.

    Raises:
        ValueError: if a cell's tags make no sense.
    """
    advice = dict(advice)
    slides: list[Slide] = []
    for index, cell in enumerate(notebook.cells):
        wanted = slide_tags(cell)
        problem = problem_of(wanted, first=not slides)
        if problem:
            raise ValueError(f"{name}, {run.name_of(cell, index)}: {problem}")
        if not wanted:
            continue
        if "slide" in wanted:
            section = slides[-1].section if slides else ""
            slides.append(Slide(title=section, section=section))
        if cell.cell_type == "markdown":
            add_markdown(slides, cell, advice)
        else:
            add_code(slides[-1], cell)
    return slides


def slide_tags(cell: NotebookNode) -> set[str]:
    """Return the tags of a cell that are about slides."""
    return {tag for tag in source.tags(cell) if tag == "slide" or tag.startswith("slide-")}


def problem_of(wanted: set[str], first: bool) -> str | None:
    """Tell in words what is wrong with a cell's tags; `first`: no slide comes before it."""
    unknown = wanted - PLACES - MODIFIERS
    if unknown:
        known = ", ".join(sorted(PLACES | MODIFIERS))
        return f"there is no tag {min(unknown)}; there are {known}."
    if wanted and len(wanted & PLACES) != 1:
        return f"beside {', '.join(sorted(wanted))} one of slide and slide-part is needed."
    if "slide-part" in wanted and first:
        return "a slide-part needs a cell with the tag slide before it."
    return None


def add_markdown(slides: list[Slide], cell: NotebookNode, advice: dict[str, str]) -> None:
    """Add a cell of text to the last slide, and what stands above its heading to the one before."""
    slide, said_on = slides[-1], slides[-1]
    blocks = until_references(read_markdown(cell.source))
    if "slide" in source.tags(cell) and len(slides) > 1 and any(map(is_heading, blocks)):
        said_on = slides[-2]
    shown = []
    for block in blocks:
        if is_heading(block):
            said_on = slide
            slide.title = block.get_text()
            if not slide.title.startswith("Exercise "):
                slide.section = slide.title
            if note := advice.pop(slide.title, None):
                slide.advice.append(note)
        if said_on is slide and is_shown(block, source.tags(cell)):
            if predicts(block) or is_caption(block):
                block["class"] = ["ask"] if predicts(block) else ["caption"]
            shown.append(block)
        else:
            said_on.left_out.append(block)
    slide.show(shown)


def add_code(slide: Slide, cell: NotebookNode) -> None:
    """Add a cell of code to a slide, then its outputs (an exercise has none worth showing)."""
    if "slide-output" not in source.tags(cell):
        slide.show(blocks_of(highlight(cell.source.replace("\n\n\n", "\n\n"))))
    if "exercise" not in source.tags(cell):
        slide.show([block for output in cell.outputs for block in read_output(output)])


def read_markdown(text: str) -> list[Tag]:
    """Return the blocks of a markdown text: paragraphs, headings, lists, …"""
    renderer = Renderer(escape=False, exclude_anchor_links=True)
    page = BeautifulSoup(MarkdownWithMath(renderer).render(text), "html.parser")
    decks = {lesson.name: f"{lesson.stem}.html" for lesson in source.lessons()}
    for link in page.find_all("a"):
        link["href"] = decks.get(link.get("href", "").split("#")[0])
        if not link["href"]:
            link.unwrap()  # a deck leads nowhere else
    for picture in page.find_all("img"):
        picture["src"] = picture["src"].removeprefix("../")
    for folded in page.find_all("details"):
        folded["open"] = ""
    return page.find_all(recursive=False)


def read_output(output: NotebookNode) -> list[Tag]:
    """Return an output of a cell as blocks: its HTML, else its markdown, else its text."""
    if output.output_type == "stream":
        return printed(output.text)
    if output.output_type == "error":
        return printed(f"{output.ename}: {output.evalue}")
    if "text/html" in output.data:
        return read_html(output.data["text/html"])
    if "text/markdown" in output.data:
        return read_markdown(output.data["text/markdown"])
    return printed(output.data["text/plain"])


def printed(text: str) -> list[Tag]:
    """Return printed text as it was printed, with its colours."""
    return blocks_of(f'<pre class="output">{ansi2html(text.rstrip())}</pre>')


def read_html(text: str) -> list[Tag]:
    """Return HTML that a cell has shown; pictures take the looks of the deck."""
    blocks = blocks_of(text)
    for figure in (block for block in blocks if block.name == "figure"):
        for element in [figure, *figure.find_all(style=True)]:
            del element["style"]
        if figure.get("data-state"):
            caption = figure.figcaption or figure
            caption.append(f" {LIVE}")
    return blocks


def blocks_of(text: str) -> list[Tag]:
    """Return the outermost elements of some HTML."""
    return BeautifulSoup(text, "html.parser").find_all(recursive=False)


def until_references(blocks: list[Tag]) -> list[Tag]:
    """Return the blocks above the list of references: it is for reading."""
    texts = [block.get_text().strip() for block in blocks]
    return blocks[: texts.index("References")] if "References" in texts else blocks


def is_heading(block: Tag) -> bool:
    """Tell whether a block is a heading."""
    return block.name in HEADINGS


def is_shown(block: Tag, tags: list[str]) -> bool:
    """Tell whether a block of a markdown cell with these tags is on the slide, or only said."""
    if block.name == "details":
        return bool(FOLDED & set(tags))
    if block.get_text().startswith("In the library:"):
        return False
    return (
        block.name != "p"
        or "slide-text" in tags
        or predicts(block)
        or leads_in(block)
        or is_caption(block)
        or block.select_one("img, math[display=block]") is not None
    )


def predicts(block: Tag) -> bool:
    """Tell whether a paragraph asks for a prediction."""
    return block.name == "p" and block.get_text().startswith("Predict:")


def is_caption(block: Tag) -> bool:
    """Tell whether all of a paragraph is in italics, as captions and the minutes are."""
    return block.name == "p" and block.em is not None and block.em.text == block.text.strip()


def leads_in(paragraph: Tag) -> bool:
    """Tell whether a paragraph is one open sentence above a list, a table or an equation."""
    below = paragraph.find_next_sibling()
    text = paragraph.get_text()
    return (
        below is not None
        and (below.name in ("ul", "ol", "table") or below.select_one("math[display=block]"))
        and ". " not in text
        and not text.endswith(".")
    )


def copy_reveal(folder: Path) -> None:
    """Copy what the decks use of reveal.js."""
    for name in REVEAL_FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REVEAL / name).read_bytes())


def copy_pictures(slides: list[Slide], folder: Path) -> None:
    """Copy the pictures that the lessons' text shows, each to the path that its slide names."""
    for block in (block for slide in slides for block in slide.blocks):
        for picture in block.find_all("img"):
            if not picture["src"].startswith("data:"):
                target = folder / picture["src"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source.ROOT / picture["src"], target)


def make(folder: Path, lessons: list[Path], solutions: bool = True) -> None:
    """Write the decks of these lessons, and all that they need, into `folder`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    advice = source.speaker_notes()
    decks = {}
    with source.making(folder) as partial:
        for lesson in lessons:
            notebook = source.read(lesson, solutions)
            slides = make_slides(notebook, lesson.name, advice.get(source.number(lesson), {}))
            if not slides:
                raise ValueError(f"{lesson.name}: no cell has the tag slide.")
            title = slides[0].title
            page = environment.get_template("deck.html.j2").render(title=title, slides=slides)
            (partial / f"{lesson.stem}.html").write_text(page, encoding="utf-8", newline="\n")
            copy_pictures(slides, partial)
            decks[lesson.stem] = (title, len(slides))
        index = environment.get_template("index.html.j2").render(decks=decks)
        (partial / "index.html").write_text(index, encoding="utf-8", newline="\n")
        for name in ("theme.css", "deck.js"):
            shutil.copy(FILES / name, partial)
        save_font(partial)
        copy_reveal(partial / "reveal")


def main(arguments: list[str] | None = None) -> None:
    """Make the decks as asked on the command line."""
    parser = source.arguments("Make slides of the lessons.", "slides")
    parser.add_argument("lessons", nargs="*", help="such as 03; all, if none is named")
    options = parser.parse_args(arguments)
    with in_a_sentence(source.STOPPED):
        lessons = run.choose(options.lessons, source.NOTEBOOKS)
        make(options.out, lessons, solutions=options.solutions == "shown")
        print(f"{options.out / 'index.html'}: slides of {len(lessons)} lessons")


if __name__ == "__main__":
    main()
