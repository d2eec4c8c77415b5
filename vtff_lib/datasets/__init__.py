"""Data sets of faces: those that come along, and those that a reader brings. Taught in 10.

    faces = load_default()                          # the synthetic faces, packed
    faces = FaceSet.read("ferplus.safetensors")     # any set that data_scripts/prepare.py packed

A set is first listed by the adapter of its layout, see `sources`, then opened and packed once by
`data_scripts/prepare.py`.
"""

from vtff_lib.datasets.face_set import DEFAULT, FaceSet, load_default
from vtff_lib.datasets.twins import find_twins
