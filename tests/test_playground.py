"""The playground: what is drawn is what the sliders, the photo and the reader last asked for."""

import asyncio
import io
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from PIL import Image

from vtff_lib import load_pretrained
from vtff_lib.explain.surgery import Surgery, operated
from vtff_lib.explorer.content import dequantise
from vtff_lib.photos.finding import crops_to_batch, face_from_photo
from vtff_lib.synthetic_faces.shots import OCCLUDERS
from vtff_lib.widgets import playground
from vtff_lib.widgets.playground import UNITS, Playground


@pytest.fixture(scope="module")
def model():
    return load_pretrained("tiny")


@pytest.fixture
def ground(model):
    return Playground(model)


@pytest.fixture
def drawn(monkeypatch):
    """Count what is drawn, from the time a test asks for it."""
    pictures, real = [], Playground._draw

    def draw(self):
        real(self)
        pictures.append(self.explorer.images)

    monkeypatch.setattr(Playground, "_draw", draw)
    return pictures


def stored(ground, name):
    return dequantise(ground.explorer.content["runs"][0][0][name])


def upload(ground, content):
    """Do as the browser does when a file was chosen."""
    about = {"name": "photo.png", "type": "image/png", "size": len(content)}
    ground.upload.value = ({**about, "content": content, "last_modified": datetime.now(UTC)},)


def png(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "png")
    return memoryview(file.getvalue())


async def until(drawn, count):
    """Wait, as the kernel does between moves, until so much is drawn."""
    async with asyncio.timeout(30):
        while len(drawn) < count:
            await asyncio.sleep(0)


def test_many_moves_in_a_row_are_drawn_once_and_the_last_values_win(ground, drawn):
    async def move():
        for step in range(20):
            ground.units[12].value = step / 20
        await until(drawn, 1)

    asyncio.run(move())
    assert len(drawn) == 1
    assert ground._due is None  # nor is anything left to draw
    assert ground.units[12].value == pytest.approx(0.95)
    assert drawn[0].equal(ground._pixels())


def test_moves_while_one_waits_join_it_and_a_later_one_is_drawn_again(ground, drawn, monkeypatch):
    monkeypatch.setattr(playground, "PAUSE", 0.3)  # longer than a busy machine halts a test

    async def move():
        ground.lamp.value = -1
        await asyncio.sleep(0)
        ground.yaw.value = 0.3
        await until(drawn, 1)
        ground.occluder.value = OCCLUDERS[2]
        await until(drawn, 2)

    asyncio.run(move())
    assert len(drawn) == 2
    assert not drawn[0].equal(drawn[1])
    assert drawn[1].equal(ground._pixels())
    ground.occluder.value = OCCLUDERS[0]
    assert ground.explorer.images.equal(drawn[0])  # of both early moves


@pytest.mark.parametrize("control", [*UNITS, "lamp", "yaw", "occluder"])
def test_every_slider_changes_the_face(ground, control):
    """Without a loop, as in a plain Python, a move is drawn at once."""
    before = ground.explorer.images
    slider = ground.units.get(control) or getattr(ground, control)
    if control == "occluder":
        slider.value = OCCLUDERS[1]
    else:
        slider.value = slider.max if slider.value < slider.max else slider.min
    assert not ground.explorer.images.equal(before)
    assert ground.explorer.images.equal(ground._pixels())


def test_maps_follow_and_are_those_of_the_face_on_show(ground, model):
    ground.units[1].value = ground.units[2].value = ground.units[26].value = 1.0
    out = model(ground.explorer.images, return_maps=True)
    assert torch.allclose(stored(ground, "gate")[0], out.gate[0].mean(0).flatten(), atol=2e-3)
    assert torch.allclose(stored(ground, "probabilities")[0], out.logits[0].softmax(0), atol=2e-3)
    assert ground.view.content.count('"computed": ["none"]') == 1


@pytest.mark.parametrize(
    ("state", "surgery"),
    [
        ({"surgery": "head 1 2"}, Surgery(head=(1, 2))),
        ({"surgery": "patch", "cell": 24}, Surgery(patch=24)),
        ({"surgery": "patch 3"}, Surgery(patch=3)),
        ({"surgery": "gate lbp", "cell": 5}, Surgery(lbp_weight=1.0)),
    ],
)
def test_the_change_that_the_reader_chose_is_worked_out_then(ground, model, state, surgery):
    ground.view.state = state
    assert ground.explorer.content["computed"] == ["none", surgery.name]
    if surgery.patch is None:
        with operated(model, [surgery]):
            shares = model(ground.explorer.images).logits[0].softmax(0)
        assert torch.allclose(stored(ground, "probabilities")[1], shares, atol=2e-3)


def test_what_is_worked_out_already_is_not_drawn_again(ground, drawn):
    ground.view.state = {"surgery": "head 0 0"}
    ground.view.state = {"surgery": "head 0 0", "view": "rollout"}
    ground.view.state = {"surgery": "none", "view": "rollout"}
    ground.view.state = {"surgery": "nonsense"}
    ground.view.state = {"surgery": "patch", "cell": None}
    assert len(drawn) == 1


def test_a_photo_is_found_cropped_and_shown_until_a_slider_moves(ground, astronaut):
    rendered = ground.explorer.images
    upload(ground, png(astronaut))
    wanted = crops_to_batch([face_from_photo(astronaut, size=112)])
    assert ground.explorer.images.equal(wanted)
    assert ground.explorer.names == ["your photo"]
    assert ground.trouble.value == ""
    ground.view.state = {"surgery": "head 0 0"}
    assert ground.explorer.images.equal(wanted)  # still the photo, changed
    ground.back.click()
    assert ground.explorer.images.equal(rendered)
    upload(ground, png(np.asarray(Image.fromarray(astronaut).resize((400, 400)))))
    ground.lamp.value = -0.5
    assert ground.explorer.names == ["rendered face"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no picture <b>at all</b>", "no picture that Pillow can read"),
        (b"", "empty"),
        (png(np.full((90, 90, 3), 128, np.uint8)), "No face was found"),
    ],
)
def test_a_file_that_will_not_do_gets_one_message_and_the_face_stays(ground, content, words):
    before = ground.explorer.images
    upload(ground, content)
    assert words in ground.trouble.value
    assert ground.trouble.value.startswith('<p role="alert">')
    assert "<b>" not in ground.trouble.value
    assert ground.explorer.images.equal(before)
    ground.lamp.value = 1.0
    assert ground.trouble.value == ""


def test_of_several_faces_in_a_photo_the_largest_is_taken(ground, astronaut):
    face = astronaut[0:220, 120:340]
    half = np.asarray(Image.fromarray(face).resize((150, 150)))
    both = np.full((220, 400, 3), 90, np.uint8)
    both[:, :220], both[30:180, 235:385] = face, half
    upload(ground, png(both))
    assert ground.trouble.value == ""
    wanted = crops_to_batch([face_from_photo(both, which=0, size=112)])
    assert ground.explorer.images.equal(wanted)


def test_a_fault_in_drawing_is_told_and_not_lost(ground, monkeypatch):
    def fail(self):
        raise RuntimeError("<no> light")

    monkeypatch.setattr(Playground, "_pixels", fail)
    ground.lamp.value = 0.0
    assert "could not be drawn. RuntimeError: &lt;no&gt; light" in ground.trouble.value


def test_it_starts_as_asked_and_refuses_units_without_a_slider(model):
    ground = Playground(model, person=3, units={4: 1.0})
    assert [unit for unit, slider in ground.units.items() if slider.value] == [4]
    with pytest.raises(ValueError, match="sliders for the action units"):
        Playground(model, units={3: 0.5})


def test_where_no_kernel_is_there_is_a_picture_and_words(ground):
    bundle = ground._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith("<figure")
    assert bundle["text/plain"] == ground.explorer.describe()


def test_a_photo_stays_when_the_file_is_let_go(ground, astronaut):
    upload(ground, png(astronaut))
    photo = ground.explorer.images
    ground.upload.value = ()
    assert ground.explorer.images.equal(photo)
    assert ground.explorer.names == ["your photo"]
    assert ground.trouble.value == ""


def test_a_photo_is_forgotten_whether_it_will_do_or_not_and_nothing_stays_open(model, astronaut):
    open_before = set(_instances)
    ground = Playground(model)
    for content in (png(astronaut), b"no picture"):
        upload(ground, content)
        assert ground.upload.value == ()
    ground.view.state = {"surgery": ["patch"]}  # what no page of ours sends
    ground.close()
    assert set(_instances) == open_before


def test_whatever_a_decoder_raises_is_told(ground, monkeypatch):
    def fail(*given, **named):
        raise SyntaxError("not a <TIFF>")

    monkeypatch.setattr(playground, "face_from_photo", fail)
    upload(ground, b"odd")
    assert "not a &lt;TIFF&gt;" in ground.trouble.value
