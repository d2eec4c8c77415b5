"""Pictures on slides: letters are measured, and what is too large is cut between panels."""

import base64
import io

import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from notebooks.editions import pictures, source


def drawn(figure):
    """The grey pixels of a figure, drawn as lessons draw theirs."""
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor="white", dpi=200)
    return np.asarray(Image.open(file).convert("L"))


def grid(rows, columns):
    """A figure of panels with titles; of several rows, with one bar below all."""
    figure = Figure(figsize=(2 * columns, 2.35 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for place, axis in enumerate(axes.flat):
        shown = axis.imshow(np.eye(7) + 0.2, vmin=0, vmax=2)
        axis.set_title(f"map of head {place}", fontsize=9)
        axis.set_axis_off()
    if rows > 1:
        figure.colorbar(shown, ax=axes, orientation="horizontal", aspect=40)
    return figure


@pytest.mark.parametrize("points", [8, 9, 10])
def test_letters_are_measured_to_a_tenth(points):
    figure = Figure(figsize=(5, 2))
    figure.text(0.1, 0.6, "a share of the comparisons that differ, more or less", fontsize=points)
    figure.text(0.1, 0.3, "0.25 0.50 0.75", fontsize=points + 2)
    measured = pictures.png_letters(drawn(figure))
    assert measured == pytest.approx(points * 200 / 72, rel=0.1)


def test_small_numbers_count_beside_larger_words():
    figure = Figure(figsize=(5, 2))
    figure.text(0.1, 0.6, "share of hits", fontsize=10)
    figure.text(0.1, 0.3, "0.25 0.50 0.75 1.00 1.25 1.50", fontsize=8)
    assert pictures.png_letters(drawn(figure)) == pytest.approx(8 * 200 / 72, rel=0.01)


@pytest.mark.parametrize(("rows", "columns", "count"), [(1, 3, 1), (2, 3, 2), (4, 2, 4)])
def test_panels_are_cut_apart_whole_and_each_piece_has_the_bar(rows, columns, count):
    grey = drawn(grid(rows, columns))
    pieces = pictures.cut(np.repeat(grey[..., None], 3, 2), grey, 25)
    assert len(pieces) == count
    most = [side * 25 / pictures.LEAST for side in pictures.AREA]
    panels = 0
    for piece in pieces:
        assert piece.shape[1] <= most[0]
        assert piece.shape[0] <= most[1]
        dark = piece[..., 0] < 90  # the diagonal's ground
        assert dark.any()
        panels += len(pictures.inked(piece[: piece.shape[0] // 2, :, 0].T))
        assert (piece[-100:, :, 0] < 200).any() or rows == 1  # the bar
    assert panels == rows * columns


def test_a_chart_is_cut_between_its_rows_and_keeps_its_axis():
    figure = Figure(figsize=(4.6, 7), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0, color="black")
    axis.plot(range(16), range(16), "o")
    axis.set_yticks(range(16), [f"difference {n}" for n in range(16)], fontsize=9)
    axis.set_xlabel("points of accuracy", fontsize=9)
    grey = drawn(figure)
    pieces = pictures.cut(np.repeat(grey[..., None], 3, 2), grey, 25)
    assert len(pieces) == 3
    feet = [piece[-20:, :, 0] for piece in pieces]
    assert all(np.array_equal(foot, feet[0]) for foot in feet)  # the words at the axis


def test_a_small_picture_stays_as_it_is_and_a_wide_drawing_takes_its_place():
    file = io.BytesIO()
    Image.new("L", (90, 90), 0).save(file, "PNG")
    address = pictures.PNG + base64.b64encode(file.getvalue()).decode()
    assert [each for each, _ in pictures.pieces_of(address)] == [address]
    page = BeautifulSoup('<p><img alt="A" src="figures/truth_tests.svg"></p>', "html.parser")
    wide = [piece.img["src"] for piece in pictures.in_pieces(page.p)]
    assert wide == [f"figures/slides/truth_tests_{n}.svg" for n in range(1, 6)]
    assert all((source.ROOT / each).is_file() for each in wide)
