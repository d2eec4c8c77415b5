"""What the adapters share: looking into a folder of somebody's data set.

Nothing is extracted and nothing is unpickled. What does not fit is refused in a sentence that says
what was given, what was expected, and where the set comes from.
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from vtff_lib.datasets.sources.catalogue import Catalogue, differences, split_off
from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.photos.reading import read_photo

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

# Of each protocol, how many pictures each split has of each class.
Published = Mapping[str, Mapping[str, Mapping[str, int]]]


def check_folder(source: str | Path, name: str, how_to_get: str) -> Path:
    """Return the folder `source`, or raise what tells where the set `name` comes from."""
    folder = Path(source).expanduser()
    if folder.is_file():
        raise ValueError(f"{folder} is a file; unpack it and give its folder. {how_to_get}")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} with {name}. {how_to_get}")
    return folder


def unknown_layout(folder: Path, name: str, how_to_get: str) -> ValueError:
    """Return the error for a folder that no layout fits: what is in it, and what should be."""
    names = sorted(path.name for path in folder.iterdir())
    held = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return ValueError(
        f"{folder} has none of the layouts of {name}; it holds {held or 'nothing'}. {how_to_get}"
    )


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, sorted by name; without hidden files and subfolders."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".")
    )


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each line of a CSV file with a header: where it stands, and its values by column.

    Blanks around the column names are taken off.

    Raises:
        ValueError: if one of `columns` is missing, or a line has another number of values.
    """
    rows = read_rows(path)
    header = [column.strip() for column in next(rows, ("", []))[1]]
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)} (it begins {','.join(header)[:80]!r}); "
            "it is another file or of another release."
        )
    for place, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{place}: {len(row)} values stand under {len(header)} columns; the file is cut "
                "short or damaged, so get it again."
            )
        yield place, dict(zip(header, row, strict=True))


def read_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each line of a CSV file that is not empty: where it stands, and its values."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        try:
            for row in reader:
                if row:
                    yield f"{path.name}, line {reader.line_num}", row
        except csv.Error as error:
            raise ValueError(
                f"{path.name}, line {reader.line_num}: this is no CSV text ({error})."
            ) from error


def whole_number(text: str, place: str) -> int:
    """Return the number that `text` is, such as "3" or "3.0000000e+00"; `place` is for the error.

    Raises:
        ValueError: if it is no whole number.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ValueError(f"{place}: {text[:40]!r} stands where a whole number is expected.")
    return int(number)


def expression_of(code: int, codes: Mapping[int, str], place: str) -> str:
    """Return the name that `code` stands for.

    Raises:
        ValueError: if it is none of `codes`.
    """
    if code not in codes:
        known = ", ".join(f"{known} {name}" for known, name in codes.items())
        raise ValueError(f"{place}: the code {code} is unknown; the codes are {known}.")
    return codes[code]


def in_our_order(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of `EXPRESSIONS` that are among `names`, in our order."""
    return tuple(name for name in EXPRESSIONS if name in names)


def find_present(paths: Sequence[Path], name: str) -> tuple[list[int], tuple[str, ...]]:
    """Return the rows whose picture is on disk, and a remark on the others if there are any.

    Raises:
        FileNotFoundError: if all are missing.
    """
    rows = [row for row, path in enumerate(paths) if path.is_file()]
    if len(rows) == len(paths):
        return rows, ()
    example = next(path for path in paths if not path.is_file())
    if not rows:
        raise FileNotFoundError(
            f"None of the {len(paths)} pictures that the labels of {name} name is on disk, for "
            f"example {example}; check that labels and pictures are of the same release."
        )
    return rows, (
        f"{len(paths) - len(rows)} of the {len(paths)} pictures that the labels name are not on "
        f"disk and left out, for example {example.name}.",
    )


def read_file(path: Path) -> np.ndarray:
    """Return a picture as `read_photo` does; what is wrong with it is told with its path."""
    try:
        return read_photo(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def load_files(paths: Sequence[Path]) -> Callable[[int], np.ndarray]:
    """Return the `load` of a catalogue whose picture i is the file `paths[i]`."""
    return partial(_read_row, tuple(paths))


def _read_row(paths: Sequence[Path], row: int) -> np.ndarray:
    return read_file(paths[row])


def check_share(setting: str, value: float) -> None:
    """Raise a `ValueError` unless `value` is from 0 to below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{setting}={value} is out of range; give 0 to below 1.")


def hold_out(catalogue: Catalogue, share: float, seed: int) -> Catalogue:
    """Return the catalogue with `share` of each class of "train" moved to "valid".

    Raises:
        ValueError: if `share` is not from 0 to below 1.
    """
    check_share("valid_share", share)
    train = (catalogue.splits == SPLITS.index("train")).nonzero().flatten()
    splits = catalogue.splits.clone()
    splits[train[split_off(catalogue.labels[train], share, seed)]] = SPLITS.index("valid")
    return replace(catalogue, splits=splits)


def compare(catalogue: Catalogue, published: Published) -> Catalogue:
    """Return the catalogue with a remark for each number that is not the published one."""
    remarks = differences(catalogue.counts(), published[catalogue.protocol])
    return with_remarks(catalogue, *remarks)


def with_remarks(catalogue: Catalogue, *remarks: str) -> Catalogue:
    """Return the catalogue with more remarks."""
    return replace(catalogue, remarks=(*catalogue.remarks, *remarks))
