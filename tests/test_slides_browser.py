"""The decks in Chromium, with the network off: every slide, as a page and on a phone."""

import contextlib
import re

import pytest

from notebooks.editions import source
from tests.access import faults_of_access
from tests.browser import open_browser
from tests.made import slides_folder

WIDE, PHONE = {"width": 1280, "height": 720}, {"width": 360, "height": 780}
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
NAMES = [*(lesson.stem for lesson in source.lessons()), "one_day"]
CHEAP = ("image-alt", "list", "listitem", "heading-order", "link-name", "duplicate-id-aria")
PAGE = re.compile(rb"/Type\s*/Page\b")

# What is wrong with a deck that is laid out as pages: what is cut off or too small to be read.
FAULTS = """() => [...document.querySelectorAll('.slide')].flatMap((slide, number) => {
    const title = `slide ${number + 1}, ${slide.querySelector('h1, h2, h3, h4').textContent}`;
    const faults = [];
    const box = slide.getBoundingClientRect();
    if (box.width !== 1280 || box.height !== 720) faults.push('is no page');
    const isCut = e => e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth;
    if ([slide, ...slide.querySelectorAll('pre')].some(isCut)) faults.push('overflows');
    const foot = slide.querySelector('footer').getBoundingClientRect();
    const blocks = [...slide.querySelectorAll(':scope > :not(footer, aside)')];
    const boxes = blocks.map(block => block.getBoundingClientRect());
    if (!foot.height || boxes.some(each => each.bottom > foot.top + 1 && each.right > foot.left)) {
        faults.push('runs into the footer');
    }
    if (boxes.some(each => each.left < box.left + 12 || each.right > box.right - 12
        || each.top < box.top + 12)) faults.push('touches the edge');
    const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
        const { data, parentElement } = words.currentNode;
        const size = parseFloat(getComputedStyle(parentElement).fontSize);
        if (data.trim() && !parentElement.closest('aside') && size < 24) {
            faults.push(`${data.trim().slice(0, 20)} has ${size} pixels`);
        }
    }
    for (const picture of slide.querySelectorAll('img')) {
        if (!picture.naturalWidth) faults.push('a picture is missing');
        const whole = picture.src.endsWith('/overview.png'); // its parts have their own drawings
        const letters = whole ? 24 : picture.dataset.letters * scale(picture);
        if (letters >= 23.95) continue;
        faults.push(`a picture's letters have ${letters.toFixed(1)} pixels`);
    }
    return faults.map(fault => `${title}: ${fault}`);
})"""


OUT = """() => [...document.querySelectorAll('section *')].filter(each =>
    !each.closest('pre, table, math, aside') && each.getBoundingClientRect().right > innerWidth
).map(each => each.outerHTML.slice(0, 200))"""


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

        def open_deck(name, viewport=WIDE, scheme="light", paper=False, **settings):
            context = browser.new_context(
                offline=True, viewport=viewport, color_scheme=scheme, **settings
            )
            page = stack.enter_context(contextlib.closing(context)).new_page()
            context.on("weberror", lambda error: faults.append(str(error.error)))
            context.on("console", lambda message: faults.append(message.text))
            context.on("requestfailed", lambda request: faults.append(request.url))
            context.on("request", lambda request: note(request.url))
            page.goto((built / f"{name}.html").as_uri() + ("?print-pdf" if paper else ""))
            if paper:
                page.locator(".ready").wait_for(state="attached")
            elif name != "index" and viewport == WIDE and settings.get("java_script_enabled", True):
                page.wait_for_function("window.Reveal && Reveal.isReady()")
            return page

        def note(address):
            if not address.startswith((built.as_uri(), "data:", "about:", "blob:")):
                faults.append(f"asks for {address}")

        yield open_deck
    assert faults == []


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_is_a_page_that_the_last_row_can_read_and_a_phone_can_scroll(show, name):
    page = show(name, paper=True)
    assert page.evaluate(FAULTS) == []
    assert faults_of_access(page, *CHEAP) == []
    paper = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(PAGE.findall(paper)) == page.locator(".slide").count()
    page.set_viewport_size(PHONE)
    page.goto(page.url.removesuffix("?print-pdf"))
    assert page.evaluate(OUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator(".slide").last.is_visible()
    assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")


def test_a_slide_that_is_too_full_or_too_small_would_be_noticed(show):
    page = show("00_start_here", paper=True)
    page.evaluate("""async () => {
        const slides = document.querySelectorAll('.slide');
        slides[0].insertAdjacentHTML('beforeend', '<p>much</p>'.repeat(40));
        slides[2].querySelector('footer').remove();
        slides[2].insertAdjacentHTML('beforeend', '<footer style="display: none"></footer>');
        slides[3].insertAdjacentHTML('beforeend', '<p style="font-size: 23px">small</p>');
        slides[4].style.padding = 0;
        slides[5].style.height = '800px';
        const [small, gone] = document.querySelectorAll('.picture img[data-letters]');
        small.style.flex = '0 0 100px';
        gone.src = 'data:,';
        await gone.decode().catch(() => {});
    }""")
    faults = "\n".join(page.evaluate(FAULTS))
    wanted = (
        *("slide 1, .*: overflows", "slide 3, .*: runs into the footer", ": small has 23 pixels"),
        *("slide 5, .*: touches the edge", "slide 6, .*: is no page", ": a picture's letters have"),
        ": a picture is missing",
    )
    for fault in wanted:
        assert re.search(fault, faults), fault
    assert len(PAGE.findall(page.pdf(prefer_css_page_size=True))) > page.locator(".slide").count()


def test_a_long_cell_goes_on_and_what_waited_for_the_click_is_there(show):
    """Code of forty lines after a prediction: no line is lost, none is shown twice."""
    page = show("03_local_vs_global_attention", paper=True)
    found = page.evaluate("""() => {
        const lines = Array.from({ length: 40 }, (_, n) => `line ${n}`);
        const slide = document.querySelector('.slide:has(.ask)');
        const many = document.querySelectorAll('.slide').length;
        slide.querySelectorAll('.fragment').forEach(each => each.remove());
        slide.dataset.timing = 61;
        const block = `<pre class="fragment" data-fragment-index="0">${lines.join('\\n')}\\n</pre>`;
        slide.querySelector('footer').insertAdjacentHTML('beforebegin', block);
        lay(slide);
        const next = [slide.nextElementSibling, slide.nextElementSibling.nextElementSibling];
        const added = document.querySelectorAll('.slide').length - many;
        return {
            added,
            lines: [slide, ...next].slice(0, added + 1).map(each =>
                each.querySelector('pre').textContent.trimEnd()).join('\\n').split('\\n'),
            waiting: [slide, ...next].map(each => each.querySelector('pre').matches('.fragment')),
            heading: next[0].querySelector('.again').textContent,
            notes: [slide, next[0]].map(each => each.querySelector('aside').textContent),
            timing: [slide, next[0], next[1]].slice(0, added + 1).map(each => +each.dataset.timing),
        };
    }""")
    assert found["lines"] == [f"line {n}" for n in range(40)]
    assert found["waiting"][:2] == [True, False]
    assert found["heading"] == "Shapes first"
    assert found["notes"][0] == found["notes"][1] != ""
    assert sum(found["timing"]) == 61


@SCHEMES
@pytest.mark.parametrize("name", ["index", "03_local_vs_global_attention"])
def test_no_fault_of_access(show, name, scheme):
    page = show(name, scheme=scheme, paper=name != "index")
    assert faults_of_access(page) == []


def test_a_fault_of_access_would_be_noticed(show):
    page = show("00_start_here", PHONE)
    page.evaluate("document.querySelector('img').removeAttribute('alt')")
    (fault,) = faults_of_access(page, *CHEAP)
    assert fault.startswith("image-alt")


def test_keys_go_on_by_click_and_by_slide_through_all_parts(show):
    page = show("00_start_here")
    slides = "[...document.querySelectorAll('.slide')]"
    place = f"{slides}.indexOf(Reveal.getCurrentSlide())"
    number = page.evaluate(f"{slides}.findIndex(e => e.querySelector('.fragment'))")
    for before in range(number):
        assert page.evaluate(place) == before
        page.keyboard.press("ArrowRight")
    first = page.locator("section.present .fragment").first
    for key, seen in {"ArrowRight": "visible", "ArrowLeft": "hidden"}.items():
        page.keyboard.press(key)
        assert page.evaluate(place) == number
        assert first.evaluate("each => getComputedStyle(each).visibility") == seen


def test_the_overview_shows_the_plan_of_the_lesson(show):
    page = show("08_attention_maps")
    page.keyboard.press("Escape")
    seen = page.evaluate("""() => [...document.querySelectorAll('section.part')].map(part => {
        const shown = [...part.querySelectorAll('.slide, .plan')];
        const boxes = shown.map(each => each.getBoundingClientRect());
        const inside = boxes.every(({ left, right, top, bottom }) =>
            left >= 0 && right <= innerWidth && top > 0 && bottom <= innerHeight);
        return [part.querySelector('.plan').textContent, inside, Math.round(boxes[0].left)];
    })""")
    assert [part for part, inside, _ in seen if not inside] == []
    assert seen[3][0] == "Is attention an explanation?"
    lefts = [left for *_, left in seen]
    assert lefts == sorted(set(lefts))  # a column for each part


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


def test_the_speakers_window_has_a_pace(show):
    page = show("01_local_binary_patterns")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    opened.value.locator(".pacing").wait_for()
    total = page.evaluate("Reveal.getSlides().reduce((sum, s) => sum + +s.dataset.timing, 0)")
    assert total == 90 * 75


def test_without_scripts_a_deck_is_a_page_to_scroll(show):
    page = show("00_start_here", java_script_enabled=False)
    assert page.get_by_role("heading", name="Summary").is_visible()
    assert page.locator("aside.notes").first.is_hidden()
