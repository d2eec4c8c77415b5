"""What Sphinx's pages lack, put into the finished HTML of the site.

Pictures keep letters that can be read on a phone, long tables become cards there, words of the
glossary open where they stand, and those who hear a page are told what its parts are.
"""

import os
import re
from colorsys import hls_to_rgb, rgb_to_hls
from functools import cache
from html import escape
from pathlib import Path

from PIL import Image

READABLE = 0.81  # of a picture's natural width: letters of 8 points are then 9 pixels high
DOTS = 100  # pixels of the page for an inch of a picture, as `vtff_lib.plots` has it
NIGHT = 0.08  # how light a dark page is
NARROW = 25  # letters in a table's cell, on average: for more a phone has no columns

PICTURE = re.compile(r'<img (alt="[^"]*")[^>]*? src="([^":]+\.(?:png|jpg|svg))"[^>]*>')
INKED = re.compile(r"(fill: )?(#[0-9a-f]{6})\b(; stroke: #[0-9a-f]{6})?")
TABLE = re.compile(r'<table class="docutils.*?</table>', re.DOTALL)
ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
CELL = re.compile(r"<t([hd])( [^>]*)?>(.*?)</t\1>", re.DOTALL)
WORD = re.compile(r'<section id="([^"]+)">\s*<h2>(.*?)<a .*?</h2>(.*?)</section>', re.DOTALL)
CODE = re.compile(r"<code.*?</code>", re.DOTALL)

# What Furo and Sphinx leave unsaid, or say in roles that are no more.
SAID = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer': '<aside aria-label="This page" class="toc-drawer',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
    ' role="doc-biblioentry"': "",
    'role="heading"': 'role="heading" aria-level="2"',
    'role="list" class="citation-list"': "",
}
TO_TOP = re.compile(r'<a href="#" class="back-to-top.*?</a>', re.DOTALL)


def finish(folder: Path) -> None:
    """Finish all pages of the site in `folder`."""
    glossary = folder / "notebooks" / "glossary.html"
    words = words_of(glossary.read_text(encoding="utf-8")) if glossary.exists() else {}
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if "furo-main-content" not in text:
            continue  # a page of our own, such as the explorer
        for short, whole in SAID.items():
            text = text.replace(short, whole)
        text = TO_TOP.sub(r'<nav aria-label="Top of the page">\g<0></nav>', text)
        text = TABLE.sub(lambda table: cards(table[0]), text)
        text = PICTURE.sub(lambda img: picture(img, path.parent), text)  # noqa: B023
        if path != glossary:
            text = text.replace("</body>", f"{templates(text, words)}</body>")
        path.write_text(text, encoding="utf-8", newline="\n")


def picture(img: re.Match[str], folder: Path) -> str:
    """Return a picture that knows its size, and below which it is scrolled and no more shrunk.

    It is a link to itself alone, where letters can be made large. A drawing has a twin for the
    night.
    """
    alt, source = img.groups()
    path = Path(os.path.normpath(folder / source))
    width, height = size(path)
    shown = (
        f'<img {alt} loading="lazy" src="{source}" width="{width}" height="{height}" '
        f'style="--readable:{round(READABLE * width)}px">'
    )
    if path.suffix == ".svg":
        night = path.with_stem(f"{path.stem}_dark")
        night.write_text(at_night(path.read_text(encoding="utf-8")), encoding="utf-8")
        twin = shown.replace(source, source.replace(path.name, night.name))
        shown = "".join(
            each.replace("<img", f'<img class="only-{when}"')
            for when, each in (("light", shown), ("dark", twin))
        )
    return f'<a class="picture" href="{source}">{shown}</a>'


@cache
def size(path: Path) -> tuple[int, int]:
    """Return how wide and high a picture is on a page, in pixels."""
    if path.suffix == ".svg":
        head = path.read_text(encoding="utf-8")[:2000]
        points = re.search(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"', head)
        if not points:
            raise ValueError(f"{path.name} does not say how large it is, in points.")
        width, height = (float(each) * 96 / 72 for each in points.groups())
    else:
        with Image.open(path) as image:
            dots = image.info.get("dpi", (DOTS, DOTS))[0]
            width, height = (each * DOTS / dots for each in image.size)
    return round(width), round(height)


def at_night(drawing: str) -> str:
    """Return an SVG for a dark page: ink is light, paper and tints are dark, colours stay.

    But a cell that is filled with a colour is made dark, for the letters on it are ink.
    """

    def turned(found: re.Match[str]) -> str:
        before, colour, behind = found.groups()
        levels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
        hue, light, pure = rgb_to_hls(*levels)
        filled = before and behind and behind[-7:] != colour
        if pure < 0.3 or light > 0.7:
            light = 1 - (1 - NIGHT) * light
        elif filled:
            light /= 2
        levels = hls_to_rgb(hue, light, pure)
        shown = "#" + "".join(f"{round(255 * level):02x}" for level in levels)
        return f"{before or ''}{shown}{INKED.sub(turned, behind or '')}"

    ink = INKED.sub(turned, "#000000")
    return INKED.sub(turned, drawing).replace("<svg ", f'<svg fill="{ink}" ', 1)  # if none is named


def cards(table: str) -> str:
    """Return a table whose cells know their heading, marked if a phone has no room for its columns.

    A heading that is empty is none.
    """
    table = table.replace('<th class="head"><p></p></th>', '<td class="head"></td>')
    table = CODE.sub(lambda code: re.sub(r"(?<=\w)[/_.](?=\w)", r"\g<0><wbr>", code[0]), table)
    head, *rows = ROW.findall(table)
    heads = [text_of(cell[3]) for cell in CELL.finditer(head)]
    letters = sum(len(text_of(row)) for row in rows)
    if letters <= NARROW * len(heads) * len(rows):
        return table

    def named(row: re.Match[str]) -> str:
        names = iter(heads)
        cell = r'<td\2 role="cell" data-head="%s">\3</td>'
        cells = CELL.sub(lambda found: found.expand(cell % next(names)), row[0])
        return cells.replace("<tr", '<tr role="row"')

    before, body = table.split("<tbody>")
    before = before.replace('<table class="', '<table role="table" class="cards ')
    return f'{before}<tbody role="rowgroup">{ROW.sub(named, body)}'


def text_of(markup: str) -> str:
    """Return the text of some HTML, still escaped."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", markup)).strip().replace('"', "&quot;")


def words_of(glossary: str) -> dict[str, str]:
    """Return what the glossary says, by the anchor of a word."""
    return {
        anchor: re.sub(r'href="#', 'href="glossary.html#', said.strip())
        for anchor, _, said in WORD.findall(glossary)
    }


def templates(page: str, words: dict[str, str]) -> str:
    """Return what `site.js` opens where a page links to words of the glossary."""
    linked = dict.fromkeys(re.findall(r'href="glossary\.html#([^"]+)"', page))
    return "".join(
        f'<template id="word-{escape(anchor)}">{words[anchor]}</template>\n'
        for anchor in linked
        if anchor in words
    )
