"""Packs made in shards, so that a run that was stopped goes on after its last finished shard.

Each shard is a pack of its own in a folder beside the output; at the end they are joined and
removed. What comes of it is the same file, byte for byte, however often the run was stopped. Taught
in 10.
"""

import argparse
import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from vtff_lib.datasets.face_set import FaceSet
from vtff_lib.datasets.packs import Manifest, join_packs, read_pack
from vtff_lib.files import clear_unfinished, only_one
from vtff_lib.names import SPLITS

MOST_PIXELS = 1024  # of a side of a picture in a pack


class Shard(NamedTuple):
    """A part of a pack: its file, how many faces it is to have, what makes it, and of what.

    `made_of` changes when what it is made of does: pictures on disk, say.
    """

    name: str
    size: int
    make: Callable[[], FaceSet]
    made_of: str = ""


def quality(text: str) -> int | None:
    """Read `--quality`: a number, or "lossless"."""
    return None if text == "lossless" else _number(text, 0, 100, ' or "lossless"')


def seed(text: str) -> int:
    """Read `--seed`."""
    return _number(text, 0, 2**63 - 1)


def _number(text: str, low: int, high: int, more: str = "") -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text[:20]) <= high):
        raise argparse.ArgumentTypeError(f"{text!r} will not do; give {low} to {high}{more}")
    return int(text)


def check_size(size: int) -> None:
    """Raise a `ValueError` unless pictures of this height and width can be packed."""
    if not 1 <= size <= MOST_PIXELS:
        raise ValueError(f"--size {size} will not do; give 1 to {MOST_PIXELS} pixels.")


@contextmanager
def enough_room() -> Iterator[None]:
    """Say what to do if the disk, or one's share of it, is full. Nothing is left half written.

    Raises:
        OSError: with a sentence, in place of the system's own.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            f"The disk is full ({error.strerror}); make room, and the same command goes on after "
            "the last finished shard. In the end it needs room for the pack twice."
        ) from error


@enough_room()
def make_pack(
    out: Path,
    shards: Sequence[Shard],
    notes: Manifest,
    quality: int | None,
    unit: str = "face",
    summarise: Callable[[list[Manifest]], Manifest] = lambda manifests: {},
) -> None:
    """Write the pack `out`; go on where an earlier run with the same `notes` was stopped.

    Args:
        out: a `.safetensors` file; its folder is made if it is missing.
        shards: in the order of their faces; those that turn out empty are left out.
        notes: what the manifest tells of the making; an earlier run that left shards must have had
            the same.
        quality: of the pictures, see `FaceSet.write`.
        unit: what the progress bar counts.
        summarise: returns more notes for the whole, from the manifests of all shards.

    Raises:
        ValueError: if `out` is no `.safetensors` file, another process makes it, an earlier run to
            `out` that was stopped had other notes, or every shard is empty.
        OSError: if the disk is full; with what to do.
    """
    if out.suffix != ".safetensors" or out.is_dir():
        raise ValueError(f"Cannot write to {out}; give a .safetensors file.")
    folder = out.with_name(f"{out.name}.parts")
    with only_one(folder):
        _make(out, folder, shards, notes, quality, unit, summarise)
        for path in [*folder.glob("*.safetensors"), *folder.glob(".*.part")]:
            path.unlink()
    with suppress(OSError):  # somebody else has begun there
        folder.rmdir()


def _make(
    out: Path,
    folder: Path,
    shards: Sequence[Shard],
    notes: Manifest,
    quality: int | None,
    unit: str,
    summarise: Callable[[list[Manifest]], Manifest],
) -> None:
    """Make the shards that are missing in `folder`, and join all."""
    finished, empty = _finished(folder, shards, notes), set()
    with tqdm(total=sum(shard.size for shard in shards), unit=unit) as progress:
        for shard in shards:
            if shard.name not in finished:
                faces = shard.make()
                if len(faces):
                    faces = replace(faces, manifest=faces.manifest | {"made_of": shard.made_of})
                    faces.write(folder / shard.name, quality)
                else:
                    empty.add(shard.name)
            progress.update(shard.size)
    paths = [folder / shard.name for shard in shards if shard.name not in empty]
    if not paths:
        raise ValueError(f"There is nothing to write to {out}; check what it is to be made from.")
    join_packs(paths, out, notes | summarise([read_pack(path)[1] for path in paths]))
    clear_unfinished(out)


def _finished(folder: Path, shards: Sequence[Shard], notes: Manifest) -> set[str]:
    """Return the names of the shards that earlier runs left whole.

    What is damaged, or was made of something else, such as pictures changed since, is made again.

    Raises:
        ValueError: if a shard was made with other notes.
    """
    finished, made_of = set(), {shard.name: shard.made_of for shard in shards}
    for path in folder.glob("*.safetensors"):
        try:
            manifest = read_pack(path)[1]
        except ValueError:
            continue
        if any(manifest.get(name) != value for name, value in notes.items()):
            raise ValueError(
                f"{folder} holds shards made with other settings ({manifest.get('made_by')}) or by "
                "another version of this code; delete that folder, or give another --out."
            )
        if manifest.get("made_of") == made_of.get(path.name):
            finished.add(path.name)
    return finished


def tell(path: Path, seconds: float, unit: str = "face") -> str:
    """Return what a pack holds, its size, and how quickly it was made."""
    manifest = read_pack(path)[1]
    lines, total = [], 0
    for split in [split for split in SPLITS if split in manifest["counts"]]:
        counts = manifest["counts"][split]
        classes = ", ".join(f"{name} {counts[name]}" for name in manifest["class_names"])
        lines.append(f"{split}: {sum(counts.values()):,} {unit}s ({classes})")
        total += sum(counts.values())
    size = path.stat().st_size
    lines.append(f"{path}: {size:,} bytes, {size / total:,.0f} a {unit}")
    lines.append(f"{seconds:.1f} s, {total / seconds:,.0f} {unit}s/s")
    return "\n".join(lines)
