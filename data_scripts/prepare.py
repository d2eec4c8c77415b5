"""Open the pictures of a data set once, make them all of one size, and write them as one pack.

    python data_scripts/prepare.py ferplus --source FOLDER --out ferplus.safetensors

What comes of it is read by `FaceSet.read` and by `python -m vtff_lib.train`. Stopped, the same
command goes on after the last finished shard, and the same pictures and settings give the same
file, byte for byte. Pictures that cannot be opened are left out and named; with --strict the first
stops the work. Nothing is downloaded: `--help` of a set says where it comes from.
"""

import argparse
import hashlib
import os
import shlex
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.packs import Manifest, read_pack
from vtff_lib.datasets.shards import Shard, check_size, make_pack, quality, seed, tell
from vtff_lib.datasets.sources import Catalogue
from vtff_lib.datasets.sources.adapters import ADAPTERS
from vtff_lib.endings import in_a_sentence
from vtff_lib.names import EXPRESSIONS
from vtff_lib.photos.finding import face_from_photo
from vtff_lib.photos.reading import room_for

SIZES = {"ferplus": 48, "rafdb": 100}  # in which these sets are given out; others: 224
WHOLE_PHOTOS = ("ckplus",)  # sets whose pictures show more than a face
SHARD = 1000  # pictures


@dataclass(frozen=True)
class Settings:
    """What decides, besides the data, every byte of the pack.

    Args:
        size: height and width of the pictures in pixels.
        quality: of their coding, 0 to 100, or None for lossless.
        find_faces: whether the face is sought in each picture; else its middle square is taken.
        strict: whether a picture that cannot be opened stops the work; else it is left out.
    """

    size: int
    quality: int | None = None
    find_faces: bool = False
    strict: bool = False


def prepare(
    catalogue: Catalogue, out: Path, settings: Settings, made_by: str, shard_size: int = SHARD
) -> None:
    """Write the pack `out`; go on where an earlier run with the same settings was stopped.

    Raises:
        ValueError: if `out` or the size will not do, no picture can be opened, one cannot and
            `strict` is set, or an earlier run to `out` that was stopped had other settings.
    """
    check_size(settings.size)
    if settings.strict and catalogue.left_out:
        raise ValueError(f"{catalogue.left_out[0]} ({len(catalogue.left_out)} cannot be used.)")
    notes: Manifest = {
        "name": catalogue.name,
        "protocol": catalogue.protocol,
        "terms": catalogue.terms,
        "remarks": list(catalogue.remarks),
        "made_by": made_by,
        "labels_sha256": _digest(repr(catalogue.ids).encode(), catalogue.labels, catalogue.splits),
    }
    shards = []
    # No shard of a few pictures at the end: all of them may be damaged, which is no reason to stop.
    starts = range(0, max(len(catalogue) - shard_size // 10, 1), shard_size)
    for start, end in pairwise([*starts, len(catalogue)]):
        making = partial(open_pictures, catalogue, range(start, end), settings, notes)
        made_of = _made_of(catalogue, range(start, end))
        shards.append(Shard(f"{start:07}.safetensors", end - start, making, made_of))
    summarise = partial(_summary, catalogue.left_out)
    make_pack(out, shards, notes, settings.quality, unit="picture", summarise=summarise)


def _made_of(catalogue: Catalogue, rows: Sequence[int]) -> str:
    """Return a hash that changes when a file of these pictures, or the folder, is another one."""
    digest = hashlib.sha256()
    for path in [*catalogue.tables, *(catalogue.paths[row] for row in rows if catalogue.paths)]:
        with suppress(OSError):  # gone, which is told when it is opened
            stat = path.stat()
            digest.update(f"{path.resolve()!r} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def open_pictures(
    catalogue: Catalogue, rows: Sequence[int], settings: Settings, notes: Manifest
) -> FaceSet:
    """Return some pictures of a catalogue as faces; the manifest names those that were left out.

    Raises:
        ValueError: if a picture cannot be opened and `strict` is set, or none can.
    """
    crop = partial(_opened, catalogue, settings)
    with ThreadPoolExecutor(
        os.cpu_count()
    ) as pool:  # Pillow lets other threads run while it decodes
        results = list(pool.map(crop, rows))
    kept = [row for row, result in zip(rows, results, strict=True) if not isinstance(result, str)]
    left_out = [result for result in results if isinstance(result, str)]
    if left_out and (settings.strict or not kept):
        raise ValueError(f"{left_out[0]} ({len(left_out)} of {len(rows)} pictures cannot be used.)")
    images = torch.from_numpy(np.stack([r for r in results if not isinstance(r, str)]))
    images = images.movedim(-1, 1).contiguous()  # (N, 3, size, size)
    columns = {"votes": catalogue.votes, "identities": catalogue.people}
    extras = {name: column[kept] for name, column in columns.items() if column is not None}
    labels, splits = catalogue.labels[kept], catalogue.splits[kept]
    outcome = {"left_out": left_out, "content_sha256": _digest(b"", images, labels, splits)}
    ids = tuple(catalogue.ids[row] for row in kept)
    return FaceSet(images, labels, splits, catalogue.class_names, extras, notes | outcome, ids)


def _opened(catalogue: Catalogue, settings: Settings, row: int) -> np.ndarray | str:
    """Return a picture `(size, size, 3)`, or the sentence that says why not."""
    try:
        with room_for():  # shared with the other threads, until only the crop is left
            picture = catalogue.load(row)
            if settings.find_faces:
                return face_from_photo(picture, which=0, size=settings.size)
            square = (settings.size, settings.size)
            fitted = ImageOps.fit(Image.fromarray(picture), square, Image.Resampling.BICUBIC)
            return np.array(fitted)
    except (ValueError, OSError) as error:
        named = f"{catalogue.ids[row]}: "
        return named + str(error).removeprefix(named)


def _summary(unusable: Sequence[str], shards: list[Manifest]) -> Manifest:
    """Return what the whole pack tells: a hash that no codec changes, and what was left out."""
    digest = hashlib.sha256("".join(shard["content_sha256"] for shard in shards).encode())
    left_out = [*unusable, *(sentence for shard in shards for sentence in shard["left_out"])]
    return {"content_sha256": digest.hexdigest(), "left_out": left_out}


def _digest(first: bytes, *tensors: torch.Tensor) -> str:
    digest = hashlib.sha256(first)
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line: one sub-command for each data set."""
    parser = argparse.ArgumentParser(
        description="Pack a data set of faces once, for training. Stopped, it goes on when run "
        "again. Nothing is downloaded.",
    )
    sets = parser.add_subparsers(dest="set", required=True, metavar="SET")
    for name, adapter in ADAPTERS.items():
        one = sets.add_parser(
            name,
            help=adapter.how_to_get.split(". ")[0],
            description=adapter.how_to_get,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        one.add_argument("--source", type=Path, required=True, help="folder with the data set")
        one.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
        one.add_argument("--size", type=int, default=SIZES.get(name, 224), help="pixels of a side")
        one.add_argument(
            "--quality", type=quality, default=None, help="of WebP, 0 to 100 (None: lossless)"
        )
        one.add_argument(
            "--find-faces",
            action=argparse.BooleanOptionalAction,
            default=name in WHOLE_PHOTOS,
            help="seek the face in each picture",
        )
        one.add_argument("--strict", action="store_true", help="stop at a picture that is damaged")
        for option, settings in OPTIONS[name].items():
            one.add_argument(option, **settings)
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


_VALID = {"--valid-share": {"type": float, "default": 0.1, "help": "of train, held out to watch"}}
_SEED = {"--seed": {"type": seed, "default": 0, "help": "draws what is held out"}}
_TEST = {"--test-share": {"type": float, "default": 0.2, "help": "held out to test"}}
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "ferplus": {
        "--rule": {
            "choices": ["majority", "probability", "multi_target"],
            "default": "majority",
            "help": "which pictures count, and what they are labelled",
        },
        "--train-rule": {
            "choices": ["majority", "probability", "multi_target"],
            "help": "that of the training pictures, if another",
        },
    },
    "rafdb": {
        "--order": {
            "type": _names,
            "metavar": "NAME,…",
            "help": "of class folders 1 to 7, such as " + ",".join(EXPRESSIONS[:2]) + ",…",
        },
        **_VALID,
        **_SEED,
    },
    "affectnet": {
        "--classes": {"type": int, "choices": [7, 8], "default": 8, "help": "7: no contempt"},
        **_VALID,
        **_SEED,
    },
    "ckplus": {**_VALID, **_TEST, **_SEED},
    "folders": {**_VALID, **_TEST, **_SEED},
}


def _flags(options: dict[str, Any]) -> list[str]:
    """Return the flags that give these options again, for the manifest."""
    flags = []
    for key, value in options.items():
        flag = key.replace("_", "-")
        if value is True:
            flags.append(f"--{flag}")
        elif value is False and key == "find_faces":  # for some sets the default is to seek
            flags.append(f"--no-{flag}")
        elif value is not None and value is not False:
            flags += [f"--{flag}", ",".join(value) if isinstance(value, tuple) else str(value)]
    return flags


def main(arguments: Sequence[str] | None = None) -> None:
    """Pack the set that the command line asks for, and print what came of it."""
    options = vars(make_parser().parse_args(arguments))
    name, source, out = options.pop("set"), options.pop("source"), options.pop("out")
    made_by = shlex.join(["python", "data_scripts/prepare.py", name, *_flags(options)])
    settings = Settings(**{key: options.pop(key) for key in Settings.__dataclass_fields__})
    began = time.perf_counter()
    with in_a_sentence("Stopped; the same command goes on after the last finished shard."):
        catalogue = ADAPTERS[name].catalogue(source, **options)
        for remark in catalogue.remarks:
            print(f"note: {remark}", file=sys.stderr)
        prepare(catalogue, out, settings, made_by)
        print(tell(out, time.perf_counter() - began, "picture"))
        manifest = read_pack(out)[1]
        for split, classes in catalogue.counts().items():
            for name, count in classes.items():
                if count and not manifest["counts"].get(split, {}).get(name):
                    print(f"note: none of the {count} of {name} in {split} can be opened.")
        for sentence in manifest["left_out"]:
            print(f"left out: {sentence}")
        print(f"content: {manifest['content_sha256']}\n{manifest['terms']}")


if __name__ == "__main__":
    main()
