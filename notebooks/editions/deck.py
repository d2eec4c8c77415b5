"""A lesson as slides: what is on each of them, and in which of the lesson's parts it stands.

What is on a slide, the tags of the cells say:

    slide         the cell starts a slide
    slide-part    the cell goes on the slide before it
    slide-text    plain paragraphs are shown too (they are speaker notes otherwise)
    slide-output  the outputs are shown without the code

A picture has a slide of its own. What follows a **Predict:** on its slide appears on a click, code
before its outputs, and a picture that the prediction says to cover on the slide behind it. A
solution, which needs no tag, follows its exercise. What is too much for the height of a slide goes
on with the next: the browser sees to that, for it alone knows the letters.
"""

import re
from dataclasses import dataclass, field

from bs4 import Tag
from nbformat import NotebookNode

from notebooks import run
from notebooks.editions import source
from notebooks.editions.blocks import (
    clusters,
    covers,
    has_picture,
    highlight,
    is_caption,
    is_heading,
    is_shown,
    parse,
    predicts,
    read_markdown,
    read_output,
    unfolded,
    until_references,
)
from notebooks.editions.guide import Part
from notebooks.editions.pictures import in_pieces

PLACES = {"slide", "slide-part"}
MODIFIERS = {"slide-text", "slide-output"}
SOLUTION = ": a solution"
EXERCISE = re.compile(r"Exercise (\d+)\b")
TITLE = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass
class Slide:
    """What is shown at once, and what is said about it.

    Args:
        title: the heading it stands under.
        section: the last heading above that is not an exercise's: what comes next stands under it.
        part: the place of the guide's part that it belongs to.
        exercise: the place of the exercise that it belongs to; 0 if to none.
        blocks: what is shown, from top to bottom.
        told: what the guide says of it.
        left_out: what the lesson says here, and the slide does not.
        seconds: how long a class needs for it.
    """

    title: str
    section: str = ""
    part: int = 0
    exercise: int = 0
    blocks: list[Tag] = field(default_factory=list)
    told: list[Tag] = field(default_factory=list)
    left_out: list[Tag] = field(default_factory=list)
    clicks: int = 0
    seconds: int = 0

    @property
    def continues(self) -> bool:
        """Whether it stands under a heading that an earlier slide has shown."""
        return not self.blocks or not is_heading(self.blocks[0])

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture's."""
        return any(map(has_picture, self.blocks))

    @property
    def headings(self) -> list[str]:
        """The headings that stand on it."""
        return [block.get_text() for block in self.blocks if is_heading(block)]

    def following(self) -> "Slide":
        """Return an empty slide that stands under the same heading."""
        return Slide(self.title, self.section, self.part, self.exercise)

    def show(self, blocks: list[Tag]) -> None:
        """Put blocks at the end of the slide: at once, or on a click after a prediction."""
        if any(map(predicts, self.blocks)):
            for block in blocks:
                block["class"] = [*block.get("class", []), "fragment"]
                block["data-fragment-index"] = str(self.clicks)
            self.clicks += bool(blocks)
        self.blocks += blocks


def make_slides(notebook: NotebookNode, name: str, parts: list[Part] | None = None) -> list[Slide]:
    """Return the slides of a lesson.

    Args:
        notebook: the lesson.
        name: its file's, for errors.
        parts: the guide's parts of the lesson.

    Raises:
        ValueError: if a cell's tags make no sense.
    """
    slides: list[Slide] = []
    part = exercise = 0
    for index, cell in enumerate(notebook.cells):
        wanted = slide_tags(cell)
        problem = problem_of(wanted, first=not slides)
        if problem:
            raise ValueError(f"{name}, {run.name_of(cell, index)}: {problem}")
        part, exercise = where(cell, parts or [], part, exercise)
        behind = bool(slides) and slides[-1].title.endswith(SOLUTION)
        if "slide" in wanted or (wanted and behind):
            section = slides[-1].section if slides else ""
            title = slides[-1].title if exercise and slides else section
            slides.append(Slide(title, section, part, exercise))
        if wanted and cell.cell_type == "markdown":
            add_markdown(slides, cell)
        elif wanted:
            add_code(slides, cell)
        elif "solution" in source.tags(cell):
            add_solution(slides, cell)
        if "exercise" in source.tags(cell):
            exercise = 0
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


def where(cell: NotebookNode, parts: list[Part], part: int, exercise: int) -> tuple[int, int]:
    """Return the places of the part and exercise of a cell, given those of the cell before."""
    for title in TITLE.findall(cell.source) if cell.cell_type == "markdown" else []:
        found = EXERCISE.match(title)
        exercise = int(found[1]) if found else 0
        for place, each in enumerate(parts):
            if title in each.headings or exercise in each.exercises:
                part = place
    return part, exercise


def add_markdown(slides: list[Slide], cell: NotebookNode) -> None:
    """Add a cell of text to the last slide, and what stands above its heading to the one before."""
    slide = said_on = slides[-1]
    blocks = until_references(read_markdown(cell.source))
    if "slide" in source.tags(cell) and len(slides) > 1 and any(map(is_heading, blocks)):
        said_on = slides[-2]
    shown = []
    for block in blocks:
        if is_heading(block):
            said_on = slide
            slide.title = block.get_text()
            if not EXERCISE.match(slide.title):
                slide.section = slide.title
        if said_on is slide and is_shown(block, source.tags(cell)):
            if predicts(block) or is_caption(block):
                block["class"] = ["ask"] if predicts(block) else ["caption"]
            shown.append(block)
        else:
            said_on.left_out.append(block)
    show(slides, shown)


def add_code(slides: list[Slide], cell: NotebookNode) -> None:
    """Add a cell of code to a slide, then its outputs (an exercise has none worth showing)."""
    if "slide-output" not in source.tags(cell):
        show(slides, parse(highlight(cell.source.replace("\n\n\n", "\n\n"))))
    if "exercise" not in source.tags(cell):
        show(slides, [block for output in cell.outputs for block in read_output(output)])


def add_solution(slides: list[Slide], cell: NotebookNode) -> None:
    """Add the solution of the last exercise that is on a slide."""
    asked = next((slide for slide in reversed(slides) if slide.exercise), None)
    if asked:
        slides.append(asked.following())
        slides[-1].title += SOLUTION
        show(slides, unfolded(read_markdown(cell.source)))


def show(slides: list[Slide], blocks: list[Tag]) -> None:
    """Put blocks on the last slide, and pictures on slides of their own."""
    for cluster in clusters(blocks):
        if has_picture(cluster[0]):
            show_picture(slides, cluster)
        elif slides[-1].is_picture and any(map(covers, cluster)):
            ask_first(slides, cluster)
        else:
            if slides[-1].is_picture:
                slides.append(slides[-1].following())
            slides[-1].show(cluster)


def show_picture(slides: list[Slide], cluster: list[Tag]) -> None:
    """Put a picture with its caption on a slide, or its pieces on several."""
    for piece in in_pieces(cluster[0]):
        if not all(map(is_heading, slides[-1].blocks)):
            slides.append(slides[-1].following())
        slides[-1].blocks += [piece, *cluster[1:]]


def ask_first(slides: list[Slide], cluster: list[Tag]) -> None:
    """Put a question on a slide before that of the picture that is to be covered."""
    pictures = [slides.pop()]
    while slides and slides[-1].is_picture and slides[-1].title == pictures[0].title:
        pictures.insert(0, slides.pop())
    asked = pictures[0].following()
    asked.blocks = [block for block in pictures[0].blocks if is_heading(block)]
    pictures[0].blocks = [block for block in pictures[0].blocks if not is_heading(block)]
    asked.show(cluster)
    slides += [asked, *pictures]
