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
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import local_binary_pattern as skimage_lbp
from torch import Tensor, nn
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from vtff_lib import training
from vtff_lib.augmentation import Augmentation, mix, resize
from vtff_lib.circumstances import circumstances
from vtff_lib.config import VTFFConfig
from vtff_lib.lbp import order_table
from vtff_lib.optimisation import Examples, Loss, soft_targets
from vtff_lib.recipe import PRECISIONS, Plan, TrainingConfig, derive_seed, generator
from vtff_lib.training import require_finite, start_state, take_step
from vtff_lib.vtff import VTFF

SEED = 0
WARM_UP = 4  # steps of ours before the first that is timed; the first of all is timed apart
PROFILED = 3  # steps in the profile
MODELS = {"paper": VTFFConfig.paper, "deep": VTFFConfig.deep, "tiny": VTFFConfig.tiny}
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
DEFAULTS: dict[str, dict[str, Any]] = {
    "cpu": {
        "model": "tiny", "batch_size": 16, "steps": 3, "repeats": 3, "workers": min(CORES, 2),
        "images": 2048, "precision": "float32", "compiled": False,
    },
    "cuda": {
        "model": "paper", "batch_size": 256, "steps": 48, "repeats": 5, "workers": min(CORES, 16),
        "images": 4096, "precision": "bfloat16", "compiled": True,
    },
}  # fmt: skip
NOTES = (
    "The images are random bytes in memory; no loop reads or decodes a file.",
    "The workers augment PIL images with torchvision.transforms.v2: flip, affine, brightness, "
    "contrast, grey and erasing in the strength of 'standard', but no gamma, noise or blur.",
    "One call of scikit-image for each channel, P=8 and R=1, as is usual. It interpolates the "
    "diagonal neighbours; the other four bits equal the model's own LBP view.",
    "A baseline is timed in whole rounds of its workers. The round before is trained but not "
    "timed, the round after keeps the workers busy until the clock stops.",
    "Baselines are float32 as PyTorch has it by default; see the settings for TF32.",
)

OPTIMISER, AUGMENTATION, LBP = "optimiser and EMA", "augmentation", "LBP"
CONVOLUTION, MATMUL = "convolution", "matmul and attention"
ELEMENTWISE, REST, IDLE = "batch norm and elementwise", "rest", "idle"
GROUPS = (CONVOLUTION, MATMUL, ELEMENTWISE, AUGMENTATION, LBP, OPTIMISER, REST, IDLE)
PATTERNS = (  # of operators outside any range; the first that is found counts
    # Kernels of a compiled model name what they do, and only LBP pads and compares. With it goes
    # what the compiler put into the same kernel.
    (LBP, r"(cpp|triton).*fused.*_(pad|constant_pad_nd|ge)_"),
    (ELEMENTWISE, r"(cpp|triton).*fused"),
    (CONVOLUTION, r"conv"),
    (MATMUL, r"mm|matmul|linear|attention|gemm"),
    (
        ELEMENTWISE,
        r"norm|relu|gelu|threshold|clamp|pool|sigmoid|add|sub|mul|div|copy|sum|mean|cat|fill|zero",
    ),
)


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long.

    Args:
        device: `"cpu"` or `"cuda"`.
        model: `"paper"`, `"deep"` or `"tiny"`.
        batch_size: images to a step, of all three loops.
        steps: timed steps of ours in each repeat. Baselines take as many, rounded up to whole
            rounds of their workers.
        repeats: timed stretches of each loop.
        workers: processes that prepare the baselines' batches; 0: none but the main one.
        images: how many there are.
        stored_size: height and width in pixels in which they are kept.
        precision: of ours, see `TrainingConfig`.
        compiled: whether ours is compiled.
    """

    device: str
    model: str
    batch_size: int
    steps: int
    repeats: int
    workers: int
    images: int
    stored_size: int
    precision: str
    compiled: bool

    @property
    def model_config(self) -> VTFFConfig:
        """The settings of the model."""
        return MODELS[self.model]()

    @property
    def training_config(self) -> TrainingConfig:
        """The settings of our run, long enough for every step that is to be taken."""
        taken = 1 + WARM_UP + self.repeats * self.steps + 1 + PROFILED
        config = TrainingConfig(
            batch_size=self.batch_size,
            precision=self.precision,
            compiled=self.compiled,
            seed=SEED,
            augmentation=Augmentation.preset("standard"),
        )
        return replace(config, epochs=math.ceil(taken / Plan(self.images, config).steps_per_epoch))


def make_faces(count: int, side: int, num_classes: int) -> Examples:
    """Return `count` images of random bytes, `(count, 3, side, side)` uint8, and labels."""
    dice = generator(SEED, "throughput", 0)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=dice)
    return Examples(images, torch.randint(num_classes, (count,), generator=dice))


class OurLoop:
    """The steps that `train` takes, without checkpoints and validation.

    Args:
        model: on the device.
        faces: what is learned; brought to the device, once.
        config: the settings, with one part to a batch.
    """

    def __init__(self, model: VTFF, faces: Examples, config: TrainingConfig):
        self.config, self.plan = config, Plan(len(faces.images), config)
        self.device = model.cls_token.device
        self.images = faces.images.to(self.device)
        self.targets = soft_targets(faces, model.config.num_classes).to(self.device)
        self.loss = Loss.of(
            self.targets, config.class_balance, config.label_smoothing, config.logit_adjustment
        )
        self.state = start_state(model, config)

    def parts(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batch of `step`: rgb `(N, 3, H, W)` uint8 and targets `(N, num_classes)`."""
        config, model = self.config, self.state.model.config
        with record_function(AUGMENTATION):
            chosen = self.plan.batch(step).to(self.device)
            rgb = resize(self.images[chosen], model.image_size)
            rgb = config.augmentation(rgb, generator(config.seed, "augmentation", step))
            rgb = resize(rgb, self.plan.side(step, rgb.shape[-1], model.reduction))
            torch.manual_seed(derive_seed(config.seed, "dropout", step))
            batch = mix(rgb, self.targets[chosen], config.mixup, config.cutmix)
        yield batch

    def run(self, steps: int) -> None:
        """Take `steps` steps; nothing waits for the device."""
        for _ in range(steps):
            step = self.state.step
            rate = self.plan.learning_rate(step)
            take_step(self.state, self.parts(step), self.loss, rate, self.config)

    def seconds(self, steps: int) -> float:
        """Time `steps` steps."""
        return seconds(lambda: self.run(steps), self.device)


class UsualFaces(Dataset):
    """Images one by one, as a worker process prepares them.

    Each is rgb `(3, H, W)` float32 0 to 1, on request its LBP view in the same form, and its label.

    Args:
        faces: images and labels.
        config: the model's settings: size of the images and order of the LBP bits.
        with_lbp: whether the LBP view is made here.
    """

    def __init__(self, faces: Examples, config: VTFFConfig, with_lbp: bool):
        self.faces, self.with_lbp = faces, with_lbp
        self.augment = usual_augmentation(config.image_size)
        self.table = order_table("circular", config.lbp_order).numpy()

    def __len__(self) -> int:
        return len(self.faces.images)

    def __getitem__(self, index: int) -> tuple[Tensor | int, ...]:
        rgb = self.augment(v2.functional.to_pil_image(self.faces.images[index]))
        views = [rgb, worker_lbp(rgb, self.table)] if self.with_lbp else [rgb]
        return *(view.float().div_(255) for view in views), int(self.faces.labels[index])


def usual_augmentation(side: int) -> v2.Compose:
    """Return what alters a PIL image as "standard" does: a uint8 tensor `(3, side, side)`."""
    ours = Augmentation.preset("standard")
    move = v2.RandomAffine(
        degrees=ours.rotation,
        translate=(ours.shift, ours.shift),
        scale=(1 / (1 + ours.scale), 1 + ours.scale),
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    area = ((ours.erased / 2) ** 2, ours.erased**2)  # share of the image
    return v2.Compose(
        [
            v2.Resize((side, side), interpolation=v2.InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(ours.flip),
            v2.RandomApply([move], p=ours.move),
            v2.ColorJitter(brightness=ours.brightness, contrast=ours.contrast),
            v2.RandomGrayscale(ours.grey),
            v2.PILToTensor(),
            v2.RandomErasing(ours.erasing, scale=area, ratio=(0.5, 2), value=127),
        ]
    )


def worker_lbp(rgb: Tensor, table: np.ndarray) -> Tensor:
    """Return scikit-image's codes of `rgb` `(3, H, W)` uint8 in the bit order of `table`."""
    codes = np.stack([skimage_lbp(channel, P=8, R=1) for channel in rgb.numpy()])
    return torch.from_numpy(table[codes.astype(np.uint8)])


class UsualLoop:
    """The usual research loop: workers, float32, eager, and the loss read in every step.

    Args:
        model: on the device.
        faces: what is learned; on the CPU.
        settings: batch size, workers, and how many steps are timed.
        with_lbp: whether the workers make the LBP view (baseline a) or the model (baseline b).
    """

    def __init__(self, model: VTFF, faces: Examples, settings: Settings, with_lbp: bool):
        self.model, self.device = model.train(), model.cls_token.device
        self.batch_size, round_ = settings.batch_size, max(settings.workers, 1)
        self.timed = math.ceil(settings.steps / round_) * round_
        self.lead = max(round_, 2)  # batches before the first that is timed
        count = (self.lead + self.timed + round_) * self.batch_size
        dice = generator(SEED, "usual order", 0)
        dataset = UsualFaces(faces, model.config, with_lbp)
        self.loader = DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=RandomSampler(dataset, num_samples=count, generator=dice),
            num_workers=settings.workers,
            pin_memory=self.device.type == "cuda",
            persistent_workers=settings.workers > 0,
            generator=dice,
        )
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05)

    def learn(self, batch: list[Tensor]) -> float:
        """Take one step; return its loss, for which the device is waited for."""
        *views, labels = (tensor.to(self.device) for tensor in batch)
        self.optimiser.zero_grad()
        loss = F.cross_entropy(self.model(*views).logits, labels, label_smoothing=0.1)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def seconds(self) -> float:
        """Time `timed` steps, with workers that neither start from nothing nor worked ahead."""
        batches = iter(self.loader)
        for batch in islice(batches, self.lead):
            self.learn(batch)
        result = seconds(lambda: [*map(self.learn, islice(batches, self.timed))], self.device)
        for _ in batches:  # what is left, so that no worker is busy while others are timed
            pass
        return result


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Time one call and all that it started on the device."""
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start


def matmul_speed(device: torch.device) -> float:
    """Return the floating-point operations a second of a large matrix product.

    On a GPU in bfloat16, on a CPU in float32.
    """
    side, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in "ab")
    out = torch.empty_like(a)
    return 2 * side**3 / median_seconds(lambda: torch.mm(a, b, out=out), device)


def copy_speed(device: torch.device) -> float:
    """Return the bytes a second, read and written, of copying a large tensor."""
    size = 2**30 if device.type == "cuda" else 2**26
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_seconds(lambda: target.copy_(source), device)


def median_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Time a call eleven times, after three that are not timed; return the median."""
    times = [seconds(run, device) for _ in range(14)]
    return median(times[3:])


def flops_of_an_image(model: nn.Module, side: int) -> float:
    """Return the floating-point operations of learning one image: forward and backward.

    Counted are convolutions, matrix products and attention; a multiplication and an addition are
    two operations.

    Args:
        model: on the device `"meta"`, where nothing is computed. It takes `(N, 3, side, side)`.
        side: height and width in pixels.
    """
    vtff = isinstance(model, VTFF)
    images = torch.zeros(2, 3, side, side, dtype=torch.uint8 if vtff else None, device="meta")
    with FlopCounterMode(display=False) as counter:
        out = model.train()(images)
        (out.logits if vtff else out).sum().backward()
    return counter.get_total_flops() / len(images)


@contextmanager
def named_ranges(ours: OurLoop) -> Iterator[None]:
    """Let the profiler know which part of a step an operator belongs to."""

    def named(name: str, run: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            with record_function(name):
                return run(*args, **kwargs)

        return call

    places = [
        (training, "update_average", OPTIMISER),
        (nn.utils, "clip_grad_norm_", OPTIMISER),
        (ours.state.optimiser, "step", OPTIMISER),
        (ours.state.optimiser, "zero_grad", OPTIMISER),
    ]
    if not ours.config.compiled:  # else a new `forward` would be compiled again; see `PATTERNS`
        places.append((ours.state.model.lbp, "forward", LBP))
    with ExitStack() as stack:
        for owner, attribute, name in places:
            call = named(name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, call))
        yield


def profile_of(ours: OurLoop, steps: int) -> dict[str, Any]:
    """Return where the time of a step goes: wall and device ms, and each group's share of the wall.

    The profiler itself takes time on the CPU, so a GPU looks more idle than it is.
    """
    cuda = ours.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with named_ranges(ours):
        with profile(activities=activities):  # the first one sets the profiler up
            ours.seconds(1)
        with profile(activities=activities) as profiler:
            wall = ours.seconds(steps)
    spent = time_by_group(profiler.events(), cuda)  # microseconds
    busy = sum(spent.values())
    total = max(1e6 * wall, busy)
    spent[IDLE] = total - busy
    return {
        "steps": steps,
        "wall_ms": significant(1e3 * wall / steps),
        "device_ms": significant(busy / 1e3 / steps),
        "shares": {group: round(spent.get(group, 0.0) / total, 4) for group in GROUPS},
    }


def time_by_group(events: list, cuda: bool) -> dict[str, float]:
    """Return the microseconds of each group: of kernels on a GPU, else of operators on the CPU.

    A kernel belongs to the range in which the CPU launched it, and outside all ranges to the group
    of the operator that did.
    """
    on_cpu = [event for event in events if event.device_type == DeviceType.CPU]
    ranges = [
        (event.time_range.start, event.time_range.end, event.name)
        for event in on_cpu
        if event.name in GROUPS
    ]
    kernels = [event for event in events if event.device_type == DeviceType.CUDA]
    marks = {event.name for event in kernels if getattr(event, "is_user_annotation", False)}
    spent = dict.fromkeys(GROUPS, 0.0)
    for event in on_cpu:
        own = event.self_cpu_time_total
        if cuda:
            own = sum(kernel.duration for kernel in event.kernels if kernel.name not in marks)
        spent[group_of(event.name, event.time_range.start, ranges)] += own
    if cuda:  # kernels that no operator owns up to
        every = sum(k.time_range.elapsed_us() for k in kernels if k.name not in marks)
        spent[REST] += max(0.0, every - sum(spent.values()))
    return spent


def group_of(name: str, start: float, ranges: list[tuple[float, float, str]]) -> str:
    """Return the group of an operator `name` that began at `start` microseconds."""
    for first, last, group in ranges:
        if first <= start <= last:
            return group
    return next((group for group, pattern in PATTERNS if re.search(pattern, name)), REST)


def significant(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")


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


def measure_floor(config: VTFFConfig, device: torch.device) -> dict[str, float]:
    """Return the speeds of the machine, the work of an image, and the rate that they allow."""
    with torch.device("meta"):
        flops = flops_of_an_image(VTFF(config), config.image_size)
    speed = matmul_speed(device)
    return {
        "gflop_per_image": significant(flops / 1e9),
        "matmul_tflop_per_s": significant(speed / 1e12),
        "copy_gb_per_s": significant(copy_speed(device) / 1e9),
        "images_per_s": significant(speed / flops),
    }


def peak_memory(run: Callable[[], object], device: torch.device) -> float | None:
    """Return the most GiB that tensors took on the GPU during a call; `None` elsewhere."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    run()
    synchronise(device)
    if device.type != "cuda":
        return None
    return significant(torch.cuda.max_memory_allocated(device) / 2**30)


def summary(rates: list[float]) -> dict[str, Any]:
    """Return the median of `rates`, in images a second, and all of them."""
    return {"images_per_s": significant(median(rates)), "rates": [*map(significant, rates)]}


def describe(settings: Settings) -> dict[str, Any]:
    """Return all settings, those that PyTorch was found with among them."""
    return {
        **asdict(settings),
        "warm_up_steps": 1 + WARM_UP,
        "baseline_pinned_memory": settings.device == "cuda",
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_matmuls": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "model_config": json.loads(settings.model_config.to_json()),
        "training_config": asdict(settings.training_config),
    }


def show(results: dict[str, Any]) -> None:
    """Print the results in readable lines."""
    ours, floor, shares = results["ours"], results["floor"], results["profile"]["shares"]
    names = {"baseline_a": "LBP in the workers", "baseline_b": "LBP by the model"}
    print(f"ours: {ours['images_per_s']} images/s; first step: {ours['first_step_s']} s")
    for name, what in names.items():
        rate, ratio = results[name]["images_per_s"], results["ratios"][name]
        print(f"usual loop, {what}: {rate} images/s -> ours is {ratio} times as fast")
    print(
        f"floor: {floor['gflop_per_image']} GFLOP an image at {floor['matmul_tflop_per_s']} "
        f"TFLOP/s -> {floor['images_per_s']} images/s; ours reaches {floor['share_reached']:.1%}. "
        f"Copying: {floor['copy_gb_per_s']} GB/s"
    )
    if ours["peak_memory_gib"] is not None:
        print(f"peak memory of ours: {ours['peak_memory_gib']} GiB")
    print(f"a step of ours under the profiler: {results['profile']['wall_ms']} ms, of which")
    for group, share in shares.items():
        print(f"  {group:<28}{share:7.1%}")


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


def shared_memory(settings: Settings) -> tuple[float, float]:
    """Return the bytes of batches that may wait at once, and those that there is room for."""
    image = 2 * 3 * settings.model_config.image_size**2 * 4  # two float32 views
    needed = 2 * settings.workers * settings.batch_size * image  # two batches to a worker
    place = Path("/dev/shm")  # where Linux keeps it; elsewhere there is no such bound
    return needed, shutil.disk_usage(place).free if place.is_dir() else math.inf


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


if __name__ == "__main__":
    main()
