"""Pictures of stored runs: what is drawn is what was given."""

import pytest

from vtff_lib.plots import stored_runs
from vtff_lib.plots.pictures import Picture

RUN = {
    "train_loss": [2.0, 1.0],
    "valid_loss": [2.1, 4.0],
    "train_accuracy": [0.2, 0.9],
    "valid_accuracy": [0.1, 0.125],
}
BINS = [
    {"images": 1, "confidence": 0.4, "right": 0.5, "agreed": 0.4},
    {"images": 3, "confidence": 0.8, "right": 1.0, "agreed": 0.8},
]


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the picture that is drawn next."""
    axes = []

    def keep(figure, alt, caption):
        axes.extend(figure.axes)
        return Picture(b"", alt, caption)

    monkeypatch.setattr(stored_runs, "picture", keep)
    return axes


def test_curves_stand_in_their_panels_on_one_scale_and_count_from_1(drawn):
    panels = {"a": {"one": [0.1, 0.2], "two": [0.3, 0.4]}, "b": {"three": [0.5, 0.6, 0.7]}}
    told = stored_runs.run_curves(panels, "accuracy", limits=(0, 1), level=0.125)
    first, second = drawn
    assert [list(line.get_ydata()) for line in first.lines[:2]] == [[0.1, 0.2], [0.3, 0.4]]
    assert list(second.lines[0].get_xdata()) == [1, 2, 3]
    assert first.lines[0].get_linestyle() != first.lines[1].get_linestyle()
    assert list(first.lines[2].get_ydata()) == [0.125] * 2
    assert first.get_ylim() == second.get_ylim() == (0, 1)
    assert first.get_legend()
    assert second.get_legend() is None
    assert "a: one from 0.1 to 0.2, two from 0.3 to 0.4; b: three from 0.5 to 0.7" in told.alt


def test_a_loss_is_drawn_below_the_break_and_above_it_and_nowhere_twice(drawn):
    told = stored_runs.side_by_side({"healthy": RUN, "A": RUN}, every=25)
    above, below, accuracy = drawn[0], drawn[2], drawn[4]
    for axis in (above, below):
        assert [list(line.get_ydata()) for line in axis.lines[:2]] == [
            RUN["train_loss"], RUN["valid_loss"],
        ]  # fmt: skip
    assert below.get_ylim()[1] == above.get_ylim()[0] == stored_runs.BREAK
    assert list(accuracy.lines[1].get_ydata()) == RUN["valid_accuracy"]
    assert "A: training accuracy ends at 90%, validation at 12%" in told.alt


def test_discs_are_as_large_as_their_bins_and_the_second_share_is_hollow(drawn):
    told = stored_runs.reliability(BINS, {"majority": "right", "voters": "agreed"})
    discs = [each for each in drawn[0].collections if len(each.get_offsets()) == 2]
    assert [each.get_offsets()[:, 1].tolist() for each in discs] == [[0.5, 1.0], [0.4, 0.8]]
    assert discs[0].get_sizes()[0] < discs[0].get_sizes()[1]
    assert len(discs[0].get_facecolor()) > len(discs[1].get_facecolor()) == 0
    assert "majority, on average 0.175 from the diagonal; voters, on average 0.000" in told.alt


@pytest.mark.parametrize("draw", [stored_runs.run_curves, stored_runs.side_by_side])
def test_what_has_no_names_is_refused(draw):
    with pytest.raises(ValueError, match="will not do"):
        draw([1.0], "accuracy")


def test_a_third_share_is_refused_and_a_large_loss_stays_in_the_picture(drawn):
    with pytest.raises(ValueError, match="3 shares are too many"):
        stored_runs.reliability(BINS, dict.fromkeys("abc", "right"))
    stored_runs.side_by_side({"A": RUN | {"train_loss": [9.0, 1.0]}}, every=10)
    assert drawn[0].get_ylim() == (stored_runs.BREAK, 9)
