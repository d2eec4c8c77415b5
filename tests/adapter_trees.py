"""Small made-up data sets in the layouts of the true ones, for the tests of the adapters."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vtff_lib.datasets.sources.catalogue import Catalogue
from vtff_lib.names import SPLITS

COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
    "valence,arousal"
)


def write_picture(path: Path, size: tuple[int, int] = (4, 4), colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, colour).save(path)


def named(faces: Catalogue) -> dict[str, str]:
    names = (faces.class_names[label] for label in faces.labels)
    return dict(zip(faces.ids, names, strict=True))


def split_of(faces: Catalogue) -> dict[str, str]:
    return dict(zip(faces.ids, (SPLITS[split] for split in faces.splits), strict=True))


def complaint(catalogue: Callable[..., Catalogue], *settings: object) -> str:
    """Return what is told of the one thing that was left out."""
    (sentence,) = catalogue(*settings).left_out
    return sentence


def write_rafdb(folder: Path, each: int = 10) -> Path:
    lines = []
    for number in range(each * 7):
        lines.append(f"train_{number:05} {number % 7 + 1}")
    lines += [f"test_{number:04} {number % 7 + 1}" for number in range(7)]
    for line in lines:
        write_picture(folder / "basic" / "Image" / "aligned" / f"{line.split()[0]}_aligned.jpg")
    labels = folder / "basic" / "EmoLabel" / "list_patition_label.txt"
    labels.parent.mkdir()
    labels.write_text("".join(line.replace(" ", ".jpg ") + "\n" for line in lines))
    return labels


def write_rafdb_folders(folder: Path) -> None:
    for code in range(1, 8):
        write_picture(folder / "test" / str(code) / f"test_{code:04}_aligned.jpg")
        for number in range(4):
            name = f"train_{code * 10 + number:05}_aligned.jpg"
            write_picture(folder / "train" / str(code) / name)


def write_affectnet_tables(folder: Path) -> None:
    for file, prefix in (("training.csv", "a"), ("validation.csv", "b")):
        lines = [COLUMNS.split(",")]
        for code in range(11):
            box = [2, 1, 3, 4] if code < 8 else ["NULL"] * 4
            lines.append([f"{prefix}/{code}.jpg", *box, "1;2", code, 0.1, -0.1])
            write_picture(folder / "Manually_Annotated_Images" / prefix / f"{code}.jpg", (9, 7))
        with (folder / file).open("w", newline="") as table:
            csv.writer(table).writerows(lines)


def write_affectnet_folders(folder: Path) -> None:
    for inner in ("train_set", "val_set"):
        (folder / inner / "annotations").mkdir(parents=True)
        for code in range(11):
            write_picture(folder / inner / "images" / f"{code + 100}.jpg")
            kind = np.array(str(code)) if code % 2 else np.array(code)
            np.save(folder / inner / "annotations" / f"{code + 100}_exp.npy", kind)
            np.save(folder / inner / "annotations" / f"{code + 100}_val.npy", np.array(0.5))


def write_ckplus(folder: Path, people: int = 20) -> None:
    for person in range(people):
        code = person % 7 + 1
        for take, frames in (("001", 6), ("002", 3)):  # the second take has no label
            stem = f"S{person:03}_{take}_"
            place = Path(f"S{person:03}", take)
            for frame in range(1, frames + 1):
                picture = folder / "cohn-kanade-images" / place / f"{stem}{frame:08}.png"
                write_picture(picture, colour=frame)
            (folder / "Emotion" / place).mkdir(parents=True)
            if take == "001":
                label = folder / "Emotion" / place / f"{stem}{frames:08}_emotion.txt"
                label.write_text(f"   {code}.0000000e+00\n")
