"""Faces as numbers: who, with which expression, seen how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.refusals import check_choice, check_number, check_whole, finite_numbers, shown
from vtff_lib.synthetic_faces.action_units import ACTION_UNITS, POSITION
from vtff_lib.synthetic_faces.expressions import sample_shown
from vtff_lib.synthetic_faces.parameters import Draws, Rows
from vtff_lib.synthetic_faces.people import People, sample_people
from vtff_lib.synthetic_faces.shots import Shots, lamp_at, sample_shots

FACES_PER_PERSON = 4
HEAD_DOWN, EYES_DOWN = 0.25, 0.5  # pitch and gaze of a head and of eyes turned down
TEXTURE = 24  # cells along the side of a person's irregularities
STUDIO: dict[str, Any] = {
    "yaw": 0, "pitch": 0, "roll": 0, "zoom": 1.25, "shift": 0, "perspective": 0.08, "gaze": 0,
    "lamp": lamp_at(torch.tensor([0.35]), torch.tensor([0.5]))[0], "lamp_power": 1, "ambient": 0.38,
    "gloss": 0.5, "occluder": 0, "exposure": 1, "contrast": 1.1, "grey": 0, "blur": 0, "noise": 0,
    "loss": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Faces(Rows):
    """One row a face; index it, move it with `.to`, change it with `.with_`."""

    labels: Tensor  # (N,), int64, into EXPRESSIONS
    identities: Tensor  # (N,), int64: faces of one number are one person
    action_units: Tensor  # (N, 19, 2), 0 to 1: ACTION_UNITS, left and right in the picture
    people: People
    shots: Shots

    def showing(self, units: Mapping[int, Any]) -> "Faces":
        """Return the same faces with these action units alone, the rest at 0.

        Args:
            units: intensity, 0 to 1, by number: `{12: 0.8}`, or `{12: (0.8, 0.1)}` for the left and
                the right of the picture.

        Raises:
            ValueError: if a unit is unknown or an intensity out of range.
        """
        intensities = torch.zeros_like(self.action_units)
        if not isinstance(units, Mapping):
            raise ValueError(f"units={shown(units)} will not do; give intensities by number.")
        for unit, intensity in units.items():
            if unit not in POSITION:
                raise ValueError(f"Action unit {unit!r:.9} is unknown; choose from {ACTION_UNITS}.")
            sides: Any = intensity.tolist() if hasattr(intensity, "tolist") else intensity
            sides = sides if isinstance(sides, tuple | list) else [sides]
            real = all(isinstance(side, int | float) and 0 <= side <= 1 for side in sides)
            if len(sides) not in (1, 2) or not real:
                raise ValueError(
                    f"Action unit {unit} at {shown(intensity)} will not do; give 0 to 1, or one "
                    "for the left and one for the right."
                )
            intensities[:, POSITION[unit]] = torch.tensor(sides).to(intensities)
        return replace(self, action_units=intensities)

    def seen(self, **shot: Any) -> "Faces":
        """Return the same faces seen in another way: `faces.seen(yaw=0.3, lamp=…)`, see `Shots`."""
        return replace(self, shots=self.shots.with_(**shot))

    def in_studio(self, **shot: Any) -> "Faces":
        """Return the same faces from the front, well lit and sharp, apart from what `shot` sets."""
        return self.seen(**(STUDIO | shot))

    @property
    def pose(self) -> Tensor:
        """Yaw, pitch and roll in radians, `(N, 3)`."""
        return torch.stack([self.shots.yaw, self.shots.pitch, self.shots.roll], dim=1)

    @property
    def light(self) -> Tensor:
        """The direction to the lamp, `(N, 3)`: right, down and towards the viewer; length 1."""
        return self.shots.lamp


def sample(
    indices: Sequence[int], seed: int = 0, split: str = "train", wildness: float = 0.25
) -> Faces:
    """Draw faces at random; each depends on `(seed, split, its index, wildness)` alone.

    Expressions come in equal shares: eight faces in a row, from a multiple of eight, show one each.
    Four faces in a row are one person, and no person is in two
    splits.

    Args:
        indices: which faces of the split, from 0; `range(100)` gives the first hundred.
        seed: another seed gives other people.
        split: `"train"`, `"valid"` or `"test"`.
        wildness: how the faces are seen, from 0, a studio, to 1, snapshots: how far pose, light,
            framing and camera vary, and how often something hides a part of the face. Heads that
            bow and eyes that look down in sadness belong to the expression, and do so at 0 too.

    Raises:
        ValueError: if the split is unknown, there are no indices, an index or the seed is no whole
            number from 0, or `wildness` is out of range.

    Taught in the appendix on rendered faces.
    """
    check_choice("split", split, SPLITS)
    check_whole("seed", seed, low=0, high=2**53)
    for index in finite_numbers("indices", indices):
        check_whole("index", index, low=0, high=2**53)
    indices = [int(index) for index in indices]
    if not indices:
        raise ValueError("There are no indices; give at least one.")
    check_number("wildness", wildness, 0, 1)
    part = SPLITS.index(split)
    persons = [index // FACES_PER_PERSON for index in indices]
    people = {
        person: np.random.default_rng([seed, 10 + part, person, 1])
        for person in sorted(set(persons))
    }
    texture = {p: r.standard_normal((2, TEXTURE, TEXTURE)) for p, r in people.items()}
    phases = {p: r.uniform(0, 2 * np.pi, 12) for p, r in people.items()}

    def stacked(table: dict[int, np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack([table[person] for person in persons]))

    count = len(EXPRESSIONS)
    orders = {
        block: np.random.default_rng([seed, 40 + part, block]).permutation(count)
        for block in {index // count for index in indices}
    }
    labels = torch.tensor([orders[index // count][index % count].item() for index in indices])
    shown = sample_shown(labels, Draws(seed, 20 + part, indices))
    shots = sample_shots(Draws(seed, 30 + part, indices), wildness)
    eyes_down = torch.stack([torch.zeros_like(shown.eyes_down), shown.eyes_down], dim=1)
    return Faces(
        labels=labels,
        identities=torch.tensor(persons) * len(SPLITS) + part,
        action_units=shown.action_units,
        people=sample_people(Draws(seed, 10 + part, persons), stacked(texture), stacked(phases)),
        shots=shots.with_(
            pitch=shots.pitch + HEAD_DOWN * shown.head_down, gaze=shots.gaze + EYES_DOWN * eyes_down
        ),
    ).single()
