"""Packs: a set of faces in one `.safetensors` file, encoded, hashed, read without running anything.

A pack is columns of tensors with one row per face. Pictures of `(N, …)` take two columns: `.bytes`,
all WebP files one after another `(B,)` uint8, and `.lengths`, how long each is `(N,)` int64; so
packs are joined by laying column after column, and no picture is decoded. The file's one note is
the manifest, JSON text: what the set is, how many of each class, how it was made, and the SHA-256
of all of it. Taught in 10.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from PIL import Image
from torch import Tensor

from vtff_lib.files import from_json
from vtff_lib.names import SPLITS, check_class_names, check_same_classes
from vtff_lib.refusals import as_path, describe
from vtff_lib.weights import write_weights

FORMAT = "faces of vtff_lib"
VERSION = 1
REQUIRED = {"images.bytes", "images.lengths", "labels", "splits"}
SHARED = ("class_names", "image_size", "codec")  # what the manifests of joined packs agree in
MOST_PIXELS = 2**24  # of a picture, and of all that threads decode at once
MOST_DECODED = 2**28, 100  # bytes of all pictures: so many, and so many times the pack's own
TO_A_THREAD = 64  # pictures at a time: one by one, handing them over would take the time won

Columns = dict[str, Tensor]
Manifest = dict[str, Any]


def encode_pictures(pictures: Tensor, quality: int | None) -> tuple[Tensor, Tensor]:
    """Encode uint8 images `(N, 3, H, W)` or maps `(N, H, W)` as WebP.

    With `quality` from 0 to 100, or None for every pixel as it is. Returns all files one after
    another, `(B,)` uint8, and the length of each, `(N,)` int64.
    """
    options = {"lossless": True} if quality is None else {"quality": quality}
    pixels = (pictures.movedim(1, -1) if pictures.ndim == 4 else pictures).cpu().numpy()

    def encode(index: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels[index])).save(file, "WEBP", **options)
        return file.getvalue()

    files = _in_threads(encode, len(pixels))
    content = bytearray(b"".join(files))
    return torch.frombuffer(content, dtype=torch.uint8), torch.tensor([len(f) for f in files])


def decode_pictures(content: Tensor, lengths: Tensor) -> Tensor:
    """Undo `encode_pictures`: uint8 `(N, 3, H, W)`, the channels of a map all alike.

    Raises:
        ValueError: if a picture cannot be read, or is of another size than the first.
    """
    ends = lengths.cumsum(0).tolist()
    starts = [0, *ends[:-1]]

    def decode(index: int) -> None:
        picture = _open(content[starts[index] : ends[index]])
        if picture.size != (width, height):  # or NumPy would stretch a line over all rows
            raise ValueError("it has another size than the first")
        pictures[index] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)

    try:
        width, height = _open(content[: ends[0]]).size
        pictures = np.empty((len(ends), 3, height, width), dtype=np.uint8)
        _in_threads(decode, len(ends), MOST_PIXELS // (width * height))
    except Exception as error:  # a decoder can fail with anything
        raise ValueError(f"A picture cannot be read ({error}); make the pack again.") from error
    return torch.from_numpy(pictures)


def check_room(columns: Columns) -> None:
    """Look at the first picture of each column, before memory is taken for all that follow.

    Raises:
        ValueError: if they need far more than packs of their length do.
    """
    needed = held = 0
    for name, lengths in columns.items():
        pictures = columns.get(name.removesuffix("lengths") + "bytes")
        if name.endswith(".lengths") and name != "ids.lengths" and pictures is not None:
            try:
                width, height = _open(pictures[: int(lengths[0])]).size
            except Exception as error:
                raise ValueError(f"The first of {name[:-8]} cannot be read ({error}).") from error
            needed, held = needed + len(lengths) * 3 * width * height, held + len(pictures)
    if needed > MOST_DECODED[0] + MOST_DECODED[1] * held:
        raise ValueError(
            f"Its pictures would need {needed:,} bytes, far more than {held:,} bytes of WebP hold; "
            "it is damaged or made to fill the memory, so make it again."
        )


def _open(file: Tensor) -> Image.Image:
    picture = Image.open(io.BytesIO(file.numpy().tobytes()), formats=["WEBP"])
    if picture.width * picture.height > MOST_PIXELS:
        raise ValueError(f"it has {picture.width} x {picture.height} pixels")
    return picture


def _in_threads(do: Callable[[int], Any], count: int, at_once: int = 64) -> list[Any]:
    """Call `do` with 0 … count - 1; Pillow lets other threads run while it encodes or decodes."""

    def do_chunk(start: int) -> list[Any]:
        return [do(index) for index in range(start, min(start + TO_A_THREAD, count))]

    with ThreadPoolExecutor(max(1, min(os.cpu_count() or 1, at_once))) as pool:
        return [
            done for chunk in pool.map(do_chunk, range(0, count, TO_A_THREAD)) for done in chunk
        ]


def write_pack(path: str | Path, columns: Columns, manifest: Manifest) -> None:
    """Write a pack; until it is complete, what stood at `path` stays.

    `columns` are `labels`, `splits`, `images.bytes`, `images.lengths` and more; `manifest` has
    `class_names` and any notes that JSON can hold; the format, counts and hash are added.

    Raises:
        ValueError: if `path` does not end in `.safetensors`, or its folder does not exist.
    """
    manifest = manifest | {"format": FORMAT, "version": VERSION, "splits": list(SPLITS)}
    manifest["counts"] = _count(columns["labels"], columns["splits"], manifest["class_names"])
    try:
        manifest["sha256"] = _digest(columns, manifest)
    except TypeError as error:
        raise ValueError(f"The manifest is no JSON ({error}); give text and numbers.") from error
    # One note only: the order of several is not always the same.
    write_weights(path, columns, {"manifest": json.dumps(manifest, sort_keys=True)})


def read_pack(path: str | Path) -> tuple[Columns, Manifest]:
    """Read and verify the columns, still encoded, and the manifest of a pack.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty, no pack, cut short, damaged, or of another version or splits.
    """
    columns, manifest = _read_columns(as_path(path))
    if not columns.keys() >= REQUIRED or manifest.get("format") != FORMAT:
        raise ValueError(
            f"{path} holds tensors, but it is no pack of faces; choose a file that "
            "FaceSet.write or a script of data_scripts/ has made."
        )
    version, splits = manifest.get("version"), manifest.get("splits")
    if version != VERSION or splits != list(SPLITS):
        raise ValueError(
            f"{path} is a pack of version {version} with the splits {splits}, but this vtff_lib "
            f"reads version {VERSION} with {list(SPLITS)}; install the one that wrote the pack, or "
            "make it again."
        )
    if manifest.get("sha256") != _digest(columns, manifest):
        raise ValueError(
            f"{path} is damaged: its content does not have the SHA-256 that its manifest states; "
            "download or make it again."
        )
    try:
        _check_columns(columns, manifest)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path} is no sound pack: {error}; make it again.") from error
    return columns, manifest


def join_packs(paths: Sequence[str | Path], out: str | Path, notes: Manifest) -> None:
    """Write one pack with the faces of all `paths`, in this order, and `notes` in its manifest.

    Nothing is decoded: this takes memory for the files three times, not for the pictures.

    Raises:
        FileNotFoundError: if there is no file at one of the `paths`.
        ValueError: as `read_pack` and `write_pack` do, and if a pack differs from the first in its
            columns, class names, image size or codec.
    """
    if not paths:
        raise ValueError(f"There is no pack to join to {out}; give one or more.")
    packs = [read_pack(path) for path in paths]
    first_columns, first = packs[0]
    for path, (columns, manifest) in zip(paths, packs, strict=True):
        check_same_classes(str(paths[0]), first["class_names"], str(path), manifest["class_names"])
        differing = [name for name in SHARED if manifest[name] != first[name]]
        if differing or columns.keys() != first_columns.keys():
            raise ValueError(
                f"{path} cannot be joined to {paths[0]}: they differ in "
                f"{', '.join(differing or ['columns'])}; make them alike."
            )
    joined = {name: torch.cat([columns[name] for columns, _ in packs]) for name in first_columns}
    del packs, first_columns, columns  # memory, before the next two copies are made
    write_pack(out, joined, {name: first[name] for name in SHARED} | notes)


def _read_columns(path: Path) -> tuple[Columns, Manifest]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no pack {path}; check the path.")
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise ValueError(f"{path} is empty (0 bytes); download or make it again.")
    if start[8:] != b"{":  # a safetensors file: 8 bytes that tell a length, then JSON
        raise ValueError(f"{path} is no pack but a file of another kind; give a pack of faces.")
    try:
        with safetensors.safe_open(path, "pt") as opened:
            note = (opened.metadata() or {}).get("manifest", "{}")
            columns = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return columns, dict(from_json(note))
    except Exception as error:  # a damaged file can fail with anything
        sentence = f"{path} is cut short or damaged ({error}); download or make it again."
        raise ValueError(sentence) from error


def _check_columns(columns: Columns, manifest: Manifest) -> None:
    """Raise unless every column has a row for each face, and the manifest tells what they are."""
    check_class_names(manifest["class_names"])
    count = len(columns["labels"])
    for name, most in (("labels", len(manifest["class_names"])), ("splits", len(SPLITS))):
        column = columns[name]
        if column.dtype != torch.int64 or column.shape != (count,) or not count:
            raise ValueError(f"{name} is {describe(column)}, not one whole number for each face")
        if not 0 <= column.min() <= column.max() < most:
            raise ValueError(
                f"{name} go from {column.min()} to {column.max()}, not 0 to {most - 1}"
            )
    if manifest["counts"] != _count(columns["labels"], columns["splits"], manifest["class_names"]):
        raise ValueError("its manifest tells other numbers of faces")
    for name, column in columns.items():
        if name.endswith(".bytes"):
            lengths = columns[f"{name.removesuffix('bytes')}lengths"]
            whole = lengths.dtype == torch.int64 and lengths.shape == (count,)
            if not whole or lengths.min() < 0 or lengths.max() > len(column) or column.ndim != 1:
                raise ValueError(f"{name} is not cut by its lengths")
            if column.dtype != torch.uint8 or lengths.sum() != len(column):
                raise ValueError(f"{name} is not cut by its lengths")
        elif column.shape[:1] != (count,):
            raise ValueError(f"{name} is {describe(column)}, not one row for each of {count} faces")


def _count(labels: Tensor, splits: Tensor, class_names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many faces there are of each class, for each split that has any."""
    counts = {}
    for index, split in enumerate(SPLITS):
        if (splits == index).any():
            faces = labels[splits == index].bincount(minlength=len(class_names)).tolist()
            counts[split] = dict(zip(class_names, faces, strict=True))
    return counts


def _digest(columns: Columns, manifest: Manifest) -> str:
    """Return the SHA-256 of all columns and of the manifest without its hash."""
    hashed = {name: value for name, value in manifest.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode())
    for name, column in sorted(columns.items()):
        digest.update(f"{name} {column.dtype} {list(column.shape)}".encode())
        digest.update(column.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
