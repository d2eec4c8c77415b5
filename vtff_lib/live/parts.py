"""What a page holds so that a model lives in it: parts by name, as text that ends no script."""

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path

from vtff_lib.live.packing import pack
from vtff_lib.vtff import VTFF

FOLDER = Path(__file__).parent
# base64.b85encode writes these three, which mean something in HTML; the others it leaves unused.
HARMLESS = bytes.maketrans(b"<>&", b",:.")


def parts(models: Mapping[str, VTFF]) -> dict[str, bytes]:
    """Return the engine and the models, packed as halves, by the names that `live.js` asks for.

    Args:
        models: by the name of their part.

    Raises:
        ValueError: as `pack`.
    """
    engine = {name: (FOLDER / name).read_bytes() for name in ("engine.js", "engine.wasm")}
    return engine | {name: pack(model) for name, model in models.items()}


def as_text(part: bytes) -> str:
    """Return a part for a page: its even bytes, then its odd ones, deflated, in base 85.

    Halves lie so with all their exponents side by side, which pack well: a tenth is saved. Base 85
    takes five letters for four bytes, where base64 takes four for three.
    """
    apart = part[::2] + part[1::2]
    return base64.b85encode(zlib.compress(apart, 9)).translate(HARMLESS).decode()
