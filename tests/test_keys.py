"""What a student gets tells no key: of exercises that ask for a list of answers, in any file."""

import json
from pathlib import Path

import nbformat
import pytest

from notebooks.editions import assignment, slides, source
from tests.keys import LESSONS, in_file, in_notebook, in_text, in_values, keys, values_in
from tests.made import held_site
from vtff_lib.checks.versions import VARIED

TEXTS = {".html", ".js", ".json", ".ipynb", ".md", ".txt", ".py", ".css", ".toml", ".svg"}


def lesson_paths() -> list[Path]:
    return [path for path in source.lessons() if source.number(path) in LESSONS]


def telling(folder: Path) -> dict[str, set[str]]:
    """Return the files of a folder that tell a key, and of which exercise."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in TEXTS]
    assert len(files) > 3
    told = {path.name: in_file(path.name, path.read_text(encoding="utf-8")) for path in files}
    return {name: found for name, found in told.items() if found}


def test_the_keys_are_those_of_the_exercises_that_ask_for_a_list():
    assert keys().keys() == VARIED.keys()


# Each a way in which a key was, or might be, told.
LEAKS = [
    ('LIGHT = {"A": (True, "a"), "B": (True, ""), "C": (False, ""), "D": (True, ""), '
     '"E": (False, ""), "F": (False, ""), "G": (False, ""), "H": (True, "")}',
     "light_that_leaves_codes"),
    ('STAYS = frozenset({"A", "B", "D", "H"})', "light_that_leaves_codes"),
    ("MOVED = [False, False, True, False, True, True, True, False]", "light_that_leaves_codes"),
    ('SHAPES = ((8, 64, 7, 7), "error", (7, 7, 7), (8, 8), (5, 4, 7))', "broadcast_shapes"),
    ('P = [Pair("a", (8, 64, 7, 7)), Pair("b", "error"), Pair("c", (7, 7, 7)), '
     'Pair("d", (8, 8)), Pair("e", (5, 4, 7))]', "broadcast_shapes"),
    ('D = {"B": "too few images", "A": "frozen statistics", "D": "labels shuffled", '
     '"C": "rate too high"}', "diagnosis"),
    ('R = {"A": {"cause": "frozen statistics"}, "B": {"cause": "too few images"}, '
     '"C": {"cause": "rate too high"}, "D": {"cause": "labels shuffled"}}', "diagnosis"),
    ('C = ((False, "x"), (True, "x"), (False, "x"), (True, "x"), (False, "x"), (False, "x"), '
     '(False, "x"))', "what_follows"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "exercise"), LEAKS)
def test_a_key_is_found_however_it_is_written(code, exercise):
    assert exercise in in_values(values_in(code))
    assert exercise in in_file("a.py", code)


@pytest.mark.parametrize(
    ("text", "exercise"),
    [
        ("A, B, D and H change no code", "light_that_leaves_codes"),
        ("<code>{&quot;A&quot;, &quot;B&quot;, &quot;D&quot;, &quot;H&quot;}</code>",
         "light_that_leaves_codes"),
        ('<span>"A"</span>: <span>"frozen statistics"</span>', "diagnosis"),
        ("[False, True, False, True, False, False, False]", "what_follows"),
        ("(8, 64, 7, 7), 'error', (7, 7, 7), (8, 8), (5, 4, 7)", "broadcast_shapes"),
    ],
)  # fmt: skip
def test_a_key_is_found_in_words_and_on_a_page(text, exercise):
    assert exercise in in_text(text)


def test_where_solutions_are_shown_the_keys_are_found():
    for path in lesson_paths():
        text = path.read_text(encoding="utf-8")
        assert in_text(json.dumps(json.loads(text), ensure_ascii=False))
        assert not in_notebook(text)  # which is in Markdown


def test_the_library_tells_no_key():
    library = source.ROOT / "vtff_lib"
    assert telling(library) == {}


@pytest.mark.filterwarnings("ignore:::nbgrader")
@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
def test_an_assignment_tells_no_key(tmp_path):
    assignment.make(tmp_path / "course", lesson_paths(), seed="7")
    assert telling(tmp_path / "course" / "source")  # the teacher's has them
    assert telling(tmp_path / "course" / "release") == {}


@pytest.mark.parametrize("path", lesson_paths(), ids=LESSONS)
def test_a_lesson_without_its_solutions_tells_no_key(path):
    held = source.read(path, solutions=False)
    assert in_file(path.name, nbformat.writes(held)) == set()


def test_held_slides_tell_no_key(tmp_path):
    slides.make(tmp_path / "slides", lesson_paths(), solutions=False)
    assert telling(tmp_path / "slides") == {}


@pytest.mark.slow
def test_a_held_site_tells_no_key_and_has_no_page_for_teachers():
    assert telling(held_site()) == {}
    assert not (held_site() / "notebooks" / "teaching").exists()
