"""Where a key is published: a list of answers found in a text, or in values however they nest."""

import ast
import html
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import nbformat

from tests.lessons import stored
from vtff_lib.checks.versions import VARIED

LESSONS = ("01", "04", "07", "08b")  # whose exercises ask for a list of answers
LETTERS = "ABCDEFGH"


@cache
def keys() -> dict[str, Any]:
    """Return the right answer of each exercise that asks for a list, as its solution has it."""
    return {
        each.name: ast.literal_eval(ast.parse(each.solution).body[-1].value)
        for number in LESSONS
        for each in stored(number).exercises()
        if each.name in VARIED
    }


def plain(value: Any) -> Any:
    """Return a value with lists for tuples, so that equal contents are equal."""
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def readings(key: Any) -> list[Any]:
    """Return the lists that tell a key: what it holds, in order, and whether each letter is in."""
    if isinstance(key, dict):
        return [plain(list(key.values()))]
    if isinstance(key, set):
        return [sorted(key), [letter in key for letter in LETTERS]]
    return [plain(key)]


def told_by(value: Any) -> Iterator[list[Any]]:
    """Yield every list of things that stand together somewhere in a value."""
    if isinstance(value, dict):
        value = {k: value[k] for k in sorted(value, key=str)}
        yield from told_by(list(value.items()))
        yield from told_by(list(value.values()))
    elif isinstance(value, set | frozenset):
        yield from told_by(sorted(value, key=str))
    elif isinstance(value, list | tuple):
        items = [list(each.values()) if isinstance(each, dict) else each for each in value]
        yield plain(items)
        if items and all(isinstance(each, bool) for each in items):
            yield [not each for each in items]
        inner = [each for each in items if isinstance(each, list | tuple)]
        for place in range(max(map(len, inner), default=0)):
            yield [plain(each[place]) for each in inner if len(each) > place]
        for each in value:
            yield from told_by(each)


def values_in(code: str) -> Iterator[Any]:
    """Yield the values that Python code spells out; of a call, its arguments."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Set):
            yield _spelled(node)


def _spelled(node: ast.AST | None) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Tuple(elts) | ast.List(elts) | ast.Call(args=elts):
            return [_spelled(each) for each in elts]
        case ast.Set(elts):
            return {str(_spelled(each)) for each in elts}
        case ast.Dict(names, values):
            return {str(_spelled(k)): _spelled(v) for k, v in zip(names, values, strict=True)}
        case _:
            return ast.unparse(node) if node else None


def in_values(values: Iterator[Any] | list[Any]) -> set[str]:
    """Return the exercises whose key is told by some values."""
    wanted = [(name, told) for name, key in keys().items() for told in readings(key)]
    found = set()
    for value in values:
        for together in told_by(value):
            found |= {name for name, told in wanted if together == told}
    return found


@cache
def spelled() -> dict[str, re.Pattern[str]]:
    """Return, of each key, what finds it in a text from which blanks and quotes were taken."""
    found = {}
    for name, key in keys().items():
        if isinstance(key, dict):  # one entry is too much
            ways = [f"\\b{letter}[:=]{re.sub(' ', '', each)}" for letter, each in key.items()]
        elif isinstance(key, set):
            ways = [rf"(?<![\w+/,]){',?'.join(sorted(key))}(?![\w+/,])"]
        else:
            ways = [re.sub(r"[\s()\[\]'\"]", "", str(key))]
        found[name] = re.compile("|".join(ways), re.IGNORECASE)
    return found


def in_text(text: str) -> set[str]:
    """Return the exercises whose key a text spells out, in Python, JSON, HTML or words."""
    text = html.unescape(re.sub(r"<[^>]*>", "", html.unescape(text))).replace("\\n", "\n")
    text = re.sub(r",?\s+and\s+", ",", text)
    bare = re.sub(r"""["'`()\[\]{}\\]|(?<=[,:=])\s+|(?<=[a-z])[ ](?=[a-z])""", "", text)
    return {name for name, way in spelled().items() if way.search(bare)}


def in_notebook(text: str) -> set[str]:
    """Return the exercises whose key the code of a notebook spells out."""
    cells = nbformat.reads(text, as_version=4).cells
    found = set()
    for cell in cells:
        if cell.cell_type == "code":
            found |= in_values(values_in(cell.source))
    return found


def in_file(name: str, text: str) -> set[str]:
    """Return the exercises whose key a file tells, read as a text and as what it is."""
    found = in_text(text)
    if name.endswith(".py"):
        found |= in_values(values_in(text))
    elif name.endswith(".json"):
        found |= in_values([json.loads(text)])
    elif name.endswith(".ipynb"):
        found |= in_notebook(text)
    return found
