"""Images that stay in a file and are read when they are asked for. Taught in 07b.

For sets that no memory holds: decoded once, one byte a value, so that any image is found by its
number. A training run reads the next batch while it learns the current one.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vtff_lib.datasets.packs import decode_pictures
from vtff_lib.files import whole
from vtff_lib.refusals import describe, has_values, shown

AT_ONCE = 512  # images decoded at a time
SUM = np.dtype("<u4")  # of a CRC-32


class StoredImages:
    """Images `(N, 3, H, W)` uint8 in a file of raw values; `images[rows]` reads some as a tensor.

    The values are followed by a CRC-32 of each image, with which it is compared when it is read.

    Args:
        path: the file.
        shape: (N, 3, H, W) of all that is in it.
        rows: which of them these are, `(n,)` int64; all if not given.

    Raises:
        ValueError: if the file has another size; later, if an image in it has changed.
    """

    dtype, ndim, device = torch.uint8, 4, torch.device("cpu")

    def __init__(self, path: Path, shape: tuple[int, ...], rows: Tensor | None = None):
        pixels = int(np.prod(shape))
        if path.stat().st_size != pixels + 4 * shape[0]:
            raise ValueError(
                f"{path} has {path.stat().st_size:,} bytes, but {shape} need "
                f"{pixels + 4 * shape[0]:,}; delete it, and it is made again."
            )
        self.path = path
        self._sums = np.fromfile(path, SUM, offset=pixels)
        self._all = np.memmap(path, np.uint8, "r", shape=shape)
        self._rows = torch.arange(shape[0]) if rows is None else rows

    @property
    def shape(self) -> torch.Size:
        """(n, 3, H, W)."""
        return torch.Size([len(self._rows), *self._all.shape[1:]])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        rows = chosen_rows(self._rows, index).numpy()
        images = self._all[rows]
        for row, image in zip(rows, images, strict=True):
            if zlib.crc32(image) != self._sums[row]:
                raise ValueError(
                    f"{self.path} is damaged in image {row}; delete it, and it is made again."
                )
        return torch.from_numpy(images)

    def chosen(self, index: Tensor | slice) -> Self:
        """Return some of the images, not read yet."""
        return type(self)(self.path, self._all.shape, chosen_rows(self._rows, index))

    def split(self, size: int) -> Iterator[Tensor]:
        """Read the images in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def chosen_rows(rows: Tensor, index: Any) -> Tensor:
    """Return some of `rows` `(N,)`.

    Raises:
        ValueError: if `index` is no slice, no whole numbers of rows, and no booleans for all.
    """
    with suppress(IndexError, TypeError, ValueError, RuntimeError):
        if isinstance(index, slice):
            return rows[index]
        chosen = torch.as_tensor(index)
        if chosen.ndim == 1 and chosen.dtype != torch.uint8:  # which torch takes for booleans
            return rows[chosen if len(chosen) else []]
    raise ValueError(
        f"[{shown(index)}] chooses none of {len(rows)}; give a slice, or whole numbers or booleans "
        "in a list or tensor."
    )


def check_images(images: Any, channels: int | None = 3) -> None:
    """Raise a `ValueError` unless `images` are uint8 `(N, channels, H, W)`, N from 0; or stored.

    `None`: any number of channels, for models that are given more.
    """
    if isinstance(images, StoredImages):
        return
    sound = has_values(images) and images.dtype == torch.uint8 and images.ndim == 4
    if not sound or 0 in images.shape[1:] or channels not in (None, images.shape[1]):
        raise ValueError(f"images is {describe(images)}; give torch.uint8 of shape (N, 3, H, W).")


def store_images(path: Path, content: Tensor, lengths: Tensor) -> StoredImages:
    """Decode the pictures of a pack, see `packs`, into the file `path`, unless it is there.

    Until it is complete, the file has another name.

    Raises:
        ValueError: if a picture cannot be read, or the file that is there has another size.
    """
    ends = lengths.cumsum(0)
    first = decode_pictures(content[: ends[0]], lengths[:1])
    shape = (len(lengths), *first.shape[1:])
    sums: list[int] = []
    if not path.is_file():
        with whole(path) as unfinished, unfinished.open("wb") as file:
            for start in range(0, len(lengths), AT_ONCE):
                some = lengths[start : start + AT_ONCE]
                begin = int(ends[start] - lengths[start])
                pixels = decode_pictures(content[begin : begin + int(some.sum())], some)
                if pixels.shape[1:] != shape[1:]:
                    raise ValueError("A picture has another size than the first.")
                file.write(pixels.numpy().data)
                sums += map(zlib.crc32, pixels.numpy())
            file.write(np.array(sums, SUM).data)
    return StoredImages(path, shape)
