"""Pictures as the bytes of a file."""

import io

import numpy as np
from PIL import Image

EXIF_ORIENTATION = 0x0112


def file_of(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(file, kind, **options)
    return file.getvalue()
