"""Equations for a page: TeX becomes MathML when the page is made, so that no script draws it.

Every browser of today reads MathML, screen readers speak it, and a phone has nothing to load but
the letters: `save_font` writes the few that equations need, once for all pages.
"""

import functools
import importlib.resources
import io
import re
import warnings
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from latex2mathml.converter import convert

FONT = "equations.woff"
STYLE = f"""@font-face {{
    font-family: "Equations";
    src: url("{FONT}") format("woff");
    font-display: swap;
}}
math {{ font-family: "Equations", math; }}
math[display="block"] {{ overflow-x: auto; overflow-y: hidden; padding: 0.3em 0; }}
"""

# A name of several letters is one word, upright: latex2mathml writes its letters one by one.
WORD = re.compile(r'<mrow>((?:<mi mathvariant="normal">[A-Za-z]</mi>){2,})</mrow>')
LETTER = re.compile(r">([A-Za-z])<")

# Spaces that MathML once had names for, which browsers no longer know.
SPACES = {"negativethinmathspace": "-0.167em"}

# What equations are written with: Latin, Greek, operators, arrows, accents, mathematical italics.
UNICODES = (
    *range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x300, 0x370), *range(0x391, 0x3FA),
    *range(0x2010, 0x2070), *range(0x2190, 0x2200), *range(0x2200, 0x2300), 0x22EF,
    *range(0x1D400, 0x1D468), *range(0x1D6A4, 0x1D736), 0x210E,
)  # fmt: skip


@functools.cache
def mathml(tex: str, block: bool = False) -> str:
    """Return the MathML element of an equation.

    Args:
        tex: the equation as the lessons write it, without its dollar signs.
        block: whether it stands on a line of its own.

    Raises:
        ValueError: if `tex` cannot be read, with the equation in the sentence.
    """
    try:
        element = convert(tex, display="block" if block else "inline")
    except Exception as error:  # each fault has a class of its own there
        raise ValueError(f"The equation {tex!r} cannot be read: {error!r}.") from error
    element = WORD.sub(lambda found: f"<mi>{''.join(LETTER.findall(found[1]))}</mi>", element)
    for name, width in SPACES.items():
        element = element.replace(name, width)
    return element


def save_font(folder: Path) -> None:
    """Write the letters of equations (STIX Two Math) and `equations.css`, which names them."""
    source = importlib.resources.files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    options = subset.Options(
        layout_features=[], hinting=False, name_IDs=[0, 13, 14], notdef_outline=True
    )
    with importlib.resources.as_file(source) as path, warnings.catch_warnings():
        font = TTFont(path)
        tool = subset.Subsetter(options)
        tool.populate(unicodes=UNICODES)
        tool.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    (folder / FONT).write_bytes(buffer.getvalue())
    (folder / "equations.css").write_text(STYLE, encoding="utf-8", newline="\n")
