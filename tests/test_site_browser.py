"""The site in Chromium, phone-wide and wide, light and dark, with everything else out of reach."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Frame, Page, Route

from notebooks.editions import source
from tests.access import faults_of_access
from tests.browser import open_browser
from tests.made import whole_site
from vtff_lib.explorer.joined import ASSETS

FRAME = (ASSETS / "frame.js").read_text(encoding="utf-8")
LESSONS = [f"notebooks/{lesson.stem}.html" for lesson in source.lessons()]
OTHERS = [
    "index.html",
    "explorer.html",
    "look.html",
    "search.html?q=rollout",
    "notebooks/glossary.html",
    "notebooks/cheat_sheet.html",
    "notebooks/references.html",
    "notebooks/instructors_guide.html",
    "figures/LEDGER.html",
    "figures/README.html",
    "vtff_lib/index.html",
    "vtff_lib/fusion.py.html#L100",
    "printed/cheat_sheet.html",
]
PHONE, DESK = {"width": 360, "height": 780}, {"width": 1280, "height": 900}
LOOKS = ((PHONE, "light"), (DESK, "dark"))  # what is drawn differs by size, its colours by scheme

# Everything that is folded is opened, and every picture is asked for: what is unseen is read too.
SHOW_ALL = """async () => {
    document.querySelectorAll('details').forEach(each => { each.open = true });
    const pictures = [...document.querySelectorAll('article img')];
    pictures.forEach(each => { each.loading = 'eager' });
    await Promise.all(pictures.map(each => each.decode().catch(() => null)));
    await document.fonts.ready;
    return pictures.filter(each => !each.naturalWidth).map(each => each.src);
}"""
# Of code, two words of each kind keep their colour: axe looks at every one, and most are alike.
FEWER_COLOURS = """() => {
    const seen = {};
    for (const word of [...document.querySelectorAll('pre span')]) {
        const kind = `${word.closest('[class*="highlight-"]')?.className} ${word.className}`;
        seen[kind] = (seen[kind] || 0) + 1;
        if (seen[kind] > 2) word.replaceWith(...word.childNodes);
    }
}"""
# The page or its text scrolls sideways: Furo lets the text do so, in a box of its own.
SIDEWAYS = """() => [...document.querySelectorAll('html, .content')]
    .filter(each => each.scrollWidth > each.clientWidth)
    .map(each => `${each.tagName} ${each.className} is ${each.scrollWidth} wide`)"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=whole_site())
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page; what goes wrong in it fails the test at its end."""
    contexts, faults = [], []

    def open_page(
        name: str, size: dict[str, int] = DESK, scheme: str = "light", explorer: str = ""
    ) -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        context.route("**", look)
        if explorer:  # another page in its place
            context.route(
                "**/explorer_tiny.html",
                lambda route: route.fulfill(body=explorer, content_type="text/html"),
            )
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(f"{name}: {error}"))
        page.on("console", lambda message: note(f"{name}: {message.text}"))
        page.on("requestfailed", lambda request: faults.append(f"{name}: no {request.url}"))
        page.goto(address + name)
        return page

    def note(message: str) -> None:
        if "Changed to" not in message:  # Furo tells of dark and light
            faults.append(message)

    def look(route: Route) -> None:
        url = route.request.url
        if url.endswith("/favicon.ico"):  # asked of the server, not of the site
            route.fulfill(status=204)
        elif url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            faults.append(f"{url} is elsewhere")
            route.abort()

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize(("number", "name"), enumerate([*OTHERS, *LESSONS]))
def test_a_page_is_whole_and_open_to_all(show, number, name):
    """Pages are alike, so each is tried in one of the looks, the first ones in all.

    Lessons share their colours: those of some are looked at.
    """
    page = show(name, PHONE)
    assert page.evaluate(SHOW_ALL) == []
    page.evaluate(FEWER_COLOURS)
    for size, scheme in LOOKS if number < 2 else [LOOKS[number % len(LOOKS)]]:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(SIDEWAYS) == []
        assert faults_of_access(page, contrast=name not in LESSONS or name in LESSONS[::3]) == []


def test_axe_and_the_looks_at_pictures_and_width_would_notice_a_fault(show):
    page = show("index.html", PHONE)
    page.evaluate("""() => {
        const article = document.querySelector('article');
        article.innerHTML += '<img src="data:image/png;base64,AA"><p style="width: 500px">wide</p>';
        article.querySelector('p').style.color = '#eee';
    }""")
    assert len(page.evaluate(SHOW_ALL)) == 1
    assert page.evaluate(SIDEWAYS) != []
    found = "\n".join(faults_of_access(page))
    assert "image-alt" in found
    assert "color-contrast" in found


@pytest.mark.parametrize("name", ["index.html", "figures/README.html", *LESSONS])
def test_letters_of_pictures_are_nine_pixels_high_on_a_phone(show, name):
    page = show(name, PHONE)
    page.evaluate(SHOW_ALL)
    scales = page.locator("article img:visible").evaluate_all("""all => all.map(each => {
        return [each.src, each.getBoundingClientRect().width / each.getAttribute('width')];
    })""")
    assert [name for name, scale in scales if scale * 8 / 72 * 100 < 8.95] == []


def test_a_drawing_is_dark_at_night(show):
    page = show(LESSONS[4], DESK, "dark")
    drawing = page.locator("article .picture img:visible").first
    assert drawing.get_attribute("src").endswith("_dark.svg")
    page.emulate_media(color_scheme="light")
    drawing = page.locator("article .picture img:visible").first
    assert not drawing.get_attribute("src").endswith("_dark.svg")


def test_the_ledger_is_cards_on_a_phone_and_a_table_on_a_desk(show):
    page = show("figures/LEDGER.html", PHONE)
    cells = page.locator("tbody tr").nth(2).locator("td")
    lefts = "all => new Set(all.map(each => each.getBoundingClientRect().left)).size"
    assert cells.evaluate_all(lefts) == 1
    asked = "each => getComputedStyle(each, '::before').content"
    assert cells.nth(2).evaluate(asked) == '"known from"'
    page.set_viewport_size(DESK)
    assert cells.evaluate_all(lefts) == 5


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_a_word_opens_where_it_stands_and_escape_closes_it(show, way):
    page = show(LESSONS[4])
    link = page.locator('article a[href="glossary.html#sigmoid"]').first
    if way == "click":
        link.click()
    else:
        link.focus()
        page.keyboard.press("Enter")
    word = page.get_by_role("dialog", name="sigmoid")
    assert "makes a share between 0 and 1" in word.inner_text()
    assert word.evaluate("each => each === document.activeElement")
    below = word.bounding_box()["y"] - link.bounding_box()["y"]
    assert 0 < below < 60
    assert faults_of_access(page, "aria-dialog-name", "color-contrast", "region") == []
    page.keyboard.press("Escape")
    word.wait_for(state="hidden")
    assert link.evaluate("each => each === document.activeElement")
    assert page.url.endswith(LESSONS[4])


def test_a_tap_beside_a_word_closes_it_and_its_link_leads_to_the_glossary(show):
    page = show(LESSONS[4], PHONE)
    page.locator('article a[href="glossary.html#sigmoid"]').first.click()
    word = page.get_by_role("dialog", name="sigmoid")
    box = word.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    page.locator("h1").click()
    word.wait_for(state="hidden")
    page.locator('article a[href="glossary.html#sigmoid"]').first.click()
    word.get_by_text("In the glossary").click()
    page.wait_for_url("**/glossary.html#sigmoid")


def test_what_is_told_opens_with_its_answer(show):
    page = show(LESSONS[1])
    told = page.locator("details.told").first
    assert not told.evaluate("each => each.open")
    answer = told.evaluate_handle("""each => [...document.querySelectorAll('details.below-input')]
        .filter(one => one.compareDocumentPosition(each) & 4).at(-1)""").as_element()
    answer.query_selector("summary").click()
    page.wait_for_function("each => each.open", arg=told.element_handle())


# The explorer's page and the page around it, with a small page in the explorer's place


STAND_IN = (
    """<!doctype html><html lang="en"><title>A small page</title>
<style>:root { color-scheme: light dark } body { margin: 0; background: Canvas }
body { height: 1234px }</style>
<script type="module">"""
    + FRAME.replace("export ", "")
    + """
const tell = keepTogether();
window.look = state => { history.replaceState(null, "", state); tell(); };
</script>"""
)


@pytest.fixture
def around(show) -> Callable[..., tuple[Page, Frame]]:
    """Return a function that opens a page whose frames hold the small page."""

    def open_page(name: str, size: dict[str, int] = DESK) -> tuple[Page, Frame]:
        page = show(name, size, explorer=STAND_IN)
        page.locator("iframe").scroll_into_view_if_needed()
        page.wait_for_function("document.querySelector('iframe').clientHeight >= 1234")
        return page, page.frames[1]

    return open_page


def test_a_frame_is_as_tall_as_its_page_and_nothing_scrolls_inside(around):
    page, inside = around("explorer.html", PHONE)
    inside.evaluate("document.body.style.height = '900px'")
    page.wait_for_function("document.querySelector('iframe').clientHeight < 910")


def test_a_frame_is_dark_when_the_page_is(around):
    page, inside = around("explorer.html")
    assert inside.evaluate("document.documentElement.style.colorScheme") == "light"
    ground = inside.evaluate("getComputedStyle(document.body).backgroundColor")
    while page.evaluate("document.body.dataset.theme") != "dark":
        page.locator(".theme-toggle-content button").click()
    inside.wait_for_function("document.documentElement.style.colorScheme === 'dark'")
    assert inside.evaluate("getComputedStyle(document.body).backgroundColor") != ground


@pytest.mark.parametrize("name", ["index.html", "explorer.html"])
def test_an_address_leads_into_the_frame_and_back(around, name):
    page, inside = around(f"{name}#view=rollout&face=9")
    inside.wait_for_function("location.hash === '#view=rollout&face=9'")
    inside.evaluate("look('#view=gate&face=3')")
    page.wait_for_function("location.hash === '#view=gate&face=3'")
    page.evaluate("location.hash = '#view=cam&face=1'")
    inside.wait_for_function("location.hash === '#view=cam&face=1'")


def test_a_lesson_holds_its_state_and_keeps_its_own_address(around):
    page, inside = around(f"{LESSONS[4]}#summary")
    assert inside.url.endswith("#step=mix&face=4")
    page.evaluate("""() => {
        const last = done => addEventListener('message', ({ data }) => data === 'last' && done());
        window.heard = new Promise(last);
    }""")
    inside.evaluate("look('#view=rollout'); parent.postMessage('last', '*')")
    page.evaluate("window.heard")
    assert page.url.endswith("#summary")


def test_the_home_page_stays_at_its_top_when_its_frame_has_loaded(around):
    page, _ = around("index.html", {"width": 1280, "height": 2000})
    assert page.evaluate("scrollY") == 0


def test_what_scrolls_sideways_can_be_reached_with_the_keyboard(show):
    page = show(LESSONS[3], PHONE)
    reached = page.locator("pre").evaluate_all(
        "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.tabIndex)"
    )
    assert set(reached) == {0}
    page.set_viewport_size(DESK)
    page.wait_for_function(
        "n => document.querySelectorAll('pre[tabindex]').length < n", arg=len(reached)
    )


def test_searching_for_rollout_finds_lesson_08(show):
    page = show("index.html")
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.fill("rollout")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    found = page.locator("#search-results li a").all_inner_texts()
    assert "08 Do attention maps tell the truth?" in found[:3]


def test_the_explorer_answers_in_its_frame(show):
    page = show("explorer.html")
    page.locator("iframe").scroll_into_view_if_needed()
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="Explore", exact=True).click()
    inside.get_by_text("Rollout", exact=True).click()
    inside.locator('[data-key="cell 0"]').first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    state = inside.locator(".vtff-free").get_attribute("data-state")
    assert "view=rollout" in state
    assert "cell=1" in state


def test_a_picture_opens_alone(show):
    page = show(LESSONS[3], PHONE)
    page.evaluate(SHOW_ALL)
    picture = page.locator("article img").first
    address = picture.evaluate("each => each.src")
    picture.click()
    page.wait_for_url(address)


def test_a_link_behind_an_equation_shows_its_line(show):
    page = show(LESSONS[3])
    link = page.locator('article a[href*=".py.html#L"][title]').first
    code = link.get_attribute("title")
    link.click()
    page.wait_for_url("**/vtff_lib/**")
    line = page.locator("span:target")
    assert code in line.inner_text()
    top, height = line.evaluate("each => [each.getBoundingClientRect().top, innerHeight]")
    assert 0 < top < height


def test_dark_and_light_can_be_chosen_and_are_kept(show):
    page = show("index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator(".theme-toggle-content button")
    while page.evaluate("document.body.dataset.theme") != "dark":
        button.click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate("document.body.dataset.theme") == "dark"


def test_hints_are_folded_until_asked_for(show):
    page = show(LESSONS[3])
    fold = page.locator("details:not(.hide)").first
    assert not fold.locator("p").first.is_visible()
    fold.locator("summary").click()
    assert fold.locator("p").first.is_visible()


def test_without_scripts_a_lesson_is_read(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + LESSONS[3])
    assert page.locator("math").first.is_visible()
    assert page.locator("article img").first.is_visible()
    context.close()
