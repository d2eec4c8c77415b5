"""What a page brings along for a face of its reader's own: a finder, a photograph, some words.

The model, the camera and the pictures are the page's: `explorer/assets/own.js`.
"""

import base64
from dataclasses import dataclass
from typing import Any

import torch
from skimage import data

from vtff_lib.explorer.pictures import picture_address
from vtff_lib.live.cascade import pack_cascade

PHOTOGRAPH = "astronaut Eileen Collins"  # NASA, public domain
CUT = (slice(0, 320), slice(64, 384))  # rows and columns of the photograph that show her face


@dataclass(frozen=True)
class Reader:
    """A model that reads photographs.

    Args:
        told: in a sentence or two: how right it is on them, and what it was trained on.
        grey: whether it wants faces as `photos.grey_face` makes them, else in colour with a margin.
    """

    told: str = "How often it is right on photographs is not known to this page."
    grey: bool = False


SHIPPED = {
    "photos": Reader(
        "This model learned from photographs. It says the word that most of ten people would "
        "choose, and of 100 photographs it misses 15; "
        "of disgust, fear and contempt it misses most.",
        grey=True,
    ),
    "tiny": Reader(
        "This model learned from drawn faces alone: of the expressions on photographs it names "
        "about one in four rightly."
    ),
}


def own_face(reader: Reader) -> dict[str, Any]:
    """Return what `own.js` needs, ready for JSON: a finder, a photograph, and what is told."""
    photograph = torch.from_numpy(data.astronaut()[CUT].copy()).permute(2, 0, 1)
    return {
        "cascade": base64.b64encode(pack_cascade()).decode(),
        "photograph": {"name": PHOTOGRAPH, "address": picture_address(photograph, 70)},
        "told": reader.told,
        "grey": reader.grey,
    }
