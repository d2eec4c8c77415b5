"""Which tests share a process, and which begin: those that take longest, so that none is left over.

Only with several processes (`pytest -n 2`) does the first matter.
"""

from pathlib import Path

import pytest

# Files whose tests use the same thing that is dear to make: a site, slides, a JupyterLab.
TOGETHER = {
    "test_site_browser": "test_site",
    "test_slides_browser": "test_slides",
}
LONGEST = (
    "07_training",
    "08_attention_maps",
    "test_explorer_browser",
    "test_site",
    "10_your_own_faces",
    "02_resnet_features",
    "test_synthetic_faces",
    "04_broadcasting_fusion",
)


def group_of(path: Path) -> str:
    """Return the name under which all tests of a file, and perhaps of others, run."""
    return TOGETHER.get(path.stem, path.stem)


def rank(group: str) -> int:
    """Return the place of a group among those that take longest."""
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests and put them in order."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path)))
    items.sort(key=lambda item: rank(group_of(item.path)))
