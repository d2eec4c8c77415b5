"""Lessons and library agree: same names, same behaviour, and `Taught in` is true."""

import ast
import re
from pathlib import Path

import pytest

import vtff_lib
from tests.lessons import NUMBERS, stored, tables
from tests.prose import LESSONS

MODULES = {
    "01": "lbp",
    "02": "backbone",
    "03": "attention",
    "04": "fusion",
    "05": "encoder",
    "06": "vtff",
    "07": "training/loop",
    "08": "explain/maps",
    "09": "evaluation/comparisons",
    "10": "photos/finding",
}
LIBRARY = Path(vtff_lib.__file__).parent


def public(path: Path) -> dict[str, str]:
    """Return the docstring of every public function and class of a module, by its name."""
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }


SOURCES = sorted(path for path in LIBRARY.rglob("*.py") if "checks" not in path.parts)
NAMES = {name for path in SOURCES for name in public(path)}


@pytest.mark.parametrize("number", NUMBERS)
def test_what_a_lesson_defines_under_a_name_of_the_library_does_the_same(number):
    lesson, equal = stored(number), tables(number).EQUAL
    assert lesson.defined() & NAMES == set(equal)
    names = lesson.definitions()
    for name, assert_equal in equal.items():
        assert_equal(names[name])


@pytest.mark.parametrize("number", NUMBERS)
def test_every_public_name_of_a_module_is_in_its_lesson(number):
    lesson = stored(number)
    words = set(re.findall(r"\w+", lesson.code + lesson.prose))
    module = public(LIBRARY / f"{MODULES[number]}.py")
    assert {name for name in module if name not in words} == set()


def taught() -> list[tuple[str, str, str]]:
    """Return (module, name, number) for each docstring that says where its thing is taught."""
    return [
        (str(path.relative_to(LIBRARY)), name, number)
        for path in SOURCES
        for name, words in public(path).items()
        for number in re.findall(r"Taught in (\d\d)", words)
    ]


def test_taught_in_is_true():
    text = {path.name[:2]: stored(path.name[:2]) for path in LESSONS if path.name[0].isdigit()}
    words = {n: set(re.findall(r"\w+", each.code + each.prose)) for n, each in text.items()}
    untrue = [place for place in taught() if place[1] not in words.get(place[2], set())]
    assert untrue == []
