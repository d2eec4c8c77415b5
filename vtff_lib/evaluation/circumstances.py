"""When, where and with what a figure was measured. Taught in 07b."""

import os
import platform
import shlex
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch


def circumstances(*libraries: str) -> dict[str, str | int]:
    """Return what belongs beside every stored figure, the versions of `libraries` among it.

    Of a path in the command that begins at the root of this machine, the name alone is told.
    """
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else "?"
    graphics = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "command": shlex.join(["python", "-m", module, *map(_without_root, sys.argv[1:])]),
        "date": date.today().isoformat(),
        "processor": platform.processor() or platform.machine(),
        **graphics,
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", *libraries)},
    }


def _without_root(argument: str) -> str:
    flag, equals, value = argument.rpartition("=")
    return flag + equals + (Path(value).name if Path(value).is_absolute() else value)
