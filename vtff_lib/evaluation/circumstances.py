"""When, where and with what a figure was measured. Taught in 07b."""

import os
import platform
import shlex
import sys
from datetime import date
from importlib.metadata import version

import torch


def circumstances(*libraries: str) -> dict[str, str | int]:
    """Return what belongs beside every stored figure, the versions of `libraries` among it."""
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else "?"
    graphics = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "processor": platform.processor() or platform.machine(),
        **graphics,
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", *libraries)},
    }
