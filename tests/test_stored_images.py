"""Images in a file are those in memory, read late, and learned from alike."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.small_packs import some_faces
from tests.small_runs import CONFIG, SILENT, faces, model, same_weights
from vtff_lib.datasets import FaceSet, stored_images
from vtff_lib.datasets.packs import encode_pictures
from vtff_lib.datasets.stored_images import StoredImages, store_images
from vtff_lib.evaluation.measure import predict
from vtff_lib.names import EXPRESSIONS
from vtff_lib.training.feed import Feed
from vtff_lib.training.loop import train


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FaceSet, FaceSet]:
    """The same set in memory, and with its pixels in a file that took several chunks."""
    monkeypatch.setattr(stored_images, "AT_ONCE", 3)
    some_faces(11).write(tmp_path / "faces.safetensors", quality=None)
    path = tmp_path / "faces.safetensors"
    return FaceSet.read(path), FaceSet.read(path, stored=True)


def test_a_set_in_a_file_has_the_same_images_splits_and_parts(both: tuple[FaceSet, FaceSet]):
    memory, stored = both
    assert isinstance(stored.images, StoredImages)
    assert stored.images.shape == memory.images.shape
    for chosen in (slice(2, 7), torch.tensor([5, 0, 5]), memory.labels == 1):
        assert torch.equal(stored.images[chosen], memory.images[chosen])
        assert torch.equal(stored[chosen].images[:], memory[chosen].images)
    part = stored.part("valid")
    assert isinstance(part.images, StoredImages)
    assert torch.equal(part[1:].images[:], memory.part("valid")[1:].images)
    batches = list(stored.images.split(4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert torch.equal(torch.cat(batches), memory.images)


def test_a_set_in_a_file_can_be_packed_again(both: tuple[FaceSet, FaceSet], tmp_path: Path):
    memory, stored = both
    stored.write(tmp_path / "again.safetensors", quality=None)
    assert torch.equal(FaceSet.read(tmp_path / "again.safetensors").images, memory.images)


def test_pixels_are_decoded_once_and_never_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "faces.safetensors"
    some_faces(11).write(path, quality=None)
    monkeypatch.setattr(stored_images, "AT_ONCE", 4)
    real, calls = stored_images.decode_pictures, []

    def decode(content, lengths):
        calls.append(len(lengths))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(content, lengths)

    monkeypatch.setattr(stored_images, "decode_pictures", decode)
    with pytest.raises(KeyboardInterrupt):
        FaceSet.read(path, stored=True)
    assert list(tmp_path.iterdir()) == [path]
    whole = FaceSet.read(path, stored=True)
    assert [n for n in calls[3:] if n > 1] == [4, 4, 3]
    before = len(calls)
    FaceSet.read(path, stored=True)
    assert all(n == 1 for n in calls[before:])  # at most the first alone, for its size
    pixels = whole.images.path
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"bytes, but .* need .*; delete it, and it is made again"):
        FaceSet.read(path, stored=True)


def test_training_and_prediction_are_the_same_from_a_file(tmp_path: Path):
    examples = faces()
    names = EXPRESSIONS[:3]
    splits = torch.zeros(len(examples.labels), dtype=torch.int64)
    FaceSet(*examples[:2], splits, names).write(tmp_path / "a.safetensors", quality=None)
    stored = FaceSet.read(tmp_path / "a.safetensors", stored=True).part("train")
    for config in (CONFIG, replace(CONFIG, parts=2)):
        networks = [model(), model()]
        for network, one in zip(networks, (examples, stored), strict=True):
            train(network, one, one, config, progress=SILENT)
        assert same_weights(*networks)
    assert torch.equal(predict(network, stored.images), predict(network, examples.images))


def test_the_next_batch_is_read_while_the_current_one_is_used(tmp_path: Path):
    pixels = torch.arange(5 * 3 * 2 * 2, dtype=torch.uint8).view(5, 3, 2, 2)
    images, threads = store_images(tmp_path / "pixels", *encode_pictures(pixels, None)), []

    def rows(step: int) -> torch.Tensor:
        threads.append((step, threading.current_thread() is threading.main_thread()))
        return torch.tensor([step, 4 - step])

    feed = Feed(images, torch.device("cpu"), rows, steps=3)
    for step in range(3):
        assert torch.equal(feed(step), pixels[[step, 4 - step]])
    feed.close()
    assert threads == [(0, True), (1, False), (2, False)]
    again = Feed(images, torch.device("cpu"), rows, steps=3)
    assert torch.equal(again(2), pixels[[2, 2]])  # a run that goes on begins anywhere
    again.close()


def test_a_damaged_picture_is_refused_and_leaves_no_file(tmp_path: Path):
    content, lengths = torch.zeros(30, dtype=torch.uint8), torch.tensor([30])
    with pytest.raises(ValueError, match="A picture cannot be read"):
        store_images(tmp_path / "pixels", content, lengths)
    assert not list(tmp_path.iterdir())


def test_a_pixel_that_changed_is_told_when_it_is_read(both: tuple[FaceSet, FaceSet]):
    """In the file's own words too: of a file of that length nothing else tells."""
    memory, stored = both
    content = bytearray(stored.images.path.read_bytes())
    for place in (4 * memory.images[0].numel() + 9, len(content) - 4 * len(memory) + 4 * 4):
        content[place] ^= 1
        stored.images.path.write_bytes(content)
        opened = stored.images.chosen(slice(None))
        assert torch.equal(opened[:4], memory.images[:4])
        assert torch.equal(opened[5:], memory.images[5:])
        with pytest.raises(ValueError, match="is damaged in image 4; delete it, and it is made"):
            opened[torch.tensor([5, 4])]
        content[place] ^= 1


def test_a_picture_of_another_size_is_refused_in_any_chunk_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stored_images, "AT_ONCE", 2)
    sizes = (4, 4), (6, 4)
    parts = [encode_pictures(torch.zeros(2, 3, *size).byte(), None) for size in sizes]
    content, lengths = map(torch.cat, zip(*parts, strict=True))
    with pytest.raises(ValueError, match="A picture has another size than the first"):
        store_images(tmp_path / "pixels", content, lengths)
    assert not list(tmp_path.iterdir())
