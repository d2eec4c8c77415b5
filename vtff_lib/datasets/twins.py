"""Pictures that stand in a data set more than once, pixel by pixel the same. Taught in 10."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vtff_lib.names import SPLITS


@dataclass(frozen=True, eq=False)
class Twins:
    """Which of N pictures have a twin; made by `find_twins`.

    Args:
        groups: rows of the pictures that are the same, two rows or more in each.
        splits: indices into `SPLITS`, `(N,)` int64.
    """

    groups: tuple[tuple[int, ...], ...]
    splits: Tensor

    @property
    def across(self) -> Tensor:
        """Which pictures have a twin in another split, `(N,)` bool."""
        return self._mask(elsewhere=True)

    @property
    def within(self) -> Tensor:
        """Which pictures have a twin in their own split, `(N,)` bool."""
        return self._mask(elsewhere=False)

    def _mask(self, elsewhere: bool) -> Tensor:
        mask = torch.zeros(len(self.splits), dtype=torch.bool)
        for rows in self.groups:
            splits = self.splits[list(rows)]
            same = (splits[:, None] == splits).sum(dim=1)
            mask[list(rows)] = same < len(rows) if elsewhere else same > 1
        return mask

    def report(self) -> list[str]:
        """Return a sentence for each split that has twins."""
        sentences = []
        for index, split in enumerate(SPLITS):
            chosen = self.splits == index
            across, within = int(self.across[chosen].sum()), int(self.within[chosen].sum())
            if across or within:
                sentences.append(
                    f"Of {int(chosen.sum())} pictures of {split}, {across} have a twin of the same "
                    f"pixels in another split, {within} one in {split} itself."
                )
        return sentences


def find_twins(pictures: Iterable[np.ndarray | Tensor], splits: Tensor) -> Twins:
    """Find the pictures whose pixels are all the same.

        find_twins(map(catalogue.load, range(len(catalogue))), catalogue.splits)
        find_twins(faces.images, faces.splits)

    A face that is in "train" and in "test" lets a model be right by memory; report accuracy with
    and without such pictures. In a pack written at a `quality`, twins stay twins, since equal
    pixels are encoded alike.

    Args:
        pictures: N arrays or tensors of uint8, of any sizes; one is held at a time.
        splits: indices into `SPLITS`, `(N,)` int64.

    Raises:
        ValueError: if there are more or fewer pictures than splits.
    """
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        pixels = np.ascontiguousarray(picture)
        shape = str(pixels.shape).encode()
        rows_of[hashlib.sha256(shape + pixels.tobytes()).digest()].append(row)
    count = sum(map(len, rows_of.values()))
    if count != len(splits):
        raise ValueError(f"{count} pictures came with {len(splits)} splits; give one for each.")
    return Twins(tuple(tuple(rows) for rows in rows_of.values() if len(rows) > 1), splits)
