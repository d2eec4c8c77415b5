"""What takes longest begins, so that with several processes no long file is left for the end.

What drives a browser is slow: `make slow` runs it.
"""

from pathlib import PurePath

import pytest

LONGEST = (
    "test_site_browser",
    "test_explorer_story",
    "test_grading",
    "test_own_face",
    "test_assignment",
    "07_training",
    "test_notebooks",
    "test_training",
    "test_finder_browser",
    "test_site",
    "test_live_engine_browser",
    "test_checks",
    "08_attention_maps",
    "test_explorer_browser",
    "test_browser",
    "test_slides_browser",
    "test_vtff",
    "10_your_own_faces",
    "test_explorer_lab",
    "test_checks_hold",
    "test_explorer_live",
    "02_resnet_features",
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
