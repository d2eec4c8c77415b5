"""Film the explorer as a reader goes through it: `python -m figures.drawings.explorer_film`.

Chromium is needed. With `--looks FOLDER`, each step is photographed besides, on a phone, a tablet
and a desk, in light and in dark colours: to be looked at.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from figures.drawings.explorer_pages import FIGURES
from tests.browser import find_chromium, open_browser

PAGE = FIGURES / "explorer_tiny.html"
FILM = FIGURES / "explorer_story.webp"
SCREEN = {"width": 900, "height": 640}
STEPS = ("cover", "ask", "light", "mix", "mute", "move", "predict", "own", "explore")
SIZES = {360: 740, 768: 1024, 1280: 800}
DARKEST, PALEST = 2, 1  # of the page's faces
Act = Callable[[Page], object]


def press(name: str) -> Act:
    """Return what presses a button."""
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def square(number: int) -> Act:
    """Return what presses a square of the face."""
    return lambda page: page.locator(f'[data-panel="story"][data-index="{number}"]').click()


def choose(word: str) -> Act:
    """Return what chooses one of some pills."""
    return lambda page: page.get_by_role("radio", name=word).locator("xpath=..").first.click()


def slide(name: str, share: float) -> Act:
    """Return what moves a slider."""
    return lambda page: page.get_by_role("slider", name=name).fill(str(share))


def go(step: str) -> Act:
    """Return what presses one of the steps above the page."""
    return press(step.capitalize())


SCENES: tuple[tuple[Act, float], ...] = (  # what is done, and how many seconds it is then seen
    (lambda page: None, 2.0),
    (square(10), 2.5),
    (press("Uncover"), 1.0),
    (press("Try all 49"), 2.5),
    (go("ask"), 2.5),
    (choose("What it needs"), 2.0),
    (go("light"), 1.5),
    (slide("Light", 50), 1.5),
    (slide("Side lamp", 60), 2.0),
    (go("mix"), 2.0),
    (go("mute"), 1.0),
    (choose("texture alone"), 2.0),
    (go("move"), 1.5),
    (lambda page: page.locator('[data-key="field 8"]').click(), 1.5),
    (lambda page: page.locator('[data-key="field 28"]').click(), 1.5),
    (go("predict"), 2.0),
    (go("explore"), 2.5),
)


def picture(page: Page) -> Image.Image:
    """Return what is seen, when the page is at rest."""
    page.wait_for_timeout(400)  # bars move for less
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def film(browser: Browser) -> None:
    """Play all scenes, and write them as a picture that moves."""
    page = browser.new_page(viewport=SCREEN, reduced_motion="reduce")
    page.goto(PAGE.as_uri())
    page.locator("[role=grid]:visible").first.wait_for()
    frames = []
    for act, _ in SCENES:
        act(page)
        frames.append(picture(page))
    frames[0].save(
        FILM, save_all=True, append_images=frames[1:], quality=80, method=6, loop=0,
        duration=[round(1000 * seconds) for _, seconds in SCENES],
    )  # fmt: skip


def look(browser: Browser, folder: Path) -> None:
    """Photograph each step in each size, in both schemes, of one face each."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES.items():
        for scheme, face in (("light", DARKEST), ("dark", PALEST)):
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            for step in STEPS:
                page.goto(f"{PAGE.as_uri()}#step={step}&face={face}")
                page.reload()
                page.locator("h1:visible").wait_for()
                picture(page).save(folder / f"{width}_{scheme}_{step}.png")
            page.close()


def main() -> None:
    """Film, and photograph if asked."""
    parser = argparse.ArgumentParser(description="Film the explorer's story.")
    parser.add_argument("--looks", type=Path, metavar="FOLDER", help="photograph each step, too")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("No Chromium is on PATH; install one to film the page.")
    with open_browser(chromium) as browser:
        film(browser)
        if options.looks:
            look(browser, options.looks)
    print(f"{FILM.name}: {FILM.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
