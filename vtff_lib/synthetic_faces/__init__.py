"""Faces that the project owns: rendered from numbers, with every action unit and region known.

    faces = sample(range(8), seed=0, split="train")
    images, regions = render(faces)

A face is a height field with the colours of skin, shaded by a lamp and seen by a camera; nothing is
downloaded and nobody was photographed. It is a stand-in: what a model does on these faces is no
measure of what it does on real ones.

Taught in 00 and, part by part, in the appendix on rendered faces.
"""

from vtff_lib.names import SPLITS
from vtff_lib.synthetic_faces.action_units import ACTION_UNIT_NAMES, ACTION_UNITS
from vtff_lib.synthetic_faces.expressions import EXPRESSION_REGIONS
from vtff_lib.synthetic_faces.faces import Faces, sample
from vtff_lib.synthetic_faces.regions import REGIONS, UNIT_REGIONS
from vtff_lib.synthetic_faces.rendering import Rendered, render
