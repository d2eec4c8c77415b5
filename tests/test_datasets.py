"""A pack gives back the faces that were put in, or says in one sentence why it cannot."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tests.small_packs import NAMES, some_faces
from vtff_lib.datasets import FaceSet, face_set, load_default, packs
from vtff_lib.datasets.packs import decode_pictures, encode_pictures, join_packs, read_pack
from vtff_lib.names import SPLITS
from vtff_lib.weights import read_metadata, write_weights


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    some_faces(3, 4, 4).write(tmp_path / "faces.safetensors", quality=None)
    return tmp_path / "faces.safetensors"


def assert_same(faces: FaceSet, expected: FaceSet) -> None:
    for name in ("images", "labels", "splits"):
        assert torch.equal(getattr(faces, name), getattr(expected, name)), name
    assert faces.class_names == expected.class_names
    assert faces.extras.keys() == expected.extras.keys()
    for name, extra in expected.extras.items():
        assert faces.extras[name].dtype == extra.dtype, name
        tolerance = 0.5001 / 255 if name == "action_units" else 0
        torch.testing.assert_close(faces.extras[name], extra, rtol=0, atol=tolerance)


def psnr(images: Tensor, others: Tensor) -> float:
    error = (images.float() - others.float()).square().mean()
    return float(10 * torch.log10(255**2 / error))


def test_ids_of_any_letters_come_back_and_go_along_with_their_faces(tmp_path: Path) -> None:
    faces = some_faces(5)
    named = replace(faces, ids=("a.png", "", "Gesicht ü", "顔.jpg", "a b"))
    named.write(tmp_path / "named.safetensors", quality=None)
    faces.write(tmp_path / "nameless.safetensors", quality=None)
    read = FaceSet.read(tmp_path / "named.safetensors")
    assert read.ids == named.ids
    assert FaceSet.read(tmp_path / "nameless.safetensors").ids == ()
    assert read[torch.tensor([3, 0])].ids == ("顔.jpg", "a.png")
    assert read[read.labels == read.labels[2]].ids.count("Gesicht ü") == 1
    assert read[1:3].ids == ("", "Gesicht ü")
    join_packs(2 * [tmp_path / "named.safetensors"], tmp_path / "twice.safetensors", {})
    assert FaceSet.read(tmp_path / "twice.safetensors").ids == 2 * named.ids
    with pytest.raises(ValueError, match="2 ids do not name 5 faces"):
        replace(faces, ids=("one", "two"))


def test_votes_are_what_is_learned_and_without_votes_there_are_no_targets() -> None:
    faces = some_faces(4)
    assert torch.equal(faces.targets, faces.extras["votes"])
    assert replace(faces, extras={}).targets is None


def test_a_lossless_pack_gives_back_every_value(tmp_path: Path) -> None:
    faces = some_faces(packs.TO_A_THREAD + 3)  # more than one thread takes at a time
    faces.write(tmp_path / "faces.safetensors", quality=None)
    read = FaceSet.read(tmp_path / "faces.safetensors")
    assert_same(read, faces)
    assert faces.manifest.items() <= read.manifest.items()
    read.write(tmp_path / "again.safetensors", quality=None)
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert contents[0] == contents[1]


def test_a_lossy_pack_is_small_and_close_and_keeps_maps_exactly(tmp_path: Path) -> None:
    ramp = torch.linspace(0, 3, 64)
    smooth = torch.stack(
        [(ramp[:, None] + ramp).sin(), (ramp[:, None] - ramp).cos(), ramp / 3 + 0 * ramp[:, None]]
    )
    images = (smooth * 100 + 128).byte()[None]
    regions = torch.randint(0, 7, (1, 32, 32), generator=torch.Generator().manual_seed(1)).byte()
    faces = FaceSet(images, torch.tensor([0]), torch.tensor([0]), NAMES, {"regions": regions})
    sizes, closeness = {}, {}
    for quality in (20, 95, None):
        path = tmp_path / f"{quality}.safetensors"
        faces.write(path, quality)
        read = FaceSet.read(path)
        assert torch.equal(read.extras["regions"], regions)
        sizes[quality], closeness[quality] = path.stat().st_size, psnr(read.images, images)
    assert sizes[20] < sizes[95] < sizes[None]
    assert 30 < closeness[20] < closeness[95] < closeness[None] == torch.inf
    assert closeness[95] > 40


def test_the_parts_are_disjoint_and_complete_and_keep_rows_together() -> None:
    faces = some_faces()
    parts = [faces.part(split) for split in SPLITS]
    joined = [
        torch.cat([part.extras["identities"] for part in parts]),
        torch.cat([part.images for part in parts]),
        torch.cat([part.labels for part in parts]),
    ]
    order = joined[0].argsort()
    expected = [faces.extras["identities"], faces.images, faces.labels]
    assert sum(map(len, parts)) == len(faces)
    for tensor, other in zip(joined, expected, strict=True):
        assert torch.equal(tensor[order], other)
    assert [set(part.splits.tolist()) for part in parts] == [{0}, {1}, {2}]


def test_slices_indices_and_masks_choose_the_same_rows_of_everything() -> None:
    faces = some_faces()
    rows = torch.tensor([2, 5, 8])
    mask = torch.zeros(len(faces), dtype=torch.bool).index_fill(0, rows, True)
    for chosen in (faces[rows], faces[2:9:3], faces[mask]):
        assert len(chosen) == 3
        assert chosen.extras["identities"].tolist() == [2000, 5000, 8000]
        assert_same(chosen, faces[rows])
    assert repr(faces) == "FaceSet(11 faces of 10×7: train 4, valid 4, test 3)"


def test_a_split_that_is_unknown_or_empty_is_refused() -> None:
    faces = some_faces()
    with pytest.raises(ValueError, match="split='validation' is unknown; choose one of train, va"):
        faces.part("validation")
    with pytest.raises(ValueError, match=r"train 4, valid 4.* has no face of the split 'test'"):
        faces[faces.splits < 2].part("test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(11, 3, 4, 4)}, r"images is a torch.float32 .* give torch.uint8"),
        ({"images": torch.zeros(11, 4, 4, 3).byte()}, r"\(11, 4, 4, 3\); give .*\(N, 3, H, W\)"),
        ({"labels": torch.zeros(10, dtype=torch.int64)}, r"labels is .*\(10,\); give .*\(11,\)"),
        ({"labels": torch.arange(11)}, "labels go from 0 to 10; use 0 to 2"),
        ({"labels": torch.arange(11) % 3 - 1}, "labels go from -1 to 1; use 0 to 2"),
        ({"splits": torch.full((11,), 3)}, "splits go from 3 to 3; use 0 to 2"),
        ({"extras": {"votes": torch.zeros(9, 10)}}, r"extras\['votes'\] is .*each of the 11 faces"),
        ({"extras": {"a.b": torch.zeros(11)}}, r"extras\['a.b'\] .* under a name of letters"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceSet(**vars(some_faces()) | change)


def test_the_manifest_tells_what_is_in_the_file(tmp_path: Path) -> None:
    faces = some_faces()
    faces[faces.splits < 2].write(tmp_path / "faces.safetensors", quality=50)
    manifest = read_pack(tmp_path / "faces.safetensors")[1]
    train, valid = faces.part("train").labels, faces.part("valid").labels
    assert manifest["counts"] == {
        "train": {name: (train == index).sum().item() for index, name in enumerate(NAMES)},
        "valid": {name: (valid == index).sum().item() for index, name in enumerate(NAMES)},
    }
    assert manifest["image_size"] == [10, 7]
    assert manifest["codec"] == "WebP, quality 50"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"Dear reader, this is a letter.", "no pack but a file of another kind"),
        (pickle.dumps({"images": [1, 2, 3]}), "no pack but a file of another kind"),
        (safetensors.torch.save({"images": torch.zeros(2)}), "tensors, but it is no pack of faces"),
        (
            safetensors.torch.save({"a": torch.zeros(2)}, {"manifest": "[1]"}),
            "is cut short or damaged",
        ),
    ],
    ids=["empty", "text", "pickle", "other tensors", "other note"],
)
def test_what_is_no_pack_is_refused_in_words(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "faces.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        FaceSet.read(path)


def test_a_missing_pack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no pack .*nobody\.safetensors"):
        FaceSet.read(tmp_path / "nobody.safetensors")
    monkeypatch.setattr(face_set, "DEFAULT", tmp_path / "shipped.safetensors")
    with pytest.raises(FileNotFoundError, match="are missing; install vtff_lib again, or run"):
        load_default()


def test_a_pack_with_any_byte_changed_is_refused(pack: Path) -> None:
    content = pack.read_bytes()
    FaceSet.read(pack)
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        pack.write_bytes(changed)
        with pytest.raises(ValueError, match=r"damaged|no pack|version"):
            FaceSet.read(pack)


def test_a_changed_pixel_is_told_by_the_hash(pack: Path) -> None:
    content = bytearray(pack.read_bytes())
    content[-1] ^= 128
    pack.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: its content does not have the SHA-256"):
        FaceSet.read(pack)


def test_a_pack_cut_short_is_refused_wherever_it_is_cut(pack: Path) -> None:
    content = pack.read_bytes()
    for length in [*range(9, len(content), 37), len(content) - 1]:
        pack.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is cut short or damaged .*; download or make it"):
            FaceSet.read(pack)


@pytest.mark.parametrize("change", [{"version": 2}, {"splits": ["train", "dev"]}])
def test_a_pack_of_another_version_or_splits_is_refused(pack: Path, change: dict) -> None:
    columns, manifest = read_pack(pack)
    columns = {name: column.clone() for name, column in columns.items()}
    write_weights(pack, columns, {"manifest": json.dumps(manifest | change)})
    with pytest.raises(ValueError, match=r"version [12] with .* this vtff_lib reads version 1"):
        FaceSet.read(pack)


def test_a_write_that_fails_midway_leaves_the_old_pack(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pack.read_bytes()
    write_bytes = Path.write_bytes

    def fill_the_disk(path: Path, content: bytes) -> None:
        write_bytes(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        some_faces().write(pack)
    assert pack.read_bytes() == before
    assert [path.name for path in pack.parent.iterdir()] == [pack.name]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    faces, path = some_faces(), tmp_path / "faces.safetensors"
    with pytest.raises(ValueError, match=r"give a \.safetensors file in a folder that exists"):
        faces.write(tmp_path / "faces.zip")
    with pytest.raises(ValueError, match=r"give a \.safetensors file in a folder that exists"):
        faces.write(tmp_path / "nowhere" / "faces.safetensors")
    with pytest.raises(ValueError, match="quality=101 will not do; give a whole number, 0 to 100"):
        faces.write(path, quality=101)
    with pytest.raises(ValueError, match=r"The manifest is no JSON .*; give text and numbers"):
        replace(faces, manifest={"made_by": object()}).write(path)
    with pytest.raises(ValueError, match=r"extras\['action_units'\] goes beyond 0 and 1"):
        replace(faces, extras={"action_units": torch.full((11, 19, 2), torch.nan)}).write(path)
    with pytest.raises(ValueError, match="A path cannot be made of None; give text"):
        faces.write(None)
    with pytest.raises(ValueError, match="There is no pack to join to"):
        join_packs([], path, {})
    with pytest.raises(ValueError, match="There is no face to write"):
        faces[:0].write(path)
    assert not list(tmp_path.iterdir())


def test_joined_packs_are_the_pack_of_all_and_nothing_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = some_faces()
    whole, joined = tmp_path / "whole.safetensors", tmp_path / "joined.safetensors"
    faces.write(whole)
    parts = [tmp_path / f"{start}.safetensors" for start in (0, 5, 6)]
    for path, rows in zip(parts, (slice(0, 5), slice(5, 6), slice(6, 11)), strict=True):
        faces[rows].write(path)
    monkeypatch.setattr(packs.Image, "open", lambda *_, **__: pytest.fail("a picture was opened"))
    join_packs(parts, joined, faces.manifest)
    assert joined.read_bytes() == whole.read_bytes()


def test_packs_that_are_not_alike_are_not_joined(tmp_path: Path, pack: Path) -> None:
    fewer = some_faces(3, 4, 4)
    del fewer.extras["pose"]
    others = {"codec": (some_faces(3, 4, 4), 80), "image_size": (some_faces(3, 4, 6), None)}
    for what, (faces, quality) in (others | {"columns": (fewer, None)}).items():
        other = tmp_path / "other.safetensors"
        faces.write(other, quality)
        with pytest.raises(ValueError, match=f"other.safetensors cannot be joined .* in {what}"):
            join_packs([pack, other], tmp_path / "joined.safetensors", {})


def test_the_note_is_one_so_that_equal_sets_are_equal_files(pack: Path) -> None:
    assert read_metadata(pack).keys() == {"manifest"}


def test_the_shipped_faces_are_small_and_their_people_are_in_one_split_only() -> None:
    faces = load_default()
    assert face_set.DEFAULT.stat().st_size <= 8_000_000
    assert [len(faces.part(split)) for split in SPLITS] == [2800, 400, 400]
    people = [set(faces.part(split).extras["identities"].tolist()) for split in SPLITS]
    assert sum(map(len, people)) == len(set.union(*people))


def test_a_pack_that_asks_for_far_more_memory_than_it_is_long_is_refused(tmp_path: Path) -> None:
    large = FaceSet(
        torch.zeros(1, 3, 4000, 4000).byte(), torch.tensor([0]), torch.tensor([0]), NAMES
    )
    large.write(tmp_path / "one.safetensors", None)
    many = 40 * [tmp_path / "one.safetensors"]
    join_packs(many, tmp_path / "many.safetensors", {})
    assert (tmp_path / "many.safetensors").stat().st_size < 100_000
    for stored in (False, True):
        with pytest.raises(ValueError, match=r"pictures would need 1,920,000,000 bytes, far more"):
            FaceSet.read(tmp_path / "many.safetensors", stored)


@pytest.mark.parametrize("size", [(1, 7), (6, 1), (1, 1), (7, 6)])
def test_a_picture_of_another_size_is_not_stretched(size: tuple[int, int]) -> None:
    """NumPy lays a single row over all rows, without a word."""
    pictures = torch.zeros(1, 3, 6, 7).byte(), torch.full((1, 3, *size), 200).byte()
    parts = [encode_pictures(picture, None) for picture in pictures]
    content, lengths = map(torch.cat, zip(*parts, strict=True))
    with pytest.raises(ValueError, match=r"cannot be read \(it has another size than the first\)"):
        decode_pictures(content, lengths)


def test_packs_of_other_classes_are_not_joined(tmp_path: Path, pack: Path) -> None:
    replace(some_faces(3, 4, 4), class_names=NAMES[::-1]).write(tmp_path / "b.safetensors", None)
    with pytest.raises(ValueError, match="their classes in another order: calm, glad, cross and c"):
        join_packs([pack, tmp_path / "b.safetensors"], tmp_path / "c.safetensors", {})
