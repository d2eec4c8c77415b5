"""The benchmark's ratios point the right way; what it measures is measured by hand."""

import json
import sys

import pytest

from tests.benchmarks import __main__ as benchmarks


@pytest.fixture
def clock(monkeypatch):
    """Make every timed call "take" what it returns."""
    monkeypatch.setattr(benchmarks, "milliseconds", lambda run: run())


@pytest.mark.parametrize(("ratio", "value"), [("times as fast", 10.0), ("times the time", 0.1)])
def test_ratios_say_what_they_are_called(clock, ratio, value):
    result = benchmarks.compare("ours", lambda: 2.0, "theirs", lambda: 20.0, ratio, repeats=3)
    assert (result.ours_ms, result.against_ms, result.value) == (2.0, 20.0, value)


def test_the_ratio_is_taken_pair_by_pair_so_that_drift_cancels(clock):
    """Ratios 3, 1 and 10 have the median 3; the medians of both columns have the ratio 5."""
    ours, theirs = iter([0.0, 1.0, 10.0, 2.0]), iter([0.0, 3.0, 10.0, 20.0])  # first: warm-up
    result = benchmarks.compare(
        "", lambda: next(ours), "", lambda: next(theirs), "times as fast", repeats=3
    )
    assert result.value == 3.0


def test_figures_are_stored_with_what_they_need_to_be_made_again(monkeypatch, tmp_path, capsys):
    for name in ("lbp", "trunk", "maps", "rendering", "training", "imports"):
        monkeypatch.setattr(benchmarks, name, lambda repeats: [])
    result = benchmarks.Result("ours", 1.0, "theirs", 2.0, "times as fast", 2.0)
    monkeypatch.setattr(benchmarks, "lbp", lambda repeats: [result])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(tmp_path / "figures.json")])
    benchmarks.main()
    stored = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert stored["results"] == [vars(result)]
    assert {"command", "seed", "date", "cores", "python", "torch"} <= stored.keys()
    assert "ours: 1.0 ms; theirs: 2.0 ms -> 2.0 times as fast" in capsys.readouterr().out
