"""The two layouts of FER+, read to one list of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from vtff_lib.datasets.sources.ferplus_votes import VOTES
from vtff_lib.datasets.sources.source_folders import (
    LeftOut,
    check_folder,
    read_rows,
    read_table,
    unknown_layout,
    whole_number,
)

NAME = "FER+"
HOW_TO_GET = (
    "FER+ needs fer2013new.csv (github.com/microsoft/FERPlus, MIT) and, beside it in one folder, "
    "fer2013.csv or icml_face_data.csv (Kaggle, 'Challenges in Representation Learning: Facial "
    "Expression Recognition Challenge', after accepting its rules; the pictures carry no licence); "
    "or the folders FER2013Train, FER2013Valid and FER2013Test that FER+'s own tool writes, each "
    "with its label.csv."
)
USAGES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
FOLDERS = {"FER2013Train": "train", "FER2013Valid": "valid", "FER2013Test": "test"}
PICTURES = ("fer2013.csv", "icml_face_data.csv")
LABELS = "fer2013new.csv"
SIDE = 48


@dataclass(frozen=True)
class Row:
    """A line of the labels that names a picture: its file, or its 48×48 grey pixels."""

    name: str
    split: str
    votes: list[float]
    picture: Path | bytes


def rows_of_ferplus(source: str | Path, left_out: LeftOut) -> list[Row]:
    """Return the lines of the labels that name a picture, of either layout, in their order.

    Raises:
        FileNotFoundError: if the folder is missing.
        ValueError: if the layout is unknown, a column is missing, or the two CSV files do not have
            the same rows.
    """
    folder = check_folder(source, NAME, HOW_TO_GET)
    pixels = [folder / name for name in PICTURES if (folder / name).is_file()]
    if (folder / LABELS).is_file() and pixels:
        return list(_rows_of_tables(folder / LABELS, pixels[0], left_out))
    if all((folder / name / "label.csv").is_file() for name in FOLDERS):
        return [row for name in FOLDERS for row in _rows_of_folder(folder / name, left_out)]
    raise unknown_layout(folder, NAME, HOW_TO_GET)


def _rows_of_tables(labels: Path, pixels: Path, left_out: LeftOut) -> Iterator[Row]:
    tables = (
        read_table(labels, ("Usage", "Image name", *VOTES)),
        read_table(pixels, ("Usage", "pixels")),
    )
    for label, picture in zip_longest(*tables):
        if label is None or picture is None:
            ended = labels if label is None else pixels
            raise ValueError(
                f"{ended.name} has fewer rows than the other file, but the two are joined row by "
                "row; get both again, for either may be the wrong one."
            )
        (place, line), (other_place, other) = label, picture
        if line and other:
            _check_usage(place, line["Usage"], other_place, other["Usage"])
        with left_out.named():
            split = USAGES[line["Usage"]]
            if name := line["Image name"].strip():  # 173 rows have none
                votes = [_vote(line[column], place) for column in VOTES]
                yield Row(name, split, votes, _pixels(other["pixels"], other_place))


def _check_usage(place: str, usage: str, other_place: str, other: str) -> None:
    if usage != other or usage not in USAGES:
        raise ValueError(
            f"{place} has Usage {usage!r} and {other_place} {other!r}; both need the same of "
            f"{', '.join(USAGES)}, so get the files in their own order."
        )


def _rows_of_folder(folder: Path, left_out: LeftOut) -> Iterator[Row]:
    for place, row in read_rows(folder / "label.csv"):
        with left_out.named():
            if len(row) not in (1 + len(VOTES), 2 + len(VOTES)):  # the tool of 2017 writes no box
                raise ValueError(
                    f"{folder.name}/{place}: {len(row)} values stand here where a picture's name, "
                    "its box and ten votes are expected; give the label.csv of FER+."
                )
            votes = [_vote(text, f"{folder.name}/{place}") for text in row[-len(VOTES) :]]
            yield Row(row[0].strip(), FOLDERS[folder.name], votes, folder / row[0].strip())


def _vote(text: str, place: str) -> float:
    votes = whole_number(text, place)
    if votes < 0:
        raise ValueError(f"{place}: {votes} votes stand here; a number from 0 is expected.")
    return float(votes)


def _pixels(text: str, place: str) -> bytes:
    try:
        pixels = bytes(map(int, text.split()))
    except ValueError:
        pixels = b""
    if len(pixels) != SIDE * SIDE:
        raise ValueError(
            f"{place}: the pixels are not {SIDE * SIDE} whole numbers from 0 to 255; the file is "
            "damaged, so get it again."
        )
    return pixels


def keep_last(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Return the last row of each name, and a remark if there was an earlier one.

    Raises:
        ValueError: if the two are not of the same split.
    """
    last: dict[str, Row] = {}
    replaced = []
    for row in rows:
        earlier = last.get(row.name)
        if earlier and earlier.split != row.split:
            raise ValueError(
                f"{NAME} lists {row.name!r} in {earlier.split} and in {row.split}; keep one line."
            )
        if earlier:
            replaced.append(row.name)
        last[row.name] = row
    if not replaced:
        return rows, []
    return list(last.values()), [
        f"{len(replaced)} lines are left out because a later line has the same name and replaced "
        f"their picture: {', '.join(replaced[:4])}."
    ]
