"""The explorer's page, opened from disk, in Chromium, Firefox and WebKit."""

import re

import pytest
from PIL import Image

from tests.explored import faces, small
from tests.pages import AnyPage
from vtff_lib.explorer.explorer import Explorer


@pytest.fixture(scope="module")
def explorer():
    return Explorer(small(), faces(2), ["Ada", "Bo"])


@pytest.fixture(scope="module")
def address(explorer, tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "page.html"
    explorer.save(path)
    return path.as_uri()


@pytest.fixture
def shown(any_browser: AnyPage, address: str) -> AnyPage:
    any_browser.open(address)
    any_browser.wait_for("() => document.querySelector('[role=grid]')")
    return any_browser


def state(page):
    return page.run("() => document.querySelector('.vtff-free').dataset.state")


def test_the_first_guess_is_told(shown, explorer):
    shares = next(iter(explorer.models.values()))(explorer.images[:1]).logits[0].softmax(dim=0)
    told = shown.run("() => document.querySelector('.vtff-word').innerText")
    assert explorer.content["classes"][shares.argmax()] in told
    assert f"{100 * shares.max():.0f}\u00a0%" in told


def test_mouse_and_keys_reach_the_page(any_browser, address):
    shown = any_browser
    shown.open(f"{address}#view=gate")
    shown.wait_for("() => document.querySelector('.vtff-free [role=grid]')")
    shown.click('[data-key="cell 4"]')
    assert state(shown) == "cell=4"
    for key in ("ArrowLeft", "ArrowUp", "Enter"):
        shown.press(key)
    assert state(shown) == "cell=0"
    shown.press("m")
    assert "surgery=patch" in state(shown)
    shown.press("Escape")
    assert "surgery" not in state(shown)


def test_a_page_takes_the_size_of_a_phone_and_is_pictured(shown, tmp_path):
    shown.resize(360, 740)
    assert shown.run("() => [innerWidth, innerHeight]") == [360, 740]
    assert shown.run("() => document.documentElement.scrollWidth") <= 360
    shown.shoot(tmp_path / "shot.png")
    with Image.open(tmp_path / "shot.png") as shot:
        assert shot.size == (360, 740)
        assert len(shot.convert("RGB").getcolors(2**20)) > 100  # something is to be seen


WRONG = """() => new Promise(done => {
    const listen = event => addEventListener(event, () => done(), true);
    ["error", "unhandledrejection"].forEach(listen);
    setTimeout(wrong);
})"""


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("throw new Error('broken')", "broken|Script error"),  # WebKit hides it, on file://
        ("Promise.reject(new Error('broken'))", "broken"),
        ("document.querySelector('img').src = 'http://127.0.0.1:49151/face.png'", "face.png"),
    ],
)
def test_what_goes_wrong_in_a_page_is_told(browser_page, tmp_path, deed, told):
    path = tmp_path / "wrong.html"
    path.write_text(f"<!doctype html><img><script>wrong = () => {{ {deed} }}</script>")
    browser_page.open(path.as_uri())
    assert browser_page.told() == []
    browser_page.open(path.as_uri())
    browser_page.run(WRONG)
    assert re.search(told, " ".join(browser_page.told()))


def test_a_function_that_fails_fails_the_test(browser_page):
    browser_page.open("about:blank")
    with pytest.raises(Exception, match="broken"):
        browser_page.run("async () => { throw new Error('broken') }")
