"""Fixtures that several test files share."""

import contextlib
import os
import random
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Before NumPy and PyTorch are imported, here and in all that tests start: on tensors of a few
# hundred numbers threads wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from skimage import data

from tests import MADE
from tests.browser import CHROMIUM_NAMES, Lab, find_chromium, open_lab
from tests.order import pytest_collection_modifyitems  # noqa: F401
from tests.pages import AnyPage
from tests.three_browsers import OPENERS, open_page


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder of what is made once: the first process does, others inherit the name."""
    if MADE not in os.environ:
        folder = os.environ[MADE] = tempfile.mkdtemp()
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def browser_missing(reason: str) -> None:
    """Skip a test that has no browser, or let it fail when REQUIRE_BROWSER=1."""
    (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a browser; a test without one is skipped, or fails when REQUIRE_BROWSER=1."""
    path = find_chromium()
    if path is None:
        browser_missing(f"no browser: one of {', '.join(CHROMIUM_NAMES)} is needed on PATH")
    return path


@pytest.fixture(scope="module", params=OPENERS)
def browser_page(request: pytest.FixtureRequest) -> Iterator[AnyPage]:
    """A page in Chromium, in Firefox, in WebKit: each is started once for a file of tests."""
    with contextlib.ExitStack() as stack:
        try:
            page = stack.enter_context(open_page(request.param))
        except LookupError as error:
            browser_missing(str(error))
        yield page


@pytest.fixture
def any_browser(browser_page: AnyPage) -> Iterator[AnyPage]:
    """A page in each of the three browsers; what goes wrong in it fails the test at its end."""
    yield browser_page
    assert browser_page.told() == []


@pytest.fixture
def show_in_lab(chromium: str) -> Iterator[Callable[[Path], Lab]]:
    """Return a function that shows a folder of notebooks in JupyterLab until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda notebooks: stack.enter_context(open_lab(notebooks, chromium))


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """What a test draws without a seed does not depend on what ran before it in its process."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def time_for_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tests run at once: a check takes longer than where one person waits for it."""
    if judging := sys.modules.get("vtff_lib.checks.judging"):
        monkeypatch.setattr(judging, "SECONDS", 60.0)


@pytest.fixture
def dice() -> random.Random:
    """Other random numbers at each run; what is printed when a test fails repeats them."""
    seed = os.environ.get("TEST_SEED") or str(secrets.randbits(32))
    print(f"TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return data.astronaut()


@pytest.fixture(scope="session")
def colours() -> np.ndarray:
    """Random pixels of an odd, non-square size: no two places or channels are alike."""
    return np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
