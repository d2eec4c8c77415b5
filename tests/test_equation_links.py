"""Behind every equation of a lesson stands a link to the line of the library that computes it."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebooks import run
from tests.prose import LESSONS, PARSER, Piece, markdown, paragraph_of

LIBRARY = "../vtff_lib/"


def unlinked(source: str) -> Iterator[str]:
    """Yield the display equations of a cell that have no line **In the library** behind them."""
    tokens = PARSER.parse(source)
    seen = 0
    for index, token in enumerate(tokens):
        if token.type == "math_block":
            seen += 1
            behind = next(
                (each for each in tokens[index + 1 :] if each.type != "paragraph_open"), token
            )
            if not (behind.content.startswith("In the library: ") and lines(behind.content)):
                yield token.content.strip()
    if source.count("$$") != 2 * seen:
        yield "an equation that does not stand in a paragraph of its own"


def lines(source: str) -> list[Piece]:
    """Return the links of a text that lead to modules of the library."""
    paragraphs = [paragraph_of(token) for token in PARSER.parse(source) if token.type == "inline"]
    links = [link for each in paragraphs for link in each.links]
    return [link for link in links if re.match(rf"{LIBRARY}.*\.py$", link.target)]


def faults(link: Piece, folder: Path = run.FOLDER) -> Iterator[str]:
    """Yield what is wrong with a link to a line: its title is a piece of that line."""
    code = (folder / link.target).read_text(encoding="utf-8")
    if (count := code.count(link.title) if link.title else 0) != 1:
        yield f"{link.title!r} stands {count} times in {link.target}"
    module = link.target.removeprefix("../").removesuffix(".py").replace("/", ".")
    path, _, name = f"vtff_lib.{link.text}".rpartition(".")
    if path != module or not hasattr(importlib.import_module(module), name):
        yield f"{link.text} is nothing of {module}"


CELLS = [(path, source) for path in LESSONS for source in markdown(path)]
LINKS = {link: path.stem for path, source in CELLS for link in lines(source)}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_equation_has_its_line_of_the_library_behind_it(path):
    assert [each for source in markdown(path) for each in unlinked(source)] == []


@pytest.mark.parametrize("link", LINKS, ids=lambda link: f"{LINKS[link][:2]}-{link.text}")
def test_a_link_to_the_library_names_what_is_there_and_one_line_of_it(link):
    assert [*faults(link)] == []


LINK = '[`fusion.Fusion`](../vtff_lib/fusion.py "gate = x")'


@pytest.mark.parametrize(
    "source",
    [
        f"$$a$$\n\nIn the library: {LINK}.\n\nMore.",
        f"$$a$$\n\nIn the library: `nn.Linear`, in {LINK}.\n\n$$b$$\n\nIn the library: {LINK}.",
        "No equation, $a$ but one in the line.",
    ],
)
def test_equations_with_their_line_are_let_through(source):
    assert [*unlinked(source)] == []


@pytest.mark.parametrize(
    "source",
    [
        "$$a$$",
        "$$a$$\n\nIn the library: `fusion.Fusion`.",
        f"$$a$$\n\nMore.\n\nIn the library: {LINK}.",
        f"$$a$$\n\n$$b$$\n\nIn the library: {LINK}.",
        f"$$a$$\n\n### In the library: {LINK}.",
        f"Here $$a$$ stands.\n\nIn the library: {LINK}.",
    ],
)
def test_an_equation_without_its_line_is_found(source):
    assert len([*unlinked(source)]) == 1


@pytest.mark.parametrize(
    ("text", "title", "fault"),
    [
        ("fusion.sigmoid_of_sum", "gate = torch", "stands 2 times"),
        ("fusion.sigmoid_of_sum", "gate = nothing", "stands 0 times"),
        ("fusion.sigmoid_of_sum", "", "stands 0 times"),
        ("fusion.no_such_name", "gate = torch.sigmoid(global_map + local_map)", "is nothing of"),
        ("encoder.MLP", "gate = torch.sigmoid(global_map + local_map)", "is nothing of"),
    ],
)
def test_a_link_that_leads_astray_is_named(text, title, fault):
    found = [*faults(Piece(text, f"{LIBRARY}fusion.py", title))]
    assert len(found) == 1
    assert fault in found[0]
