"""The decks in Chromium, with the network off: every slide of every lesson, and each on a phone."""

import contextlib

import pytest
from axe_playwright_python.sync_playwright import Axe

from notebooks.editions import source
from tests.browser import open_browser
from tests.made import slides_folder

WIDE, PHONE = {"width": 1280, "height": 720}, {"width": 360, "height": 780}
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
DECKS = pytest.mark.parametrize("deck", [lesson.stem for lesson in source.lessons()])
SAMPLE = pytest.mark.parametrize(
    ("deck", "scheme"),
    [
        ("index", "light"),
        ("index", "dark"),
        ("00_start_here", "dark"),
        ("03_local_vs_global_attention", "light"),
    ],
)

# Goes to every slide, lets all its clicks happen, and tells what is wrong with it.
FAULTS = """() => Array.from({ length: Reveal.getTotalSlides() }, (_, number) => {
    Reveal.slide(number, 0, 99);
    const slide = Reveal.getCurrentSlide();
    const title = `slide ${number + 1}, ${slide.querySelector('h1, h2, h3').textContent}`;
    const faults = [];
    const isCut = e => e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth;
    if ([slide, ...slide.querySelectorAll('pre')].some(isCut)) faults.push(`${title}: overflows`);
    const foot = slide.querySelector('footer').getBoundingClientRect();
    const blocks = [...slide.querySelectorAll(':scope > :not(footer, aside)')];
    if (blocks.some(block => block.getBoundingClientRect().bottom > foot.top + 1)) {
        faults.push(`${title}: runs into the footer`);
    }
    for (const picture of slide.querySelectorAll('img')) {
        if (!picture.naturalWidth) faults.push(`${title}: a picture is missing`);
        if (picture.getBoundingClientRect().height < 120) faults.push(`${title}: a tiny picture`);
    }
    return faults;
}).flat()"""


@pytest.fixture(scope="module")
def built():
    return slides_folder()


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser, built):
    """Return a function that opens a deck; what goes wrong in it fails the test at its end."""
    faults = []
    with contextlib.ExitStack() as stack:

        def open_deck(name, viewport=WIDE, scheme="light", **settings):
            context = browser.new_context(
                offline=True, viewport=viewport, color_scheme=scheme, **settings
            )
            page = stack.enter_context(contextlib.closing(context)).new_page()
            context.on("weberror", lambda error: faults.append(str(error.error)))
            context.on("console", lambda message: faults.append(message.text))
            context.on("requestfailed", lambda request: faults.append(request.url))
            context.on("request", lambda request: note(request.url))
            page.goto((built / f"{name}.html").as_uri())
            if name != "index" and viewport == WIDE and settings.get("java_script_enabled", True):
                page.wait_for_function("window.Reveal && Reveal.isReady()")
            return page

        def note(address):
            if not address.startswith((built.as_uri(), "data:", "about:", "blob:")):
                faults.append(f"asks for {address}")

        yield open_deck
    assert faults == []


def serious_faults(page):
    # Without preload: Axe would fetch the style sheets once more, which a page from disk may not.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@DECKS
def test_every_slide_is_seen_whole(show, deck):
    assert show(deck).evaluate(FAULTS) == []


def test_a_slide_that_is_too_full_would_be_noticed(show):
    page = show("00_start_here")
    page.evaluate("""async () => {
        const slides = document.querySelectorAll('section');
        slides[1].insertAdjacentHTML('beforeend', '<p>much</p>'.repeat(40));
        const lines = `${'wide'.repeat(90)}\\n`.repeat(30);
        slides[2].insertAdjacentHTML('beforeend', `<pre>${lines}</pre>`);
        const picture = slides[4].querySelector('img');
        picture.src = 'data:,';
        await picture.decode().catch(() => {});
    }""")
    faults = page.evaluate(FAULTS)
    for number in (2, 3, 5):
        assert any(fault.startswith(f"slide {number}, ") for fault in faults)


@DECKS
def test_a_phone_has_a_page_to_scroll_and_nothing_is_cut_off(show, deck):
    page = show(deck, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    out = page.evaluate("""() => [...document.querySelectorAll('section *')].filter(each =>
        !each.closest('pre, table, math, aside') && each.getBoundingClientRect().right > innerWidth
    ).map(each => each.outerHTML.slice(0, 200))""")
    assert out == []
    assert page.locator("section").last.is_visible()
    assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")


@SAMPLE
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_serious_fault_of_access(show, deck, scheme, viewport):
    page = show(deck, viewport, scheme)
    assert serious_faults(page) == []
    if deck != "index" and viewport == WIDE:
        for number in range(2, page.evaluate("Reveal.getTotalSlides()"), 7):
            page.evaluate("number => Reveal.slide(number, 0, 99)", number)
            assert serious_faults(page) == []


def test_a_fault_of_access_would_be_noticed(show):
    page = show("00_start_here", PHONE)
    page.evaluate("document.querySelector('img').removeAttribute('alt')")
    assert [name for name, _ in serious_faults(page)] == ["image-alt"]


def test_keys_go_on_by_click_and_by_slide(show):
    page = show("00_start_here")
    place = "() => { const { h, f } = Reveal.getIndices(); return [h, f ?? -1] }"
    number = page.evaluate(
        "[...document.querySelectorAll('section')].findIndex(e => e.querySelector('.fragment'))"
    )
    page.evaluate("number => Reveal.slide(number)", number)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(place) == [number, 0]
    first = page.locator("section.present .fragment").first
    assert first.evaluate("each => getComputedStyle(each).visibility") == "visible"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(place) == [number, -1]
    assert first.evaluate("each => getComputedStyle(each).visibility") == "hidden"


@SCHEMES
def test_d_changes_between_dark_and_light(show, scheme):
    page = show("00_start_here", scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    colours = []
    for _ in range(3):
        colours.append(page.evaluate(ground))
        page.keyboard.press("d")
    light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 28)"
    first, second = (light, dark) if scheme == "light" else (dark, light)
    assert colours == [first, second, first]


def test_the_speakers_window_shows_notes_and_slides(show):
    page = show("03_local_vs_global_attention")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    window = opened.value
    window.locator(".speaker-controls-notes .value p").first.wait_for()
    assert (
        "Two trunks have looked at a face" in window.locator(".speaker-controls-notes").inner_text()
    )
    current = window.frame_locator("#current-slide iframe")
    current.locator("section.present h1").wait_for()  # slides, in a frame as narrow as a phone
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    window.get_by_text("Here attention does not mean important").wait_for()


def test_on_paper_each_slide_is_a_page(show, built):
    page = show("00_start_here")
    page.goto((built / "00_start_here.html").as_uri() + "?print-pdf")
    page.wait_for_function("document.querySelectorAll('.pdf-page').length > 20")
    page.wait_for_function("document.querySelector('section').style.getPropertyValue('--fit')")
    assert page.locator(".pdf-page").count() == page.locator("section").count()


def test_without_scripts_a_deck_is_a_page_to_scroll(show):
    page = show("00_start_here", java_script_enabled=False)
    assert page.get_by_role("heading", name="Summary").is_visible()
    assert page.locator("aside.notes").first.is_hidden()
