"""The source of a part: all that it needs of its notebook, and nothing that it does not need."""

import linecache
from itertools import count

import pytest

from vtff_lib.own.sources import NotKept, source_of

NUMBERS = count()


def defined(cell: str, name: str, **notebook: object) -> object:
    """Return what a cell defines, run in a notebook that has these names."""
    file = f"<cell of a test {next(NUMBERS)}>"
    linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
    names = {"__name__": "__main__", **notebook}
    exec(compile(cell, file, "exec"), names)
    return names[name]


@pytest.mark.parametrize(
    "cell",
    [
        "def part(image):\n    return image + 1\n",
        "def part(x):\n    image = x + 1\n    return image\n",
        "def part(x):\n    return [image for image in x]\n",
        "class Part:\n    def forward(self, image):\n        return image\n\n\npart = Part\n",
    ],
    ids=["argument", "local", "loop", "method"],
)
def test_a_name_of_its_own_is_not_taken_from_the_notebook(cell):
    thing = defined(cell, "part", image=object())
    assert "image" in source_of(thing).text


def test_a_name_of_the_notebook_that_cannot_be_written_down_is_named():
    thing = defined("def part(x):\n    return x + image\n", "part", image=object())
    with pytest.raises(NotKept, match="`part` needs `image`"):
        source_of(thing)


def test_what_is_needed_stands_before_what_needs_it():
    cell = (
        "def half(x):\n    return x / SCALE\n\n\ndef part(x, half_of=half):\n    return half(x)\n"
    )
    text = source_of(defined(cell, "part", SCALE=2)).text
    assert text.index("SCALE = 2") < text.index("def half") < text.index("def part")
