"""The glossary, and the links that lead to it: each at its word's first use, and no other."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.prose import (
    GLOSSARY,
    LESSONS,
    Paragraph,
    fragment,
    headings,
    markdown,
    notebook,
    paragraphs,
)

FULL = 3  # links to the glossary in a paragraph: with more it cannot be read
ENTRY = re.compile(
    r"## (?P<term>.+)\n\n(?P<definition>.+)\n\n"
    r"Explained in \[(?P<title>[^\]]+)\]\((?P<lesson>\w+\.ipynb)(?:#(?P<heading>\S+))?\)\."
)

# Where a word of the glossary means something else, and is no use of it.
OTHER_MEANINGS = (
    "controls appear",
    "Journal on Control",
    "rotation invariant texture",
    "forgotten with the kernel",
    "shares p is",
    "p ln p",
    "share p costs",
    "power of two",
    "power cut",
    "squeezes each sum",
)


@dataclass(eq=False)  # two alike in one paragraph are still two
class Use:
    """A place where the course uses a word."""

    lesson: str
    paragraph: int  # counted through the course
    linked: bool
    words: str


Course = Sequence[tuple[str, str]]  # names of lessons and the text of their cells, in order


def entries() -> list[re.Match[str]]:
    """Return the entries of the glossary as it is stored."""
    _, *cells = markdown(notebook(GLOSSARY))
    found = [ENTRY.fullmatch(source) for source in cells]
    assert all(found), cells[found.index(None)]
    return found


@pytest.fixture(scope="module")
def glossary() -> dict[str, str]:
    """Every term, and the lesson that explains it."""
    return {entry["term"]: entry["lesson"] for entry in entries()}


@pytest.fixture(scope="module")
def course() -> Course:
    return [(path.name, source) for path in LESSONS for source in markdown(path)]


def uses(glossary: Mapping[str, str], text: Sequence[tuple[str, Paragraph]]) -> dict[str, list]:
    """Return all uses of each term, in order; a longer term hides a shorter one inside it."""
    term_at = {f"{GLOSSARY}#{fragment(term)}": term for term in glossary}
    term_of = {plain(term): term for term in glossary}
    for _, paragraph in text:
        for link in paragraph.links:
            if term := term_at.get(link.target):
                term_of[plain(link.text)] = term
    forms = (
        f"(?i:{re.escape(form[0])}){re.escape(form[1:])}" if form[1:] else form for form in term_of
    )
    pattern = re.compile(
        rf"(?<![\w-])({'|'.join(sorted(forms, key=len, reverse=True))})(?=s?(?!\w))"
    )
    others = re.compile("|".join(OTHER_MEANINGS))

    found: dict[str, list[Use]] = {term: [] for term in glossary}
    for number, (lesson, paragraph) in enumerate(text):
        for words, target, _ in paragraph.pieces:
            if term := term_at.get(target):
                found[term].append(Use(lesson, number, True, words))
            if target:
                continue
            words = others.sub("\0", words)
            for match in pattern.finditer(words):
                around = words[max(0, match.start() - 30) : match.end() + 10]
                found[term_of[plain(match[0])]].append(Use(lesson, number, False, around))
    return found


def plain(words: str) -> str:
    """Return a term as it stands within a sentence: U stays, Gate becomes gate."""
    return words[0].lower() + words[1:] if words[1:] else words


def misplaced(glossary: Mapping[str, str], course: Course) -> Iterator[str]:
    """Yield what is wrong with the links of a course to its glossary."""
    text = [(lesson, each) for lesson, source in course for each in paragraphs(source)]
    crowd = [sum(GLOSSARY in link.target for link in paragraph.links) for _, paragraph in text]
    for (lesson, paragraph), count in zip(text, crowd, strict=True):
        if count > FULL:
            yield f"{lesson}: {count} links to the glossary in one paragraph: {paragraph.text}"
        for link in paragraph.links:
            name, _, place = link.target.partition("#")
            if name == GLOSSARY and place not in map(fragment, glossary):
                yield f"{lesson}: there is no {place} in the glossary"
    written = sum(source.count(f"]({GLOSSARY}#") for _, source in course)
    if written != sum(crowd):
        yield f"{written - sum(crowd)} links stand in a heading, a picture's text or code"

    for term, found in uses(glossary, text).items():
        due = {next(roomy(found, crowd), None)}
        due.add(next(roomy([use for use in found if use.lesson == glossary[term]], crowd), None))
        due.discard(None)
        if not due:
            yield f"{term} is in the glossary and in no lesson"
        for use in due:
            if not use.linked:
                yield f"{use.lesson}: {term} lacks its link here: {use.words}"
        for use in found:
            if use.linked and use not in due:
                yield f"{use.lesson}: {term} has a link too many: {use.words}"


def roomy(found: Sequence[Use], crowd: Sequence[int]) -> Iterator[Use]:
    """Yield the uses in paragraphs where a link is or could be."""
    return (use for use in found if use.linked or crowd[use.paragraph] < FULL)


def test_every_word_is_linked_where_it_is_first_used(glossary, course):
    assert list(misplaced(glossary, course)) == []


SMALL = {"gate": "04.ipynb", "rank": "04.ipynb", "rank correlation": "08.ipynb"}
GATE, RANK, TEST = (f"{GLOSSARY}#{place}" for place in ("gate", "rank", "rank-correlation"))
RIGHT = [
    ("00.ipynb", f"# The gate\n\nTwo **[gates]({GATE})** and a gate.\n\n`gate`"),
    ("04.ipynb", f"[*Gate*]({GATE}) and [rank]({RANK}) and gate. A confidence interval."),
    ("08.ipynb", f"| a [rank correlation]({TEST}) |\n|---|\n| rank |"),
]


def test_links_at_the_first_uses_are_right():
    assert list(misplaced(SMALL, RIGHT)) == []


@pytest.mark.parametrize(
    ("lesson", "text", "problem"),
    [
        (0, f"Two gates, one [gate]({GATE}).", "00.ipynb: gate lacks its link here: Two gates"),
        (0, f"Gates, then [gates]({GATE})", "00.ipynb: gate lacks its link here: Gates"),
        (0, f"A [gate]({GATE}), again a [gate]({GATE}).", "gate has a link too many: gate"),
        (0, f"A [gate]({GATE}), a [rank]({RANK}) of a [gate]({GATE}), [x]({TEST}).", "4 links"),
        (0, f"## A [gate]({GATE})", "1 links stand in a heading"),
        (0, f"A [gate]({GATE}). ![A [gate]({GATE})](a.png)", "1 links stand in a heading"),
        (0, f"A [gate]({GATE}).\n\n```\n[gate]({GATE})\n```", "1 links stand in a heading"),
        (0, f"A [gate]({GATE}s).", "there is no gates in the glossary"),
        (1, f"Gate, [gate]({GATE}) and [rank]({RANK}).", "04.ipynb: gate lacks its link here"),
        (1, "Nothing.", "rank lacks its link here: rank"),  # of lesson 08's table
        (2, "Nothing.", "rank correlation is in the glossary and in no lesson"),
    ],
)
def test_a_misplaced_link_is_named(lesson, text, problem):
    wrong = list(RIGHT)
    wrong[lesson] = (RIGHT[lesson][0], text)
    assert any(problem in found for found in misplaced(SMALL, wrong)), [*misplaced(SMALL, wrong)]


def test_a_word_waits_where_a_paragraph_is_full():
    words = {"gate": "00.ipynb", "cell": "00.ipynb", "map": "00.ipynb", "view": "00.ipynb"}
    links = [f"[{word}]({GLOSSARY}#{word})" for word in words]
    assert list(misplaced(words, [("00.ipynb", f"{' '.join(links[:3])} view\n\n{links[3]}")])) == []
    early = [("00.ipynb", f"{' '.join(links[:2])} view\n\n{links[3]} {links[2]}")]
    assert any("view lacks its link" in problem for problem in misplaced(words, early))


def test_every_other_meaning_is_met(course):
    text = " ".join(each.text for _, source in course for each in paragraphs(source))
    assert [phrase for phrase in OTHER_MEANINGS if phrase not in text] == []


def test_the_glossary_is_alphabetical_and_defines_no_word_twice(glossary):
    words = [entry["term"] for entry in entries()]
    assert words == sorted(set(words), key=str.casefold)
    assert len(words) == len(glossary) > 100


def astray(entry: Mapping[str, str]) -> Iterator[str]:
    """Yield why an entry does not lead back to the lesson that explains it."""
    places = headings(notebook(entry["lesson"]))
    if entry["title"] != places[0]:
        yield f"{entry['term']}: the lesson's title is {places[0]}"
    if entry["heading"] and [*map(fragment, places)].count(entry["heading"]) != 1:
        yield f"{entry['term']}: there is no heading {entry['heading']}, or there are several"


def encoded(entry: Mapping[str, str]) -> Iterator[str]:
    """Yield the places of an entry that a browser would percent-encode: then JupyterLab fails."""
    for place in (fragment(entry["term"]), entry["heading"] or ""):
        if quote(place, safe="!$&'()*+,/:;=?@-._~") != place:
            yield place


def test_every_entry_leads_back_to_the_lesson_that_explains_it():
    assert [fault for entry in entries() for fault in astray(entry)] == []


def test_a_browser_leaves_the_places_as_they_are():
    assert [place for entry in entries() for place in encoded(entry)] == []


@pytest.mark.parametrize(
    ("finds", "field", "value"),
    [
        (astray, "title", "Another lesson"),
        (astray, "heading", "Gone"),
        (encoded, "term", "the 95 % interval"),
        (encoded, "heading", "50-%"),
    ],
)
def test_an_entry_that_leads_nowhere_is_named(finds, field, value):
    entry = {**entries()[0].groupdict(), field: value}
    assert len([*finds(entry)]) == 1


def test_links_inside_the_glossary_land_on_an_entry(glossary):
    places = {fragment(term) for term in glossary}
    text = "\n".join(markdown(notebook(GLOSSARY)))
    assert {*re.findall(r"\]\(#([^)]+)\)", text)} <= places
