"""Tests that share something run in one process, and what takes longest begins."""

from dataclasses import dataclass

from notebooks.run import FOLDER
from tests.order import LONGEST, TOGETHER, group_of, pytest_collection_modifyitems


@dataclass
class Item:
    nodeid: str


def test_cells_of_a_lesson_stay_together_and_so_do_files_of_a_group():
    cells = [f"notebooks/{name}.ipynb::Cell {n}" for name in ("01_a", "02_b") for n in range(3)]
    assert [*map(group_of, cells)] == 3 * ["01_a"] + 3 * ["02_b"]
    for one, other in TOGETHER.items():
        assert group_of(f"tests/{one}.py::test_a[b::c/d]") == group_of(f"tests/{other}.py::test_e")


def test_the_longest_come_first_and_the_others_as_they_were():
    names = ["test_lbp", *reversed(LONGEST), "test_vtff"]
    items = [Item(f"tests/{name}.py::test_{n}") for name in names for n in range(2)]
    pytest_collection_modifyitems(items)
    found = [item.nodeid for item in items]
    assert [*dict.fromkeys(map(group_of, found))] == [*LONGEST, "test_lbp", "test_vtff"]
    assert [nodeid[-1] for nodeid in found] == ["0", "1"] * len(names)


def test_the_names_are_those_of_files():
    files = {path.stem for folder in (FOLDER, FOLDER.parent / "tests") for path in folder.iterdir()}
    assert {*LONGEST, *TOGETHER, *TOGETHER.values()} <= files
