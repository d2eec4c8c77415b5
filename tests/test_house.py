"""The house: its import rule holds and can be broken, packages hand on and define nothing."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from figures.drawings.house import House

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "vtff_lib"
LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"
FACADES = sorted(LIBRARY.glob("*/**/__init__.py"))
FLAT = [path for path in LIBRARY.glob("*.py") if path.name != "__init__.py"]


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    """Ask the linter about the `vtff_lib` in the folder `house`, by the rule in pyproject.toml."""
    command = [sys.executable, "-c", LINTER, "--no-cache"]
    return subprocess.run(
        command, cwd=house, env={"PYTHONPATH": str(house)}, capture_output=True, text=True
    )


def test_every_floor_stands_on_those_below():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
    assert "4 kept, 0 broken" in result.stdout


def test_no_circle_and_no_chain_of_more_than_nine():
    house = House(LIBRARY)
    assert house.circles() == []
    assert len(house.chain()) <= 9, house.chain()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house of one's own, to break rules in."""
    house = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", house)
    shutil.copytree(
        LIBRARY, house / "vtff_lib", ignore=shutil.ignore_patterns("data", "__pycache__")
    )
    return house


WRONG = {  # module, line, and the rule that it breaks
    "upwards": ("lbp.py", "from vtff_lib.vtff import VTFF", "Each floor"),
    "in a function": ("evaluation/measure.py", "def f():\n import vtff_lib.plots", "Each floor"),
    "to a neighbour": ("photos/reading.py", "from vtff_lib import synthetic_faces", "Each floor"),
    "of checks": ("training/loop.py", "from vtff_lib import checks", "Each floor"),
    "of the model": ("datasets/packs.py", "from vtff_lib.config import VTFFConfig", "Data never"),
    "of pictures": ("training/history.py", "from matplotlib.figure import Figure", "Numbers"),
    "of Jupyter": ("explain/maps.py", "import ipywidgets", "Numbers"),
    "of a lesson": ("checks/lesson_02.py", "from vtff_lib.checks import lesson_03", "A lesson's"),
    "of a new room": ("helpers.py", '"""Things."""', "Each floor"),
}


@pytest.mark.parametrize(("module", "line", "rule"), WRONG.values(), ids=WRONG)
def test_one_wrong_import_is_found(copied, module, line, rule):
    path = copied / "vtff_lib" / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        result = lint(copied)
    finally:
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")
    assert result.returncode == 1
    assert f"{rule}" in result.stdout
    assert "BROKEN" in result.stdout or "Module(s)" in result.stdout


@pytest.mark.parametrize("path", FACADES, ids=lambda path: path.parent.name)
def test_a_package_hands_on_and_defines_nothing(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        exported = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        assert words or exported or isinstance(node, ast.ImportFrom), ast.unparse(node)


def test_what_lies_flat_can_be_read_in_class():
    """One file a lesson, the ground that it stands on, and two commands."""
    assert len(FLAT) <= 16
    for path in FLAT:
        most = 310 if path.name == "fusion.py" else 250  # with the designs of others, for lesson 09
        assert len(path.read_text(encoding="utf-8").splitlines()) <= most, path.name


def test_the_readme_says_how_much_there_is_to_read():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    commands = ("train.py", "doctor.py")
    read = [path for path in FLAT if path.name not in commands]
    training = [*(LIBRARY / "training").glob("*.py")]
    for words, paths in (("ground and model", read), ("`training` (07)", training)):
        lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
        assert f"{words}, {round(lines, -2):,} lines" in readme, lines
