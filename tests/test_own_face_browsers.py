"""Files of every kind in Chromium, Firefox and WebKit: face and word are the library's."""

import numpy as np
import pytest
from PIL import Image

from tests.own_pages import GIVE, as_file, save
from vtff_lib import load_pretrained
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import find_faces, grey_face

pytestmark = pytest.mark.slow
TURNED = Image.Exif()
TURNED[0x0112] = 6  # to be seen upright it is turned by a quarter, clockwise
KINDS = {
    "png": {},
    "jpeg": {},
    "jpeg turned": {"exif": TURNED},
    "webp": {},
    "webp lossless": {"lossless": True},
    "gif": {},
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory, astronaut):
    path = tmp_path_factory.mktemp("own") / "own.html"
    save(path, astronaut)
    return path


def test_in_each_browser_every_kind_of_file_gives_the_librarys_face_and_word(
    any_browser, saved, astronaut
):
    page = any_browser
    page.open(f"{saved.as_uri()}#step=own")
    page.wait_for("() => document.querySelector('.vtff-own')")
    [box] = find_faces(astronaut)
    logits = load_pretrained("photos")(resize(grey_face(astronaut, box), 112)).logits
    share = logits.softmax(dim=1).max().item()
    for kind, how in KINDS.items():
        picture = np.rot90(astronaut) if "exif" in how else astronaut
        page.run(GIVE, [[as_file(picture, kind.split()[0], **how)], "choose"])
        page.wait_for("""() => !document.querySelector('.vtff-unread')
            && document.querySelector('.vtff-own[data-mode=still]')""")
        word, value, x, y, side = page.run("""() => {
            const { style } = document.querySelector('.vtff-found button');
            const row = document.querySelector('.vtff-own tr[data-class=happiness]');
            return [document.querySelector('.vtff-own .vtff-word').textContent, +row.dataset.value,
                ...['left', 'top', 'width'].map(name => parseFloat(style[name]) * 5.12)];
        }""")
        assert word.startswith("happiness"), kind
        assert abs(value - share) < 0.02, kind
        assert np.abs(np.subtract([x, y, side], [box.column, box.row, box.width])).max() < 12, kind
        page.run(
            "() => document.querySelector('.vtff-own .vtff-own-ways button:last-of-type').click()"
        )
        page.wait_for("() => document.querySelector('.vtff-own-picture canvas').width === 320")
