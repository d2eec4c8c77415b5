"""How a face is seen: its pose, the lamp, what stands behind or before it, and the camera."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.parameters import Draws, Rows

OCCLUDERS = ("none", "hand", "mask", "scarf", "sunglasses", "block")
OCCLUDER_ODDS = torch.tensor([0.86, 0.05, 0.02, 0.02, 0.025, 0.025])  # at wildness 1

ANGLE, SHARE, AMOUNT = (-math.pi, math.pi), (0.0, 1.0), (0.0, 10.0)
RANGES = {
    **dict.fromkeys(("yaw", "pitch", "roll"), ANGLE),
    **dict.fromkeys(("gloss", "backdrop_texture", "occluder_place", "grey", "loss"), SHARE),
    **dict.fromkeys(("lamp_colour", "lamp_power", "ambient", "backdrop", "blur"), AMOUNT),
    **dict.fromkeys(("occluder_colour", "exposure", "contrast"), AMOUNT),
    "zoom": (0.1, 10.0),
    "shift": (-2.0, 2.0),
    "perspective": (0.0, 0.5),
    "gaze": (-2.0, 2.0),
    "lamp": (-1.001, 1.001),
    "occluder": (0, len(OCCLUDERS) - 1),
    "noise": (0.0, 255.0),
}  # beyond which nobody is to be seen, or no camera and no lamp could be


@dataclass(frozen=True)
class Shots(Rows):
    """One row a picture. Angles are in radians; colours are RGB in linear light."""

    yaw: Tensor  # positive turns to the right of the picture
    pitch: Tensor  # positive looks down
    roll: Tensor  # positive leans to the right of the picture
    zoom: Tensor  # half the picture's width is 1/zoom half heads
    shift: Tensor  # (N, 2): of the face in the picture, right and down, in half pictures
    perspective: Tensor  # how much farther parts shrink, 0 none
    gaze: Tensor  # (N, 2): right and down
    lamp: Tensor  # (N, 3): towards the lamp: right, down, to the viewer; length 1
    lamp_colour: Tensor
    lamp_power: Tensor  # 1 is usual
    ambient: Tensor  # light from all sides, as a share of the lamp's
    gloss: Tensor  # of skin, 0 to 1
    backdrop: Tensor  # (N, 2, 3): above and below
    backdrop_texture: Tensor  # strength of its patches, 0 to 1
    occluder: Tensor  # an index into OCCLUDERS
    occluder_place: Tensor  # (N, 4): four numbers from 0 to 1
    occluder_colour: Tensor
    exposure: Tensor  # a factor of the light
    contrast: Tensor  # a factor of the distance from middle grey
    grey: Tensor  # 1 takes the colour away
    blur: Tensor  # deviation in pixels of a 112-pixel picture, 0 to 1.6
    noise: Tensor  # deviation, in grey levels of 255
    loss: Tensor  # of an encoder that saves bits: 0 none to 1
    noise_seed: Tensor  # of the noise's own generator


def lamp_at(across: Tensor, above: Tensor) -> Tensor:
    """Return the direction `(N, 3)` to a lamp, from angles to the right and up, in radians."""
    return torch.stack(
        [across.sin() * above.cos(), -above.sin(), across.cos() * above.cos()], dim=1
    )


def sample_shots(draws: Draws, wildness: float) -> Shots:
    """Draw one picture a row.

    Args:
        draws: where the numbers come from.
        wildness: 0 as in a studio, straight and well lit and sharp; 1 as in snapshots.
    """
    d, w = draws, wildness

    def spread(mean: float, deviation: float) -> Tensor:
        return d.normal(mean, w * deviation)

    def around(middle: float, low: float, high: float) -> Tensor:
        return d.uniform(middle + w * (low - middle), middle + w * (high - middle))

    def colour(low: float, high: float, deviation: float) -> Tensor:
        grey = d.uniform(low, high)
        channels = [grey + d.normal(0, deviation) for _ in range(3)]
        return torch.stack(channels, dim=1).clamp(0.01, 0.8)

    warmth = spread(0, 0.06)
    occluder_odds = w * OCCLUDER_ODDS
    occluder_odds[0] = 1 - occluder_odds[1:].sum()
    return Shots(
        yaw=spread(0, 0.2).clamp(-0.45, 0.45),
        pitch=spread(0, 0.12).clamp(-0.3, 0.3),
        roll=spread(0, 0.1),
        zoom=around(1.35, 1.1, 1.65),
        shift=torch.stack([spread(0, 0.05), spread(0, 0.06)], dim=1),
        perspective=around(0.08, 0.03, 0.15),
        gaze=torch.stack([spread(0, 0.2), spread(0, 0.12)], dim=1),
        lamp=lamp_at(spread(0, 0.75), around(0.5, -0.2, 1.1)),
        lamp_colour=torch.stack([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1),
        lamp_power=around(0.95, 0.55, 1.25),
        ambient=around(0.32, 0.1, 0.55),
        gloss=d.uniform(0.2, 1),
        backdrop=_backdrop(d, colour(0.02, 0.7, 0.05), colour(0.02, 0.7, 0.05)),
        backdrop_texture=w * d.uniform(0, 0.6),
        occluder=d.choice(occluder_odds),
        occluder_place=torch.stack([d.uniform() for _ in range(4)], dim=1),
        occluder_colour=colour(0.03, 0.6, 0.12),
        exposure=around(1.0, 0.7, 1.25),
        contrast=around(1.15, 0.85, 1.55),
        grey=d.chance(0.15 * w),
        blur=d.chance(0.6 * w) * d.uniform(0.3, 1.5),
        noise=d.chance(w) * d.uniform(0.5, 6),
        loss=d.chance(0.4 * w) * d.uniform(0.2, 1),
        noise_seed=d.uniform(0, 2**31).long(),
    )


def _backdrop(draws: Draws, above: Tensor, below: Tensor) -> Tensor:
    """Return two colours `(N, 2, 3)`; now and then a studio's white or black."""
    studio = draws.choice(torch.tensor([0.65, 0.25, 0.10]))[:, None, None]
    colours = torch.stack([above, below], dim=1)
    colours = torch.where(studio == 1, 1.5 + 0.2 * colours, colours)
    return torch.where(studio == 2, 0.05 * colours, colours)
