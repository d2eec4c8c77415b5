"""Lessons in a real JupyterLab and a real Chromium, for the tests and for a person who looks.

    python -m tests.browser 00_start_here --run --out shots

opens a lesson, runs it when asked, and saves pictures of it, one per screenful.
"""

import argparse
import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
START_TIMEOUT = 60  # seconds for Jupyter to start
RUN_TIMEOUT = 300  # seconds for a lesson to run from top to bottom
HEIGHT = 1000  # of a screenful, in pixels

CHROMIUM_NAMES = (
    "chromium-headless-shell",  # the same without windows, for a third less work
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
CHROMIUM_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
CHROMIUM_FLAGS = (
    "--no-sandbox",  # a container has no user namespaces; the only pages opened are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The settings of JupyterLab that stand between a page and a test of it.
SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    # Every cell stays in the page, also those out of sight.
    "notebook-extension/tracker": '{"windowingMode": "none"}',
}

# Commands of the application: a click on a menu can come before the menu does.
OPEN = """async (path) => {
    const app = window.jupyterapp;
    await app.restored;
    app.shell.mode = 'single-document';
    app.shell.collapseLeft();
    window.lesson = await app.commands.execute('docmanager:open', {path});
    await window.lesson.context.ready;
    await window.lesson.sessionContext.ready;
    await window.lesson.sessionContext.session.kernel.info;
}"""
RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
CELLS = "() => window.lesson.context.model.toJSON().cells"
# The command returns at the first error, a wanted one too, while later cells are still running.
RAN = f"""() => {{
    const cells = ({CELLS})().filter(cell => cell.cell_type === 'code' && cell.source.length);
    return cells.every(cell => cell.execution_count !== null) || cells.some(cell =>
        cell.outputs.some(output => output.output_type === 'error')
        && !(cell.metadata.tags || []).includes('raises-exception'));
}}"""
PICTURES_LOADED = "() => [...document.images].every(image => image.complete)"


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine, or None."""
    found = (shutil.which(name) for name in (*CHROMIUM_NAMES, *CHROMIUM_PLACES))
    return next(filter(None, found), None)


@contextlib.contextmanager
def jupyter_lab(notebooks: Path) -> Iterator[str]:
    """Serve a copy of the folder `notebooks` in JupyterLab; yields the address, token included.

    The server has a home folder of its own and looks up no news and no updates: nothing of the
    user's is read or written. Raises `RuntimeError` with what Jupyter said if it does not start.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        home = Path(temporary)
        folder = home / "work"
        unwanted = shutil.ignore_patterns(".ipynb_checkpoints")
        shutil.copytree(notebooks, folder / "notebooks", ignore=unwanted)
        figures = notebooks.parent / "figures"
        if figures.is_dir():  # lessons show pictures and read results from there
            shutil.copytree(figures, folder / "figures")
        for plugin, settings in SETTINGS.items():
            path = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(settings)
        process = start_jupyter(home, folder)
        try:
            yield wait_for_address(process)
        finally:
            process.terminate()  # Jupyter then stops its kernels
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()  # and kernels end when they see that they are alone
                process.wait()


def start_jupyter(home: Path, folder: Path) -> subprocess.Popen[str]:
    """Start JupyterLab in `folder` with everything it would keep for a user under `home`."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []),
    ]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, encoding="utf-8", errors="replace",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_address(process: subprocess.Popen[str]) -> str:
    """Read Jupyter's log in a thread, for as long as it lasts, until it tells the address."""
    log: collections.deque[str] = collections.deque(maxlen=30)
    addresses: list[str] = []
    settled = threading.Event()

    def read() -> None:
        with process.stderr:
            for line in process.stderr:
                log.append(line)
                addresses.extend(re.findall(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", line))
                if addresses:
                    settled.set()
        settled.set()

    threading.Thread(target=read, daemon=True).start()
    settled.wait(START_TIMEOUT)
    if not addresses:
        raise RuntimeError(f"JupyterLab did not start in {START_TIMEOUT} s:\n{''.join(log)}")
    return addresses[0]


ASK = """async code => {
    const kernel = window.lesson.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code: '', user_expressions: { asked: code } });
    const { asked } = (await future.done).content.user_expressions;
    return asked.status === 'ok' ? asked.data['text/plain'] : asked.ename + asked.evalue;
}"""


@dataclass
class Lab:
    """A page with JupyterLab in it, and what went wrong in it."""

    page: Page
    page_errors: list[str] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)

    def note_request(self, url: str) -> None:
        """Keep the address of a request that leaves this machine."""
        address = urlsplit(url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
            self.outside_requests.append(url)

    def call(self, function: str, argument: object, seconds: int) -> object:
        """Await a JavaScript function of one argument, but not for ever."""
        return self.page.evaluate(
            f"""argument => Promise.race([({function})(argument), new Promise((_, reject) =>
                setTimeout(() => reject(new Error('no answer in {seconds} s')), {seconds}000))])""",
            argument,
        )

    def open(self, lesson: str) -> None:
        """Open a lesson by its file name without ending, with its kernel started."""
        self.call(OPEN, f"notebooks/{lesson}.ipynb", START_TIMEOUT)

    def run_all(self) -> None:
        """Run every cell. Raises `AssertionError` naming the first cell with an unwanted error."""
        self.call(RUN, None, RUN_TIMEOUT)
        self.page.wait_for_function(RAN, timeout=RUN_TIMEOUT * 1000)
        for number, cell in enumerate(self.page.evaluate(CELLS), start=1):
            wanted = "raises-exception" in cell["metadata"].get("tags", [])
            for output in cell.get("outputs", []):
                if output["output_type"] == "error" and not wanted:
                    raise AssertionError(
                        f"cell {number} raised {output['ename']}: {output['evalue']}"
                    )

    def ask(self, code: str) -> object:
        """Return the value of an expression in the kernel of the open lesson."""
        return eval(self.page.evaluate(ASK, code))  # what our own kernel wrote

    def wait_for_kernel(self, code: str, seconds: int = 20) -> None:
        """Wait until an expression is true in the kernel, else raise `AssertionError`."""
        for _ in range(10 * seconds):
            if self.ask(code):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"it never came to this: {code}")

    def shoot(self, folder: Path, name: str) -> list[Path]:
        """Save pictures of the open lesson from top to bottom as `folder/name-01.png`, …"""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_function(PICTURES_LOADED)
        scroller = self.page.locator(".jp-NotebookPanel .jp-WindowedPanel-outer")
        height = scroller.evaluate("element => element.scrollHeight")
        step = scroller.evaluate("element => element.clientHeight")
        paths = []
        for top in range(0, height, step):
            scroller.evaluate("(element, top) => element.scrollTo({top, behavior: 'instant'})", top)
            paths.append(folder / f"{name}-{len(paths) + 1:02}.png")
            scroller.screenshot(path=paths[-1])
        return paths


@contextlib.contextmanager
def open_browser(chromium: str, *flags: str) -> Iterator[Browser]:
    """Start a browser, and end it; one at a time, for Playwright allows no second."""
    with (
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS, *flags])
        ) as browser,
    ):
        yield browser


@contextlib.contextmanager
def open_lab(notebooks: Path, chromium: str) -> Iterator[Lab]:
    """Show a copy of the folder `notebooks` in JupyterLab; everything started is stopped."""
    with jupyter_lab(notebooks) as address, open_browser(chromium) as browser:
        lab = Lab(browser.new_page(viewport={"width": 1200, "height": HEIGHT}))
        lab.page.on("pageerror", lambda error: lab.page_errors.append(str(error)))
        lab.page.on("request", lambda request: lab.note_request(request.url))
        lab.page.on("websocket", lambda socket: lab.note_request(socket.url))
        lab.page.goto(address)
        lab.page.wait_for_function("() => window.jupyterapp !== undefined")
        yield lab


def main() -> None:
    """Save pictures of one lesson."""
    parser = argparse.ArgumentParser(description="Save pictures of a lesson in JupyterLab.")
    parser.add_argument("lesson", help="such as 00_start_here")
    parser.add_argument("--run", action="store_true", help="run all cells first")
    parser.add_argument("--out", type=Path, default=Path("shots"), help="folder for the pictures")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="folder of the lesson")
    options = parser.parse_args()
    if not (options.notebooks / f"{options.lesson}.ipynb").is_file():
        sys.exit(f"There is no lesson {options.lesson} in {options.notebooks}.")
    chromium = find_chromium()
    if chromium is None:
        sys.exit(f"No browser found; one of {', '.join(CHROMIUM_NAMES)} is needed on PATH.")
    with open_lab(options.notebooks, chromium) as lab:
        lab.open(options.lesson)
        if options.run:
            lab.run_all()
        for path in lab.shoot(options.out, options.lesson):
            print(path)
        for problem in lab.page_errors + lab.outside_requests:
            print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
