"""Compile `engine.c` into `engine.wasm`: `python -m vtff_lib.live.build`.

Who only uses the library needs no compiler: the module is shipped with it.
"""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from vtff_lib import files

FOLDER = Path(__file__).parent
SOURCE, MODULE = FOLDER / "engine.c", FOLDER / "engine.wasm"
FLAGS = (
    *("-Os", "-Wall", "-Wextra", "-Werror"),
    *("-msimd128", "-mbulk-memory"),  # vectors of four floats, and copies in one instruction
    *("-ffreestanding", "-nostdlib", "-fvisibility=hidden"),
    *("-fno-math-errno", "-fno-strict-aliasing"),
    *("-Wl,--no-entry", "-Wl,--export-dynamic", "-Wl,--strip-all"),
)


def compilers() -> list[list[str]]:
    """Return the commands that can compile C to WebAssembly here: clang with lld, or ziglang."""
    found = []
    if shutil.which("clang") and shutil.which("wasm-ld"):
        found.append(["clang", "--target=wasm32"])
    if find_spec("ziglang"):
        found.append([sys.executable, "-m", "ziglang", "cc", "--target=wasm32-freestanding"])
    return found


def build(target: str | Path = MODULE, compiler: list[str] | None = None) -> Path:
    """Compile the engine, and put the module at `target`, whole or not at all.

    Args:
        target: where to write it.
        compiler: one of `compilers()`; the first if not given.

    Raises:
        ValueError: if there is no compiler, or it fails.
    """
    if compiler is None and not compilers():
        raise ValueError(
            "No compiler for WebAssembly is here; install clang and lld, or `pip install ziglang`."
        )
    with files.whole(target) as unfinished:
        command = [*(compiler or compilers()[0]), *FLAGS, str(SOURCE), "-o", str(unfinished)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{command[0]} could not compile {SOURCE.name}: {done.stderr.strip()}")
        unfinished.chmod(0o644)
    return Path(target)


def main() -> None:
    """Compile it, or say what is missing."""
    try:
        print(f"{MODULE.name}: {build().stat().st_size:,} bytes")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
