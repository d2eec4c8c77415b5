"""AffectNet: faces from the web, eight expressions, in its two releases. Taught in 10."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vtff_lib.datasets.sources.catalogue import Catalogue
from vtff_lib.datasets.sources.source_folders import (
    LeftOut,
    Line,
    check_folder,
    check_inside,
    compare,
    expression_of,
    find_present,
    hold_out,
    in_our_order,
    listed,
    read_file,
    read_table,
    unknown_layout,
    whole_number,
    with_remarks,
)
from vtff_lib.names import SPLITS

NAME = "AffectNet"
TERMS = "Given out under a signed agreement, for research that earns no money; pass nothing on."
HOW_TO_GET = (
    "AffectNet is asked for from its authors (Mollahosseini et al. 2019) with a signed agreement "
    "and must not be passed on; its older release has training.csv, validation.csv and "
    "Manually_Annotated_Images/, its newer one train_set and val_set, each with images/123.jpg and "
    "annotations/123_exp.npy."
)
CODES = {
    0: "neutral",
    1: "happiness",
    2: "sadness",
    3: "surprise",
    4: "fear",
    5: "disgust",
    6: "anger",
    7: "contempt",
}
NO_EXPRESSION = {8: "none", 9: "uncertain", 10: "no face"}
ALL_CODES = CODES | NO_EXPRESSION
# What AffectNet calls validation is what everybody tests on: its test pictures are not given out.
TABLES = {"training.csv": "train", "validation.csv": "test"}
FOLDERS = {"train_set": "train", "val_set": "test"}
IMAGES = "Manually_Annotated_Images"
BOX = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = ("subDirectory_filePath", *BOX, "expression")


def _published(classes: int) -> dict[str, dict[str, int]]:
    train = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750)
    names = list(CODES.values())[:classes]
    return {
        "train": dict(zip(names, train, strict=False)),
        "test": dict.fromkeys(names, 500),
    }


PUBLISHED = {f"{classes} classes": _published(classes) for classes in (8, 7)}


@dataclass(frozen=True)
class _Face:
    """A face: its picture, and where in it, (x, y, width, height) in pixels; None is all of it."""

    name: str
    path: Path
    expression: str
    split: str
    box: tuple[int, ...] | None = None


def catalogue_affectnet(
    source: str | Path, classes: int = 8, valid_share: float = 0.1, seed: int = 0
) -> Catalogue:
    """List AffectNet, of the older or the newer release.

    Its official validation pictures are what the field tests on, since the test pictures are not
    given out: they are the split "test" here, and "valid" is held out of the training pictures, the
    same for the same seed. Faces without one of the eight expressions are dropped. The older
    release gives whole photos: each face is cut out by its box.

    Args:
        source: the folder with `training.csv`, `validation.csv` (here or in
            `Manually_Annotated_file_lists`) and `Manually_Annotated_Images`; or one with
            `train_set` and `val_set`, each with `images/123.jpg` and `annotations/123_exp.npy`.
        classes: 8, or 7, which drops contempt.
        valid_share: how much of each class of the training pictures becomes "valid", from 0 to
            below 1.
        seed: of the choice.

    Raises:
        FileNotFoundError: if the folder or all its pictures are missing.
        ValueError: if the layout or `classes` is unknown, a column is missing, most lines or
            annotations cannot be used, or a picture comes twice.
    """
    if classes not in (7, 8):
        raise ValueError(f"classes={classes} will not do; give 8, or 7 to drop contempt.")
    folder = check_folder(source, NAME, HOW_TO_GET)
    class_names = in_our_order(list(CODES.values())[:classes])
    left_out = LeftOut()
    faces = [face for face in _faces(folder, left_out) if face.expression in class_names]
    told = left_out.check(len(faces))
    present, missing = find_present([face.path for face in faces], NAME)
    faces = [faces[row] for row in present]
    catalogue = Catalogue(
        name=NAME,
        protocol=f"{classes} classes",
        class_names=class_names,
        ids=tuple(face.name for face in faces),
        labels=torch.tensor([class_names.index(f.expression) for f in faces], dtype=torch.int64),
        splits=torch.tensor([SPLITS.index(face.split) for face in faces], dtype=torch.int64),
        load=partial(_load, tuple(faces), folder),
        terms=TERMS,
        left_out=told,
        paths=tuple(face.path for face in faces),
        tables=_tables(folder),
    )
    renamed = (
        "The official validation pictures are the split test, as the field uses them; "
        f"{valid_share:.0%} of each class of train are held out as valid."
    )
    checked = with_remarks(compare(catalogue, PUBLISHED), *missing, renamed)
    return hold_out(checked, valid_share, seed)


def _faces(folder: Path, left_out: LeftOut) -> Iterator[_Face]:
    if tables := _tables(folder):
        for table in tables:
            yield from _faces_of_table(table, folder / IMAGES, TABLES[table.name], left_out)
        return
    if not all((folder / name / "annotations").is_dir() for name in FOLDERS):
        raise unknown_layout(folder, NAME, HOW_TO_GET)
    for name, split in FOLDERS.items():
        yield from _faces_of_folder(folder / name, split, left_out)


def _tables(folder: Path) -> tuple[Path, ...]:
    """Return the tables of the older release, if it is one."""
    for inner in (folder, folder / "Manually_Annotated_file_lists"):
        if all((inner / name).is_file() for name in TABLES):
            return tuple(inner / name for name in TABLES)
    return ()


def _faces_of_table(table: Path, images: Path, split: str, left_out: LeftOut) -> Iterator[_Face]:
    for place, line in read_table(table, COLUMNS):
        with left_out.named():
            code = whole_number(line["expression"], place)
            expression = expression_of(code, ALL_CODES, place)
            if code not in NO_EXPRESSION:  # whose boxes need not be numbers
                name = line["subDirectory_filePath"]
                yield _Face(name, images / name, expression, split, _box(line, place))


def _box(line: Line, place: str) -> tuple[int, ...]:
    box = tuple(whole_number(line[column], place) for column in BOX)
    if min(box[2:]) < 1:
        raise ValueError(
            f"{place}: the face is {box[2]}×{box[3]} pixels; at least 1×1 is expected."
        )
    return box


def _faces_of_folder(folder: Path, split: str, left_out: LeftOut) -> Iterator[_Face]:
    for annotation in listed(folder / "annotations"):
        number = annotation.name.removesuffix("_exp.npy")
        if number != annotation.name:
            with left_out.named():
                place = f"{folder.name}/annotations/{annotation.name}"
                expression = expression_of(
                    _read_code(annotation, folder.parent, place), ALL_CODES, place
                )
                picture = folder / "images" / f"{number}.jpg"
                yield _Face(f"{folder.name}/{number}", picture, expression, split)


def _read_code(annotation: Path, folder: Path, place: str) -> int:
    check_inside(annotation, folder)
    try:  # mapped, so that a file that tells of more than it holds is refused, and takes no memory
        code = np.load(annotation, mmap_mode="r", allow_pickle=False)
        numbers = [str(code.item())[:40]] if code.size == 1 else []
    except OSError:
        raise
    except Exception as error:  # a damaged file can fail with anything
        raise ValueError(f"{place} is no plain NumPy array ({error}); get it again.") from error
    if not numbers:
        raise ValueError(f"{place} does not hold one number; get it again.")
    return whole_number(numbers[0], place)


def _load(faces: Sequence[_Face], folder: Path, row: int) -> np.ndarray:
    face = faces[row]
    picture = read_file(face.path, folder)
    if face.box is None:
        return picture
    x, y, width, height = face.box
    cut = picture[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    if not cut.size:
        raise ValueError(
            f"{face.name} is {picture.shape[1]}×{picture.shape[0]} pixels, and the box {face.box} "
            "of its face lies outside; get the picture or its table again."
        )
    return cut
