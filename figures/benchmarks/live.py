"""The model in the page, measured in one run: `python -m figures.benchmarks.live`.

How large engine, finder and page are, part by part; how long a face takes in a headless Chromium,
in CPU time of the page's process and by the clock, which other work on the machine lengthens; how
far the logits are from PyTorch's; how long it takes from opening a page to its first answer, and to
its first live one; and how many pictures of a camera it reads in a second.
"""

import argparse
import base64
import json
import re
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from PIL import Image
from playwright.sync_api import Browser, Page
from skimage import data

from figures.benchmarks.camera import camera_to_maps
from figures.benchmarks.clock import significant
from figures.experiments.harness import FIGURES, write
from tests.browser import find_chromium, open_browser
from vtff_lib import load_pretrained
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.live import build, pack
from vtff_lib.live.cascade import pack_cascade
from vtff_lib.pretrained import MODELS

PAGE = FIGURES / "explorer_tiny.html"
WARM_UP = 5  # runs that are not told
FACES = 16  # whose logits are compared
# Modules of live/, as they are, in a page of their own.
BARE = "<!doctype html><meta charset='utf-8'><title>bench</title><script>{code}</script>"
OPEN = """async ([packed, wasm, face]) => {
    window.bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const model = await openModel(bytes(packed), bytes(wasm));
    window.run = (rgb = bytes(face)) => [...model.run(rgb).logits];
}"""
FINDER = """([cascade, picture, width, height]) => {
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const opened = openCascade(bytes(cascade)), data = bytes(picture);
    window.run = () => findFaces(opened, {data, width, height});
}"""
TIMED = """repeats => Array.from({length: repeats}, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
})"""
OPENED = """() => new Promise(done => {
    const told = {};
    const look = () => {
        if (document.querySelector('.vtff-word')?.textContent) told.stored ??= performance.now();
        if (document.querySelector('.vtff-free .vtff-after')?.textContent) {
            told.live = performance.now();
            return done(told);
        }
        requestAnimationFrame(look);
    };
    look();
})"""


def text(content: bytes) -> str:
    """Return bytes for a page."""
    return base64.b64encode(content).decode()


def bare_page(browser: Browser, folder: Path, module: str) -> Page:
    """Return an empty page with one of the modules in it."""
    code = (build.FOLDER / module).read_text(encoding="utf-8").replace("export ", "")
    path = folder / "bare.html"
    path.write_text(BARE.format(code=code), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    return page


def summary(times: list[float]) -> dict[str, float]:
    """Return the least, the median and the largest of some times in ms."""
    ends = {"least_ms": min(times), "median_ms": median(times), "largest_ms": max(times)}
    return {name: significant(value) for name, value in ends.items()}


def timed(page: Page, repeats: int) -> dict[str, float]:
    """Return the times in ms of `run` of a page: by the clock, and the mean of its CPU time."""
    page.evaluate(TIMED, WARM_UP)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "ProcessTime")

    before = spent()
    times = page.evaluate(TIMED, repeats)
    return {"cpu_ms": significant(1000 * (spent() - before) / repeats)} | summary(times)


@torch.no_grad()
def model_in_page(page: Page, name: str, repeats: int) -> dict[str, Any]:
    """Return the times and the errors of a model in a page, by the precision of its weights."""
    model, images = load_pretrained(name), load_default().part("test").images[:FACES]
    faces = [text(image.numpy().tobytes()) for image in images]
    wasm, found = text(build.MODULE.read_bytes()), {}
    for precision, half in (("half", True), ("full", False)):
        content = pack(model, half=half)
        page.evaluate(OPEN, [text(content), wasm, faces[0]])
        logits = torch.tensor(page.evaluate("faces => faces.map(face => run(bytes(face)))", faces))
        found[precision] = {
            "bytes": len(content),
            "largest_error_of_logits": significant(
                (logits - model(images).logits).abs().max().item()
            ),
            "one_face": timed(page, repeats),
        }
    return found


def finder_in_page(page: Page, repeats: int) -> dict[str, Any]:
    """Return the times of the finder on the astronaut's picture, 320 pixels wide and 240 high."""
    cascade = pack_cascade()
    small = Image.fromarray(data.astronaut()).resize((320, 240)).convert("RGBA")
    page.evaluate(FINDER, [text(cascade), text(small.tobytes()), *small.size])
    faces = page.evaluate("() => run().length")
    return {"bytes": len(cascade), "faces_found": faces, "320×240": timed(page, repeats)}


def sizes(page: str) -> dict[str, int]:
    """Return the bytes of a page by its parts."""
    parts = dict(re.findall(r'data-part="([^"]*)">([^<]*)</script>', page))
    held = {
        "content": re.search(r'id="content">([^<]*)<', page)[1],  # type: ignore[index]
        "script": page.split('<script type="module">')[1].split("</script>")[0],
        "styles": page.split("<style>")[1].split("</style>")[0],
        **parts,
    }
    count = {name: len(each.encode()) for name, each in held.items()}
    whole = len(page.encode())
    return {"whole": whole, **count, "rest": whole - sum(count.values())}


def opening(browser: Browser, repeats: int) -> dict[str, Any]:
    """Return the times from opening the page to its first stored and its first live answer."""
    times: dict[str, list[float]] = {"stored": [], "live": []}
    for fragment, kind in (("", "stored"), ("#step=explore", "live")):
        for _ in range(repeats + 1):
            page = browser.new_page()
            page.goto(PAGE.as_uri() + fragment, wait_until="commit")
            wanted = (
                OPENED
                if kind == "live"
                else OPENED.replace(
                    "told.stored ??= performance.now();",
                    "return done({stored: performance.now()});",
                )
            )
            times[kind].append(page.evaluate(wanted)[kind])
            page.close()
    return {name: summary(row[1:]) for name, row in times.items()}


def main() -> None:
    """Measure, print, and save if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="of a face (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No browser found: Chromium or Chrome is needed on PATH.")
    record = circumstances("playwright") | {"repeats": options.repeats}
    with open_browser(chromium) as browser, TemporaryDirectory() as folder:
        record["chromium"] = browser.version
        page = bare_page(browser, Path(folder), "engine.js")
        record["results"] = {
            "engine_bytes": build.MODULE.stat().st_size,
            "models": {name: model_in_page(page, name, options.repeats) for name in MODELS},
            "finder": finder_in_page(
                bare_page(browser, Path(folder), "finder.js"), options.repeats
            ),
            "page_bytes": sizes(PAGE.read_text(encoding="utf-8")),
            "after_opening": opening(browser, max(options.repeats // 8, 1)),
        }
    with TemporaryDirectory() as folder:  # a second browser, for Playwright allows one at a time
        record["results"]["camera_to_maps"] = camera_to_maps(chromium, Path(folder))
    print(json.dumps(record, indent=1, ensure_ascii=False))
    if options.json:
        write(options.json, record)


if __name__ == "__main__":
    main()
