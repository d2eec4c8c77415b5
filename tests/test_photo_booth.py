"""The booth: a photo is found, cropped, made grey, named; and kept nowhere."""

import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from PIL import Image

from vtff_lib import load_pretrained
from vtff_lib.evaluation.answering import least_confidence, verdict
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import FaceBox, find_faces, grey_face
from vtff_lib.widgets import photo_booth
from vtff_lib.widgets.photo_booth import PhotoBooth
from vtff_lib.widgets.webcam import Webcam


@pytest.fixture(scope="module")
def model():
    return load_pretrained("photos")


@pytest.fixture
def booth(model, astronaut):
    return PhotoBooth(model, astronaut)


def png(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "png")
    return file.getvalue()


def upload(booth, content):
    about = {"name": "me.png", "type": "image/png", "size": len(content)}
    booth.upload.value = ({**about, "content": content, "last_modified": datetime.now(UTC)},)


def shoot(camera, content):
    """Do as the browser does when the reader takes a picture."""
    camera._handle_custom_msg({"kind": "photo"}, [memoryview(content)])


def test_a_face_becomes_grey_tight_and_small(astronaut):
    box = find_faces(astronaut)[0]
    face = grey_face(astronaut, box)
    assert face.shape == (1, 3, 48, 48)
    assert face.dtype == torch.uint8
    assert (face[:, 0] == face[:, 1]).all()
    assert (face[:, 0] == face[:, 2]).all()
    inside = astronaut[box.row : box.row + box.height, box.column : box.column + box.width]
    grey = np.asarray(Image.fromarray(inside).convert("L"), dtype=float)
    assert face.float().mean().item() == pytest.approx(grey.mean(), abs=2)


def test_grey_is_that_of_luminance_not_the_mean_of_channels():
    photo = np.zeros((60, 60, 3), np.uint8)
    photo[..., 1] = 200  # green, which looks brighter than its third
    assert (grey_face(photo, FaceBox(5, 5, 50, 50)) == round(0.587 * 200)).all()


@pytest.mark.parametrize("wanted", [0.0, 0.5, 0.8, 0.95, 1.0])
def test_the_least_confidence_is_the_least_that_keeps_the_rate(wanted):
    generator = torch.Generator().manual_seed(1)
    confidence = torch.rand(60, generator=generator).mul(20).round() / 20  # with ties
    right = torch.rand(60, generator=generator) < confidence
    rates = {t: right[confidence >= t].double().mean() for t in confidence.tolist()}
    good = [t for t, rate in rates.items() if rate >= wanted]
    found = least_confidence(confidence, right, wanted)
    assert found == pytest.approx(min(good, default=float("inf")))


def test_where_no_rate_will_do_nothing_is_answered():
    assert least_confidence(torch.tensor([0.9]), torch.tensor([False]), 0.5) == float("inf")


def test_below_the_least_confidence_no_word_is_given():
    shares = torch.tensor([0.2, 0.7, 0.1])
    assert verdict(shares, ("a", "b", "c"), 0.5) == "Most annotators would choose: b (0.70)."
    assert verdict(shares, ("a", "b", "c"), 0.75).startswith("Not sure enough")
    assert " b " not in verdict(shares, ("a", "b", "c"), 0.75)


def test_the_camera_hands_on_pictures_and_nothing_else():
    taken = []
    camera = Webcam(taken.append)
    shoot(camera, b"a picture")
    camera._handle_custom_msg({"kind": "other"}, [b"no"])
    camera._handle_custom_msg({"kind": "photo"}, [])
    camera._handle_custom_msg("photo", [b"no"])
    assert taken == [b"a picture"]
    assert not any(isinstance(each, bytes | memoryview) for each in camera.get_state().values())


@pytest.mark.parametrize("way", ["upload", "camera"])
def test_another_picture_replaces_the_first_and_its_file_is_dropped(booth, astronaut, way):
    before = booth.explorer.images
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    content = png(mirrored)
    upload(booth, content) if way == "upload" else shoot(booth.camera, content)
    wanted = resize(grey_face(mirrored, find_faces(mirrored)[0]), 112)
    assert booth.explorer.images.equal(wanted)
    assert not booth.explorer.images.equal(before)
    assert booth.upload.value == ()
    for control in (booth.upload, booth.camera):  # nor does their state hold it
        values = control.get_state().values()
        assert not any(isinstance(value, bytes | memoryview) for value in values)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no picture <b>at all</b>", "no picture that Pillow can read"),
        (png(np.full((90, 90, 3), 128, np.uint8)), "No face was found"),
    ],
)
def test_what_will_not_do_gets_one_sentence_and_the_face_stays(booth, content, words):
    before = booth.explorer.images
    upload(booth, content)
    assert words in booth.words.value
    assert booth.words.value.startswith('<p role="alert">')
    assert "<b>" not in booth.words.value
    assert booth.explorer.images.equal(before)


def test_it_begins_with_a_face_or_says_why_not(model, astronaut):
    with pytest.raises(ValueError, match="No face was found"):
        PhotoBooth(model, np.full((90, 90, 3), 128, np.uint8))
    assert "happiness" in PhotoBooth(model, astronaut).words.value
    assert "Not sure enough" in PhotoBooth(model, astronaut, least=1.01).words.value


def test_what_a_cell_stores_is_a_still_of_the_first_picture(booth, astronaut):
    bundle = booth._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].count("<figure") == 2
    assert "happiness" in bundle["text/plain"]
    json.dumps(bundle)
    upload(booth, png(np.ascontiguousarray(astronaut[:, ::-1])))
    assert booth._repr_mimebundle_()["text/html"] == bundle["text/html"]


@pytest.mark.parametrize("way", ["upload", "camera"])
def test_whatever_a_decoder_raises_is_told(booth, monkeypatch, way):
    def fail(source):
        raise TypeError("bad operand for <abs>")

    monkeypatch.setattr(photo_booth, "read_photo", fail)
    upload(booth, b"odd") if way == "upload" else shoot(booth.camera, b"odd")
    assert booth.words.value.startswith('<p role="alert">')
    assert "bad operand for &lt;abs&gt;" in booth.words.value
    assert booth.upload.value == ()
