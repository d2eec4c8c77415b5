"""The first lesson in a real JupyterLab: it runs, and its picture follows the hand.

With SHOTS=folder in the environment, pictures of the lesson are saved there.
"""

import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from notebooks.run import METADATA
from tests.browser import NOTEBOOKS, Lab

FIGURES = """() => [...window.lesson.node.querySelectorAll('figure[data-state]')].map(
    figure => [figure.dataset.state, figure.querySelector('img').src])"""
BROKEN_PICTURES = """() => [...window.lesson.node.querySelectorAll('img')]
    .filter(image => image.complete && image.naturalWidth === 0).map(image => image.alt)"""


def shoot(lab: Lab, name: str) -> None:
    if "SHOTS" in os.environ:
        lab.shoot(Path(os.environ["SHOTS"]), name)


def test_picture_follows_the_slider_in_the_first_lesson(show_in_lab):
    lab = show_in_lab(NOTEBOOKS)
    lab.open("00_start_here")
    lab.run_all()
    slider = lab.page.locator(".jp-NotebookPanel .noUi-handle").first
    slider.wait_for()
    shoot(lab, "before")
    before = lab.page.evaluate(FIGURES)

    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    moved = f"before => {{ const after = ({FIGURES})(); return after.length === before.length"
    moved += " && after.some(([state], index) => state !== before[index][0]); }"
    lab.page.wait_for_function(moved, arg=before)
    after = lab.page.evaluate(FIGURES)
    shoot(lab, "after")

    for (old_state, old_picture), (state, picture) in zip(before, after, strict=True):
        assert (state != old_state) == (picture != old_picture), state

    lab.page.get_by_role("button", name="surprise", exact=True).click()
    surprised = f"() => ({FIGURES})().some(([state]) => state.includes('AU1=1.0, AU2=1.0'))"
    lab.page.wait_for_function(surprised)
    shoot(lab, "surprised")
    assert lab.page.evaluate(BROKEN_PICTURES) == []
    assert lab.page_errors == []
    assert lab.outside_requests == []


def test_failures_in_a_lesson_are_noticed(show_in_lab, tmp_path):
    cells = [
        new_code_cell("{}['expected']", metadata={"tags": ["raises-exception"]}),
        new_code_cell("from IPython.display import HTML"),
        new_code_cell('HTML(\'<img alt="far" src="http://far.invalid/picture.png">\')'),
        new_code_cell("1 / 0"),
    ]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), tmp_path / "00_wrong.ipynb")
    lab = show_in_lab(tmp_path)
    lab.open("00_wrong")
    with pytest.raises(AssertionError, match="cell 4 raised ZeroDivisionError: division by zero"):
        lab.run_all()
    lab.page.wait_for_function(f"() => ({BROKEN_PICTURES})().length > 0")
    with lab.page.expect_event("pageerror"):
        lab.page.evaluate("() => void setTimeout(() => { throw new Error('wrong') })")
    assert lab.page.evaluate(BROKEN_PICTURES) == ["far"]
    assert set(lab.outside_requests) == {"http://far.invalid/picture.png"}
    assert lab.page_errors == ["wrong"]
