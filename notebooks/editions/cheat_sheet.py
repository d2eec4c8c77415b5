"""The cheat sheet as one page: `cheat_sheet.md` becomes a file that needs nothing beside it.

    python -m notebooks.editions.cheat_sheet      # build/cheat_sheet.html

It prints on one sheet of A4 or US Letter, and reads well on a phone, light and dark.
"""

import argparse
import base64
import html
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from notebooks.editions import equations, source
from vtff_lib import files
from vtff_lib.endings import in_a_sentence
from vtff_lib.plots.pictures import COLOURS

SHEET = source.NOTEBOOKS / "cheat_sheet.md"
STYLE = Path(__file__).parent / "cheat_sheet_files" / "cheat_sheet.css"

# What carries a colour of the lessons: a line under the name, so that print in grey loses nothing.
COLOURED = {
    "rgb": {"rgb", "rgb_map", "rgb_weight"},
    "lbp": {"lbp", "lbp_map", "lbp_weight", "local_binary_pattern"},
    "global": {"global_attention", "GlobalAttention"},
    "local": {"local_attention", "LocalAttention"},
    "gate": {"gate", "sigmoid_of_sum"},
    "tokens": {"token_projection", "encoder", "attentions"},
}
COLOUR_OF = {name: colour for colour, names in COLOURED.items() for name in names}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
{header}</header>
<main>
{main}</main>
</body>
</html>
"""


def save(folder: Path) -> Path:
    """Write `cheat_sheet.html` into `folder`, and return its path.

    Raises:
        ValueError: if an equation cannot be read.
    """
    path = folder / "cheat_sheet.html"
    files.write(path, page(SHEET.read_text(encoding="utf-8")))
    return path


def page(markdown: str) -> str:
    """Return the page of a cheat sheet: a section for each heading below its title.

    Of links only the words are left: where the page goes, nothing goes with it.
    """
    parser = MarkdownIt("commonmark").enable("table")
    parser.use(dollarmath_plugin, renderer=_equation)
    parser.renderer.rules |= {
        "code_inline": _name,
        "link_open": lambda *_: "<span>",
        "link_close": lambda *_: "</span>",
    }
    header, *parts = re.split(r"^(?=###? )", markdown, flags=re.MULTILINE)
    return PAGE.format(
        title=html.escape(header.splitlines()[0].removeprefix("# ")),
        style=style(),
        header=parser.render(header),
        main="".join(f"<section>\n{parser.render(part)}</section>\n" for part in parts),
    )


def style() -> str:
    """Return the style sheet, colours of the lessons and letters of equations included."""
    with tempfile.TemporaryDirectory() as folder:
        equations.save_font(Path(folder))
        letters = base64.b64encode((Path(folder) / equations.FONT).read_bytes()).decode()
    font = equations.STYLE.replace(equations.FONT, f"data:font/woff;base64,{letters}")
    colours = "".join(f".{name} {{ --colour: {colour}; }}\n" for name, colour in COLOURS.items())
    return font + colours + STYLE.read_text(encoding="utf-8")


def _equation(tex: str, options: dict[str, bool]) -> str:
    return equations.mathml(tex, options["display_mode"])


def _name(tokens: Sequence[Token], index: int, *_: object) -> str:
    name = tokens[index].content
    colour = f' class="{COLOUR_OF[name]}"' if name in COLOUR_OF else ""
    return f"<code{colour}>{html.escape(name)}</code>"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Make the cheat sheet: one page to print.")
    parser.add_argument("--out", type=Path, default=source.ROOT / "build", help="folder to use")
    folder = parser.parse_args().out
    with in_a_sentence(source.STOPPED):
        folder.mkdir(parents=True, exist_ok=True)
        path = save(folder)
        size = path.stat().st_size / 1000
        print(f"{path}: {size:.0f} kB; print it on one page of A4 or US Letter.")


if __name__ == "__main__":
    main()
