"""Which names of a lesson mean two things, so that a cell run again later may find the other."""

import ast
import builtins
import symtable
from collections import defaultdict
from collections.abc import Iterable


def bound(source: str) -> set[str]:
    """Return the names that a cell binds."""
    table = symtable.symtable(source, "cell", "exec")
    return {
        each.get_name()
        for each in table.get_symbols()
        if each.is_assigned() or each.is_imported() or each.is_namespace()
    }


def needed(source: str) -> set[str]:
    """Return the names that a cell takes from other cells: read before it binds them itself."""
    found: set[str] = set()
    here: set[str] = set()
    for statement in ast.parse(source).body:
        text = ast.unparse(statement)
        found |= _read(text) - here
        here |= bound(text)
    return found


def _read(statement: str) -> set[str]:
    """Return the names that a statement reads from outside of it, in its functions too."""
    tree = ast.parse(statement)
    first: dict[str, str] = {}
    for node in sorted(
        (each for each in ast.walk(tree) if isinstance(each, ast.Name)),
        key=lambda each: (each.lineno, each.col_offset),
    ):
        first.setdefault(node.id, type(node.ctx).__name__)
    outer = symtable.symtable(statement, "cell", "exec")
    names: set[str] = set()
    tables = [outer]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for each in table.get_symbols():
            if each.is_referenced() and (table is outer or each.is_global()):
                names.add(each.get_name())
    changed = [each.target for each in ast.walk(tree) if isinstance(each, ast.AugAssign)]
    names |= {each.id for each in changed if isinstance(each, ast.Name)}
    own = bound(statement)
    loops = isinstance(tree.body[0], ast.For | ast.With | ast.If | ast.While)
    made = {each for each in own if loops and first.get(each) == "Store"}
    made |= own if isinstance(tree.body[0], ast.FunctionDef | ast.ClassDef) else set()
    return {each for each in names - made if not hasattr(builtins, each)}


def double_meanings(cells: Iterable[str]) -> dict[str, list[int]]:
    """Return the names that a cell takes from others and that several cells bind, and which.

    Args:
        cells: the sources of a lesson's code cells, but for those of exercises.
    """
    sources = list(cells)
    makers = defaultdict(list)
    for number, source in enumerate(sources):
        for name in bound(source):
            makers[name].append(number)
    taken = set().union(*map(needed, sources)) if sources else set()
    return {name: makers[name] for name in sorted(taken) if len(makers[name]) > 1}
