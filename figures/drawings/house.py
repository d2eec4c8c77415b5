"""Draw the library's house, room by room, from its code: `python -m figures.drawings.house`.

`house`: who imports from whom, the ground floor below. Flat modules that belong together make a
room, and so does each package. Every arrow leads from a room to one that it imports from, inside
functions too; arrows to the same room share a lane. Printed beside it: a small table of the whole,
and the words for those who do not see the picture.
"""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures.drawings.line_art import SHADE, arrow, box, canvas, label, save_svg
from figures.experiments.harness import FIGURES
from vtff_lib.plots.pictures import COLOURS, INK

LIBRARY = FIGURES.parent / "vtff_lib"
FLAT = {  # rooms of flat modules; one that is not named here has a room of its own
    **dict.fromkeys(("names", "refusals", "endings", "files", "weights"), "ground"),
    **dict.fromkeys(("lbp", "backbone", "attention", "fusion", "encoder", "config"), "model"),
    **dict.fromkeys(("views", "inputs", "vtff", "pretrained"), "model"),
    "vtff_lib": "model",  # itself: it hands on `load_pretrained`
    **dict.fromkeys(("train", "doctor"), "commands"),
}
FLOORS = (
    ("ground",),
    ("model", "photos", "synthetic_faces"),
    ("datasets", "live"),
    ("evaluation", "explain"),
    ("training",),
    ("plots",),
    ("explorer",),
    ("widgets",),
    ("checks", "commands"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
COLOUR = {  # one for rooms of one trade; ink for all others
    "model": COLOURS["rgb"],
    **dict.fromkeys(("photos", "synthetic_faces", "datasets"), COLOURS["lbp"]),
    **dict.fromkeys(("evaluation", "explain"), COLOURS["global"]),
    "training": COLOURS["gate"],
    **dict.fromkeys(("plots", "explorer", "widgets"), COLOURS["local"]),
}
WIDE, LANE = 4.6, 0.42  # a box, and from lane to lane; a row is 1 high


class House:
    """The modules of a library, which of them imports which, and their rooms.

    A package's `__init__` is a module if others import through it.

    Args:
        library: its folder.
    """

    def __init__(self, library: Path):
        sources = {}
        for path in library.rglob("*.py"):
            dotted = ".".join(path.relative_to(library.parent).with_suffix("").parts)
            sources[dotted.removesuffix(".__init__")] = path
        texts = {module: path.read_text(encoding="utf-8") for module, path in sources.items()}
        imports = {
            (module, imported)
            for module, text in texts.items()
            for imported in imported_by(ast.parse(text), texts.keys())
            if imported != module
        }
        asked = {imported for _, imported in imports}
        self.modules = sorted(
            module for module, path in sources.items() if path.stem != "__init__" or module in asked
        )
        self.imports = {pair for pair in imports if pair[0] in self.modules}
        self.lines = {module: len(texts[module].splitlines()) for module in self.modules}
        self.all_lines = sum(len(text.splitlines()) for text in texts.values())
        self.top = [path.stem for path in library.glob("*.py") if path.stem != "__init__"]
        self.packages = [path.parent.name for path in library.glob("*/__init__.py")]

    @cached_property
    def rooms(self) -> dict[str, list[str]]:
        """The modules of each room, rooms of the ground floor first."""
        rooms: dict[str, list[str]] = {}
        for module in self.modules:
            rooms.setdefault(room_of(module), []).append(module)
        return dict(sorted(rooms.items(), key=lambda item: (floor(item[0]), item[0])))

    @cached_property
    def arrows(self) -> list[tuple[str, str]]:
        """Pairs of rooms, the first of which imports from the second."""
        pairs = {(room_of(module), room_of(imported)) for module, imported in self.imports}
        return sorted(pair for pair in pairs if pair[0] != pair[1])

    @cached_property
    def below(self) -> dict[str, set[str]]:
        """All that each module imports, and what that imports, and so on."""
        after: dict[str, set[str]] = {module: set() for module in self.modules}
        for module, imported in self.imports:
            after[module].add(imported)
        below = {}
        for module in self.modules:
            reached, waiting = set(), [module]
            while waiting:
                new = after[waiting.pop()] - reached
                reached |= new
                waiting.extend(new)
            below[module] = reached
        return below

    def circles(self) -> list[list[str]]:
        """Return groups of modules that import each other, directly or through others."""
        groups = {
            tuple(sorted(other for other in reached if module in self.below[other]))
            for module, reached in self.below.items()
            if module in reached
        }
        return sorted(map(list, groups))

    def chain(self) -> list[str]:
        """Return the longest chain of imports, a circle being passed through once."""
        chains: dict[str, list[str]] = {}
        for module in sorted(self.modules, key=lambda name: len(self.below[name] | {name})):
            steps = [
                chains[imported]
                for importer, imported in sorted(self.imports)
                if importer == module and module not in self.below[imported]
            ]
            chains[module] = [module, *max(steps, key=len, default=[])]
        return max(chains.values(), key=len)


def imported_by(tree: ast.Module, modules: set[str]) -> Iterator[str]:
    """Yield those of `modules` that a source imports, anywhere in it."""
    typing = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    unused = {inner for node in typing for inner in ast.walk(node)}  # when the code runs
    for node in set(ast.walk(tree)) - unused:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name not in modules and "." in name:
                name = name.rpartition(".")[0]
            if name in modules:
                yield name


def room_of(module: str) -> str:
    """Return the room of a module, given as `vtff_lib.training.loop`."""
    name = module.split(".")[:2][-1]
    return FLAT.get(name, name)


def floor(room: str) -> int:
    """Return how high a room lies; one that is not planned lies under the roof."""
    return FLOOR.get(room, len(FLOORS))


def size(house: House, room: str) -> str:
    """Return how many modules and lines a room has."""
    modules = house.rooms[room]
    lines = sum(house.lines[module] for module in modules)
    return f"{len(modules)} module{'s' * (len(modules) != 1)}, {lines:,} lines"


def draw(house: House) -> Figure:
    """Return the house: a row for each room, a lane for each room that others import from."""
    rooms = list(house.rooms)
    asked = [room for room in rooms if any(room == imported for _, imported in house.arrows)]
    width, height = WIDE + 0.8 + LANE * (len(asked) + 1), len(rooms) + 0.4
    figure, axes = canvas(width, height, inches=4.4)
    middle = {room: 0.7 + row for row, room in enumerate(rooms)}
    right = 0.4 + WIDE
    # The ground's lane is the outermost, so that no arrow's end crosses another lane.
    lane = {room: right + 0.2 + LANE * (len(asked) - row) for row, room in enumerate(asked)}
    for room, y in middle.items():
        if floor(room) % 2:
            band = Rectangle((0, y - 0.5), width, 1, color=SHADE, lw=0.5, zorder=-1)
            axes.add_patch(band)
        box(axes, 0.4 + WIDE / 2, y, WIDE, 0.8, "", COLOUR.get(room, INK))
        label(axes, 0.4 + WIDE / 2, y + 0.16, room, fontweight="bold")
        label(axes, 0.4 + WIDE / 2, y - 0.18, size(house, room), fontsize=7.5)
    for importer, imported in house.arrows:
        colour, x, start = COLOUR.get(imported, INK), lane[imported], middle[importer] - 0.2
        end = middle[imported] + 0.2
        axes.plot([right, x], [start, start], color=INK, lw=0.8, zorder=1)
        arrow(axes, (x, start), (x, end), (right, end), colour=colour)
        axes.plot(x, start, "o", ms=4.5, color=colour)
    return figure


def words(house: House) -> str:
    """Return what is to be seen, in words."""
    imported = {
        room: [other for importer, other in house.arrows if importer == room]
        for room in house.rooms
    }
    rows = "; ".join(
        f"{room} ({size(house, room)}) imports from {', '.join(others) or 'none'}"
        for room, others in imported.items()
    )
    return f"The rooms of {LIBRARY.name}, from the ground up: {rows}."


def table(house: House) -> str:
    """Return the house in numbers."""

    def named(modules: list[str]) -> str:
        return " > ".join(module.removeprefix(f"{LIBRARY.name}.") for module in modules)

    chain, circles = house.chain(), house.circles()
    model = [m for room in ("ground", "model") for m in house.rooms.get(room, ())]
    upward = [pair for pair in house.arrows if floor(pair[0]) <= floor(pair[1]) < len(FLOORS)]
    rows = {
        "modules at the top": len(house.top),
        "packages": len(house.packages),
        "rooms": len(house.rooms),
        "arrows between rooms": len(house.arrows),
        "of these, not downward": f"{len(upward)}  {', '.join(map(' > '.join, upward))}",
        "modules": len(house.modules),
        "imports between modules": len(house.imports),
        "longest chain of imports": f"{len(chain)}  {named(chain)}",
        "circles": f"{len(circles)}  {', '.join(map(named, circles))}",
        "lines": house.all_lines,
        "lines of ground and model": sum(house.lines[module] for module in model),
    }
    return "\n".join(f"{name:<26}{value}".rstrip() for name, value in rows.items())


def main() -> None:
    """Draw the house, and print its numbers and words."""
    house = House(LIBRARY)
    save_svg(draw(house), "house")
    print(table(house), words(house), sep="\n\n")


if __name__ == "__main__":
    main()
