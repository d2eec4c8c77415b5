"""What all editions are made from: the lessons, the switch, a folder that is whole or not there."""

import pytest
from nbformat.v4 import new_code_cell

from notebooks.editions import source
from notebooks.editions.source import MADE_BY


def test_the_lessons_come_in_the_order_in_which_they_are_read():
    numbers = [source.number(lesson) for lesson in source.lessons()]
    assert numbers == sorted(numbers)
    whole = [number for number in numbers if len(number) == 2]
    assert whole == [f"{number:02}" for number in range(11)]
    assert {number[:2] for number in numbers[:-1]} == set(whole)  # 07b is of 07
    assert numbers[-1] == "appendix"


def test_the_switch_takes_the_solutions_out_and_nothing_else():
    lesson = source.lessons()[3]
    shown, held = source.read(lesson), source.read(lesson, solutions=False)
    left = [cell for cell in shown.cells if "solution" not in source.tags(cell)]
    assert held.cells == left
    assert 0 < len(left) < len(shown.cells)
    assert any("exercise" in source.tags(cell) for cell in held.cells)


def test_a_cell_without_tags_has_none():
    assert source.tags(new_code_cell("1")) == []


def test_notes_for_speakers_are_of_headings_that_the_lessons_have():
    notes = source.speaker_notes()
    lessons = {source.number(lesson): lesson for lesson in source.lessons()}
    assert set(notes) == set(lessons)
    for number, said in notes.items():
        cells = source.read(lessons[number]).cells
        lines = {line.lstrip("# ") for cell in cells for line in cell.source.splitlines()}
        assert said
        assert set(said) <= lines


def test_notes_of_several_blocks_are_joined(tmp_path, monkeypatch):
    guide = tmp_path / "guide.md"
    guide.write_text('A\n\n```yaml\n"01":\n  "U": "u"\n```\n\n```yaml\n"02":\n  "V": "v"\n```\n')
    monkeypatch.setattr(source, "GUIDE", guide)
    assert source.speaker_notes() == {"01": {"U": "u"}, "02": {"V": "v"}}


def test_the_command_line_says_where_to_and_whether_solutions_are_shown():
    parser = source.arguments("", "site")
    assert vars(parser.parse_args([])) == {
        "out": source.ROOT / "build" / "site", "solutions": "shown",
    }  # fmt: skip
    assert parser.parse_args(["--solutions", "held"]).solutions == "held"
    with pytest.raises(SystemExit):
        parser.parse_args(["--solutions", "maybe"])


def make(folder, name):
    """Make an edition of one file."""
    with source.making(folder) as partial:
        (partial / name).write_text("whole", encoding="utf-8")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_edition_takes_the_place_of_the_last_one(tmp_path):
    make(tmp_path / "site", "old")
    make(tmp_path / "site", "new")
    assert names(tmp_path / "site") == [MADE_BY, "new"]
    assert names(tmp_path) == ["site"]


def test_one_maker_at_a_time(tmp_path):
    with source.making(tmp_path / "site") as partial:
        (partial / "mine").touch()
        with pytest.raises(ValueError, match="Another process works in"):
            make(tmp_path / "site", "other")
        assert names(partial) == ["mine"]
    assert names(tmp_path) == ["site"]


def test_an_edition_may_be_made_in_an_empty_folder(tmp_path):
    make(tmp_path, "new")
    assert names(tmp_path) == [MADE_BY, "new"]


def test_files_that_no_edition_made_are_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(FileExistsError, match="holds files of yours; give another folder"):
        make(tmp_path, "new")
    assert names(tmp_path) == ["mine"]


def test_an_edition_that_fails_leaves_the_last_one_and_no_rest(tmp_path):
    make(tmp_path / "site", "old")
    with pytest.raises(IsADirectoryError):
        make(tmp_path / "site", ".")  # a file cannot be where a folder is
    assert names(tmp_path / "site") == [MADE_BY, "old"]
    assert names(tmp_path) == ["site"]


def test_what_a_stopped_maker_left_is_no_part_of_the_next(tmp_path):
    left = tmp_path / "site.partial"
    left.mkdir()
    (left / "half").touch()
    make(tmp_path / "site", "new")
    assert names(tmp_path / "site") == [MADE_BY, "new"]
