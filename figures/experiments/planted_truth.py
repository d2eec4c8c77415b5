"""Plant a truth: a small square whose colour tells the class. Which maps find it, where it counts?

    python -m figures.experiments.planted_truth

Half of the squares that a model learns from wear the colour of their face's class, the others are
grey; so it learns to trust the colour where there is one and to read the face where there is none.
A face that wears another class's colour, is named so, and would not be without it: there the square
decided, and its place is known without any mask. What is asked is in `figures/plans/maps.toml`.
Written to `planted_truth.json`. Stopped, the same command goes on.
"""

import colorsys
import shutil
from typing import NamedTuple

import torch
from torch import Tensor

from figures.experiments import maps_under_test as under_test
from figures.experiments.harness import Record, experiment
from figures.experiments.maps_under_test import PLAN, Maps
from figures.experiments.runs import train_model, weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.inputs import resize
from vtff_lib.names import EXPRESSIONS, SPLITS
from vtff_lib.training.augmentation import Augmentation
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF

ASKED = PLAN["planted_truth"]
SIZE, CELL, GREY = 64, 16, 128
GRID = SIZE // CELL
CORNERS = ((0, 0), (0, GRID - 1), (GRID - 1, 0), (GRID - 1, GRID - 1))  # cells
COLOURS = torch.tensor(
    [
        [round(255 * part) for part in colorsys.hsv_to_rgb(hue / len(EXPRESSIONS), 0.8, 0.8)]
        for hue in range(len(EXPRESSIONS))
    ]
    + [[GREY] * 3]
)  # (9, 3): one for each class, then grey
NONE = len(EXPRESSIONS)  # wears no class's colour


def square(corner: int) -> tuple[slice, slice]:
    """Return the rows and columns of the square in a corner: the middle of its cell."""
    edge = (CELL - ASKED["side"]) // 2
    row, column = (CELL * place + edge for place in CORNERS[corner])
    return slice(row, row + ASKED["side"]), slice(column, column + ASKED["side"])


def plant(images: Tensor, worn: Tensor, corner: Tensor, places: int) -> Tensor:
    """Return pictures with grey squares in the first `places` corners, one in colour.

    Args:
        images: `(N, 3, 64, 64)` uint8.
        worn: `(N,)`, the class whose colour it is, or `NONE`.
        corner: `(N,)`, which square wears it, below `places`.
        places: how many corners have a square.
    """
    planted = images.clone()
    for number in range(places):
        rows, columns = square(number)
        colour = COLOURS[torch.where(corner == number, worn, NONE)].to(torch.uint8)  # (N, 3)
        planted[:, :, rows, columns] = colour[:, :, None, None]
    return planted


def by_lot(count: int, high: int, seed: int) -> Tensor:
    """Return whole numbers below `high`, `(count,)`."""
    return torch.randint(high, (count,), generator=torch.Generator().manual_seed(seed))


def training_faces(faces: FaceSet, places: int, seed: int) -> FaceSet:
    """Return the shipped faces to learn from, half of them with a colour that tells the class."""
    learned = faces[faces.splits != SPLITS.index("test")]
    images, count = resize(learned.images[:], SIZE), len(learned)
    worn = torch.where(by_lot(count, 2, 3 * seed) == 0, learned.labels, NONE)
    planted = plant(images, worn, by_lot(count, places, 3 * seed + 1), places)
    return FaceSet(planted, learned.labels, learned.splits, learned.class_names)


def train(world: str, places: int, seed: int) -> VTFF:
    """Train a tiny model in one world."""
    config = TrainingConfig.preset(
        "minute", epochs=ASKED["epochs"], growth=0.0, seed=seed, augmentation=Augmentation()
    )  # a mirror would move the squares
    torch.manual_seed(seed)
    model = VTFF(VTFFConfig.tiny(len(EXPRESSIONS), image_size=SIZE))
    name = f"planted_{world.replace(' ', '_')}"
    train_model(name, model, training_faces(load_default(), places, seed), config)
    shutil.rmtree(weights_of(name, seed).parent)
    return model.eval().to(memory_format=torch.channels_last)


class Trial(NamedTuple):
    """The same faces with the colour of another class, and without colour."""

    coloured: Tensor  # (N, 3, 64, 64)
    grey: Tensor
    worn: Tensor  # (N,): the class whose colour it is
    corner: Tensor  # (N,)
    labels: Tensor
    persons: Tensor

    def some(self, rows: Tensor) -> "Trial":
        """Return the trial of some faces."""
        return Trial(*(column[rows] for column in self))


def trial(faces: FaceSet, places: int, seed: int) -> Trial:
    """Return the test faces that show an expression, each with another class's colour."""
    shown = faces[faces.labels != EXPRESSIONS.index("neutral")]
    shown = shown[: ASKED["faces"]]
    images, labels = resize(shown.images[:], SIZE), shown.labels
    other = (labels + 1 + by_lot(len(labels), NONE - 1, seed)) % NONE
    corner = by_lot(len(labels), places, seed + 1)
    grey = plant(images, torch.full_like(labels, NONE), corner, places)
    coloured = plant(images, other, corner, places)
    return Trial(coloured, grey, other, corner, labels, shown.extras["identities"])


def place_in_order(heat: Tensor, corner: Tensor) -> Tensor:
    """Return the share of cells below the square's cell, ties counted half, `(N,)`, 0 to 1."""
    cells = torch.tensor([row * GRID + column for row, column in CORNERS])[corner]
    values = heat.flatten(1)
    own = values.gather(1, cells[:, None])
    below = (values < own).sum(dim=1) + ((values == own).sum(dim=1) - 1) / 2
    return below / (values.shape[1] - 1)


def on_top(heat: Tensor, corner: Tensor) -> Tensor:
    """Return whether the square's cell is the highest, `(N,)`, 0 to 1; several share it."""
    cells = torch.tensor([row * GRID + column for row, column in CORNERS])[corner]
    best = heat.flatten(1) == heat.flatten(1).amax(dim=1, keepdim=True)
    return best.gather(1, cells[:, None])[:, 0] / best.sum(dim=1)


def ask(model: VTFF, twin: VTFF, tried: Trial) -> Record:
    """Return what the model does, and what each map says where the square decided."""
    named = under_test.answers(model, tried.coloured)
    without = under_test.answers(model, tried.grey)
    decided = (named == tried.worn) & (without != tried.worn)
    some, everyone = tried.some(decided), tried.persons.unique()
    maps = under_test.all_maps(model, some.coloured, some.worn)
    bare = under_test.all_maps(model, some.grey, without[decided])
    blank, blank_bare = (
        under_test.all_maps(twin, images, some.worn) for images in (some.coloured, some.grey)
    )

    def each(scores: Tensor) -> list[float | None]:
        return [
            round(scores[some.persons == person].double().mean().item(), 5)
            if (some.persons == person).any()
            else None
            for person in everyone
        ]

    def compared(with_colour: Tensor, grey: Tensor) -> list[float | None]:
        rise = place_in_order(with_colour, some.corner) - place_in_order(grey, some.corner)
        return each((rise.sign() + 1) / 2)

    def found(heats: Maps) -> dict[str, Tensor]:
        return {name: on_top(heat, some.corner) for name, heat in heats.items()}

    edges = [under_test.edges(images, (GRID, GRID)) for images in (some.coloured, some.grey)]
    telling = {name: compared(maps[name], bare[name]) for name in maps}
    telling |= {f"{name}: untrained": compared(blank[name], blank_bare[name]) for name in maps}
    seeing = {"edges": edges[0]} | {f"{name}: untrained": blank[name] for name in maps}
    pointing = found(under_test.with_controls(maps, some.persons, some.worn) | seeing)
    alarms = found(bare | {"edges": edges[1]})
    return {
        "right without colour": share(without == tried.labels),
        "named by the colour": share(named == tried.worn),
        "decided": int(decided.sum()),
        "pointing": {name: each(hits) for name, hits in under_test.as_one(pointing).items()},
        "false alarm": {name: each(hits) for name, hits in alarms.items()},
        "with and without": telling | {"edges": compared(*edges)},
    }


def share(right: Tensor) -> float:
    """Return the share of what is true."""
    return round(right.double().mean().item(), 4)


def run(world: dict, seed: int) -> Record:
    """Train one model and ask its maps."""
    name, places = world["name"], world["places"]
    model = train(name, places, seed)
    twin = under_test.untrained(str(seed), model)
    return ask(model, twin, trial(load_default().part("test"), places, seed))


def summarise(runs: list[Record]) -> Record:
    """Return the verdicts over the seeds of one world."""
    rivals: dict[str, str | float] = {"class prior": "{}: class prior", "random": "random"}
    alarms = [run["false alarm"] for run in runs]
    return {
        **{
            key: [run[key] for run in runs] for key in runs[0] if not isinstance(runs[0][key], dict)
        },
        "pointing": under_test.verdicts([run["pointing"] for run in runs], "high", rivals),
        "false alarm": {
            name: under_test.told(under_test.table(run[name] for run in alarms), p=False)
            for name in alarms[0]
        },
        "with and without": under_test.verdicts(
            [run["with and without"] for run in runs],
            "high",
            {"½": 0.5, "untrained": "{}: untrained"},
        ),
    }


@experiment("planted_truth.json", "captum", "numpy", "scipy")
def main() -> Record:
    """Return what was found in each world."""
    worlds = {}
    for world in ASKED["worlds"]:
        runs = [
            under_test.kept(
                f"planted_truth {world['name']} {seed}", lambda w=world, s=seed: run(w, s)
            )
            for seed in ASKED["seeds"]
        ]
        worlds[world["name"]] = {"what": world["what"]} | summarise(runs)
    return {"plan": "figures/plans/maps.toml", "worlds": worlds}


if __name__ == "__main__":
    main()
