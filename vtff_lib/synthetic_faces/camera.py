"""From the map to the picture: rays, what is behind, and what a camera does to it."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.synthetic_faces.canvas import LEFT, RIGHT, TOP, Canvas, smoothstep
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.shots import Shots

NEAR, FAR, STEPS, HALVINGS = 1.05, -0.65, 13, 4
BACK = 1.1  # a part that is f before the middle plane reaches BACK·f behind it
MIDDLE = 0.20  # the y of the face that the camera looks at
SUPERSAMPLING = 2
BRIGHTEST = 1.0  # a brighter part of a pixel would outshine the rest and leave steps on outlines


class Rays(NamedTuple):
    """Lines of sight in the frame of the head: at depth z of the camera, start + z·way."""

    start: Tensor  # (N, S, S, 2): on the map, from -1 to 1
    way: Tensor
    start_z: Tensor  # (N, S, S): height above the map
    way_z: Tensor

    def on_map(self, depth: Tensor) -> Tensor:
        """Return where the rays are at a depth `(N, S, S)`."""
        return torch.addcmul(self.start, self.way, depth[..., None])

    def height(self, depth: Tensor) -> Tensor:
        """Return how high above the map they are there."""
        return torch.addcmul(self.start_z, self.way_z, depth)


def rays(shot: Shots, turn: Tensor, canvas: Canvas, pixels: int) -> Rays:
    """Return the line of sight of each pixel; `turn` takes directions from head to camera."""
    place = (torch.arange(pixels, device=turn.device) + 0.5) * (2 / pixels) - 1
    right = (place[None, None, :] - shot.shift[:, 0]) / shot.zoom
    down = (place[None, :, None] - shot.shift[:, 1]) / shot.zoom
    # A point (right, down, z) of the camera is turned back into the frame of the head.
    to_x, to_y, to_z = turn[..., None, None].unbind(2)  # each (N, 3, 1, 1)
    halves = ((RIGHT - LEFT) / 2, (canvas.bottom - TOP) / 2, 1.0)
    middles = ((RIGHT + LEFT) / 2, (canvas.bottom + TOP) / 2 - MIDDLE, 0.0)
    starts, ways = [], []
    for to, half, middle in zip((to_x, to_y, to_z), halves, middles, strict=True):
        start = right * (to[:, 0] / half) + down * (to[:, 1] / half)
        starts.append(start - middle / half)
        ways.append(to[:, 2] / half - shot.perspective * start)
    return Rays(torch.stack(starts[:2], -1), torch.stack(ways[:2], -1), starts[2], ways[2])


class Hits(NamedTuple):
    """Where lines of sight meet the solid."""

    place: Tensor  # (N, S, S, 2): on the map, from -1 to 1
    z: Tensor  # (N, S, S): height there; the back of the head is below 0
    solid: Tensor  # (N, S, S): false where a ray meets nothing


def first_hit(height: Tensor, sight: Rays) -> Hits:
    """March along the rays until they meet the solid."""

    def is_outside(place: Tensor, z: Tensor) -> Tensor:
        """Say whether points are before or behind the solid."""
        surface = F.grid_sample(
            height[:, None], place, align_corners=False, padding_mode="border"
        )[:, 0]  # fmt: skip
        return surface < torch.maximum(z, z * (-1 / BACK))

    step = (NEAR - FAR) / STEPS
    free = torch.ones_like(sight.start_z, dtype=torch.bool)
    steps = torch.zeros_like(sight.start_z)
    for number in range(STEPS):
        depth = NEAR - number * step
        place = torch.add(sight.start, sight.way, alpha=depth)
        free &= is_outside(place, torch.add(sight.start_z, sight.way_z, alpha=depth))
        steps += free
    hit = NEAR - step * steps
    for number in range(HALVINGS):  # the surface lies less than a step nearer
        between = hit + step / 2 ** (number + 1)
        hit = torch.where(is_outside(sight.on_map(between), sight.height(between)), hit, between)
    return Hits(sight.on_map(hit), sight.height(hit), ~free)


def photograph(
    light: Tensor,
    layers: Layers,
    shot: Shots,
    turn: Tensor,
    texture: Tensor,
    canvas: Canvas,
    size: int,
) -> tuple[Tensor, Tensor]:
    """Return pictures `(N, 3, S, S)` in linear light and the regions seen, `(N, S, S)`."""
    hits = first_hit(layers.height, rays(shot, turn, canvas, SUPERSAMPLING * size))
    seen = F.grid_sample(light, hits.place, align_corners=False, padding_mode="border")
    behind = backdrop(shot, texture, size).repeat_interleave(SUPERSAMPLING, -1)
    behind = behind.repeat_interleave(SUPERSAMPLING, -2)
    seen = (behind + (seen - behind) * hits.solid[:, None]).clamp(max=BRIGHTEST)
    picture = F.avg_pool2d(seen, SUPERSAMPLING)
    centre = (slice(None), slice(None, None, SUPERSAMPLING), slice(None, None, SUPERSAMPLING))
    regions = F.grid_sample(
        layers.region[:, None], hits.place[centre], mode="nearest", align_corners=False
    )[:, 0]
    in_front = hits.solid[centre] & (hits.z[centre] > 0)
    return picture, (regions * in_front).round()


def backdrop(shot: Shots, texture: Tensor, size: int) -> Tensor:
    """Return what is behind: two colours, one over the other, and soft patches, `(N, 3, S, S)`."""
    down = torch.linspace(-1, 1, size, device=texture.device)[:, None]
    above, below = shot.backdrop[:, 0], shot.backdrop[:, 1]  # (N, 3, 1, 1)
    colour = above + (below - above) * smoothstep(-1, 1, down)
    patches = F.interpolate(texture[:, :1, :7, :7], (size, size), mode="bicubic",
                            align_corners=False)  # fmt: skip
    light = 1.4 * shot.ambient[:, None]
    return (colour * (1 + shot.backdrop_texture[:, None] * 0.5 * patches) * light).clamp(0.004, 1.5)


def develop(picture: Tensor, shot: Shots, skin: Tensor) -> Tensor:
    """Return pictures as a camera writes them: uint8 `(N, 3, S, S)`.

    Exposure that allows for the colour of the skin `(N, 3, 1, 1)`, a soft shoulder, gamma 2.2 and
    contrast; then grey, lens blur, sensor noise and lossy coding, each where the shot asks for it.
    """
    exposure = shot.exposure[:, None] * (0.42 / skin.mean(1, keepdim=True)).pow(0.4)
    exposed = picture * exposure
    curved = (exposed * 1.12 / (1 + 0.18 * exposed)).clamp(0, 1).pow(1 / 2.2)
    curved = 0.5 + (curved - 0.5) * shot.contrast[:, None]
    weights = torch.tensor([0.299, 0.587, 0.114], device=picture.device)[:, None, None]
    grey = (curved * weights).sum(1, keepdim=True)
    image = torch.lerp(curved, grey.expand_as(curved), shot.grey[:, None])
    image = blurred(image, shot.blur.flatten() * (image.shape[-1] / 112))
    image = image + sensor_noise(image, shot)
    lossy = shot.loss.flatten() > 0
    if lossy.any():
        image[lossy] = coded(image[lossy], shot.loss[lossy][:, None])
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def blurred(image: Tensor, deviation: Tensor) -> Tensor:
    """Blur each picture by its own Gaussian; `deviation` `(N,)` is in pixels, 0 leaves it sharp."""
    count, channels, size, _ = image.shape
    reach = max(1, math.ceil(2.5 * 1.6 * size / 112))
    offsets = torch.arange(-reach, reach + 1, device=image.device)
    kernel = torch.exp(-0.5 * (offsets / deviation.clamp(0.05)[:, None]).square())
    kernel = kernel / kernel.sum(1, keepdim=True)
    weight = kernel.repeat_interleave(channels, 0)[:, None, None]  # (N·3, 1, 1, taps)
    flat = F.pad(image.view(1, count * channels, size, size), (reach,) * 4, mode="replicate")
    flat = F.conv2d(flat, weight, groups=count * channels)
    flat = F.conv2d(flat, weight.transpose(2, 3), groups=count * channels)
    return flat.view_as(image)


def sensor_noise(image: Tensor, shot: Shots) -> Tensor:
    """Return noise for each picture from its own seed, drawn on the CPU so that all agree."""
    noise = torch.zeros(image.shape)
    for row, (seed, level) in enumerate(
        zip(shot.noise_seed.flatten().tolist(), shot.noise.flatten().tolist(), strict=True)
    ):
        if level > 0:
            generator = torch.Generator().manual_seed(seed)
            noise[row] = torch.randn(image.shape[1:], generator=generator) * (level / 255)
    # A grey picture has grey noise.
    noise = torch.lerp(noise, noise[:, :1].expand_as(noise), shot.grey[:, None].cpu())
    return noise.to(image.device)


def coded(image: Tensor, loss: Tensor) -> Tensor:
    """Return pictures after an 8×8 cosine transform whose high frequencies were rounded away.

    Like JPEG, but on red, green and blue, and without its tables: the step grows with frequency.
    """
    size = image.shape[-1]
    padded = F.pad(image, (0, -size % 8, 0, -size % 8), mode="replicate")
    across = torch.arange(8, device=image.device, dtype=image.dtype)
    basis = torch.cos(math.pi * (2 * across + 1) * across[:, None] / 16) / 2
    basis[0] /= math.sqrt(2)  # rows are orthonormal
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)  # (N, 3, rows, columns, 8, 8)
    step = loss[..., None, None] * 0.05 * (1 + across + across[:, None])
    rounded = torch.round(basis @ blocks @ basis.T / step) * step
    decoded = (basis.T @ rounded @ basis).transpose(3, 4).reshape(padded.shape)
    return decoded[..., :size, :size]
