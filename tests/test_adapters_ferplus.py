"""FER+ is joined by row, judged by its own rules, and refused in words when it does not fit."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.adapter_trees import complaint
from vtff_lib.datasets.sources.ferplus import PUBLISHED, catalogue_ferplus
from vtff_lib.datasets.sources.ferplus_votes import judge
from vtff_lib.names import SPLITS

EXPRESSIONS = [
    *("neutral", "happiness", "surprise", "sadness"),
    *("anger", "disgust", "fear", "contempt"),
]
VOTES = [*EXPRESSIONS, "unknown", "NF"]
FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
SIDE = 48
HAPPY, SAD, ANGRY = ([0, 8, 0, 2, *[0] * 6], [1, 0, 0, 9, *[0] * 6], [0, 0, 0, 2, 6, 0, 0, 0, 2, 0])
NO_FACE = [*[0] * 9, 10]
# The number in a name lags behind the row, one row has no name, and fer0000003.png comes twice.
ROWS = [
    ("Training", "fer0000000.png", HAPPY),
    ("Training", "fer0000003.png", ANGRY),
    ("Training", "", NO_FACE),
    ("Training", "fer0000003.png", SAD),
    ("PublicTest", "fer0000004.png", ANGRY),
    ("PrivateTest", "fer0000005.png", [5, 5, *[0] * 8]),
    ("PrivateTest", "fer0000006.png", HAPPY),
]


def grey(row: int) -> np.ndarray:
    """A picture for each row of the tables, no two alike."""
    return np.random.default_rng(row).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_tables(folder: Path, rows: list = ROWS, name: str = "fer2013.csv") -> Path:
    labels = [["Usage", "Image name", *VOTES], *([u, n, *votes] for u, n, votes in rows)]
    write_csv(folder / "fer2013new.csv", labels)
    pixels = [" ".join(map(str, grey(row).ravel())) for row in range(len(rows))]
    if name == "fer2013.csv":
        lines = [[0, text, u] for text, (u, _, _) in zip(pixels, rows, strict=True)]
        write_csv(folder / name, [["emotion", "pixels", "Usage"], *lines])
    else:
        lines = [[0, u, text] for text, (u, _, _) in zip(pixels, rows, strict=True)]
        write_csv(folder / name, [["emotion", " Usage", " pixels"], *lines])
    return folder


def write_folders(folder: Path, rows: list = ROWS, box: bool = True) -> Path:
    """Do as FER+'s own tool does: a later row of the same name replaces the picture."""
    for usage, inner in FOLDERS.items():
        (folder / inner).mkdir()
        lines = []
        for row, (used, name, votes) in enumerate(rows):
            if used == usage and name:
                Image.fromarray(grey(row)).save(folder / inner / name)
                lines.append([name, *(["(0, 0, 48, 48)"] if box else []), *votes])
        write_csv(folder / inner / "label.csv", lines)
    return folder


def kept_slowly(votes: list[int], rule: str) -> tuple[int, list[float]] | None:
    """FER+'s rules, written out from its published description of each step."""
    left = [0 if number <= 1 else number for number in votes]
    total, kept = sum(left), [0.0] * 10
    if rule == "majority":
        best = max(left)
        if 2 * best <= total:
            return None
        kept = list(map(float, left))
    elif rule == "multi_target":
        kept = [float(number) if 10 * number >= 3 * total else 0.0 for number in left]
        if 2 * sum(kept) <= total:
            return None
    else:
        taken, count, go_on = 0, 0, True
        while 4 * taken < 3 * total and count < 3 and go_on:
            best = max(left)
            for place in range(10):
                if left[place] == best:
                    kept[place], left[place] = best, 0
                    taken, count = taken + best, count + 1
                    if place >= 8:
                        go_on = False
                        if sum(kept) > best:
                            kept[place], count = 0, count - 1
                        break
        if 2 * sum(kept) <= total or count > 3:
            return None
    winner = kept.index(max(kept))
    return (winner, kept[:8]) if winner < 8 else None


@pytest.mark.parametrize("rule", ["majority", "probability", "multi_target"])
def test_each_rule_is_what_a_slow_second_writing_of_it_makes_of_any_votes(rule: str) -> None:
    random = np.random.default_rng(0)
    spread = random.dirichlet(np.full(10, 0.35), size=3000)
    votes = np.array([random.multinomial(10, shares) for shares in spread])
    few = random.integers(0, 4, (1000, 10)) * (random.random((1000, 10)) < 0.5)  # many equals
    votes = np.concatenate([votes, few, np.zeros((1, 10), int)])
    verdicts = judge(votes, rule)
    expected = [kept_slowly(row.tolist(), rule) for row in votes]
    assert verdicts.counted.tolist() == [known is not None for known in expected]
    assert 0.2 < verdicts.counted.float().mean() < 0.9
    for row, known in enumerate(expected):
        if known is not None:
            assert (int(verdicts.labels[row]), verdicts.kept[row].tolist()) == known


@pytest.mark.parametrize(
    ("votes", "counted"),
    [
        ([5, 1, 1, 1, 1, 0, 0, 0, 1, 0], (True, True, True)),  # single votes do not count
        ([4, 4, 0, 0, 0, 0, 0, 0, 0, 0], (False, True, True)),
        ([3, 3, 2, 2, 0, 0, 0, 0, 0, 0], (False, False, True)),  # four classes are too many
        ([0, 2, 2, 2, 2, 2, 0, 0, 0, 0], (False, False, False)),
        ([4, 0, 0, 0, 0, 0, 0, 0, 6, 0], (False, False, False)),
        ([6, 0, 0, 0, 0, 0, 0, 0, 4, 0], (True, True, True)),
        ([5, 0, 0, 0, 0, 0, 0, 0, 0, 5], (False, False, True)),
    ],
)
def test_votes_that_can_be_judged_by_hand(votes: list[int], counted: tuple[bool, ...]) -> None:
    for rule, expected in zip(("majority", "probability", "multi_target"), counted, strict=True):
        assert judge(np.array([votes]), rule).counted.tolist() == [expected], rule


def test_a_vote_for_each_class_gives_the_class_of_that_name(tmp_path: Path) -> None:
    rows = [
        ("PrivateTest", f"fer{row:07}.png", [10 * (row == i) for i in range(10)])
        for row in range(10)
    ]
    rows += [("Training", "fer0000010.png", HAPPY), ("PublicTest", "fer0000011.png", HAPPY)]
    faces = catalogue_ferplus(write_tables(tmp_path, rows))
    named = dict(zip(faces.ids, (faces.class_names[i] for i in faces.labels), strict=True))
    assert [named[f"fer{row:07}.png"] for row in range(8)] == EXPRESSIONS
    assert not {"fer0000008.png", "fer0000009.png"} & set(named)  # unknown, and no face


@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv"])
def test_the_tables_are_joined_by_row_and_not_by_the_number_in_the_name(
    tmp_path: Path, name: str
) -> None:
    faces = catalogue_ferplus(write_tables(tmp_path, name=name))
    row_of = {"fer0000000.png": 0, "fer0000003.png": 3, "fer0000004.png": 4, "fer0000006.png": 6}
    assert faces.ids == tuple(row_of)
    for index, row in enumerate(row_of.values()):
        np.testing.assert_array_equal(faces.load(index), np.dstack([grey(row)] * 3))
    assert [SPLITS[split] for split in faces.splits] == ["train", "train", "valid", "test"]
    named = [faces.class_names[i] for i in faces.labels]
    assert named == ["happiness", "sadness", "anger", "happiness"]
    assert faces.votes is not None
    assert faces.votes[1].tolist() == [0, 0, 0, 9, 0, 0, 0, 0]  # one vote for neutral is dropped


@pytest.mark.parametrize("box", [True, False])
@pytest.mark.parametrize("rule", ["majority", "probability", "multi_target"])
def test_both_layouts_list_the_same(tmp_path: Path, rule: str, box: bool) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "folders").mkdir()
    tables = catalogue_ferplus(write_tables(tmp_path / "tables"), rule)
    folders = catalogue_ferplus(write_folders(tmp_path / "folders", box=box), rule)
    assert tables.ids == folders.ids
    assert tables.counts() == folders.counts()
    assert torch.equal(tables.labels, folders.labels)
    assert tables.votes is not None
    assert torch.equal(tables.votes, folders.votes)
    for row in range(len(tables)):
        np.testing.assert_array_equal(tables.load(row), folders.load(row))


def test_training_pictures_can_be_judged_by_a_rule_of_their_own(tmp_path: Path) -> None:
    split = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]  # no majority; two classes by the other rules
    usages = ("Training", "PublicTest", "PrivateTest")
    rows = [(usage, f"fer{row:07}.png", split) for row, usage in enumerate(usages)]
    rows += [(usage, f"fer{row + 3:07}.png", HAPPY) for row, usage in enumerate(usages)]
    source = write_tables(tmp_path, rows)
    faces = catalogue_ferplus(source, train_rule="probability")
    assert set(faces.ids) - set(catalogue_ferplus(source).ids) == {"fer0000000.png"}
    assert faces.votes is not None
    assert faces.votes[faces.ids.index("fer0000000.png")].tolist() == [5, 5, 0, 0, 0, 0, 0, 0]
    assert faces.protocol == "majority, training pictures by probability"
    assert "train has 2 of all classes, published are 27947." in faces.remarks
    assert "test has 1 of happiness, published are 892." in faces.remarks


def test_of_a_name_in_two_lines_the_later_is_kept_and_it_is_said(tmp_path: Path) -> None:
    faces = catalogue_ferplus(write_folders(tmp_path))
    assert faces.class_names[faces.labels[faces.ids.index("fer0000003.png")]] == "sadness"
    assert any("1 lines are left out" in told and "fer0000003" in told for told in faces.remarks)


def test_numbers_that_are_not_the_published_ones_are_remarks(tmp_path: Path) -> None:
    write_tables(tmp_path)
    assert "test has 1 of happiness, published are 892." in catalogue_ferplus(tmp_path).remarks
    told = catalogue_ferplus(tmp_path, "probability").remarks
    assert "train has 2 of all classes, published are 27947." in told


def test_the_published_numbers_add_up() -> None:
    sums = {rule: [sum(of.values()) for of in table.values()] for rule, table in PUBLISHED.items()}
    assert sums == {
        "majority": [25045, 3191, 3137],
        "probability": [27947, 3508, 3507],
        "multi_target": [27667, 3472, 3466],
    }


def test_a_missing_picture_is_left_out_and_counted_and_all_missing_are_refused(
    tmp_path: Path,
) -> None:
    write_folders(tmp_path)
    (tmp_path / "FER2013Train" / "fer0000000.png").unlink()
    faces = catalogue_ferplus(tmp_path)
    assert "fer0000000.png" not in faces.ids
    assert faces.class_names[faces.labels[0]] == "sadness"
    np.testing.assert_array_equal(faces.load(0)[..., 0], grey(3))
    assert faces.remarks[1].startswith("1 of the 4 pictures that the labels name are not on disk")
    for picture in tmp_path.glob("*/*.png"):
        picture.unlink()
    with pytest.raises(FileNotFoundError, match=r"None of the 4 pictures .* is on disk, for exam"):
        catalogue_ferplus(tmp_path)


def test_a_damaged_picture_is_named_when_it_is_opened(tmp_path: Path) -> None:
    write_folders(tmp_path)
    (tmp_path / "FER2013Train" / "fer0000000.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"fer0000000\.png: The picture file is empty"):
        catalogue_ferplus(tmp_path).load(0)


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "fer2013new.csv",
            "contempt,unknown",
            "scorn,unsure",
            "no column contempt, unknown .*anot",
        ),
        ("fer2013.csv", "pixels", "image", "fer2013.csv has no column pixels"),
        ("fer2013new.csv", "0,8,0", "0,eight,0", r"fer2013new\.csv, line 2: 'eight' stands where"),
        ("fer2013new.csv", "0,8,0", "0,-8,0", "line 2: -8 votes"),
        ("fer2013new.csv", "0,8,0,2", "0,8,0", "line 2: 11 values stand under 12 columns"),
        ("fer2013new.csv", "PublicTest,", "Other,", "line 6 has Usage 'Other' and .*line 6 'Publ"),
        ("fer2013new.csv", "Training,fer0000000", "PrivateTest,fer0000000", "line 2 has Usage"),
        ("fer2013.csv", f"0,{grey(0)[0, 0]} ", "0,256 ", "line 2: the pixels are not 2304 whole"),
        ("fer2013.csv", f"0,{grey(0)[0, 0]} ", "0,", "line 2: the pixels are not 2304 whole"),
        (
            "fer2013new.csv",
            "Test,fer0000006",
            "Test,fer0000004",
            "'fer0000004.png' in valid and in",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused_and_single_lines_left_out(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    catalogue_ferplus(write_tables(tmp_path))
    replace_in(tmp_path / file, old, new)
    if re.search(r"line 2: ", message):  # one line, which is left out
        assert re.search(message, complaint(catalogue_ferplus, tmp_path))
    else:
        with pytest.raises(ValueError, match=message):
            catalogue_ferplus(tmp_path)


@pytest.mark.parametrize("file", ["fer2013.csv", "fer2013new.csv"])
def test_tables_of_two_lengths_are_refused(tmp_path: Path, file: str) -> None:
    lines = (write_tables(tmp_path) / file).read_text().splitlines(keepends=True)
    (tmp_path / file).write_text("".join(lines[:-1]))
    with pytest.raises(ValueError, match=f"{file} has fewer rows than the other file"):
        catalogue_ferplus(tmp_path)


def test_a_line_of_a_label_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path)
    labels = tmp_path / "FER2013Valid" / "label.csv"
    replace_in(labels, ",0,0,0,2,6", ",0,0,2,6")
    told = complaint(catalogue_ferplus, tmp_path)
    assert told.startswith("FER2013Valid/label.csv, line 1: '(0, 0, 48, 48)' st")
    replace_in(labels, ",0,0,2,6", ",6")
    told = complaint(catalogue_ferplus, tmp_path)
    assert told.startswith("FER2013Valid/label.csv, line 1: 8 values stand here")


def test_a_rule_a_layout_or_a_folder_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rule='most' is unknown; choose one of majority, prob"):
        catalogue_ferplus(tmp_path, "most")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere with FER.*Kaggle"):
        catalogue_ferplus(tmp_path / "nowhere")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"is a file; unpack it .*fer2013new\.csv"):
        catalogue_ferplus(tmp_path / "archive.zip")
    with pytest.raises(
        ValueError, match=r"none of the layouts of FER\+; it holds archive\.zip\. F"
    ):
        catalogue_ferplus(tmp_path)


def test_the_warning_sign_among_the_faces_is_told_where_it_counts(tmp_path: Path) -> None:
    sign = ("PrivateTest", "fer0033120.png", [10, *[0] * 9])
    for rows, told in ((ROWS, 0), ([*ROWS, sign], 1)):
        faces = catalogue_ferplus(write_tables(tmp_path, rows))
        assert sum("is a warning sign labelled neutral" in one for one in faces.remarks) == told
