"""Does fusion help? Each part of VTFF left out or replaced in turn, seed by seed.

    python -m figures.experiments.ablation

What is asked, which comparisons count, how many seeds and what would be called help are in `PLAN`,
written before the first run and copied into the results. Models are tiny and see 64 pixels; all
learn from the shipped training faces, in the same order for the same seed, with weights that start
the same wherever two models have the same part. The last epoch is measured, so nothing is chosen.

Test faces are 2,400 faces of 600 people of the split "test", rendered as the shipped ones are (the
first 400 are the shipped ones) and kept in `build/`. They are more than the shipped, because each
difference also carries the noise of the faces it was measured on.

Stopped, the same command goes on after the last finished run. Weights of some models stay in
`build/` for `figures.experiments.robustness`.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from data_scripts import make_synthetic
from figures.experiments.harness import BUILD, FIGURES, Record, experiment, read_runs
from figures.experiments.runs import train_model, weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.comparisons import compare, holm
from vtff_lib.evaluation.measure import predict
from vtff_lib.inputs import Normalise
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF, count_parameters

PLAN: dict[str, Any] = {
    "question": "Does a second branch that sees LBP codes, fused by attention, name expressions "
    "better than the colour image alone, and if it does, because of LBP and of attention?",
    "measure": "accuracy on the test faces after the last epoch",
    "primary": {
        "rgb": "the whole method against one branch: does fusion help?",
        "sum": "attention against adding: does the way of fusing matter?",
        "two_rgb": "LBP against a second look at the same image: does LBP matter?",
    },
    "difference": "full minus the other, seed by seed; paired t interval over the seeds",
    "primary_seeds": [0, 1, 2, 3, 4, 5, 6, 7],
    "other_seeds": [0, 1, 2, 3, 4],
    "level": 0.05,
    "correction": "Holm, over the three primary comparisons; all others are told with plain "
    "intervals and decide nothing",
    "worth_having": 0.02,
    "rule": "better or worse: Holm's p is below the level. As good as equal: the 95 % interval "
    "lies within plus or minus what is worth having. Else: open.",
    "epochs": 7,
    "image_size": 64,
}
PRIMARY = ("full", *PLAN["primary"])
KEPT = ("full", "rgb", "lbp", "sum")  # weights that `figures.experiments.robustness` looks at
TEST_FACES = make_synthetic.Settings(train=0, valid=0, test=2400)


class Zeros(nn.Module):
    """In place of G or L: a score of 0 for every channel or place."""

    def __init__(self, part: str):
        super().__init__()
        self.part = part

    def forward(self, u: Tensor) -> Tensor:
        """Return zeros, `(N, C, 1, 1)` or `(N, 1, H, W)`."""
        whole = u[:, :, :1, :1] if self.part == "global" else u[:, :1]
        return torch.zeros_like(whole)


class MeanToken(nn.Module):
    """In place of the encoder: [cls] becomes the mean of all other tokens."""

    def __init__(self, embed_dim: int):
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, tokens: Tensor, return_weights: bool = False) -> tuple[Tensor, tuple | None]:
        """Return the mean as a single token `(N, 1, embed_dim)`."""
        average = tokens[:, 1:].mean(dim=1, keepdim=True)
        return self.norm(average), () if return_weights else None


def without_local(model: VTFF) -> None:
    """Take L out of the gate."""
    model.fusion.local_attention = Zeros("local")


def without_global(model: VTFF) -> None:
    """Take G out of the gate."""
    model.fusion.global_attention = Zeros("global")


def without_encoder(model: VTFF) -> None:
    """Read the class off the mean of the tokens.

    With no block and [cls] as it is, the head would never learn what is in the image.
    """
    model.encoder = MeanToken(model.config.embed_dim)


def both_see_rgb(model: VTFF) -> None:
    """Show the image to both trunks, normalised alike."""
    model.lbp = nn.Identity()
    model.normalise["lbp"] = Normalise(model.config.rgb_mean, model.config.rgb_std)


def both_see_lbp(model: VTFF) -> None:
    """Show the codes to both trunks."""
    codes = Normalise(model.config.lbp_mean, model.config.lbp_std)
    model.normalise["rgb"] = nn.Sequential(model.lbp, codes)


@dataclass(frozen=True)
class Variant:
    """One model of the comparison.

    Args:
        what: differs from the full model, in words.
        settings: that differ.
        change: what is done to the model besides.
        epochs: of training, if not as many as the others have.
    """

    what: str
    settings: dict[str, Any] = field(default_factory=dict)
    change: Callable[[VTFF], None] = lambda model: None
    epochs: int = PLAN["epochs"]


VARIANTS = {
    "full": Variant("RGB and LBP, ASF, two encoder blocks"),
    "rgb": Variant("RGB alone", {"fusion": "rgb"}),
    "sum": Variant("sum in place of ASF", {"fusion": "sum"}),
    "two_rgb": Variant("both trunks see RGB", change=both_see_rgb),
    "lbp": Variant("LBP alone", {"fusion": "lbp"}),
    "two_lbp": Variant("both trunks see LBP", change=both_see_lbp),
    "concat": Variant("concatenation in place of ASF", {"fusion": "concat"}),
    "max": Variant("maximum in place of ASF", {"fusion": "max"}),
    "no_local": Variant("ASF without L", change=without_local),
    "no_global": Variant("ASF without G", change=without_global),
    "sum_of_sigmoids": Variant("gate σ(G) + σ(L)", {"gate": "sum_of_sigmoids"}),
    "double_sigmoid": Variant("gate σ(σ(G) + σ(L))", {"gate": "double_sigmoid"}),
    "gated_rgb": Variant("the gate multiplies RGB", {"gated_branch": "rgb"}),
    "no_transformer": Variant("N = 0: the mean of the tokens", {"depth": 0}, without_encoder),
    "depth_1": Variant("N = 1 encoder block", {"depth": 1}),
    "depth_4": Variant("N = 4 encoder blocks", {"depth": 4}),
    "reduction_2": Variant("r = 2 in place of 8", {"attention_reduction": 2}),
    "reduction_32": Variant("r = 32 in place of 8", {"attention_reduction": 32}),
    "rgb_wider": Variant("RGB alone, as many weights", {"fusion": "rgb", "width": 23}),
    "rgb_longer": Variant("RGB alone, for as long", {"fusion": "rgb"}, epochs=11),
}


def build(name: str, num_classes: int, seed: int) -> VTFF:
    """Build a variant; parts of the same name and shape start as in the full model."""
    return start_alike(VARIANTS[name], num_classes, seed, PLAN["image_size"])


def start_alike(variant: Variant, num_classes: int, seed: int, image_size: int) -> VTFF:
    """Build a variant of the tiny model whose parts start as those of the full one."""
    settings = {"image_size": image_size}
    torch.manual_seed(seed)
    full = VTFF(VTFFConfig.tiny(num_classes, **settings)).state_dict()
    model = VTFF(VTFFConfig.tiny(num_classes, **settings | variant.settings))
    variant.change(model)
    own = model.state_dict()
    alike = {key: full[key] for key in own if key in full and full[key].shape == own[key].shape}
    model.load_state_dict(own | alike)
    return model


def run(name: str, seed: int, faces: FaceSet, test: FaceSet) -> Record:
    """Train one variant from one seed; return what is told of it."""
    model = build(name, len(faces.class_names), seed)
    config = TrainingConfig.preset("minute", epochs=VARIANTS[name].epochs, growth=0.0, seed=seed)
    run_name = f"ablation_{name}"
    record = train_model(run_name, model, faces, config)
    if not record:
        raise SystemExit("Stopped; the same command goes on.")
    weights = weights_of(run_name, seed)
    shutil.rmtree(weights.parent)  # checkpoints too
    if name in KEPT:
        weights.parent.mkdir()
        model.save(weights)
    guesses = predict(model, test.images).argmax(dim=1)
    figures = measure(guesses, test)
    if name not in PRIMARY:
        del figures["right"]
    return record | {"parameters": count_parameters(model)} | figures


def measure(guesses: Tensor, test: FaceSet) -> dict[str, Any]:
    """Return the figures of some guesses `(N,)`, and for each face 1 if it was right, else 0."""
    right = (guesses == test.labels).double()
    classes = range(len(test.class_names))
    return {
        "accuracy": round(right.mean().item(), 4),
        "recall": [round(right[test.labels == c].mean().item(), 4) for c in classes],
        "macro_f1": round(float(f1_score(test.labels, guesses, average="macro")), 4),
        "right": "".join(str(int(one)) for one in right.tolist()),
    }


def by_seed(runs: list[Record], name: str) -> dict[int, float]:
    """Return the accuracy of a variant by seed, of the seeds that have it."""
    return {
        run["seed"]: run["variants"][name]["accuracy"] for run in runs if name in run["variants"]
    }


def paired(first: dict[int, float], second: dict[int, float]) -> dict[str, Any]:
    """Return the mean of first minus second over common seeds, with a paired t interval."""
    seeds = sorted(first.keys() & second.keys())
    pairs = [round(first[seed] - second[seed], 4) for seed in seeds]
    row: dict[str, Any] = {"seeds": seeds, "pairs": pairs}
    if len(pairs) < 2:
        return row
    comparison = compare([first[seed] for seed in seeds], [second[seed] for seed in seeds])
    return row | {
        "difference": round(comparison.difference.value, 4),
        "low": round(comparison.difference.low, 4),
        "high": round(comparison.difference.high, 4),
        "deviation": round(comparison.deviation, 4),
        "p": round(comparison.p, 6),
    }


def verdict(comparison: dict[str, Any], p: float) -> str:
    """Return what `PLAN["rule"]` says of full minus another model."""
    if p < PLAN["level"]:
        return "better" if comparison["difference"] > 0 else "worse"
    worth = PLAN["worth_having"]
    inside = -worth < comparison["low"] and comparison["high"] < worth
    return "as good as equal" if inside else "open"


def summarise(runs: list[Record]) -> dict[str, Any]:
    """Return the plan, each variant's means, full minus each, and the verdicts."""
    accuracy = {name: by_seed(runs, name) for name in VARIANTS}
    variants = {}
    for name in (name for name in VARIANTS if accuracy[name]):
        records = [run["variants"][name] for run in runs if name in run["variants"]]
        variants[name] = {
            "what": VARIANTS[name].what,
            "accuracy": round(mean(accuracy[name].values()), 4),
            "macro_f1": round(mean(record["macro_f1"] for record in records), 4),
            "parameters": records[0]["parameters"],
            "epochs": VARIANTS[name].epochs,
            "seconds": min(record["seconds"] for record in records),  # other work ran beside some
            "full_minus_this": paired(accuracy["full"], accuracy[name]),
        }
    compared = {name: variants.get(name, {}).get("full_minus_this", {}) for name in PRIMARY[1:]}
    if not all("p" in gap for gap in compared.values()):
        return {"plan": PLAN, "variants": variants}
    corrected = holm({name: gap["p"] for name, gap in compared.items()})
    verdicts = {
        name: {"holm_p": round(corrected[name], 6), "verdict": verdict(gap, corrected[name])}
        for name, gap in compared.items()
    }
    return {"plan": PLAN, "variants": variants, "primary": verdicts}


@experiment("ablation.json", "numpy", "scikit-learn", summarise=summarise)
def main() -> Iterator[Record]:
    """Yield each seed after every variant that was missing."""
    faces = load_default()
    test = make_synthetic.rendered(BUILD / "ablation_faces.safetensors", TEST_FACES)
    stored = {run["seed"]: run for run in read_runs(FIGURES / "ablation.json")}
    for seed in PLAN["primary_seeds"]:
        done = stored.get(seed, {"seconds": 0.0, "variants": {}})
        seconds, variants = done["seconds"], done["variants"]
        for name in VARIANTS if seed in PLAN["other_seeds"] else PRIMARY:
            if name in variants:
                continue
            variants[name] = run(name, seed, faces, test)
            print(seed, name, variants[name]["accuracy"], variants[name]["seconds"], flush=True)
            seconds = round(seconds + variants[name]["seconds"], 1)
            yield {
                **{key: variants[name].pop(key) for key in ("seed", "images", "faces_sha256")},
                "test_images": len(test),
                "test_people": len(test.extras["identities"].unique()),  # four in a row are one
                "test_made_by": test.manifest["made_by"],
                "test_sha256": test.manifest.get("sha256"),
                "seconds": seconds,
                "variants": variants,
            }


if __name__ == "__main__":
    main()
