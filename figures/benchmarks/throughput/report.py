"""The results in readable lines, and all settings beside them."""

from dataclasses import asdict
from typing import Any

import torch

from figures.benchmarks.throughput.settings import WARM_UP, Settings

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


def describe(settings: Settings) -> dict[str, Any]:
    """Return all settings, those that PyTorch was found with among them."""
    return {
        **asdict(settings),
        "warm_up_steps": 1 + WARM_UP,
        "baseline_pinned_memory": settings.device == "cuda",
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_matmuls": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "model_config": asdict(settings.model_config),
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
