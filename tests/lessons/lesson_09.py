"""Lesson 09: answers to its exercises, right ones and wrong ones."""

import copy
import math
import random
from statistics import mean, pstdev, stdev, variance

import numpy as np
import torch
from scipy import stats
from torch import nn

from tests.lessons import Answers
from vtff_lib.evaluation.comparisons import compare, holm, student_t

# An interval from pairs


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


# Holm


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


def stepped_up(p_values):
    times = products(sorted(p_values))
    return [min(times[sorted(p_values).index(p) :]) for p in p_values]


def by_index(p_values):
    found, largest = [0.0] * len(p_values), 0.0
    for rank, p in enumerate(sorted(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        found[p_values.index(p)] = largest
    return found


def in_given_order(p_values):
    times = [min(1.0, (len(p_values) - place) * p) for place, p in enumerate(p_values)]
    return [max(times[: place + 1]) for place in range(len(times))]


# Views that ask each other


class Asking(nn.Module):
    """The right answer, or one with the mistakes that are asked for."""

    def __init__(self, channels, num_heads=4, batch_first=True):
        super().__init__()
        self.rgb_asks = nn.MultiheadAttention(channels, num_heads, batch_first=batch_first)
        self.lbp_asks = nn.MultiheadAttention(channels, num_heads, batch_first=batch_first)

    def hear(self, rgb, lbp):
        return self.rgb_asks(rgb, lbp, lbp)[0], self.lbp_asks(lbp, rgb, rgb)[0]

    def tokens(self, feature_map):
        return feature_map.flatten(2).transpose(1, 2)

    def back(self, tokens, feature_map):
        return tokens.transpose(1, 2).reshape(feature_map.shape)

    def join(self, maps, heard):
        return (sum(maps) + sum(heard)) / 2

    def forward(self, rgb_map, lbp_map):
        heard = self.hear(self.tokens(rgb_map), self.tokens(lbp_map))
        heard = [self.back(each, rgb_map) for each in heard]
        return self.join((rgb_map, lbp_map), heard)


def asking(**methods):
    """Return the class with some methods exchanged."""
    return type("Asking", (Asking,), methods)


class AskingByHand(Asking):
    """Attention written out, as in lesson 05, on tokens in another order."""

    def hear(self, rgb, lbp):
        both = []
        for layer, asks, asked in ((self.rgb_asks, rgb, lbp), (self.lbp_asks, lbp, rgb)):
            weights = layer.in_proj_weight.chunk(3)
            biases = layer.in_proj_bias.chunk(3)
            q, k, v = (
                nn.functional.linear(tokens, weight, bias).unflatten(-1, (layer.num_heads, -1))
                for tokens, weight, bias in zip((asks, asked, asked), weights, biases, strict=True)
            )  # (N, T, heads, d)
            scores = torch.einsum("nqhd,nkhd->nhqk", q, k) / q.shape[-1] ** 0.5
            heard = torch.einsum("nhqk,nkhd->nqhd", scores.softmax(dim=-1), v).flatten(2)
            both.append(layer.out_proj(heard))
        return both


class AskingPlacesFirst(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, num_heads, batch_first=False)

    def tokens(self, feature_map):
        return feature_map.flatten(2).permute(2, 0, 1)

    def back(self, tokens, feature_map):
        return tokens.permute(1, 2, 0).unflatten(2, feature_map.shape[2:])


class AskingOneHead(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, 1)


class AskingAlwaysFour(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, 4 if channels % 4 == 0 else num_heads)


class AskingAcrossFaces(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, num_heads, batch_first=False)


class AskingWithDropout(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, num_heads)
        self.rgb_asks.dropout = 0.5


class AskingOnce(Asking):
    def __init__(self, channels, num_heads=4):
        super().__init__(channels, num_heads)
        del self.lbp_asks


# Two models that never meet


def shares(first, second):
    return first.softmax(dim=1), second.softmax(dim=1)


def averaged(first, second):
    return sum(shares(first, second)) / 2


def averaged_in_numpy(first, second):
    both = [np.exp(each.double().numpy()) for each in (first, second)]
    return torch.tensor(sum(each / each.sum(axis=1, keepdims=True) for each in both) / 2).float()


# A test for a comparison


def comparison_test(
    compared,
    *,
    epochs=True,
    missing=True,
    ties=True,
    order=True,
    words=True,
    zero=True,
    kept=True,
    equal=True,
):
    """Assert what a comparison promises, or leave some of it out."""
    first = {
        3: {"valid": [0.5, 0.7, 0.6], "test": [0.4, 0.5, 0.9]},
        1: {"valid": [0.7, 0.6], "test": [0.3, 0.2]},
    }
    second = {
        1: {"valid": [0.1, 0.9, 0.3, 0.4], "test": [0.15, 0.25, 0.55, 0.85]},
        3: {"valid": [0.2, 0.3, 0.4], "test": [0.1, 0.2, 0.8]},
    }
    right = [0.3 - 0.25, 0.5 - 0.8]
    if not epochs:
        first[3]["test"], first[1]["test"] = [0.4, 0.5, 0.1], [0.3, 0.2]
        second[1]["test"], second[3]["test"] = [0.15, 0.25, 0.2, 0.1], [0.1, 0.2, 0.8]
    if ties:
        first[3]["valid"] = [0.5, 0.7, 0.7]
    if not order:
        first, second = ({s: runs[s] for s in (1, 3)} for runs in (first, second))
    if missing:
        first[2] = {"valid": [0.1], "test": [0.9]}
        second |= {4: {"valid": [0.1], "test": [0.9]}}
    if words:
        run = {"valid": [0.5], "test": [0.5]}
        first[10], second[10] = run, {"valid": [0.5], "test": [0.25]}
        right = [*right, 0.25]
    if zero:
        first[0], second[0] = ({"valid": [0.5], "test": [score]} for score in (0.75, 0.5))
        right = [0.25, *right]
    if equal:
        first[5], second[5] = ({"valid": [0.5], "test": [0.5]} for _ in "ab")
        right = [*right[:-1], 0.0, right[-1]] if words else [*right, 0.0]
    before = copy.deepcopy((first, second))
    assert np.allclose(compared(first, second), right)
    assert not kept or (first, second) == before


def comparison_test_by_chance(compared, alike=False):
    """Compare with the definition, on runs drawn at random; `alike` on validation, if so."""
    dice = random.Random(0)
    for _ in range(60):
        first, second = (
            {
                seed: {
                    name: [dice.choice((0.25, 0.5, 0.625, 0.75)) for _ in range(count)]
                    for name in ("valid", "test")
                }
                for seed in dice.sample(range(12), 8)
                for count in [dice.randint(1, 4)]
            }
            for _ in range(2)
        )
        if alike:
            first, second = ({seed: runs[seed] for seed in first.keys() & second.keys()}
                             for runs in (first, second))  # fmt: skip
            for seed, run in first.items():
                second[seed] = {"valid": list(run["valid"]), "test": run["test"][::-1]}
        before = copy.deepcopy((first, second))
        found = compared(first, second)
        right = []
        for seed in range(12):
            if seed in first and seed in second:
                a, b = first[seed], second[seed]
                epoch, other = (run["valid"].index(max(run["valid"])) for run in (a, b))
                right.append(a["test"][epoch] - b["test"][other])
        assert list(found) == right
        assert (first, second) == before


def asks_for_tuples(compared):
    comparison_test_by_chance(compared)
    run = {"valid": [0.5], "test": [0.5]}
    assert isinstance(compared({0: run}, {0: run}), tuple)


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
            (lambda a, b: interval(a, b, t=lambda n: student_t(n - 1, 0.9)), "t is for 90 %"),
            (lambda a, b: interval(a, b, t=lambda n: student_t(n - 1, 0.975)), "not 0.975"),
            (lambda a, b: interval(sorted(a), sorted(b)), "You sorted the scores"),
            (lambda a, b: interval(a, b, root=lambda n: math.sqrt(n - 1)), "the root of n - 1"),
            (lambda a, b: interval(a, b, spread=variance), "You took the variance"),
            (lambda a, b: interval(b, [0.0] * len(b)), "second scores alone"),
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
            (lambda p: [each / len(p) for each in p], "You divided"),
            (lambda p: [1 - (1 - each) ** len(p) for each in p], "Šidák"),
            (lambda p: [min(1, (len(p) - 1) * each) for each in p], "begin at m - 1"),
            (stepped_up, "Hochberg's correction, which goes down"),
            (by_index, "Of equal p values"),
            (in_given_order, "begin with the smallest"),
            (lambda p: [min(1, (sorted(p).index(each) + 1) * each) for each in p],
             "factors are turned round"),
            (lambda p: max(p), "Return 3 numbers"),
        ],
    ),
    "cross_fusion": Answers(
        right=[Asking, AskingByHand, AskingPlacesFirst],
        wrong=[
            (asking(hear=lambda self, x, y: (self.rgb_asks(x, x, x)[0], self.lbp_asks(y, y, y)[0])),
             "Each view asks itself"),
            (asking(hear=lambda self, x, y: (self.rgb_asks(x, y, x)[0], self.lbp_asks(y, x, y)[0])),
             "it hears itself"),
            (asking(hear=lambda self, x, y: (self.rgb_asks(x, x, y)[0], self.lbp_asks(y, y, x)[0])),
             "come from different views"),
            (asking(hear=lambda self, x, y: (self.rgb_asks(y, x, x)[0], self.lbp_asks(x, y, y)[0])),
             "on behalf of LBP"),
            (asking(hear=lambda self, x, y: (self.rgb_asks(x, y, y)[0], self.rgb_asks(y, x, x)[0])),
             "`rgb_asks` does both"),
            (asking(hear=lambda self, x, y: (self.lbp_asks(x, y, y)[0], self.lbp_asks(y, x, x)[0])),
             "`lbp_asks` does both"),
            (asking(join=lambda self, maps, heard: sum(heard) / 2), "Only what was heard"),
            (asking(join=lambda self, maps, heard: sum(maps) + sum(heard)), "The ½ is missing"),
            (asking(join=lambda self, maps, heard: sum(maps) / 2 + sum(heard)),
             "not of the two maps alone"),
            (asking(join=lambda self, maps, heard: sum(maps) + sum(heard) / 2),
             "not of what was heard alone"),
            (asking(join=lambda self, maps, heard: (sum(maps) + heard[0]) / 2),
             "LBP hears nothing"),
            (asking(join=lambda self, maps, heard: (sum(maps) + heard[1]) / 2),
             "RGB hears nothing"),
            (asking(join=lambda self, maps, heard: sum(maps) / 2), "nobody has asked"),
            (asking(back=lambda self, tokens, like: tokens.reshape(like.shape)), "On the way back"),
            (asking(tokens=lambda self, m: m.reshape(len(m), -1, m.shape[1]),
                    back=lambda self, tokens, like: tokens.reshape(like.shape)),
             "then `transpose(1, 2)`."),
            (asking(tokens=lambda self, m: m.reshape(len(m), -1, m.shape[1])), "back the same way"),
            (AskingAcrossFaces, "Places of different faces"),
            (AskingOneHead, "all had one head"),
            (AskingAlwaysFour, "always four heads"),
            (AskingWithDropout, "In training mode"),
            (AskingOnce, "lbp_asks"),
            (asking(join=lambda self, maps, heard: ((sum(maps) + sum(heard)) / 2, None)),
             "the fused map alone"),
        ],
    ),
    "average_of_two": Answers(
        right=[averaged, averaged_in_numpy,
               lambda a, b: torch.stack([a, b]).softmax(dim=2).mean(dim=0)],
        wrong=[
            (lambda a, b: ((a + b) / 2).softmax(dim=1), "mean of the logits, then"),
            (lambda a, b: (a + b).softmax(dim=1), "You added the logits"),
            (lambda a, b: (a + b) / 2, "means of logits"),
            (lambda a, b: sum(shares(a, b)), "Those are sums"),
            (lambda a, b: (a.softmax(dim=0) + b.softmax(dim=0)) / 2, "over the faces"),
            (lambda a, b: averaged(a, b).softmax(dim=1), "one softmax is enough"),
            (lambda a, b: (shares(a, b)[0] + b) / 2, "Only one of both"),
            (lambda a, b: (a.sigmoid() + b.sigmoid()) / 2, "Those are sigmoids"),
            (lambda a, b: torch.stack([a, b]).softmax(dim=0).mean(dim=0), "over the two models"),
            (lambda a, b: averaged(a, b).log(), "Those are logarithms"),
            (lambda a, b: shares(a, b)[0] * shares(a, b)[1], "You multiplied"),
            (lambda a, b: (shares(a, b)[0] * shares(a, b)[1]).sqrt(), "geometric"),
            (lambda a, b: torch.maximum(*shares(a, b)), "the larger of both"),
            (lambda a, b: a.softmax(dim=1), "first model's answer alone"),
            (lambda a, b: b.softmax(dim=1), "second model's answer alone"),
            (lambda a, b: averaged(a, b).argmax(dim=1), "one number for each face"),
            (lambda a, b: torch.stack(shares(a, b)), "Both answers are still there"),
            (lambda a, b: torch.cat(shares(a, b)), "one below the other"),
        ],
    ),
    "fault_in_comparison": Answers(
        right=[comparison_test, comparison_test_by_chance],
        wrong=[
            (lambda c: comparison_test_by_chance(c, alike=True),
             "epoch that was best for the first"),
            (lambda c: comparison_test(c, epochs=False, ties=False), "on the test faces"),
            (lambda c: comparison_test(c, ties=False), "last of equally good"),
            (lambda c: comparison_test(c, missing=False), "a run that is missing"),
            (lambda c: comparison_test(c, words=False), "sorts seeds as words"),
            (lambda c: comparison_test(c, zero=False), "loses the seed 0"),
            (lambda c: comparison_test(c, equal=False), "leaves out pairs"),
            (lambda c: comparison_test(c, kept=False), "changes the scores"),
            (asks_for_tuples, "rejects a version that is right"),
            (lambda c: False, "it returned False"),
        ],
    ),
}  # fmt: skip
EQUAL = {}
