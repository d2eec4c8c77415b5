"""Put each map to each test, beside a random map and a centred blob.

    python -m figures.experiments.truth_tests

Model: the shipped tiny one. Faces: shipped test faces that show an expression, of the first persons
(a neutral face has no expression to look at, and a filled picture is itself read as neutral); fewer
persons for the randomised weights. Every map is made for the class that the model guesses. Written
to `truth_tests.json`: the mean of each map in each test, and its difference from both controls face
by face, with 95 % intervals. `figures.drawings.truth_tests` draws them.

    deletion, insertion   area under the curve, cells filled with the mean or the blurred picture
    pointing, mass        the regions of the face's active action units, `pointing.expression_masks`
    randomised …          rank correlation with the same map of the model that forgot that part and
                          those before it; a map that looks at what was learned falls to 0
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from figures.drawings import truth_tests as drawing
from figures.experiments.by_person import means
from figures.experiments.harness import Record, experiment
from vtff_lib import explain
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain import faithfulness, heat_maps, pointing
from vtff_lib.explain.attribution import integrated_gradients, occlusion
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.vtff import VTFF

CONTROLS = ("random map", "centred blob")
CURVES = {
    f"{'insertion' if insert else 'deletion'}, {fill}": (insert, fill)
    for fill in heat_maps.FILLS
    for insert in (False, True)
}
Table = dict[str, dict[str, Tensor]]  # values (N,) by test and map


@dataclass(frozen=True)
class Settings:
    """How much is done."""

    persons: int = 56
    persons_randomised: int = 20
    curve_steps: int = 7  # a row's worth of cells at a time
    path_steps: int = 32  # of integrated gradients
    seed: int = 0  # of random maps and of the weights that replace the learned ones
    batch_size: int = 32


def all_maps(model: VTFF, images: Tensor, classes: Tensor, settings: Settings) -> dict[str, Tensor]:
    """Return every map `(N, h, w)` by name."""
    size = settings.batch_size
    batches = [
        _maps(model, *batch, settings.path_steps)
        for batch in zip(images.split(size), classes.split(size), strict=True)
    ]
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def _maps(model: VTFF, rgb: Tensor, classes: Tensor, path_steps: int) -> dict[str, Tensor]:
    out = model(rgb, return_maps=True)
    rgb_gradients, lbp_gradients = integrated_gradients(model, rgb, classes, path_steps)
    maps = {
        "gate": explain.gate(out),
        "energy share": explain.energy_share(out, model.config.gated_branch),
        "local part": explain.local_part(out),
        "attention": explain.attention(out),
        "rollout": explain.rollout(out),
        "gradient × attention": explain.gradient_attention(out, classes),
        "Grad-CAM, fused": explain.grad_cam(out, classes, "fused"),
        "Grad-CAM, RGB": explain.grad_cam(out, classes, "rgb"),
        "Grad-CAM, LBP": explain.grad_cam(out, classes, "lbp"),
        "integrated gradients, RGB": rgb_gradients,
        "integrated gradients, LBP": lbp_gradients,
        "occlusion": occlusion(model, rgb, classes),
    }
    return {name: heat.values for name, heat in maps.items()}


def controls(like: Tensor, seed: int) -> dict[str, Tensor]:
    """Return the maps that know nothing, of the shape of another."""
    n, height, width = like.shape
    made = faithfulness.random_map((n, height, width), seed), faithfulness.centred_blob(like.shape)
    return dict(zip(CONTROLS, made, strict=True))


def judge(
    model: VTFF, faces: FaceSet, maps: dict[str, Tensor], classes: Tensor, steps: int
) -> Table:
    """Return the area of each curve, the hits and the mass inside, of each map."""
    images = faces.images[:]
    masks = pointing.expression_masks(faces.extras["regions"], faces.extras["action_units"])

    def areas(heat: Tensor, insert: bool, fill: str) -> Tensor:
        curves = faithfulness.curve(
            lambda seen: predict(model, seen), images, heat, classes, insert, fill, steps
        )
        return faithfulness.area(curves)

    table: Table = {
        name: {kind: areas(heat, *how) for kind, heat in maps.items()}
        for name, how in CURVES.items()
    }
    for name, score in (("pointing", pointing.pointing_game), ("mass", pointing.mass_inside)):
        table[name] = {kind: score(heat, masks) for kind, heat in maps.items()}
    return table


def judge_randomised(
    model: VTFF, images: Tensor, maps: dict[str, Tensor], classes: Tensor, settings: Settings
) -> Table:
    """Return how alike each map is to that of a model which forgot, stage by stage."""
    table: Table = {}
    for number, (part, forgotten) in enumerate(faithfulness.randomised(model, settings.seed), 1):
        others = all_maps(forgotten, images, classes, settings)
        others |= controls(maps["gate"], settings.seed + number)
        table[f"randomised {part}"] = {
            kind: faithfulness.rank_correlation(heat, others[kind]) for kind, heat in maps.items()
        }
    return table


def averaged(table: Table, persons: Tensor) -> dict[str, dict[str, Any]]:
    """Return mean and differences from the controls of each map in each test."""
    tests: dict[str, dict[str, Any]] = {}
    for test, values in table.items():
        pairs = {(kind, ""): score for kind, score in values.items()}
        for control in CONTROLS:
            pairs |= {(kind, control): score - values[control] for kind, score in values.items()}
        flat = means({"|".join(key): score for key, score in pairs.items()}, persons)
        tests[test] = {
            kind: {"mean": flat[f"{kind}|"]}
            | {f"minus {control}": flat[f"{kind}|{control}"] for control in CONTROLS}
            for kind in values
        }
    return tests


def run(model: VTFF, faces: FaceSet, settings: Settings) -> dict[str, Any]:
    """Return the whole table for the first persons among `faces`."""
    persons = faces.extras["identities"].unique()
    shown = faces.labels != EXPRESSIONS.index("neutral")
    faces = faces[shown & torch.isin(faces.extras["identities"], persons[: settings.persons])]
    identities, images = faces.extras["identities"], faces.images[:]
    guesses = predict(model, images).argmax(dim=1)
    maps = all_maps(model, images, guesses, settings)
    maps |= controls(maps["gate"], settings.seed)
    judged = averaged(judge(model, faces, maps, guesses, settings.curve_steps), identities)
    few = torch.isin(identities, persons[: settings.persons_randomised])
    fewer = {name: heat[few] for name, heat in maps.items()}
    forgot = judge_randomised(model, images[few], fewer, guesses[few], settings)
    masks = pointing.expression_masks(faces.extras["regions"], faces.extras["action_units"])
    context = {
        "right": (guesses == faces.labels).double(),
        "share of the picture inside": masks.flatten(1).double().mean(dim=1),
    }
    return {
        "faces": len(faces),
        "faces_randomised": int(few.sum()),
        "context": means(context, identities),
        "tests": judged | averaged(forgot, identities[few]),
    }


@experiment("truth_tests.json", "captum", "numpy")
def main() -> Record:
    """Return the table."""
    faces, settings = load_default(), Settings()
    return {
        "model": "tiny",
        "faces_sha256": faces.manifest.get("sha256"),
        "settings": asdict(settings),
        **run(load_pretrained("tiny"), faces.part("test"), settings),
    }


if __name__ == "__main__":
    main()
    drawing.main()
