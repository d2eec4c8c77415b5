"""Data sets that a reader brings: each layout listed before a picture is opened. Taught in 10."""

from vtff_lib.datasets.sources.adapters import ADAPTERS, Adapter
from vtff_lib.datasets.sources.catalogue import Catalogue
