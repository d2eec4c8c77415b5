"""What every experiment goes through: command line, threads, clock, and a file written whole.

    @experiment("silenced.json", "numpy")
    def main() -> Record:
        return {"model": "tiny", ...}

A function that returns a record makes a file of it. One that yields records, a run each, makes a
file of all runs, those of earlier calls too, and of what `summarise` tells of them; each run is
written as soon as it is over, so that whoever stops the script loses only the one that was going
on. Beside each record stand its `circumstances` and the seconds that it took.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from vtff_lib import files
from vtff_lib.endings import in_a_sentence
from vtff_lib.evaluation.circumstances import circumstances

FIGURES = Path(__file__).parents[1]
BUILD = FIGURES.parent / "build"
Record = dict[str, Any]
Summarise = Callable[[list[Record]], Any]
Argument = tuple[tuple[str, ...], dict[str, Any]]


def argument(*names: str, **settings: Any) -> Argument:
    """Return an argument of the command line, as `ArgumentParser.add_argument` takes it."""
    return names, settings


def first_seeds(count: int) -> Argument:
    """Return `--seeds`: the first `count` if not given; given none, only the summary is renewed."""
    return argument("--seeds", type=int, nargs="*", default=list(range(count)))


PACK = argument("pack", type=Path, help="FER+, packed by data_scripts/prepare.py")


def experiment(
    file: str,
    *libraries: str,
    arguments: Sequence[Argument] = (),
    summarise: Summarise | None = None,
    key: str = "seed",
    threads: int | None = 1,
) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Make a `main` of a function that measures.

    Args:
        file: to write in `figures/`, with arguments of the command line in braces. With `--watch`
            it goes to `build/`: what was only looked at is no result.
        libraries: whose versions are told.
        arguments: of the command line; the function gets them by name.
        summarise: what to tell of all runs; given if and only if the function yields its records.
        key: what tells one run from another.
        threads: of PyTorch; sums of floats depend on them. `None` leaves them as they are.
    """

    def decorate(measure: Callable[..., Any]) -> Callable[[], None]:
        description = sys.modules[measure.__module__].__doc__

        @wraps(measure)
        def main() -> None:
            options = parse(description, arguments)
            if threads:
                torch.set_num_threads(threads)
            path = (BUILD if options.get("watch") else FIGURES) / file.format(**options)
            with in_a_sentence("Stopped; the runs that were over before are stored."):
                if summarise is None:
                    [record] = timed(lambda: iter([measure(**options)]), libraries)
                    write(path, record)
                else:
                    for record in timed(lambda: measure(**options), libraries):
                        write_runs(path, [record], summarise, key)
                    write_runs(path, [], summarise, key)  # anew, even if no run was missing
                print(f"{path.parent.name}/{path.name} is written.")

        return main

    return decorate


def parse(description: str | None, arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return what the command line gives, by name; the first line of `description` is its help."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for names, settings in arguments:
        parser.add_argument(*names, **settings)
    return vars(parser.parse_args())


def timed(measure: Callable[[], Iterator[Record]], libraries: Sequence[str]) -> Iterator[Record]:
    """Yield records with their circumstances, and CPU seconds if they tell of no seconds."""
    started = time.process_time()
    for record in measure():
        seconds = round(time.process_time() - started, 1)
        clock = {} if "seconds" in record else {"cpu_seconds": seconds}
        yield circumstances(*libraries) | clock | record
        started = time.process_time()


def read_runs(path: Path) -> list[Record]:
    """Return the runs that `write_runs` wrote, none if there is no such file.

    Raises:
        ValueError: if the file is damaged, or another's.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else '{"runs": []}'
        return list(files.from_json(text)["runs"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no runs ({error}); restore it, or move it.") from error


def write_runs(path: Path, new: list[Record], summarise: Summarise, key: str = "seed") -> None:
    """Write all runs, those of earlier calls too, and a summary of them; one to each `key`.

    Two that do so at once wait for each other, so that no run is lost.
    """
    with alone_with(path):
        by_key = {run[key]: run for run in [*read_runs(path), *new]}
        runs = [by_key[value] for value in sorted(by_key)]
        if runs:
            write(path, {"summary": summarise(runs), "runs": runs})


def alone_with(path: Path) -> AbstractContextManager[None]:
    """Return a block in which nobody else reads, changes and writes a file; it waits for others."""
    return files.only_one(path.parent, math.inf, f".{path.name}.lock")


def write(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    files.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
