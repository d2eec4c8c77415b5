"""Charts of lesson 02: what is drawn is what was measured, and the words say so."""

import json
from pathlib import Path

import pytest
import torch

from vtff_lib import plots

STORED = json.loads(
    (Path(__file__).parents[1] / "figures" / "plain_or_residual.json").read_text(encoding="utf-8")
)
LIVE = {"plain": torch.full((150,), 2.1), "residual": torch.linspace(3, 1, 150)}


def test_losses_of_a_live_run_stand_beside_stored_ones():
    shown = plots.losses_by_kind(LIVE, STORED, layers=26)
    assert "26 layers" in shown.caption
    assert "150 steps" in shown.caption
    other = {"plain": LIVE["residual"], "residual": LIVE["plain"]}
    assert shown.png != plots.losses_by_kind(other, STORED, layers=26).png
    assert shown.png != plots.losses_by_kind(LIVE, STORED, layers=6).png


def test_a_live_run_is_drawn_as_means_of_some_steps():
    uneven = {kind: losses.clone() for kind, losses in LIVE.items()}
    uneven["plain"][::2] += 0.5
    uneven["plain"][1::2] -= 0.5
    assert (
        plots.losses_by_kind(LIVE, STORED, 26).png == plots.losses_by_kind(uneven, STORED, 26).png
    )


def test_the_words_count_in_how_many_rows_the_lbp_trunk_is_closer():
    closest = {"rgb": torch.tensor([0.1, 0.8, 0.3]), "lbp": torch.tensor([0.6, 0.2, 0.4])}
    shown = plots.closest_channels(closest, ["brows", "lips", "nose"])
    assert "closer in 2 of 3 rows" in shown.caption
    assert "3 quantities" in shown.alt
    turned = plots.closest_channels(
        {"rgb": closest["lbp"], "lbp": closest["rgb"]}, ["brows", "lips", "nose"]
    )
    assert "closer in 1 of 3 rows" in turned.caption
    assert turned.png != shown.png


def test_what_does_not_fit_its_names_is_refused():
    with pytest.raises(ValueError, match=r"\(2,\)"):
        plots.closest_channels({"rgb": torch.ones(3), "lbp": torch.ones(2)}, ["a", "b"])
    with pytest.raises(ValueError, match=r"average=0"):
        plots.losses_by_kind(LIVE, STORED, layers=26, average=0)
