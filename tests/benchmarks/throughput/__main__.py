"""How many images a second training takes: `python -m tests.benchmarks.throughput --device cuda`.

Three loops train the same model in turn, A B C A B C ..., so that a machine whose speed drifts
slows all alike. The figures to quote are medians, and their quotients.

    ours        the step of `train`: images where the model is, augmentation and LBP there too
    baseline a  worker processes augment and make the LBP view, float32, eager, plain AdamW
    baseline b  the same, but the model makes the LBP view

Beside them stands the floor: the time that the matrix products of a step take at the speed that the
same machine reaches in one large product. A profile tells where the rest goes.
"""

import argparse
import copy
import json
from pathlib import Path
from statistics import median
from typing import Any

import torch
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.training.loop import require_finite
from vtff_lib.training.recipe import PRECISIONS, generator
from vtff_lib.training.targets import Examples

from tests.benchmarks.clock import significant
from tests.benchmarks.throughput.floor import measure_floor, peak_memory
from tests.benchmarks.throughput.our_loop import OurLoop
from tests.benchmarks.throughput.profiling import profile_of
from tests.benchmarks.throughput.report import NOTES, describe, show
from tests.benchmarks.throughput.settings import (
    DEFAULTS,
    MODELS,
    PROFILED,
    SEED,
    WARM_UP,
    Settings,
    shared_memory,
)
from tests.benchmarks.throughput.usual_loop import UsualLoop
from vtff_lib.vtff import VTFF


def main() -> None:
    """Measure, print, and save if asked to."""
    settings, path = parse()
    told = circumstances("torchvision", "scikit-image", "pillow")
    results = measure(settings)
    show(results)
    if path:
        content = {
            "seed": SEED, **told, "notes": NOTES, "settings": describe(settings), "results": results
        }  # fmt: skip
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")


def parse(arguments: list[str] | None = None) -> tuple[Settings, Path | None]:
    """Return the settings and the file to write that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], argument_default=argparse.SUPPRESS
    )
    parser.add_argument("--device", choices=DEFAULTS, default="cpu")
    parser.add_argument("--model", choices=MODELS, help="paper on a GPU, tiny on the CPU")
    parser.add_argument("--precision", choices=PRECISIONS, help="of ours")
    parser.add_argument("--compiled", action=argparse.BooleanOptionalAction, help="ours")
    parser.add_argument("--stored-size", type=int, help="pixels (default: the model's size)")
    for name in ("batch-size", "steps", "repeats", "workers", "images"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    given = vars(parser.parse_args(arguments))
    path, device = given.pop("json"), given["device"]
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU that PyTorch can use; leave --device cuda out.")
    chosen = DEFAULTS[device] | given
    side = MODELS[chosen["model"]]().image_size
    settings = Settings(**{"stored_size": side} | chosen)
    needed, free = shared_memory(settings)
    if needed > free:
        parser.error(
            f"the workers need up to {needed / 1e9:.1f} GB of shared memory, and {free / 1e9:.1f} "
            "GB are free; give fewer --workers or a smaller --batch-size."
        )
    return settings, path


def measure(settings: Settings) -> dict[str, Any]:
    """Measure everything; return the results."""
    device, config = torch.device(settings.device), settings.model_config
    floor = measure_floor(config, device)
    faces = make_faces(settings.images, settings.stored_size, config.num_classes)
    torch.manual_seed(SEED)
    model = VTFF(config).to(device)
    copies = [copy.deepcopy(model) for _ in "ab"]
    ours = OurLoop(model, faces, settings.training_config)
    first = ours.seconds(1)
    peak = peak_memory(lambda: ours.run(WARM_UP), device)
    usual = {
        name: UsualLoop(copied, faces, settings, with_lbp=name == "baseline_a")
        for name, copied in zip(("baseline_a", "baseline_b"), copies, strict=True)
    }
    rates: dict[str, list[float]] = {"ours": [], **{name: [] for name in usual}}
    for _ in range(settings.repeats):
        rates["ours"].append(settings.steps * settings.batch_size / ours.seconds(settings.steps))
        for name, loop in usual.items():
            rates[name].append(loop.timed * loop.batch_size / loop.seconds())
    require_finite(ours.state)
    results: dict[str, Any] = {name: summary(values) for name, values in rates.items()}
    results["ours"] |= {"first_step_s": significant(first), "peak_memory_gib": peak}
    speed = {name: results[name]["images_per_s"] for name in rates}
    results["ratios"] = {name: significant(speed["ours"] / speed[name]) for name in usual}
    floor["share_reached"] = significant(speed["ours"] / floor["images_per_s"])
    return results | {"floor": floor, "profile": profile_of(ours, PROFILED)}


def make_faces(count: int, side: int, num_classes: int) -> Examples:
    """Return `count` images of random bytes, `(count, 3, side, side)` uint8, and labels."""
    dice = generator(SEED, "throughput", 0)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=dice)
    return Examples(images, torch.randint(num_classes, (count,), generator=dice))


def summary(rates: list[float]) -> dict[str, Any]:
    """Return the median of `rates`, in images a second, and all of them."""
    return {"images_per_s": significant(median(rates)), "rates": [*map(significant, rates)]}


if __name__ == "__main__":
    main()
