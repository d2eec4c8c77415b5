"""Pictures of groups: what is drawn is what was given, and the rows stand under their headings."""

import pytest
import torch

from vtff_lib.evaluation.intervals import Estimate
from vtff_lib.plots import groups


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the picture that is drawn next."""
    axes = []
    monkeypatch.setattr(groups, "picture", lambda figure, alt, caption: axes.extend(figure.axes))
    return axes


def test_each_interval_stands_at_its_row_and_rows_under_their_heading(drawn):
    gaps = {
        "age, against young": {"old": {"a": Estimate(-3, -5, -1), "b": Estimate(1, 0, 2)}},
        "light, against usual": {"dim": {"a": Estimate(-7, -9, -4), "b": Estimate(2, 1, 3)}},
    }
    groups.gap_chart(gaps, "points", "words")
    (axis,) = drawn
    rows = dict(zip([t.get_text() for t in axis.get_yticklabels()], axis.get_yticks(), strict=True))
    headings = {text.get_text(): text.get_position()[1] for text in axis.texts}
    assert (list(rows), list(headings)) == (["old", "dim"], list(gaps))
    places = [
        place for pair in zip(headings.values(), rows.values(), strict=True) for place in pair
    ]
    assert places == sorted(places, reverse=True)  # from the top, each row below its heading
    spans = {
        tuple(line.get_xdata()): line.get_ydata()[0]
        for line in axis.lines
        if len(line.get_xdata()) == 2 and line.get_linewidth() == 1.5
    }
    for row in gaps.values():
        for name, each in row.items():
            first, second = (spans[told.low, told.high] for told in each.values())
            assert first > second  # one above, one below the row's line, both nearest to it
            assert [round(first), round(second)] == [rows[name], rows[name]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]


def test_what_cannot_be_told_apart_is_refused():
    row = {name: Estimate(0, -1, 1) for name in "abcd"}
    with pytest.raises(ValueError, match="4 series are too many"):
        groups.gap_chart({"age": {"old": row}}, "points", "words")
    with pytest.raises(ValueError, match="groups"):
        groups.gap_chart({}, "points", "words")
    with pytest.raises(ValueError, match="has no rows"):
        groups.gap_chart({"age": {}}, "points", "words")


def test_faces_stand_under_their_names(drawn):
    faces = {name: torch.full((3, 4, 4), 50, dtype=torch.uint8) for name in ("bare", "mask")}
    groups.faces_by_name(faces, "words")
    assert [axis.get_title() for axis in drawn] == ["bare", "mask"]
    assert [axis.images[0].get_array().max() for axis in drawn] == [50, 50]
