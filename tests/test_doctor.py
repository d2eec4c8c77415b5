"""The doctor finds what is missing, old or broken, says what mends it, and does not need it."""

import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vtff_lib import doctor

Versions = Callable[..., None]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Return a function that makes packages look as if another version, or none, was installed."""
    true_version = importlib.metadata.version

    def set_versions(**versions: str | None) -> None:
        def version(name: str) -> str:
            found = versions.get(name.replace("-", "_"), true_version(name))
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return found

        monkeypatch.setattr(importlib.metadata, "version", version)

    return set_versions


def finding(diagnosis: doctor.Diagnosis, name: str) -> doctor.Finding:
    (found,) = (finding for finding in diagnosis.findings if finding.name == name)
    return found


def run_doctor(broken: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a user does; modules in the folder `broken` stand before those installed."""
    path = f"{broken}{os.pathsep}{Path(doctor.__file__).parents[1]}"
    return subprocess.run(
        [sys.executable, "-m", "vtff_lib.doctor"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_the_metadata_names_is_looked_at_once_in_its_order() -> None:
    names = [line.partition(";")[0] for line in importlib.metadata.requires("vtff-lib")]
    found = [f.name + f.wanted for f in doctor.diagnose().findings]
    assert found == ["python>=3.11", *names]


def test_python_and_the_extras_are_those_of_the_project() -> None:
    metadata = importlib.metadata.metadata("vtff-lib")
    assert finding(doctor.diagnose(), "python").wanted in metadata["Requires-Python"].split(",")
    assert set(doctor.PURPOSES) == {"", *metadata.get_all("Provides-Extra")}


def test_where_all_is_well_the_text_says_so_and_is_the_same_each_time() -> None:
    diagnosis = doctor.diagnose()
    assert diagnosis.ok
    assert str(diagnosis) == str(doctor.diagnose())
    assert diagnosis.device in str(diagnosis)
    for found in diagnosis.findings:
        assert f"{found.name} " in str(diagnosis)
        assert f" {found.found} " in str(diagnosis)


def test_what_an_installation_that_broke_off_left_is_no_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: None if name == "numpy" else true(name)
    )
    assert "numpy" in doctor.diagnose().summary


@pytest.mark.skipif(os.name == "nt", reason="Windows tells of a closed pipe otherwise")
def test_the_doctor_ends_like_every_command() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "from vtff_lib import doctor; doctor.diagnose = lambda: 'all is well'; doctor.main()"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert ended.stderr.startswith("Broken pipe; ")
    assert ended.stderr.count("\n") == 1


def test_a_missing_package_is_named_with_the_command_that_installs_it(pretend: Versions) -> None:
    pretend(safetensors=None)
    diagnosis = doctor.diagnose()
    wanted = finding(diagnosis, "safetensors").wanted
    assert not diagnosis.ok
    assert re.search(r"safetensors +- +is missing", str(diagnosis))
    assert f'{sys.executable} -m pip install "safetensors{wanted}"' in str(diagnosis)
    assert "Not ready for the library." in diagnosis.summary


def test_a_package_below_its_floor_is_too_old_and_numbers_are_compared_as_numbers(
    pretend: Versions,
) -> None:
    pretend(torch="2.9.1", scikit_image="0.24.0", matplotlib="3.10")
    diagnosis = doctor.diagnose()
    for name in ("torch", "scikit-image"):
        old = finding(diagnosis, name)
        assert old.state == "is too old"
        assert f'pip install --upgrade "{name}{old.wanted}"' in old.remedy
    assert finding(diagnosis, "matplotlib").state == "fine"
    assert not diagnosis.ok


@pytest.mark.parametrize("version", ["2.11", "2.11.0+cu128", "2.12.0a0+git1234", "2.12.1rc1"])
def test_builds_and_prereleases_above_the_floor_are_fine(pretend: Versions, version: str) -> None:
    pretend(torch=version)
    assert finding(doctor.diagnose(), "torch").state == "fine"


def test_a_release_above_the_ceiling_is_told_but_is_no_fault(pretend: Versions) -> None:
    pretend(torch="99.0")
    diagnosis = doctor.diagnose()
    assert finding(diagnosis, "torch").state == "fine, though newer than tested"
    assert diagnosis.ok


def test_what_only_notebooks_or_tests_need_does_not_fail_the_library(pretend: Versions) -> None:
    pretend(jupyterlab=None, pytest="1.0")
    diagnosis = doctor.diagnose()
    assert diagnosis.ok
    assert "pip install" in finding(diagnosis, "jupyterlab").remedy
    assert "Not ready for the notebooks, the tests." in diagnosis.summary


@pytest.mark.parametrize(
    ("name", "module", "together"),
    [
        ("torchvision", "torchvision", ["torch", "torchvision"]),
        ("torch", "torch", ["torch", "torchvision"]),
        ("pillow", "PIL", ["pillow"]),
        ("scikit-image", "skimage", ["scikit-image"]),
    ],
)
def test_a_package_that_cannot_be_imported_is_reinstalled_with_what_it_has_to_fit(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, together: list[str]
) -> None:
    true_import = importlib.import_module

    def import_module(wanted: str) -> object:
        if wanted == module:
            raise RuntimeError("operator torchvision::nms does not exist\nand a second line")
        return true_import(wanted)

    monkeypatch.setattr(importlib, "import_module", import_module)
    diagnosis = doctor.diagnose()
    broken = finding(diagnosis, name)
    assert not diagnosis.ok
    assert broken.state == (
        "cannot be imported (RuntimeError: operator torchvision::nms does not exist)"
    )
    wanted = " ".join(f'"{each}{finding(diagnosis, each).wanted}"' for each in together)
    assert broken.remedy.endswith(f"pip install --force-reinstall {wanted}")


def test_without_packaging_the_rest_is_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "packaging", None)
    monkeypatch.setitem(sys.modules, "packaging.specifiers", None)
    diagnosis = doctor.diagnose()
    assert "no version below was compared" in finding(diagnosis, "packaging").state
    assert finding(diagnosis, "torch").found == importlib.metadata.version("torch")
    assert not diagnosis.ok


def test_a_library_that_was_never_installed_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    diagnosis = doctor.diagnose()
    assert not diagnosis.ok
    assert '-m pip install --editable ".[lab,test,teach]"' in str(diagnosis)


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    diagnosis = doctor.diagnose()
    assert finding(diagnosis, "python").state == "is too old"
    assert not diagnosis.ok


def test_a_python_in_a_folder_with_a_blank_is_quoted(
    monkeypatch: pytest.MonkeyPatch, pretend: Versions
) -> None:
    pretend(numpy=None)
    monkeypatch.setattr(sys, "executable", "/my tools/python")
    assert finding(doctor.diagnose(), "numpy").remedy.startswith('"/my tools/python" -m pip')


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_device_is_cuda_before_mps_before_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert doctor.device() == torch.device(chosen)


def test_the_device_is_described_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "device", lambda: torch.device("cpu"))
    assert f"({os.cpu_count()} cores)" in doctor.diagnose().device

    class Card:
        name = "Some GPU"
        total_memory = 24 * 2**30

    monkeypatch.setattr(doctor, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Card)
    assert doctor.diagnose().device == "cuda (Some GPU, 24 GiB)"


def test_the_command_ends_well_where_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    assert "Not ready for the library" not in capsys.readouterr().out


def test_the_command_speaks_and_fails_where_torch_is_broken(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text('raise OSError("libcudart is not there")')
    ran = run_doctor(broken=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr == ""
    assert "cannot be imported (OSError: libcudart is not there)" in ran.stdout
    assert "Device: none, for PyTorch does not work (OSError: libcudart" in ran.stdout


def test_nothing_heavy_is_imported_before_the_doctor_speaks() -> None:
    code = "import sys, vtff_lib.doctor; print({'torch', 'numpy', 'packaging'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
