"""Where does a gap come from? Two trainings that differ in the skin tones of their faces alone.

    python -m figures.experiments.light_skin_only

For each seed the tiny model is trained twice from the same first weights, with the settings of the
minute training, on the same 2,800 rendered faces but for their skin: in one training its tone is
drawn from the whole ramp, in the other from the lighter half. Both are tested on the same adults,
at four tones of the ramp, face by face, under a usual and a dim lamp, as in `accuracy_by_group`.
Written to `light_skin_only.json`, with the gap of the darkest from the lightest tone, and how much
wider one training makes it than the other, seed by seed; intervals over seeds.
"""

from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from figures.experiments.accuracy_by_group import FACTORS, adults, with_people
from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment, first_seeds
from vtff_lib.config import VTFFConfig
from vtff_lib.evaluation.comparisons import compare
from vtff_lib.evaluation.measure import predict
from vtff_lib.synthetic_faces import Faces, render, sample
from vtff_lib.synthetic_faces.people import SKIN_RAMP
from vtff_lib.training.loop import train
from vtff_lib.training.progress import Progress
from vtff_lib.training.recipe import PRESETS, TrainingConfig
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF

TRAIN, VALID, TEST = 2800, 200, 480  # faces
TRAIN_SEED = 20  # of the people
DARKEST = {"whole ramp": 1.0, "lighter half": 0.5}  # how far along the ramp tones are drawn
CONDITIONS = ("skin tone", "skin tone, dim light")


def toned(faces: Faces, darkest: float, seed: int) -> Faces:
    """Return the faces with skins drawn evenly from the ramp's start to `darkest`, 0 to 1.

    A person's place on the ramp is the same share of the way in both trainings.
    """
    persons, rows = faces.identities.unique(return_inverse=True)
    drawn = torch.rand(len(persons), generator=torch.Generator().manual_seed(seed))[rows]
    place = drawn * darkest * (len(SKIN_RAMP) - 1)
    lower = place.floor().clamp(max=len(SKIN_RAMP) - 2).long()
    skin = torch.lerp(SKIN_RAMP[lower], SKIN_RAMP[lower + 1], (place - lower)[:, None])
    lips = skin * torch.tensor([0.82, 0.55, 0.55]) + torch.tensor([0.015, 0, 0.008])
    return with_people(faces, skin=skin, lip_colour=lips)


def examples(count: int, split: str, darkest: float, seed: int) -> Examples:
    """Return rendered faces to train on or to watch."""
    faces = toned(sample(range(count), seed=TRAIN_SEED + seed, split=split), darkest, seed)
    return Examples(render(faces).images, faces.labels)


def test_faces(count: int) -> tuple[Tensor, Tensor, dict[str, dict[str, Tensor]]]:
    """Return labels, persons, and the same adults' pictures at each tone under each lamp."""
    faces = adults()[:count]
    pictures = {
        condition: {
            tone: render(change(faces)).images for tone, change in FACTORS[condition].items()
        }
        for condition in CONDITIONS
    }
    return faces.labels, faces.identities, pictures


def gaps(
    model: VTFF, labels: Tensor, persons: Tensor, pictures: dict[str, dict[str, Tensor]]
) -> dict[str, Any]:
    """Return accuracy at each tone, and what it loses from the lightest, face by face."""
    table: dict[str, Any] = {}
    for condition, tones in pictures.items():
        right = {
            tone: (predict(model, images).argmax(dim=1) == labels).double()
            for tone, images in tones.items()
        }
        first = next(iter(right.values()))
        table[condition] = {
            tone: means({"accuracy": hits, "gap": hits - first}, persons)
            for tone, hits in right.items()
        }
    return table


def run(seed: int, config: TrainingConfig, counts: tuple[int, int, int]) -> Record:
    """Train and test both models of one seed."""
    labels, persons, pictures = test_faces(counts[2])
    config = replace(config, seed=seed)
    record: Record = {"seed": seed, "training": repr(config), "faces": counts}
    for name, darkest in DARKEST.items():
        torch.manual_seed(seed)
        model = VTFF(VTFFConfig.tiny(8))
        train_set = examples(counts[0], "train", darkest, seed)
        valid_set = examples(counts[1], "valid", darkest, seed)
        train(model, train_set, valid_set, config, progress=Progress())
        record[name] = gaps(model, labels, persons, pictures)
    return record


def summarise(runs: list[Record]) -> dict[str, Any]:
    """Return the mean accuracy at each tone, and what the seeds say of the darkest tone's gap."""
    return {
        "accuracy": {
            name: {
                condition: {
                    tone: round(
                        mean(run[name][condition][tone]["accuracy"]["value"] for run in runs), 4
                    )
                    for tone in runs[0][name][condition]
                }
                for condition in CONDITIONS
            }
            for name in DARKEST
        },
        "darkest minus lightest": {
            condition: over_seeds(runs, condition) for condition in CONDITIONS
        },
    }


def over_seeds(runs: list[Record], condition: str) -> dict[str, Any]:
    """Return the gap after each training, and the second's minus the first's; none of one seed."""
    if len(runs) < 2:
        return {}
    whole, lighter = (
        [run[name][condition]["darkest"]["gap"]["value"] for run in runs] for name in DARKEST
    )
    nothing = [0.0] * len(runs)
    pairs = {
        "whole ramp": (whole, nothing),
        "lighter half": (lighter, nothing),
        "difference": (lighter, whole),
    }
    return {
        name: {key: round(value, 4) for key, value in compare(*pair).difference._asdict().items()}
        for name, pair in pairs.items()
    }


@experiment("light_skin_only.json", "numpy", arguments=[first_seeds(3)], summarise=summarise)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield both models of each seed."""
    config = TrainingConfig(**PRESETS["minute"])
    for seed in seeds:
        yield run(seed, config, (TRAIN, VALID, TEST))


if __name__ == "__main__":
    main()
