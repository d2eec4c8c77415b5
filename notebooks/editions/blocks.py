"""The blocks of a slide: what a cell says or has shown, as elements of HTML."""

import re

from bs4 import BeautifulSoup, Tag
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from notebooks.editions import source
from notebooks.editions.equations import mathml

FOLDED = {"hints", "solution"}  # cells whose folded text is shown, unfolded, if it is on a slide
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
    return parse(f'<pre class="output">{ansi2html(text.rstrip())}</pre>')


def read_html(text: str) -> list[Tag]:
    """Return HTML that a cell has shown; pictures take the looks of the deck."""
    blocks = parse(text)
    for figure in (block for block in blocks if block.name == "figure"):
        for element in [figure, *figure.find_all(style=True)]:
            del element["style"]
        if figure.get("data-state"):
            caption = figure.figcaption or figure
            caption.append(f" {LIVE}")
    return blocks


def parse(text: str) -> list[Tag]:
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
    if block.get_text().startswith(("In the library:", "Your guess:")):
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


def covers(block: Tag) -> bool:
    """Tell whether a prediction says to cover the picture above it."""
    return predicts(block) and COVER.search(block.text) is not None


def clusters(blocks: list[Tag]) -> list[list[Tag]]:
    """Return blocks in groups: a picture with its caption is one, what lies between is one."""
    groups: list[list[Tag]] = []
    for block in blocks:
        last = groups[-1] if groups else []
        if (
            has_picture(block)
            or not last
            or (has_picture(last[0]) and not (is_caption(block) and len(last) == 1))
        ):
            groups.append([block])
        else:
            last.append(block)
    return groups


def has_picture(block: Tag) -> bool:
    """Tell whether a block holds a picture."""
    return block.name == "img" or block.find("img") is not None


def unfolded(blocks: list[Tag]) -> list[Tag]:
    """Return blocks with what is folded in them in its place."""
    flat: list[Tag] = []
    for block in blocks:
        inside = block.find_all(recursive=False) if block.name == "details" else [block]
        flat += [each.extract() for each in inside if each.name != "summary"]
    return flat
