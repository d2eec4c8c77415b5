"""One page in Chromium, Firefox or WebKit, asked and driven in the same few words.

Chromium is driven by Playwright; Firefox over WebDriver BiDi, which it speaks itself; WebKit by its
own WebKitWebDriver.
"""

import base64
import itertools
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import websocket
from playwright.sync_api import Page

TIMEOUT = 60  # seconds for a browser to start or to answer
INSIDE = ("file:", "data:", "blob:", "about:")  # what a page may ask for
KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "End": "\ue010", "Home": "\ue011",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip
MIDDLE = """selector => {
    const element = document.querySelector(selector);
    element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
    const {left, top, width, height} = element.getBoundingClientRect();
    return {x: Math.round(left + width / 2), y: Math.round(top + height / 2)};
}"""
LISTEN = """() => {
    const faults = window.faultsOfTheTest = [];
    const listen = (event, words) =>
        addEventListener(event, heard => faults.push(String(words(heard))), true);
    listen("error", heard => heard.message ?? heard.target.src);
    listen("unhandledrejection", heard => heard.reason);
    listen("securitypolicyviolation", heard => heard.blockedURI);
}"""
HEARD = """() => [...window.faultsOfTheTest,
    ...performance.getEntriesByType("resource").map(each => each.name)]"""


class AnyPage:
    """A page in one of the browsers."""

    name = version = ""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def open(self, address: str, width: int = 1000, height: int = 800) -> None:
        """Open an address, whose scripts have run then, in a page of a size in pixels."""
        raise NotImplementedError

    def run(self, function: str, argument: object = None) -> Any:
        """Return what a JavaScript function of one argument returns, or what it promises."""
        raise NotImplementedError

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript function returns something true."""
        self.run(
            f"""() => new Promise((done, failed) => {{
                const end = performance.now() + {1000 * TIMEOUT // 2};
                const look = () => ({condition})() ? done() : performance.now() > end
                    ? failed(new Error("it never came to this")) : setTimeout(look, 50);
                look();
            }})"""
        )

    def click(self, selector: str) -> None:
        """Click on the middle of an element."""
        raise NotImplementedError

    def press(self, key: str) -> None:
        """Press a key by its name in the page: a letter, `Enter`, `ArrowLeft`, …"""
        raise NotImplementedError

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in pixels."""
        raise NotImplementedError

    def shoot(self, path: Path) -> None:
        """Save what is to be seen as a PNG file."""
        raise NotImplementedError

    def told(self) -> list[str]:
        """Return, once, the errors so far and the requests that left the page; then it is empty."""
        self.open("about:blank")  # what went wrong is told by now
        self.faults, faults = [], self.faults
        return faults


class Chromium(AnyPage):
    """By Playwright."""

    name = "chromium"

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page, self.version = page, page.context.browser.version
        page.set_default_timeout(1000 * TIMEOUT)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("request", lambda request: note(self.faults, request.url))

    def open(self, address: str, width: int = 1000, height: int = 800) -> None:
        self.resize(width, height)
        self.page.goto("about:blank")  # else an address that differs in its fragment is no new page
        self.page.goto(address)

    def run(self, function: str, argument: object = None) -> Any:
        return self.page.evaluate(function, argument)

    def click(self, selector: str) -> None:
        self.page.mouse.click(**self.run(MIDDLE, selector))

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def resize(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def shoot(self, path: Path) -> None:
        self.page.screenshot(path=path)


class Driven(AnyPage):
    """What Firefox and WebKit have in common: WebDriver's actions."""

    def perform(self, source: dict[str, Any]) -> None:
        """Perform the actions of one mouse or keyboard."""
        raise NotImplementedError

    def click(self, selector: str) -> None:
        steps = [
            {"type": "pointerMove", "duration": 0, **self.run(MIDDLE, selector)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"pointerType": "mouse"}
        self.perform({"type": "pointer", "id": "mouse", "parameters": mouse, "actions": steps})

    def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        steps = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keyboard", "actions": steps})


class Firefox(Driven):
    """Over WebDriver BiDi: numbered commands in JSON, and events between their answers."""

    name = "firefox"

    def __init__(self, address: str) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.socket = websocket.create_connection(address, TIMEOUT, suppress_origin=True)
        self.version = self.tell("session.new", capabilities={})["capabilities"]["browserVersion"]
        self.tell("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.context = self.tell("browsingContext.getTree")["contexts"][0]["context"]

    def tell(self, method: str, **parameters: object) -> Any:
        """Return the answer to a command. Raises `RuntimeError` with what Firefox says of it."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (said := json.loads(self.socket.recv())).get("id") != number:
            self.hear(said)
        if said["type"] == "error":
            raise RuntimeError(f"{method}: {said['message']}")
        return said["result"]

    def hear(self, event: dict[str, Any]) -> None:
        """Keep what went wrong."""
        if event.get("method") == "log.entryAdded":
            self.faults.append(event["params"]["text"])
        elif event.get("method") == "network.beforeRequestSent":
            note(self.faults, event["params"]["request"]["url"])

    def open(self, address: str, width: int = 1000, height: int = 800) -> None:
        self.resize(width, height)
        for each in ("about:blank", address):
            self.tell("browsingContext.navigate", context=self.context, url=each, wait="complete")

    def run(self, function: str, argument: object = None) -> Any:
        told = self.tell(
            "script.callFunction",
            functionDeclaration="async text => JSON.stringify("
            f"await ({function})(JSON.parse(text)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self.context},
            awaitPromise=True,
        )
        if told["type"] == "exception":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return json.loads(told["result"]["value"])

    def perform(self, source: dict[str, Any]) -> None:
        self.tell("input.performActions", context=self.context, actions=[source])

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self.tell("browsingContext.setViewport", context=self.context, viewport=size)

    def shoot(self, path: Path) -> None:
        shot = self.tell("browsingContext.captureScreenshot", context=self.context)
        path.write_bytes(base64.b64decode(shot["data"]))


class WebKit(Driven):
    """By WebKitWebDriver, which tells of no faults: those since a page is open are listened for."""

    name = "webkit"

    def __init__(self, address: str, binary: str) -> None:
        super().__init__()
        self.address = address
        options = {"binary": binary, "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self.tell("POST", "", capabilities=wanted)
        self.address += f"/{session['sessionId']}"
        self.version = session["capabilities"]["browserVersion"]
        self.tell("POST", "/timeouts", script=1000 * TIMEOUT)

    def tell(self, method: str, path: str, **parameters: object) -> Any:
        """Return the answer to a command. Raises `RuntimeError` with what the driver says of it."""
        body = json.dumps(parameters).encode() if method == "POST" else None
        request = urllib.request.Request(self.address + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT + 5) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {json.load(error)['value']['message']}") from None

    def open(self, address: str, width: int = 1000, height: int = 800) -> None:
        for each in ("about:blank", address):
            self.hear()
            self.tell("POST", "/url", url=each)
        self.run(LISTEN)
        self.resize(width, height)

    def hear(self) -> None:
        """Keep what went wrong in the page, or was asked for, before it is left."""
        for fault in self.run(HEARD) if self.run("() => 'faultsOfTheTest' in window") else []:
            note(self.faults, fault)

    def run(self, function: str, argument: object = None) -> Any:
        script = f"""const [argument, done] = arguments;
            (async () => ({function})(argument))().then(
                value => done({{value: value ?? null}}), error => done({{error: String(error)}}))"""
        told = self.tell("POST", "/execute/async", script=script, args=[argument])
        if "error" in told:
            raise RuntimeError(told["error"])
        return told["value"]

    def perform(self, source: dict[str, Any]) -> None:
        self.tell("POST", "/actions", actions=[source])

    def resize(self, width: int, height: int) -> None:
        frame = self.run("() => [outerWidth - innerWidth, outerHeight - innerHeight]")
        size = {"width": width + frame[0], "height": height + frame[1]}
        self.tell("POST", "/window/rect", **size)
        self.wait_for(f"() => innerWidth === {width} && innerHeight === {height}")

    def shoot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.tell("GET", "/screenshot")))


def note(faults: list[str], address: str) -> None:
    """Keep the address of a request that leaves the page, or an error."""
    if not address.startswith(INSIDE):
        faults.append(address)
