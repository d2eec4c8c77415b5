"""The markdown of the notebooks, parsed: what is running text, and where its links lead."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from notebooks import run

LESSONS = run.choose([], run.FOLDER)
GLOSSARY = "glossary.ipynb"  # words alone: no lesson, and never run
PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)


class Piece(NamedTuple):
    """Some words: a link's, or what stands between links, code, formulas and pictures."""

    text: str
    target: str = ""
    title: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, an item of a list or a cell of a table."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All of its words."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def links(self) -> list[Piece]:
        """Its links."""
        return [piece for piece in self.pieces if piece.target]


def markdown(path: Path) -> list[str]:
    """Return the markdown cells of a notebook but the solutions, which a course may hold back.

    A page of Markdown is one such cell.
    """
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    return [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown" and "solution" not in cell.metadata.get("tags", [])
    ]


def paragraphs(source: str) -> Iterator[Paragraph]:
    """Yield the running text of a cell: no headings, pictures, code, formulas or HTML."""
    tokens = PARSER.parse(source)
    for opening, token in pairwise(tokens):
        if token.type == "inline" and opening.type != "heading_open":
            yield paragraph_of(token)


def paragraph_of(inline: Token) -> Paragraph:
    """Return the pieces of a paragraph; what is no running text ends a piece."""
    pieces = [Piece("")]
    for token in inline.children or []:
        if token.type == "link_open":
            pieces.append(Piece("", str(token.attrs["href"]), str(token.attrs.get("title", ""))))
        elif token.type == "text" or (token.type == "code_inline" and pieces[-1].target):
            pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + token.content)
        elif token.type in ("softbreak", "hardbreak"):
            pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + " ")
        elif not token.type.startswith(("strong_", "em_")):  # the end of a link too
            pieces.append(Piece(""))
    return Paragraph(tuple(piece for piece in pieces if piece.text))


@functools.cache
def headings(path: Path) -> list[str]:
    """Return the words of a notebook's headings."""
    found = []
    for source in markdown(path):
        tokens = PARSER.parse(source)
        for opening, token in pairwise(tokens):
            if opening.type == "heading_open":
                found.append("".join(child.content for child in token.children or []))
    return found


def fragment(heading: str) -> str:
    """Return what JupyterLab, and GitHub for a notebook, call the place of a heading."""
    return heading.replace(" ", "-")


def notebook(name: str) -> Path:
    """Return the notebook `name` of the course."""
    return run.FOLDER / name
