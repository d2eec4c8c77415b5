"""The project keeps its promises: one list of dependencies, one style, imports that stay light."""

import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
# What draws widgets, and so needs Jupyter: modules and packages of the library.
WIDGETS = ("widgets", "explorer.widget")

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_conda_installs_the_package_that_pyproject_describes():
    """`environment.yml` names no dependency itself: it installs this folder with every extra."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert conda == [f"python{PYPROJECT['project']['requires-python']}", "pip"]
    extras = ",".join(PYPROJECT["project"]["optional-dependencies"])
    assert pip == {"pip": [f"--editable .[{extras}]"]}


def test_every_dependency_has_a_floor_and_a_ceiling_and_no_pin():
    project = PYPROJECT["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        assert ">=" in requirement, requirement
        assert ",<" in requirement, requirement
        assert "==" not in requirement, requirement


def test_the_library_imports_without_jupyter_and_opens_no_windows():
    """Jupyter is made impossible to import; pyplot would choose a window system."""
    code = """
import importlib, pkgutil, sys
for name in ("jupyterlab", "ipywidgets", "IPython", "nbclient", "nbformat", "anywidget"):
    sys.modules[name] = None
import vtff_lib
for module in pkgutil.walk_packages(vtff_lib.__path__, "vtff_lib."):
    if not f"{module.name}.".startswith(tuple(f"vtff_lib.{name}." for name in sys.argv[1:])):
        importlib.import_module(module.name)
assert "matplotlib.pyplot" not in sys.modules
"""
    command = [sys.executable, "-W", "error::UserWarning", "-c", code, *WIDGETS]
    subprocess.run(command, check=True)


def test_importing_the_package_imports_no_part_of_it():
    """So `python -m vtff_lib.doctor` can speak where PyTorch is missing."""
    code = "import sys, vtff_lib; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
