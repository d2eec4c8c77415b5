"""One's own face in a page: from files, from a camera that is none, and where a thing is wrong."""

import re

import numpy as np
import pytest

from figures.experiments.harness import FIGURES
from tests.access import faults_of_access
from tests.browser import open_browser
from tests.explored import EVIL, faces, packed, pages, small
from tests.own_pages import GIVE, as_file, camera, file_of, film_of, save, twice
from vtff_lib import files, load_pretrained
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.explorer.own_face import SHIPPED, Reader

pytestmark = pytest.mark.slow
PHONE = {"viewport": {"width": 360, "height": 740}}
LOOKS = {
    "360 dark": {**PHONE, "color_scheme": "dark"},
    "1280 light": {"viewport": {"width": 1280, "height": 800}},
}
# Keeps the streams that a page was given, and does before what a test asks for.
WATCHED = """
window.streams = [];
const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (wanted) => {
    if (window.first) await window.first();
    const stream = await real(wanted);
    streams.push(stream);
    return stream;
};
"""
# As on a slow machine: the model is busy when it is asked, and the page's own pictures come late.
SLOW = """
const { postMessage } = Worker.prototype, { decode } = HTMLImageElement.prototype;
const after = (milliseconds) => new Promise(done => setTimeout(done, milliseconds));
Worker.prototype.postMessage = function (message) {
    after(1000).then(() => postMessage.call(this, message));
};
HTMLImageElement.prototype.decode = function () {
    return after(300).then(() => decode.call(this));
};
"""
HOLD_BACK = "() => { window.first = () => new Promise(done => { window.allow = done; }); }"
TRACKS = "() => streams.flatMap(each => each.getTracks().map(track => track.readyState))"


@pytest.fixture(scope="module")
def saved(tmp_path_factory, astronaut):
    path = tmp_path_factory.mktemp("own") / "own.html"
    save(path, astronaut)
    return path


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory, astronaut):
    film = tmp_path_factory.mktemp("film") / "film.y4m"
    film_of(astronaut[:384], film)
    with open_browser(chromium, *camera(film)) as browser:
        yield browser


@pytest.fixture
def show(browser, saved):
    with pages(browser, saved) as open_page:

        def open_own(path=saved, script=WATCHED, **settings):
            page = open_page(
                "", path=path, **{"viewport": {"width": 1000, "height": 800}, **settings}
            )
            page.evaluate(f"() => {{ {script} }}")
            page.get_by_role("button", name="Your face").click()
            return page

        yield open_own


def lead(page):
    return page.locator(".vtff-own .vtff-lead").inner_text()


def mode(page):
    return page.locator(".vtff-own").get_attribute("data-mode")


def press(page, name):
    page.get_by_role("button", name=name).click()


def give(page, *given, way="choose"):
    page.evaluate(GIVE, [list(given), way])


def answered(page):
    """Wait for an answer, and return it."""
    page.locator(".vtff-own-read:not(.vtff-unread)").wait_for()
    return page.locator(".vtff-own .vtff-word").inner_text()


def said(page, sentence):
    page.locator(".vtff-own .vtff-lead", has_text=sentence).wait_for()


def film(page):
    press(page, "Use the camera")
    return answered(page)


def off(page):
    """Whether the camera has been on, and is off."""
    states = page.evaluate(TRACKS)
    return bool(states) and set(states) == {"ended"}


# The camera


def test_before_the_camera_is_asked_for_the_page_says_what_happens(show):
    page = show()
    assert page.evaluate("streams.length") == 0
    words = page.locator(".vtff-promises").inner_text()
    for promise in ("Nothing. Its policy forbids any connection", "one of 8", "What anyone feels"):
        assert promise.lower() in words.lower()
    page.evaluate(HOLD_BACK)
    press(page, "Use the camera")
    assert "Nothing starts before you allow it" in lead(page)
    assert page.evaluate("streams.length") == 0
    page.evaluate("allow()")
    answered(page)
    assert page.evaluate("streams.length") == 1


def test_the_camera_is_read_by_the_model_for_photographs(show):
    page = show()
    assert film(page).startswith("happiness")
    page.locator(".vtff-pace", has_text=re.compile(r"^Camera on, [\d.]+ a second$")).wait_for()
    face = page.locator(".vtff-own-face").evaluate(
        "e => [...e.getContext('2d').getImageData(0, 0, 112, 112).data.slice(0, 4)]"
    )
    assert face[0] == face[1] == face[2]  # grey, as that model wants them


@pytest.mark.parametrize("way", ["button", "key", "hidden", "left", "gone", "another picture"])
def test_the_camera_is_off_at_once(show, astronaut, way):
    page = show()
    film(page)
    assert set(page.evaluate(TRACKS)) == {"live"}
    if way == "button":
        press(page, "Stop")
    elif way == "key":
        page.get_by_role("button", name="Hold").press("Escape")
    elif way == "hidden":
        page.evaluate("""() => {
            Object.defineProperty(document, 'hidden', { get: () => true });
            document.dispatchEvent(new Event('visibilitychange'));
        }""")
        said(page, "out of sight")
    elif way == "left":
        press(page, "Explore")
    elif way == "gone":
        page.evaluate("dispatchEvent(new Event('pagehide'))")
    else:
        give(page, as_file(astronaut))
    assert off(page)
    if way == "left":
        press(page, "Your face")
    wanted = "still" if way == "another picture" else "start"
    page.locator(f'.vtff-own[data-mode="{wanted}"]').wait_for()


def test_a_camera_that_is_allowed_too_late_is_not_used(show):
    page = show()
    page.evaluate(HOLD_BACK)
    press(page, "Use the camera")
    press(page, "Explore")
    page.evaluate("allow()")
    page.wait_for_function("() => streams.length")
    page.wait_for_function(f"() => ({TRACKS})().every(state => state === 'ended')")
    press(page, "Your face")
    assert mode(page) == "start"


def test_a_camera_that_is_taken_away_is_told(show):
    page = show()
    film(page)
    page.evaluate("streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")
    said(page, "The camera was taken away")
    assert off(page)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotAllowedError", "The camera was refused, and nothing was started"),
        ("SecurityError", "The camera was refused, and nothing was started"),
        ("NotFoundError", "This device has no camera"),
        ("NotReadableError", "The camera is in use elsewhere"),
        ("StrangeError", "The camera did not start (StrangeError)"),
    ],
)
def test_why_the_camera_does_not_start_is_a_sentence(show, name, sentence):
    page = show()
    page.evaluate("name => { window.first = () => { throw new DOMException('', name); }; }", name)
    press(page, "Use the camera")
    said(page, sentence)
    assert mode(page) == "start"
    press(page, "astronaut Eileen Collins")  # and the reader goes on without one
    assert answered(page).startswith("happiness")


def test_where_the_browser_gives_no_camera_a_picture_is_asked_for(show):
    page = show(script="Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    press(page, "Use the camera")
    said(page, "gives a page opened from a file no camera: choose a picture instead.")


def test_a_picture_of_the_camera_is_held_and_explored_freely(show):
    page = show(script=WATCHED + SLOW)
    film(page)
    press(page, "Hold")
    assert off(page)
    assert answered(page).startswith("happiness")
    press(page, "Explore it freely")
    page.locator(".vtff-free .vtff-name", has_text="Your picture").wait_for()
    assert page.url.endswith("#step=explore&of=photographs")  # no address brings it back
    assert len(page.url) < len(page.url.split("#")[0]) + 200  # no picture in it


# Files


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_can_be_chosen_dropped_and_pasted(show, astronaut, way):
    page = show()
    give(page, as_file(astronaut), way=way)
    assert answered(page).startswith("happiness")
    assert "lesson 01" in lead(page)


def test_what_a_picture_needs_is_found_by_covering_all_squares(show, astronaut):
    page = show()
    give(page, as_file(astronaut))
    answered(page)
    for word, told in (("mix", "blue: colours"), ("look", "where it looks")):
        page.locator(".vtff-own .vtff-pills").get_by_text(word, exact=True).click()
        page.locator(".vtff-own .vtff-note", has_text=told).wait_for()
    page.locator(".vtff-own .vtff-pills").get_by_text("needs", exact=True).click()
    page.locator(".vtff-own .vtff-note", has_text="squares covered in turn").wait_for()
    finished = page.locator(".vtff-own .vtff-note", has_text="the answer")
    finished.wait_for(timeout=60_000)


def test_of_several_faces_none_is_read_before_one_is_chosen(show, astronaut):
    page = show()
    give(page, as_file(twice(astronaut)))
    said(page, "There are 2 faces: choose one.")
    assert page.locator(".vtff-unread").count() == 1
    press(page, "Face 2 of 2")
    assert answered(page).startswith("happiness")
    pressed = page.locator(".vtff-found button").evaluate_all("all => all.map(e => e.ariaPressed)")
    assert pressed == ["false", "true"]


def test_without_a_face_the_middle_is_taken_if_the_reader_wishes(show):
    page = show()
    give(page, as_file(np.full((90, 120, 3), 200, np.uint8)))
    said(page, "No face was found")
    assert page.locator(".vtff-unread").count() == 1
    press(page, "Take the middle of it")
    answered(page)
    assert "whatever it shows" in lead(page)


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
BAD = {
    "no picture": ([file_of("a.txt", b"words")], "“a.txt” is no picture that can be read here"),
    "nothing": ([file_of("a.png", b"")], "“a.png” is no picture"),
    "a drawing": ([file_of("a.svg", SVG)], "“a.svg” is no picture"),
    "markup in its name": ([file_of(EVIL, b"words")], f"“{EVIL}” is no picture"),
    "bytes": (
        [{"name": "a.png", "size": 41_000_000}],
        "“a.png” has 41 MB: give a picture of at most",
    ),
    "pixels": (
        [file_of("a.png", PNG + (10_000).to_bytes(4, "big") * 2 + bytes(20))],
        "“a.png” has 10,000 × 10,000 pixels: give a picture of at most 50 million.",
    ),
    "too small": ([as_file(np.zeros((9, 40, 3), np.uint8))], "“face.png” has 40 × 9 pixels"),
    "cut short": (
        [file_of("a.png", PNG + (99).to_bytes(4, "big") * 2)],
        "“a.png” cannot be opened",
    ),
    "two": ([file_of("a", b""), file_of("b", b"")], "2 files were given: give one picture"),
    "none": ([], "That is no file"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_will_not_do_is_refused_in_a_sentence(show, what):
    given, sentence = BAD[what]
    page = show()
    give(page, *given, way="drop")
    said(page, sentence)
    assert lead(page).count(". ") == 0
    assert mode(page) == "start"
    give(page, as_file(np.full((90, 120, 3), 200, np.uint8)), way="drop")  # and one goes on
    said(page, "No face was found")


def test_too_little_memory_is_a_sentence(show, astronaut):
    page = show(
        script="""const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...where) {
            if (where[2] > 112) throw new RangeError(); // more than a face as the model wants it
            return read.apply(this, where);
        };"""
    )
    give(page, as_file(astronaut))
    said(page, "This device has too little memory left for it")


# Where it is


@pytest.mark.parametrize("look", LOOKS)
def test_no_fault_of_access_in_any_state_and_nothing_wider_than_the_page(show, astronaut, look):
    page = show(**LOOKS[look])

    def check(state):
        assert faults_of_access(page) == [], state
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= LOOKS[look]["viewport"]["width"], state

    check("start")
    film(page)
    check("camera")
    press(page, "Hold")
    answered(page)
    check("held")
    give(page, as_file(twice(astronaut)))
    said(page, "choose one")
    check("several")
    give(page, as_file(np.full((90, 120, 3), 200, np.uint8)))
    said(page, "No face")
    check("none")


def test_a_phone_shows_camera_and_answer_on_its_first_screen(show):
    page = show(**PHONE)
    film(page)
    page.evaluate("scrollTo(0, 0)")
    picture = page.locator(".vtff-own-picture").bounding_box()
    assert picture["y"] <= 300
    assert picture["width"] >= 0.45 * 360
    for part in (".vtff-own .vtff-word", ".vtff-own .vtff-classes", "button:text('Stop')"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 740, part


def test_the_steps_of_the_shipped_page_fit_a_phone_beside_this_one(show):
    page = show(path=FIGURES / "explorer_tiny.html", **PHONE)
    for name in ("Your face", "Predict", "Explore"):
        page.locator(f'.vtff-steps button[aria-label="{name}"]').click()
        last = page.locator(".vtff-steps button").last.bounding_box()
        assert last["x"] + last["width"] <= 350, name
        assert page.evaluate("document.documentElement.scrollWidth") == 360, name


def test_the_whole_view_is_used_by_keyboard(show):
    page = show()
    names = []
    for _ in range(30):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent"))
        if names[-1] == "Use the camera":
            break
    page.keyboard.press("Enter")
    answered(page)
    page.get_by_role("button", name="Hold").focus()
    page.keyboard.press("Enter")
    answered(page)
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Explore it freely")
    assert page.locator(".vtff-own [aria-live=polite]").inner_text() == "happiness"


def test_where_the_model_cannot_run_nothing_is_asked_for(browser, saved, tmp_path):
    page = saved.read_text(encoding="utf-8").replace(" 'wasm-unsafe-eval'", "", 1)
    (tmp_path / "refused.html").write_text(page, encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(f"{(tmp_path / 'refused.html').as_uri()}#step=own")
    page.locator(
        ".vtff-own .vtff-lead", has_text="The model does not run in this browser"
    ).wait_for()
    assert page.locator(".vtff-own-ways button:enabled").count() == 0
    context.close()


def test_a_page_without_a_model_in_it_has_no_such_view(show, tmp_path, browser):
    Explorer(load_pretrained("tiny"), faces(1, side=112)).save(tmp_path / "page.html")
    with pages(browser, tmp_path / "page.html") as open_page:
        page = open_page("#step=own")
        assert page.get_by_role("button", name="Your face").count() == 0


# What is told of the models


def test_what_is_told_of_the_shipped_models_is_what_was_measured():
    runs = files.from_json((FIGURES / "ferplus_photos.json").read_text(encoding="utf-8"))["runs"]
    shipped = runs[0]["shipped"]
    missed = round(100 * (1 - shipped["accuracy"]["value"]))
    assert f"of 100 photographs it misses {missed}" in SHIPPED["photos"].told
    recalls = {row["name"]: row["recall"]["value"] for row in shipped["classes"]}
    assert {name for name, recall in recalls.items() if recall < 0.5} == {
        "disgust",
        "fear",
        "contempt",
    }
    assert "of disgust, fear and contempt it misses most" in SHIPPED["photos"].told
    real = files.from_json((FIGURES / "sim_to_real.json").read_text(encoding="utf-8"))
    right = real["summary"]["shipped"]["test"]["eight"]["balanced_accuracy"]["value"]
    assert round(1 / right) == 4
    assert "about one in four" in SHIPPED["tiny"].told


def test_of_another_model_the_reader_is_told_what_its_maker_says_or_nothing():
    explorer = Explorer(small(), faces(1))
    assert packed(explorer.page(live=True))["brought"]["told"] == Reader().told
    brought = packed(explorer.page(live=True, reader=Reader("It is mine.", grey=True)))["brought"]
    assert (brought["told"], brought["grey"]) == ("It is mine.", True)
