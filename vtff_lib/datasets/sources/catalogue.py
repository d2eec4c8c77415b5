"""What a data set holds, before a picture is opened. Taught in 10."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vtff_lib.names import SPLITS, as_text
from vtff_lib.refusals import check_whole


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The pictures of a data set with their labels, one row a picture; made by an adapter.

    Args:
        name: of the set, `"FER+"`.
        protocol: which pictures count and how they are labelled, in a few words, `"majority"`.
        class_names: what the labels stand for, in order; the adapter's own codes are mapped on
            them.
        ids: a name for each picture, none twice.
        labels: indices into `class_names`, `(N,)` int64.
        splits: indices into `SPLITS`, `(N,)` int64.
        load: returns picture i, from 0, as upright RGB `(H, W, 3)` uint8 of any size; what is wrong
            with its file is raised then, see `photos.read_photo`.
        terms: who gives the set out, and what one may do with it, in a sentence.
        votes: how many annotators named each class, `(N, num_classes)` float32, or None.
        people: which person each picture shows, `(N,)` int64, or None where it is not known.
        paths: the file of each picture, N of them, or none where a table holds the pictures.
        tables: files that tell more of all pictures, such as boxes; see `data_scripts/prepare.py`.
        left_out: which lines or files of the labels cannot be used, and why, a sentence each.
        remarks: what differs from what is published of the set, a sentence each.

    Raises:
        ValueError: if there is no picture, an id comes twice, or a column does not fit.
    """

    name: str
    protocol: str
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: Tensor
    splits: Tensor
    load: Callable[[int], np.ndarray]
    terms: str
    votes: Tensor | None = None
    people: Tensor | None = None
    remarks: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", as_text(self.name))
        for texts in ("ids", "class_names", "remarks", "left_out"):
            object.__setattr__(self, texts, tuple(map(as_text, getattr(self, texts))))
        count = len(self.ids)
        if not count:
            raise ValueError(f"{self.name} ({self.protocol}) has no picture; check the folder.")
        seen: set[str] = set()
        for name in self.ids:
            if name in seen:
                raise ValueError(
                    f"{self.name} lists {name!r} twice; keep one line for each picture."
                )
            seen.add(name)
        for column, most in (("labels", len(self.class_names)), ("splits", len(SPLITS))):
            values = getattr(self, column)
            if values.shape != (count,) or not 0 <= values.min() <= values.max() < most:
                raise ValueError(f"{column} of {self.name} do not fit its {count} pictures.")
        for column in ("votes", "people", "paths"):
            values = getattr(self, column)
            if values not in (None, ()) and len(values) != count:
                raise ValueError(f"{column} of {self.name} do not fit its {count} pictures.")

    def __len__(self) -> int:
        return len(self.ids)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many pictures each split has of each class; without splits that have none."""
        table = {}
        for index, split in enumerate(SPLITS):
            chosen = self.labels[self.splits == index]
            if len(chosen):
                numbers = chosen.bincount(minlength=len(self.class_names)).tolist()
                table[split] = dict(zip(self.class_names, numbers, strict=True))
        return table


def differences(
    counts: Mapping[str, Mapping[str, int]], published: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """Return a sentence for each split and class whose number is not the published one."""
    sentences = []
    for split, classes in published.items():
        for name, expected in classes.items():
            counted = counts.get(split, {}).get(name, 0)
            if counted != expected:
                sentences.append(f"{split} has {counted} of {name}, published are {expected}.")
    return sentences


def split_off(labels: Tensor, share: float, seed: int = 0) -> Tensor:
    """Return a mask `(N,)` of about `share` of each class, the same for the same seed.

    For sets that have no validation pictures of their own: some of the training ones are held out.
    """
    check_whole("seed", seed, 0, 2**63 - 1)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero().flatten()
        order = torch.randperm(len(rows), generator=generator)
        chosen[rows[order[: round(share * len(rows))]]] = True
    return chosen
