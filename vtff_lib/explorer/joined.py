"""The script of pages and of the widget: small ES modules, joined into one."""

import re
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
MODULES = (  # each imports from those before it alone
    *("words", "elements", "colours", "drawing", "lbp", "light", "host", "live", "ask", "data"),
    *("cells", "answers", "machine", "sum", "step_parts", "step_cover", "step_ask", "step_light"),
    *("step_mix", "step_mute", "step_move", "step_predict", "steps", "story", "state", "python"),
    *("arithmetic", "changes", "strip", "panel", "explore", "frame"),
    *("finder", "own_words", "own_file", "own_camera", "own_reading", "own_picture"),
    *("own_layout", "own_looking", "own", "page"),
)
LIVE = Path(__file__).parent.parent / "live"
FOLDERS = {"host": LIVE, "finder": LIVE}  # of modules that are no asset of the page alone
IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def script(last: str = "") -> str:
    """Return all modules as one, and `last` below them: no name is told twice in them."""
    paths = [FOLDERS.get(name, ASSETS) / f"{name}.js" for name in MODULES]
    parts = [path.read_text(encoding="utf-8") for path in paths]
    return EXPORT.sub("", IMPORT.sub("", "\n".join(parts))) + last


def styles() -> str:
    """Return the styles of both."""
    return (ASSETS / "explorer.css").read_text(encoding="utf-8")
