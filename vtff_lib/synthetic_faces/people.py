"""Who is seen: some seventy numbers that make one person differ from another.

The figures are set by eye, around rough measures of adult heads. They are odds for variety, not
statistics of any population.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.parameters import Draws, Rows

HAIR_STYLES = (
    "bald", "cropped", "short", "side parting", "receding", "curly", "tied back", "fringe",
    "bob", "long", "headscarf", "beanie",
)  # fmt: skip
STYLE_ODDS = torch.tensor(
    [
        [0.10, 0.18, 0.30, 0.14, 0.12, 0.08, 0.00, 0.03, 0.00, 0.01, 0.00, 0.04],  # masculine
        [0.01, 0.03, 0.06, 0.06, 0.00, 0.10, 0.18, 0.12, 0.14, 0.22, 0.06, 0.02],  # feminine
    ]
)
# A ramp of skin colours in linear light, from the lightest to the darkest.
SKIN_RAMP = torch.tensor([[0.80, 0.55, 0.43], [0.56, 0.335, 0.225], [0.30, 0.165, 0.105],
                          [0.13, 0.070, 0.046]])  # fmt: skip
HAIR_COLOURS = torch.tensor([[0.010, 0.008, 0.007], [0.030, 0.018, 0.012], [0.075, 0.038, 0.020],
                             [0.16, 0.085, 0.040], [0.38, 0.25, 0.12], [0.17, 0.055, 0.022],
                             [0.33, 0.32, 0.31]])  # fmt: skip
IRIS_COLOURS = torch.tensor([[0.040, 0.018, 0.010], [0.085, 0.042, 0.020], [0.10, 0.11, 0.05],
                             [0.12, 0.19, 0.28], [0.16, 0.20, 0.20]])  # fmt: skip


@dataclass(frozen=True)
class People(Rows):
    """One row a person. Lengths are in half head heights, shares run from 0 to 1, colours are RGB
    in linear light.
    """

    # the head
    face_width: Tensor
    jaw_width: Tensor
    chin_width: Tensor
    chin_y: Tensor
    crown_y: Tensor
    depth: Tensor
    fullness: Tensor  # -1 gaunt to 1 round
    cheekbones: Tensor
    brow_ridge: Tensor
    chin_boss: Tensor
    asymmetry: Tensor
    # eyes
    eye_x: Tensor
    eye_y: Tensor
    eye_width: Tensor
    upper_lid: Tensor
    lower_lid: Tensor
    eye_tilt: Tensor
    crease: Tensor
    hooding: Tensor
    bags: Tensor
    iris: Tensor
    lashes: Tensor
    # brows
    brow_y: Tensor
    brow_thickness: Tensor
    brow_arch: Tensor
    brow_tilt: Tensor
    brow_length: Tensor
    brow_gap: Tensor
    brow_cover: Tensor
    # nose
    nose_y: Tensor
    nose_width: Tensor
    nose_height: Tensor
    nose_bridge: Tensor
    nose_hump: Tensor
    nose_tip: Tensor
    # mouth
    mouth_y: Tensor
    mouth_width: Tensor
    mouth_rest: Tensor  # corners of the resting mouth, positive is down
    upper_lip: Tensor
    lower_lip: Tensor
    cupids_bow: Tensor
    # skin and hair
    age: Tensor
    skin: Tensor
    redness: Tensor
    lip_colour: Tensor
    freckles: Tensor
    folds: Tensor  # lines beside nose and mouth and between the brows at rest
    hair: Tensor
    hair_style: Tensor
    hairline: Tensor
    hair_volume: Tensor
    parting: Tensor
    beard: Tensor
    moustache: Tensor
    stubble: Tensor
    glasses: Tensor
    frame_width: Tensor
    frame_shade: Tensor
    cloth: Tensor
    texture: Tensor  # (N, 2, 24, 24): this skin's own irregularities
    phases: Tensor  # (N, 12)


def _ramp(colours: Tensor, position: Tensor) -> Tensor:
    """Return colours `(N, 3)` at `position` `(N,)`, 0 to 1 along a ramp `(K, 3)`."""
    place = position.clamp(0, 1) * (len(colours) - 1)
    lower = place.floor().clamp(max=len(colours) - 2)
    start, end = colours[lower.long()].double(), colours[lower.long() + 1].double()
    return torch.lerp(start, end, (place - lower)[:, None])


def sample_people(draws: Draws, texture: Tensor, phases: Tensor) -> People:
    """Draw one person a row; `texture` and `phases` are the irregularities to give them."""
    d, n = draws, draws.normal
    masculine = d.chance(0.5)
    child = d.chance(0.15) * d.uniform(0.4, 1)  # 1 is about four years old
    grown = 1 - child

    def by_style(if_masculine: float, if_feminine: float) -> Tensor:
        return if_feminine + (if_masculine - if_feminine) * masculine

    age = d.uniform() ** 1.2 * (child == 0)
    melanin = d.uniform() ** 1.2
    skin = _ramp(SKIN_RAMP, melanin)
    skin = skin * torch.stack([torch.ones_like(age), n(1, 0.03), n(1, 0.05)], dim=1)
    made_up = d.chance(by_style(0.0, 0.4))[:, None]
    lips = torch.lerp(
        skin * torch.tensor([0.82, 0.55, 0.55]) + torch.tensor([0.015, 0, 0.008]),
        skin * torch.tensor([0.75, 0.32, 0.36]) + torch.tensor([0.07, 0.0, 0.01]),
        made_up,
    )
    dark_hair = torch.tensor([0.62, 0.28, 0.08, 0, 0, 0, 0.02])
    any_hair = torch.tensor([0.24, 0.24, 0.22, 0.12, 0.10, 0.05, 0.03])
    hair_odds = torch.where(melanin[:, None] > 0.45, dark_hair, any_hair)
    hair_odds = hair_odds + torch.tensor([0, 0, 0, 0, 0, 0, 0.6]) * (age > 0.75)[:, None]
    hair = HAIR_COLOURS[d.choice(hair_odds)] * d.uniform(0.8, 1.3)[:, None]
    iris_odds = torch.where(
        melanin[:, None] > 0.4,
        torch.tensor([0.85, 0.15, 0, 0, 0]),
        torch.tensor([0.4, 0.25, 0.12, 0.15, 0.08]),
    )
    style = d.choice(STYLE_ODDS[(1 - masculine).long()])
    bearded = d.choice(torch.tensor([0.5, 0.16, 0.10, 0.24])) * (masculine * (child == 0)).long()
    return People(
        face_width=n(by_style(0.635, 0.615), 0.028),
        jaw_width=n(by_style(0.80, 0.75), 0.06) + 0.02 * child,
        chin_width=n(by_style(0.40, 0.34), 0.07),
        chin_y=n(by_style(0.99, 0.95), 0.045) - 0.14 * child,
        crown_y=n(0.98, 0.03),
        depth=n(0.72, 0.04),
        fullness=n(0, 0.5) + 0.4 * child,
        cheekbones=n(0.04, 0.018),
        brow_ridge=n(by_style(0.034, 0.012), 0.012) * grown,
        chin_boss=n(0.06, 0.018),
        asymmetry=n(0, 0.007),
        eye_x=n(0.277, 0.013),
        eye_y=n(0, 0.018),
        eye_width=n(0.144, 0.011) + 0.012 * child,
        upper_lid=n(0.060, 0.015) + 0.010 * child,
        lower_lid=n(0.033, 0.008) + 0.008 * child,
        eye_tilt=n(0.008, 0.016),
        crease=d.uniform(0.014, 0.046),
        hooding=d.uniform(0, 1.5),
        bags=d.uniform() * (0.3 + 0.7 * age),
        iris=IRIS_COLOURS[d.choice(iris_odds)],
        lashes=d.uniform(0, 0.5) + 0.5 * d.uniform() * (1 - masculine),
        brow_y=n(by_style(-0.165, -0.183), 0.034) - 0.02 * child,
        brow_thickness=n(by_style(0.040, 0.029), 0.007) - 0.008 * child,
        brow_arch=n(by_style(0.028, 0.042), 0.018),
        brow_tilt=n(0, 0.031),
        brow_length=n(0.185, 0.014),
        brow_gap=n(0, 0.016),
        brow_cover=d.uniform(0.6, 1) * (1 - 0.45 * child),
        nose_y=n(0.405, 0.03) - 0.05 * child,
        nose_width=n(by_style(0.152, 0.142), 0.018),
        nose_height=n(0.185, 0.03) * (1 - 0.4 * child),
        nose_bridge=n(0.072, 0.011),
        nose_hump=n(0, 0.018),
        nose_tip=n(1, 0.2),
        mouth_y=n(0.605, 0.024) - 0.06 * child,
        mouth_width=n(0.222, 0.020) - 0.015 * child,
        mouth_rest=n(0.004, 0.020),
        upper_lip=n(0.041, 0.012),
        lower_lip=n(0.062, 0.014),
        cupids_bow=d.uniform(0.1, 0.55),
        age=age,
        skin=skin,
        redness=d.uniform(0.3, 1.3),
        lip_colour=lips,
        freckles=d.chance(0.12) * d.uniform(0.4, 1) * (melanin < 0.4),
        hair=hair,
        hair_style=style,
        hairline=n(-0.60, 0.04),
        hair_volume=d.uniform(0.5, 1.5),
        parting=n(0, 0.14),
        beard=(bearded == 1) * d.uniform(0.6, 1),
        moustache=((bearded == 1) | (bearded == 2)) * d.uniform(0.6, 1),
        stubble=(bearded == 3) * d.uniform(0.3, 0.9) + masculine * grown * d.uniform(0, 0.18),
        glasses=d.chance(0.14),
        frame_width=d.uniform(0.010, 0.019),
        frame_shade=d.uniform(0.01, 0.14),
        cloth=torch.stack([d.uniform(0.02, 0.4) for _ in range(3)], dim=1),
        folds=d.uniform() ** 1.5 * grown,
        texture=texture,
        phases=phases,
    )
