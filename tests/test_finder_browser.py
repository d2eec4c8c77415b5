"""The page's face finder against the library's, in Chromium, Firefox and WebKit.

The list: rendered faces in a noisy photo, straight, turned, dark and small; and the astronaut.
"""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from tests.test_faces_in_photos import overlap
from vtff_lib.inputs import resize
from vtff_lib.live import cascade
from vtff_lib.photos.finding import FaceBox, crop_face, crops_to_batch, find_faces, grey_face
from vtff_lib.synthetic_faces import render, sample

FINDER = Path(cascade.__file__).with_name("finder.js")
WIDTH, HEIGHT = 320, 240  # as of a camera
PEOPLE = 6
FIND = """([picture, options]) => findFaces(cascade, pixels(picture), options)"""
PREPARE = """([picture, box, options]) =>
    btoa(String.fromCharCode(...prepareFace(pixels(picture), box, options)))"""
PAGE = """<!doctype html><meta charset="utf-8"><script type="module">%s
const bytes = words => Uint8Array.from(atob(words), letter => letter.charCodeAt(0));
const pixels = ({width, height, rgba}) =>
    ({width, height, data: new Uint8ClampedArray(bytes(rgba).buffer)});
const cascade = openCascade(bytes("%s"));
Object.assign(window, {openCascade, findFaces, prepareFace, pixels, cascade});
</script>"""


def framed(face, side, seed, light=1.0):
    """Return a camera's picture of a face of `side` pixels, somewhere on a photo of a table."""
    dice = np.random.default_rng(seed)
    table = data.coffee()
    top, left = (
        dice.integers(0, n - m) for n, m in zip(table.shape, (HEIGHT, WIDTH), strict=False)
    )
    picture = Image.fromarray(table[top : top + HEIGHT, left : left + WIDTH])
    place = tuple(int(dice.integers(0, room - side + 1)) for room in (WIDTH, HEIGHT))
    picture.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), place)
    noise = dice.normal(0, 2, (HEIGHT, WIDTH, 3))
    return (light * np.asarray(picture) + noise).round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures(astronaut):
    """The list, by name."""
    faces = sample(range(PEOPLE), seed=3, split="test")
    found = {}
    for turn in (None, -0.4, 0.2, 0.4):
        yaw = faces.shots.yaw if turn is None else torch.full_like(faces.shots.yaw, turn)
        shown = render(replace(faces, shots=replace(faces.shots, yaw=yaw)), 160).images
        for person, face in enumerate(shown.permute(0, 2, 3, 1).numpy()):
            looks = (
                {"": (160, 1.0)}
                if turn
                else {"": (160, 1.0), "small": (72, 1.0), "dark": (160, 0.25)}
            )
            for look, (side, light) in looks.items():
                name = f"person {person}, turned {turn}, {look}"
                found[name] = framed(face, side, len(found), light)
    image = Image.fromarray(astronaut)
    for side in (160, 320, 512):
        found[f"astronaut {side}"] = np.asarray(image.resize((side, side)))
    for degrees in (-12, -6, 6, 12):
        found[f"astronaut leaning {degrees}"] = np.asarray(image.rotate(degrees))
    found["astronaut dark"] = np.asarray(image) // 8
    found["astronaut upside down"] = astronaut[::-1].copy()
    return found


@pytest.fixture(scope="module")
def known(pictures):
    return {name: find_faces(picture) for name, picture in pictures.items()}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("finder") / "finder.html"
    packed = base64.b64encode(cascade.pack_cascade()).decode()
    path.write_text(PAGE % (FINDER.read_text(encoding="utf-8"), packed), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(any_browser, address):
    any_browser.open(address)
    any_browser.wait_for("() => window.cascade")
    return any_browser


def sent(picture):
    rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    height, width = picture.shape[:2]
    return {"width": width, "height": height, "rgba": base64.b64encode(rgba.tobytes()).decode()}


def found(page, picture, **options):
    boxes = page.run(FIND, [sent(picture), options])
    return [FaceBox(box["y"], box["x"], box["size"], box["size"]) for box in boxes]


def same(boxes, others):
    """Whether the faces are the same: as many, and each where one of the others is."""
    best = [max((overlap(box, other) for other in others), default=0) for box in boxes]
    return len(boxes) == len(others) and min(best, default=1) > 0.7


def test_the_page_finds_the_librarys_faces(page, pictures, known):
    differ = [name for name in pictures if not same(found(page, pictures[name]), known[name])]
    assert sum(map(bool, known.values())) > 0.8 * len(known)
    assert len(differ) <= 0.05 * len(known), differ


def test_a_search_everywhere_gives_the_librarys_boxes(page, pictures, known):
    """But for single pixels: sums are exact here and float32 in scikit-image."""
    for name in list(pictures)[::16]:
        boxes = found(page, pictures[name], everywhere=True)
        assert len(boxes) == len(known[name]), name
        for box, other in zip(boxes, known[name], strict=True):
            assert np.abs(np.subtract(box.centre, other.centre)).max() <= 2, name
            assert abs(box.height - other.height) <= 2, name


@pytest.mark.parametrize("side", [112, 48, 32])
@pytest.mark.parametrize("box", [FaceBox(61, 174, 93, 93), FaceBox(-20, 440, 101, 101)], ids=str)
def test_a_face_is_cut_and_resized_as_the_library_does(page, astronaut, box, side):
    ways = {
        False: crops_to_batch([crop_face(astronaut, box, size=side)]),
        True: resize(grey_face(astronaut, box), side),
    }
    square = {"x": box.column, "y": box.row, "size": box.height}
    for grey, wanted in ways.items():
        words = page.run(PREPARE, [sent(astronaut), square, {"side": side, "grey": grey}])
        planes = np.frombuffer(base64.b64decode(words), np.uint8).reshape(wanted[0].shape)
        apart = np.abs(planes.astype(int) - wanted[0].numpy())
        assert apart.max() <= 2
        assert apart.mean() < 0.01


def test_where_no_face_is_none_is_found(page):
    assert found(page, np.full((120, 90, 3), 200, np.uint8)) == []
    for height, width in ((1, 1), (23, 90), (24, 24), (25, 300)):
        assert found(page, np.zeros((height, width, 3), np.uint8)) == []


def test_a_damaged_finder_says_so(page):
    with pytest.raises(Exception, match="9 bytes; it is cut short or damaged"):
        page.run("() => { openCascade(new Uint8Array(9)); }")
