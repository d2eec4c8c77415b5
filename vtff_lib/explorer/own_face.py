"""What a page brings along so that its reader can look at a face of their own: a finder, a photograph.

The model, the camera and the pictures are the page's: `explorer/assets/own.js`.
"""

import base64
from dataclasses import dataclass
from typing import Any

import torch
from skimage import data

from vtff_lib.explorer.content import picture_address
from vtff_lib.live.cascade import pack_cascade

PHOTOGRAPH = "astronaut Eileen Collins"  # NASA, public domain
CUT = (slice(0, 320), slice(64, 384))  # rows and columns of the photograph that show her face


@dataclass(frozen=True)
class Reader:
    """The model that reads photographs.

    Args:
        told: in a sentence or two: how right it is, and what it was trained on.
        grey: whether it wants faces as `photos.grey_face` makes them; else in colour, with a margin.
    """

    told: str
    grey: bool = False


PHOTOS = Reader(
    "It says the word that most of ten people would choose for a photograph, and of 100 photographs "
    "it misses 15; it hardly ever sees disgust, fear and contempt.",
    grey=True,
)
TINY = Reader("It was trained on drawn faces alone, and on photographs it is often wrong.")
UNKNOWN = Reader("How often it is right on photographs is not known to this page.")


def own_face(reader: Reader, side: int) -> dict[str, Any]:
    """Return what `own.js` needs, ready for JSON; the page adds the number of the model that reads.

    Args:
        reader: what is told of that model.
        side: of the faces that it reads, in pixels.
    """
    photograph = torch.from_numpy(data.astronaut()[CUT].copy()).permute(2, 0, 1)
    return {
        "cascade": base64.b64encode(pack_cascade()).decode(),
        "photograph": {"name": PHOTOGRAPH, "address": picture_address(photograph)},
        "told": reader.told,
        "grey": reader.grey,
        "side": side,
    }
