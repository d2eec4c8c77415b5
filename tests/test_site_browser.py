"""The site in Chromium, phone-wide and wide, light and dark, with everything else out of reach."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from notebooks.editions import source
from tests.browser import open_browser
from tests.made import whole_site

LESSONS = [f"notebooks/{lesson.stem}.html" for lesson in source.lessons()]
OTHERS = [
    "index.html",
    "explorer.html",
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
FAULTS = ("serious", "critical")

# Everything that is folded is opened, and every picture is asked for: what is unseen is read too.
SHOW_ALL = """async () => {
    document.querySelectorAll('details').forEach(each => { each.open = true });
    const pictures = [...document.querySelectorAll('article img')];
    pictures.forEach(each => { each.loading = 'eager' });
    await Promise.all(pictures.map(each => each.decode().catch(() => null)));
    await document.fonts.ready;
    return pictures.filter(each => !each.naturalWidth).map(each => each.src);
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

    def open_page(name: str, size: dict[str, int] = DESK, scheme: str = "light") -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        context.route("**", look)
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


def faults_of_access(page: Page, *rules: str) -> list[str]:
    """Return what axe has against a page, all of it or some rules, if it is serious."""
    options = {"resultTypes": ["violations"]}  # what is well is not listed: twice as fast
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found
        if each["impact"] in FAULTS
        for node in each["nodes"][:4]
    ]


@pytest.mark.parametrize("name", [*OTHERS, *LESSONS])
def test_a_page_is_whole_and_open_to_all(show, name):
    page = show(name, PHONE)
    assert page.evaluate(SHOW_ALL) == []
    assert page.evaluate(SIDEWAYS) == []
    assert faults_of_access(page) == []
    page.set_viewport_size(DESK)
    assert page.evaluate(SIDEWAYS) == []


@pytest.mark.parametrize("name", [*OTHERS[:4], LESSONS[3], "vtff_lib/fusion.py.html#L100"])
def test_colours_can_be_told_apart_in_the_dark(show, name):
    page = show(name, DESK, "dark")
    page.evaluate(SHOW_ALL)
    assert faults_of_access(page, "color-contrast", "link-in-text-block") == []


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


def test_the_explorer_needs_no_scrolling_inside_scrolling(show):
    page = show("explorer.html", PHONE)
    page.locator("iframe").scroll_into_view_if_needed()
    page.frame_locator("iframe").locator("[data-kind=square]").first.wait_for()
    page.wait_for_function("""() => {
        const frame = document.querySelector('iframe');
        return frame.clientHeight >= frame.contentDocument.documentElement.offsetHeight;
    }""")


def test_a_picture_opens_alone(show):
    page = show(LESSONS[3], PHONE)
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
