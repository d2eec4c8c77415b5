"""The floor: what the machine's fastest matrix product would allow; and the memory of a GPU."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from figures.benchmarks.clock import median_seconds, significant, synchronise
from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF


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


def matmul_speed(device: torch.device) -> float:
    """Return the floating-point operations a second of a large matrix product.

    On a GPU in bfloat16, on a CPU in float32.
    """
    side, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in "ab")
    out = torch.empty_like(a)
    return 2 * side**3 / median_seconds(lambda: torch.mm(a, b, out=out))


def copy_speed(device: torch.device) -> float:
    """Return the bytes a second, read and written, of copying a large tensor."""
    size = 2**30 if device.type == "cuda" else 2**26
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_seconds(lambda: target.copy_(source))


def peak_memory(run: Callable[[], object], device: torch.device) -> float | None:
    """Return the most GiB that tensors took on the GPU during a call; `None` elsewhere."""
    if device.type != "cuda":
        run()
        return None
    torch.cuda.reset_peak_memory_stats()
    run()
    synchronise()
    return significant(torch.cuda.max_memory_allocated() / 2**30)
