"""A photo of any kind becomes upright RGB. Taught in 10."""

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from vtff_lib.refusals import as_path

PhotoSource = str | os.PathLike[str] | bytes | memoryview | BinaryIO | Image.Image | np.ndarray

# By content, whatever the file is called. Pillow hands some others to outside programs.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
MOST_PIXELS = 50_000_000  # of one picture, and of all at once
MOST_BYTES = 2**29  # of a file: what so many pixels take at most, with opacity, in 16 bits
COSTS = {"WEBP": 2, "AVIF": 2}  # these count double, as their decoders hold them twice and more
AT_ONCE = 2**20  # pixels made RGB at a time
# Of a part of a file that costs a pass over all of its pixels or text, or an object of Python.
MOST_SCANS, MOST_COMMENTS, MOST_STRIPS = 100, 5_000, 50_000
ORIENTATION, TIFF_TILE = 0x0112, (0x0142, 0x0143)  # tags: of EXIF; a tile's width and height
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # those that tell their length


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
        ValueError: the source is empty, damaged, no picture of one of the `FORMATS`, too large to
            be opened safely, or an array of another shape, type or range.
    """
    if isinstance(source, np.ndarray):
        return _pixels(_image_from_array(source))
    picture = source if isinstance(source, Image.Image) else _open(_file_content(source))
    with room_for(_checked_cost(picture)):
        return _pixels(_decode(picture))


class _Holding(threading.local):
    """How many pixels a thread holds, and in how many blocks."""

    pixels = blocks = 0


_holding, _held, _changed = _Holding(), [0], threading.Condition()


@contextmanager
def room_for(pixels: int = 0) -> Iterator[None]:
    """Wait until all threads together hold `MOST_PIXELS` at most, with these.

    They are held until the outermost block of the thread is over: whoever works on what he read in
    several threads does so in a block of `room_for()`. A picture alone is never kept waiting.
    """
    with _changed:
        while _held[0] > _holding.pixels == 0 and _held[0] + pixels > MOST_PIXELS:
            _changed.wait()
        _held[0] += pixels
        _holding.pixels += pixels
        _holding.blocks += 1
    try:
        yield
    finally:
        with _changed:
            _holding.blocks -= 1
            if not _holding.blocks:
                _held[0] -= _holding.pixels
                _holding.pixels = 0
                _changed.notify_all()


def _file_content(source: str | os.PathLike[str] | bytes | memoryview | BinaryIO) -> bytes:
    if isinstance(source, str | os.PathLike):
        path = as_path(source)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path} (looked in {Path.cwd()}).")
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(f"over {MOST_BYTES:,} bytes")
        source = path.read_bytes()
    text = isinstance(source, io.TextIOBase)
    content = source.read() if hasattr(source, "read") and not text else source
    if not isinstance(content, bytes | bytearray | memoryview):
        raise ValueError(
            f"A photo cannot be read from {type(content).__name__}: give a path, bytes, a file "
            "opened as binary, a Pillow image or a NumPy array."
        )
    if not content:
        raise ValueError("The picture file is empty (0 bytes): save or send it again.")
    return bytes(content)


def _open(content: bytes) -> Image.Image:
    """Read what a file says of its picture, and refuse what would take all memory or hours."""
    if content.count(b"!\xfe") > MOST_COMMENTS and content.startswith(b"GIF"):
        raise _too_large(f"over {MOST_COMMENTS} comments")
    if content.startswith(b"\xff\xd8") and _scans(content) > MOST_SCANS:
        raise _too_large(f"over {MOST_SCANS} layers")
    with _in_words():
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]  # MPO is found by way of JPEG
        picture = Image.open(io.BytesIO(content), formats=known)
    if len(getattr(picture, "tile", ())) > MOST_STRIPS:
        raise _too_large(f"over {MOST_STRIPS} strips")
    return picture


def _checked_cost(picture: Image.Image) -> int:
    """Return how many pixels of a JPEG take as much memory as this picture, while it is decoded.

    What has none, or so many that they take all memory, is refused.
    """
    if 0 in picture.size:
        raise ValueError(f"The picture has {picture.width} x {picture.height} pixels: give one.")
    with _in_words():
        tags = getattr(picture, "tag_v2", {})  # of a TIFF, which is decoded tile by whole tile
        tile = tags.get(TIFF_TILE[0], 0) * tags.get(TIFF_TILE[1], 0)
        cost = max(picture.width * picture.height, tile) * COSTS.get(picture.format or "", 1)
    most = min(MOST_PIXELS, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)
    if cost > most:
        raise _too_large(
            f"{picture.width} x {picture.height} pixels as {picture.format}; {most:,}, or half in "
            "WebP and AVIF, are the most, here or in PIL.Image.MAX_IMAGE_PIXELS"
        )
    return cost


def _scans(jpeg: bytes) -> int:
    """Return how often a JPEG goes over its pixels."""
    at = scans = 0
    while (marker := JPEG_MARKER.search(jpeg, at)) and marker[1] != b"\xd9":
        scans += marker[1] == b"\xda"
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return scans


def _decode(picture: Image.Image) -> Image.Image:
    """Return a picture upright, with its pixels."""
    if picture.format not in (None, *FORMATS):
        raise _no_picture()
    with _in_words():
        picture.load()
        turn = TURNS.get(_orientation(picture))
        return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    """Return what the camera noted; notes that cannot be read do not spoil a sound picture."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the RGB of an image, made of some rows at a time: a copy of all would take memory."""
    width, height = image.size
    photo, step = np.empty((height, width, 3), np.uint8), max(1, AT_ONCE // width)
    for top in range(0, height, step):
        part = image.crop((0, top, width, min(top + step, height)))
        if part.mode == "F" or part.mode.startswith("I"):  # which Pillow would clip to 8 bits
            part = _image_from_array(np.asarray(part))
        with _in_words():
            photo[top : top + step] = np.asarray(_on_white(part))
    return photo


def _on_white(image: Image.Image) -> Image.Image:
    """Return an image as RGB, what is transparent laid on white."""
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(page, image.convert("RGBA"))
    return image.convert("RGB")


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in a sentence what a decoder did not like; they raise anything."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise _too_large("more pixels than PIL.Image.MAX_IMAGE_PIXELS") from error
    except UnidentifiedImageError as error:
        raise _no_picture() from error
    except Exception as error:
        reason = re.sub(r"(<[^>]*>|\s)+", " ", str(error)).strip(" .")[:200] or type(error).__name__
        raise ValueError(
            f"The picture is damaged or cut short ({reason}): save or copy it again."
        ) from error


def _no_picture() -> ValueError:
    return ValueError(
        "The file is no picture that Pillow can read: give a JPEG or PNG, or another of "
        f"{', '.join(FORMATS)} (a phone's HEIC photo has to be saved as JPEG first)."
    )


def _too_large(what: str) -> ValueError:
    return ValueError(
        f"The picture is too large to be opened safely: it has {what}. Make it smaller first."
    )


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
