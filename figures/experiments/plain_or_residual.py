"""Train plain and residual nets of equal depth and equally many weights on small grey faces.

    python -m figures.experiments.plain_or_residual

Three depths, with and without shortcuts, each at two learning rates, so that none is judged at a
rate that suits only the other. From one seed, all start alike where their shapes agree and see the
same batches. `--seeds 3 4` trains only those and keeps other results.
"""

from collections.abc import Iterator
from itertools import product
from statistics import mean, stdev
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from figures.experiments.harness import Record, experiment, first_seeds
from vtff_lib.backbone import BasicBlock
from vtff_lib.datasets import FaceSet, load_default

DEPTHS, RATES = (2, 6, 12), (0.003, 0.01)  # blocks of two layers; peak learning rates
SIDE, WIDTH, STEPS, BATCH = 32, 16, 600, 64
SEGMENT = 20  # steps to one point of a curve
LAST = 5  # points at the end of a curve: what a net has come to


class PlainBlock(BasicBlock):
    """A basic block whose shortcut is left out: `relu(f(x))`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `relu(f(x))`."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)))


BLOCKS = {"plain": PlainBlock, "residual": BasicBlock}


def deep_net(block: type[BasicBlock], depth: int) -> nn.Sequential:
    """Return a net of 2 · `depth` + 2 layers: `(N, 1, 32, 32)` -> `(N, 8)` logits."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.MaxPool2d(2),
        *(block(WIDTH, WIDTH) for _ in range(depth)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, 8),
    )


def small_grey(faces: FaceSet) -> Tensor:
    """Return the faces as `(N, 1, 32, 32)`, with mean 0 and deviation 1."""
    grey = faces.images[:].float().mean(dim=1, keepdim=True)
    small = F.interpolate(grey, (SIDE, SIDE), mode="area")
    return (small - small.mean()) / small.std()


def train_net(
    kind: str, depth: int, rate: float, seed: int, images: Tensor, labels: Tensor
) -> tuple[nn.Sequential, list[float]]:
    """Train one net; return it with the mean training loss of every `SEGMENT` steps."""
    torch.manual_seed(seed)
    net = deep_net(BLOCKS[kind], depth).train()
    optimiser = torch.optim.AdamW(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=STEPS)
    chosen = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(images), (BATCH,), generator=chosen)
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    points = torch.tensor(losses).view(-1, SEGMENT).mean(dim=1)
    return net, [round(point, 4) for point in points.tolist()]


@torch.no_grad()
def accuracy(net: nn.Sequential, images: Tensor, labels: Tensor) -> float:
    """Return the share of `images` that `net`, in eval mode, names rightly."""
    guesses = torch.cat([net.eval()(batch).argmax(dim=1) for batch in images.split(200)])
    return round((guesses == labels).double().mean().item(), 4)


def run_seed(seed: int, faces: FaceSet) -> Record:
    """Train every net from one seed; return what is told of it."""
    train_set, test_set = faces.part("train"), faces.part("test")
    images, test_images = small_grey(train_set), small_grey(test_set)
    nets = []
    for kind, depth, rate in product(BLOCKS, DEPTHS, RATES):
        net, curve = train_net(kind, depth, rate, seed, images, train_set.labels)
        figures = {
            "kind": kind,
            "layers": 2 * depth + 2,
            "rate": rate,
            "loss": round(mean(curve[-LAST:]), 4),
            "train_accuracy": accuracy(net, images, train_set.labels),
            "test_accuracy": accuracy(net, test_images, test_set.labels),
            "curve": curve,
        }
        nets.append(figures)
        print(seed, {key: value for key, value in figures.items() if key != "curve"}, flush=True)
    return {
        "seed": seed,
        "settings": {"side": SIDE, "width": WIDTH, "steps": STEPS, "batch": BATCH},
        "images": len(images),
        "test_images": len(test_images),
        "steps_to_a_point": SEGMENT,
        "faces_sha256": faces.manifest.get("sha256"),
        "nets": nets,
    }


def summarise(runs: list[Record]) -> list[dict[str, Any]]:
    """Return each kind and depth at its better rate: that of the lower mean training loss."""
    rows = []
    for kind, depth in product(BLOCKS, DEPTHS):
        by_rate = {
            rate: [
                net
                for run in runs
                for net in run["nets"]
                if (net["kind"], net["layers"], net["rate"]) == (kind, 2 * depth + 2, rate)
            ]
            for rate in RATES
        }
        rate = min(RATES, key=lambda r: mean(net["loss"] for net in by_rate[r]))
        row: dict[str, Any] = {"kind": kind, "layers": 2 * depth + 2, "rate": rate}
        for name in ("loss", "train_accuracy", "test_accuracy"):
            values = [net[name] for net in by_rate[rate]]
            row[name] = round(mean(values), 4)
            row[f"{name}_deviation"] = round(stdev(values), 4) if len(values) > 1 else 0.0
        rows.append(row)
    return rows


@experiment("plain_or_residual.json", "numpy", arguments=[first_seeds(3)], summarise=summarise)
def main(seeds: list[int]) -> Iterator[Record]:
    """Yield all nets of each seed."""
    faces = load_default()
    for seed in seeds:
        yield run_seed(seed, faces)


if __name__ == "__main__":
    main()
