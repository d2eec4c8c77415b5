"""How FER+ makes a label of ten votes, by three rules. Taught in 10.

Ten people looked at each picture. Each named one of eight expressions, or "unknown", or "no face"
(NF). A class that one person alone named counts as not named. Then

    majority       the class that more than half of the votes name;
    probability    the strongest classes, until they have 75 % of the votes, at most three;
    multi_target   every class that at least 30 % of the votes name.

A picture whose rule keeps half of the votes or fewer, or whose strongest class is "unknown" or "no
face", does not count. From the code of Barsoum et al. 2016 (github.com/microsoft/FERPlus, MIT).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vtff_lib.names import EXPRESSIONS
from vtff_lib.refusals import check_choice

VOTES = (*EXPRESSIONS, "unknown", "NF")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What a rule makes of N pictures' votes.

    Args:
        counted: which pictures count, `(N,)` bool.
        labels: index of the winner among the expressions, the first of equals, `(N,)` int64;
            without meaning where the picture does not count.
        kept: votes of the eight expressions that the rule keeps, `(N, 8)` float32. The majority
            rule keeps all that more than one person named, so that soft labels can be learnt.
    """

    counted: Tensor
    labels: Tensor
    kept: Tensor


def judge(votes: np.ndarray, rule: str | Sequence[str]) -> Verdicts:
    """Apply one of the `RULES` to each row of `votes`.

    Args:
        votes: of the classes in the order of `VOTES`, `(N, 10)`, from 0.
        rule: `"majority"`, `"probability"` or `"multi_target"`; or one for each row.

    Raises:
        ValueError: if the rule is unknown.
    """
    rules = [rule] * len(votes) if isinstance(rule, str) else rule
    for each in set(rules):
        check_choice("rule", each, RULES)
    votes = np.where(votes > 1, votes, 0).reshape(-1, len(VOTES))
    chosen = [RULES[each](row) for each, row in zip(rules, votes, strict=True)]
    kept = np.array(chosen).reshape(votes.shape)
    winners = kept.argmax(axis=1)
    enough = kept.sum(axis=1) > 0.5 * votes.sum(axis=1)
    return Verdicts(
        counted=torch.from_numpy(enough & (winners < len(EXPRESSIONS))),
        labels=torch.from_numpy(winners),
        kept=torch.from_numpy(kept[:, : len(EXPRESSIONS)]).float(),
    )


def _majority(votes: np.ndarray) -> np.ndarray:
    return votes if votes.max() > 0.5 * votes.sum() else np.zeros_like(votes)


def _multi_target(votes: np.ndarray) -> np.ndarray:
    return np.where(votes >= 0.3 * votes.sum(), votes, 0)


def _probability(votes: np.ndarray) -> np.ndarray:
    kept, left = np.zeros_like(votes), votes.copy()
    while kept.sum() < 0.75 * votes.sum() and np.count_nonzero(kept) < 3:
        strongest = np.flatnonzero(left == left.max())  # equals are taken together
        expressions = strongest[strongest < len(EXPRESSIONS)]
        kept[expressions] = left[expressions]
        left[strongest] = 0
        if len(expressions) < len(strongest):
            break  # "unknown" or "no face" ends it, and is not taken itself
    return kept if np.count_nonzero(kept) <= 3 else np.zeros_like(votes)


RULES = {"majority": _majority, "probability": _probability, "multi_target": _multi_target}
