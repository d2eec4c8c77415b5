"""Pictures as addresses that a page holds in itself."""

import base64
import io

import numpy as np
from PIL import Image
from torch import Tensor

QUALITY = 80  # of the pictures, as WebP


def picture_address(image: Tensor, quality: int | None = QUALITY) -> str:
    """Return uint8 `(3, H, W)` as a WebP in a `data:` address; without a quality it is exact."""
    buffer = io.BytesIO()
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    how = {"lossless": True, "quality": 100} if quality is None else {"quality": quality}
    Image.fromarray(pixels).save(buffer, "webp", method=6 if quality is None else 4, **how)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
