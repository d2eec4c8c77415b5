"""Which tests share a process, and which begin: what takes longest, so that it is not left over."""

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files whose tests use one thing that is dear to make: a site, slides.
TOGETHER = {"test_site_browser": "test_site", "test_slides_browser": "test_slides"}
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


def group_of(nodeid: str) -> str:
    """Return the name of the group of a test: that of its file, or one for several files."""
    stem = PurePath(nodeid.split("::")[0]).stem
    return TOGETHER.get(stem, stem)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first, and let the others be as they come."""
    rank = {group: place for place, group in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(group_of(item.nodeid), len(rank)))


class Groups(LoadScopeScheduling):
    """Gives each process one group after another (`pytest -n 2`)."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Give out whole groups, whatever --dist says."""
    return Groups(config, log)
