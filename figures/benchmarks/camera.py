"""How many pictures of a camera a page reads in a second: a part of `figures.benchmarks.live`.

Chromium's camera that is none shows the astronaut, and the page does with each picture what it does
with a reader's: find the face, cut it out, read it, draw it with a map.
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from skimage import data

from figures.benchmarks.clock import significant
from tests.browser import open_browser
from tests.own_pages import camera, film_of, save

SECONDS = 6
WARM_UP = 2  # seconds that are not told
MAPS = ("bare", "mix", "look", "needs")
PHONE = {"width": 360, "height": 740}
COUNT = """() => {
    window.pictures = 0;
    new MutationObserver(changes => { window.pictures += changes.length; }).observe(
        document.querySelector('.vtff-own tr[data-class]'), { attributeFilter: ['data-value'] });
}"""


def camera_to_maps(chromium: str, folder: Path) -> dict[str, Any]:
    """Return pictures a second and CPU time of one, by who reads them and the map on the face.

    Args:
        chromium: path of the browser.
        folder: one that exists, for pages and a film.
    """
    film = folder / "film.y4m"
    film_of(data.astronaut()[:384], film)
    found = {}
    with open_browser(chromium, *camera(film)) as browser:
        for name, astronaut in (("tiny", None), ("photos", data.astronaut())):
            save(folder / "page.html", astronaut)
            found[name] = _filmed(browser, folder / "page.html")
    return found


def _filmed(browser: Browser, path: Path) -> dict[str, Any]:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto(f"{path.as_uri()}#step=own")
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".vtff-own-read:not(.vtff-unread)").wait_for()
    page.evaluate(COUNT)
    found = {word: _rate(page, word) for word in MAPS}
    context.close()
    return found


def _rate(page: Page, word: str) -> dict[str, float]:
    page.locator(".vtff-own .vtff-pills").get_by_text(word, exact=True).click()
    page.wait_for_timeout(1000 * WARM_UP)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def now() -> tuple[float, float, float]:
        metrics = {
            each["name"]: each["value"]
            for each in session.send("Performance.getMetrics")["metrics"]
        }
        return page.evaluate("pictures"), metrics["Timestamp"], metrics["ProcessTime"]

    before = now()
    page.wait_for_timeout(1000 * SECONDS)
    pictures, seconds, spent = (b - a for a, b in zip(before, now(), strict=True))
    return {
        "pictures_a_second": significant(pictures / seconds),
        "cpu_ms_a_picture": significant(1000 * spent / pictures),
    }
