"""From numbers to pictures: the order of work, a few faces at a time."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from vtff_lib.refusals import check_tensor, check_whole, shown
from vtff_lib.synthetic_faces.action_units import Units
from vtff_lib.synthetic_faces.camera import develop, photograph
from vtff_lib.synthetic_faces.canvas import Canvas
from vtff_lib.synthetic_faces.faces import Faces
from vtff_lib.synthetic_faces.hair import add_body, add_hair
from vtff_lib.synthetic_faces.layers import Layers
from vtff_lib.synthetic_faces.light import rotation, shade
from vtff_lib.synthetic_faces.occluders import add_block, add_covers, add_glasses
from vtff_lib.synthetic_faces.regions import face_regions
from vtff_lib.synthetic_faces.shots import RANGES, SHARE
from vtff_lib.synthetic_faces.skin import (
    paint_beard,
    paint_brows,
    paint_eyes,
    paint_mouth,
    paint_skin,
)  # fmt: skip
from vtff_lib.synthetic_faces.surface import shape_face, upsample
from vtff_lib.synthetic_faces.wrinkles import add_wrinkles

LARGEST = 4096  # pixels
_lock = Lock()  # the number of threads is the whole process's
CHUNK = {"cpu": 4, "cuda": 256}  # faces at a time: what fits into a core's cache, or fills a GPU


class Rendered(NamedTuple):
    """Pictures, and where in them the regions of the face are seen."""

    images: Tensor  # (N, 3, S, S), uint8
    regions: Tensor  # (N, S, S), uint8: 1 + an index into REGIONS; 0 is none, or hidden


@torch.no_grad()
def render(faces: Faces, size: int = 112) -> Rendered:
    """Render faces to pictures, on the device where their numbers are.

    On a CPU one thread a core renders a few faces at a time.

    Args:
        faces: from `sample`, perhaps changed.
        size: height and width in pixels, from 32.

    Returns:
        The same pixels for a face whatever else is rendered with it, also on another number of
        cores; on a GPU nearly all are within one grey level of them.

    Raises:
        ValueError: if `size` is out of range, there are no faces, or one cannot be seen so.

    Taught in the appendix on rendered faces.
    """
    check_faces(faces)
    check_whole("size", size, low=32, high=LARGEST)
    device = faces.labels.device
    chunk = CHUNK.get(device.type, 16)
    parts = [faces[start : start + chunk] for start in range(0, len(faces), chunk)]
    if device.type != "cpu" or len(parts) == 1:
        rendered = [render_chunk(part, size) for part in parts]
    else:
        rendered = _in_threads(lambda part: render_chunk(part, size), parts)
    return Rendered(*(torch.cat(column) for column in zip(*rendered, strict=True)))


def check_faces(faces: object) -> None:
    """Raise a `ValueError` unless there are faces, and every number of theirs can be drawn."""
    if not isinstance(faces, Faces) or not len(faces):
        raise ValueError(f"{shown(faces)} are no faces; give at least one, see sample().")
    for name, column in vars(faces.people).items():
        check_tensor(name, column, "(...)", "real", finite=True)
    for name, column in {"action_units": faces.action_units, **vars(faces.shots)}.items():
        low, high = {"action_units": SHARE, **RANGES}.get(name, (-math.inf, math.inf))
        if not ((column >= low) & (column <= high)).all():
            raise ValueError(
                f"{name} reaches from {column.min():g} to {column.max():g}; give "
                f"{low:g} to {high:g}."
            )
    if ((faces.light.norm(dim=1) - 1).abs() > 0.01).any():
        raise ValueError("The way to a lamp has not the length 1; divide it by its norm().")


def _in_threads(do: Callable[[Faces], Rendered], parts: list[Faces]) -> list[Rendered]:
    """Return `do` of each part, each thread computing on one core; one call after the other."""
    with _lock:
        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(
                os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                return list(pool.map(do, parts))
        finally:  # what one thread sets, PyTorch hands on to every thread that is started later
            torch.set_num_threads(threads)


@torch.no_grad()
def render_chunk(faces: Faces, size: int) -> Rendered:
    """Render a few faces at once."""
    person, shot, units = faces.people.spread(), faces.shots.spread(), Units(faces.action_units)
    canvas = Canvas(size, faces.labels.device)
    grain = upsample(faces.people.texture, canvas)  # (N, 2, H, W)
    soft = upsample(faces.people.texture[:, :1, :8, :8], canvas)[:, 0]
    grain = torch.stack([soft, grain.mean(1) + 0.5 * grain[:, 1].flip(-1)], dim=1)
    fine = grain[:, 1]

    face = shape_face(person, units, canvas)
    height = face.height
    add_wrinkles(height, person, units, fine, canvas)
    height.add_(0.0012 * fine)
    skin = person.skin.expand(-1, -1, canvas.height, canvas.width).clone()
    regions = face_regions(person, units, face.form, canvas)
    layers = Layers(height, skin, torch.full_like(height, 0.55), regions)
    paint_skin(layers, person, units, face, grain, canvas)
    paint_beard(layers, person, units, face.form.inside, fine, canvas)
    paint_mouth(layers, person, units, fine, canvas)
    paint_eyes(layers, person, units, shot, canvas)
    paint_brows(layers, person, units, fine, canvas)
    add_hair(layers, person, face, grain, canvas)
    add_body(layers, person, grain, canvas)
    add_glasses(layers, person, shot, canvas)
    add_covers(layers, person, shot, grain, canvas)

    turn = rotation(shot)
    light = shade(layers, shot, turn, canvas)
    picture, seen = photograph(light, layers, shot, turn, faces.people.texture, canvas, size)
    add_block(picture, seen, shot)
    return Rendered(develop(picture, shot, person.skin), seen.to(torch.uint8))
