"""What the adapters share: looking into a folder of somebody's data set.

Nothing is extracted and nothing is unpickled. What does not fit is refused in a sentence that says
what was given, what was expected, and where the set comes from.
"""

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from vtff_lib.datasets.sources.catalogue import Catalogue, differences, split_off
from vtff_lib.names import EXPRESSIONS, SPLITS, as_text
from vtff_lib.photos.reading import read_photo
from vtff_lib.refusals import BELOW_1, as_path, check_number

OWN_FILES = (
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "system volume information", "recycler"),
    *("$recycle.bin", "__macosx", "icon\r", "@eadir", "lost+found", "__pycache__"),
)
UNFINISHED = ("~", ".part", ".parts", ".partial", ".crdownload", ".pixels", ".tmp", ".bak", ".swp")
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

# Of each protocol, how many pictures each split has of each class.
Published = Mapping[str, Mapping[str, Mapping[str, int]]]


def check_folder(source: str | Path, name: str, how_to_get: str) -> Path:
    """Return the folder `source`, or raise what tells where the set `name` comes from."""
    folder = as_path(source)
    if folder.is_file():
        raise ValueError(f"{folder} is a file; unpack it and give its folder. {how_to_get}")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} with {name}. {how_to_get}")
    return folder


def unknown_layout(folder: Path, name: str, how_to_get: str) -> ValueError:
    """Return the error for a folder that no layout fits: what is in it, and what should be."""
    names = [as_text(path.name) for path in listed(folder)]
    held = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return ValueError(
        f"{folder} has none of the layouts of {name}; it holds {held or 'nothing'}. {how_to_get}"
    )


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name: the one place where adapters look into one.

    What is hidden, what systems and editors leave behind, and what is half made, here or by others,
    is no input.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith((".", "#"))
        and not path.name.lower().endswith(UNFINISHED)
        and path.name.lower() not in OWN_FILES
    )


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name."""
    return [path for path in listed(folder) if path.is_dir()]


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, sorted by name."""
    return [path for path in listed(folder) if path.suffix.lower() in PICTURE_ENDINGS]


class LeftOut(list[str]):
    """What cannot be used of a data set, a sentence each."""

    @contextmanager
    def named(self) -> Iterator[None]:
        """Leave out the line or file that the block reads if it is wrong, and note why."""
        try:
            yield
        except ValueError as error:
            self.append(str(error))
        except OSError as error:
            name = Path(error.filename).name if error.filename else "A file"
            self.append(f"{name} cannot be read ({error.strerror or error}).")

    def check(self, used: int) -> tuple[str, ...]:
        """Return the sentences; where not even half can be used, raise the first as an error.

        The file is another one then, or is read wrongly.
        """
        if len(self) > used:
            raise ValueError(f"{self[0]} ({len(self)} of {len(self) + used} cannot be used.)")
        return tuple(self)


class Line(dict[str, str]):
    """The values of a line by column; one that is cut short tells so when it is asked for them."""

    def __init__(self, header: Sequence[str], row: Sequence[str], place: str):
        self.fault = (
            f"{place}: {len(row)} values stand under {len(header)} columns; the line is cut short "
            "or damaged, so get the file again."
        )
        super().__init__(zip(header, row, strict=True) if len(header) == len(row) else ())

    def __missing__(self, column: str) -> str:
        raise ValueError(self.fault)


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, Line]]:
    """Yield each line of a CSV file with a header: where it stands, and its values by column.

    Blanks around the column names are taken off.

    Raises:
        ValueError: if one of `columns` is missing; and, when it is asked for a value, by a line
            that has more or fewer than the header.
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
        yield place, Line(header, row, place)


def read_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each line of a CSV file that is not blank: where it stands, and its values."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for number, line in enumerate(file, 1):
            try:  # alone: a quote that nothing ends would take all lines after it along
                row = next(csv.reader([line]))
            except csv.Error:
                row = [line]
            if any(value.strip() for value in row):
                yield f"{path.name}, line {number}", row


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
        f"disk and left out, for example {as_text(example.name)}.",
    )


def check_inside(path: Path, folder: Path) -> str:
    """Return the name of a file in the `folder` of a data set.

    Raises:
        ValueError: if it lies outside, as a list or a link can say.
    """
    name = as_text(os.path.relpath(path, folder).replace(os.sep, "/"))
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} leads out of the folder of the data set, and is not read.")
    return name


def read_file(path: Path, folder: Path) -> np.ndarray:
    """Return a picture as `read_photo` does; what is wrong is told with its path in `folder`.

    Raises:
        ValueError: if the picture lies outside the folder, is gone, or cannot be read.
    """
    name = check_inside(path, folder)
    try:
        return read_photo(path)
    except OSError as error:
        reason = error.strerror or "it is gone"
        raise ValueError(f"{name}: The file cannot be read ({reason}).") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def load_files(paths: Sequence[Path], folder: Path) -> Callable[[int], np.ndarray]:
    """Return the `load` of a catalogue of the set in `folder` whose picture i is `paths[i]`."""
    return partial(_read_row, tuple(paths), folder)


def _read_row(paths: Sequence[Path], folder: Path, row: int) -> np.ndarray:
    return read_file(paths[row], folder)


def check_share(setting: str, value: float) -> None:
    """Raise a `ValueError` unless `value` is from 0 to below 1."""
    check_number(setting, value, 0, BELOW_1)


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
