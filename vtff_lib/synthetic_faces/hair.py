"""Hair, headscarf, cap, ears, neck and shoulders: what surrounds the face."""

from typing import NamedTuple

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.canvas import (
    BOTTOM,
    LEFT,
    RIGHT,
    Canvas,
    away,
    bell,
    blur,
    smoothstep,
)  # fmt: skip
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.people import HAIR_STYLES, People
from vtff_lib.synthetic_faces.surface import Face


class Style(NamedTuple):
    """What each head is covered with, `(N, 1, 1)`."""

    there: Tensor  # 1: there is something
    volume: Tensor
    end: Tensor  # the height y at which the sides end
    curtain: Tensor  # how far it falls over the cheeks
    lower: Tensor  # how much lower the hairline is
    temples: Tensor  # how square they are
    sweep: Tensor  # how far it sweeps from the parting
    curl: Tensor
    cloth: Tensor  # 1: it is no hair
    ears: Tensor  # 1: they are seen


# The numbers of a `Style`, in its order.
STYLES = {
    "bald": (0, 0.00, 0.0, 0.0, 0.00, 5, 0.0, 0.0, 0, 1),
    "cropped": (1, 0.015, 0.05, 0.0, -0.02, 6, 0.0, 0.3, 0, 1),
    "short": (1, 0.055, 0.10, 0.0, 0.00, 5, 0.2, 0.2, 0, 1),
    "side parting": (1, 0.075, 0.08, 0.0, -0.04, 5, 0.9, 0.0, 0, 1),
    "receding": (1, 0.030, 0.10, 0.0, -0.16, 3, 0.0, 0.2, 0, 1),
    "curly": (1, 0.130, 0.22, 0.1, 0.00, 5, 0.0, 1.0, 0, 1),
    "tied back": (1, 0.035, 0.02, 0.0, -0.04, 5, 0.35, 0.0, 0, 1),
    "fringe": (1, 0.095, 0.80, 0.6, 0.22, 6, 0.0, 0.0, 0, 0),
    "bob": (1, 0.100, 0.78, 0.7, -0.06, 5, 0.9, 0.1, 0, 0),
    "long": (1, 0.100, 1.60, 0.8, -0.06, 5, 1.1, 0.2, 0, 0),
    "headscarf": (1, 0.070, 1.60, 1.0, 0.04, 4, 0.0, 0.0, 1, 0),
    "beanie": (1, 0.060, 0.00, 0.0, 0.13, 8, 0.0, 0.0, 1, 1),
}


def _style(person: People) -> Style:
    """Return each person's style."""
    table = torch.tensor([STYLES[name] for name in HAIR_STYLES], device=person.skin.device)
    return Style(*table[person.hair_style[:, 0, 0]].T[..., None, None])


def add_hair(layers: Layers, person: People, face: Face, grain: Tensor, canvas: Canvas) -> None:
    """Lay hair, a headscarf or a cap over the head."""
    whole = canvas.whole
    x, y, apart = whole.x, whole.y, away(whole.x)
    style = _style(person)
    volume, width = style.volume * person.hair_volume, person.face_width
    end, curtain, curl, cloth = style.end, style.curtain, style.curl, style.cloth
    soft, fine = grain[:, 0], grain[:, 1]

    from_part = x - person.parting
    angle = torch.atan2(x - 1.5 * person.parting, (y + 1.15).abs() + 0.10)
    strands = torch.zeros_like(soft)
    for number, (often, weight) in enumerate(((14, 0.35), (37, 0.35), (83, 0.3))):
        wave = torch.sin(angle * often + person.phases[:, 6 + number] + 0.9 * soft)
        strands = strands + weight * wave
    strands = torch.lerp(strands, fine + 0.5 * soft, curl) * (1 - 0.7 * cloth)
    line = (
        person.hairline
        + style.lower
        + 0.70 * (apart / (0.95 * width)).clamp(0, 1.3).pow(style.temples)
    )
    line = line + style.sweep * (
        (from_part.square() + 0.002).pow(0.75) - 0.05 * bell(from_part, 0.05)
    )
    highest = torch.maximum(person.brow_y - 0.09, person.brow_y - 0.05 + 3 * (apart - 0.42))
    line = torch.minimum(line, highest)
    on_top = smoothstep(-0.03, 0.04, line + 0.022 * strands - y) * smoothstep(0, 0.03, end - y)
    edge_of_curtain = width * (0.98 - 0.16 * curtain * smoothstep(-0.2, 0.7, y)) + 0.02 * strands
    falls = smoothstep(-0.03, 0.03, apart - edge_of_curtain) * smoothstep(0, 0.05, end - y)
    falls = falls * smoothstep(-0.4, -0.15, y) * (curtain > 0.2)

    # The shell of the hair: a larger head, going straight down at the sides.
    out = (volume + 0.012 * strands * (volume > 0.02)) * (1 + 0.6 * curl)
    tall = person.crown_y + 1.2 * out
    above = (-y / tall).clamp(0, 1.5)
    wide = width + 0.6 * out + (0.05 + 0.05 * curtain) * smoothstep(0, 1, y)
    shell = 1 - above.pow(2.3) - (x / wide).square()
    dome = 0.95 * person.depth * (1 - 0.72 * above.clamp(0, 1).pow(2.6)).clamp(1e-3).sqrt()
    dome = dome * (1 - 0.75 * smoothstep(-0.1, 0.9, y))
    dome = dome * shell.abs().clamp(1e-6).sqrt() * torch.sign(shell)
    ends = smoothstep(-0.02, 0.02, end + 0.04 * strands - y)

    mask = torch.maximum(on_top, falls) * style.there * (shell > 0)
    beyond = (dome > face.height) & (face.form.inside < 0.12) & (shell > 0)
    mask = torch.maximum(mask, style.there * ends * beyond)
    lift = torch.maximum(face.height + 0.02 + 0.25 * volume, dome * (face.form.inside < 0.3))
    height = lift + (0.016 + 0.03 * curl) * strands
    colour = torch.where(cloth[:, None] > 0, person.cloth, person.hair + 0.006)
    colour = colour * (1 + (0.45 - 0.25 * cloth) * strands)[:, None].clamp(0.3)
    under = blur(mask, max(2, round(0.08 / canvas.step))) * (1 - mask)
    layers.colour.mul_(1 - 0.3 * under[:, None])
    layers.cover(whole, height, colour, mask, gloss=0.15)
    # What hangs behind the face and the neck.
    back = 0.10 + 0.02 * strands - 2.0 * ((shell < 0) | (y > end) | (curtain * style.there < 0.2))
    layers.put_behind(whole, back, colour * 0.7, gloss=0.1)


def add_body(layers: Layers, person: People, grain: Tensor, canvas: Canvas) -> None:
    """Put ears, neck and shoulders where the head and the hair leave them to be seen."""
    ears = _style(person).ears
    red = person.skin * torch.tensor([1.04, 0.84, 0.80], device=grain.device)[:, None, None]
    for side in (-1, 1):
        window = canvas.window((0.675 * side - 0.175, 0.675 * side + 0.175), (-0.14, 0.34))
        y = window.y - 0.10
        across = (side * window.x - person.face_width - 0.015 + 0.10 * y) / 0.085
        radius = (across.square() + (y / 0.20).square()).sqrt()
        ridge = bell(radius - 0.8, 0.16) - 0.9 * bell(radius - 0.45, 0.22)
        ear = (0.13 + 0.02 * ridge) * (1 - radius.square()).clamp(0).sqrt() - (1 - ears)
        shadow = 1 - 0.25 * bell(radius - 0.5, 0.2)
        layers.put_behind(window, ear, red * shadow[:, None], gloss=0.4)

    window = canvas.window((-0.62, 0.62), (0.35, BOTTOM))
    x, y, apart = window.x, window.y, away(window.x)
    half_neck = 0.66 * person.face_width * (1 + 0.5 * smoothstep(1.1, 1.5, y))
    neck = (0.30 - 0.10 * (y < 0.5)) * (1 - (x / half_neck).square()).clamp(0).sqrt()
    neck = neck + 0.04 * bell(apart - 0.14 * (1.5 - y), 0.04) * (neck > 0.05)
    layers.put_behind(window, neck, person.skin, gloss=0.4)

    window = canvas.window((LEFT, RIGHT), (1.0, BOTTOM))
    y, apart = window.y, away(window.x)
    slope = 1.13 + 0.32 * (apart - 0.2).clamp(0) + 0.25 * bell(window.x, 0.22)
    chest = 0.34 * smoothstep(-0.01, 0.20, y - slope).sqrt() + 0.01 * window.of(grain)[:, 0]
    layers.put_behind(window, chest - 2.0 * (y < slope), person.cloth, gloss=0.05)
