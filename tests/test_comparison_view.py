"""Pictures of comparisons: what is drawn is what was given."""

import pytest
import torch

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots import comparisons, verdicts
from vtff_lib.plots.pictures import COLOURS


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the picture that is drawn next."""
    axes = []
    for module in (comparisons, verdicts):
        monkeypatch.setattr(
            module, "picture", lambda figure, alt, caption: axes.extend(figure.axes)
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


def ruled(value, ruling=""):
    """A difference whose interval is wider once faces are drawn, too."""
    seeds = Estimate(value, value - 0.1, value + 0.1)
    return verdicts.Ruled(seeds, Estimate(value, value - 0.2, value + 0.2), ruling)


def test_a_ruling_stands_beside_its_name_and_has_two_intervals(drawn):
    groups = {
        "": {"first": ruled(0.5, "better"), "second": ruled(0.0, "open")},
        "a heading": {"third": ruled(-0.5)},
    }
    verdicts.verdict_plot(groups, "difference", "words", band=0.02)
    words = [text.get_text() for text in drawn[0].texts]
    assert words == ["first", "better", "second", "open", "a heading", "third", ""]
    faces, seeds, middle = drawn[0].lines[1:4]
    assert list(faces.get_xdata()) == pytest.approx([0.3, 0.7])
    assert list(seeds.get_xdata()) == pytest.approx([0.4, 0.6])
    assert seeds.get_linewidth() > faces.get_linewidth()
    depths = [text.get_position()[1] for text in drawn[0].texts]
    assert depths == sorted(depths)
    bottom, top = drawn[0].get_ylim()
    assert bottom > depths[-1] > top == 0  # downwards
    assert drawn[0].lines[6].get_markerfacecolor() == "white"  # what is open is hollow
    assert middle.get_color() == drawn[0].texts[1].get_color() != drawn[0].texts[3].get_color()


def test_a_ruling_that_is_none_is_named():
    with pytest.raises(ValueError, match="ruling='great'"):
        verdicts.verdict_plot({"": {"first": ruled(0.5, "great")}}, "difference", "words")


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
