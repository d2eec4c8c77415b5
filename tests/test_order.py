"""What takes longest begins."""

from dataclasses import dataclass

from notebooks.run import FOLDER
from tests.order import LONGEST, file_of, pytest_collection_modifyitems


@dataclass
class Item:
    nodeid: str


def test_the_longest_come_first_and_all_else_stays_in_order():
    names = ["test_lbp", *reversed(LONGEST), "test_weights"]
    items = [Item(f"tests/{name}.py::test[a::b/c]-{n}") for name in names for n in range(2)]
    pytest_collection_modifyitems(items)
    assert [*dict.fromkeys(map(file_of, items))] == [*LONGEST, "test_lbp", "test_weights"]
    assert [item.nodeid[-1] for item in items] == ["0", "1"] * len(names)


def test_the_longest_are_there():
    files = {path.stem for folder in (FOLDER, FOLDER.parent / "tests") for path in folder.iterdir()}
    assert {*LONGEST} <= files
