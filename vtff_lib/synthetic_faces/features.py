"""The lines of a face as curves y(x): lids, brows, lips; and what each action unit does to them.

A curve is a tensor `(N, 1, w)`, one y for each column of a window; the action units only add terms.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.action_units import Units
from vtff_lib.synthetic_faces.canvas import away, bell, smoothstep
from vtff_lib.synthetic_faces.people import People


def jaw_drop(units: Units) -> Tensor:
    """Return how far the chin sinks, `(N, 1, 1)`."""
    return 0.13 * units.both(26) + 0.30 * units.both(27) - 0.02 * units.both(24)


def sink(y: Tensor, drop: Tensor) -> Tensor:
    """Return where the skin that is now at height y was with the jaw closed."""
    return y - drop * smoothstep(0.15, 1.15, y)


@dataclass(frozen=True)
class Eyes:
    """Both eyes; `across` is -1 at the inner and 1 at the outer corner."""

    across: Tensor
    axis: Tensor
    upper: Tensor
    lower: Tensor
    crease: Tensor


def eyes(person: People, units: Units, x: Tensor) -> Eyes:
    """Return the lines of the eyes, moved by AU 1, 4, 5, 6, 7, 9, 12 and 43."""
    au1, au4, au5, au6, au7, au9, au12 = (units.across(u, x) for u in (1, 4, 5, 6, 7, 9, 12))
    across = (away(x) - person.eye_x) / person.eye_width
    inside = across.clamp(-1, 1)
    lens = 1 - inside.square()
    axis = person.eye_y + person.asymmetry * torch.tanh(x / 0.03)
    axis = axis - person.eye_tilt * across.clamp(-1.3, 1.3)
    opening = 1 + 0.75 * au5 - 0.42 * au7 - 0.34 * au6 - 0.16 * au12 - 0.20 * au4 - 0.36 * au9
    upper = axis - (person.upper_lid * opening.clamp(0.1) + 0.012 * au5) * (
        lens.clamp(0).pow(0.62) * (1 - 0.13 * inside)
    )
    upper = upper - 0.007 * au1 * (1 - inside) + 0.007 * au4 * (1 - inside)
    closing = 1 + 0.30 * au5 - 0.75 * au7 - 0.80 * au6 - 0.40 * au12 - 0.5 * au9 + 0.1 * au4
    lower = axis + person.lower_lid * closing.clamp(-0.25) * (
        lens.clamp(0).pow(0.75) * (1 + 0.15 * inside)
    )
    fold = person.crease * (1 - 0.5 * au4 - 0.3 * au7 + 0.6 * au5) * (1 - 0.25 * inside.square())
    crease = upper - fold - 0.004
    closed = units.across(43, x)  # the lid comes down over the eye, and draws its crease along
    upper, crease = torch.lerp(upper, lower, closed), torch.lerp(crease, axis, 0.2 * closed)
    return Eyes(across, axis, upper, lower, crease)


@dataclass(frozen=True)
class Brows:
    """Both brows; `across` is -1 at the inner and 1 at the outer end."""

    across: Tensor
    line: Tensor
    thickness: Tensor


def brows(person: People, units: Units, x: Tensor) -> Brows:
    """Return the lines of the brows, moved by AU 1, 2, 4 and 9."""
    au1, au2, au4, au9 = (units.across(u, x) for u in (1, 2, 4, 9))
    middle = person.eye_x - 0.015 + person.brow_gap - 0.022 * au4
    across = (away(x) - middle) / person.brow_length
    inside = across.clamp(-1.15, 1.15)
    inner, outer = ((1 - inside) / 2).clamp(0, 1), ((1 + inside) / 2).clamp(0, 1)
    line = person.brow_y + person.asymmetry * torch.tanh(x / 0.03) + 0.012
    line = line - person.brow_arch * (1 - (inside - 0.25).square()) - person.brow_tilt * inside
    line = line - 0.090 * au1 * inner.pow(1.3) - 0.085 * au2 * outer
    line = line + au4 * (0.050 + 0.040 * inner) + 0.035 * au9 * inner - 0.03 * au1 * au4 * inner
    thickness = person.brow_thickness * (1 - 0.55 * outer.square())
    return Brows(across, line, thickness * (0.75 + 0.25 * smoothstep(0, 0.25, outer)))


@dataclass(frozen=True)
class Mouth:
    """The mouth; `across` is -1 and 1 at its corners, the lines run down from `top`."""

    across: Tensor
    half_width: Tensor
    corner: Tensor  # y of the corners
    top: Tensor  # upper edge of the upper lip
    inner_top: Tensor
    middle: Tensor  # where closed lips meet
    inner_bottom: Tensor
    bottom: Tensor
    taper: Tensor  # 1 in the middle, 0 at the corners
    thinning: Tensor  # of the red of the lips
    parted: Tensor  # (N, 1, 1): 0 closed, 1 parted


def mouth(person: People, units: Units, x: Tensor) -> Mouth:
    """Return the lines of the mouth, moved by AU 9, 10, 12, 14, 15, 17, 20, 23 to 27."""
    au9, au10, au12, au14 = (units.across(u, x) for u in (9, 10, 12, 14))
    au15, au17, au20, au23, au24 = (units.across(u, x) for u in (15, 17, 20, 23, 24))
    part, drop = (units.both(25) + 1.5 * units.both(27)).clamp(max=1), jaw_drop(units)
    parted = (part * 5).clamp(0, 1)
    half_width = person.mouth_width + (
        0.090 * au12 + 0.080 * au20 - 0.012 * au17 - 0.015 * au14 - 0.022 * au24 - 0.012 * au23
    )
    half_width = half_width - 0.035 * units.both(27) - 0.02 * units.both(26) * (1 - au12)
    across = x / half_width
    inside = across.clamp(-1, 1)
    from_middle = inside.square()
    taper = 1 - from_middle

    base = person.mouth_y
    corner = base + person.mouth_rest + 0.34 * drop * (0.4 + 0.6 * parted)
    corner = corner - 0.115 * au12 + 0.070 * au15 - 0.022 * au14 + 0.022 * au20
    lift = -(0.036 * au10 + 0.024 * au9) * (1 - 0.5 * from_middle) - 0.034 * au17 * taper
    middle = base + 0.12 * drop * (1 - parted) + (corner - base) * inside.abs().pow(1.7) + lift
    middle = middle + 0.012 * torch.cos(inside * 9) * taper * person.cupids_bow

    rise = 0.020 * part + 0.06 * drop + (0.026 * au10 + 0.030 * au12) * part
    fall = 0.026 * part + 0.76 * drop * parted + (0.016 * au20 + 0.034 * au12) * part
    inner_top = middle - rise * taper.pow(0.6)
    inner_bottom = middle + fall * taper.pow(0.55)
    thinning = 1 - 0.55 * au23 - 0.72 * au24 - 0.30 * au12 - 0.28 * au20 - 0.15 * au14 - 0.1 * au17
    thinning = thinning.clamp(0.12)
    upper = person.upper_lip * thinning * (1 - 0.15 * units.both(27))
    lower = person.lower_lip * thinning * (1 + 0.35 * au17 - 0.1 * part - 0.1 * units.both(27))
    bow = 1 + person.cupids_bow * (bell(inside.abs() - 0.22, 0.16) - 0.55 * bell(inside, 0.12))
    return Mouth(
        across,
        half_width,
        corner,
        inner_top - upper * taper.pow(0.75) * bow - 0.002,
        inner_top,
        middle,
        inner_bottom,
        inner_bottom + lower * taper.pow(0.6) + 0.002,
        taper,
        thinning,
        parted,
    )
