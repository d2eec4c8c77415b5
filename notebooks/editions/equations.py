"""Equations for a page: TeX becomes MathML when the page is made, so that no script draws it.

Every browser of today reads MathML, screen readers speak it, and a phone has nothing to load but
the letters: `save_font` writes the few that equations need, once for all pages.
"""

import functools
import importlib.resources
import io
import re
import warnings
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fontTools import subset
from fontTools.ttLib import TTFont
from latex2mathml.commands import FUNCTIONS
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

# What browsers no longer read: a space by name, and bold letters by an attribute.
NO_SPACE = "negativethinmathspace"
BOLD = str.maketrans(
    {chr(first + n): chr(bold + n)
     for first, bold, count in ((0x30, 0x1D7CE, 10), (0x41, 0x1D400, 26), (0x61, 0x1D41A, 26))
     for n in range(count)}
)  # fmt: skip

FUNCTION_NAMES = {name.removeprefix("\\") for name in FUNCTIONS} | {"max", "min"}
THIN_SPACE = {"width": "0.167em"}
SIGNS = set("+\N{MINUS SIGN}±∓")
PRIME = "\N{PRIME}"
CLOSING = set(")]}⌋⌉⟩‖")

# What equations are written with: Latin, Greek, operators, arrows, accents, mathematical italics.
UNICODES = (
    *range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x300, 0x370), *range(0x391, 0x3FA),
    *range(0x2010, 0x2070), *range(0x2190, 0x2200), *range(0x2200, 0x2300), 0x22EF,
    *range(0x1D400, 0x1D468), *range(0x1D6A4, 0x1D736), *range(0x1D7CE, 0x1D7D8), 0x210E,
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
        text = convert(tex, display="block" if block else "inline")
    except Exception as error:  # each fault has a class of its own there
        raise ValueError(f"The equation {tex!r} cannot be read: {error!r}.") from error
    if unknown := re.search(r"\\\w+", text):
        raise ValueError(f"The equation {tex!r} has {unknown[0]}, which is not known here.")
    text = WORD.sub(lambda match: f"<mi>{''.join(LETTER.findall(match[1]))}</mi>", text)
    text = text.replace(NO_SPACE, "-0.167em").replace(
        ' xmlns="http://www.w3.org/1998/Math/MathML"', ""
    )
    element = ElementTree.fromstring(text)
    for part in element.iter():
        if part.get("mathvariant") == "bold" and part.text:
            del part.attrib["mathvariant"]
            part.text = part.text.translate(BOLD)
        if part.text in FUNCTION_NAMES:
            part.tag = "mi"  # as an operator it would have wide spaces
        if part.text in SIGNS:
            part.tag = "mo"
        if part.text == "‖" and part.get("stretchy") != "true":
            part.attrib = {"stretchy": "false", "lspace": "0", "rspace": "0"}
        if part.tag == "msup" and part[1].text == PRIME:
            part.tag = "mrow"  # the letter is small and high by itself
        if "columnalign" in part.attrib:
            part.attrib = {"style": f"text-align: {part.get('columnalign')}"}
    for row in element.iter():
        if row.tag in ("math", "mrow", "mtd"):
            space_out(row)
    return ElementTree.tostring(element, encoding="unicode")


def space_out(row: Element) -> None:
    """Give the functions and signs in `row`, in place, the spaces that TeX gives them."""
    parts = list(row)
    spaced = parts[:1]
    for before, part in pairwise(parts):
        left, right = base(before), base(part)
        bare_argument = left.text in FUNCTION_NAMES and leaf(part).tag not in ("mo", "mspace")
        if bare_argument or (right.text in FUNCTION_NAMES and ends(left)):
            spaced.append(Element("mspace", THIN_SPACE))
        if right.text in SIGNS and not ends(left):
            right.set("form", "prefix")  # the sign of one number, not between two
        spaced.append(part)
    row[:] = spaced


def base(part: Element) -> Element:
    """Return what carries the indices and exponents of `part`."""
    return base(part[0]) if part.tag in ("msub", "msup", "msubsup") else part


def leaf(part: Element) -> Element:
    """Return what `part` begins with."""
    return leaf(part[0]) if len(part) else part


def ends(part: Element) -> bool:
    """Tell whether `part` can end a quantity: an operator or a space cannot, a bracket can."""
    return part.tag not in ("mo", "mspace") or part.text in CLOSING


def save_font(folder: Path) -> None:
    """Write the letters of equations (STIX Two Math) and `equations.css`, which names them."""
    options = subset.Options(
        layout_features=[], hinting=False, name_IDs=[0, 13, 14], notdef_outline=True
    )
    with warnings.catch_warnings(action="ignore"):  # ziamath looks for its font in an old way
        source = importlib.resources.files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    with importlib.resources.as_file(source) as path:
        font = TTFont(path)
        tool = subset.Subsetter(options)
        tool.populate(unicodes=UNICODES)
        tool.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    (folder / FONT).write_bytes(buffer.getvalue())
    (folder / "equations.css").write_text(STYLE, encoding="utf-8", newline="\n")
