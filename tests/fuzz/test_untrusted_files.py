"""Whatever stands in a file from elsewhere, it is read, or refused in one sentence."""

import contextlib
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from tests.adapter_trees import (
    write_affectnet_folders,
    write_affectnet_tables,
    write_ckplus,
    write_rafdb,
)
from tests.photo_files import file_of
from tests.small_packs import some_faces
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.packs import _digest, read_pack
from vtff_lib.datasets.sources.adapters import ADAPTERS
from vtff_lib.photos.reading import FORMATS, read_photo
from vtff_lib.vtff import VTFF
from vtff_lib.weights import write_weights

TIMES = int(os.environ.get("FUZZ", "1"))
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + bytes.fromhex(  # turned, and a density without a value
    "011200030000000100060000011a00050000000100000026"
)


def read_or_refused(read: Callable[[], object], case: object) -> bool:
    """Return whether it was read; anything but one sentence for a reader fails the test."""
    refusal = None
    try:
        read()
    except (ValueError, FileNotFoundError) as error:
        refusal = error
    # A codec's error is a ValueError too, and no sentence.
    assert type(refusal) in (type(None), ValueError, FileNotFoundError), (case, refusal)
    assert refusal is None or str(refusal).strip(), case
    return refusal is None


def spoiled(content: bytes, dice: random.Random) -> bytes:
    """Return a file with some of its bytes changed, cut, doubled or filled."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 5, 30))):
        start = dice.randrange(len(changed))
        end = min(len(changed), start + dice.choice((1, 1, 2, 4, 40)))
        filling = dice.choice((dice.randbytes(end - start), b"\xff" * (end - start), bytes(8), b""))
        changed[start:end] = filling
        changed = changed or bytearray(1)
    return bytes(changed)


def photos() -> dict[str, bytes]:
    ramp = np.arange(23 * 17 * 3, dtype=np.uint8).reshape(23, 17, 3)
    modes = {"LA": Image.fromarray(ramp).convert("LA"), "P": Image.fromarray(ramp).convert("P")}
    made = {
        kind: file_of(ramp, kind, **({"exif": EXIF} if kind not in ("BMP", "GIF") else {}))
        for kind in FORMATS
    }
    made |= {f"PNG {mode}": file_of(picture) for mode, picture in modes.items()}
    made["JPEG progressive"] = file_of(ramp, "JPEG", progressive=True)
    made["TIFF lzw"] = file_of(ramp, "TIFF", compression="tiff_lzw")
    made["PNG 16"] = file_of(np.arange(99, dtype=np.uint16).reshape(9, 11))
    return made


def test_a_photo(dice: random.Random) -> None:
    files = photos()
    read = 0
    for _ in range(1500 * TIMES):
        kind = dice.choice(sorted(files))
        content = spoiled(files[kind], dice)
        with warnings.catch_warnings(action="ignore"):
            read += read_or_refused(lambda content=content: read_photo(content), (kind, content))
    assert read > 100


def test_the_settings_of_a_model(dice: random.Random, tmp_path: Path) -> None:
    """With weights that belong to sound settings: others are refused before they cost anything."""
    model = VTFF(VTFFConfig.tiny())
    settings, weights = json.loads(model.config.to_json()), model.state_dict()
    odd = [
        0,
        -1,
        1,
        2,
        5,
        10**3,
        10**5,
        10**9,
        10**30,
        1e308,
        float("nan"),
        True,
        None,
        "a",
        [],
        {},
    ]
    for _ in range(60 * TIMES):
        names = dice.sample(sorted(settings), dice.choice((1, 1, 2, 3)))
        changed = settings | {name: dice.choice(odd) for name in names}
        text = dice.choice((json.dumps(changed), json.dumps(changed)[: dice.randrange(300)]))
        write_weights(tmp_path / "model.safetensors", weights, {"vtff_config": text})
        read_or_refused(lambda: VTFF.load(tmp_path / "model.safetensors"), text)


def test_a_pack_that_states_its_own_hash(dice: random.Random, tmp_path: Path) -> None:
    path = tmp_path / "faces.safetensors"
    some_faces(4, 6, 4).write(path, None)
    columns, manifest = read_pack(path)
    columns = {name: column.clone() for name, column in columns.items()}
    large = file_of(Image.new("RGB", (4000, 4000)), "WEBP", lossless=True)
    odd: list = [
        None,
        1,
        -5,
        "a",
        [],
        {},
        [1, 2],
        ["a", "a"],
        ["a", "\ud800"],
        10**30,
        float("nan"),
    ]
    for _ in range(150 * TIMES):
        spoilt, notes = dict(columns), dict(manifest)
        name = dice.choice(sorted(columns))
        spoilt[name] = dice.choice(
            (
                spoilt[name][:-1],
                spoilt[name].double(),
                spoilt[name].flatten()[:1].repeat(dice.choice((0, 1, 4, 10**6))),
                torch.full_like(spoilt[name], dice.choice((0, 1, 200))),
                spoilt[name].to(torch.int64) * 10**15 - 1,
            )
        )
        if dice.random() < 0.3:
            count = 10**5
            spoilt = {
                "labels": torch.zeros(count, dtype=torch.int64),
                "splits": torch.zeros(count, dtype=torch.int64),
                "images.bytes": torch.frombuffer(bytearray(large * 2), dtype=torch.uint8),
                "images.lengths": torch.tensor([len(large)] * 2 + [0] * (count - 2)),
            }
            notes["counts"] = {"train": dict.fromkeys(notes["class_names"], 0) | {"calm": count}}
        if dice.random() < 0.5:
            notes[dice.choice(sorted(notes))] = dice.choice(odd)
        if dice.random() < 0.2:
            del notes[dice.choice(sorted(notes))]
        if dice.random() < 0.3:
            del spoilt[dice.choice(sorted(spoilt))]
        spoilt = {name: column.contiguous() for name, column in spoilt.items()}
        notes["sha256"] = _digest(spoilt, notes)
        path.write_bytes(safetensors.torch.save(spoilt, {"manifest": json.dumps(notes)}))
        read_or_refused(lambda: FaceSet.read(path), (name, spoilt[min(spoilt)], notes))


def write_folders(folder: Path) -> None:
    for name in ("happy", "sad", "Cat"):
        for row in range(3):
            path = folder / name / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), row).save(path)


TREES = {
    "rafdb": write_rafdb,
    "affectnet": write_affectnet_tables,
    "affectnet, newer": write_affectnet_folders,
    "ckplus": lambda folder: write_ckplus(folder, 4),
    "folders": write_folders,
}
LITTER = (
    ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/._a.jpg", "._0.jpg", "._0_exp.npy",
    ".ipynb_checkpoints/0-checkpoint.jpg", "0.jpg~", "#0.jpg#", ".0.jpg.12.part", "x.parts/0.jpg",
    "._S000_001_00000006_emotion.txt", "a.pixels", "old.bak",
)  # fmt: skip


@pytest.mark.parametrize("layout", TREES)
def test_what_systems_and_editors_leave_changes_no_data_set(tmp_path: Path, layout: str) -> None:
    TREES[layout](tmp_path)
    list_it = ADAPTERS[layout.partition(",")[0]].catalogue
    before = list_it(tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        for name in LITTER:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"\0\5\26\7")
    after = list_it(tmp_path)
    for told in ("ids", "class_names", "remarks", "left_out", "paths"):
        assert getattr(after, told) == getattr(before, told), told
    assert torch.equal(after.splits, before.splits)


@pytest.mark.parametrize("layout", TREES)
def test_labels_and_names_of_any_bytes(dice: random.Random, tmp_path: Path, layout: str) -> None:
    """Nothing outside the folder is opened, and no path of this machine is told."""
    TREES[layout](tmp_path / "sound")
    secret = tmp_path / "secret.jpg"
    Image.new("L", (4, 4), 99).save(secret)
    list_it = ADAPTERS[layout.partition(",")[0]].catalogue
    for _ in range(12 * TIMES):
        folder = tmp_path / "spoilt"
        shutil.copytree(tmp_path / "sound", folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        labels = [path for path in files if path.suffix in (".txt", ".csv", ".npy")]
        for path in dice.sample(labels, min(len(labels), 2)):
            content = spoiled(path.read_bytes(), dice)
            for name in (str(secret), "../secret.jpg", "/etc/passwd"):
                if dice.random() < 0.3:
                    content = content.replace(b"a/1.jpg", name.encode())
            path.write_bytes(content)
        pictures = [path for path in files if path.suffix in (".jpg", ".png")]
        linked, broken = dice.sample(pictures, 2)
        linked.unlink()
        linked.symlink_to(secret)
        broken.write_bytes(spoiled(broken.read_bytes(), dice))

        def look(folder: Path = folder) -> None:
            catalogue = list_it(folder)
            told = [*catalogue.remarks, *catalogue.left_out]
            for row in range(len(catalogue)):
                with contextlib.suppress(ValueError):
                    assert catalogue.load(row).max() != 99, "a picture of elsewhere was read"
            assert str(folder) not in str(told)

        read_or_refused(look, layout)
        shutil.rmtree(folder)
