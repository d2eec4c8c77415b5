"""The source of what was defined in a notebook, with all that it needs to stand on its own."""

import ast
import builtins
import linecache
import symtable
import sys
from collections.abc import Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

CONSTANTS = int | float | complex | str | bytes | None


class NotKept(ValueError):  # noqa: N818 (an answer may be right and still not stand on its own)
    """Why something cannot be kept, as a sentence."""


class Source(NamedTuple):
    """Lines of imports, and the text of definitions in the order in which they are needed."""

    imports: list[str]
    text: str


def source_of(thing: Any, given: Collection[str] = ()) -> Source:
    """Return the source of a function or class, and of what it needs of its notebook.

    Args:
        thing: defined in a cell, or in a file.
        given: names that will be there already.

    Raises:
        NotKept: if it has no source, or needs what cannot be written down.
    """
    imports: dict[str, None] = {}
    definitions: dict[str, str] = {}

    def add(thing: Any) -> None:
        node, text, names = _found(thing)
        name = thing.__name__
        definitions[name] = ""  # it may need itself
        for needed in _names(node):
            if needed in given or needed in definitions or needed not in names:
                continue
            value = names[needed]
            if (line := _import_of(needed, value)) is not None:
                imports[line] = None
            elif isinstance(value, FunctionType | type) and value.__name__ == needed:
                add(value)
            elif _is_constant(value):
                definitions[needed] = f"{needed} = {value!r}"
            else:
                raise NotKept(
                    f"`{name}` needs `{needed}`, which your notebook has made: make it inside "
                    f"`{name}`, or hand it in."
                )
        del definitions[name]
        definitions[name] = text

    add(thing)
    return Source(sorted(imports), "\n\n\n".join(definitions.values()))


def _found(thing: Any) -> tuple[ast.stmt, str, dict[str, Any]]:
    """Return the definition of a function or class, its text, and the names around it."""
    function = thing
    if isinstance(thing, type):
        methods = [each for each in vars(thing).values() if isinstance(each, FunctionType)]
        if not methods:
            raise NotKept(f"`{thing.__name__}` has no method of its own: write the class in full.")
        function = methods[0]
    name = getattr(thing, "__name__", None)
    if not isinstance(function, FunctionType) or not str(name).isidentifier():
        raise NotKept("It was not made by `def` or `class`.")
    lines = "".join(linecache.getlines(function.__code__.co_filename))
    try:
        tree = ast.parse(lines)
    except SyntaxError:
        tree = ast.parse("")
    found = [node for node in tree.body if isinstance(node, _DEFINITIONS) and node.name == name]
    if not found or thing.__qualname__ != name:
        raise NotKept(f"The source of `{name}` is not to be found: define it in a cell of its own.")
    node = found[-1]
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    text = "\n".join(lines.split("\n")[first - 1 : node.end_lineno])
    return node, text, function.__globals__


_DEFINITIONS = ast.FunctionDef | ast.ClassDef


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a definition takes from outside of it, but for those of Python itself.

    They come in their order. An argument is no such name, even if the notebook has one like it.
    """
    tables = [symtable.symtable(ast.unparse(node), "definition", "exec")]
    taken: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        outermost = table.get_type() == "module"
        symbols = [each for each in table.get_symbols() if each.is_referenced()]
        taken |= {each.get_name() for each in symbols if outermost or each.is_global()}
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in taken and not hasattr(builtins, each.id):
            yield each.id


def _import_of(name: str, value: Any) -> str | None:
    """Return the line that imports `value` as `name`, if it comes from a module."""
    if isinstance(value, ModuleType):
        parent, _, last = value.__name__.rpartition(".")
        if last != name:
            return f"import {value.__name__} as {name}"
        return f"from {parent} import {name}" if parent else f"import {name}"
    origin, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    module = sys.modules.get(str(origin))
    if origin == "__main__" or module is None or getattr(module, str(own), None) is not value:
        return None
    return f"from {origin} import {own}" + (f" as {name}" if own != name else "")


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_constant, value))
    return isinstance(value, CONSTANTS)
