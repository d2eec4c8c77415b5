"""Where does a gap come from? Two trainings that differ in the skin tones of their faces alone.

    python -m figures.light_skin_only

For each seed the tiny model is trained twice from the same first weights, with the settings of the
minute training, on the same 2,800 rendered faces but for their skin: in one training its tone is
drawn from the whole ramp, in the other from the lighter half. Both are tested on the same adults,
at four tones of the ramp, face by face, under a usual and a dim lamp, as in `accuracy_by_group`.
Written to `light_skin_only.json`, with the gap of the darkest from the lightest tone.
"""

import argparse
import json
import time
from dataclasses import replace
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from figures.accuracy_by_group import FACTORS, adults, with_people
from figures.by_person import means
from figures.runs import FIGURES, write_runs
from vtff_lib.config import VTFFConfig
from vtff_lib.evaluation.circumstances import circumstances
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
    found: dict[str, Any] = {}
    for condition, tones in pictures.items():
        right = {
            tone: (predict(model, images).argmax(dim=1) == labels).double()
            for tone, images in tones.items()
        }
        first = next(iter(right.values()))
        found[condition] = {
            tone: means({"accuracy": each, "gap": each - first}, persons)
            for tone, each in right.items()
        }
    return found


def run(seed: int, config: TrainingConfig, counts: tuple[int, int, int]) -> dict[str, Any]:
    """Train and test both models of one seed."""
    labels, persons, pictures = test_faces(counts[2])
    config = replace(config, seed=seed)
    found: dict[str, Any] = {"seed": seed, "training": repr(config), "faces": counts}
    for name, darkest in DARKEST.items():
        torch.manual_seed(seed)
        model = VTFF(VTFFConfig.tiny(8))
        train_set = examples(counts[0], "train", darkest, seed)
        valid_set = examples(counts[1], "valid", darkest, seed)
        started = time.process_time()
        train(model, train_set, valid_set, config, progress=Progress())
        found[name] = {
            "cpu_seconds": round(time.process_time() - started, 1),
            **gaps(model, labels, persons, pictures),
        }
    seconds = sum(found[name]["cpu_seconds"] for name in DARKEST)
    return found | {"cpu_seconds": round(seconds, 1)}


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over seeds of accuracy and gap at each tone."""
    return {
        name: {
            condition: {
                tone: {
                    key: round(mean(run[name][condition][tone][key]["value"] for run in runs), 4)
                    for key in ("accuracy", "gap")
                }
                for tone in runs[0][name][condition]
            }
            for condition in runs[0][name]
            if condition != "cpu_seconds"
        }
        for name in DARKEST
    }


def main() -> None:
    """Train the seeds asked for and write their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = TrainingConfig(**PRESETS["minute"])
    for seed in options.seeds:
        told = run(seed, config, (TRAIN, VALID, TEST))
        told |= circumstances("numpy")
        write_runs(FIGURES / "light_skin_only.json", [told], summarise)
        print(json.dumps(told["lighter half"]["skin tone"]), flush=True)


if __name__ == "__main__":
    main()
