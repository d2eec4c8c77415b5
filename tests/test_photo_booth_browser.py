"""The booth in a real JupyterLab, before a camera that is a film of the astronaut.

With SHOTS=folder in the environment, pictures are saved there.
"""

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from skimage import data

from notebooks.run import METADATA
from tests import browser
from tests.own_pages import camera

SETUP = """
from skimage.data import astronaut
from vtff_lib import load_pretrained
from vtff_lib.widgets.photo_booth import PhotoBooth
booth = PhotoBooth(load_pretrained("photos"), astronaut())
booth
"""
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
NOTEBOOK = "() => JSON.stringify(window.lesson.context.model.toJSON())"


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("booth") / "notebooks"
    folder.mkdir()
    notebook = new_notebook(cells=[new_code_cell(SETUP)], metadata=METADATA)
    nbformat.write(notebook, folder / "00_booth.ipynb")
    film = folder.parent / "astronaut.mjpeg"  # the mirror image, so that it is another picture
    Image.fromarray(data.astronaut()[:, ::-1]).save(film, "jpeg", quality=95)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browser, "CHROMIUM_FLAGS", (*browser.CHROMIUM_FLAGS, *camera(film)))
        with browser.open_lab(folder, chromium) as lab:
            lab.page.set_default_timeout(20_000)
            lab.open("00_booth")
            lab.run_all()
            lab.page.get_by_role("button", name="camera on").wait_for()
            yield lab


def test_a_picture_is_taken_shown_and_not_stored(lab):
    page = lab.page
    before = json.loads(page.evaluate(NOTEBOOK))
    lab.ask("globals().update(first=booth.explorer.images) or True")
    assert page.get_by_role("button", name="take a picture").is_disabled()
    page.get_by_role("button", name="camera on").click()
    page.get_by_role("button", name="camera off").wait_for()
    page.wait_for_function("() => document.querySelector('video').videoWidth > 0")
    page.get_by_role("button", name="take a picture").click()
    lab.wait_for_kernel("not booth.explorer.images.equal(first)")
    assert "happiness" in lab.ask("booth.words.value")
    page.get_by_role("status").filter(has_text="happiness").first.wait_for()
    if "SHOTS" in os.environ:
        lab.shoot(Path(os.environ["SHOTS"]), "booth")
    page.get_by_role("button", name="camera off").click()
    assert page.evaluate("() => document.querySelector('video').srcObject === null")
    page.evaluate(SAVE)
    after = json.loads(page.evaluate(NOTEBOOK))
    assert after["cells"][0]["outputs"] == before["cells"][0]["outputs"]
    assert "widgets" not in after["metadata"]
    assert lab.page_errors == []
    assert lab.outside_requests == []


def test_where_there_is_no_camera_a_sentence_says_so(lab):
    page = lab.page
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('none', 'NotFoundError')); }"
    )
    page.get_by_role("button", name="camera on").click()
    page.get_by_text("There is no camera to use (NotFoundError)").wait_for()
    assert page.get_by_role("button", name="take a picture").is_disabled()


def test_the_camera_goes_off_with_its_cell(lab):
    page = lab.page
    page.evaluate("() => { delete navigator.mediaDevices.getUserMedia; }")
    page.get_by_role("button", name="camera on").click()
    page.get_by_role("button", name="camera off").wait_for()
    page.evaluate(
        "() => { window.track = document.querySelector('video').srcObject.getTracks()[0]; }"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_function("() => window.track.readyState === 'ended'")
    assert lab.page_errors == []
