"""Who is read worse? Accuracy on the same rendered faces with one thing changed at a time.

    python -m figures.experiments.accuracy_by_group
    python -m figures.experiments.accuracy_by_group "as drawn"    the other part stays as stored

Adults of the test split, whom no training saw, each with its own expression, pose and light. Of one
factor after another every face is rendered at all levels, everything else left as it was; so groups
are compared face by face, and a gap has no other cause than the factor. Models: the shipped tiny
one, and the shipped one for photographs, given the same faces grey, tight and of 48 pixels. Written
to `accuracy_by_group.json`: of each level accuracy, and its difference from the first level of the
factor, with 95 % intervals that draw persons, not faces.

Beside that the same faces as they were drawn, sorted into groups: there, groups differ in more than
their names.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.domain_gap import as_ferplus
from figures.experiments.harness import FIGURES, Record, alone_with, argument, parse, write
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.evaluation.measure import predict
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import Faces, render, sample
from vtff_lib.synthetic_faces.people import SKIN_RAMP
from vtff_lib.synthetic_faces.shots import OCCLUDERS, lamp_at
from vtff_lib.vtff import VTFF

DRAWN = 960  # faces of the split, children among them
SEED = 10  # of the people
DIM = 0.35  # of the lamp's usual power
Change = Callable[[Faces], Faces]


def with_people(faces: Faces, **columns: Any) -> Faces:
    """Return the faces with some columns of their `people` replaced."""
    return replace(faces, people=faces.people.with_(**columns))


def skin(place: int) -> Change:
    """Return what gives everybody a skin of the ramp, and lips that go with it; hair stays."""
    colour = SKIN_RAMP[place]
    lips = colour * torch.tensor([0.82, 0.55, 0.55]) + torch.tensor([0.015, 0, 0.008])
    return lambda faces: with_people(faces, skin=colour, lip_colour=lips)


def beard(amount: float) -> Change:
    """Return what gives everybody this much beard, and no stubble."""
    return lambda faces: with_people(faces, beard=amount, moustache=amount, stubble=0.0)


def column(name: str, value: float) -> Change:
    """Return what sets a column of `people` to one value."""
    return lambda faces: with_people(faces, **{name: value})


def shot(**columns: Any) -> Change:
    """Return what sets columns of `shots`."""
    return lambda faces: faces.seen(**columns)


def lamp(across: float, above: float) -> Tensor:
    """Return a lamp's direction, `(1, 3)`, from degrees to the right and up."""
    degrees = torch.tensor([across, above]) * math.pi / 180
    return lamp_at(degrees[:1], degrees[1:])


def turned(degrees: float) -> Change:
    """Return what turns heads by so many degrees."""
    return shot(yaw=math.radians(degrees))


def both(first: Change, second: Change) -> Change:
    """Return two changes, one after the other."""
    return lambda faces: second(first(faces))


TONES = {"lightest": skin(0), "light": skin(1), "dark": skin(2), "darkest": skin(3)}
FRONT = shot(lamp=lamp(0, 28), lamp_power=1.0)
DIM_LAMP = shot(lamp=lamp(0, 28), lamp_power=DIM)
# Each factor with its levels; the first is what the others are compared with.
FACTORS: dict[str, dict[str, Change]] = {
    "skin tone": {name: both(FRONT, tone) for name, tone in TONES.items()},
    "skin tone, dim light": {name: both(DIM_LAMP, tone) for name, tone in TONES.items()},
    "age": {
        "young": column("age", 0.0),
        "middle": column("age", 0.5),
        "old": column("age", 1.0),
    },
    "glasses": {"without": column("glasses", 0.0), "with": column("glasses", 1.0)},
    "beard": {"shaved": beard(0.0), "full beard": beard(0.8)},
    "head turn": {f"{degrees}°": turned(degrees) for degrees in (0, 10, 20, 30)},
    "light from": {
        "the front": FRONT,
        "45° aside": shot(lamp=lamp(45, 28), lamp_power=1.0),
        "75° aside": shot(lamp=lamp(75, 28), lamp_power=1.0),
        "below": shot(lamp=lamp(0, -40), lamp_power=1.0),
    },
    "light": {
        "usual": FRONT,
        "dim": DIM_LAMP,
        "very dim": shot(lamp=lamp(0, 28), lamp_power=0.15),
        "glaring": shot(lamp=lamp(0, 28), lamp_power=2.0),
    },
    "in front": {name: shot(occluder=OCCLUDERS.index(name)) for name in OCCLUDERS},
}
MEN = ("beard",)  # factors for those faces alone that the renderer drew as masculine


def adults() -> Faces:
    """Return the faces that are measured; children's heads have another shape, not only an age."""
    faces = sample(range(DRAWN), seed=SEED, split="test")
    return faces[faces.people.age > 0]


def masculine(faces: Faces) -> Tensor:
    """Return who was drawn with a trace of stubble at least, which the renderer gives men alone."""
    return faces.people.stubble > 0


def answers(models: Mapping[str, VTFF], faces: Faces) -> dict[str, Tensor]:
    """Return whether each model is right on each face, `(N,)` float64."""
    images = render(faces).images
    views = {"tiny": images, "photos": as_ferplus(images)}
    return {
        name: (predict(model, views[name]).argmax(dim=1) == faces.labels).double()
        for name, model in models.items()
    }


def compare(
    models: Mapping[str, VTFF], faces: Faces, levels: Mapping[str, Change]
) -> dict[str, Any]:
    """Return of each level and model accuracy, and its paired difference from the first level."""
    first: dict[str, Tensor] = {}
    table: Record = {}
    for level, change in levels.items():
        right = answers(models, change(faces))
        first = first or right
        figures = {f"{name}, accuracy": hits for name, hits in right.items()}
        figures |= {f"{name}, gap": hits - first[name] for name, hits in right.items()}
        table[level] = means(figures, faces.identities)
    return table


def as_drawn(right: Mapping[str, Tensor], faces: Faces) -> dict[str, Any]:
    """Return accuracy in groups of faces as they were drawn, with the number of faces in each."""
    old = faces.people.age > 0.5
    glasses = faces.people.glasses > 0
    groups = {
        "age": {"younger half of the range": ~old, "older half of the range": old},
        "glasses": {"without": ~glasses, "with": glasses},
        "drawn as": {"feminine": ~masculine(faces), "masculine": masculine(faces)},
    }
    return {
        factor: {
            group: {"number": int(rows.sum())}
            | means({name: hits[rows] for name, hits in right.items()}, faces.identities[rows])
            for group, rows in levels.items()
        }
        for factor, levels in groups.items()
    }


def paired(models: Mapping[str, VTFF], faces: Faces) -> dict[str, Any]:
    """Return what each factor does to the same faces."""
    men = faces[masculine(faces)]
    table = {}
    for factor, levels in FACTORS.items():
        rows = men if factor in MEN else faces
        table[factor] = {"faces": len(rows), "levels": compare(models, rows, levels)}
    return table


PARTS: dict[str, Callable[[Mapping[str, VTFF], Faces], dict[str, Any]]] = {
    "paired": paired,
    "as drawn": lambda models, faces: as_drawn(answers(models, faces), faces),
}


def main() -> None:
    """Measure both models and write the figures."""
    part = argument("part", nargs="?", choices=PARTS, help="all if not given")
    wanted = parse(__doc__, [part])["part"]
    torch.set_num_threads(1)
    faces = adults()
    models = {name: load_pretrained(name) for name in ("tiny", "photos")}
    classes = dict(zip(EXPRESSIONS, faces.labels.bincount(minlength=8).tolist(), strict=True))
    about = {
        "seed": SEED,
        "faces": len(faces),
        "persons": len(faces.identities.unique()),
        "classes": classes,
        "dim": DIM,
    }
    path = FIGURES / "accuracy_by_group.json"
    for name in [wanted] if wanted else PARTS:
        started = time.process_time()
        measured = PARTS[name](models, faces)
        seconds = round(time.process_time() - started, 1)
        with alone_with(path):
            record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"made": {}}
            record["made"][name] = circumstances("numpy") | {"cpu_seconds": seconds}
            record[name] = measured
            write(path, about | {key: record[key] for key in ("made", *PARTS) if key in record})


if __name__ == "__main__":
    main()
