"""What is put into finished pages: sizes of pictures, dark twins, cards, words, names of parts."""

import re

import pytest
from PIL import Image

from notebooks.editions import finish

SVG = '<svg xmlns="x" width="72pt" height="36pt" viewBox="0 0 72 36">{}</svg>'


def table(*rows: list[str]) -> str:
    """Return a table as Sphinx writes it; the first row is its head."""
    head, *body = (
        "".join(f"<t{kind}{style}><p>{cell}</p></t{kind}>\n" for cell in row)
        for row, kind, style in zip(
            rows, "h" + "d" * len(rows), [' class="head"'] + [""] * len(rows), strict=False
        )
    )
    lines = "".join(f'<tr class="row-odd">{row}</tr>\n' for row in body)
    return (
        '<table class="docutils align-default">\n'
        f'<thead>\n<tr class="row-odd">{head}</tr>\n</thead>\n'
        f"<tbody>\n{lines}</tbody>\n</table>"
    )


def finished(body: str, folder) -> str:
    """Return a page with `body` after all that is done to it."""
    path = folder / "page.html"
    path.write_text(f'<body><article id="furo-main-content">{body}</article></body>')
    finish.finish(folder)
    return path.read_text(encoding="utf-8")


def test_letters_of_eight_points_keep_nine_pixels():
    points = 8 / 72 * finish.DOTS
    assert points * finish.READABLE >= 9


def test_a_sharp_picture_is_as_wide_as_its_inches(tmp_path):
    Image.new("L", (400, 300)).save(tmp_path / "a.png", dpi=(200, 200))
    page = finished('<img alt="A" src="a.png" style="width:200px">', tmp_path)
    assert 'width="200" height="150" style="--readable:162px"' in page
    assert '<a class="picture" href="a.png"><img alt="A"' in page


def test_a_drawing_has_a_twin_for_the_night(tmp_path):
    (tmp_path / "a.svg").write_text(SVG.format('<path style="fill: #ffffff"/>'))
    page = finished('<img alt="A" src="a.svg" />', tmp_path)
    assert re.findall(r'class="only-(\w+)"[^>]* src="([^"]+)" width="96"', page) == [
        ("light", "a.svg"),
        ("dark", "a_dark.svg"),
    ]
    assert "#141414" in (tmp_path / "a_dark.svg").read_text()


def test_a_drawing_without_a_size_is_named(tmp_path):
    (tmp_path / "a.svg").write_text("<svg></svg>")
    with pytest.raises(ValueError, match=r"a\.svg does not say how large it is"):
        finish.size(tmp_path / "a.svg")


def lightness(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as WCAG has it."""
    levels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((lightness(one), lightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("fill", ["#ffffff", "#ededed", "#d5ecf9", "#e69f00", "#0072b2", "#d55e00"])
def test_letters_can_be_read_on_every_cell_at_night(fill):
    night = finish.at_night(f'style="fill: {fill}; stroke: #333333"')
    cell, letters = re.findall("#[0-9a-f]{6}", night)
    assert contrast(cell, letters) >= 4.5


def test_what_a_colour_means_does_not_change_at_night():
    lines = 'style="fill: none; stroke: #e69f00" style="fill: #0072b2; stroke: #0072b2"'
    assert finish.at_night(lines) == lines
    assert finish.at_night("<svg ").startswith('<svg fill="#ffffff"')  # unnamed ink is black


LONG = "a row of a table that tells a tale too long for a column on a phone"


def test_a_table_of_long_rows_becomes_cards_whose_cells_know_their_heading():
    shown = finish.cards(table(["", "so"], ["1", LONG], ["2", LONG]))
    assert '<table role="table" class="cards docutils' in shown
    assert shown.count(f'<td role="cell" data-head="so"><p>{LONG}</p></td>') == 2
    assert "<th></th>" not in shown
    assert '<th class="head"><p></p>' not in shown


def test_a_table_of_numbers_stays_a_table():
    numbers = table(["a", "b"], ["1", "2"])
    assert finish.cards(numbers) == numbers


def test_names_break_where_they_have_joints_and_nowhere_else():
    shown = finish.cards(table(["a"], ["<code>maps/a_b.py</code> a/b 0.5"]))
    assert "<code>maps/<wbr>a_<wbr>b.<wbr>py</code> a/b 0.5" in shown


def test_words_that_a_page_links_to_come_along_once(tmp_path):
    (tmp_path / "notebooks").mkdir()
    said = (
        '<section id="{0}">\n<h2>{0}<a href="#{0}">¶</a></h2>\n'
        '<p>It is <a href="#b">b</a>.</p>\n</section>'
    )
    glossary = f'<article id="furo-main-content">{said.format("a")}{said.format("b")}</article>'
    (tmp_path / "notebooks" / "glossary.html").write_text(glossary)
    page = finished('<a href="glossary.html#a">a</a> <a href="glossary.html#a">a</a>', tmp_path)
    assert re.findall(r'<template id="word-(\w+)">(.*?)</template>', page) == [
        ("a", '<p>It is <a href="glossary.html#b">b</a>.</p>')
    ]


def test_parts_of_a_page_have_names(tmp_path):
    page = finished(
        '<aside class="sidebar-drawer"></aside><div id="search-results"></div>', tmp_path
    )
    assert '<aside class="sidebar-drawer" aria-label="All pages">' in page
    assert "<h1>Search</h1>" in page


def test_a_page_of_our_own_is_left_alone(tmp_path):
    (tmp_path / "explorer.html").write_text(text := '<img alt="" src="a.png"></body>')
    finish.finish(tmp_path)
    assert (tmp_path / "explorer.html").read_text() == text
