"""Pictures on slides: how large their letters are, and what is cut for the last row to read them.

A picture of panels is cut between them, and each piece has the bar or the legend that is meant for
all; a chart that is too tall is cut between its rows, and each piece has the axis.
"""

import base64
import collections
import copy
import functools
import io
import re
from itertools import pairwise

import numpy as np
from bs4 import Tag
from PIL import Image
from scipy import ndimage

from notebooks.editions import source

LEAST = 24  # pixels of a letter on a slide of 1280×720
AREA = (1248, 616)  # pixels of a slide that a picture may fill
PER_POINT = 200 / 72  # pixels of a lesson's picture
SVG_PER_POINT = 96 / 72
PNG = "data:image/png;base64,"

# What height an x, or a digit, of DejaVu Sans has in a lesson's picture, in pixels, for its points.
LOWER_CASE = {12: 8, 13: 8.5, 14: 9, 15: 10}
DIGITS = {16: 8, 17: 8, 18: 9, 19: 9, 20: 10, 21: 10, 23: 11, 24: 11}
WHITE, INK = 250, 170
GAP = 6  # white rows that part one thing from the next

Pieces = list[list[slice]]  # for each piece, what stands side by side in it


def in_pieces(block: Tag) -> list[Tag]:
    """Return a block with a picture, or copies of it with a piece of the picture each.

    Each picture gets `data-letters`, the pixels of its smallest letters at its own size.
    """
    picture = block if block.name == "img" else block.img
    pieces = []
    for address, letters in pieces_of(picture["src"]):
        piece = copy.copy(block)
        each = piece if piece.name == "img" else piece.img
        each["src"] = address
        if letters:
            each["data-letters"] = f"{letters:.1f}"
        pieces.append(piece)
    return pieces


@functools.cache
def pieces_of(address: str) -> list[tuple[str, float]]:
    """Return the addresses of a picture's pieces, and the pixels of their smallest letters."""
    if not address.startswith(PNG):
        drawing = source.ROOT / address
        wide = sorted((drawing.parent / "slides").glob(f"{drawing.stem}*{drawing.suffix}"))
        named = [each for each in wide if re.fullmatch(r"(_\d)?", each.stem[len(drawing.stem) :])]
        drawn = [each.relative_to(source.ROOT).as_posix() for each in named] or [address]
        return [(each, svg_letters(each)) for each in drawn]
    file = io.BytesIO(base64.b64decode(address.removeprefix(PNG)))
    pixels = np.asarray(Image.open(file).convert("RGB"))
    grey = pixels.mean(axis=2)
    letters = png_letters(grey)
    pieces = cut(pixels, grey, letters)
    addresses = [address] if len(pieces) == 1 else [PNG + encoded(each) for each in pieces]
    return [(each, letters) for each in addresses]


def encoded(pixels: np.ndarray) -> str:
    """Return pixels as the base64 of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def svg_letters(address: str) -> float:
    """Return the pixels of the smallest letters of one of our drawings: outlines, scaled."""
    if not address.endswith(".svg"):
        return 0.0  # the overview: it stands whole, and the parts of it have drawings of their own
    drawing = (source.ROOT / address).read_text(encoding="utf-8")
    scales = re.findall(r"<!-- .+? -->\s*<g [^>]*?scale\(([\d.]+) -", drawing)
    return min(map(float, scales)) * 100 * SVG_PER_POINT


def png_letters(grey: np.ndarray) -> float:
    """Return the pixels of the smallest letters of a picture, by the marks on its white."""
    marks: collections.Counter[int] = collections.Counter()
    found, _ = ndimage.label(grey < INK, structure=np.ones((3, 3)))
    for rows, columns in ndimage.find_objects(found):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not (
            9 <= height <= 30 and 5 <= width <= 40 and rows.start > 0 and rows.stop < len(grey)
        ):
            continue
        if grey[[rows.start - 1, rows.stop], columns].min() > 200:
            marks[height] += 1
    total = max(
        40, marks.total()
    )  # of few marks four have to agree; t and f are as high as a digit
    points = [size for height, size in LOWER_CASE.items() if marks[height] >= 0.1 * total]
    points += [size for height, size in DIGITS.items() if marks[height] >= 0.2 * total]
    return min(points, default=9) * PER_POINT


def cut(pixels: np.ndarray, grey: np.ndarray, letters: float) -> list[np.ndarray]:
    """Return the pieces of a picture, each small enough for letters of its size."""
    rows, columns = np.flatnonzero((grey < WHITE).any(1)), np.flatnonzero((grey < WHITE).any(0))
    within = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    pixels, grey = pixels[within], grey[within]
    width, height = (int(most * letters / LEAST) for most in AREA)
    pieces = []
    for place in parted(grey, height, even=True):
        row, row_grey = pixels[joined(place)], grey[joined(place)]
        for each in parted(row_grey.T, width, even=False):
            pieces.append(row[:, joined(each)])
    return pieces


def joined(places: list[slice]) -> np.ndarray:
    """Return the numbers of the rows in some places."""
    return np.concatenate([np.arange(place.start, place.stop) for place in places])


def parted(grey: np.ndarray, most: int, even: bool) -> Pieces:
    """Return the rows of each piece of a picture, none of them taller than `most`, if it can be.

    Args:
        grey: the picture.
        most: rows of a piece.
        even: whether a picture without panels may be cut where its rows hold least ink.
    """
    if len(grey) <= most:
        return [[slice(0, len(grey))]]
    head, bodies, foot = panels(grey)
    if len(bodies) == 1 and even:
        bodies = between_rows(grey, bodies[0], most - length(head) - length(foot))
    sizes = [body.stop - body.start for body in bodies]
    if len(bodies) == 1 or min(sizes) < max(sizes) / 2:
        return [[slice(0, len(grey))]]
    beside = length(head) + length(foot)
    for count in range(2, len(bodies) + 1):
        groups = [group.tolist() for group in np.array_split(np.arange(len(bodies)), count)]
        spans = [slice(bodies[group[0]].start, bodies[group[-1]].stop) for group in groups]
        if max(length([span]) for span in spans) + beside <= most or count == len(bodies):
            break
    return [[*head, span, *foot] for span in spans]


def length(places: list[slice]) -> int:
    """Return how many rows some places have."""
    return sum(place.stop - place.start for place in places)


def panels(grey: np.ndarray) -> tuple[list[slice], list[slice], list[slice]]:
    """Return what stands above all panels, the panels with their words, what stands below all."""
    bands = inked(grey)
    tall = max(band.stop - band.start for band in bands) / 2
    bodies = [n for n, band in enumerate(bands) if band.stop - band.start > tall]
    starts, stops = [], []
    for before, after in pairwise(bodies):  # small bands belong to what is nearer
        gaps = [bands[n + 1].start - bands[n].stop for n in range(before, after)]
        widest = before + int(np.argmax(gaps))
        stops.append(widest)
        starts.append(widest + 1)
    first, last = bodies[0], bodies[-1]
    own_head = any(start < body for start, body in zip(starts, bodies[1:], strict=True))
    own_foot = any(stop > body for stop, body in zip(stops, bodies[:-1], strict=True))
    starts = [0 if own_head else first, *starts]
    stops = [*stops, len(bands) - 1 if own_foot else last]
    head = [] if starts[0] == 0 else [slice(0, bands[first].start)]
    foot = [] if stops[-1] == len(bands) - 1 else [slice(bands[last].stop, len(grey))]
    middle = [slice(bands[a].start, bands[b].stop) for a, b in zip(starts, stops, strict=True)]
    edges = [(a.stop + b.start) // 2 for a, b in pairwise(middle)]
    begin, end = length(head), len(grey) - length(foot)
    return head, [slice(a, b) for a, b in pairwise([begin, *edges, end])], foot


def inked(grey: np.ndarray) -> list[slice]:
    """Return the bands of rows with ink, with white rows between them."""
    rows = np.flatnonzero((grey < WHITE).any(1))
    ends = np.flatnonzero(np.diff(rows) > GAP)
    starts, stops = [rows[0], *rows[ends + 1]], [*rows[ends], rows[-1]]
    return [slice(int(a), int(b) + 1) for a, b in zip(starts, stops, strict=True)]


def between_rows(grey: np.ndarray, body: slice, most: int) -> list[slice]:
    """Return the parts of a chart, cut where it has least ink near the middle of the way."""
    count = -(-(body.stop - body.start) // max(most, 1))
    if most < 100 or count == 1:
        return [body]
    ink = ndimage.uniform_filter1d((255 - grey[body].astype(float)).sum(1), 2 * GAP)
    step = len(ink) / count
    edges = [0]
    for n in range(1, count):
        low, high = (
            max(int((n - 0.2) * step), edges[-1] + len(ink) // (2 * count)),
            int((n + 0.1) * step),
        )
        high = min(high, edges[-1] + most)
        edges.append(low + int(np.argmin(ink[low:high])))
    return [slice(body.start + a, body.start + b) for a, b in pairwise([*edges, len(ink)])]
