"""The fidelity ledger is true: its names, tests, equations and figures are the project's."""

import importlib
import re
from dataclasses import replace

import pytest

from figures.ledger import table as ledger
from figures.ledger.rows import ROWS, Row

MODULES = ("lbp", "backbone", "attention", "fusion", "encoder", "vtff")
NAMES = sorted({name for row in ROWS for name in row.where})
TESTS = sorted({name for row in ROWS for name in row.tests})
LINK = re.compile(r"\[([^]]*)\]\(\.\./([^)#]+)#L(\d+)\)")
GOOD = Row("A claim.", "S", ("lbp.OFFSETS",), ("test_lbp::test_outside_the_image_is_zero",))


def test_what_is_stored_is_what_the_rows_and_the_sources_make():
    assert ledger.LEDGER.read_text(encoding="utf-8") == ledger.table(), (
        "run python -m figures.ledger: a row has changed, or a line to which one leads"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_to_the_line_that_defines_it(name):
    file, line = ledger.find(name)
    if name.rpartition(".")[2] != file.stem:  # a module is its whole file
        words = file.read_text(encoding="utf-8").splitlines()[line - 1]
        assert re.match(rf"\s*(def |class )?{name.rpartition('.')[2]}\b", words)


@pytest.mark.parametrize("name", TESTS)
def test_a_named_test_is_there(name):
    file, line = ledger.find_test(name)
    function = name.partition("::")[2]
    assert function.startswith("test_")
    words = file.read_text(encoding="utf-8").splitlines()[line - 1]
    assert words.startswith(f"def {function}(")


def test_every_stored_link_leads_to_what_it_names():
    links = LINK.findall(ledger.LEDGER.read_text(encoding="utf-8"))
    assert len(links) == sum(len(row.where) + len(row.tests) for row in ROWS)
    for text, target, line in links:
        words = (ledger.ROOT / target).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        named = text.rpartition(": ")[2].replace(" ", "_")
        assert named in words or target.endswith(f"/{named}.py"), text


def test_the_equations_are_those_of_the_modules_and_none_is_missing():
    written = {
        " ".join(line.split())
        for module in MODULES
        for line in (importlib.import_module(f"vtff_lib.{module}").__doc__ or "").splitlines()
        if line.startswith("    ")
    }
    rows = [row for row in ROWS if row.equation]
    assert {row.equation for row in rows} == written
    assert len(rows) == len(written) >= 9
    for module in MODULES:  # and each row leads to the module whose equation it quotes
        text = " ".join((importlib.import_module(f"vtff_lib.{module}").__doc__ or "").split())
        for row in rows:
            if row.equation in text:
                assert any(name.startswith(f"{module}.") for name in row.where), row.claim


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.claim[:40])
def test_a_row_says_where_it_is_what_holds_it_and_what_a_choice_costs(row):
    assert row.where
    assert row.tests
    assert bool(row.ours) == bool(row.cost)
    letters = re.findall(r"\b(?:S|A|R1|R2|second-hand|ours)\b|\?", row.known_from)
    assert set(letters) <= set(ledger.LEGEND)
    assert letters
    if "?" in letters:
        assert row.ours, "what the sources do not tell has to be chosen"
    assert "|" not in "".join((row.claim, row.known_from, row.equation, row.ours, row.cost))


def test_the_letters_of_the_legend_are_used():
    text = " ".join(row.known_from for row in ROWS)
    assert all(re.search(rf"(?<!\w){re.escape(letter)}(?!\w)", text) for letter in ledger.LEGEND)


def test_a_name_or_a_test_that_is_gone_is_an_error():
    for gone in ("lbp.OFFSET", "lbp.LocalBinaryPattern.backward", "wavelets.Haar"):
        with pytest.raises(LookupError, match=re.escape(f"vtff_lib.{gone} is gone")):
            ledger.cells(1, replace(GOOD, where=(gone,)))
    for gone in ("test_lbp::test_gone", "test_lbp::OFFSETS", "test_gone::test_gone"):
        with pytest.raises(LookupError, match="mend the row"):
            ledger.cells(1, replace(GOOD, tests=(gone,)))


def test_a_cost_is_read_from_its_file_and_names_it():
    told = ledger.measured("{ferplus_small[seeds]} seeds")
    assert told == "3 seeds ([ferplus_small.json](ferplus_small.json))"
    with pytest.raises(KeyError):
        ledger.measured("{ferplus_small[summary][gone]}")
    with pytest.raises(FileNotFoundError):
        ledger.measured("{gone[summary]}")
