"""From height and colour to light: normals, cast shadows, hollows, skin that glows a little."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.synthetic_faces.canvas import Canvas, blur
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.shots import Shots

SHADOW_STEPS = (0.04, 0.08, 0.13, 0.19, 0.26, 0.36)  # distances towards the lamp
DIRECT = (0.45, 0.62, 0.70)  # what red, green and blue take from light that falls straight;
# the rest of each is light that wraps around: red light travels farthest under skin


def rotation(shot: Shots) -> Tensor:
    """Return the turn of the head as matrices `(N, 3, 3)`, from head to camera directions."""
    cos, sin = torch.cos, torch.sin
    yaw, pitch, roll = (angle.flatten() for angle in (shot.yaw, shot.pitch, shot.roll))
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*numbers: Tensor) -> Tensor:
        return torch.stack(numbers, dim=-1).view(-1, 3, 3)

    turn = matrix(cos(yaw), zero, sin(yaw), zero, one, zero, -sin(yaw), zero, cos(yaw))
    nod = matrix(one, zero, zero, zero, cos(pitch), sin(pitch), zero, -sin(pitch), cos(pitch))
    lean = matrix(cos(roll), -sin(roll), zero, sin(roll), cos(roll), zero, zero, zero, one)
    return lean @ nod @ turn


def shade(layers: Layers, shot: Shots, turn: Tensor, canvas: Canvas) -> Tensor:
    """Return the light that leaves each cell towards the camera, `(N, 3, H, W)`, linear.

    Lambert's law with a wrapped share for the light that travels under the skin, a sky of ambient
    light, and two lobes of gloss (Blinn and Phong); all in the frame of the head.
    """
    height = layers.height.clamp(min=-0.25)
    normal = normals(height, canvas.step)
    lamp = (turn.transpose(1, 2) @ shot.lamp[..., 0])[..., None]  # (N, 3, 1, 1)
    eye = turn[:, 2, :, None, None]
    up = -(turn.transpose(1, 2) @ torch.tensor([0.0, 1.0, 0.0], device=turn.device))[
        ..., None, None
    ]

    facing = dot(normal, lamp)
    seen = 1 - cast_shadow(height, lamp[..., 0, 0], canvas)
    direct = facing.clamp(0) * seen
    wrapped = ((facing + 0.35) / 1.35).clamp(0) * (0.45 + 0.55 * seen)
    open_sky = openness(height, canvas)
    ambient = shot.ambient * (0.78 + 0.30 * dot(normal, up)) * open_sky
    half = F.normalize(lamp + eye, dim=1)
    shine = dot(normal, half).clamp(0)
    shine2 = shine.square()
    shine8 = shine2.square().square()
    gloss = (0.10 * shine8 + 0.16 * shine8.square().square()) * layers.gloss * seen * shot.gloss
    gloss = gloss * shot.lamp_power * (0.32 + 0.58 * open_sky)

    share = torch.tensor(DIRECT, device=height.device)[:, None, None]
    diffuse = wrapped[:, None] + share * (direct - wrapped)[:, None]
    power = shot.lamp_colour * shot.lamp_power[:, None]
    light = power * diffuse * (0.4 + 0.6 * open_sky)[:, None] + ambient[:, None]
    return layers.colour * light + shot.lamp_colour * gloss[:, None]


def dot(normal: tuple[Tensor, Tensor, Tensor], way: Tensor) -> Tensor:
    """Return the cosine between normals and one direction a face, `(N, 3, 1, 1)`."""
    x, y, z = normal
    return torch.addcmul(torch.addcmul(x * way[:, 0], y, way[:, 1]), z, way[:, 2])


def normals(height: Tensor, step: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return x, y and z of the unit normals of a map of heights, from central differences."""
    padded = F.pad(height[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    right = ((padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / (2 * step)).clamp(-3, 3)
    down = ((padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / (2 * step)).clamp(-3, 3)
    length = torch.rsqrt(1 + right.square() + down.square())
    return -right * length, -down * length, length


def cast_shadow(height: Tensor, lamp: Tensor, canvas: Canvas) -> Tensor:
    """Return how much of the lamp is hidden, 0 to 0.85, `(N, H, W)`: steps towards the lamp.

    `lamp` is `(N, 3)` in the frame of the head. The farther away what hides it, the softer.
    """
    coarse = F.avg_pool2d(height[:, None], 4, ceil_mode=True, count_include_pad=False)
    rows, columns = coarse.shape[-2:]
    across = (torch.arange(columns, device=lamp.device) + 0.5) * (2 / columns) - 1
    along = (torch.arange(rows, device=lamp.device) + 0.5) * (2 / rows) - 1
    here = torch.stack(torch.meshgrid(across, along, indexing="xy"), dim=-1)[None]
    reach = 4 * canvas.step * torch.tensor([columns, rows], device=lamp.device) / 2
    hidden = torch.zeros_like(coarse)
    for rise in SHADOW_STEPS:
        away = (lamp[:, :2] * rise / lamp[:, 2:].clamp(0.25)).clamp(-0.8, 0.8) / reach
        there = F.grid_sample(coarse, here + away[:, None, None], align_corners=False,
                              padding_mode="border")  # fmt: skip
        hidden = torch.maximum(hidden, ((there - coarse - rise) / (0.03 + 0.12 * rise)).clamp(0, 1))
    soft = F.avg_pool2d(F.pad(hidden, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return 0.85 * F.interpolate(
        soft, height.shape[-2:], mode="bilinear", align_corners=False
    )[:, 0]  # fmt: skip


def openness(height: Tensor, canvas: Canvas) -> Tensor:
    """Return how much sky a cell sees, about 1 in the open: less in creases and in hollows."""
    crease = blur(height, max(2, round(0.05 / canvas.step))) - height
    hollow = blur(height, max(4, round(0.20 / canvas.step))) - height
    return (1 - 7 * crease.clamp(0, 0.08) - 1.6 * hollow.clamp(-0.03, 0.22)).clamp(0.25, 1.15)
