"""The learner's own VTFF: the parts that passed their checks in lessons 01 to 05, and MyVTFF of 06.

    from vtff_lib.own import part, parts

    MyBlock = part("MyBlock")     # the learner's, or the library's until there is one
    parts()                       # whose each part is, and in which file they are
    like(model)                   # MyVTFF with the settings and weights of a VTFF

A part is kept when its check passes: its source, in `my_vtff.py` beside the lessons, or in the file
that the environment variable VTFF_OWN names. `erase_parts()` deletes that file.
"""

from vtff_lib.own.kept import Parts, erase_parts, keep, part, parts, parts_file
from vtff_lib.own.stand_ins import PARTS, StandIn
from vtff_lib.own.stations import Station, first_difference
from vtff_lib.own.whole import like

__all__ = [
    "PARTS",
    "Parts",
    "StandIn",
    "Station",
    "erase_parts",
    "first_difference",
    "keep",
    "like",
    "part",
    "parts",
    "parts_file",
]
