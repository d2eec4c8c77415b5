"""Lessons and library agree: same names, same behaviour, and `Taught in` is true."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import vtff_lib
from notebooks.editions import source
from tests.lessons import NUMBERS, stored, tables
from tests.prose import LESSONS

LIBRARY = Path(vtff_lib.__file__).parent
SETS = LIBRARY.parent / "data_scripts" / "README.md"


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


UNTAUGHT = {  # what modules have beside what their lessons teach
    "datasets/packs.py": {"check_room"},
    "datasets/stored_images.py": {"check_images", "chosen_rows"},
    "datasets/shards.py": {"check_size"},
    "datasets/sources/catalogue.py": {"differences", "split_off"},
    "datasets/sources/ferplus_votes.py": {"Verdicts"},
    "datasets/twins.py": {"Twins"},
    "doctor.py": {"Diagnosis", "Finding", "main"},
    "evaluation/__main__.py": {"listed", "main", "make_parser"},
    "evaluation/comparisons.py": {"Crossed"},
    "explain/heat_maps.py": {"as_share", "check_classes"},
    "explain/maps.py": {"global_part"},
    "explain/muscles.py": {"Removals"},
    "explain/several.py": {"relit"},
    "explain/surgery.py": {"check_surgeries"},
    "explorer/content.py": {"brief"},
    "inputs.py": {"borrowed", "check_model", "check_view", "of_this_thread", "with_gradients"},
    "names.py": {"first_expressions"},
    "own/stations.py": {"Station"},
    "photos/reading.py": {"room_for"},
    "plots/runs.py": {"training_curves"},
    "train.py": {  # the lesson teaches the command, not its parts
        *("main", "make_parser", "make_config", "make_model_config", "read_settings"),
        *("write_results", "describe"),
    },
    "training/feed.py": {"throw_anew"},
    "training/loop.py": {"alone_in", "check_intervals", "describe_place"},
    "training/processes.py": {"Told", "able_to_compile", "find_device"},
    "training/progress.py": {"Bar"},
    "weights.py": {"read_metadata", "write_weights"},
}


def lessons_of(docstring: str) -> list[str]:
    """Return the numbers of the lessons in which a docstring says that its thing is taught."""
    return re.findall(
        r"\b\d\d[a-z]?\b", " ".join(re.findall(r"Taught\s+in\s+([^.]*)\.", docstring))
    )


def opening(path: Path) -> str:
    """Return the docstring of a module."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def untrue(path: Path, words: Mapping[str, set[str]]) -> set[str]:
    """Return the public names of a module that are not in the lesson where they are taught.

    That is the lesson that a name's docstring names or, where it names none, its module's.
    """
    module = lessons_of(opening(path))
    lessons = {name: lessons_of(text) or module for name, text in public(path).items()}
    return {
        name
        for name, numbers in lessons.items()
        if numbers and not any(name in words[number] for number in numbers)
    }


def test_taught_in_is_true():
    assert {number for path in SOURCES for number in lessons_of(opening(path))} >= set(NUMBERS)
    numbers = [source.number(path) for path in LESSONS]
    text = {number: stored(number) for number in numbers if number != "appendix"}
    words = {n: set(re.findall(r"\w+", lesson.code + lesson.prose)) for n, lesson in text.items()}
    assert "../data_scripts/README.md" in text["10"].prose  # where it goes on, with whole data sets
    words["10"] |= set(re.findall(r"\w+", SETS.read_text(encoding="utf-8")))
    names = {str(path.relative_to(LIBRARY)): untrue(path, words) for path in SOURCES}
    assert {module: missing for module, missing in names.items() if missing} == UNTAUGHT
