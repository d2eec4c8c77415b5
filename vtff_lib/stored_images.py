"""Images that stay in a file and are read when they are asked for. Taught in 07.

For sets that no memory holds: decoded once, one byte a value, so that any image is found by its
number. A training run reads the next batch while it learns the current one.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from vtff_lib.datasets.packs import decode_pictures

CHUNK = 512  # images decoded at a time
ROOM = 0.6  # share of a GPU's free memory that images may take


class StoredImages:
    """Images `(N, 3, H, W)` uint8 in a file of raw values; `images[rows]` reads some as a tensor.

    Args:
        path: the file.
        shape: (N, 3, H, W) of all that is in it.
        rows: which of them these are, `(n,)` int64; all if not given.

    Raises:
        ValueError: if the file has another size.

    Taught in 07.
    """

    dtype, ndim, device = torch.uint8, 4, torch.device("cpu")

    def __init__(self, path: Path, shape: tuple[int, ...], rows: Tensor | None = None):
        if path.stat().st_size != int(np.prod(shape)):
            raise ValueError(
                f"{path} has {path.stat().st_size:,} bytes, but {shape} need "
                f"{int(np.prod(shape)):,}; delete it, and it is made again."
            )
        self.path = path
        self._all = np.memmap(path, np.uint8, "r", shape=shape)
        self._rows = torch.arange(shape[0]) if rows is None else rows

    @property
    def shape(self) -> torch.Size:
        """(n, 3, H, W)."""
        return torch.Size([len(self._rows), *self._all.shape[1:]])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        return torch.from_numpy(self._all[self._rows[index].numpy()])

    def chosen(self, index: Tensor | slice) -> Self:
        """Return some of the images, not read yet."""
        return type(self)(self.path, self._all.shape, self._rows[index])

    def split(self, size: int) -> Iterator[Tensor]:
        """Read the images in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def store_images(path: Path, content: Tensor, lengths: Tensor) -> StoredImages:
    """Decode the pictures of a pack, see `packs`, into the file `path`, unless it is there.

    Until it is complete, the file has another name.

    Raises:
        ValueError: if a picture cannot be read, or the file that is there has another size.

    Taught in 07.
    """
    ends = lengths.cumsum(0)
    first = decode_pictures(content[: ends[0]], lengths[:1])
    shape = (len(lengths), *first.shape[1:])
    if not path.is_file():
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                for start in range(0, len(lengths), CHUNK):
                    some = lengths[start : start + CHUNK]
                    begin = int(ends[start] - lengths[start])
                    pixels = decode_pictures(content[begin : begin + int(some.sum())], some)
                    if pixels.shape[1:] != shape[1:]:
                        raise ValueError("A picture has another size than the first.")
                    file.write(pixels.numpy().data)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return StoredImages(path, shape)


class Feed:
    """The images of each step, on the device; the next are read while the current are learned.

    Images that fit are kept on the device as a whole, and nothing is read then.

    Args:
        images: all training images.
        device: where they are to go.
        rows: returns which images a step takes, `(n,)` int64, from its number.
        steps: how many there are.

    Taught in 07.
    """

    def __init__(
        self,
        images: Tensor | StoredImages,
        device: torch.device,
        rows: Callable[[int], Tensor],
        steps: int,
    ):
        self._device, self._rows, self._steps = device, rows, steps
        self._resident = _all_on(images, device)
        self._images = images
        self._reader = ThreadPoolExecutor(1)
        self._coming: tuple[int, Future[Tensor]] | None = None

    def __call__(self, step: int) -> Tensor:
        """Return the images of a step, `(n, 3, H, W)` uint8."""
        if self._resident is not None:
            return self._resident[self._rows(step).to(self._device)]
        coming = self._coming
        batch = coming[1].result() if coming and coming[0] == step else self._read(step)
        if step + 1 < self._steps:
            self._coming = step + 1, self._reader.submit(self._read, step + 1)
        return batch.to(self._device, non_blocking=True)

    def _read(self, step: int) -> Tensor:
        batch = self._images[self._rows(step)]
        return batch.pin_memory() if self._device.type == "cuda" else batch

    def close(self) -> None:
        """Read no more."""
        self._reader.shutdown(cancel_futures=True)


def _all_on(images: Tensor | StoredImages, device: torch.device) -> Tensor | None:
    """Return all images on the device, or None if they do not fit there."""
    size = images.shape.numel()
    if device.type == "cuda" and size > ROOM * torch.cuda.mem_get_info(device)[0]:
        return None
    if isinstance(images, Tensor):
        return images.to(device)
    if device.type == "cuda":
        return torch.cat([batch.to(device) for batch in images.split(CHUNK)])
    return None
