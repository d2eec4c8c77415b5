"""The script of pages and of the widget: small ES modules, joined into one."""

import re
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
MODULES = (  # each imports from those before it alone
    *("words", "elements", "colours", "ask", "data", "drawing", "lbp", "cells", "answers"),
    *("machine", "step_parts", "step_cover", "step_ask", "step_light", "step_mix", "step_mute"),
    *("step_move", "step_predict", "steps", "story", "explore", "frame"),
    *("../../live/finder", "own_words", "own_file", "own_camera", "own_reading", "own_picture"),
    *("own_layout", "own_looking", "own", "page"),
)
IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def script(last: str = "") -> str:
    """Return all modules as one, and `last` below them: no name is told twice in them."""
    parts = [(ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return EXPORT.sub("", IMPORT.sub("", "\n".join(parts))) + last


def styles() -> str:
    """Return the styles of both."""
    return (ASSETS / "explorer.css").read_text(encoding="utf-8")
