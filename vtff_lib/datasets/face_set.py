"""Faces with their labels: one interface to every data set. Taught in 10."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from vtff_lib.datasets.packs import (
    check_room,
    decode_pictures,
    encode_pictures,
    read_pack,
    write_pack,
)
from vtff_lib.datasets.stored_images import (
    StoredImages,
    check_images,
    chosen_rows,
    store_images,
)
from vtff_lib.names import SPLITS, as_text, check_class_names
from vtff_lib.refusals import check_choice, check_whole, describe, has_values

DEFAULT = Path(__file__).parents[1] / "data" / "packs" / "synthetic_faces.safetensors"
IN_255THS = ("action_units",)  # extras in [0, 1] that a file keeps as bytes


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Faces, what each shows, and which split it belongs to.

    `len(faces)` is N; `faces[slice or index or mask]` and `faces.part("train")` are the faces
    chosen, again a `FaceSet`.

    Args:
        images: RGB, `(N, 3, H, W)` uint8, a tensor or `StoredImages`.
        labels: indices into `class_names`, `(N,)` int64.
        splits: indices into `SPLITS` ("train", "valid", "test"), `(N,)` int64.
        class_names: what the labels stand for, in order.
        extras: more that is known of each face, by name, `(N, …)`. Synthetic faces have
            `action_units` `(N, 19, 2)` in [0, 1], `identities` `(N,)`, `pose` `(N, 3)` in radians,
            `light` `(N, 3)` and `regions` `(N, H/2, W/2)` uint8; photographs may have annotators'
            `votes` `(N, num_classes)`.
        manifest: notes on where the set comes from; of a pack, its whole manifest.
        ids: a name for each face, as its data set has it; none where it has none.

    Raises:
        ValueError: if a tensor has another dtype or shape, a label or split is out of range, or
            there are some ids but not one for each face.
    """

    images: Tensor | StoredImages
    labels: Tensor
    splits: Tensor
    class_names: tuple[str, ...]
    extras: dict[str, Tensor] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_images(self.images)
        check_class_names(self.class_names)
        self._check_indices("labels", len(self.class_names))
        self._check_indices("splits", len(SPLITS))
        by_name = isinstance(self.extras, dict) and isinstance(self.manifest, dict)
        if not by_name or not isinstance(self.ids, tuple | list):
            raise ValueError(
                "extras, manifest or ids will not do; give two dicts, and ids in a tuple."
            )
        for name, extra in self.extras.items():
            named = isinstance(name, str) and name.isidentifier()
            if not named or not has_values(extra) or extra.shape[:1] != (len(self),):
                raise ValueError(
                    f"extras[{name!r}] is {describe(extra)}; give one row for each of the "
                    f"{len(self)} faces, under a name of letters, digits and underscores."
                )
        texts = all(isinstance(name, str) for name in self.ids)
        if self.ids and (len(self.ids) != len(self) or not texts):
            raise ValueError(
                f"{len(self.ids)} ids do not name {len(self)} faces; give each one, as text."
            )

    def _check_indices(self, name: str, count: int) -> None:
        indices = getattr(self, name)
        if not has_values(indices) or indices.dtype != torch.int64 or indices.shape != (len(self),):
            raise ValueError(f"{name} is {describe(indices)}; give torch.int64 ({len(self)},).")
        if len(self) and not 0 <= indices.min() <= indices.max() < count:
            raise ValueError(
                f"{name} go from {indices.min()} to {indices.max()}; use 0 to {count - 1}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width = self.images.shape[2:]
        counts = self.splits.bincount(minlength=len(SPLITS)).tolist()
        parts = ", ".join(f"{split} {n}" for split, n in zip(SPLITS, counts, strict=True) if n)
        return f"FaceSet({len(self)} faces of {height}×{width}: {parts})"

    def __getitem__(self, index: Tensor | slice) -> Self:
        rows, images = chosen_rows(torch.arange(len(self)), index), self.images
        index = index if isinstance(index, slice) else rows  # a slice copies nothing
        return type(self)(
            images.chosen(index) if isinstance(images, StoredImages) else images[index],
            self.labels[index],
            self.splits[index],
            self.class_names,
            {name: extra[index] for name, extra in self.extras.items()},
            self.manifest,
            tuple(self.ids[row] for row in rows.tolist()) if self.ids else (),
        )

    @property
    def targets(self) -> Tensor | None:
        """The annotators' votes `(N, num_classes)` where there are any, to learn from."""
        return self.extras.get("votes")

    def part(self, split: str) -> Self:
        """Return the faces of one split: `"train"`, `"valid"` or `"test"`.

        Raises:
            ValueError: if the split is unknown, or this set has no face of it.
        """
        check_choice("split", split, SPLITS)
        chosen = self.splits == SPLITS.index(split)
        if not chosen.any():
            raise ValueError(f"{self!r} has no face of the split {split!r}; choose another.")
        return self[chosen]

    @classmethod
    def read(cls, path: str | Path, stored: bool = False) -> Self:
        """Read a pack that `write` or a script of `data_scripts/` made.

        Args:
            path: the pack.
            stored: for a set that no memory holds: leave its pixels in a file beside the pack,
                where they are decoded the first time, and read them when they are asked for.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is empty, no pack, cut short, damaged, or of another version.
        """
        columns, manifest = read_pack(path)
        check_room(columns)
        extras = _read_extras(columns)
        encoded = columns["images.bytes"], columns["images.lengths"]
        pixels = Path(path).with_suffix(f".{manifest['sha256'][:16]}.pixels")
        images = store_images(pixels, *encoded) if stored else decode_pictures(*encoded)
        names = tuple(manifest["class_names"])
        ids = _read_texts(columns)
        return cls(images, columns["labels"], columns["splits"], names, extras, manifest, ids)

    def write(self, path: str | Path, quality: int | None = 85) -> None:
        """Write a pack; until it is complete, what stood at `path` stays.

        Action units are rounded to 255ths, uint8 maps `(N, H, W)` kept as they are.

        Args:
            path: a `.safetensors` file in a folder that exists.
            quality: of the images, 0 to 100, or None to keep every pixel as it is. A rendered face
                of 112×112 takes 13.5 kB then, 1.7 kB at quality 85, where it looks the same (38
                dB); but 70 % of its LBP codes are others, as after noise of 2 grey levels.

        Raises:
            ValueError: if the set is empty, `quality` is out of range, `path` has another ending,
                or its folder does not exist.
        """
        if not len(self):
            raise ValueError(f"There is no face to write to {path}; choose faces first.")
        if quality is not None:
            check_whole("quality", quality, 0, 100)
        columns = {"labels": self.labels, "splits": self.splits, **_extra_columns(self.extras)}
        encoded = encode_pictures(self.images[:], quality)
        columns["images.bytes"], columns["images.lengths"] = encoded
        if self.ids:
            texts = [as_text(name).encode() for name in self.ids]
            columns["ids.bytes"] = torch.frombuffer(bytearray(b"".join(texts)), dtype=torch.uint8)
            columns["ids.lengths"] = torch.tensor([len(text) for text in texts])
        about = {
            "class_names": list(self.class_names),
            "image_size": list(self.images.shape[2:]),
            "codec": "WebP, lossless" if quality is None else f"WebP, quality {quality}",
        }
        write_pack(path, columns, self.manifest | about)


def _extra_columns(extras: dict[str, Tensor]) -> dict[str, Tensor]:
    columns = {}
    for name, extra in extras.items():
        extra = extra.detach()
        column = f"extras.{name}"
        if name in IN_255THS:
            if not ((extra >= 0) & (extra <= 1)).all():
                raise ValueError(f"extras[{name!r}] goes beyond 0 and 1; give shares.")
            columns[column] = (extra * 255).round().to(torch.uint8)
        elif extra.dtype == torch.uint8 and extra.ndim == 3 and extra.numel():
            encoded = encode_pictures(extra, None)
            columns[f"{column}.bytes"], columns[f"{column}.lengths"] = encoded
        else:
            columns[column] = extra
    return columns


def _read_texts(columns: dict[str, Tensor]) -> tuple[str, ...]:
    if "ids.lengths" not in columns:
        return ()
    content, ends = bytes(columns["ids.bytes"].numpy()), columns["ids.lengths"].cumsum(0).tolist()
    return tuple(
        content[start:end].decode(errors="backslashreplace")
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    )


def _read_extras(columns: dict[str, Tensor]) -> dict[str, Tensor]:
    extras = {}
    for column, tensor in columns.items():
        prefix, _, name = column.partition(".")
        if prefix != "extras" or name.endswith(".lengths"):
            continue
        if name.endswith(".bytes"):
            name = name.removesuffix(".bytes")
            tensor = decode_pictures(tensor, columns[f"extras.{name}.lengths"])[:, 0].clone()
        extras[name] = tensor.float() / 255 if name in IN_255THS else tensor
    return extras


def load_default() -> FaceSet:
    """Read the synthetic faces that are shipped with the package.

    Raises:
        FileNotFoundError: if the package was installed without them.
        ValueError: if the file is damaged.
    """
    if not DEFAULT.is_file():
        raise FileNotFoundError(
            f"The shipped faces {DEFAULT} are missing; install vtff_lib again, or run "
            "`make synthetic` in its repository."
        )
    return FaceSet.read(DEFAULT)
