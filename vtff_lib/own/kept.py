"""The file that the learner's parts are kept in, and who has made each part.

Each part has a section; where there is none of the learner's yet, it is the line that imports the
library's. So the file is a whole model from the start, and stays one when edited by hand.
"""

import ast
import html
import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from vtff_lib import files
from vtff_lib.own.sources import NotKept, Source, source_of
from vtff_lib.own.stand_ins import PARTS, WHOLE
from vtff_lib.refusals import check_choice

PATIENCE = 2.0  # seconds for which another kernel that writes is waited for
MODULE = "my_vtff"
THEIRS = "the library's"
OPENING = '''\
"""My VTFF: the parts that I wrote in lessons 01 to 06; the library's stand in for the rest.

A check that passes puts a part here, in place of the one before. Between the lines that begin with
`# ----` all is yours to change; `vtff_lib.own.erase_parts()` deletes the file.
"""'''
SECTION = re.compile(r"^# ---- (\w+), lesson \d+\n", re.MULTILINE)


def parts_file() -> Path:
    """Return where the parts are kept, whether or not the file exists."""
    return Path(os.environ.get("VTFF_OWN") or f"{MODULE}.py").absolute()


def keep(name: str, answer: Any, again: Callable[[Any], bool]) -> str:
    """Keep a part, and say so, or why it cannot be.

    Args:
        name: of the part, in `PARTS`.
        answer: a function or class that was found to be right.
        again: says if it is right as well when it is taken from the file, away from its notebook.
    """
    path = parts_file()
    if _off() or getattr(answer, "__module__", None) != "__main__":  # it is of no notebook
        return ""
    try:
        called = getattr(answer, "__name__", name)
        if called != name and called.isidentifier():  # a lambda has no name
            raise NotKept(f"It is called `{called}`; call it `{name}`.")
        source = source_of(answer, PARTS)
        with files.only_one(path.parent, PATIENCE, f"{path.name}.lock"):
            text = _with(name, source, _text(path))
            try:
                alone = _run(text, path)[name]
            except Exception as error:
                raise NotKept(f"On its own it raises {type(error).__name__}: {error}.") from None
            if not again(alone):
                raise NotKept("On its own it does not do the same: it uses what a cell has made.")
            files.write(path, text)
    except (NotKept, OSError, ValueError, RuntimeError, SyntaxError) as error:
        return f"It could not be kept as a part of your VTFF. {error}"
    return f"Kept as `{name}` in `{path.name}`: {parts().caption}."


@dataclass(frozen=True)
class Parts:
    """Whose each part is. In Jupyter it is a table.

    Args:
        mine: the names of the parts that the learner has written.
        path: the file that they are in, or would be.
        fault: what is wrong with that file, if it cannot be used.
    """

    mine: tuple[str, ...]
    path: Path
    fault: str = ""

    @property
    def caption(self) -> str:
        """How many parts are whose, in words."""
        count, total = len(set(self.mine) - {WHOLE}), len(PARTS) - 1
        if count in (0, total):
            return f"all {total} parts are {'yours' if count else THEIRS}"
        others = "the other is" if count == total - 1 else f"the other {total - count} are"
        return f"{count} of {total} parts {'is' if count == 1 else 'are'} yours, {others} {THEIRS}"

    def whose(self, name: str) -> str:
        """Return who has made a part."""
        return "yours" if name in self.mine else THEIRS

    def __repr__(self) -> str:
        rows = [f"  {name:18}{each.what:22}{self.whose(name)}" for name, each in PARTS.items()]
        return "\n".join([f"{self._where()}.", *rows])

    def _where(self) -> str:
        caption = self.caption[0].upper() + self.caption[1:]
        return f"{caption}{f'; they are in {self.path.name}' if self.mine else ''}{self.fault}"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        cell = "text-align:left;padding:2px 8px 2px 0"
        rows = "".join(
            f'<tr><td style="{cell}"><code>{name}</code></td>'
            f'<td style="{cell}">{each.what} ({each.lesson})</td>'
            f'<td style="{cell}">{"✓ " * (name in self.mine)}{self.whose(name)}</td></tr>'
            for name, each in PARTS.items()
        )
        head = "".join(
            f'<th style="{cell}" scope="col">{each}</th>'
            for each in ("name", "part (lesson)", "whose")
        )
        shown = (
            f"<table><caption style='text-align:left'>{html.escape(self._where())}.</caption>"
            f"<tr>{head}</tr>{rows}</table>"
        )
        return {"text/plain": repr(self), "text/html": shown}


def parts() -> Parts:
    """Return whose each part is, and the file that holds the learner's."""
    path = parts_file()
    try:
        if mine := tuple(_sections(text := _text(path))):
            _run(text, path)
        return Parts(mine, path)
    except Exception as error:
        return Parts((), path, f": {path.name} cannot be used ({type(error).__name__}: {error})")


def part(name: str) -> Any:
    """Return a part of the learner's VTFF: the learner's own, or the library's until there is one.

    Args:
        name: such as "MyTrunk", see `PARTS`.

    If the learner's file cannot be run, a warning says why, and the library's stands in.

    Raises:
        ValueError: if no part has this name.
    """
    check_choice("name", name, PARTS)
    path = parts_file()
    try:
        if name in _sections(text := _text(path)):
            return _run(text, path)[name]
    except Exception as error:
        warnings.warn(
            f"{path.name} cannot be used ({type(error).__name__}: {error}), so the library's "
            f"stands in for {name}. Mend the file, or delete it: vtff_lib.own.erase_parts().",
            stacklevel=2,
        )
    return PARTS[name].library


def erase_parts() -> str:
    """Delete the learner's parts; say so, or why not."""
    path = parts_file()
    try:
        if not _off():
            path.unlink(missing_ok=True)
        return "Your parts are deleted; the library's stand in for them."
    except OSError as error:
        return f"{path.name} cannot be deleted: {error}."


def _off() -> bool:
    return os.environ.get("VTFF_OWN") == os.devnull


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig") if path.is_file() else ""


def _pieces(text: str) -> dict[str, str]:
    """Return the sections of a file, by the names of the parts."""
    pieces = SECTION.split(text)[1:]
    found = dict(zip(pieces[::2], map(str.strip, pieces[1::2]), strict=True))
    return {name: found[name] for name in PARTS if name in found}


def _sections(text: str) -> dict[str, str]:
    """Return those sections in which the part itself is defined: the learner's."""
    made = r"^(?:def|class) {0}\b|^{0} *="
    return {
        name: section
        for name, section in _pieces(text).items()
        if re.search(made.format(name), section, re.MULTILINE)
    }


def _with(name: str, source: Source, text: str) -> str:
    """Return the text of the file with another section.

    Raises:
        NotKept: if it defines a name that another section defines otherwise.
    """
    sections = _pieces(text) | {name: source.text}
    mine = _defined(source.text)
    for other in sections.keys() - {name}:
        there = _defined(sections[other])
        both = [each for each in mine if there.get(each, mine[each]) != mine[each]]
        if both:
            raise NotKept(
                f"`{both[0]}` is defined for {other} already, and differs: give it another name, "
                "lest the two be mixed up."
            )
    head = SECTION.split(text)[0].strip() or f"{OPENING}\n"
    lines = {ast.unparse(node) for node in ast.parse(head).body}
    head = "\n".join([head, *(line for line in source.imports if line not in lines)])
    written = [
        f"# ---- {each}, lesson {PARTS[each].lesson}\n"
        + sections.get(each, f"{PARTS[each].line} as {each}")
        for each in PARTS
        if each in sections or each != WHOLE
    ]
    return "\n\n\n".join([head, *written]) + "\n"


def _defined(section: str) -> dict[str, str]:
    """Return what a section defines, each by its name, as code without comments."""
    found = {}
    for node in ast.parse(section).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Assign):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
            found |= dict.fromkeys(names, ast.unparse(node))
    return found


def _run(text: str, path: Path) -> dict[str, Any]:
    """Return the names that the file makes; it is run once for each text."""
    module = sys.modules.get(MODULE)
    if module is None or vars(module).get("__text__") != text:
        module = ModuleType(MODULE)
        vars(module).update(__file__=str(path), __text__=text)
        exec(compile(text, str(path), "exec"), vars(module))
        sys.modules[MODULE] = module
    return vars(module)
