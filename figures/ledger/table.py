"""The text of `figures/LEDGER.md`: claim by claim, how this model relates to the paper.

The rows stand in `rows`. Names are looked up in the sources when the table is written, so a
link leads to the line on which the thing is defined, and a name that is gone is an error.
"""

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures.experiments.harness import FIGURES
from figures.ledger.rows import ROWS, Row

ROOT = FIGURES.parent
LEDGER = FIGURES / "LEDGER.md"
LEGEND = {
    "S": "stated in the seed review, a Korean review of the paper; where it speaks, it rules",
    "A": "stated in the paper's abstract",
    "R2": "two independent readers of the paper agree in their code",
    "R1": "one such reader",
    "second-hand": "quoted by others; we have not seen it in the paper",
    "ours": "our own arithmetic or measurement",
    "?": "not known to us",
}
HEAD = """# Fidelity ledger

<!-- Written by `python -m figures.ledger`; do not edit. -->

The body of the paper was not at hand. This table says, claim by claim, how well each is known,
where it is in the library, which tests hold it (✓) and, where the sources are silent or disagree
or we differ, what we chose and why. **Cost** is what that choice costs as measured, with the file
of the measurement.

Known from:
"""
COLUMNS = ("", "claim or question", "known from", "in the library; held by", "our choice, cost")


def children(node: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what the body of a module or class defines, by name."""
    for child in getattr(node, "body", ()):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child.name, child
        targets = child.targets if isinstance(child, ast.Assign) else [getattr(child, "target", 0)]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, child


def find(name: str) -> tuple[Path, int]:
    """Return the file and the line where a dotted name of `vtff_lib` is defined.

    Raises:
        LookupError: if there is no such name.
    """
    folder, path = ROOT / "vtff_lib", name.split(".")
    while (folder / path[0]).is_dir():
        folder /= path.pop(0)
    file, line = folder / f"{path.pop(0)}.py", 1
    node: ast.AST | None = parsed(file)
    for part in path:
        node = dict(children(node)).get(part) if node else None
        line = getattr(node, "lineno", 0)
    if node is None:
        raise LookupError(f"vtff_lib.{name} is gone; mend the row that names it.")
    return file, line


def parsed(file: Path) -> ast.Module | None:
    """Return the syntax tree of a file of Python, if there is one."""
    return ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else None


def find_test(name: str) -> tuple[Path, int]:
    """Return the file and the line of a test, given as `test_lbp::test_outside_the_image_is_zero`.

    Raises:
        LookupError: if there is no such test.
    """
    module, _, function = name.partition("::")
    file = ROOT / "tests" / f"{module}.py"
    node = dict(children(parsed(file) or ast.Pass())).get(function)
    if not isinstance(node, ast.FunctionDef):
        raise LookupError(f"tests/{module}.py has no test {function}; mend the row that names it.")
    return file, node.lineno


def link(text: str, file: Path, line: int) -> str:
    """Return a link from `figures/` to a line of a file of the project."""
    target = file.relative_to(ROOT).as_posix()
    return f"[{text}](../{target}#L{line})"


def read_figures(name: str) -> dict[str, Any]:
    """Return what stands in `figures/<name>.json`, and under `seeds` how many runs that is."""
    content = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return {**content, "seeds": len(content["runs"])}


def measured(cost: str) -> str:
    """Return what a choice costs, with figures read from `figures/*.json` and links to these."""
    fields = [field for _, field, _, _ in string.Formatter().parse(cost) if field]
    names = dict.fromkeys(field.partition("[")[0] for field in fields)
    figures = {name: read_figures(name) for name in names}
    text = re.sub(r"(?<=\d)%", " %", cost.format(**figures))
    links = ", ".join(f"[{name}.json]({name}.json)" for name in names)
    return f"{text} ({links})" if links else text


def cells(number: int, row: Row) -> tuple[str, ...]:
    """Return a row as the cells of the table."""
    equation = f"<br>`{row.equation}`" if row.equation else ""
    choice = f"{row.ours}<br>**Cost:** {measured(row.cost)}." if row.ours else "as stated"
    places = [link(shown(name), *find(name)) for name in row.where]
    tests = [
        link(name.partition("::")[2].removeprefix("test_").replace("_", " "), *find_test(name))
        for name in row.tests
    ]
    return (
        str(number),
        row.claim + equation,
        row.known_from,
        "<br>".join([*places, *(f"✓ {test}" for test in tests)]),
        choice,
    )


def shown(name: str) -> str:
    """Return a dotted name short enough for a narrow column: its module, and its last part."""
    module, _, rest = name.partition(".")
    return f"{module}: {rest.rpartition('.')[2]}"


def table() -> str:
    """Return the text of `LEDGER.md`."""
    legend = "\n".join(f"- **{letter}** {meaning}" for letter, meaning in LEGEND.items())
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(cells(n, row) for n, row in enumerate(ROWS, 1))]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{HEAD}\n{legend}\n\n{rows}\n"
