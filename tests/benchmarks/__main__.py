"""How fast the parts are, as ratios measured in one run: `python -m tests.benchmarks`.

Each pair is timed in turn, A B A B ..., so that a machine whose speed drifts slows both alike. The
figure to quote is the median of the ratios. With `--device cuda`, rendering alone is measured: on
the GPU and on the CPU, with how many faces a second that is and whether both render the same.
"""

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from skimage.feature import local_binary_pattern as skimage_lbp
from torch import Tensor
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.training.loop import start_state, take_step
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import Loss

from tests.benchmarks.pairs import Result, compare
from tests.benchmarks.rendering import rendering, rendering_on
from vtff_lib.backbone import ResNetTrunk
from vtff_lib.config import VTFFConfig
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.vtff import VTFF


def lbp(repeats: int) -> list[Result]:
    """Compare our LBP with scikit-image's on every core, and with copying the image once."""
    images = torch.randint(0, 256, (16, 3, 224, 224), dtype=torch.uint8)
    channels = list(images.flatten(0, 1).numpy())
    pool = ThreadPoolExecutor(torch.get_num_threads())  # scikit-image works outside the GIL
    floor = torch.empty_like(images)
    what = "LBP, 16×3×224×224"
    return [
        compare(
            what, lambda: local_binary_pattern(images),
            "scikit-image on every core",
            lambda: list(pool.map(lambda c: skimage_lbp(c, P=8, R=1), channels)),
            "times as fast", repeats,
        ),
        compare(
            what, lambda: local_binary_pattern(images),
            "reading and writing it once", lambda: floor.copy_(images),
            "times the time", 5 * repeats,
        ),
    ]  # fmt: skip


def trunk(repeats: int) -> list[Result]:
    """Compare our trunk with torchvision's, forward and with gradients."""
    ours = ResNetTrunk()
    children = list(torchvision.models.resnet18().children())
    theirs = torch.nn.Sequential(*children[:-2])
    x = torch.randn(8, 3, 224, 224)

    def forward(net: torch.nn.Module) -> Tensor:
        with torch.inference_mode():
            return net.eval()(x)

    def train(net: torch.nn.Module) -> None:
        net.train()(x).mean().backward()

    return [
        compare(
            f"ResNet-18 trunk, {name}, 8×3×224×224", lambda run=run: run(ours),
            "torchvision", lambda run=run: run(theirs), "times the time", repeats,
        )
        for name, run in (("forward", forward), ("forward and backward", train))
    ]  # fmt: skip


@torch.inference_mode()
def maps(repeats: int) -> list[Result]:
    """Compare the full model's forward pass with and without its maps."""
    model = VTFF(VTFFConfig.paper()).eval()
    rgb = torch.randint(0, 256, (4, 3, 224, 224), dtype=torch.uint8)
    return [
        compare(
            "VTFF (paper) with maps, 4×3×224×224", lambda: model(rgb, return_maps=True),
            "without maps", lambda: model(rgb), "times the time", repeats,
        )
    ]  # fmt: skip


def training(repeats: int) -> list[Result]:
    """Compare a training step of the tiny model with its bare forward and backward pass."""
    config = TrainingConfig()
    model = VTFF(VTFFConfig.tiny(8))
    state = start_state(model, config)
    images = torch.randint(0, 256, (64, 3, 112, 112), dtype=torch.uint8)
    targets = torch.eye(8)[torch.arange(64) % 8]
    loss = Loss.of(targets, balance=0, smoothing=0.1, adjustment=0)

    def step() -> None:
        rgb = config.augmentation(images, torch.Generator().manual_seed(0))
        take_step(state, [(rgb, targets)], loss, 1e-3, config)

    def bare() -> None:
        F.cross_entropy(state.model(images).logits, targets).backward()

    return [
        compare(
            "a training step of tiny, 64×3×112×112, augmentation and averaging included", step,
            "forward and backward alone", bare, "times the time", repeats,
        )
    ]  # fmt: skip


def imports(repeats: int) -> list[Result]:
    """Compare importing torch and torchvision with importing the whole library as well."""

    def run(modules: str) -> None:
        subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)

    return [
        compare(
            "import torch, torchvision and vtff_lib.vtff",
            lambda: run("torch, torchvision, vtff_lib.vtff"),
            "torch and torchvision alone", lambda: run("torch, torchvision"),
            "times the time", max(repeats // 2, 1),
        )
    ]  # fmt: skip


def main() -> None:
    """Measure everything, print it, and save it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--repeats", type=int, default=15, help="timed pairs (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU that PyTorch can use; leave --device cuda out.")
    torch.manual_seed(0)

    results, more = [], {}
    if options.device == "cuda":
        result, more["summary"] = rendering_on("cuda", options.repeats)
        results.append(result)
        print(result, more["summary"], sep="\n")
    else:
        for benchmark in (lbp, trunk, maps, rendering, training, imports):
            for result in benchmark(options.repeats):
                results.append(result)
                print(result, flush=True)
    if options.json:
        told = circumstances("torchvision", "scikit-image")
        content = {"seed": 0, **told, **more, "results": [*map(asdict, results)]}
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        options.json.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
