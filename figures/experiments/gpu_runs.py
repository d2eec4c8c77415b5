"""The runs that want a GPU: which are done, which wait, and `make gpu`, which runs the next one.

    python -m figures.experiments.gpu_runs --list  write figures/RUNS.md
    python -m figures.experiments.gpu_runs         run the next one for nine minutes, and write it

A run that is not over after that time goes on when the command is given again. FER+ is yours to
bring: `python data_scripts/prepare.py ferplus --source FOLDER --out build/ferplus.safetensors`.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import torch

from figures.experiments.ferplus import EXPERIMENTS
from figures.experiments.ferplus_search import recipes
from figures.experiments.harness import BUILD, FIGURES, argument, parse
from vtff_lib import files

FERPLUS = BUILD / "ferplus.safetensors"
PACK = str(FERPLUS.relative_to(FIGURES.parent))
PIECE = 540  # seconds


@dataclass(frozen=True)
class Run:
    """A run on a GPU.

    Args:
        what: it is for, in a few words.
        arguments: of python, apart from `--time-limit`.
        writes: file in `figures/`.
        parts: how many seeds, or recipes, it is to have.
        in_pieces: whether it takes `--time-limit`.
    """

    what: str
    arguments: tuple[str, ...]
    writes: str
    parts: int = 1
    in_pieces: bool = False

    @property
    def command(self) -> str:
        """The one command, as a person types it."""
        return "python " + " ".join(self.arguments)

    def stored(self) -> dict[str, Any]:
        """Return what it has written, nothing if it has not."""
        path = FIGURES / self.writes
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    def is_done(self) -> bool:
        """Say if every seed or recipe is there, and was run on a GPU."""
        stored = self.stored()
        runs = stored.get("runs", [stored] if stored else [])
        return len(runs) >= self.parts and all("gpu" in run for run in runs)


def ferplus(experiment: str, what: str) -> Run:
    """Return the run of an experiment of `figures.experiments.ferplus`, three seeds."""
    arguments = ("-m", "figures.experiments.ferplus", PACK, experiment, "--device", "cuda")
    return Run(what, arguments, f"ferplus_{experiment}.json", parts=3, in_pieces=True)


def benchmark(module: str, writes: str, what: str) -> Run:
    """Return the run of a benchmark."""
    arguments = ("-m", module, "--device", "cuda", "--json", f"figures/{writes}")
    return Run(what, arguments, writes)


THROUGHPUT = "throughput_cuda.json"
RUNS = (
    benchmark(
        "figures.benchmarks.throughput",
        THROUGHPUT,
        "training step against the usual loop and the floor",
    ),
    benchmark(
        "figures.benchmarks",
        "benchmarks_cuda.json",
        "rendering of synthetic faces against the CPU, and whether both give the same pictures",
    ),
    Run(
        "FER+, recipes that differ in one thing, short runs seen by validation pictures alone",
        ("-m", "figures.experiments.ferplus_search", PACK, "--device", "cuda"),
        "ferplus_search_full.json",
        parts=len(recipes(*EXPERIMENTS["full"])),
        in_pieces=True,
    ),
    ferplus("full", "FER+, full size"),
    ferplus("rgb", "baseline: the colour view alone"),
    ferplus("lbp", "baseline: the LBP view alone"),
    ferplus("sum", "baseline: sum in place of fusion"),
    ferplus("concat", "baseline: concatenation in place of fusion"),
    ferplus("medium", "FER+, the medium model that is to be shipped"),
)


def describe(run: Run) -> str:
    """Return the row of a run in the table."""
    stored = run.stored() if run.is_done() else {}
    first = (stored.get("runs") or [stored])[0]
    figures = ", ".join(
        f"{name} {value}"
        for name, value in stored.get("summary", {}).items()
        if not isinstance(value, dict)  # a table stays in the file
    )
    state = f"{first['date']}, {first['gpu']}: {figures}" if stored else "waits"
    return f"| {run.what} | `{run.command}` | `{run.writes}` | {state} |"


def page() -> str:
    """Return the text of RUNS.md."""
    rows = "\n".join(describe(run) for run in RUNS)
    return f"""# Runs that want a GPU

Written by `python -m figures.experiments.gpu_runs --list`. `make gpu` runs the first that waits,
for nine minutes; given again, it goes on. Where a GPU is lent for a quarter of an hour, once,
`python -m figures.experiments.gpu_day PACK OUT` measures the throughput and trains at full size in
the time that is left. For a CPU there is `python -m figures.experiments.ferplus PACK small`.

FER+ is packed before by `python data_scripts/prepare.py ferplus --source FOLDER --out \
build/ferplus.safetensors`.

| what | command | writes, in `figures/` | done |
|---|---|---|---|
{rows}
"""


def write_page() -> None:
    """Write RUNS.md."""
    files.write(FIGURES / "RUNS.md", page())


def main() -> None:
    """Run the next one, or only write the list."""
    only_list = argument("--list", action="store_true", help="run nothing, write RUNS.md")
    options = parse(__doc__, [only_list])
    waiting = [run for run in RUNS if not run.is_done()]
    if options["list"] or not waiting:
        write_page()
        print("\n".join(describe(run) for run in RUNS))
        return
    run = waiting[0]
    if not torch.cuda.is_available():
        sys.exit(f"No GPU is at hand. The next run is: {run.command}")
    if PACK in run.arguments and not FERPLUS.is_file():
        sys.exit(f"{run.command} needs FER+; pack it first, see figures/RUNS.md.")
    limit = ("--time-limit", str(PIECE)) if run.in_pieces else ()
    print(run.command, flush=True)
    code = subprocess.run([sys.executable, *run.arguments, *limit], cwd=FIGURES.parent).returncode
    write_page()
    sys.exit(code)


if __name__ == "__main__":
    main()
