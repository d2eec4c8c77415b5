"""The benchmark's ratios point the right way; what it measures is measured by hand."""

import json
import sys

import pytest
import torch

from figures.benchmarks import __main__ as benchmarks
from figures.benchmarks import clock as clocks
from figures.benchmarks import pairs, rendering
from vtff_lib.synthetic_faces import Rendered, render, sample


@pytest.fixture
def clock(monkeypatch):
    """Make every timed call "take" what it returns."""
    monkeypatch.setattr(pairs, "milliseconds", lambda run: run())


@pytest.mark.parametrize(("ratio", "value"), [("times as fast", 10.0), ("times the time", 0.1)])
def test_ratios_say_what_they_are_called(clock, ratio, value):
    result = pairs.compare("ours", lambda: 2.0, "theirs", lambda: 20.0, ratio, repeats=3)
    assert (result.ours_ms, result.against_ms, result.value) == (2.0, 20.0, value)


def test_the_ratio_is_taken_pair_by_pair_so_that_drift_cancels(clock):
    """Ratios 3, 1 and 10 have the median 3; the medians of both columns have the ratio 5."""
    ours, theirs = iter([0.0, 1.0, 10.0, 2.0]), iter([0.0, 3.0, 10.0, 20.0])  # first: warm-up
    result = pairs.compare(
        "", lambda: next(ours), "", lambda: next(theirs), "times as fast", repeats=3
    )
    assert result.value == 3.0


def test_figures_are_stored_with_what_they_need_to_be_made_again(monkeypatch, tmp_path, capsys):
    for name in ("lbp", "trunk", "maps", "rendering", "training", "imports"):
        monkeypatch.setattr(benchmarks, name, lambda repeats: [])
    result = pairs.Result("ours", 1.0, "theirs", 2.0, "times as fast", 2.0)
    monkeypatch.setattr(benchmarks, "lbp", lambda repeats: [result])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(tmp_path / "figures.json")])
    benchmarks.main()
    stored = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert stored["results"] == [vars(result)]
    assert {"command", "seed", "date", "cores", "python", "torch"} <= stored.keys()
    assert "summary" not in stored
    assert "ours: 1.0 ms; theirs: 2.0 ms -> 2.0 times as fast" in capsys.readouterr().out


# On a GPU


def test_a_clock_waits_for_a_gpu_that_is_in_use_before_it_starts_and_before_it_stops(monkeypatch):
    done = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: done.append("waited"))
    monkeypatch.setattr(clocks.time, "perf_counter", lambda: done.append("looked") or len(done))
    for used, waits in ((True, ["waited"]), (False, [])):
        done.clear()
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda used=used: used)
        clocks.seconds(lambda: done.append("worked"))
        assert done == [*waits, "looked", "worked", *waits, "looked"]


@pytest.fixture
def few(monkeypatch):
    """Render four faces, not a thousand."""
    monkeypatch.setattr(rendering, "FACES", 4)


def test_the_rates_are_those_of_the_faces_that_were_timed(few, monkeypatch):
    times = iter([20.0, 400.0])
    monkeypatch.setattr(pairs, "milliseconds", lambda run: next(times))
    result, told = rendering.rendering_on("cpu", 1)
    assert (result.ours_ms, result.against_ms, result.value) == (20.0, 400.0, 20.0)
    assert (told["faces_per_s"], told["faces_per_s_on_the_cpu"]) == (200.0, 10.0)
    assert (told["within_one_grey_level"], told["same_region"]) == (1.0, 1.0)
    assert told["demanded"] == rendering.AGREEING


def changed(pixels: int, levels: int) -> tuple[Rendered, Rendered]:
    """Return a rendering twice, the second with some values and regions that are others."""
    here = render(sample(range(4)), size=32)
    images, regions = here.images.clone(), here.regions.clone()
    some = images.view(-1)[:pixels]
    some += torch.where(some < 128, levels, -levels).to(torch.uint8)
    regions.view(-1)[:pixels] += 1
    return Rendered(images, regions), here


@pytest.mark.parametrize(("levels", "share"), [(1, 1.0), (2, 1 - 192 / (4 * 3 * 32 * 32))])
def test_one_grey_level_is_forgiven_and_two_are_not(levels, share):
    alike, regions = rendering.agreement(*changed(192, levels))
    assert alike == pytest.approx(share, abs=1e-6)
    assert regions == pytest.approx(1 - 192 / (4 * 32 * 32), abs=1e-6)


@pytest.mark.parametrize(("pixels", "passes"), [(12, True), (13, False)])
def test_pictures_that_differ_in_more_than_one_value_in_a_thousand_are_refused(
    few, monkeypatch, pixels, passes
):
    """Of 12,288 values, 12 are less than a thousandth and 13 are more."""
    renderings = iter(changed(pixels, 2))
    monkeypatch.setattr(rendering, "render", lambda faces: next(renderings))
    monkeypatch.setattr(rendering, "compare", lambda *given: pairs.Result("", 1, "", 1, "", 1))
    if passes:
        rendering.rendering_on("cpu", 1)
    else:
        with pytest.raises(SystemExit, match=r"^Only 99\.8942% .* where 99\.9% are demanded"):
            rendering.rendering_on("cpu", 1)


def test_on_a_gpu_only_rendering_is_measured_and_its_figures_are_stored(monkeypatch, tmp_path):
    path = tmp_path / "figures.json"
    arguments = ["benchmarks", "--device", "cuda", "--repeats", "3", "--json", str(path)]
    monkeypatch.setattr(sys, "argv", arguments)
    for name in ("lbp", "trunk", "maps", "rendering", "training", "imports"):
        monkeypatch.setattr(benchmarks, name, lambda repeats: pytest.fail("on the CPU"))
    result = pairs.Result("ours", 1.0, "theirs", 2.0, "times as fast", 2.0)
    measured = {("cuda", 3): (result, {"faces_per_s": 5.0})}
    monkeypatch.setattr(benchmarks, "rendering_on", lambda *given: measured[given])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    benchmarks.main()
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["results"] == [vars(result)]
    assert (stored["summary"], stored["gpu"]) == ({"faces_per_s": 5.0}, "a GPU")


def test_without_a_gpu_it_is_said_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--device", "cuda"])
    with pytest.raises(SystemExit):
        benchmarks.main()
    assert "no GPU" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_renders_what_a_cpu_does_and_is_timed(few):
    result, told = rendering.rendering_on("cuda", 1)
    assert told["within_one_grey_level"] >= rendering.AGREEING
    assert told["faces_per_s"] > 0 < result.value
