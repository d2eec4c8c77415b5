"""Your own pictures: a folder for each class. Taught in 10."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from vtff_lib.datasets.sources.catalogue import Catalogue, split_off
from vtff_lib.datasets.sources.source_folders import (
    check_folder,
    check_share,
    folders_in,
    in_our_order,
    listed,
    load_files,
    pictures_in,
    unknown_layout,
)
from vtff_lib.names import EXPRESSIONS, SPLITS

NAME = "a folder of pictures"
TERMS = "Your own pictures: keep to what the people in them, or those who gave them, agreed to."
HOW_TO_GET = (
    "Make a folder for each of two classes or more, such as happiness/ and sadness/, and put its "
    "pictures in it; the folders stand side by side, or inside train/, valid/ and test/."
)
SPLIT_NAMES = {"train": "train", "valid": "valid", "val": "valid", "test": "test"} | {
    "training": "train",
    "validation": "valid",
}
SPELLINGS = {
    "neutral": ("neutrality", "calm"),
    "happiness": ("happy", "joy", "smile"),
    "surprise": ("surprised",),
    "sadness": ("sad",),
    "anger": ("angry",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "contempt": ("contemptuous",),
}
EXPRESSION_NAMED = {
    spelling: name for name, others in SPELLINGS.items() for spelling in (name, *others)
}


def catalogue_folders(
    source: str | Path, valid_share: float = 0.1, test_share: float = 0.1, seed: int = 0
) -> Catalogue:
    """List a folder of class folders.

    If all class folders are named for expressions ("happiness", "happy", "Angry" …), the classes
    are these, in the order of `EXPRESSIONS`. Otherwise the folder names are the classes, sorted.

    Args:
        source: a folder with `train|valid|test/<class>/*.jpg`, or with `<class>/*.jpg`.
        valid_share, test_share: how much of each class becomes "valid" and "test", each from 0 to
            below 1, together below 1; a split that has a folder of its own takes nothing from
            "train". Pictures of one person are not kept together: sort them yourself if it matters.
        seed: of the choice.

    Raises:
        FileNotFoundError: if the folder is missing.
        ValueError: if there are fewer than two class folders with pictures, two of them are for the
            same class, or a share is out of range.
    """
    check_share("valid_share", valid_share)
    check_share("test_share", test_share)
    check_share("valid_share + test_share", valid_share + test_share)
    folder = check_folder(source, NAME, HOW_TO_GET)
    parents = _split_folders(folder)
    rows = [
        (path, split, path.parent.name)
        for split, parent in parents
        for inner in folders_in(parent)
        for path in pictures_in(inner)
    ]
    named = _name_classes(row[2] for row in rows)
    meant = set(named.values())
    class_names = in_our_order(tuple(meant)) if meant <= set(EXPRESSIONS) else tuple(sorted(meant))
    if len(class_names) < 2:
        raise unknown_layout(folder, NAME, HOW_TO_GET)
    _check_one_folder_each(parents, named)
    labels = torch.tensor([class_names.index(named[row[2]]) for row in rows], dtype=torch.int64)
    splits = torch.tensor([SPLITS.index(row[1]) for row in rows], dtype=torch.int64)
    shares = {"test": test_share, "valid": valid_share}
    open_splits = {split: share for split, share in shares.items() if split not in dict(parents)}
    return Catalogue(
        name=folder.resolve().name,
        protocol="class folders",
        class_names=class_names,
        ids=tuple(row[0].relative_to(folder).as_posix() for row in rows),
        labels=labels,
        splits=_fill(splits, labels, open_splits, seed),
        load=load_files([row[0] for row in rows], folder),
        terms=TERMS,
        paths=tuple(row[0] for row in rows),
        remarks=(*_left_out(parents), *_empty(parents)),
    )


def _split_folders(folder: Path) -> list[tuple[str, Path]]:
    """Return the split folders, or `folder` itself as "train" if it has class folders."""
    inner = folders_in(folder)
    splits = [(SPLIT_NAMES[p.name.lower()], p) for p in inner if p.name.lower() in SPLIT_NAMES]
    if not splits:
        return [("train", folder)]
    if len(splits) < len(inner) or len(dict(splits)) < len(splits) or "train" not in dict(splits):
        raise unknown_layout(folder, NAME, HOW_TO_GET)
    return splits


def _name_classes(folders: Iterable[str]) -> dict[str, str]:
    """Return the class of each folder name: an expression if all of them are one."""
    names = sorted(set(folders))
    if all(name.lower() in EXPRESSION_NAMED for name in names):
        return {name: EXPRESSION_NAMED[name.lower()] for name in names}
    return {name: name for name in names}


def _check_one_folder_each(parents: list[tuple[str, Path]], named: dict[str, str]) -> None:
    """Raise if two folders are for one class: of one split, or by names that look alike."""
    spelled: dict[str, str] = {}
    for _, parent in parents:
        folder_of: dict[str, str] = {}
        for inner in folders_in(parent):
            if (name := named.get(inner.name)) is None:
                continue  # without pictures, so no class
            # Macs write an accent as a sign of its own.
            sound = unicodedata.normalize("NFC", name).casefold().strip()
            other = folder_of.setdefault(sound, inner.name)
            same = spelled.setdefault(sound, name)
            if other != inner.name or same != name:
                raise ValueError(
                    f"{same if other == inner.name else other} and {inner.name} in {parent} are "
                    f"both for {name}; put their pictures in one folder, or spell it in one way."
                )


def _empty(parents: list[tuple[str, Path]]) -> tuple[str, ...]:
    """Return a remark on each class folder that has no picture."""
    return tuple(
        f"{inner.relative_to(parent.parent).as_posix()} has no picture and is left out."
        for _, parent in parents
        for inner in folders_in(parent)
        if not pictures_in(inner)
    )


def _fill(splits: Tensor, labels: Tensor, shares: dict[str, float], seed: int) -> Tensor:
    """Return `splits` with the given shares of the training rows moved to other splits."""
    left = 1.0
    for split, share in shares.items():
        train = (splits == SPLITS.index("train")).nonzero().flatten()
        chosen = train[split_off(labels[train], share / left, seed)]
        splits = splits.index_fill(0, chosen, SPLITS.index(split))
        left -= share
    return splits


def _left_out(parents: list[tuple[str, Path]]) -> tuple[str, ...]:
    """Return a remark if files are not read because of their endings."""
    files = [
        path
        for _, parent in parents
        for inner in folders_in(parent)
        for path in sorted(set(listed(inner)) - set(pictures_in(inner)))
    ]
    if not files:
        return ()
    return (
        f"{len(files)} files or folders inside the class folders are no pictures by their ending "
        f"and left out, for example {files[0].name}.",
    )
