"""RAF-DB, the basic expressions: seven, faces aligned to 100×100. Taught in 10."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from vtff_lib.datasets.sources.catalogue import Catalogue
from vtff_lib.datasets.sources.source_folders import (
    LeftOut,
    check_folder,
    compare,
    expression_of,
    find_present,
    folders_in,
    hold_out,
    in_our_order,
    load_files,
    pictures_in,
    unknown_layout,
    whole_number,
    with_remarks,
)
from vtff_lib.names import SPLITS

NAME = "RAF-DB"
PROTOCOL = "basic"
TERMS = "Given out by its authors on request, for research that earns no money; pass nothing on."
HOW_TO_GET = (
    "RAF-DB is asked for by letter from its authors (whdeng.cn/RAF/model1.html) and must not be "
    "passed on; its folder has basic/Image/aligned/train_00001_aligned.jpg … and "
    "basic/EmoLabel/list_patition_label.txt, or else class folders train/1 … train/7 and test/1 … "
    "test/7."
)
CODES = {
    1: "surprise",
    2: "fear",
    3: "disgust",
    4: "happiness",
    5: "sadness",
    6: "anger",
    7: "neutral",
}
CLASS_NAMES = in_our_order(tuple(CODES.values()))
PUBLISHED = {
    PROTOCOL: {
        "train": dict(zip(CODES.values(), (1290, 281, 717, 4772, 1982, 705, 2524), strict=True)),
        "test": dict(zip(CODES.values(), (329, 74, 160, 1185, 478, 162, 680), strict=True)),
    }
}
LABELS = Path("EmoLabel", "list_patition_label.txt")  # spelt so


def catalogue_rafdb(
    source: str | Path,
    valid_share: float = 0.1,
    seed: int = 0,
    order: Sequence[str] | None = None,
) -> Catalogue:
    """List RAF-DB's basic expressions, as given out or as class folders.

    RAF-DB has no validation pictures: some of "train" are held out, the same for the same seed.

    Args:
        source: the folder with `basic/Image/aligned/*_aligned.jpg` and
            `basic/EmoLabel/list_patition_label.txt`, or `basic` itself; or one with `train/1` …
            `train/7` and `test/1` … `test/7`.
        valid_share: how much of each class of "train" becomes "valid", from 0 to below 1.
        seed: of the choice.
        order: of class folders alone: the expressions that the folders 1 to 7 stand for. Sources
            number them differently.

    Raises:
        FileNotFoundError: if the folder or all its pictures are missing.
        ValueError: if the layout is unknown, most lines cannot be used, a name comes twice, or
            `order` is missing or does not fit.
    """
    folder = check_folder(source, NAME, HOW_TO_GET)
    basic = folder / "basic" if (folder / "basic").is_dir() else folder
    left_out = LeftOut()
    if (basic / LABELS).is_file():
        if order is not None:
            raise ValueError(f"order={order!r} is for class folders; {LABELS} needs none.")
        rows = list(_rows_of_list(basic, left_out))
    elif (folder / "train" / "1").is_dir() and (folder / "test").is_dir():
        rows = list(_rows_of_folders(folder, _check_order(folder, order)))
    else:
        raise unknown_layout(folder, NAME, HOW_TO_GET)
    told = left_out.check(len(rows))
    present, missing = find_present([path for path, _, _ in rows], NAME)
    paths, names, splits = (
        zip(*(rows[row] for row in present), strict=True) if present else [()] * 3
    )
    catalogue = Catalogue(
        name=NAME,
        protocol=PROTOCOL,
        class_names=CLASS_NAMES,
        ids=tuple(path.stem.removesuffix("_aligned") for path in paths),
        labels=torch.tensor([CLASS_NAMES.index(name) for name in names], dtype=torch.int64),
        splits=torch.tensor([SPLITS.index(split) for split in splits], dtype=torch.int64),
        load=load_files(paths, folder),
        terms=TERMS,
        left_out=told,
        paths=tuple(paths),
    )
    held = (
        f"RAF-DB has no validation pictures; {valid_share:.0%} of each class of train are held out."
    )
    return hold_out(with_remarks(compare(catalogue, PUBLISHED), *missing, held), valid_share, seed)


def _rows_of_list(basic: Path, left_out: LeftOut) -> Iterator[tuple[Path, str, str]]:
    text = (basic / LABELS).read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            with left_out.named():
                yield _row(line, basic, f"{LABELS.name}, line {number}")


def _row(line: str, basic: Path, place: str) -> tuple[Path, str, str]:
    words = line.split()
    split = words[0].partition("_")[0]
    if len(words) != 2 or split not in ("train", "test"):
        raise ValueError(
            f"{place}: {line[:40]!r} stands where a line such as 'train_00001.jpg 5' is "
            "expected; give the list of RAF-DB's basic expressions."
        )
    name = expression_of(whole_number(words[1], place), CODES, place)
    return basic / "Image" / "aligned" / f"{Path(words[0]).stem}_aligned.jpg", name, split


def _check_order(folder: Path, order: Sequence[str] | None) -> Sequence[str]:
    if order is None:
        raise ValueError(
            f"{folder} has class folders 1 to 7, which sources number differently; look at a few "
            "pictures of each and give order=, the seven expressions that they stand for."
        )
    if len(order) != len(CODES) or set(order) != set(CODES.values()):
        raise ValueError(
            f"order={order!r} will not do; give each of {', '.join(CLASS_NAMES)} once, in the "
            "order of the folders 1 to 7."
        )
    return order


def _rows_of_folders(folder: Path, order: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    for split in ("train", "test"):
        names = [path.name for path in folders_in(folder / split)]
        if names != [str(code) for code in CODES]:
            raise ValueError(
                f"{folder / split} has the folders {', '.join(names)}; 1 to 7 are expected. "
                f"{HOW_TO_GET}"
            )
        for number, name in enumerate(order, 1):
            for path in pictures_in(folder / split / str(number)):
                yield path, name, split
