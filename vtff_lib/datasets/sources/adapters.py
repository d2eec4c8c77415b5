"""The data sets that can be listed, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from vtff_lib.datasets.sources import affectnet, ckplus, ferplus, folders, rafdb
from vtff_lib.datasets.sources.catalogue import Catalogue
from vtff_lib.datasets.sources.source_folders import Published


@dataclass(frozen=True)
class Adapter:
    """How one data set is listed.

    Args:
        catalogue: returns the `Catalogue` of a folder; takes the set's own settings by name.
        published: of each protocol, how many pictures each split has of each class. Where a set has
            no validation pictures of its own, "train" is with those held out; CK+'s numbers are of
            sequences.
        how_to_get: where the set comes from, under which terms, and which layout is expected.
    """

    catalogue: Callable[..., Catalogue]
    published: Published
    how_to_get: str


ADAPTERS = {
    "ferplus": Adapter(ferplus.catalogue_ferplus, ferplus.PUBLISHED, ferplus.HOW_TO_GET),
    "rafdb": Adapter(rafdb.catalogue_rafdb, rafdb.PUBLISHED, rafdb.HOW_TO_GET),
    "affectnet": Adapter(affectnet.catalogue_affectnet, affectnet.PUBLISHED, affectnet.HOW_TO_GET),
    "ckplus": Adapter(ckplus.catalogue_ckplus, ckplus.PUBLISHED, ckplus.HOW_TO_GET),
    "folders": Adapter(folders.catalogue_folders, {}, folders.HOW_TO_GET),
}
