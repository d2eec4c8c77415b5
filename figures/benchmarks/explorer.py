"""How long one move of the explorer takes: `python -m figures.benchmarks.explorer`.

In the page, from the click until everything is laid out anew, in a headless Chromium; painting
comes on top. In the playground, from a slider's new value until the message to the browser is
ready: rendering, the model, its maps and gradients, and packing.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from figures.benchmarks.clock import seconds, significant
from figures.experiments.harness import FIGURES, write
from tests.browser import find_chromium, open_browser
from vtff_lib import load_pretrained
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.widgets.playground import Playground

PAGE = FIGURES / "explorer_tiny.html"
WARM_UP = 3  # moves that are not told
VIEWS = {
    "one face": "#step=explore",
    "two faces": "#step=explore&beside=face+2",
    "tokens of two faces": "#step=explore&view=attention&beside=face+2",
}

# Acts on what is on show at the time; every act changes the state.
MOVES = """{
    'another face': turn => pick('.vtff-free .vtff-faces input', turn),
    'another place': turn => pick('.vtff-free [data-key^="cell "]', 7 * turn + 3),
    'a change of the model': turn => pick('.vtff-changes input[type=checkbox]', turn),
    'strength': turn => slide('.vtff-free input[type=range]', 5 * turn % 100),
    'another map': turn => pick('.vtff-views input', turn),
}"""
MEASURE = f"""async repeats => {{
    const all = selector => [...document.querySelectorAll(selector)];
    const pick = (selector, turn) => all(selector)[turn % all(selector).length].click();
    const slide = (selector, value) => {{
        const [slider] = all(selector);
        slider.value = value;
        slider.dispatchEvent(new Event('input'));
    }};
    const timed = async move => {{
        const start = performance.now();
        move();
        for (let i = 0; i < 200; i += 1) await null;  // until nothing waits for stored answers
        document.body.offsetHeight;
        return performance.now() - start;
    }};
    const turns = [...Array(repeats + {WARM_UP}).keys()];
    const times = {{}};
    for (const [name, move] of Object.entries({MOVES})) {{
        times[name] = [];
        for (const turn of turns) times[name].push(await timed(() => move(turn)));
    }}
    return times;
}}"""


def page_moves(chromium: str, repeats: int, path: Path = PAGE) -> dict[str, dict[str, Any]]:
    """Return the times of moves in a saved page, by what is on show and by the move."""
    moves = {}
    with open_browser(chromium) as browser:
        for view, fragment in VIEWS.items():
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.goto(path.as_uri() + fragment)
            page.wait_for_selector(".vtff-free [role=grid]")
            times = page.evaluate(MEASURE, repeats)
            moves[view] = {name: summary(row) for name, row in times.items()}
    return moves


def playground_moves(repeats: int) -> dict[str, dict[str, Any]]:
    """Return the times of moves in the playground, and of rendering alone."""
    ground = Playground(load_pretrained("tiny"))
    slider = ground.units[12]
    turns = iter(range(10**6))

    def move() -> None:
        slider.value = next(turns) % 20 / 20  # without a loop it is drawn at once

    def time(run: Any) -> dict[str, Any]:
        return summary([1000 * seconds(run) for _ in range(repeats + WARM_UP)])

    moves = {"rendering alone": time(ground._pixels), "a slider": time(move)}
    ground.view.state = {"surgery": "head 1 2"}
    return moves | {"a slider, with a head silenced": time(move)}


def summary(times: list[float]) -> dict[str, Any]:
    """Return the median and the largest of some times, in ms, after the first few."""
    times = times[WARM_UP:]
    return {"median_ms": significant(median(times)), "largest_ms": significant(max(times))}


def main() -> None:
    """Measure, print, and save if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40, help="of a move (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No browser found: Chromium or Chrome is needed on PATH.")
    record = circumstances("playwright", "ipywidgets") | {"repeats": options.repeats}
    record["results"] = {
        "page_bytes": PAGE.stat().st_size,
        "page": page_moves(chromium, options.repeats),
        "playground": playground_moves(options.repeats),
    }
    print(json.dumps(record, indent=1))
    if options.json:
        write(options.json, record)


if __name__ == "__main__":
    main()
