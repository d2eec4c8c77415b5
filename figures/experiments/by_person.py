"""Means of what was measured face by face, with intervals that know who the faces belong to.

Four shipped faces show one person, so the intervals draw persons, not faces.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from vtff_lib.evaluation.intervals import bootstrap


def means(values: Mapping[str, Tensor], persons: Tensor, seed: int = 0) -> dict[str, dict]:
    """Return the mean of each of some measures, with a 95 % interval, rounded.

    Args:
        values: `(N,)` each, by name; NaN where a face has none.
        persons: `(N,)`, equal where two faces show one person.
        seed: of the bootstrap.
    """
    table = torch.stack([measure.double() for measure in values.values()], dim=1)  # (N, F)
    groups = persons.unique(return_inverse=True)[1]
    empty = table.new_zeros(int(groups.max()) + 1, table.shape[1])
    sums = empty.index_add(0, groups, table.nan_to_num()).numpy()  # (P, F)
    counts = empty.index_add(0, groups, (~table.isnan()).double()).numpy()
    estimates = bootstrap(lambda p: sums[p].sum(0) / counts[p].sum(0), len(sums), seed)
    return {
        name: {key: round(value, 4) for key, value in estimate._asdict().items()}
        for name, estimate in zip(values, estimates, strict=True)
    }
