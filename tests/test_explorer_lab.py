"""The explorer and the playground in a real JupyterLab: the hand moves them, and so does Python.

With SHOTS=folder in the environment, pictures are saved there.
"""

import json
import os
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from skimage import data

from notebooks.run import METADATA, canonical
from tests.browser import open_lab
from tests.explored import radio, values
from vtff_lib import load_pretrained
from vtff_lib.explain.surgery import Surgery
from vtff_lib.explorer.explorer import Explorer

SETUP = """
import torch
from vtff_lib import load_pretrained
from vtff_lib.explorer import Explorer
from vtff_lib.explorer.content import dequantise
from vtff_lib.explain.surgery import Surgery
from vtff_lib.synthetic_faces import render, sample
model = load_pretrained("tiny")
images = render(sample([1, 6], split="test"), size=112).images
explorer = Explorer(model, images, ["Ada", "Bo"], computed=[Surgery(), Surgery(patch=8)])
explorer
"""
PLAYGROUND = """
from vtff_lib.widgets.playground import Playground
ground = Playground(model)
ground
"""
TELL = """async code => {
    const kernel = window.lesson.sessionContext.session.kernel;
    return (await kernel.requestExecute({ code }).done).content.status;
}"""


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    """Two notebooks: one to be run, and one stored as lessons are, with outputs and no kernel."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    folder.mkdir()
    cells = [new_code_cell(SETUP), new_code_cell(PLAYGROUND)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), folder / "00_live.ipynb")
    images = torch.full((1, 3, 112, 112), 90, dtype=torch.uint8)
    explorer = Explorer(load_pretrained("tiny"), images, ["still here"], computed=[Surgery()])
    bundle, _ = explorer._repr_mimebundle_()
    cell = new_code_cell("explorer", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("execute_result", bundle, execution_count=1)]
    stored = canonical(new_notebook(cells=[cell], metadata=METADATA))
    (folder / "01_stored.ipynb").write_text(stored, encoding="utf-8")
    Image.fromarray(data.astronaut()).save(folder.parent / "astronaut.png")
    (folder.parent / "wrong.png").write_bytes(b"<b>no picture</b>")
    return folder


@pytest.fixture(scope="module")
def lab(chromium, notebooks):
    with open_lab(notebooks, chromium) as lab:
        lab.page.set_default_timeout(20_000)
        lab.open("00_live")
        lab.run_all()
        lab.page.locator(".vtff [data-kind=cell]").nth(60).wait_for()
        yield lab


@pytest.fixture(autouse=True)
def nothing_went_wrong(lab):
    yield
    assert lab.page_errors == []
    assert lab.outside_requests == []


def tell(lab, code):
    assert lab.page.evaluate(TELL, code) == "ok", code


def shoot(lab, name):
    if "SHOTS" in os.environ:
        lab.shoot(Path(os.environ["SHOTS"]), name)


class Shown:
    """One explorer of the page, for helpers that were made for a page of its own."""

    def __init__(self, lab, number):
        self.box, self.keyboard = lab.page.locator(".vtff").nth(number), lab.page.keyboard
        self.locator, self.get_by_role = self.box.locator, self.box.get_by_role

    def state(self):
        return self.box.get_attribute("data-state")

    def wait_for_values(self, wanted):
        near = """(box, wanted) => new Promise(done => {
            const look = () => [...box.querySelectorAll('[data-index]')].every((each, cell) =>
                Math.abs(each.dataset.value - wanted[cell]) < 5e-3) ? done() : setTimeout(look, 50);
            look();
        })"""
        self.box.evaluate(near, wanted, timeout=20_000)

    def wait(self, state):
        self.box.and_(self.box.page.locator(f'[data-state="{state}"]')).wait_for()


def test_the_hand_moves_it_and_the_kernel_knows(lab):
    shown = Shown(lab, 0)
    shoot(lab, "explorer")
    radio(shown, "Face", "Bo", "mouse")
    radio(shown, "Map", "Rollout", "keyboard")
    shown.wait_for_values(
        lab.ask("dequantise(explorer.content['runs'][0][1]['rollout'])[0].tolist()")
    )
    assert lab.ask("explorer.widget.state")["view"] == "rollout"
    assert lab.ask("explorer.widget.state")["face"] == 1


def test_its_keys_are_its_own_and_not_the_notebooks(lab):
    """Where JupyterLab gets them, M and C make a cell text and copy it, and arrow keys leave it."""
    shown = Shown(lab, 0)
    before = lab.page.evaluate(
        "window.lesson.context.model.toJSON().cells.map(each => each.source)"
    )
    shown.locator('[data-kind=cell][tabindex="0"]').focus()
    for key in ("ArrowDown", "ArrowRight", "m"):
        lab.page.keyboard.press(key)
    shown.wait("face=1&view=rollout&cell=8&covered=8")
    assert lab.page.evaluate("document.activeElement.dataset.key") == "cell 8"
    shown.wait_for_values(
        lab.ask("dequantise(explorer.content['runs'][0][1]['rollout'])[1].tolist()")
    )
    for key in ("c", "x", "d", "d", "b", "Escape"):
        lab.page.keyboard.press(key)
    cells = lab.page.evaluate("window.lesson.context.model.toJSON().cells")
    assert [cell["source"] for cell in cells] == before
    assert {cell["cell_type"] for cell in cells} == {"code"}
    shown.wait("face=1&view=rollout")


def test_python_moves_it_and_brings_other_faces(lab):
    shown = Shown(lab, 0)
    tell(lab, "explorer.widget.state = {'view': 'attention', 'cell': 12, 'face': 'nonsense'}")
    shown.wait("view=attention&cell=12")
    tell(lab, "explorer.show(images.flip(3)[:1], ['mirrored'], computed=[Surgery()])")
    shown.get_by_role("group", name="mirrored").wait_for()
    assert shown.state() == "view=attention&cell=12"
    assert shown.locator(".vtff-faces img").count() == 1


def test_it_is_dark_where_the_lab_is(lab):
    box = Shown(lab, 0).box
    colours = "each => [getComputedStyle(each).backgroundColor, getComputedStyle(each).colorScheme]"
    light = box.evaluate(colours)
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    # JupyterLab covers a change with a splash that it takes away 0.2 s later, and if the theme is
    # changed again by then, twice.
    settled = "light => document.body.dataset.jpThemeLight === light && !document.querySelector("
    settled += "'#jupyterlab-splash')"
    lab.page.evaluate(change, "JupyterLab Dark")
    lab.page.wait_for_function(settled, arg="false")
    dark = box.evaluate(colours)
    shoot(lab, "dark")
    lab.page.evaluate(change, "JupyterLab Light")
    lab.page.wait_for_function(settled, arg="true")
    assert [light[1], dark[1]] == ["light", "dark"]
    assert light[0] != dark[0]


def test_maps_follow_the_sliders(lab):
    shown = Shown(lab, 1)
    before = values(shown)
    slider = lab.page.locator(".jp-OutputArea .noUi-handle").first
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    moved = (
        "state => document.querySelectorAll('.vtff')[1]"
        ".querySelector('.vtff-sources img').src !== state"
    )
    lab.page.wait_for_function(
        moved, arg=shown.locator(".vtff-sources img").first.get_attribute("src")
    )
    lab.wait_for_kernel("round(ground.units[1].value, 2) == 0.3")
    lab.wait_for_kernel("bool((ground.explorer.images == ground._pixels()).all())")  # drawn
    drawn = "dequantise(ground.explorer.content['runs'][0][0]['gate'])[0].tolist()"
    wanted = lab.ask(drawn)
    follow = """wanted => {
        const cells = document.querySelectorAll('.vtff')[1].querySelectorAll('[data-index]');
        return wanted.every((value, index) => Math.abs(cells[index].dataset.value - value) < 1e-4);
    }"""
    lab.page.wait_for_function(follow, arg=wanted)
    assert not torch.allclose(values(shown), before, atol=1e-4)


def test_a_change_that_was_not_worked_out_is_when_it_is_chosen(lab):
    shown = Shown(lab, 1)
    shown.get_by_role("combobox", name="change the model").select_option("head 1 2")
    shown.locator(".vtff-before:visible").first.wait_for()
    assert lab.ask("ground.explorer.content['computed']") == ["none", "head 1 2"]
    shown.get_by_role("combobox", name="change the model").select_option("none")


def choose_file(lab, path):
    with lab.page.expect_file_chooser() as chooser:
        lab.page.get_by_role("button", name="your photo").click()
    chooser.value.set_files(path)


def test_a_photo_of_the_reader_is_shown_and_a_wrong_file_gets_one_sentence(lab, notebooks):
    shown = Shown(lab, 1)
    choose_file(lab, notebooks.parent / "astronaut.png")
    shown.get_by_role("group", name="your photo").wait_for()
    shoot(lab, "photo")
    choose_file(lab, notebooks.parent / "wrong.png")
    alert = lab.page.get_by_role("alert")
    alert.wait_for()
    assert "no picture that Pillow can read" in alert.inner_text()
    assert shown.get_by_role("group", name="your photo").count() == 1
    lab.page.get_by_role("button", name="the rendered face").click()
    shown.get_by_role("group", name="rendered face").wait_for()
    assert alert.count() == 0


def test_it_answers_when_the_kernel_is_gone(lab):
    """The engine is in the browser: a head that nobody has worked out before is silenced."""
    shown = Shown(lab, 0)
    tell(lab, "explorer.show(images, ['Ada', 'Bo'], computed=[Surgery()])")
    tell(lab, "from vtff_lib import explain")
    tell(lab, "explorer.widget.state = {'face': 0, 'view': 'gate', 'cell': -1}")
    shown.get_by_role("group", name="Ada").wait_for()
    wanted = lab.ask(
        "explain.rerun(model, images[:1], heads=[(0, 1), (1, 2)], patches=[12])"
        ".logits[0].softmax(dim=0).tolist()"
    )
    lab.page.evaluate("() => window.lesson.sessionContext.session.kernel.shutdown()")
    for head in ("layer 0: head 1", "layer 1: head 2"):
        shown.get_by_role("checkbox", name=f"Silence in {head}").locator("xpath=..").click()
    shown.locator("[data-key='cell 12']").focus()
    lab.page.keyboard.press("m")
    lab.page.wait_for_function(
        """wanted => [...document.querySelector('.vtff').querySelectorAll('tr')].every(
            (each, row) => Math.abs(each.dataset.value - wanted[row]) < 5e-3)""",
        arg=wanted,
    )


def test_a_stored_notebook_shows_the_still_before_it_is_run(lab):
    lab.open("01_stored")
    picture = lab.page.locator(".jp-NotebookPanel:visible .jp-OutputArea img")
    picture.wait_for()
    assert "still here:" in picture.get_attribute("alt")
    assert picture.evaluate("each => each.complete && each.naturalWidth > 300")
    stored = json.loads(lab.page.evaluate("JSON.stringify(window.lesson.context.model.toJSON())"))
    assert "widgets" not in stored["metadata"]
