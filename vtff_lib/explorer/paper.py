"""A page as text: what stands in its file, its policy, and how its faces are read again."""

import base64
import hashlib
import html
import io
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vtff_lib.explorer.joined import script, styles
from vtff_lib.files import from_json
from vtff_lib.refusals import as_path

MOUNT = 'mountPage(document.getElementById("explorer"), document.getElementById("content"));\n'
HELD = re.compile(r'<script type="text/plain" id="content">([^<]*)</script>')


def page(
    title: str, content: Mapping[str, Any], words: str, unmoved: str, parts: Mapping[str, str]
) -> str:
    """Return a page: script, styles and data in one HTML file that fetches nothing.

    The data are packed and in letters that cannot end the script. No script runs but the one whose
    hash stands in the page's policy; with `parts` in it, the page may also run WebAssembly, and a
    worker that it makes itself.

    Args:
        title: in words, as `words`, which are shown until the script runs.
        content: what the script needs.
        unmoved: HTML for where no script runs.
        parts: what the model needs to live in the page, by name, as `part_as_text` writes it.
    """
    code = script(MOUNT)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    text = json.dumps(content, separators=(",", ":")).encode()
    packed = base64.b64encode(zlib.compress(text, 9)).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src \
'sha256-{digest}'"
        + (" 'wasm-unsafe-eval'; worker-src blob:" if parts else "")
    )
    blocks = "".join(
        f'<script type="text/plain" data-part="{html.escape(name)}">{part}</script>\n'
        for name, part in parts.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>
body {{ margin: 0; background: Canvas; color: CanvasText; }}
{styles()}</style>
</head>
<body>
<main id="explorer"><p>{html.escape(words)}</p>
<noscript>{unmoved}</noscript></main>
<script type="text/plain" id="content">{packed}</script>
<script type="module">{code}</script>
{blocks}</body>
</html>
"""


def faces_of(path: str | Path) -> Tensor:
    """Return the faces of a saved page `(N, 3, H, W)` uint8, as they are in it.

    Those of a page that was saved with `live=True` are exact.

    Raises:
        ValueError: if there is no page of the explorer.
    """
    path = as_path(path)
    found = HELD.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if found is None:
        raise ValueError(f"{path} is no page of the explorer; give a file that it saved.")
    content = from_json(zlib.decompress(base64.b64decode(found[1])).decode())
    return torch.stack([_pixels(face["rgb"]) for face in content["faces"]])


def _pixels(address: str) -> Tensor:
    image = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
