"""The picture of the library's house: it is read from the code, and shows every room and import."""

import pytest

from figures.drawings import house
from figures.drawings.house import House

SOURCES = {
    "__init__": "def load():\n    from vtff_lib.pretrained import load\n",
    "names": "",
    "lbp": "from vtff_lib.names import EXPRESSIONS\n",
    "pretrained": "import vtff_lib.lbp\n",
    "odd": "from vtff_lib import lbp, load\n",  # a flat module that nobody planned
    "training/__init__": "from vtff_lib.training.loop import train\n",
    "training/loop": "def train():\n    from vtff_lib.training import recipe\n"
    "if TYPE_CHECKING:\n    import vtff_lib.odd\n",
    "training/recipe": "import math\nfrom vtff_lib.training.loop import train\n",
    "plots/__init__": "from vtff_lib.plots.runs import curve\n",  # nobody imports through it
    "plots/runs": "from vtff_lib.training import train\n",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> House:
    library = tmp_path_factory.mktemp("house") / "vtff_lib"
    for name, text in SOURCES.items():
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / f"{name}.py").write_text(text, encoding="utf-8")
    return House(library)


@pytest.fixture(scope="module")
def real() -> House:
    return House(house.LIBRARY)


def test_rooms_are_groups_of_flat_modules_and_packages_from_the_ground_up(small):
    assert list(small.rooms) == ["ground", "model", "training", "plots", "odd"]
    assert small.rooms["model"] == ["vtff_lib", "vtff_lib.lbp", "vtff_lib.pretrained"]
    assert sorted(small.top) == ["lbp", "names", "odd", "pretrained"]
    assert sorted(small.packages) == ["plots", "training"]


def test_a_facade_is_a_module_where_others_import_through_it(small):
    assert small.rooms["training"] == [
        "vtff_lib.training", "vtff_lib.training.loop", "vtff_lib.training.recipe",
    ]  # fmt: skip
    assert small.rooms["plots"] == ["vtff_lib.plots.runs"]
    assert not any("vtff_lib.plots" in pair for pair in small.imports)


def test_imports_of_every_form_and_place_count_once(small):
    assert ("vtff_lib", "vtff_lib.pretrained") in small.imports  # in a function
    assert ("vtff_lib.pretrained", "vtff_lib.lbp") in small.imports  # `import a.b`
    assert {b for a, b in small.imports if a == "vtff_lib.odd"} == {"vtff_lib", "vtff_lib.lbp"}
    assert small.arrows == [
        ("model", "ground"), ("odd", "model"), ("plots", "training"),
    ]  # fmt: skip


def test_the_chain_is_the_longest_and_a_circle_is_found(small):
    assert small.circles() == [["vtff_lib.training.loop", "vtff_lib.training.recipe"]]
    names = ["odd", "", "pretrained", "lbp", "names"]
    assert small.chain() == [f"vtff_lib.{name}".rstrip(".") for name in names]
    told = house.table(small)
    assert "longest chain of imports  5  odd > vtff_lib > pretrained > lbp > names" in told
    assert "circles                   1  training.loop > training.recipe" in told


def drawn(figure) -> tuple[list[str], set[tuple[str, str]]]:
    """The rooms from below, and the pairs that an arrow joins: its lane leads from row to row."""
    [axes] = figure.axes
    rows = {text.get_position()[1]: text.get_text() for text in axes.texts if text.get_text()}
    bold = {round(y - 0.16, 6): word for y, word in rows.items() if "module" not in word}
    lanes = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) == 2]
    pairs = {
        (bold[round(start[1] + 0.2, 6)], bold[round(end[1] - 0.2, 6)])
        for start, end in lanes
        if start[0] == end[0]
    }
    return [bold[y] for y in sorted(bold)], pairs


@pytest.mark.parametrize("which", ["small", "real"])
def test_the_picture_holds_every_room_and_an_arrow_for_each_pair_that_imports(which, request):
    built = request.getfixturevalue(which)
    rooms, pairs = drawn(house.draw(built))
    assert rooms == list(built.rooms)
    assert pairs == set(built.arrows)
    words = house.words(built)
    for room in rooms:
        others = [other for importer, other in built.arrows if importer == room]
        assert f"{room} ({house.size(built, room)}) imports from {', '.join(others)}" in words


def test_every_module_of_the_library_is_in_a_room(real):
    files = {path.stem for path in house.LIBRARY.rglob("*.py")} - {"__init__"}
    assert {module.rpartition(".")[2] for module in real.modules} >= files
