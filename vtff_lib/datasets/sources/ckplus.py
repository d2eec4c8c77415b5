"""CK+: sequences from a neutral face to an acted expression. Taught in 10."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vtff_lib.datasets.sources.catalogue import Catalogue, differences
from vtff_lib.datasets.sources.source_folders import (
    LeftOut,
    check_folder,
    check_inside,
    check_share,
    expression_of,
    folders_in,
    in_our_order,
    listed,
    load_files,
    pictures_in,
    unknown_layout,
    whole_number,
)
from vtff_lib.names import SPLITS
from vtff_lib.refusals import check_sizes

NAME = "CK+"
TERMS = "Given out under a signed agreement, for research that earns no money; pass nothing on."
HOW_TO_GET = (
    "CK+ is asked for from its authors (Lucey et al. 2010) with a signed agreement and must not be "
    "passed on; its folder has cohn-kanade-images/S005/001/S005_001_00000011.png and "
    "Emotion/S005/001/S005_001_00000011_emotion.txt."
)
CODES = {
    0: "neutral",
    1: "anger",
    2: "contempt",
    3: "disgust",
    4: "fear",
    5: "happiness",
    6: "sadness",
    7: "surprise",
}
CLASS_NAMES = in_our_order(tuple(CODES.values()))
IMAGES, LABELS = "cohn-kanade-images", "Emotion"
# Sequences with a label, by their label (Lucey et al. 2010): 327 of 593.
PUBLISHED = {
    "sequences": {
        "the set of sequences": {
            "anger": 45,
            "contempt": 18,
            "disgust": 59,
            "fear": 25,
            "happiness": 69,
            "sadness": 28,
            "surprise": 83,
        }
    }
}


@dataclass(frozen=True)
class _Sequence:
    """A labelled sequence of one person, from neutral to the expression."""

    person: str
    expression: str
    frames: list[Path]


def catalogue_ckplus(
    source: str | Path,
    last: int = 3,
    valid_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
) -> Catalogue:
    """List CK+: of each labelled sequence the first frame is neutral, the last show the label.

    There is no official split: people are dealt out to the splits, the same for the same seed, and
    nobody is in two. Sequences without a label file are left out.

    Args:
        source: the folder with `cohn-kanade-images/S005/001/S005_001_00000011.png` and
            `Emotion/S005/001/S005_001_00000011_emotion.txt`.
        last: how many of the last frames show the label, from 1; less of a shorter sequence, so
            that its first frame is neutral alone.
        valid_share, test_share: of the people, each from 0 to below 1, together below 1.
        seed: of the dealing.

    Raises:
        FileNotFoundError: if the folder, or the pictures of all labelled sequences, are missing.
        ValueError: if the layout is unknown, most labels cannot be used, or `last` or a share is
            out of range.
    """
    check_sizes(last=last)
    folder = check_folder(source, NAME, HOW_TO_GET)
    if not ((folder / IMAGES).is_dir() and (folder / LABELS).is_dir()):
        raise unknown_layout(folder, NAME, HOW_TO_GET)
    left_out = LeftOut()
    sequences, missing = _sequences(folder, left_out)
    told = left_out.check(len(sequences))
    people = sorted({sequence.person for sequence in sequences})
    split_of = _deal(len(people), valid_share, test_share, seed)
    rows = [
        (frame, expression, people.index(sequence.person))
        for sequence in sequences
        for frame, expression in _labelled_frames(sequence, last)
    ]
    persons = torch.tensor([person for _, _, person in rows], dtype=torch.int64)
    counts = {"the set of sequences": Counter(sequence.expression for sequence in sequences)}
    return Catalogue(
        name=NAME,
        protocol=f"first frame and last {last}",
        class_names=CLASS_NAMES,
        ids=tuple(frame.stem for frame, _, _ in rows),
        labels=torch.tensor([CLASS_NAMES.index(name) for _, name, _ in rows], dtype=torch.int64),
        splits=split_of[persons],
        load=load_files([frame for frame, _, _ in rows], folder),
        terms=TERMS,
        people=persons,
        left_out=told,
        paths=tuple(frame for frame, _, _ in rows),
        remarks=(*missing, *differences(counts, PUBLISHED["sequences"])),
    )


def _sequences(folder: Path, left_out: LeftOut) -> tuple[list[_Sequence], list[str]]:
    """Return the labelled sequences that have pictures, and a remark if others have none."""
    sequences, missing = [], []
    labels = _label_files(folder / LABELS)
    for place, files in labels.items():
        with left_out.named():
            expression = _read_label(files, folder)
            images = folder / IMAGES / place
            frames = pictures_in(images) if images.is_dir() else []
            if len(frames) > 1:
                sequences.append(_Sequence(place.parts[0], expression, frames))
            else:
                missing.append(place.as_posix())
    if left_out and not sequences and not missing:
        left_out.check(0)
    if not sequences:
        raise FileNotFoundError(
            f"None of the {len(labels)} label files under {folder / LABELS} has its pictures under "
            f"{folder / IMAGES}. {HOW_TO_GET}"
        )
    if not missing:
        return sequences, []
    return sequences, [
        f"{len(missing)} of the {len(labels)} labelled sequences have not two pictures on disk and "
        f"are left out, for example {missing[0]}."
    ]


def _label_files(folder: Path) -> dict[Path, list[Path]]:
    """Return the label files of each labelled sequence, by its place, `S005/001`."""
    takes = [take for person in folders_in(folder) for take in folders_in(person)]
    files = {
        take.relative_to(folder): [
            path for path in listed(take) if path.name.endswith("_emotion.txt")
        ]
        for take in takes
    }
    return {place: labels for place, labels in files.items() if labels}


def _read_label(labels: list[Path], folder: Path) -> str:
    label, *others = labels
    name = check_inside(label, folder)
    if others:
        sequence = Path(name).parent.as_posix()
        raise ValueError(f"{sequence} has two label files; keep the one that CK+ came with.")
    text = label.read_text(encoding="utf-8-sig", errors="replace").strip()
    place = f"{name}, line 1"
    return expression_of(whole_number(text, place), CODES, place)


def _labelled_frames(sequence: _Sequence, last: int) -> list[tuple[Path, str]]:
    first, *others = sequence.frames
    return [(first, "neutral"), *((frame, sequence.expression) for frame in others[-last:])]


def _deal(people: int, valid_share: float, test_share: float, seed: int) -> Tensor:
    """Return which split each of the `people` is in, `(people,)` int64."""
    check_share("valid_share", valid_share)
    check_share("test_share", test_share)
    check_share("valid_share + test_share", valid_share + test_share)
    order = torch.randperm(people, generator=torch.Generator().manual_seed(seed))
    test, valid = round(test_share * people), round(valid_share * people)
    splits = torch.full((people,), SPLITS.index("train"))
    splits[order[:test]] = SPLITS.index("test")
    splits[order[test : test + valid]] = SPLITS.index("valid")
    return splits
