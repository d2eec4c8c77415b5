"""What takes longest begins, so that with several processes no long file is left for the end.

What drives a browser is slow: `make slow` runs it.
"""

from pathlib import PurePath

import pytest

LONGEST = (
    "07_training",
    "test_explorer_browser",
    "test_explorer_story",
    "test_slides_browser",
    "test_site_browser",
    "08_attention_maps",
    "10_your_own_faces",
    "test_site",
    "02_resnet_features",
    "test_checks",
    "test_synthetic_faces",
    "04_broadcasting_fusion",
    "test_assignment",
    "06_assembling_vtff",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, let the others be as they come, and mark what is slow."""
    for item in items:
        if {"chromium", "browser_page"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(file_of(item), len(rank)))


def file_of(item: pytest.Item) -> str:
    """Return the name of the file of a test, or of the lesson of a cell."""
    return PurePath(item.nodeid.split("::")[0]).stem
