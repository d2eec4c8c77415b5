"""The bibliography: every work that a lesson names is cited by key, and what is said agrees."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from pybtex.database import Entry, parse_file, parse_string

from notebooks import run
from tests.prose import LESSONS, Paragraph, markdown, paragraphs

BIBLIOGRAPHY = "references.bib"
WORKS = parse_file(str(run.FOLDER / BIBLIOGRAPHY)).entries
PAPER = WORKS["ma2023vtff"]
ROOT = run.FOLDER.parent

# "Ojala et al. (2002)", "Tan and Triggs 2010", "Crawford (2021)", "(Smith 2017)"
NAMED = re.compile(
    r"\b([A-Z][\w-]+)(?: and [A-Z][\w-]+| et al\.| and colleagues) \(?((?:1[89]|20)\d\d)\b"
    r"|\b([A-Z][\w-]+) \((\d{4})\b|\(([A-Z][\w-]+) (\d{4})\b"
)


def listed(path: Path) -> list[Paragraph]:
    """Return the items of a lesson's list **References**."""
    (text,) = [source for source in markdown(path) if "**References**" in source]
    return [*paragraphs(text.split("**References**\n\n")[1].split("\n\n")[0])]


def key(item: Paragraph) -> str:
    """Return what an item ends in, if that is a link to the bibliography."""
    last = item.pieces[-1]
    return last.text if last.target == BIBLIOGRAPHY else ""


def named(text: str) -> set[tuple[str, str]]:
    """Return the works that `text` names: first author and year."""
    return {tuple(filter(None, found)) for found in NAMED.findall(text)}


def first_author(entry: Entry) -> str:
    return entry.persons["author"][0].last_names[0].strip("{}").split()[0]


def address(entry: Entry) -> str | None:
    """Return where an entry's number leads: an arXiv number or DOI says more than an address."""
    fields = entry.fields
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url")


def disagreements(item: Paragraph, entry: Entry | None) -> Iterator[str]:
    """Yield what an item of a list says otherwise than the entry that it cites."""
    if entry is None:
        yield "it does not end in the key of an entry"
        return
    said = item.text.casefold()
    for what, words in (
        ("title", entry.fields["title"].strip("{}")),
        ("first author", first_author(entry)),
        ("year", entry.fields["year"]),
    ):
        if not re.search(rf"\b{re.escape(words.casefold())}(?!\w)", said):
            yield f"{words} is not its {what}"
    led = [unquote(link.target) for link in item.links if link.target != BIBLIOGRAPHY]
    if led != [address(entry)] * ("url" in entry.fields):
        yield f"{led} is not its address"
    if "eprint" in entry.fields and entry.fields["eprint"] not in said:
        yield f"{entry.fields['eprint']} is not its arXiv number"


PAGES = [*LESSONS, run.FOLDER / "where_vtff_stands.md"]  # what has a list of references
LISTS = {path.stem: listed(path) for path in PAGES}


def test_every_item_of_a_list_ends_in_its_key_and_agrees_with_its_entry():
    assert all(LISTS.values()), LISTS
    problems = [
        f"{lesson}: {item.text}: {problem}"
        for lesson, items in LISTS.items()
        for item in items
        for problem in disagreements(item, WORKS.get(key(item)))
    ]
    assert problems == []


def test_every_work_that_a_lesson_names_is_in_its_list():
    missing = {}
    for path in PAGES:
        keys = [key(item) for item in LISTS[path.stem]]
        assert len({*keys}) == len(keys), path.stem
        parts = [source.split("**References**")[0] for source in markdown(path)]
        text = " ".join(each.text for source in parts for each in paragraphs(source))
        cited = {(first_author(WORKS[each]), WORKS[each].fields["year"]) for each in keys}
        missing[path.stem] = named(text) - cited
    assert not any(missing.values()), missing


def test_every_entry_is_cited_somewhere():
    assert {*WORKS} == {key(item) for items in LISTS.values() for item in items}


def faults(entry: Entry) -> Iterator[str]:
    """Yield what is wrong with the addresses of an entry: it has one."""
    fields = entry.fields
    if "url" in fields and unquote(fields["url"]) != address(entry):
        yield f"{fields['url']} is not {address(entry)}"
    if {"eprint", "doi"} <= {*fields}:
        yield "it has an arXiv number and a DOI"
    if fields.get("archiveprefix") != ("arXiv" if "eprint" in fields else None):
        yield "archiveprefix is arXiv with an arXiv number, and only then"


def test_every_entry_gives_one_address():
    problems = [f"{name}: {fault}" for name, entry in WORKS.items() for fault in faults(entry)]
    assert problems == []


def test_the_readme_cites_the_paper_as_the_bibliography_does():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (item,) = [each for each in paragraphs(text) if "The paper is" in each.text]
    fields = PAPER.fields
    for part in (
        "F. Ma, B. Sun, S. Li",
        fields["title"].strip("{}"),
        f"{fields['journal']} {fields['volume']}({fields['number']}), {fields['year']}",
    ):
        assert part in item.text
    assert address(PAPER) in [link.target for link in item.links]


def test_the_citation_file_cites_the_paper_as_the_bibliography_does():
    (cited,) = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
    fields = PAPER.fields
    authors = [
        f"{author['family-names']}, {author['given-names'][0]}." for author in cited["authors"]
    ]
    assert authors == [str(person) for person in PAPER.persons["author"]]
    assert cited["title"] == fields["title"].strip("{}")
    assert [cited["journal"], str(cited["volume"]), str(cited["issue"]), str(cited["year"])] == [
        fields[name] for name in ("journal", "volume", "number", "year")
    ]
    assert f"{cited['start']}--{cited['end']}" == fields["pages"]


SMITH = parse_string(
    "@misc{smith2017, author = {Smith, L. N.}, title = {{Cyclical rates}}, year = {2017},"
    "eprint = {1506.01186}, archiveprefix = {arXiv}, url = {https://arxiv.org/abs/1506.01186}}",
    "bibtex",
).entries["smith2017"]
GOOD = (
    "- L. N. Smith. *Cyclical Rates.* WACV 2017. "
    "[arXiv 1506.01186](https://arxiv.org/abs/1506.01186), [smith2017](references.bib)"
)


def test_an_item_that_agrees_is_let_through():
    (item,) = paragraphs(GOOD)
    assert key(item) == "smith2017"
    assert [*disagreements(item, SMITH)] == []


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("Cyclical", "Cycling", "title"),
        ("Smith", "Smithers", "first author"),
        ("WACV 2017", "WACV 2016", "year"),
        ("abs/1506", "abs/1507", "address"),
        ("arXiv 1506", "arXiv 1507", "arXiv number"),
        ("(https://arxiv.org/abs/1506.01186)", "(a.html)", "address"),
    ],
)
def test_an_item_that_disagrees_is_named(before, after, what):
    (item,) = paragraphs(GOOD.replace(before, after))
    assert any(what in problem for problem in disagreements(item, SMITH))


def test_an_item_whose_key_is_not_last_has_none():
    (item,) = paragraphs(GOOD + ", about steps")
    assert key(item) == ""
    assert [*disagreements(item, WORKS.get(key(item)))] != []


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("url", "https://arxiv.org/abs/1506.01187", "1506.01187 is not https://arxiv.org/abs/"),
        ("doi", "10.1/2", "an arXiv number and a DOI"),
        ("archiveprefix", "arxiv", "archiveprefix is arXiv"),
    ],
)
def test_an_entry_with_another_address_is_named(field, value, what):
    assert [*faults(SMITH)] == []
    wrong = Entry("misc", {**SMITH.fields, field: value}, SMITH.persons)
    assert any(what in fault for fault in faults(wrong))


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("Ojala et al. (2002) count it", {("Ojala", "2002")}),
        ("patterns (Tan and Triggs 2010).", {("Tan", "2010")}),
        ("Barrett and colleagues (2019) went", {("Barrett", "2019")}),
        ("faces (Ahonen et al. 2006) and (Smith 2017)", {("Ahonen", "2006"), ("Smith", "2017")}),
        ("Crawford (2021) calls", {("Crawford", "2021")}),
        ("Microsoft withdrew it in 2019. Since 2 February 2025, at (CVPR, 2016)", set()),
    ],
)
def test_a_name_with_a_year_is_a_work(text, works):
    assert named(text) == works
