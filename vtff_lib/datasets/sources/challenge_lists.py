"""RAN's lists of occluded faces and turned heads, joined to a data set. Taught in 10.

The lists are in github.com/kaiwang960112/Challenge-condition-FER-dataset (Wang et al. 2020), which
has no licence file: get your own copy, they are not passed on here. Each line names a picture in
one of these ways:

    test_0003_aligned 3 4        RAF-DB, occluded: name, label, kind of occlusion
    0/test_0004_aligned.jpg      RAF-DB, head turned by more than 30° or 45°: label and name
    1_fer0034656.png 8 0         FER+, occluded: label and name, two numbers
    0/fer0032226.jpg             FER+, turned
    val/0/<hash>/, 0/<hash>.jpg  AffectNet, names of the older release
"""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vtff_lib.refusals import as_path

HOW_TO_GET = (
    "Get the lists from github.com/kaiwang960112/Challenge-condition-FER-dataset, for example "
    "FERplus_dir/pose_30_ferplus_list.txt."
)
PICTURE = re.compile(r"(?:^|[/_\s])((?:train|test)_\d+|fer\d{7}|[0-9a-f]{56})(?![0-9a-f])")
NEWER_AFFECTNET = re.compile(r"(?:train|val)_set/\d+")


def read_challenge_list(path: str | Path) -> tuple[str, ...]:
    """Return the pictures that a list names, without label and ending, a name for each line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line names no picture, or there is none.
    """
    path = as_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no list {path}. {HOW_TO_GET}")
    names = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            name = _name_in(line)
            if name is None:
                raise ValueError(
                    f"{path.name}, line {number}: {line[:40]!r} names no picture of RAF-DB, FER+ "
                    f"or AffectNet. {HOW_TO_GET}"
                )
            names.append(name)
    if not names:
        raise ValueError(f"{path} is empty. {HOW_TO_GET}")
    return tuple(names)


def mark_challenging(path: str | Path, ids: Sequence[str]) -> tuple[Tensor, str]:
    """Return which pictures are on a list, and a sentence on those that could not be joined.

    Args:
        path: a list as RAN gives it out.
        ids: of a `Catalogue`, N of them, of RAF-DB, FER+ or AffectNet's older release.

    Returns:
        A mask `(N,)` bool, and the sentence.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a line names no picture; or if none of them is among `ids`, as for
            AffectNet's newer release, which has other names.
    """
    lines = read_challenge_list(path)
    listed = set(lines)
    names = [_name_in(name) for name in ids]
    mask = torch.tensor([name in listed for name in names], dtype=torch.bool)
    if not mask.any():
        raise ValueError(_why_none(Path(path), ids))
    absent = sorted(listed - set(names) - {None})
    sentence = f"{Path(path).name} has {len(lines)} lines for {len(listed)} pictures; "
    if not absent:
        return mask, sentence + "all of them are in the set."
    return mask, sentence + (
        f"{len(absent)} of them are not in the set, for example {absent[0]}: the protocol drops "
        "them, or they are not on disk."
    )


def _name_in(text: str) -> str | None:
    picture = PICTURE.search(text)
    return picture[1] if picture else None


def _why_none(path: Path, ids: Sequence[str]) -> str:
    if any(NEWER_AFFECTNET.fullmatch(name) for name in ids):
        return (
            f"{path.name} names pictures of AffectNet's older release, which cannot be joined to "
            "the newer one: its pictures are numbered anew. Use the older release."
        )
    example = f", for example {ids[0]}" if len(ids) else ""
    return (
        f"{path.name} names no picture of this set{example}; give the list that belongs to it, "
        "and a set with its test pictures."
    )
