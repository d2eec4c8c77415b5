"""Lines that age leaves and action units deepen: grooves and folds in the height of the skin."""

import math

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.action_units import Units
from vtff_lib.synthetic_faces.canvas import Canvas, Window, away, bell, smoothstep
from vtff_lib.synthetic_faces.features import eyes, mouth
from vtff_lib.synthetic_faces.people import People

FOREHEAD = ((-0.6, 0.6), (-0.66, -0.1))
GLABELLA = ((-0.24, 0.24), (-0.36, 0.2))
TEMPLES = ((-0.68, 0.68), (-0.16, 0.26))
LOWER_FACE = ((-0.6, 0.6), (0.22, 1.2))


def add_wrinkles(
    height: Tensor, person: People, units: Units, grain: Tensor, canvas: Canvas
) -> None:
    """Add all lines to a map of heights in place; `grain` `(N, H, W)` roughens the chin."""
    for place, lines in (
        (FOREHEAD, forehead),
        (GLABELLA, glabella),
        (TEMPLES, around_the_eyes),
        (LOWER_FACE, around_the_mouth),
    ):
        window = canvas.window(*place)
        window.of(height).add_(lines(person, units, window))
    window = canvas.window(*LOWER_FACE)
    chin = person.chin_y - 0.15
    pebbled = (
        0.007 * units.across(17, window.x) * bell(window.x, 0.16) * bell(window.y - chin, 0.10)
    )
    window.of(height).add_(pebbled * window.of(grain))


def forehead(person: People, units: Units, window: Window) -> Tensor:
    """Return the lines across the forehead: AU 1 in the middle, AU 2 at the sides."""
    x, y, apart = window.x, window.y, away(window.x)
    au1, au2, au4 = (units.across(u, x) for u in (1, 2, 4))
    raised = au1 * bell(x, 0.30) + au2 * bell(apart - 0.33, 0.26)
    depth = (0.24 * person.age + 0.9 * raised * (1 - 0.5 * au4)) * (0.45 + 0.55 * person.age)
    depth = depth * torch.exp(-(x / 0.54).pow(6))
    lines = torch.zeros((), device=x.device)
    for number in range(4):
        wave = 0.012 * torch.sin(x * (6 + number) + person.phases[:, number])
        line = person.brow_y - 0.13 - 0.082 * number - 0.03 * au1 * bell(x, 0.3) + wave
        groove = bell(y - line, 0.013) - 0.5 * bell(y - line + 0.035, 0.022)
        lines = lines + (1 - 0.12 * number) * groove
    return -0.0115 * depth * lines


def glabella(person: People, units: Units, window: Window) -> Tensor:
    """Return the lines between the brows and on the nose's root: AU 4 and 9."""
    x, y, apart = window.x, window.y, away(window.x)
    au4, au9 = units.across(4, x), units.across(9, x)
    lean = 0.050 + 0.012 * torch.sin(y * 20 + person.phases[:, 5])
    upright = 0.018 * bell(apart - 0.11, 0.05) - 0.022 * bell(apart - lean, 0.013)
    height = (au4 + 0.25 * person.age + 0.25 * person.folds) * upright * bell(y + 0.16, 0.10)
    height = height - 0.013 * (au4 + 0.9 * au9) * bell(y - person.eye_y + 0.055, 0.016) * bell(
        x, 0.08
    )
    chevrons = torch.cos((y - 0.06 + 0.55 * apart) * 100)
    return height - 0.0075 * au9 * chevrons * bell(apart - 0.075, 0.06) * bell(y - 0.06, 0.085)


def around_the_eyes(person: People, units: Units, window: Window) -> Tensor:
    """Return crow's feet and the furrow below the lids: AU 6, 7, 9 and 12."""
    x, y, apart = window.x, window.y, away(window.x)
    au6, au7, au9, au12 = (units.across(u, x) for u in (6, 7, 9, 12))
    lines = eyes(person, units, x)
    furrow = lines.lower + 0.062 - 0.015 * au6 + 0.0075 * lines.across.square()
    depth = 0.006 * person.age + 0.015 * au6 + 0.007 * au12 + 0.011 * au9 + 0.005 * au7
    height = -depth * bell(y - furrow, 0.014) * smoothstep(1.5, 0.7, lines.across.abs())
    out, down = apart - person.eye_x - person.eye_width - 0.015, y - person.eye_y
    radius = torch.sqrt(out.square() + down.square() + 1e-5)
    angle = torch.atan2(down, out)
    feet = sum(bell((angle - at) * radius, 0.010) for at in (-0.55, -0.12, 0.32, 0.75))
    depth = 0.006 * person.age + 0.012 * au6 * (0.4 + 0.6 * person.age) + 0.004 * au12
    return height - depth * feet * bell(radius - 0.10, 0.06) * smoothstep(-0.03, 0.0, out)


def around_the_mouth(person: People, units: Units, window: Window) -> Tensor:
    """Return the nasolabial fold, dimples and pouches: AU 6, 9, 10, 12, 14, 15 and 20."""
    x, y, apart = window.x, window.y, away(window.x)
    au6, au9, au10, au12, au14, au15, au20 = (
        units.across(u, x) for u in (6, 9, 10, 12, 14, 15, 20)
    )
    lips = mouth(person, units, x)
    start_x, start_y = person.nose_width + 0.015, person.nose_y - 0.065
    down = ((y - start_y) / (lips.corner + 0.08 - start_y).clamp(0.05)).clamp(0, 1.15)
    line = start_x + (lips.half_width + 0.05 - start_x) * down.pow(0.9)
    line = line + (0.025 + 0.025 * au12) * torch.sin(math.pi * down.clamp(0, 1))
    across = (apart - line) * 0.8
    depth = 0.024 * person.age + 0.026 * person.folds + 0.060 * au12 + 0.042 * au10 + 0.036 * au9
    depth = depth + 0.012 * (au15 + au20 + au14 + au6)
    reach = smoothstep(-0.03, 0.05, y - start_y) * (1 - smoothstep(0.82, 1.15, down))
    step = torch.sigmoid(across / 0.02) * bell(across.clamp(0), 0.11) - 0.35 * bell(across, 0.02)
    height = depth * reach * step

    def at_corner(right: float, below: float, wide: float, high: float) -> Tensor:
        return bell(apart - lips.half_width - right, wide) * bell(y - lips.corner - below, high)

    pit = 0.016 + torch.maximum(0.036 * au14, 0.022 * au12) + 0.018 * au15
    height = height - pit * at_corner(0.018, 0.0, 0.026, 0.036)
    height = height + (0.024 * au14 + 0.008 * au12) * at_corner(0.09, 0.0, 0.05, 0.07)
    height = height + 0.022 * au15 * at_corner(0.03, 0.06, 0.05, 0.04)
    marionette = 0.018 * au15 + 0.010 * person.age + 0.008 * person.folds
    return height - marionette * at_corner(0.03, 0.05, 0.02, 0.06)
