"""Which part of the face a cell belongs to."""

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.action_units import ACTION_UNIT_NAMES, Units
from vtff_lib.synthetic_faces.canvas import BOTTOM, Canvas, away
from vtff_lib.synthetic_faces.features import brows, eyes, jaw_drop, mouth
from vtff_lib.synthetic_faces.people import People
from vtff_lib.synthetic_faces.surface import Outline

REGIONS = ("brows", "eyes", "nose", "cheeks", "mouth", "forehead")
UNIT_REGIONS = tuple(  # of each unit, the region whose feature it moves, an index into REGIONS
    REGIONS.index(places[0]) for _, places in ACTION_UNIT_NAMES.values()
)


def face_regions(person: People, units: Units, form: Outline, canvas: Canvas) -> Tensor:
    """Return the number of each cell's region, `(N, H, W)`: 1 + its index in `REGIONS`, 0 for none.

    The brows hold the glabella between them, the eyes their crow's feet, the mouth the chin.
    """
    window = canvas.window((-0.72, 0.72), (-0.72, BOTTOM))
    x, y, apart = window.x, window.y, away(window.x)
    brow, eye, lips = brows(person, units, x), eyes(person, units, x), mouth(person, units, x)
    near_brow = (brow.across < 1.2) & ((y - brow.line).abs() < brow.thickness + 0.035)
    glabella = (apart < person.eye_x) & (y > brow.line - 0.06) & (y < person.eye_y - 0.02)
    near_eye = (eye.across > -1.35) & (eye.across < 1.9)
    near_eye = near_eye & (y > eye.crease - 0.02) & (y < eye.lower + 0.09)
    near_nose = (apart < person.nose_width + 0.06) & (y > -0.06) & (y < person.nose_y + 0.045)
    chin = (y > lips.bottom - 0.02) & (apart < 0.30)
    near_mouth = (apart < lips.half_width + 0.07) & (y > person.nose_y + 0.03)
    near_mouth = (near_mouth & (y < lips.bottom + 0.05)) | chin
    parts = {
        "cheeks": (y > 0.02) & (y < lips.bottom + 0.02),
        "forehead": (y < brow.line) & (apart < 0.56),
        "mouth": near_mouth & (y < person.chin_y + jaw_drop(units) + 0.02),
        "nose": near_nose,
        "eyes": near_eye,
        "brows": near_brow | glabella,
    }
    region = torch.zeros_like(form.inside)
    for name, part in parts.items():
        window.of(region).masked_fill_(part, 1 + REGIONS.index(name))
    return region.mul_(form.inside > 0.02)
