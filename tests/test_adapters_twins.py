"""Twins are found by their pixels, and told apart by the splits they stand in."""

import numpy as np
import pytest
import torch

from vtff_lib.datasets.twins import find_twins


def grey(kind: int) -> np.ndarray:
    return np.random.default_rng(kind).integers(0, 256, (48, 48), dtype=np.uint8)


def test_twins_are_the_pictures_of_equal_pixels_within_and_across_splits() -> None:
    kinds = [0, 1, 0, 2, 1, 1, 3, 0]
    splits = torch.tensor([0, 0, 1, 1, 2, 2, 2, 1])
    pictures = [grey(kind) for kind in kinds]
    twins = find_twins(pictures, splits)
    assert sorted(twins.groups) == [(0, 2, 7), (1, 4, 5)]
    pairs = [[(a != b, kinds[a] == kinds[b]) for b in range(8)] for a in range(8)]
    for mask, same_split in ((twins.across, False), (twins.within, True)):
        expected = [
            any(
                pairs[a][b] == (True, True) and (splits[a] == splits[b]) == same_split
                for b in range(8)
            )
            for a in range(8)
        ]
        assert mask.tolist() == expected
    assert twins.report()[2] == (
        "Of 3 pictures of test, 2 have a twin of the same pixels in another split, 2 one in test "
        "itself."
    )
    assert not find_twins([grey(0), grey(0).reshape(24, 96)], splits[:2]).groups
    assert not find_twins(map(torch.from_numpy, map(grey, range(3))), splits[:3]).report()
    with pytest.raises(ValueError, match="8 pictures came with 7 splits; give one for each"):
        find_twins(pictures, splits[:7])
