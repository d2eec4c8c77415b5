"""The lowest versions that pyproject.toml allows: `make lowest`. CI tries them once.

    python -m tests.lowest install      into build/lowest, by any Python of the wanted version
    python -m tests.lowest              some tests with what lies there

All of them are resolved together, with what they need besides. Then those of the library and of the
lab are laid over those that are installed, and some tests of every package run with them. But
PyTorch's are resolved alone: to install another would take 6 GB and minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PIP, LOW = ROOT / "build" / "pip", ROOT / "build" / "lowest"
HEAVY = ("torch", "torchvision")
TESTS = (  # of all that the packages are used for: a photo, a run, figures, maps, a page, a widget
    "test_photos", "test_stored_images", "test_tensorboard", "test_evaluation",
    "test_plots", "test_explorer", "test_photo_booth",
)  # fmt: skip


def floors(*extras: str) -> list[str]:
    """Return the lowest version of each package that the library and these extras ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    more = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(name for extra in extras or more for name in more[extra])]
    lowest = [re.sub(r">=([\w.]+),.*", r"==\1", requirement) for requirement in wanted]
    assert all("==" in floor for floor in lowest), lowest
    return lowest


def run(*command: str, before: Path = ROOT) -> None:
    """Run a module with what lies in the folder `before` in the place of what is installed.

    Raises:
        CalledProcessError: if it fails.
    """
    environment = os.environ | {"PYTHONPATH": f"{before}{os.pathsep}{ROOT}"}
    subprocess.run([sys.executable, "-m", *command], env=environment, cwd=ROOT, check=True)


def install() -> None:
    """Resolve the lowest versions, and install them."""
    install = "pip", "install", "--quiet", "--upgrade"
    run(*install, "--target", str(PIP), "pip>=25.1")  # older ones download whatever they resolve
    run(*install, "--dry-run", "--ignore-installed", *floors(), before=PIP)
    shutil.rmtree(LOW, ignore_errors=True)  # of another time
    small = [floor for floor in floors("lab") if floor.partition("==")[0] not in HEAVY]
    run(*install, "--no-deps", "--target", str(LOW), *small)


def try_out() -> None:
    """Run some tests with them."""
    names = [f"tests/{name}.py" for name in TESTS]
    run("pytest", "-q", "-n", "2", "-m", "not slow", *names, before=LOW)


if __name__ == "__main__":
    install() if sys.argv[1:] == ["install"] else try_out()
