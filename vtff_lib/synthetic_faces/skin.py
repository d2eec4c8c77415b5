"""The colours of the bare face: skin, lips, mouth, eyes, brows and beard."""

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.action_units import Units
from vtff_lib.synthetic_faces.canvas import Canvas, Window, away, bell, paint, smoothstep
from vtff_lib.synthetic_faces.features import Mouth, brows, eyes, jaw_drop, mouth
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.people import People
from vtff_lib.synthetic_faces.shots import Shots
from vtff_lib.synthetic_faces.surface import (
    EYE_WINDOW,
    MOUTH_WINDOW,
    NOSE_WINDOW,
    Bumps,
    Face,
)  # fmt: skip

BROW_WINDOW = ((-0.62, 0.62), (-0.46, 0.06))
BEARD_WINDOW = ((-0.7, 0.7), (-0.06, 1.34))
BLUSH = (0.10, -0.13, -0.12)  # what redder skin adds, as a share of each colour
SHADE = (0.55, 0.70, 0.70)
TEETH, GUMS, TONGUE = (0.80, 0.76, 0.66), (0.050, 0.012, 0.012), (0.28, 0.09, 0.08)
SCLERA, CORNER, PUPIL = (0.42, 0.38, 0.36), (0.48, 0.22, 0.18), (0.006, 0.006, 0.006)


def tint(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    """Return a fixed colour as `(3, 1, 1)` beside the tensor `like`."""
    return torch.tensor(colour, device=like.device)[:, None, None]


def paint_skin(
    layers: Layers, person: People, units: Units, face: Face, grain: Tensor, canvas: Canvas
) -> None:
    """Colour the whole head as skin: redder cheeks and nose, darker lids, freckles, pores."""
    whole, fine = canvas.whole, grain[:, 1]
    red = Bumps(whole)
    lifted = 0.03 * (units.both(6) + units.both(12))
    red.add(0.5 * person.redness, 0.38, 0.28 - lifted, 0.16, 0.12)
    red.add(0.35 * person.redness, 0, person.nose_y - 0.058, 0.09, 0.1)
    blush = red.total(len(person)) + 0.05 + 0.10 * grain[:, 0]
    dark = Bumps(whole)
    dark.add(0.16 + 0.25 * person.bags, person.eye_x - 0.03, person.eye_y + 0.07, 0.14, 0.06)
    dark.add(0.30, person.eye_x, person.eye_y - 0.03, 0.17, 0.08)
    dark.add(0.25, person.eye_x - 0.14, person.eye_y - 0.03, 0.06, 0.09)
    shade = dark.total(len(person)) + 0.05 * grain[:, 0] + 0.03 * fine
    spots = torch.sin(whole.x * 71 + 4 * fine) * torch.sin(whole.y * 67 - 5 * fine)
    shade = shade + 0.4 * person.freckles * smoothstep(0.5, 0.9, spots) * bell(whole.y - 0.22, 0.2)
    tinted = 1 + blush[:, None] * tint(BLUSH, blush)
    layers.colour.mul_(tinted.mul_(1 - shade[:, None] * tint(SHADE, shade)))
    window = canvas.window(*NOSE_WINDOW)
    window.of(layers.colour).mul_(1 - 0.75 * (1.3 * face.nostrils).clamp(0, 1).pow(1.5)[:, None])


def paint_mouth(
    layers: Layers, person: People, units: Units, grain: Tensor, canvas: Canvas
) -> None:
    """Colour lips, and where they are parted teeth, tongue and the dark behind."""
    window = canvas.window(*MOUTH_WINDOW)
    y, edge = window.y, window.edge
    lines = mouth(person, units, window.x)
    colour, gloss = window.of(layers.colour), window.of(layers.gloss)
    within = (lines.across.abs() < 1).float()
    upper = edge(y - lines.top) * edge(lines.inner_top - y) * within
    lower = edge(y - lines.inner_bottom) * edge(lines.bottom - y) * within
    lips = (upper + lower).clamp(0, 1)
    creased = 1 - 0.06 * torch.cos(window.x * 150 + window.of(grain))
    lip_colour = person.lip_colour * (creased * (1 - 0.18 * upper))[:, None]
    paint(colour, lip_colour, 0.9 * lips)
    gloss.lerp_(torch.full_like(gloss, 1.2), lips)
    contact = bell(y - lines.middle, 0.009) * smoothstep(1.06, 0.9, lines.across.abs())
    colour.mul_(1 - 0.75 * (contact * (1 - lines.parted))[:, None])

    opened = edge(y - lines.inner_top) * edge(lines.inner_bottom - y) * within * lines.parted
    paint(colour, inside_mouth(person, units, window, lines), opened)
    gloss.mul_(1 - 0.8 * opened)


def inside_mouth(person: People, units: Units, window: Window, lines: Mouth) -> Tensor:
    """Return the colours behind the lips: upper teeth stay with the skull, lower with the jaw."""
    x, y, edge = window.x, window.y, window.edge
    drop = jaw_drop(units)
    arch = lines.across.clamp(-1.2, 1.2).square()
    inside = tint(GUMS, y).expand(len(person), 3, y.shape[-2], x.shape[-1]).clone()
    tongue = bell(lines.across.square(), 0.36) * bell(y - person.mouth_y - 0.95 * drop - 0.02, 0.06)
    paint(inside, tint(TONGUE, y), 0.8 * tongue * (8 * drop).clamp(0, 1))
    gaps = 1 - 0.10 * bell(torch.sin(x * 58), 0.16) * bell(x, 0.16)
    teeth = tint(TEETH, y) * ((1 - 0.6 * arch) * gaps)[:, None]
    top_of_lower = person.mouth_y + 0.052 + 0.92 * drop - 0.014 * units.both(20)
    paint(inside, 0.8 * teeth, 0.8 * edge(y - top_of_lower) * edge(0.75 - lines.across.abs(), 3))
    shown = 0.035 * units.both(12) + 0.03 * units.both(10) + 0.012 * units.both(20)
    end_of_upper = person.mouth_y + 0.006 + shown - 0.015 * arch
    paint(inside, teeth, edge(end_of_upper - y) * edge(0.94 - lines.across.abs(), 3))
    return inside * (0.72 + 0.28 * smoothstep(0, 0.035, y - lines.inner_top))[:, None]


def paint_eyes(layers: Layers, person: People, units: Units, shot: Shots, canvas: Canvas) -> None:
    """Colour the eyes and lashes."""
    window = canvas.window(*EYE_WINDOW)
    x, y, edge = window.x, window.y, window.edge
    lines = eyes(person, units, x)
    colour = window.of(layers.colour)
    opened = edge(y - lines.upper) * edge(lines.lower - y) * (lines.across.abs() < 1)
    right = x - torch.sign(x) * person.eye_x - 0.12 * shot.gaze[:, 0]
    down = y - person.eye_y + 0.020 - 0.08 * shot.gaze[:, 1]
    radius = torch.sqrt(right.square() + down.square())
    ball = tint(SCLERA, y) * (1 - 0.35 * lines.across.square())[:, None]
    ball = ball.expand(-1, -1, y.shape[-2], -1).clone()
    paint(ball, tint(CORNER, y), 0.8 * smoothstep(-0.75, -1.0, lines.across).expand_as(radius))
    rays = 1 + 0.2 * torch.sin(torch.atan2(down, right) * 13 + person.phases[:, 3])
    iris = person.iris * (rays + 0.35 * smoothstep(-0.02, 0.05, down))[:, None]
    paint(ball, iris, edge(0.059 - radius, 0.8))
    ball.mul_(1 - 0.55 * bell(radius - 0.058, 0.011)[:, None])
    paint(ball, tint(PUPIL, y), edge(0.023 - radius, 0.8))
    depth = (lines.lower - lines.upper).clamp(0.02) * 0.4
    shadow = 0.32 + 0.68 * smoothstep(0, 1, (y - lines.upper) / depth)
    ball.mul_((shadow * (0.8 + 0.2 * smoothstep(0, 0.02, lines.lower - y)))[:, None])
    glint = bell(right - 0.028 * shot.lamp[:, 0], 0.012) * bell(
        down - 0.03 * shot.lamp[:, 1], 0.012
    )
    ball.add_(0.8 * glint[:, None])
    paint(colour, ball, opened)

    beside = smoothstep(1.12, 0.95, lines.across.abs())
    upper_lash = 0.92 * bell(y - lines.upper + 0.003, 0.011 + 0.008 * person.lashes) * beside
    lower_lash = 0.45 * bell(y - lines.lower, 0.007) * beside
    stretched = 1 - 0.7 * units.across(43, x)
    fold = bell(y - lines.crease, 0.008) * smoothstep(1.15, 0.8, lines.across.abs())
    fold = 0.35 * stretched * fold
    colour.mul_(((1 - upper_lash) * (1 - lower_lash) * (1 - fold))[:, None])
    window.of(layers.gloss).mul_(1 - 0.9 * opened)


def paint_brows(
    layers: Layers, person: People, units: Units, grain: Tensor, canvas: Canvas
) -> None:
    """Colour the brows hair by hair, and raise them a little."""
    window = canvas.window(*BROW_WINDOW)
    x, y, rough = window.x, window.y, window.of(grain)
    lines = brows(person, units, x)
    profile = torch.exp(-((y - lines.line) / lines.thickness.clamp(0.004)).abs().pow(2.2))
    cover = profile * smoothstep(1.12, 0.80, lines.across.abs())
    cover = cover * (1 - 0.3 * smoothstep(-0.75, -1.05, lines.across))
    strokes = torch.sin(away(x) * 95 + y * (130 - 90 * lines.across.clamp(-1, 1)) + 3 * rough)
    cover = (cover * (0.84 + 0.12 * strokes + 0.06 * rough)).clamp(0, 1)
    window.of(layers.height).add_(0.010 * cover)
    dark = torch.minimum(0.8 * person.hair, 0.5 * person.skin)
    paint(window.of(layers.colour), dark, cover * person.brow_cover)


def paint_beard(
    layers: Layers, person: People, units: Units, inside: Tensor, grain: Tensor, canvas: Canvas
) -> None:
    """Colour beard, moustache and stubble."""
    window = canvas.window(*BEARD_WINDOW)
    x, y, apart, rough = window.x, window.y, away(window.x), window.of(grain)
    lips = mouth(person, units, x)
    on_lips = window.edge(y - lips.top) * window.edge(lips.bottom - y) * (lips.across.abs() < 1)
    jaw = smoothstep(-0.06, 0.13, y - 0.62 + 1.7 * (apart - 0.24).clamp(0) + 0.02 * rough)
    jaw = jaw * smoothstep(0, 0.03, window.of(inside)) * (1 - on_lips)
    jaw = jaw * (1 - 0.9 * bell(apart, 0.09) * bell(y - lips.bottom - 0.03, 0.03))
    jaw = jaw * (1 - smoothstep(0, 0.03, lips.top - y) * (apart < lips.half_width + 0.03))
    side = apart / lips.half_width
    upper = smoothstep(-0.01, 0.03, y - person.nose_y - 0.03 - 0.14 * side.square())
    upper = upper * (1 - window.edge(y - lips.top - 0.03 * (side >= 1)))
    upper = upper * smoothstep(1.25, 1.0, side)
    hairs = (person.beard * jaw + person.moustache * upper).clamp(0, 1)
    cover = (hairs * (0.86 + 0.1 * rough)).clamp(0, 0.97)
    colour = window.of(layers.colour)
    paint(colour, person.hair * (1.05 + 0.45 * rough)[:, None].clamp(0.2), cover)
    shadow = (person.stubble * (jaw + upper).clamp(0, 1) * (0.5 + 0.25 * rough)).clamp(0, 0.8)
    paint(colour, 0.35 * person.skin + 0.3 * person.hair, 0.55 * shadow)
    window.of(layers.height).add_(0.025 * hairs)
    window.of(layers.gloss).mul_(1 - 0.7 * cover)
