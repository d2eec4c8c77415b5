"""The site and the slides, each made once for all tests of a process."""

import atexit
import functools
import shutil
import tempfile
import warnings
from pathlib import Path

from notebooks.editions import site, slides


def lasting_folder() -> Path:
    """Return a folder that lasts as long as the tests."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def make_site(solutions: bool) -> Path:
    folder = lasting_folder() / "site"
    with warnings.catch_warnings(action="ignore"):  # of Sphinx about its extensions
        site.make(folder, solutions)
    return folder


@functools.cache
def whole_site() -> Path:
    """Return the folder of the site."""
    return make_site(solutions=True)


@functools.cache
def held_site() -> Path:
    """Return the folder of a site whose solutions are held back."""
    return make_site(solutions=False)


@functools.cache
def slides_folder() -> Path:
    """Return the folder of the slides of all lessons."""
    return make_slides("shown")


@functools.cache
def held_slides() -> Path:
    """Return the folder of slides whose solutions are held back."""
    return make_slides("held")


def make_slides(solutions: str) -> Path:
    folder = lasting_folder() / "slides"
    slides.main(["--out", str(folder), "--solutions", solutions])
    return folder
