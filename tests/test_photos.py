"""A photo of any kind becomes the same upright RGB, or is refused in one sentence."""

import io
import math
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.photo_files import EXIF_ORIENTATION, file_of
from vtff_lib import load_pretrained
from vtff_lib.photos import finding, reading
from vtff_lib.photos.finding import FaceBox
from vtff_lib.photos.reading import MOST_COMMENTS, MOST_PIXELS, MOST_SCANS, read_photo
from vtff_lib.widgets import photo_booth
from vtff_lib.widgets.photo_booth import PhotoBooth

# What a camera did to the upright picture before it wrote the tag, so that the tag undoes it.
STORED_AS = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def test_every_kind_of_source_gives_the_same_array(colours: np.ndarray, tmp_path: Path) -> None:
    content = file_of(colours)
    path = tmp_path / "a photo.png"
    path.write_bytes(content)
    with path.open("rb") as opened:
        sources = [path, str(path), content, bytearray(content), memoryview(content), opened]
        sources += [io.BytesIO(content), Image.open(path), colours]
        for source in sources:
            assert np.array_equal(read_photo(source), colours), type(source)


def test_the_result_shares_no_memory_with_the_array_given(colours: np.ndarray) -> None:
    given = colours.copy()
    read_photo(given)[:] = 0
    assert np.array_equal(given, colours)


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_camera_rotation_is_undone(colours: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED_AS[orientation](colours))
    content = file_of(stored, exif=exif)
    assert np.array_equal(read_photo(content), colours)
    assert np.array_equal(read_photo(Image.open(io.BytesIO(content))), colours)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_a_grey_ramp_reads_as_that_ramp(mode: str) -> None:
    levels = [0, 255] if mode == "1" else [0, 51, 102, 153, 204, 255]
    ramp = Image.fromarray(np.array([levels] * 3, dtype=np.uint8))
    for picture in (
        ramp.convert(mode),
        np.asarray(ramp.convert("RGBA" if mode == "RGBA" else "L")),
    ):
        photo = read_photo(picture)
        assert photo.dtype == np.uint8
        assert photo.shape == (3, len(levels), 3)
        assert (photo == np.array(levels)[:, None]).all()


def test_transparent_pixels_become_white_and_half_transparent_ones_mix() -> None:
    black = np.zeros((1, 3, 4), dtype=np.uint8)
    black[0, :, 3] = [255, 128, 0]
    assert np.array_equal(read_photo(black)[0, :, 0], [0, 127, 255])
    assert np.array_equal(read_photo(file_of(black))[0, :, 0], [0, 127, 255])
    grey_and_opacity = black[:, :, 2:]
    assert np.array_equal(read_photo(grey_and_opacity)[0, :, 0], [0, 127, 255])


def test_a_transparent_colour_of_a_palette_becomes_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    content = file_of(picture, transparency=1)
    assert read_photo(content).tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "array", "big-endian array"])
def test_a_16_bit_gradient_stays_a_gradient_over_the_full_range(kind: str) -> None:
    gradient = np.arange(65536, dtype=np.uint16)[None]
    sources = {"array": gradient, "big-endian array": gradient.astype(">u2")}
    source = sources[kind] if kind in sources else file_of(Image.fromarray(gradient), kind)
    row = read_photo(source)[0, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 255)
    assert np.abs(row / 255 - gradient / 65535).max() <= 0.5 / 255
    assert len(set(row)) == 256
    assert set(np.diff(row)) <= {0, 1}


def test_floats_bools_and_bytes_of_the_same_picture_read_alike() -> None:
    flags = np.array([[True, False, True]])
    expected = read_photo(flags)
    assert expected[0, :, 0].tolist() == [255, 0, 255]
    assert np.array_equal(read_photo(flags.astype(np.float32)), expected)
    assert np.array_equal(read_photo(flags.astype(np.uint8)[..., None] * np.uint8(255)), expected)
    assert read_photo(np.array([[0.5]])).ravel().tolist() == [128] * 3


def test_an_animation_gives_its_first_frame() -> None:
    red, blue = (Image.new("RGB", (4, 3), colour) for colour in ("red", "blue"))
    content = file_of(red, "GIF", save_all=True, append_images=[blue])
    assert (read_photo(content) == [255, 0, 0]).all()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nobody\.jpg"):
        read_photo(tmp_path / "nobody.jpg")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_photo(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "is empty.*save or send it again"),
        (b"Dear reader, this is a letter.", "no picture that Pillow can read: give a JPEG or PNG"),
        (None, "cannot be read from NoneType: give a path"),
        (torch.zeros(3, 8, 8), "cannot be read from Tensor: give a path"),
        (io.StringIO("text"), "cannot be read from StringIO: .*opened as binary"),
        (np.zeros((2, 3)) + 1.5, r"Floats from 1.5 to 1.5 .*\[0, 1\]"),
        (np.zeros((2, 3)) - 0.1, r"Floats from -0.1 to -0.1 .*\[0, 1\]"),
        (np.full((2, 3), np.nan), r"Floats from nan to nan .*\[0, 1\]"),
        (np.zeros((2, 3), dtype=np.int64), "Pixels of int64 .*give uint8"),
        (np.zeros((0, 3), dtype=np.uint8), r"\(0, 3\) is empty"),
        (np.zeros((3, 8, 9), dtype=np.uint8), r"\(3, 8, 9\) .*transpose\(1, 2, 0\)"),
        (np.zeros((1, 8, 9, 3), dtype=np.uint8), r"\(1, 8, 9, 3\) is no photo"),
        (np.zeros(8, dtype=np.uint8), r"\(8,\) is no photo"),
        (Image.fromarray(np.full((2, 2), 7, dtype=np.int32)), "Pixels of int32"),
    ],
)
def test_what_is_no_photo_is_refused_in_words(source: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_photo(source)


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_file_cut_short_is_refused_wherever_it_is_cut(astronaut: np.ndarray, kind: str) -> None:
    content = file_of(astronaut[::16, ::16], kind)
    for length in range(1, len(content) * 3 // 4, 97):
        with pytest.raises(ValueError, match=r"damaged or cut short|no picture that Pillow"):
            read_photo(content[:length])


def test_a_pillow_image_that_turns_out_to_be_damaged_is_refused(astronaut: np.ndarray) -> None:
    opened = Image.open(io.BytesIO(file_of(astronaut)[:9999]))
    with pytest.raises(ValueError, match=r"damaged or cut short .*save or copy it again"):
        read_photo(opened)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [17, 34])  # of 35 pixels: Pillow fails at one, warns at one
def test_a_picture_above_pillows_limit_is_refused(
    colours: np.ndarray, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = file_of(colours)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ValueError, match=r"too large to be opened safely.*MAX_IMAGE_PIXELS"):
        read_photo(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", colours.size)
    assert np.array_equal(read_photo(content), colours)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"),
        ("PPM", b"P6\n1 1\n255\n\0\0\0"),
        ("DDS", file_of(Image.new("RGB", (4, 4)), "DDS")),
        ("PDF", file_of(Image.new("RGB", (4, 4)), "PDF")),
        ("ICO", file_of(Image.new("RGB", (16, 16)), "ICO")),
    ],
)
def test_other_formats_reach_no_decoder_whatever_the_file_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes
) -> None:
    """PostScript runs a program: neither its file nor a picture opened before gets so far."""
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program ran"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program ran"))
    (tmp_path / "photo.jpg").write_bytes(content)
    sources: list = [tmp_path / "photo.jpg", content]
    if kind != "PDF":  # which Pillow writes and does not read
        sources.append(Image.open(tmp_path / "photo.jpg"))
    for source in sources:
        with pytest.raises(ValueError, match=r"no picture that Pillow can read: give a JPEG or"):
            read_photo(source)


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, MemoryError, TypeError])
def test_whatever_a_decoder_raises_is_a_sentence(
    colours: np.ndarray, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*given: object) -> None:
        raise error("at <PIL.Image object at 0x7f>\nno. ")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ValueError, match=r"^The picture is damaged or cut short \(at no\): save"):
        read_photo(file_of(colours))


def test_notes_that_cannot_be_read_do_not_spoil_a_sound_picture(colours: np.ndarray) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + b"".join(
        (b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", b"\x01\x1a\0\x02\0\0\0\x0372\0\0", bytes(4))
    )
    assert read_photo(file_of(colours, exif=exif)).shape[:2] == colours.shape[1::-1]  # was turned
    assert np.array_equal(read_photo(file_of(colours, exif=b"Exif\0\0junk")), colours)


def blank(kind: str, pixels: int, **options: object) -> bytes:
    side = int(pixels**0.5) + 1
    return file_of(Image.new("L", (side, side)), kind, **options)


def many_scans(count: int) -> bytes:
    """A progressive JPEG that goes over its pixels `count` times more."""
    content = blank("JPEG", 64, progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * (count + 1) + content[-2:]


def many_comments(count: int) -> bytes:
    content = blank("GIF", 9)
    start = content.index(b",", 13)
    return content[:start] + b"!\xfe\x01x\0" * count + content[start:]


def large_tile(side: int) -> bytes:
    """A TIFF of 9×9 pixels, cut out of one tile of `side`."""
    content = zlib.compress(bytes(side * side // 100))
    place = {324: 138, 325: len(content)}
    tags = {256: 9, 257: 9, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side} | place
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(8) + content


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (blank("WEBP", MOST_PIXELS // 2, lossless=True), "pixels as WEBP"),
        (many_scans(MOST_SCANS), "layers"),
        (many_comments(MOST_COMMENTS + 1), "comments"),
        (large_tile(20_000), "pixels as TIFF"),
    ],
    ids=["pixels", "scans", "comments", "tile"],
)
def test_a_small_file_that_asks_for_much_is_refused(content: bytes, what: str) -> None:
    assert len(content) < 100_000
    with pytest.raises(ValueError, match=f"too large to be opened safely: it has .*{what}"):
        read_photo(content)


def test_as_many_parts_as_any_sound_file_has_are_read() -> None:
    assert read_photo(many_scans(MOST_SCANS // 2)).shape == (9, 9, 3)
    assert read_photo(many_comments(MOST_COMMENTS // 2)).shape == (4, 4, 3)


@pytest.mark.slow
def test_who_looks_for_a_face_keeps_the_room_until_it_has_it(
    astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def look(photo: np.ndarray) -> list[FaceBox]:
        held.append(reading._held[0])
        return [FaceBox(0, 0, 50, 50)]

    monkeypatch.setattr(finding, "find_faces", look)
    monkeypatch.setattr(photo_booth, "find_faces", look)
    finding.face_from_photo(file_of(astronaut), size=8)
    PhotoBooth(load_pretrained("tiny"), file_of(astronaut))
    assert held == [astronaut.size // 3] * 2
    assert reading._held == [0]


def test_threads_share_one_room_and_keep_it_until_they_have_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MOST_PIXELS", 100)
    content, at_once, most = file_of(Image.new("L", (7, 7))), [], []

    def work(_: int) -> None:
        with reading.room_for():
            read_photo(content)
            at_once.append(1)
            most.append(len(at_once))
            time.sleep(0.002)
            at_once.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert max(most) <= 2
    with reading.room_for(99), reading.room_for(99):  # who has some is not kept waiting for more
        pass


def test_what_is_no_whole_file_of_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(file_of(Image.new("L", (7, 7))))
    with (tmp_path / "sparse.jpg").open("wb") as sparse:
        sparse.truncate(2**40)  # which takes no room on the disk, and would take all memory
    with (
        (tmp_path / "a.jpg").open(encoding="latin-1") as text,
        Image.open(io.BytesIO(file_of(Image.new("1", (7100, 7100)), "PNG"))) as large,
    ):
        for source, match in (
            (text, "a file opened as binary"),
            (large, "too large to be opened safely"),
            (tmp_path / "sparse.jpg", "too large to be opened safely: it has over"),
            (Image.new("L", (0, 7)), "0 x 7 pixels"),
        ):
            with pytest.raises(ValueError, match=match):
                read_photo(source)
    with pytest.raises(FileNotFoundError, match="There is no file ~nobody"):
        read_photo("~nobody-is-called-so/a.jpg")


@pytest.mark.parametrize(
    "number", ["1", None, math.nan, math.inf, pytest.param(10**400, id="huge")]
)
def test_a_place_is_made_of_numbers(number: object) -> None:
    with pytest.raises(ValueError, match=r"width=.* will not do"):
        FaceBox(1, 2, 3, number)  # type: ignore[arg-type]
