"""A photo of any kind becomes upright RGB. Taught in 10."""

import io
import os
import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

PhotoSource = str | os.PathLike[str] | bytes | memoryview | BinaryIO | Image.Image | np.ndarray


def read_photo(source: PhotoSource) -> np.ndarray:
    """Read any picture as upright uint8 RGB, (H, W, 3).

    A camera's rotation tag is obeyed. 16-bit values are scaled: 65535 becomes 255. Transparent
    pixels are laid on white, as on a page: what is stored under them is arbitrary, often black.
    Of an animation the first frame is read.

    Args:
        source: a path, the bytes of a file, an open binary file, a Pillow image, or an array
            (H, W) or (H, W, 1 | 2 | 3 | 4) of uint8, uint16, bool, or floats in [0, 1]; two
            channels are grey and opacity, four are RGB and opacity.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the source is empty, damaged, no image, too large to be opened safely, or an
            array of another shape, type or range.
    """
    if isinstance(source, np.ndarray):
        image = _image_from_array(source)
    else:
        image = _decode(source if isinstance(source, Image.Image) else _file_content(source))
    if image.mode == "F" or image.mode.startswith("I"):  # 16 and 32 bits, which Pillow would clip
        image = _image_from_array(np.asarray(image))
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(page, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _file_content(source: str | os.PathLike[str] | bytes | memoryview | BinaryIO) -> bytes:
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path} (looked in {Path.cwd()}).")
        source = path.read_bytes()
    content = source.read() if hasattr(source, "read") else source
    if not isinstance(content, bytes | bytearray | memoryview):
        raise ValueError(
            f"A photo cannot be read from {type(content).__name__}: give a path, bytes, a file "
            "opened as binary, a Pillow image or a NumPy array."
        )
    if not content:
        raise ValueError("The picture file is empty (0 bytes): save or send it again.")
    return bytes(content)


def _decode(picture: Image.Image | bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if isinstance(picture, bytes):
                picture = Image.open(io.BytesIO(picture))
            return ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            f"The picture is too large to be opened safely: {error} Make it smaller first, or, "
            "if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS."
        ) from error
    except UnidentifiedImageError as error:
        raise ValueError(
            "The file is no picture that Pillow can read: give a JPEG or PNG "
            "(a phone's HEIC photo has to be saved as JPEG first)."
        ) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ValueError(
            f"The picture is damaged or cut short ({error}): save or copy it again."
        ) from error


def _image_from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (2, 3, 4)):
        raise ValueError(
            f"An array of shape {array.shape} is no photo: give (H, W) or (H, W, channels) with at "
            "most 4 channels; for (channels, H, W) use array.transpose(1, 2, 0)."
        )
    if array.size == 0:
        raise ValueError(f"An array of shape {array.shape} is empty: give at least one pixel.")
    return Image.fromarray(np.ascontiguousarray(_to_8_bits(array)))


def _to_8_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # in either byte order
        return np.rint(array / 257).astype(np.uint8)
    if array.dtype.kind == "f":
        if not 0 <= array.min() <= array.max() <= 1:
            raise ValueError(
                f"Floats from {array.min():g} to {array.max():g} were given: a photo of floats has "
                "values in [0, 1]; for 0 to 255 use array.astype(np.uint8)."
            )
        return np.rint(array * 255).astype(np.uint8)
    raise ValueError(
        f"Pixels of {array.dtype} were given: give uint8, uint16, bool, or floats in [0, 1]."
    )
