"""What may hide a part of a face: glasses, sunglasses, a mask, a scarf, a hand, a block."""

import torch
from torch import Tensor

from vtff_lib.synthetic_faces.canvas import Canvas, away, bell, blur, smoothstep
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.people import People
from vtff_lib.synthetic_faces.shots import OCCLUDERS, Shots


def add_glasses(layers: Layers, person: People, shot: Shots, canvas: Canvas) -> None:
    """Put on glasses, or sunglasses where the shot says so."""
    dark = (shot.occluder == OCCLUDERS.index("sunglasses")).to(layers.height)
    worn = torch.maximum(person.glasses, dark)
    if not worn.any():
        return
    window = canvas.window((-0.8, 0.8), (-0.32, 0.36))
    y, apart = window.y, away(window.x)
    across, down = (apart - person.eye_x) / 0.195, (y - person.eye_y - 0.035) / 0.15
    radius = (across.abs().pow(3.2) + down.abs().pow(3.2)).pow(1 / 3.2)
    frame = bell((radius - 1) * 0.17, person.frame_width)
    bridge = bell(y - person.eye_y + 0.01, person.frame_width) * smoothstep(0.13, 0.10, apart)
    temple = bell(y - person.eye_y + 0.03, 1.1 * person.frame_width) * smoothstep(0.46, 0.49, apart)
    frame = (1.15 * (frame + bridge + temple)).clamp(0, 1) * worn
    height = window.of(layers.height)
    shade = person.frame_shade[:, None].expand(-1, 3, -1, -1)
    lens = window.edge(1 - radius, 2) * dark
    brow = height.flatten(1).amax(1)[:, None, None] * 0.86
    layers.cover(window, torch.maximum(height, brow), 0.1 * shade, lens, gloss=1.0)
    window.of(layers.colour).add_(0.02 * (worn * window.edge(1 - radius, 2))[:, None])
    layers.cover(window, window.of(layers.height) + 0.02, shade, frame, gloss=0.8)


def add_covers(layers: Layers, person: People, shot: Shots, grain: Tensor, canvas: Canvas) -> None:
    """Lay a mask, a scarf or a hand over the face, where the shot says so."""
    for name, cover in (("mask", _mask), ("scarf", _scarf), ("hand", _hand)):
        rows = (shot.occluder == OCCLUDERS.index(name)).flatten().nonzero().flatten()
        if len(rows):  # each costs time, and most pictures have none
            part = Layers(*(getattr(layers, layer)[rows] for layer in Layers.__annotations__))
            cover(part, person[rows], shot[rows], grain[rows], canvas)
            for layer in Layers.__annotations__:
                getattr(layers, layer)[rows] = getattr(part, layer)


def _mask(layers: Layers, person: People, shot: Shots, grain: Tensor, canvas: Canvas) -> None:
    whole = canvas.whole
    x, y = whole.x, whole.y
    face = layers.height.clamp(0)
    smooth = blur(face, round(0.24 / canvas.step)) + 0.05
    nose = blur(face, round(0.06 / canvas.step)) * (y < person.nose_y + 0.04)
    upper = person.nose_y - 0.20 + 0.28 * away(x).square()
    folds = 0.006 * torch.sin(y * 55) * smoothstep(0.0, 0.1, y - upper)
    on_face = (layers.height > 0.10) & (y < person.chin_y + 0.10)
    mask = smoothstep(-0.01, 0.015, y - upper) * on_face
    mask = mask * smoothstep(0.0, 0.05, person.face_width * 0.96 - x.abs())
    layers.cover(whole, torch.maximum(smooth, nose) + 0.03 + folds,
                 0.25 + 0.7 * shot.occluder_colour, mask, gloss=0.1)  # fmt: skip


def _scarf(layers: Layers, person: People, shot: Shots, grain: Tensor, canvas: Canvas) -> None:
    whole = canvas.whole
    x, y = whole.x, whole.y
    upper = person.mouth_y - 0.16 + 0.25 * shot.occluder_place[:, 0] + 0.10 * x.square()
    folds = torch.sin(34 * (y - upper) + 3 * x + grain[:, 0])
    shape = 0.74 * (1 - (x / 0.86).square()).clamp(0).sqrt()
    mask = smoothstep(-0.01, 0.02, y - upper) * (shape > 0)
    stripes = 1 + 0.35 * torch.sin(60 * (y - upper + 0.1 * x)).sign()
    colour = shot.occluder_colour * stripes[:, None]
    layers.cover(whole, shape + 0.012 * folds, colour, mask, gloss=0.02)


def _hand(layers: Layers, person: People, shot: Shots, grain: Tensor, canvas: Canvas) -> None:
    """A palm and four fingers, laid from below on a cheek, the mouth or an eye."""
    whole = canvas.whole
    side, up, tilt, spread = (shot.occluder_place[:, number] for number in range(4))
    centre_x, centre_y = 0.8 * (side - 0.5), 0.55 + 0.35 * up
    angle = (tilt - 0.5) * 1.4 - (side - 0.5) * 0.8
    right, down = whole.x - centre_x, whole.y - centre_y
    along = -right * torch.sin(angle) - down * torch.cos(angle)  # towards the finger tips
    across = right * torch.cos(angle) - down * torch.sin(angle)
    palm = 1 - ((across / 0.26).square() + ((along + 0.15) / 0.34).square())
    thickness = 0.10 * palm.clamp(0).sqrt()
    for finger, length in enumerate((0.42, 0.50, 0.47, 0.36)):
        lean = (finger - 1.5) * (0.08 + 0.14 * spread)
        root = (finger - 1.5) * 0.125
        off = (across - root - lean * along.clamp(0, 1)) / 0.062
        end = ((along - length).clamp(0) / 0.062).square()
        finger_height = (1 - off.square() - end).clamp(0).sqrt() * (along > -0.1)
        thickness = torch.maximum(thickness, 0.075 * finger_height)
    mask = (thickness > 0.004).to(thickness)
    below = blur(layers.height.clamp(0), round(0.2 / canvas.step))
    knuckles = 1 - 0.10 * bell(torch.sin(along * 13), 0.15)
    colour = person.skin * knuckles[:, None]
    layers.cover(whole, torch.maximum(below, layers.height - 0.05) + 0.03 + thickness, colour,
                 mask, gloss=0.4)  # fmt: skip


def add_block(picture: Tensor, region: Tensor, shot: Shots) -> None:
    """Hide a rectangle of the picture itself, in place, where the shot says so."""
    size = picture.shape[-1]
    place = (torch.arange(size, device=picture.device) + 0.5) / size
    wide, high, left, top = (shot.occluder_place[:, number] for number in range(4))
    wide, high = 0.2 + 0.3 * wide, 0.2 + 0.3 * high
    start_x, start_y = left * (1 - wide), top * (1 - high)
    hidden = (place > start_x) & (place < start_x + wide)
    hidden = hidden & (place[:, None] > start_y) & (place[:, None] < start_y + high)
    hidden = hidden & (shot.occluder == OCCLUDERS.index("block"))
    picture.copy_(torch.where(hidden[:, None], shot.occluder_colour, picture))
    region.mul_(~hidden)
