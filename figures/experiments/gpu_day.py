"""A quarter of an hour with a GPU: its throughput, then FER+ at full size in the time that is left.

    python -m figures.experiments.gpu_day PACK OUT               nine minutes; again: it goes on
    python -m figures.experiments.gpu_day PACK OUT --rehearse    the same lines, small, on a CPU

PACK is made by `python data_scripts/prepare.py ferplus`. What is to be kept lies in OUT after each
call: JSON and, in the end, the weights in half precision, in files that are small enough to be
carried away one by one; `join` reads them again. The epochs are as many as the speed that was
measured allows, at most those of `ferplus.FULL`, decided once.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from figures.benchmarks.throughput.our_loop import OurLoop
from figures.experiments import ferplus
from figures.experiments.harness import (
    FIGURES,
    PACK,
    Record,
    argument,
    parse,
    timed,
    write,
    write_runs,
)
from figures.experiments.runs import weights_of
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.endings import in_a_sentence
from vtff_lib.names import SPLITS
from vtff_lib.training.recipe import Plan, TrainingConfig
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF
from vtff_lib.weights import read_weights, write_weights

NAME, SEED = "ferplus_full", 0
PLANNED = 0.75  # of the time left; compiling, validation and the test pictures take the rest
THROUGHPUT = 120  # seconds that it may take
PIECE = 15 * 2**20  # bytes of a file of weights
STEPS = 24  # that are timed


@dataclass(frozen=True)
class Day:
    """What is done, and where.

    Args:
        device: `"cuda"`, or `"cpu"` for a rehearsal.
        settings: of the model.
        training: the recipe, with the most epochs that make sense.
        throughput: flags of `figures.benchmarks.throughput`.
        limit: pictures of a split that are used, at most.
    """

    device: str
    settings: VTFFConfig
    training: TrainingConfig
    throughput: tuple[str, ...]
    limit: int | None = None


REAL = Day("cuda", *ferplus.EXPERIMENTS["full"], ("--steps", "24", "--repeats", "2"))
# As deep, with as many stages and heads; compiled, in bfloat16, averaged, growing, mixing as well.
NARROW = {"image_size": 64, "width": 4, "embed_dim": 24, "mlp_dim": 32}
REHEARSED = Day(
    "cpu",
    replace(REAL.settings, **NARROW),
    replace(REAL.training, epochs=3, batch_size=16),
    ("--steps", "1", "--repeats", "1", "--images", "32", "--compiled", "--precision", "bfloat16"),
    limit=64,
)


def measure_throughput(day: Day, out: Path) -> None:
    """Measure the step against the usual loop, in a process of its own; it may fail or be late."""
    path = out / f"throughput_{day.device}.json"
    if path.exists():
        return
    module = ("-m", "figures.benchmarks.throughput", "--device", day.device, "--json", str(path))
    command = [sys.executable, *module, *day.throughput]
    try:
        code = subprocess.run(command, timeout=THROUGHPUT, cwd=FIGURES.parent).returncode
    except subprocess.TimeoutExpired:
        code = f"stopped after {THROUGHPUT} seconds"
    if code:
        print(f"The throughput was not measured ({code}); the training goes on without.")


def images_per_second(day: Day, faces: FaceSet) -> float:
    """Return how fast training is at full size, once it is compiled."""
    torch.manual_seed(SEED)
    training = replace(day.training, growth=0.0, epochs=1000)
    train_set = faces.part("train")
    examples = Examples(train_set.images[:], train_set.labels, train_set.targets)
    loop = OurLoop(VTFF(day.settings).to(day.device), examples, training)
    loop.run(3)
    return STEPS * loop.plan.batch_size / loop.seconds(STEPS)


def epochs_within(seconds: float, speed: float, images: int, day: Day) -> int:
    """Return how many epochs fit; a step costs what its pictures have in pixels."""
    plan, full = Plan(images, day.training), day.settings.image_size
    steps = range(0, plan.total_steps, max(1, plan.total_steps // 200))
    cost = mean((plan.side(step, full, day.settings.reduction) / full) ** 2 for step in steps)
    return max(1, min(day.training.epochs, int(PLANNED * seconds * speed / (cost * images))))


def decide(day: Day, faces: FaceSet, out: Path, seconds: float) -> int:
    """Return the epochs, as decided in the first call.

    Args:
        seconds: that are left for all calls together.
    """
    path = out / "schedule.json"
    if not path.exists():
        speed, images = images_per_second(day, faces), len(faces.part("train"))
        epochs = epochs_within(seconds, speed, images, day)
        write(path, {"images_per_second": round(speed, 1), "seconds": seconds, "epochs": epochs})
    return int(json.loads(path.read_text(encoding="utf-8"))["epochs"])


def train(day: Day, faces: FaceSet, out: Path, epochs: int, seconds: float) -> Record:
    """Train and, if it is over, measure once; nothing else is returned."""
    config = replace(day.training, epochs=epochs, seed=SEED)
    name = NAME if day.limit is None else f"{NAME}_rehearsed"
    record = ferplus.run(name, day.settings, config, faces, day.device, seconds, "test")
    if record:
        split_weights(read_weights(weights_of(name, SEED)), out / "weights")
        model, recipe = asdict(day.settings), day.training.epochs
        record |= {"model": model, "experiment": "full", "epochs_of_the_recipe": recipe}
    return record


def split_weights(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write weights in half precision, in files of at most `PIECE` bytes or a single tensor."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces: list[dict[str, Tensor]] = [{}]
    for name, tensor in weights.items():
        half = tensor.half() if tensor.is_floating_point() else tensor
        size = sum(each.nbytes for each in pieces[-1].values())
        if pieces[-1] and size + half.nbytes > PIECE:
            pieces.append({})
        pieces[-1][name] = half.contiguous()
    for number, piece in enumerate(pieces):
        write_weights(folder / f"{number:02}.safetensors", piece, {"pieces": str(len(pieces))})


def join(folder: Path) -> dict[str, Tensor]:
    """Return the weights whose pieces lie in a folder.

    Raises:
        ValueError: if there is none, or one is missing.
    """
    paths = sorted(folder.glob("*.safetensors"))
    weights = {name: tensor for path in paths for name, tensor in read_weights(path).items()}
    with torch.device("meta"):
        expected = set(VTFF(REAL.settings).state_dict())
    if missing := sorted(expected - set(weights)):
        raise ValueError(f"{folder} lacks {len(missing)} tensors, {missing[0]} first; carry all.")
    return weights


def some(faces: FaceSet, limit: int | None) -> FaceSet:
    """Return the first faces of each split."""
    if limit is None:
        return faces
    rows = [(faces.splits == split).nonzero().flatten()[:limit] for split in range(len(SPLITS))]
    return faces[torch.cat(rows)]


def go_on(day: Day, pack: Path, out: Path, seconds: float, altogether: float) -> None:
    """Do what the time of one call allows."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    faces = some(ferplus.read_faces(pack), day.limit)
    measure_throughput(day, out)
    epochs = decide(day, faces, out, altogether - (time.monotonic() - started))
    left = max(0.0, seconds - (time.monotonic() - started))
    for record in timed(lambda: iter([train(day, faces, out, epochs, left)]), ()):
        if "test" not in record:
            print(f"Not over yet: the same command goes on with the {epochs} epochs.")
            return
        target = (FIGURES if day.limit is None else out) / f"{NAME}.json"
        write_runs(target, [record], ferplus.summarise)
        write(out / "record.json", record)
        print(f"Test accuracy {record['test']['accuracy']['value']:.4f} after {epochs} epochs.")


def main() -> None:
    """Run one call."""
    options = parse(
        __doc__,
        [
            PACK,
            argument("out", type=Path, help="folder for what is to be kept"),
            argument("--seconds", type=float, default=540, help="of this call"),
            argument("--altogether", type=float, default=780, help="seconds of all calls"),
            argument("--rehearse", action="store_true", help="small, on a CPU"),
        ],
    )
    # A rehearsal's schedule and weights must not be taken for those of the day.
    out = options["out"] / ("rehearsal" if options["rehearse"] else "")
    with in_a_sentence("Stopped; the same command goes on from the last checkpoint."):
        day = REHEARSED if options["rehearse"] else REAL
        if not options["rehearse"] and not torch.cuda.is_available():
            raise ValueError("No GPU is at hand; give --rehearse to try it on a CPU.")
        go_on(day, options["pack"], out, options["seconds"], options["altogether"])


if __name__ == "__main__":
    main()
