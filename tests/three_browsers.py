"""Starts Chromium, Firefox or WebKit for the tests, with nothing of the user's in it.

WebKit gets a window on a screen that nobody sees (Xvfb). Debian has all of them: chromium or
chromium-headless-shell, firefox-esr, webkit2gtk-driver, xvfb.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.browser import CHROMIUM_NAMES, find_chromium, open_browser
from tests.pages import TIMEOUT, AnyPage, Chromium, Firefox, WebKit

FIREFOX_NAMES = ("firefox-esr", "firefox")
NARROW = "* {font-size: 1px; margin: 0; padding: 0; min-width: 0}"  # bars as narrow as a phone


@contextlib.contextmanager
def open_page(name: str) -> Iterator[AnyPage]:
    """Start the browser `name` with nothing of the user's in it, and end it.

    Raises `LookupError` with what is missing when this machine has no such browser.
    """
    with OPENERS[name]() as page:
        yield page


@contextlib.contextmanager
def open_chromium() -> Iterator[Chromium]:
    """Start Chromium."""
    path = find_chromium()
    if path is None:
        raise LookupError(f"no Chromium: one of {', '.join(CHROMIUM_NAMES)} is needed on PATH")
    with open_browser(path) as browser:
        yield Chromium(browser.new_page())


@contextlib.contextmanager
def open_firefox() -> Iterator[Firefox]:
    """Start Firefox, which tells on stderr where it listens."""
    path = next(filter(None, map(shutil.which, FIREFOX_NAMES)), None)
    if path is None:
        raise LookupError(f"no Firefox: one of {', '.join(FIREFOX_NAMES)} is needed on PATH")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            path,
            "--headless",
            "--no-remote",
            "--profile",
            home,
            "--remote-debugging-port=0",
        ]
        with started(command, {"HOME": home}, stderr=subprocess.PIPE) as process:
            log = (line.decode(errors="replace") for line in process.stderr)
            listening = (re.search(r"listening on (ws://\S+)", line) for line in log)
            address = next(filter(None, listening))[1]
            firefox = Firefox(f"{address}/session")
            yield firefox
            firefox.socket.close()


@contextlib.contextmanager
def open_webkit() -> Iterator[WebKit]:
    """Start a screen, the driver, and by it the browser."""
    needed = {name: shutil.which(name) for name in ("WebKitWebDriver", "Xvfb")}
    found = Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")
    needed["MiniBrowser"] = next(map(str, found), None)
    missing = [name for name, path in needed.items() if path is None]
    if missing:
        raise LookupError(f"no WebKit: {' and '.join(missing)} of webkit2gtk-driver and xvfb")
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        style = Path(home, ".config", "gtk-3.0", "gtk.css")
        style.parent.mkdir(parents=True)
        style.write_text(NARROW)
        read, write = os.pipe()
        screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1400x24"]
        stack.enter_context(started(screen, {}, pass_fds=[write]))
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        driver = ["WebKitWebDriver", "--host=127.0.0.1", f"--port={port}"]
        settings = {
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "DISPLAY": display,
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        process = stack.enter_context(started(driver, settings))
        wait_for_port(process, port)
        webkit = WebKit(f"http://127.0.0.1:{port}/session", needed["MiniBrowser"])
        stack.callback(webkit.tell, "DELETE", "")
        yield webkit


OPENERS = {"chromium": open_chromium, "firefox": open_firefox, "webkit": open_webkit}


@contextlib.contextmanager
def started(command: list[str], settings: dict[str, str], **pipes: Any) -> Iterator[Any]:
    """Start a process in silence, and end it."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **pipes}
    with subprocess.Popen(command, env={**os.environ, **settings}, **quiet) as process:
        try:
            yield process
        finally:
            process.terminate()


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a process listens. Raises `RuntimeError` if it ends, or not in time."""
    for _ in range(20 * TIMEOUT):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    raise RuntimeError(f"nothing listens on port {port}: {process.args}")
