"""Pictures of comparisons: what is drawn is what was given."""

import pytest
import torch
from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots.pictures import COLOURS

from vtff_lib.plots import comparisons


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the picture that is drawn next."""
    axes = []
    monkeypatch.setattr(
        comparisons, "picture", lambda figure, alt, caption: axes.extend(figure.axes)
    )
    return axes


def test_scores_of_a_seed_are_joined_and_each_has_its_mark(drawn):
    scores = {"full": {0: 0.5, 1: 0.6}, "RGB alone": {0: 0.7, 1: 0.8, 2: 0.9}}
    comparisons.paired_points(scores, "accuracy", "words")
    lines = [list(line.get_ydata()) for line in drawn[0].lines]
    assert lines == [[0.5, 0.7], [0.6, 0.8], [0.9]]
    marks = [marks.get_offsets()[:, 1].tolist() for marks in drawn[0].collections]
    assert marks == [[0.5, 0.6], [0.7, 0.8, 0.9]]


def test_a_forest_has_its_first_row_on_top_and_its_strong_rows_thick(drawn):
    rows = {"first": Estimate(0.1, 0.05, 0.2), "second": Estimate(-0.1, -0.2, 0.0)}
    comparisons.forest_plot(rows, "difference", "words", strong={"second"}, band=0.02)
    bars = drawn[0].lines[1::2]
    assert [list(bar.get_xdata()) for bar in bars] == [[0.05, 0.2], [-0.2, 0.0]]
    assert bars[1].get_linewidth() > bars[0].get_linewidth()
    bottom, top = drawn[0].get_ylim()
    assert top < bottom  # downwards: row 0 is above row 1
    assert [tick.get_text() for tick in drawn[0].get_yticklabels()] == list(rows)


def test_curves_share_style_by_name_and_have_bands_if_they_have_ends(drawn):
    middle = torch.tensor([0.7, 0.5])
    panels = {
        "noise": {"full": torch.stack([middle, middle - 0.1, middle + 0.1]), "rgb": middle},
        "blur": {"full": middle, "rgb": middle / 2},
    }
    ticks = {"noise": (0, 8), "blur": (0.0, 1.6)}
    comparisons.curves_in_panels(panels, ticks, "accuracy", "words", level=0.125, limits=(0, 1))
    first, second = drawn
    assert [line.get_color() for line in first.lines] == [line.get_color() for line in second.lines]
    assert [line.get_marker() for line in first.lines[:2]] == ["o", "s"]
    assert (len(first.collections), len(second.collections)) == (1, 0)
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["0.0", "1.6"]
    assert first.get_ylim() == second.get_ylim() == (0, 1)


def test_a_picture_has_its_words():
    told = comparisons.paired_points({"sum": {0: 0.5}}, "accuracy", "what is seen", "look")
    assert (told.alt, told.caption) == ("what is seen", "look")


def test_one_thing_has_one_colour_whatever_it_stands_beside():
    assert comparisons._style_of("RGB alone, for as long")[0] == COLOURS["rgb"]
    assert comparisons._style_of("small, LBP alone")[0] == COLOURS["lbp"]
    assert comparisons._style_of("two on RGB")[0] not in (COLOURS["rgb"], COLOURS["lbp"])
    marks = [mark for _, _, mark in comparisons.STYLES.values()]
    assert len(set(marks)) >= len(marks) - 1  # the gate is never drawn beside the full model
    with pytest.raises(ValueError, match="'noise' has no style"):
        comparisons._style_of("noise")
