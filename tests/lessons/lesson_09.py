"""Lesson 09: answers to its exercises, right ones and wrong ones."""

import math
from statistics import mean, pstdev, stdev

import numpy as np
import torch
from scipy import stats
from vtff_lib.evaluation.comparisons import compare, detectable, holm, student_t

from tests.lessons import Answers
from vtff_lib.datasets.twins import find_twins

# 1: an interval from pairs


def pairs_of(first, second):
    return [a - b for a, b in zip(first, second, strict=True)]


def interval(first, second, *, spread=stdev, t=lambda n: student_t(n - 1), root=math.sqrt):
    """Return the right answer, or one with the mistakes that are asked for."""
    pairs = pairs_of(first, second)
    reach = t(len(pairs)) * spread(pairs) / root(len(pairs))
    return mean(pairs), mean(pairs) - reach, mean(pairs) + reach


def interval_by_scipy(first, second):
    told = stats.ttest_rel(first, second).confidence_interval()
    return [np.mean(np.subtract(first, second)), told.low, told.high]


def interval_in_torch(first, second):
    pairs = torch.tensor(first).double() - torch.tensor(second).double()
    reach = student_t(len(pairs) - 1) * pairs.std() / len(pairs) ** 0.5
    return torch.stack([pairs.mean(), pairs.mean() - reach, pairs.mean() + reach])


def interval_unpaired(first, second, t=lambda n: student_t(2 * n - 2)):
    apart = math.hypot(stdev(first), stdev(second))
    return interval(first, second, spread=lambda pairs: apart, t=t)


# 2: Holm


def holm_by_loop(p_values):
    corrected, largest = list(p_values), 0.0
    order = np.argsort(p_values, kind="stable")
    for rank, place in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[place])
        corrected[place] = min(largest, 1)
    return corrected


def holm_by_definition(p_values):
    """Each p is the largest of all smaller ones' products, its own included."""
    m, ordered = len(p_values), sorted(p_values)
    products = [(m - rank) * p for rank, p in enumerate(ordered)]
    return torch.tensor([min(1.0, max(products[: ordered.index(p) + 1])) for p in p_values])


def products(p_values):
    m, ordered = len(p_values), sorted(p_values)
    return [(m - ordered.index(p)) * p for p in p_values]


def without_cap(p_values):
    ordered = sorted(p_values)
    times = products(ordered)
    return [max(times[: ordered.index(p) + 1]) for p in p_values]


def in_given_order(p_values):
    times = [min(1.0, (len(p_values) - place) * p) for place, p in enumerate(p_values)]
    return [max(times[: place + 1]) for place in range(len(times))]


# 3: how many seeds


def seeds(deviation, effect, reach=detectable):
    return next(n for n in range(2, 3000) if reach(deviation, n) <= effect)


def seeds_by_while(deviation, effect):
    n = 2
    while (
        (student_t(n - 1) + student_t(n - 1, 0.6)) * deviation / np.sqrt(n) > effect
    ):  # fmt: skip
        n += 1
    return n


def by_normal(deviation, effect, z):
    return math.ceil((z * deviation / effect) ** 2)


# 5: twins


def keep(pictures, splits):
    return (splits == 2) & ~find_twins(pictures, splits).across


def keep_by_bytes(pictures, splits):
    learned = {bytes(p.flatten().tolist()) for p in pictures[splits != 2]}
    return torch.tensor(
        [
            int(split == 2 and bytes(p.flatten().tolist()) not in learned)
            for p, split in zip(pictures, splits, strict=True)
        ]
    )


def keep_by_rule(pictures, splits, same, sources=(0, 1)):
    outside = sum(splits == source for source in sources).bool()
    return torch.tensor(
        [
            bool(splits[i] == 2)
            and not any(same(pictures[i], pictures[j]) for j in outside.nonzero().flatten())
            for i in range(len(splits))
        ]
    )


def keep_seen_once(pictures, splits):
    rows = [p.flatten().tolist() for p in pictures]
    once = torch.tensor([rows.count(row) == 1 for row in rows])
    return once & (splits == 2)


def keep_unlike_the_last(pictures, splits):
    kept = splits == 2
    for i in range(1, len(splits)):
        if splits[i - 1] != 2 and torch.equal(pictures[i], pictures[i - 1]):
            kept[i] = False
    return kept


ANSWERS = {
    "interval_from_pairs": Answers(
        right=[interval, interval_by_scipy, interval_in_torch,
               lambda a, b: tuple(compare(a, b).difference)],
        wrong=[
            (interval_unpaired, "compared the two lists as wholes"),
            (lambda a, b: interval_unpaired(a, b, lambda n: student_t(n - 1)), "two separate "
             "lists. Take"),
            (lambda a, b: interval(b, a), "first minus second"),
            (lambda a, b: interval(a, b, spread=pstdev), "divides by n - 1"),
            (lambda a, b: interval(a, b, t=lambda n: 1.96), "for hundreds of pairs"),
            (lambda a, b: interval(a, b, t=student_t), "has n degrees"),
            (lambda a, b: interval(a, b, t=lambda n: student_t(2 * n - 2)), "2n - 2"),
            (lambda a, b: interval(a, b, root=lambda n: 1), "√n is missing"),
            (lambda a, b: interval(a, b, root=lambda n: n), "√n times less"),
            (lambda a, b: interval(a, b, t=lambda n: 1), "one standard error"),
            (lambda a, b: (mean(pairs_of(a, b)), min(pairs_of(a, b)), max(pairs_of(a, b))),
             "smallest and the largest difference"),
            (lambda a, b: (interval(a, b)[1], *interval(a, b)[::2]), "order is mean"),
            (lambda a, b: interval(a, [0.0] * len(a)), "first scores alone"),
            (lambda a, b: interval(a, b)[1:], "Return 3 numbers"),
        ],
    ),
    "holms_correction": Answers(
        right=[holm_by_loop, holm_by_definition,
               lambda p: list(holm(dict(enumerate(p))).values())],
        wrong=[
            (lambda p: p, "Nothing is corrected"),
            (lambda p: [min(1, len(p) * each) for each in p], "Bonferroni"),
            (lambda p: [len(p) * each for each in p], "some are above 1 now"),
            (lambda p: [min(1, each) for each in products(p)], "Going up"),
            (products, "Two things are missing"),
            (without_cap, "cut off at 1"),
            (lambda p: sorted(holm_by_loop(p)), "right and sorted"),
            (lambda p: stats.false_discovery_control(p), "Benjamini"),
            (in_given_order, "begin with the smallest"),
            (lambda p: [min(1, (sorted(p).index(each) + 1) * each) for each in p],
             "factors are turned round"),
            (lambda p: max(p), "Return 3 numbers"),
        ],
    ),
    "how_many_seeds": Answers(
        right=[seeds, seeds_by_while],
        wrong=[
            (lambda s, e: seeds(s, e, lambda s, n: student_t(n - 1) * s / math.sqrt(n)),
             "Half of all experiments"),
            (lambda s, e: by_normal(s, e, 1.959964 + 0.841621), "of a normal distribution"),
            (lambda s, e: by_normal(s, e, 1.959964), "left the power out"),
            (lambda s, e: seeds(s, e, lambda s, n: detectable(s, n) / math.sqrt(n)),
             "falls as 1/n"),
            (lambda s, e: seeds(s, e, lambda s, n: detectable(s, n, 0.9)), "power of 0.9"),
            (lambda s, e: seeds(s, e) - 1, "One too few"),
            (lambda s, e: seeds(s, e) + 1, "One too many"),
            (lambda s, e: 25, "seeds; yours is 25"),
        ],
    ),
    "score_to_report": Answers(
        right=[lambda valid, test: test[int(np.argmax(valid))],
               lambda valid, test: torch.tensor(test)[torch.tensor(valid).argmax()],
               lambda valid, test: max(zip(valid, test, strict=True), key=lambda both: both[0])[1]],
        wrong=[
            (lambda valid, test: max(test), "chose the epoch on the test faces"),
            (lambda valid, test: max(valid), "validation accuracy of the epoch"),
            (lambda valid, test: valid.index(max(valid)), "returned the epoch"),
            (lambda valid, test: test[-1], "took the last epoch"),
            (lambda valid, test: max(zip(valid, test, strict=True))[1], "took the last; take"),
            (lambda valid, test: test[valid.index(min(valid))], "worst on validation"),
            (lambda valid, test: mean(test), "mean of all epochs"),
        ],
    ),
    "without_twins": Answers(
        right=[keep, keep_by_bytes, lambda p, s: keep_by_rule(p, s, torch.equal)],
        wrong=[
            (lambda p, s: s == 2, "All test pictures are still there"),
            (lambda p, s: ~keep(p, s), "turned round"),
            (lambda p, s: find_twins(p, s).across & (s == 2), "those without are wanted"),
            (lambda p, s: keep_by_rule(p, s, torch.equal, (0,)), "train alone"),
            (lambda p, s: keep_by_rule(p, s, torch.equal, (1,)), "valid alone"),
            (keep_seen_once, "twin in the test split itself"),
            (lambda p, s: ~find_twins(p, s).across, "Pictures of other splits"),
            (lambda p, s: keep_by_rule(p, s, lambda a, b: a.sum() == b.sum()), "sums of pixels"),
            (lambda p, s: keep_by_rule(p, s, lambda a, b: bool((a == b).any())),
             "One equal pixel"),
            (lambda p, s: keep_by_rule(p, s, lambda a, b: torch.equal(a[0], b[0])),
             "one colour channel"),
            (keep_unlike_the_last, "picture before alone"),
            (lambda p, s: keep(p, s)[s == 2], "one entry for each test picture"),
        ],
    ),
}  # fmt: skip
EQUAL = {}
