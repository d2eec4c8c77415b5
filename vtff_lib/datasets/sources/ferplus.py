"""FER+: the pictures of FER2013 with ten votes each. Taught in 10."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vtff_lib.datasets.sources.catalogue import Catalogue, differences
from vtff_lib.datasets.sources.ferplus_rows import (
    HOW_TO_GET,
    NAME,
    SIDE,
    Row,
    keep_last,
    rows_of_ferplus,
)
from vtff_lib.datasets.sources.ferplus_votes import RULES, judge
from vtff_lib.datasets.sources.source_folders import (
    LeftOut,
    find_present,
    listed,
    read_file,
    with_remarks,
)
from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.photos.reading import read_photo
from vtff_lib.refusals import as_path, check_choice

__all__ = ["HOW_TO_GET", "PUBLISHED", "catalogue_ferplus"]

TERMS = (
    "Labels by Microsoft under the MIT licence; the pictures of FER2013 were collected from a web "
    "search and carry no licence: measure on them, but show or pass on none."
)
WARNING_SIGN = "fer0033120.png"


def _by_class(*numbers: int) -> dict[str, int]:
    return dict(zip(EXPRESSIONS, numbers, strict=True))


# Of the majority rule each class is published, of the others the sum alone.
PUBLISHED = {
    "majority": {
        "train": _by_class(8733, 7284, 3136, 3022, 2098, 116, 536, 120),
        "valid": _by_class(1180, 862, 411, 348, 289, 25, 60, 16),
        "test": _by_class(1083, 892, 394, 382, 269, 16, 86, 15),
    },
    "probability": {
        "train": {"all classes": 27947},
        "valid": {"all classes": 3508},
        "test": {"all classes": 3507},
    },
    "multi_target": {
        "train": {"all classes": 27667},
        "valid": {"all classes": 3472},
        "test": {"all classes": 3466},
    },
}


def catalogue_ferplus(
    source: str | Path, rule: str = "majority", train_rule: str | None = None
) -> Catalogue:
    """List FER+, as two CSV files or as the folders that FER+'s own tool writes.

    The CSV files are joined by the order of their rows: the number in a picture's name is not its
    row. Four names stand in two lines; when the tool wrote the pictures, the later one replaced the
    earlier, so the later line is kept, in both layouts.

    The published numbers are met by the votes of FER+'s own `label.csv` files. A public version of
    `fer2013new.csv` has other votes in some rows, so with it some numbers may differ; the remarks
    tell which.

    Args:
        source: a folder with `fer2013new.csv` and `fer2013.csv` or `icml_face_data.csv`; or with
            `FER2013Train|Valid|Test/ferNNNNNNN.png` and a `label.csv` in each.
        rule: `"majority"` (RAN's and SCN's protocol), `"probability"` or `"multi_target"`, see
            `ferplus_votes`. In the catalogue, `votes` are those that the rule keeps, `(N, 8)` from
            0 to 10, and `labels` the winners.
        train_rule: that of the training pictures, if another: `"probability"` has 2,902 more to
            learn from than `"majority"`, by whose pictures papers measure.

    Raises:
        FileNotFoundError: if the folder or all its pictures are missing.
        ValueError: if the rule or the layout is unknown; if a column is missing, most lines cannot
            be used, the two CSV files do not have the same rows, or a name is in two splits.
    """
    check_choice("rule", rule, RULES)
    train_rule = rule if train_rule is None else train_rule
    check_choice("train_rule", train_rule, RULES)
    left_out = LeftOut()
    rows, replaced = keep_last(rows_of_ferplus(source, left_out))
    told = left_out.check(len(rows))
    rules = {split: train_rule if split == "train" else rule for split in SPLITS}
    verdicts = judge(np.array([row.votes for row in rows]), [rules[row.split] for row in rows])
    chosen, missing = _with_picture(rows, verdicts.counted.nonzero().flatten().tolist())
    counted = [rows[row] for row in chosen]
    catalogue = Catalogue(
        name=NAME,
        protocol=rule if train_rule == rule else f"{rule}, training pictures by {train_rule}",
        class_names=EXPRESSIONS,
        ids=tuple(row.name for row in counted),
        labels=verdicts.labels[chosen],
        splits=torch.tensor([SPLITS.index(row.split) for row in counted], dtype=torch.int64),
        load=partial(_load, tuple(row.picture for row in counted), as_path(source)),
        terms=TERMS,
        votes=verdicts.kept[chosen],
        left_out=told,
        paths=tuple(row.picture for row in counted if isinstance(row.picture, Path)),
        tables=tuple(path for path in listed(as_path(source)) if path.suffix == ".csv"),
    )
    return with_remarks(catalogue, *replaced, *missing, *_findings(catalogue, rules))


def _load(pictures: Sequence[Path | bytes], folder: Path, row: int) -> np.ndarray:
    picture = pictures[row]
    if isinstance(picture, Path):
        return read_file(picture, folder)
    return read_photo(np.frombuffer(picture, dtype=np.uint8).reshape(SIDE, SIDE))


def _with_picture(rows: list[Row], chosen: list[int]) -> tuple[list[int], tuple[str, ...]]:
    """Return those of the chosen rows that have a picture, and a remark on the others."""
    paths = [picture for row in chosen if isinstance(picture := rows[row].picture, Path)]
    if not paths:
        return chosen, ()
    present, remarks = find_present(paths, NAME)
    return [chosen[row] for row in present], remarks


def _findings(catalogue: Catalogue, rules: dict[str, str]) -> Iterator[str]:
    counts, published = catalogue.counts(), {}
    for split, rule in rules.items():
        published[split] = PUBLISHED[rule][split]
        if rule != "majority" and split in counts:
            counts[split] = {"all classes": sum(counts[split].values())}
    yield from differences(counts, published)
    if WARNING_SIGN in catalogue.ids:
        yield f"{WARNING_SIGN} is a warning sign labelled neutral; it counts, as elsewhere."
