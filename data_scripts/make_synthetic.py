"""Render synthetic faces and write them as one pack. `make synthetic` makes the shipped set again.

A run that was stopped goes on after its last finished shard, and the same settings give the same
file, byte for byte, however often it was stopped.
"""

import argparse
import hashlib
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from vtff_lib import synthetic_faces
from vtff_lib.datasets import DEFAULT, FaceSet
from vtff_lib.datasets.packs import Manifest, read_pack
from vtff_lib.datasets.shards import Shard, check_size, make_pack, quality, seed, tell
from vtff_lib.endings import in_a_sentence
from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.refusals import check_whole

COMMAND = "python data_scripts/make_synthetic.py"


@dataclass(frozen=True)
class Settings:
    """What decides every byte of the set.

    Args:
        train, valid, test: faces of each split.
        seed: which people and shots are drawn.
        size: height and width of the images in pixels; the region maps have half of it.
        quality: of the images, 0 to 100, or None for lossless.
        wildness: how the faces are seen, 0, a studio, to 1, snapshots.
    """

    train: int = 2800
    valid: int = 400
    test: int = 400
    seed: int = 0
    size: int = 112
    quality: int | None = 82
    wildness: float = 0.25

    def notes(self) -> Manifest:
        """Return what the manifest tells of the making; shards of one set have the same."""
        options = asdict(self) | ({"quality": "lossless"} if self.quality is None else {})
        flags = " ".join(f"--{name} {value}" for name, value in options.items())
        return {
            "name": "synthetic faces",
            "seed": self.seed,
            "made_by": f"{COMMAND} {flags}",
            "renderer_sha256": renderer_sha256(),
        }


def renderer_sha256() -> str:
    """Return one hash of the renderer's source: another renderer draws other faces."""
    digest = hashlib.sha256()
    for source in sorted(Path(synthetic_faces.__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def render(split: str, start: int, stop: int, settings: Settings, notes: Manifest) -> FaceSet:
    """Render the faces `start` to `stop` - 1 of a split."""
    faces = synthetic_faces.sample(
        range(start, stop), seed=settings.seed, split=split, wildness=settings.wildness
    )
    rendered = synthetic_faces.render(faces, size=settings.size)
    extras = {
        "action_units": faces.action_units,
        "identities": faces.identities,
        "pose": faces.pose,
        "light": faces.light,
        "regions": rendered.regions[:, ::2, ::2],
    }
    splits = torch.full_like(faces.labels, SPLITS.index(split))
    return FaceSet(rendered.images, faces.labels, splits, EXPRESSIONS, extras, notes)


def make(out: Path, settings: Settings, shard_size: int = 100) -> None:
    """Write the pack `out`; go on where an earlier run with the same settings was stopped.

    Raises:
        ValueError: if there is nothing to make, the size will not do, `out` is no `.safetensors`
            file, or an earlier run to `out` that was stopped had other settings.
    """
    counts = [getattr(settings, split) for split in SPLITS]
    for split, count in zip(SPLITS, counts, strict=True):
        check_whole(f"--{split}", count, low=0)
    if not sum(counts):
        raise ValueError(f"Cannot write no faces to {out}; give at least one face.")
    check_size(settings.size)
    notes, shards = settings.notes(), []
    for split, count in zip(SPLITS, counts, strict=True):
        for start in range(0, count, shard_size):
            stop = min(start + shard_size, count)
            name = f"{split}-{start:06}-{stop:06}.safetensors"
            making = partial(render, split, start, stop, settings, notes)
            shards.append(Shard(name, stop - start, making))
    make_pack(out, shards, notes, settings.quality)


def rendered(path: Path, settings: Settings) -> FaceSet:
    """Return the set at `path`, made first if it is missing or has other settings."""
    if not path.is_file() or read_pack(path)[1].get("made_by") != settings.notes()["made_by"]:
        make(path, settings)
    return FaceSet.read(path)


def main(arguments: list[str] | None = None) -> None:
    """Make the set that the command line asks for, and print what came of it."""
    parser = argparse.ArgumentParser(
        description="Render synthetic faces into one pack. Stopped, it goes on when run again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    standard = Settings()
    parser.add_argument("--out", type=Path, default=DEFAULT, help="the .safetensors file to write")
    for split in SPLITS:
        parser.add_argument(
            f"--{split}", type=int, default=getattr(standard, split), help="faces of this split"
        )
    parser.add_argument("--seed", type=seed, default=standard.seed, help="draws people and shots")
    parser.add_argument("--size", type=int, default=standard.size, help="pixels of a side")
    parser.add_argument(
        "--quality", type=quality, default=standard.quality, help='of WebP, 0 to 100 or "lossless"'
    )
    parser.add_argument(
        "--wildness", type=float, default=standard.wildness, help="0, a studio, to 1, snapshots"
    )
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    began = time.perf_counter()
    with in_a_sentence("Stopped; the same command goes on after the last finished shard."):
        make(out, Settings(**options))
        print(tell(out, time.perf_counter() - began))


if __name__ == "__main__":
    main()
