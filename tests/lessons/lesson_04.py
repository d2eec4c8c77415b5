"""Lesson 04: broadcasting and selective fusion."""

import torch
from torch import nn

from tests.lessons import Answers
from vtff_lib.attention import GlobalAttention, LocalAttention


def shapes(**changes):
    """The right list, with some entries changed."""
    right = {"a": (8, 64, 7, 7), "b": "error", "c": (7, 7, 7), "d": (8, 8), "e": (5, 4, 7)}
    return list((right | changes).values())


def sum_by_means(scores):
    table = scores.flatten(1).double()
    best = table.mean(1, keepdim=True) + table.mean(0, keepdim=True) - table.mean()
    return bool((table - best).abs().max() <= 1e-5 * table.abs().max())


def sum_by_differences(scores):
    steps = scores - scores[:, :1, :1]
    return torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-5 * scores.abs().max().item())


def sum_by_corners(scores):
    table = scores.flatten(1).tolist()
    largest = max(abs(value) for row in table for value in row)
    return all(
        abs(row[p] - row[0] - table[0][p] + table[0][0]) <= 1e-5 * largest
        for row in table
        for p in range(len(row))
    )


def sum_by_rank(scores):
    return torch.linalg.matrix_rank(scores.flatten(1)) <= 2


def sum_by_rank_one(scores):
    return torch.linalg.matrix_rank(scores.flatten(1)) == 1


def sum_exactly(scores):
    table = scores.flatten(1)
    return bool((table - table[:, :1] == table[:1] - table[0, 0]).all())


def sum_by_order(scores):
    return bool((scores.flatten(1).argsort() == scores.flatten(1).argsort()[0]).all())


def sum_by_order_unless_flat(scores):
    flat = scores.flatten(1)
    return bool((flat == flat[:, :1]).all()) or sum_by_order(scores)


def sum_with_fixed_tolerance(scores):
    steps = scores - scores[:, :1, :1]
    return torch.allclose(steps, steps[:1].expand_as(steps), rtol=0, atol=1e-4)


def sum_with_loose_tolerance(scores):
    steps = scores - scores[:, :1, :1]
    return torch.allclose(steps, steps[:1].expand_as(steps), rtol=1e-3, atol=1e-3)


def sum_of_two_channels(scores):
    return sum_by_differences(scores[:2])


def sum_along_width(scores):
    return all(sum_by_differences(scores[:, [i]]) for i in range(scores.shape[1]))


def sum_down_height(scores):
    if scores.shape[1] == 1:  # a single row
        return sum_by_differences(scores)
    return all(sum_by_differences(scores[:, :, [j]]) for j in range(scores.shape[2]))


def sum_of_all_but_the_last_place(scores):
    if scores.shape[1] == 1 or scores.shape[1] == 2:
        return sum_by_differences(scores)
    return sum_by_differences(scores.flatten(1)[:, None, :-1])


def sum_cell_by_cell(scores):
    table = scores.flatten(1)
    return table - table[:, :1] == table[:1] - table[0, 0]


def sum_that_wants_a_pattern(scores):
    return sum_by_differences(scores) and scores[0].std() > 1e-6


def sum_by_allclose(scores):
    table = scores.flatten(1)
    best = table.mean(1, keepdim=True) + table.mean(0, keepdim=True) - table.mean()
    return torch.allclose(table, best)


def sum_within(share):
    def answer(scores):
        table = scores.flatten(1).double()
        best = table.mean(1, keepdim=True) + table.mean(0, keepdim=True) - table.mean()
        return (table - best).abs().max() <= share * table.abs().max()

    return answer


def sum_with_an_absolute_part(scores):
    return bool(rest_of(scores).abs().max() <= 1e-5 * scores.abs().max() + 1e-7)


def sum_by_spread(scores):
    table = scores.flatten(1).double()
    return bool(rest_of(scores).abs().max() <= 1e-5 * (table - table.mean()).abs().max())


def rest_of(scores):
    table = scores.flatten(1).double()
    return table - (table.mean(1, keepdim=True) + table.mean(0, keepdim=True) - table.mean())


def sum_by_mean_of_rest(scores):
    return rest_of(scores).abs().mean() <= 1e-6 * scores.abs().max()


def sum_by_rest_above_0(scores):
    return rest_of(scores).max() <= 1e-5 * scores.abs().max()


def sum_by_largest_above_0(scores):
    return rest_of(scores).abs().max() <= 1e-5 * scores.max()


def sum_by_last_place(scores):
    return sum_by_differences(scores.flatten(1)[:, None, [0, -1]])


def sum_but_for_the_last_cell(scores):
    scores = scores.clone()
    if scores.numel() > 4:  # the checkerboard is looked at as a whole
        scores[-1, -1, -1] = scores[-1, 0, 0] + scores[0, -1, -1] - scores[0, 0, 0]
    return sum_by_differences(scores)


class Gate:
    """Tests of a gate, each a property or two."""

    def __init__(self, *sizes, scale=1.0, tolerance=1e-5):
        self.sizes, self.scale, self.tolerance = sizes, scale, tolerance

    def __call__(self, mix):
        for n, c, h, w in self.sizes:
            rgb_map, lbp_map = torch.randn(2, n, c, h, w)
            g, local = self.scale * torch.randn(n, c, 1, 1), self.scale * torch.randn(n, 1, h, w)
            given = [each.clone() for each in (rgb_map, lbp_map, g, local)]
            gate, fused = mix(*given)
            wanted = torch.sigmoid(g + local)
            self.compare(gate, wanted)
            self.compare(fused, lbp_map * wanted + rgb_map * (1 - wanted))
            self.look_at(given, (rgb_map, lbp_map, g, local))

    def compare(self, values, wanted):
        assert values.shape == wanted.shape
        assert torch.allclose(values, wanted, atol=self.tolerance)

    def look_at(self, given, before):
        for now, then in zip(given, before, strict=True):
            assert torch.equal(now, then), "an input was changed"


class BlindGate(Gate):
    """Does not look whether inputs were changed."""

    def look_at(self, given, before):
        pass


class FusedAlone(Gate):
    """Looks at the fused map, and not at the gate."""

    def __call__(self, mix):
        super().__call__(lambda *given: (torch.sigmoid(given[2] + given[3]), mix(*given)[1]))


def gate_test_cell_by_cell(mix):
    """Written with loops, and with three sizes of scores."""
    for scale in (0.0, 1.0, 500.0):
        rgb_map, lbp_map = torch.arange(48.0).view(2, 2, 3, 4), -torch.ones(2, 2, 3, 4)
        g = scale * torch.tensor([1.0, -2.0, 0.5, 3.0]).view(2, 2, 1, 1)
        local = scale * torch.linspace(-3, 3, 24).view(2, 1, 3, 4)
        kept = rgb_map.clone()
        gate, fused = mix(rgb_map, lbp_map, g, local)
        for n, c, i, j in torch.cartesian_prod(*map(torch.arange, (2, 2, 3, 4))).tolist():
            share = torch.sigmoid(g[n, c, 0, 0] + local[n, 0, i, j])
            assert abs(gate[n, c, i, j] - share) < 1e-4
            assert abs(fused[n, c, i, j] - (kept[n, c, i, j] * (1 - share) - share)) < 1e-3
        if not torch.equal(rgb_map, kept):
            return False
    return None


def gate_test_of_range(mix):
    rgb_map, lbp_map = torch.randn(2, 2, 3, 4, 5)
    gate, fused = mix(rgb_map, lbp_map, torch.randn(2, 3, 1, 1), torch.randn(2, 1, 4, 5))
    assert ((gate > 0) & (gate < 1)).all()
    assert (fused <= torch.maximum(rgb_map, lbp_map) + 1e-5).all()
    assert (fused >= torch.minimum(rgb_map, lbp_map) - 1e-5).all()


def gate_test_too_strict(mix):
    rgb_map, lbp_map = torch.randn(2, 2, 3, 4, 5)
    _, fused = mix(rgb_map, lbp_map, torch.full((2, 3, 1, 1), 50.0), torch.zeros(2, 1, 4, 5))
    assert torch.equal(fused, lbp_map)


def gate_test_that_fails_all(mix):
    raise AssertionError("it is wrong")


class FusionOfMine(nn.Module):
    """A right fusion; those below change a piece of it."""

    def __init__(self, channels, reduction=8):
        super().__init__()
        self.rgb_weight = nn.Conv2d(channels, channels, 1, bias=False)
        self.lbp_weight = nn.Conv2d(channels, channels, 1, bias=False)
        self.global_attention = GlobalAttention(channels, reduction)
        self.local_attention = LocalAttention(channels, reduction)

    def forward(self, rgb_map, lbp_map):
        u = self.see(self.rgb_weight(rgb_map), self.lbp_weight(lbp_map))
        return self.mix(rgb_map, lbp_map, self.gate(u), u)

    def see(self, rgb, lbp):
        return rgb + lbp

    def gate(self, u):
        return torch.sigmoid(self.global_attention(u) + self.local_attention(u))

    def mix(self, rgb_map, lbp_map, gate, u):
        return lbp_map * gate + rgb_map * (1 - gate)


class FusionByLerp(nn.Module):
    def __init__(self, channels, reduction=8):
        super().__init__()
        self.local_attention = LocalAttention(channels, reduction)
        self.global_attention = GlobalAttention(channels, reduction)
        self.add_module("lbp_weight", nn.Conv2d(channels, channels, 1, bias=False))
        self.add_module("rgb_weight", nn.Conv2d(channels, channels, (1, 1), bias=False))

    def forward(self, rgb_map, lbp_map):
        u = self.lbp_weight(lbp_map).add_(self.rgb_weight(rgb_map))
        scores = self.local_attention(u).expand_as(u) + self.global_attention(u)
        return torch.lerp(rgb_map, lbp_map, 1 / (1 + torch.exp(-scores)))


def fusion(**methods):
    """A class with some methods changed."""
    return type("MyFusion", (FusionOfMine,), methods)


def gates(make):
    """A class with another gate, made of G(U) and L(U)."""
    return fusion(gate=lambda self, u: make(self.global_attention(u), self.local_attention(u)))


def mixes(make):
    """A class with another mixture, of RGB, LBP and gate."""
    return fusion(mix=lambda self, rgb, lbp, gate, u: make(rgb, lbp, gate))


class FusionWithBias(FusionOfMine):
    def __init__(self, channels, reduction=8):
        super().__init__(channels, reduction)
        self.rgb_weight = nn.Conv2d(channels, channels, 1)


class FusionOfOtherNames(FusionOfMine):
    def __init__(self, channels, reduction=8):
        super().__init__(channels, reduction)
        self.rgb = self.rgb_weight
        del self.rgb_weight


class FusionOfOneWeight(FusionOfMine):
    def __init__(self, channels, reduction=8):
        super().__init__(channels, reduction)
        self.lbp_weight = self.rgb_weight


class FusionWithNorm(FusionOfMine):
    def __init__(self, channels, reduction=8):
        super().__init__(channels, reduction)
        self.norm = nn.BatchNorm2d(channels)


class FusionOfAFixedSize(FusionOfMine):
    def __init__(self, channels, reduction):
        super().__init__(channels, reduction)


def crossed(self, rgb_map, lbp_map):
    u = self.lbp_weight(rgb_map) + self.rgb_weight(lbp_map)
    return self.mix(rgb_map, lbp_map, self.gate(u), u)


def exchanged(self, rgb_map, lbp_map):
    return FusionOfMine.forward(self, lbp_map, rgb_map)


def in_weighted_maps(self, rgb_map, lbp_map):
    rgb_map, lbp_map = self.rgb_weight(rgb_map), self.lbp_weight(lbp_map)
    u = rgb_map + lbp_map
    return self.mix(rgb_map, lbp_map, self.gate(u), u)


def of_plain_maps(self, rgb_map, lbp_map):
    u = rgb_map + lbp_map
    return self.mix(rgb_map, lbp_map, self.gate(u), u)


def of_detached_maps(self, rgb_map, lbp_map, gate, u):
    return torch.lerp(rgb_map.detach(), lbp_map.detach(), gate)


def in_place(self, rgb_map, lbp_map, gate, u):
    rgb_map += gate * (lbp_map - rgb_map)
    return rgb_map


def push(gate, shift):
    return torch.sigmoid(torch.logit(gate) + shift)


def push_odds(gate, shift):
    odds = gate / (1 - gate) * torch.tensor(shift).exp()
    return odds / (1 + odds)


def push_by_logarithm(gate, shift):
    score = torch.log(gate) - torch.log1p(-gate)
    return 1 / (1 + torch.exp(-score - shift))


ANSWERS = {
    "broadcast_shapes": Answers(
        right=[
            shapes(),
            tuple(torch.Size(each) if each != "error" else "Error" for each in shapes()),
            [list(each) if each != "error" else each for each in shapes()],
        ],
        wrong=[
            (shapes(a=(72, 2, 8, 8)), "sizes are not added"),
            (shapes(a="error"), "a: no error: shapes are aligned at the right"),
            (shapes(a=(64, 7, 7)), "the first size is lost"),
            (shapes(a=(64, 1, 7, 7)), "a: shapes are aligned at the right"),
            (shapes(a=(8, 1, 7, 7)), "a: a column has 1 and 64"),
            (shapes(a=(64, 1, 1)), "a: (64, 1, 1) does not come out of"),
            (shapes(b=(8, 64, 7, 7)), "that is what was meant"),
            (shapes(b=(8, 64, 7, 64)), "repeats nothing but a 1"),
            (shapes(c="error"), "(7,) becomes (1, 1, 7). Compare"),
            (shapes(c=(7, 1, 1)), "c: shapes are aligned at the right"),
            (shapes(d="error"), "(8,) becomes (1, 8). Compare"),
            (shapes(d=(8,)), "d: the first size is lost"),
            (shapes(d=(8, 1)), "d: a column has 1 and 8"),
            (shapes(e="error"), "e: no error: shapes"),
            (shapes(e=(5, 4, 1)), "e: a column has 7 and 1"),
            (shapes(e=(5, 1, 7)), "e: a column has 1 and 4"),
            (shapes(a="(8, 64, 7, 7)"), "yours is '(8, 64, 7, 7)'"),
            (shapes(c=torch.tensor([7, 7, 7])), "yours is tensor([7, 7, 7])"),
            (shapes()[:4], "five entries"),
        ],
    ),
    "is_a_sum": Answers(
        right=[sum_by_means, sum_by_differences, sum_by_corners, sum_within(1e-4)],
        wrong=[
            (sum_by_rank, "You accept the checkerboard"),
            (sum_by_rank_one, "where nothing is rounded"),
            (sum_exactly, "floats are rounded"),
            (sum_by_order_unless_flat, "keep their order in all channels"),
            (sum_that_wants_a_pattern, "the same at all places"),
            (sum_with_fixed_tolerance, "10,000 times as large"),
            (sum_with_loose_tolerance, "whose scores are small"),
            (sum_by_allclose, "as `torch.allclose` and `isclose` do"),
            (sum_within(1e-3), "changed by 0.05 %"),
            (sum_with_an_absolute_part, "a sum of scores around 0.00003"),
            (sum_by_spread, "not with the spread, and not each cell with itself"),
            (sum_of_two_channels, "any cell of channel 2 or 3."),
            (sum_by_last_place, "any cell of place (0, 1) or (0, 2) or (0, 3) (and of 10 more)"),
            (sum_along_width, "prefers other rows"),
            (sum_down_height, "prefers other columns"),
            (sum_of_all_but_the_last_place, "any cell of place (2, 4)."),
            (sum_cell_by_cell, "not one for each cell"),
            (lambda scores: str(sum_by_means(scores)), "Return True or False; yours is 'True'"),
            (sum_by_mean_of_rest, "an average over many cells hides a single one"),
            (sum_by_rest_above_0, "what is left may be below 0, too"),
            (sum_by_largest_above_0, "below 0 everywhere"),
            (lambda scores: 0.25, "Return True or False; yours is 0.25"),
            (sum_but_for_the_last_cell, "if it is [c, i, j] = [3, 2, 4]."),
        ],
    ),
    "fault_in_gate": Answers(
        right=[
            Gate((3, 5, 4, 6), (2, 2, 2, 3), scale=300.0),
            Gate((2, 3, 4, 5), scale=50.0, tolerance=1e-4),
            gate_test_cell_by_cell,
        ],
        wrong=[
            (gate_test_of_range, "one that you were given"),
            (Gate((1, 4, 4, 5)), "of the first face for all faces"),
            (Gate((2, 3, 4, 5)), "for a score of 1000"),
            (BlindGate((2, 3, 4, 5), scale=1e3), "writes the mixture over the RGB map"),
            (FusedAlone((2, 3, 4, 5), scale=1e3), "returns the weight of the RGB map as the gate"),
            (gate_test_too_strict, "only written differently (with tanh, and as RGB plus"),
            (gate_test_that_fails_all, "it raised AssertionError: it is wrong"),
        ],
    ),
    "selective_fusion": Answers(
        right=[FusionOfMine, FusionByLerp],
        wrong=[
            (mixes(lambda rgb, lbp, gate: rgb * gate + lbp * (1 - gate)), "branches are exchanged"),
            (fusion(forward=exchanged), "exchanged from the start"),
            (fusion(forward=crossed), "went through the weights of the other"),
            (fusion(forward=of_plain_maps), "U needs rgb_weight and lbp_weight"),
            (fusion(see=lambda self, rgb, lbp: rgb), "seen the RGB map alone"),
            (fusion(see=lambda self, rgb, lbp: lbp), "seen the LBP map alone"),
            (fusion(see=lambda self, rgb, lbp: (rgb + lbp).relu()), "a ReLU around U"),
            (fusion(forward=in_weighted_maps), "mixed are the maps themselves"),
            (gates(lambda g, local: g + local), "no sigmoid around"),
            (gates(lambda g, local: g.sigmoid()), "L is not in it"),
            (gates(lambda g, local: local.sigmoid()), "G is not in it"),
            (gates(lambda g, local: g.sigmoid() + local.sigmoid()), "reaches from 0 to 2"),
            (
                gates(lambda g, local: (g.sigmoid() + local.sigmoid()).sigmoid()),
                "a sigmoid in a sigmoid",
            ),
            (gates(lambda g, local: (g * local).sigmoid()), "of the product"),
            (gates(lambda g, local: (g + local).softmax(dim=1)), "softmax over the channels"),
            (gates(lambda g, local: (0.3 * g + local).sigmoid()), "its numbers are off by"),
            (mixes(lambda rgb, lbp, gate: lbp * gate), "the RGB map's 1 - gate is missing"),
            (mixes(lambda rgb, lbp, gate: lbp * gate + rgb), "added whole: its share is 1 - gate"),
            (mixes(lambda rgb, lbp, gate: (lbp + rgb) * gate), "multiplies both maps"),
            (mixes(lambda rgb, lbp, gate: gate), "You returned the gate"),
            (fusion(mix=of_detached_maps), "that comes back to what went in is not"),
            (FusionOfOneWeight, "both maps behind lbp_weight"),
            (FusionWithNorm, "weights that are not asked for: norm.weight"),
            (mixes(lambda rgb, lbp, gate: (torch.lerp(rgb, lbp, gate), gate)), "return it alone"),
            (
                mixes(lambda rgb, lbp, gate: torch.lerp(rgb, lbp, gate.detach())),
                "No gradient reaches `rgb_weight.weight`",
            ),
            (fusion(mix=in_place), "changes what it is given, in place"),
            (FusionWithBias, "`rgb_weight` has a bias"),
            (FusionOfOtherNames, "yours has `rgb.weight`"),
            (FusionOfAFixedSize, "missing 1 required positional argument"),
            (FusionOfMine(16), "Pass the class itself"),
        ],
    ),
    "pushed_gate": Answers(
        right=[push, push_odds, push_by_logarithm],
        wrong=[
            (lambda gate, shift: gate + shift, "which leaves (0, 1)"),
            (lambda gate, shift: (gate + shift).clamp(0, 1), "all differences are gone"),
            (lambda gate, shift: torch.sigmoid(gate + shift), "a sigmoid already"),
            (lambda gate, shift: torch.logit(gate) + shift, "stopped at the shifted scores"),
            (lambda gate, shift: push(gate, -shift), "made your gate smaller"),
            (lambda gate, shift: push(gate, 0), "the shift is not in it"),
            (
                lambda gate, shift: 1 - 1 / (1 + gate / (1 - gate) + shift),
                "shifted odds, not scores",
            ),
            (lambda gate, shift: torch.sigmoid(gate.log() + shift), "took log(gate) for the score"),
            (lambda gate, shift: gate / (1 - gate) * torch.tensor(shift).exp(), "at the odds"),
            (lambda gate, shift: 1 - push(gate, shift), "the share of RGB"),
            (lambda gate, shift: gate ** (1 / (1 + shift)), "should give 0.378; yours gives"),
            (lambda gate, shift: push(gate, abs(shift)), "without its sign"),
            (lambda gate, shift: push(gate, 1.001 * shift), "should give 0.3775; yours gives 0.37"),
            (
                lambda gate, shift: push(gate, shift).flatten(),
                "should have shape (1, 5); yours has (5,)",
            ),
        ],
    ),
}
EQUAL = {}
