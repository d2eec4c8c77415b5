"""The site and the slides, each made once for all tests: by one process, for all of them."""

import functools
import os
import warnings
from collections.abc import Callable
from pathlib import Path

from notebooks.editions import site, slides
from tests import MADE
from vtff_lib.files import only_one


def once(make: Callable[[Path], object], name: str) -> Path:
    """Return the folder `name` of this run, made if no process has; others wait meanwhile."""
    place = Path(os.environ[MADE])
    with only_one(place, patience=300, name=f"{name}.lock"):
        if not (place / name).exists():
            make(place / name)
    return place / name


def make_site(folder: Path, solutions: bool) -> None:
    with warnings.catch_warnings(action="ignore"):  # of Sphinx about its extensions
        site.make(folder, solutions)


@functools.cache
def whole_site() -> Path:
    """Return the folder of the site."""
    return once(functools.partial(make_site, solutions=True), "site")


@functools.cache
def held_site() -> Path:
    """Return the folder of a site whose solutions are held back."""
    return once(functools.partial(make_site, solutions=False), "held_site")


@functools.cache
def slides_folder() -> Path:
    """Return the folder of the slides of all lessons."""
    return once(functools.partial(make_slides, solutions="shown"), "slides")


@functools.cache
def held_slides() -> Path:
    """Return the folder of slides whose solutions are held back."""
    return once(functools.partial(make_slides, solutions="held"), "held_slides")


def make_slides(folder: Path, solutions: str) -> None:
    slides.main(["--out", str(folder), "--solutions", solutions])
