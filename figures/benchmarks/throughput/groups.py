"""Which part of a training step an operator or a kernel belongs to."""

import re

from torch.autograd import DeviceType

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
