"""The shape of the head as a height z(x, y), with what the action units push up and pull in."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.synthetic_faces.action_units import Units
from vtff_lib.synthetic_faces.canvas import Canvas, Window, away, bell, smoothstep
from vtff_lib.synthetic_faces.features import Eyes, Mouth, eyes, jaw_drop, mouth, sink
from vtff_lib.synthetic_faces.people import People

EYE_WINDOW = ((-0.62, 0.62), (-0.32, 0.24))
NOSE_WINDOW = ((-0.42, 0.42), (-0.26, 0.62))
MOUTH_WINDOW = ((-0.46, 0.46), (0.36, 1.22))


@dataclass(frozen=True)
class Outline:
    """The head seen from the front: how far inside it a cell is."""

    inside: Tensor  # (N, H, W): 1 on the middle line, 0 on the rim, negative outside


def outline(person: People, units: Units, window: Window) -> Outline:
    """Return the head seen from the front, jaw included: AU 26 and 27 lengthen it."""
    y = sink(window.y, jaw_drop(units))
    cheek = 0.02 * person.fullness
    jaw = person.jaw_width + 0.08 * person.fullness
    # Half widths at the `places` below, from the crown (-1) over the eyes (0) to the chin (1).
    knots = torch.stack(
        [value.expand_as(person.jaw_width) for value in (
            torch.full_like(jaw, 0.0), torch.full_like(jaw, 0.66), torch.full_like(jaw, 0.905),
            torch.full_like(jaw, 0.985), torch.ones_like(jaw), 0.975 + cheek, jaw + 0.08,
            jaw - 0.06 + 0.15 * (person.chin_width - 0.37), person.chin_width + 0.02,
            torch.full_like(jaw, 0.0),
        )],
        dim=1,
    )[..., 0, 0]  # fmt: skip
    places = torch.tensor([-1, -0.8, -0.55, -0.25, 0.0, 0.25, 0.5, 0.72, 0.9, 1.0]).to(y)
    length = torch.where(y < 0, person.crown_y, person.chin_y)
    squared = _spline(places, knots.square(), (y / length)[..., 0])[..., None]
    half_width = person.face_width * squared.clamp(1e-4).sqrt()
    inside = 1 - (window.x.abs() / half_width).pow(2.3)
    return Outline(torch.where(squared > 4e-4, inside, squared * 40 - 1))


def _spline(places: Tensor, values: Tensor, at: Tensor) -> Tensor:
    """Interpolate `values` `(N, K)` at `places` `(K,)` by cubic Hermite pieces, at `(N, H)`.

    Beyond the ends the last slope goes on.
    """
    slopes = (values[:, 1:] - values[:, :-1]) / (places[1:] - places[:-1])
    tangents = torch.cat([slopes[:, :1], (slopes[:, 1:] + slopes[:, :-1]) / 2, slopes[:, -1:]], 1)
    piece = (torch.searchsorted(places, at.contiguous()) - 1).clamp(0, len(places) - 2)
    width = (places[1:] - places[:-1])[piece]
    t = (at - places[piece]) / width
    start, end = values.gather(1, piece), values.gather(1, piece + 1)
    left, right = tangents.gather(1, piece) * width, tangents.gather(1, piece + 1) * width
    cubic = start + t * (
        left + t * (3 * (end - start) - 2 * left - right + t * (2 * (start - end) + left + right))
    )
    straight = torch.where(t < 0, start + left * t, end + right * (t - 1))
    return torch.where((t >= 0) & (t <= 1), cubic, straight)


def skull(person: People, window: Window, form: Outline, drop: Tensor) -> Tensor:
    """Return the bare head without features, `(N, H, W)`; negative outside the outline."""
    y = sink(window.y, drop)
    below = (y / person.chin_y).clamp(0, 1)
    above = (-y / person.crown_y).clamp(0, 1)
    middle = person.depth * (1 - 0.11 * smoothstep(0.1, 1, below)) * (1 - below.pow(8)).sqrt()
    middle = middle * (1 - 0.72 * above.pow(2.6)).clamp(1e-3).sqrt()
    bulge = form.inside.abs().clamp(1e-6).sqrt()
    return middle.clamp(0.05) * torch.where(form.inside > 0, bulge, -bulge)


class Bumps:
    """Broad round hills, each a product of a profile in x and one in y, added up at once."""

    def __init__(self, window: Window):
        self._window = window
        self._x: list[Tensor] = []
        self._y: list[Tensor] = []

    def add(
        self, height: Tensor | float, x: Tensor | float, y: Tensor | float, wide: float, high: float
    ) -> None:
        """Add a pair of hills at ±x, or one at x = 0; `height` `(N, 1, w)` may differ by side."""
        alone = isinstance(x, int) and x == 0
        across = self._window.x if alone else away(self._window.x)
        self._x.append(height * bell(across - x, wide))
        self._y.append(bell(self._window.y - y, high))

    def total(self, count: int) -> Tensor:
        """Return the sum of all hills, `(count, h, w)`."""
        w, h = self._window.x.shape[-1], self._window.y.shape[-2]
        rows = torch.cat([p.expand(count, 1, w) for p in self._x], dim=1)  # (N, K, w)
        columns = torch.cat([p.expand(count, h, 1) for p in self._y], dim=2)  # (N, h, K)
        return torch.bmm(columns, rows)


def broad_forms(person: People, units: Units, window: Window) -> Tensor:
    """Return sockets, brow ridge, cheeks, muzzle and chin, `(N, H, W)`: AU 6, 9, 10, 12, 17."""
    x = window.x
    au6, au9, au10, au12 = (units.across(u, x) for u in (6, 9, 10, 12))
    drop = jaw_drop(units)
    raised = 0.05 * units.both(6) + 0.05 * units.both(12)
    bumps = Bumps(window)
    bumps.add(-0.095, person.eye_x - 0.02, person.eye_y, 0.17, 0.11)  # eye sockets
    bumps.add(-0.06, 0.13, -0.02, 0.07, 0.10)
    bumps.add(person.brow_ridge, 0.2, person.brow_y + 0.02, 0.26, 0.07)
    bumps.add(0.02, 0, -0.45, 0.45, 0.25)  # forehead
    bumps.add(person.cheekbones, 0.44, 0.24 - raised, 0.16, 0.12)
    bumps.add(0.035 * person.fullness, 0.36, 0.42, 0.2, 0.22)
    bumps.add(-0.028 + 0.03 * person.fullness, 0.45, 0.56, 0.14, 0.2)  # hollow cheek
    # Raised cheeks: AU 6 lifts them to the lid, AU 12 rounds them into apples.
    bumps.add(0.040 * au6 + 0.060 * au12, 0.36, 0.29 - raised, 0.15, 0.115)
    bumps.add(0.022 * (au9 + au10), 0.24, 0.26, 0.10, 0.10)
    bumps.add(0.055, 0, person.mouth_y, 0.27, 0.17)  # muzzle
    chin = person.chin_y - 0.13 + drop
    bumps.add(person.chin_boss * (1 + 0.6 * units.both(17)), 0, chin, 0.17, 0.11)
    return bumps.total(len(person))


def nose(person: People, units: Units, window: Window) -> tuple[Tensor, Tensor]:
    """Return the nose's height and how dark its nostrils are; AU 9, 10, 12 and 20 widen it."""
    x, y, apart = window.x, window.y, away(window.x)
    au9, au10, au12, au20 = (units.across(u, x) for u in (9, 10, 12, 20))
    end = person.nose_y - 0.022 * units.both(9) - 0.008 * units.both(10)
    width = person.nose_width * (1 + 0.10 * au12 + 0.12 * au9 + 0.07 * au10 + 0.05 * au20)
    down = ((y + 0.02) / end).clamp(-0.4, 1.25)  # 0 at the root, 1 at the end
    along = down.clamp(0, 1)
    ridge = person.nose_height * (0.30 + 0.70 * along.pow(1.25))
    ridge = ridge * smoothstep(-0.35, 0.12, down) * (1 - smoothstep(0.88, 1.14, down))
    broad = person.nose_bridge * (1 + 0.75 * along.square()) * (1 - 0.12 * bell(down - 0.15, 0.2))
    height = 0.60 * ridge * torch.exp(-0.75 * (x / broad).square())
    height = height + 0.42 * ridge * (1 - smoothstep(0.45, 1.15, down)) * bell(x, 2 * broad)
    height = height + person.nose_hump * bell(down - 0.4, 0.25) * bell(x, 0.05)
    tip = end - 0.058
    height = height + 0.065 * person.nose_tip * bell(x, 0.078) * bell(y - tip, 0.072)
    wing = width * 0.80
    wing_y = end - 0.045 - 0.028 * au9 - 0.018 * au10
    height = height + 0.085 * bell(apart - wing, 0.055) * bell(y - wing_y, 0.060)
    height = height - 0.025 * bell(apart - wing - 0.062, 0.030) * bell(y - wing_y, 0.060)
    hole = apart - width * 0.46
    nostril = bell(hole, 0.036) * bell(y - end - 0.002 + 0.15 * hole, 0.016)
    return height - 0.05 * nostril, nostril


def eye_forms(person: People, units: Units, window: Window, lines: Eyes) -> Tensor:
    """Return eyeball, lid crease, hood and lower lid; AU 4, 5, 6, 7 and 43 shape them."""
    y = window.y
    au4, au5, au6, au7, au43 = (units.across(u, window.x) for u in (4, 5, 6, 7, 43))
    beside = smoothstep(1.35, 1.0, lines.across.abs())
    ball = torch.exp(-((lines.across / 0.95).pow(4)) - ((y - lines.axis) / 0.085).square())
    hood = 0.03 * person.hooding * (1 + 0.6 * au4 + 0.4 * au7) * (1 - 0.6 * au5)
    height = 0.055 * ball - 0.022 * (1 - 0.7 * au43) * beside * bell(y - lines.crease, 0.012)
    height = height + hood * beside * bell(y - lines.crease + 0.035, 0.03)
    roll = 0.012 * (1 + 1.6 * au7 + 1.4 * au6) * beside
    height = height + roll * bell(y - lines.lower - 0.018, 0.014)
    return height + 0.02 * person.bags * beside * (
        bell(y - lines.lower - 0.05, 0.025) - bell(y - lines.lower - 0.085, 0.016)
    )


def mouth_forms(person: People, units: Units, window: Window, lines: Mouth) -> Tensor:
    """Return lips, philtrum and the fold above the chin; AU 17, 23 and 24 roll and push them."""
    x, y = window.x, window.y
    au17, au23, au24 = (units.across(u, x) for u in (17, 23, 24))
    within = smoothstep(1.06, 0.94, lines.across.abs()) * lines.taper.sqrt()
    upper = ((y - lines.top) / (lines.inner_top - lines.top).clamp(0.004)).clamp(0, 1)
    lower = ((y - lines.inner_bottom) / (lines.bottom - lines.inner_bottom).clamp(0.004)).clamp(
        0, 1
    )
    full = within * lines.thinning
    height = 0.034 * full * torch.sin(math.pi * upper) + 0.052 * full * torch.sin(math.pi * lower)
    height = height - 0.02 * within * bell(y - lines.middle, 0.012) * (1 - units.both(25))
    groove = bell(x, 0.022) * smoothstep(-0.02, 0.02, y - person.nose_y)
    height = height - 0.014 * groove * (1 - smoothstep(-0.03, 0.0, y - lines.top))
    fold = bell(x, 0.2) * bell(y - lines.bottom - 0.055, 0.04)
    height = height - 0.03 * fold * (1 + 0.9 * au17)
    rolls = bell(y - lines.top + 0.025, 0.022) + bell(y - lines.bottom - 0.025, 0.022)
    return height + (0.020 * au24 + 0.014 * au23) * rolls * bell(lines.across.square(), 0.8)


@dataclass(frozen=True)
class Face:
    """The bare face: its height, its outline, and what the other modules need again."""

    height: Tensor  # (N, H, W)
    form: Outline
    nostrils: Tensor  # in NOSE_WINDOW


def shape_face(person: People, units: Units, canvas: Canvas) -> Face:
    """Return the height of the head with all its features, without wrinkles and hair."""
    whole = canvas.whole
    form = outline(person, units, whole)
    height = skull(person, whole, form, jaw_drop(units)) + broad_forms(person, units, whole) * (
        form.inside > 0
    )
    window = canvas.window(*NOSE_WINDOW)
    nose_height, nostrils = nose(person, units, window)
    window.of(height).add_(nose_height)
    window = canvas.window(*EYE_WINDOW)
    window.of(height).add_(eye_forms(person, units, window, eyes(person, units, window.x)))
    window = canvas.window(*MOUTH_WINDOW)
    window.of(height).add_(mouth_forms(person, units, window, mouth(person, units, window.x)))
    return Face(height, form, nostrils)


def upsample(texture: Tensor, canvas: Canvas) -> Tensor:
    """Return a person's irregularities `(N, K, k, k)` stretched over the map, `(N, K, H, W)`."""
    size = (canvas.height, canvas.width)
    return F.interpolate(texture, size, mode="bilinear", align_corners=False)
