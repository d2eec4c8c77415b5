"""What is installed, what is missing, and the command that mends it: `python -m vtff_lib.doctor`.

Only the standard library is imported at the top: the doctor has to speak where the rest is broken.
Taught in 00.
"""

import importlib
import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtff_lib.endings import in_a_sentence

if TYPE_CHECKING:
    import torch

OLDEST_PYTHON = (3, 11)
PURPOSES = {  # by extra
    "": "the library",
    "lab": "the notebooks",
    "test": "the tests",
    "teach": "site, slides and assignments",
}
# Imported by another name than installed.
MODULES = {"scikit-image": "skimage", "scikit-learn": "sklearn", "pillow": "PIL"}
PAIR = ("torch", "torchvision")  # each release of one fits one release of the other


@dataclass(frozen=True)
class Finding:
    """One thing the project asks for: what was found, how it is, and what mends it if it must."""

    name: str
    purpose: str
    wanted: str
    found: str
    state: str = "fine"
    remedy: str = ""

    def __str__(self) -> str:
        line = f"  {self.name:<23} {self.found:<15} {self.state} (wanted: {self.wanted})"
        return f"{line}\n    mend it with: {self.remedy}" if self.remedy else line


@dataclass(frozen=True)
class Diagnosis:
    """All findings and the device: `str()` tells all, `summary` what matters."""

    findings: tuple[Finding, ...]
    device: str

    @property
    def ok(self) -> bool:
        """Whether the library has all that it needs; notebooks and tests may lack something."""
        return not any(f.remedy for f in self.findings if f.purpose == PURPOSES[""])

    @property
    def summary(self) -> str:
        """What needs mending, if anything, then the verdict and the device."""
        lacking = [finding for finding in self.findings if finding.remedy]
        unready = [
            purpose for purpose in PURPOSES.values() if purpose in {f.purpose for f in lacking}
        ]
        verdict = f"Not ready for {', '.join(unready)}." if unready else "All is ready."
        return "\n".join([*map(str, lacking), verdict, f"Device: {self.device}"])

    def __str__(self) -> str:
        lines = []
        for purpose in PURPOSES.values():
            lines.append(f"For {purpose}:")
            lines += [str(f) for f in self.findings if f.purpose == purpose and not f.remedy]
        return "\n".join([*lines, self.summary])


def diagnose() -> Diagnosis:
    """Check Python, every package that the project's metadata names, and the device.

    Packages that the library needs are imported too, which takes seconds. What is missing or broken
    becomes a finding; nothing is raised.
    """
    return Diagnosis((_check_python(), *_check_packages()), _describe_device())


def device() -> "torch.device":
    """Choose where to compute: cuda where there is one, else mps (Apple), else cpu.

    Raises:
        ImportError: PyTorch is missing.
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _describe_device() -> str:
    try:
        import torch

        chosen = device()
        if chosen.type == "cuda":
            gpu = torch.cuda.get_device_properties(chosen)
            return f"cuda ({gpu.name}, {gpu.total_memory / 2**30:.0f} GiB)"
        return f"{chosen} ({os.cpu_count()} cores)"
    except Exception as error:
        return f"none, for PyTorch does not work ({_first_line(error)})"


def _check_python() -> Finding:
    asked = ("python", PURPOSES[""], ">={}.{}".format(*OLDEST_PYTHON), platform.python_version())
    if sys.version_info >= OLDEST_PYTHON:
        return Finding(*asked)
    return Finding(*asked, "is too old", "make a new environment with a newer Python")


def _check_packages() -> Iterator[Finding]:
    try:
        lines = importlib.metadata.requires("vtff-lib") or []
    except importlib.metadata.PackageNotFoundError:
        remedy = _pip('--editable ".[lab,test,teach]"') + " (in the project's folder)"
        yield Finding("vtff-lib", PURPOSES[""], "any version", "-", "is not installed", remedy)
        return
    if (state := _try_import("packaging")) != "fine":
        state = f"{state}, so no version below was compared"
        yield Finding("packaging", PURPOSES[""], "any version", "-", state, _pip('"packaging"'))
    pair = " ".join(f'"{line}"' for line in lines if line.startswith(PAIR))
    for line in lines:
        package, _, marker = line.partition(";")
        extra = re.search(r"extra == .(\w+)", marker)
        yield _check_package(package.strip(), extra[1] if extra else "", pair)


def _check_package(requirement: str, extra: str, pair: str) -> Finding:
    name = re.split(r"[^\w.-]", requirement)[0]
    asked = (name, PURPOSES[extra], requirement.removeprefix(name))
    try:
        installed = importlib.metadata.version(name) or "?"  # of what is half removed
    except importlib.metadata.PackageNotFoundError:
        return Finding(*asked, "-", "is missing", _pip(f'"{requirement}"'))
    state = _compare(installed, requirement.removeprefix(name))
    if state == "is too old":
        return Finding(*asked, installed, state, _pip(f'--upgrade "{requirement}"'))
    tried = "fine" if extra else _try_import(name)
    if tried != "fine":
        broken = pair if name in PAIR else f'"{requirement}"'
        return Finding(*asked, installed, tried, _pip(f"--force-reinstall {broken}"))
    return Finding(*asked, installed, state)


def _compare(installed: str, wanted: str) -> str:
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return "fine"
    floor = ",".join(bound for bound in wanted.split(",") if bound.startswith(">="))
    if not SpecifierSet(floor).contains(installed, prereleases=True):
        return "is too old"
    tested = SpecifierSet(wanted).contains(installed, prereleases=True)
    return "fine" if tested else "fine, though newer than tested"


def _try_import(name: str) -> str:
    try:
        importlib.import_module(MODULES.get(name, name))
    except Exception as error:  # a package that does not fit another can fail with anything
        return f"cannot be imported ({_first_line(error)})"
    return "fine"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _pip(what: str) -> str:
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install {what}"


def main() -> int:
    """Print the diagnosis; return 0 if the library has all that it needs."""
    with in_a_sentence("Stopped."):
        diagnosis = diagnose()
        print(diagnosis)
    return 0 if diagnosis.ok else 1


if __name__ == "__main__":
    sys.exit(main())
