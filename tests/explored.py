"""What the explorer is tested with: a small model, faces, a name that is an attack, and hands."""

import base64
import contextlib
import json
import re
import zlib
from html.parser import HTMLParser

import torch

from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF

LAYERS, HEADS, CLASSES, CELLS, CHANNELS = 2, 3, 4, 9, 64


EVIL = "</script></title><script>alert(1)</script><img src=x onerror=alert(2)>'\"&<!--]]>"


def small(seed=0, **changes):
    """Return an untrained model in which no two sizes are alike, with channels that are alive."""
    torch.manual_seed(seed)
    sizes = {"image_size": 48, "depth": LAYERS, "num_heads": HEADS, "embed_dim": 48, "mlp_dim": 48}
    return VTFF(VTFFConfig.tiny(CLASSES, **{**sizes, **changes})).eval()


def faces(count, seed=0, side=48):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    return (torch.nn.functional.interpolate(coarse, side, mode="bilinear") * 255).byte()


def radio(page, group, word, hand):
    """Choose one of some radio buttons; a group's name may be the beginning of several names."""
    box = page.locator(f'[role=radiogroup][aria-label^="{group}"]:visible')
    wanted = box.get_by_role("radio", name=word, exact=True)
    if hand == "mouse":
        wanted.locator("xpath=..").click()
    else:
        box.locator("input:checked").focus()
        for _ in range(12):
            if wanted.is_checked():
                break
            page.keyboard.press("ArrowRight")
    assert wanted.is_checked()


@contextlib.contextmanager
def pages(browser, path):
    """Yield a function that opens a page; what goes wrong in one fails the test at its end."""
    faults, contexts = [], []

    def open_page(fragment="", path=path, **settings):
        contexts.append(browser.new_context(offline=True, **settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)  # of a machine that has much to do
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: note(request.url))
        page.goto(path.as_uri() + fragment)
        if settings.get("java_script_enabled", True):
            shown = page.locator("[role=grid]:visible, canvas:visible, [role=alert], iframe")
            shown.first.wait_for()
        return page

    def note(url):
        if not re.match(r"(file|data|blob|about):", url):
            faults.append(f"it asked for {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


def go(page, fragment):
    """Go to another address within the page, and wait until the page has seen it."""
    page.evaluate(
        "hash => new Promise(done => { addEventListener('hashchange', done, {once: true});"
        " location.hash === '#' + hash ? done() : location.hash = hash })",
        fragment,
    )


def values(page, panel=0):
    found = page.locator(f'[data-panel="{panel}"][data-index]')
    return torch.tensor(found.evaluate_all("all => all.map(each => Number(each.dataset.value))"))


class Elements(HTMLParser):
    """The tags of a page, what its scripts and title hold, and the attributes of its elements."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.inside, self.attributes, self._open = [], {}, [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._open = tag if tag != "script" else dict(attrs).get("type")
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        self.inside[self._open] = self.inside.get(self._open, "") + data


def packed(page):
    return json.loads(zlib.decompress(base64.b64decode(Elements(page).inside["text/plain"])))
