"""What the tests of maps share: the plan, models, faces, maps, controls, and the verdict.

Each test stores what it found for one model in `build/maps/` as soon as it knows it, so a script
that was stopped goes on there; its JSON in `figures/` is made of all that is stored.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from time import process_time
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from figures.experiments.harness import BUILD, FIGURES, Record, write
from figures.experiments.runs import train_tiny, weights_of
from figures.experiments.train_tiny import PRESETS, faces_for
from vtff_lib import explain
from vtff_lib.evaluation.comparisons import crossed, holm
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain.attribution import integrated_gradients, occlusion
from vtff_lib.explain.faithfulness import centred_blob, random_map
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.synthetic_faces.faces import Faces
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF
from vtff_lib.weights import read_weights, write_weights

PLAN = tomllib.loads((FIGURES / "plans" / "maps.toml").read_text(encoding="utf-8"))
NAMES: list[str] = PLAN["maps"]["names"]
AT_ONCE = 50  # faces in a pass
Maps = dict[str, Tensor]  # (N, h, w) by name
Scores = dict[str, list[float | None]]  # of each person, by name


def trained() -> dict[str, VTFF]:
    """Return the trained tiny models whose weights are there, by name: `tiny 0` is shipped."""
    models = {"tiny 0": load_pretrained("tiny")}
    for seed in PLAN["models"]["trained"][1:]:
        if weights_of("tiny_shipped", seed).is_file():
            models[f"tiny {seed}"] = VTFF.load(weights_of("tiny_shipped", seed))
    return {name: model.to(memory_format=torch.channels_last) for name, model in models.items()}


def other_seeds() -> None:
    """Train the shipped recipe from the other seeds of the plan, where it is not done yet."""
    torch.set_num_threads(1)
    for seed in PLAN["models"]["trained"][1:]:
        if not weights_of("tiny_shipped", seed).is_file():
            config = TrainingConfig.preset(PRESETS["shipped"], seed=seed)
            train_tiny("tiny_shipped", faces_for("shipped"), config)


def untrained(name: str, model: VTFF) -> VTFF:
    """Return the twin that has learned nothing: the first weights of the same seed."""
    seed = int(name.split()[-1]) if name[-1].isdigit() else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = VTFF(model.config)
    return twin.eval().to(memory_format=torch.channels_last)


def people() -> Faces:
    """Return all test faces as numbers, four of each person."""
    plan = PLAN["faces"]
    return sample(range(plan["people"] * plan["faces_each"]), split="test")


def expressive(faces: Faces, each: int | None = None) -> Tensor:
    """Return the indices of the faces that show an expression; of each person the first `each`."""
    shown = faces.labels != EXPRESSIONS.index("neutral")
    if each is not None:
        turn = torch.zeros(len(faces), dtype=torch.int64)
        for person in faces.identities.unique():
            mine = faces.identities == person
            turn[mine] = shown[mine].cumsum(0)
        shown &= turn <= each
    return shown.nonzero()[:, 0]


def draw(faces: Faces, size: int = 112) -> tuple[Tensor, Tensor]:
    """Return pictures and regions, four faces at a time: one thread."""
    parts = [render(faces[start : start + 4], size) for start in range(0, len(faces), 4)]
    images, regions = zip(*parts, strict=True)
    return torch.cat(images), torch.cat(regions)


def kept_tensors(name: str, make: Callable[[], Maps]) -> Maps:
    """Return the tensors that `make` made, from `build/maps/` if they were made before."""
    path = BUILD / "maps" / f"{name}.safetensors"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(path, make(), {})
        print(f"{path.name} is made.", flush=True)
    return read_weights(path)


class Seen(NamedTuple):
    """The test faces that show an expression, and what one model says of them."""

    faces: Faces
    images: Tensor
    regions: Tensor
    answers: Tensor
    maps: Maps


def seen(name: str, model: VTFF) -> Seen:
    """Return the faces with a model's answers and all its maps; what is slow is kept."""
    faces = people()
    faces = faces[expressive(faces)]
    drawn = kept_tensors(
        "faces", lambda: dict(zip(("images", "regions"), draw(faces), strict=True))
    )
    images = drawn["images"]
    classes = answers(model, images)
    maps = kept_tensors(f"maps {name}", lambda: all_maps(model, images, classes))
    return Seen(faces, images, drawn["regions"], classes, {kind: maps[kind] for kind in NAMES})


def logits_of(model: VTFF, images: Tensor, classes: Tensor) -> Tensor:
    """Return the logit of one class for each image, `(N,)`."""
    with torch.inference_mode():
        logits = torch.cat([model(part).logits for part in images.split(AT_ONCE)])
    return logits.gather(1, classes[:, None])[:, 0].clone()


def answers(model: VTFF, images: Tensor) -> Tensor:
    """Return the class that the model names for each image, `(N,)`."""
    return predict(model, images).argmax(dim=1)


def all_maps(
    model: VTFF, images: Tensor, classes: Tensor, names: Iterable[str] = tuple(NAMES)
) -> Maps:
    """Return the maps of those names, by name, for the class given of each image."""
    parts = [
        _maps(model, *part, tuple(names))
        for part in zip(images.split(AT_ONCE), classes.split(AT_ONCE), strict=True)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _maps(model: VTFF, rgb: Tensor, classes: Tensor, names: tuple[str, ...]) -> Maps:
    out = model(rgb, return_maps=True)
    steps = PLAN["maps"]["path_steps"]
    makers: dict[str, Callable[[], explain.HeatMap]] = {
        "gate": lambda: explain.gate(out),
        "energy share": lambda: explain.energy_share(out, model.config.gated_branch),
        "attention": lambda: explain.attention(out),
        "rollout": lambda: explain.rollout(out),
        "gradient × attention": lambda: explain.gradient_attention(out, classes),
        "Grad-CAM, fused": lambda: explain.grad_cam(out, classes, "fused"),
        "Grad-CAM, RGB": lambda: explain.grad_cam(out, classes, "rgb"),
        "Grad-CAM, LBP": lambda: explain.grad_cam(out, classes, "lbp"),
        "integrated gradients, RGB": lambda: integrated_gradients(model, rgb, classes, steps)[0],
        "occlusion": lambda: occlusion(model, rgb, classes),
        "occlusion, LBP alone": lambda: occlusion(model, rgb, classes, "lbp"),
    }
    return {name: makers[name]().values for name in names}


def edges(images: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return how much neighbouring pixels differ, `(N, h, w)`: a map that knows no model."""
    grey = images.float().mean(dim=1, keepdim=True)
    across, down = grey.diff(dim=3).abs(), grey.diff(dim=2).abs()
    return sum(F.adaptive_avg_pool2d(steps, grid)[:, 0] for steps in (across, down))


def chance(like: Tensor, count: int) -> list[Tensor]:
    """Return several maps of chance of the shape of another."""
    return [random_map(tuple(like.shape), seed) for seed in range(count)]


def blob(like: Tensor) -> Tensor:
    """Return the blob in the middle, of the shape of another map."""
    return centred_blob(tuple(like.shape))


def with_controls(maps: Maps, persons: Tensor, classes: Tensor) -> Maps:
    """Return the maps and the controls that do not see the face, by name; see `as_one`."""
    like = next(iter(maps.values()))
    draws = chance(like, PLAN["controls"]["random_draws"])
    everything = maps | {f"random {number}": heat for number, heat in enumerate(draws)}
    everything["blob"] = blob(like)
    for name, heat in maps.items():
        everything[f"{name}: prior"] = explain.prior(heat, persons)
        everything[f"{name}: class prior"] = explain.prior(heat, persons, classes)
    return everything


def as_one(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the same scores, those of all maps of chance as their mean, `random`."""
    draws = [score.double() for name, score in scores.items() if name.startswith("random ")]
    others = {name: score for name, score in scores.items() if not name.startswith("random ")}
    return others | {"random": torch.stack(draws).mean(dim=0)}


def by_person(values: Tensor, persons: Tensor) -> list[float | None]:
    """Return the mean of each person's values `(N,)`, none where all are NaN; persons in order."""
    means = [values[persons == person].double().nanmean().item() for person in persons.unique()]
    return [None if np.isnan(mean) else round(mean, 5) for mean in means]


def kept(name: str, make: Callable[[], Record]) -> Record:
    """Return what `make` found, from `build/maps/` if it was found before."""
    path = BUILD / "maps" / f"{name}.json"
    if not path.is_file():
        started = process_time()
        found = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, found | {"cpu_seconds": round(process_time() - started, 1)})
        print(f"{name}: {process_time() - started:.0f} s", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def table(scores: Iterable[list[float | None]]) -> np.ndarray:
    """Return the scores of the same people in several draws as an array `(D, P)`."""
    return np.array([[np.nan if s is None else s for s in row] for row in scores], dtype=float)


def told(scores: np.ndarray, p: bool = True) -> Record:
    """Return a mean with its interval and p, rounded."""
    found = crossed(scores)
    figures = {key: round(value, 4) for key, value in found.mean._asdict().items()}
    return figures | ({"p": float(f"{found.p:.3g}")} if p else {})


def verdicts(
    runs: list[Mapping[str, Scores]], good: str, rivals: Mapping[str, str | float]
) -> Record:
    """Return each map's mean, its differences from its rivals, and whether it has shown something.

    Args:
        runs: of each model, the scores of each map and control, by name.
        good: `"high"` or `"low"`.
        rivals: what a map has to beat: by name, the control in `runs`, with `{}` for the map's
            name, or a number.
    """
    sign = 1 if good == "high" else -1
    names = [name for name in NAMES if name in runs[0]]
    rows: dict[str, Record] = {}
    for name in names:
        own = table(run[name] for run in runs)
        rows[name] = {"mean": told(own, p=False)}
        p_values = []
        for rival, control in rivals.items():
            other = (
                control
                if isinstance(control, float)
                else table(run[control.format(name)] for run in runs)
            )
            gap = told(own - other)
            rows[name][f"minus {rival}"] = gap
            p_values.append(gap["p"] if sign * gap["value"] > 0 else 1.0)
        rows[name]["p"] = max(p_values)
    corrected = holm({name: row["p"] for name, row in rows.items()})
    for name, row in rows.items():
        row["holm_p"] = float(f"{corrected[name]:.3g}")
        row["shown"] = corrected[name] < PLAN["shown"]["level"]
    controls = [name for name in runs[0] if name not in names]
    return {
        "good": good,
        "rivals": list(rivals),
        "maps": rows,
        "controls": {name: told(table(run[name] for run in runs), p=False) for name in controls},
    }
