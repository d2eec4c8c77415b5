"""Lesson 04: broadcasting and selective fusion."""

import copy

import torch

from tests.lessons import Answers


def shapes(**changes):
    """The right list, with some entries changed."""
    right = {"a": (64, 7, 7), "b": (8, 64, 7, 7), "c": "error", "d": (8, 8), "e": (5, 4, 7)}
    return list((right | changes).values())


def stretch_with_none(scores, height, width):
    return scores[:, :, None, None].expand(-1, -1, height, width)


def stretch_with_strides(scores, height, width):
    sizes, strides = (*scores.shape, height, width), (*scores.stride(), 0, 0)
    return torch.as_strided(scores, sizes, strides, scores.storage_offset())


def stretch_step_by_step(scores, height, width):
    rows = scores.unsqueeze(-1).unsqueeze(-1).broadcast_to(*scores.shape, height, 1)
    return rows.expand(*scores.shape, height, width)


def stretch_by_repeating(scores, height, width):
    return scores[:, :, None, None].repeat(1, 1, height, width)


def stretch_the_last(scores, height, width):
    return scores[:, None, None, :].expand(-1, height, width, -1)


def stretch_turned(scores, height, width):
    return scores[:, :, None, None].expand(-1, -1, width, height)


def stretch_all_as_channels(scores, height, width):
    return scores.reshape(-1, 1, 1).expand(-1, height, width)


def stretch_nothing(scores, height, width):
    return scores[:, :, None, None]


def stretch_without_batch(scores, height, width):
    return scores[0, :, None, None].expand(-1, height, width)


def stretch_with_fixed_strides(scores, height, width):
    n, c = scores.shape
    return torch.as_strided(scores, (n, c, height, width), (c, 1, 0, 0))


def stretch_without_new_axes(scores, height, width):
    return scores.expand(*scores.shape, height, width)


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


def mix(rgb_map, lbp_map, global_map, local_map):
    gate = torch.sigmoid(global_map + local_map)
    return gate, lbp_map * gate + rgb_map * (1 - gate)


def mix_with_lerp(rgb_map, lbp_map, global_map, local_map):
    gate = 1 / (1 + torch.exp(-(global_map + local_map)))
    return [gate, torch.lerp(rgb_map, lbp_map, gate)]


def mix_in_a_loop(rgb_map, lbp_map, global_map, local_map):
    gate, fused = torch.empty_like(rgb_map), torch.empty_like(rgb_map)
    for c in range(rgb_map.shape[1]):
        gate[:, c] = (global_map[:, c] + local_map[:, 0]).sigmoid()
        fused[:, c] = rgb_map[:, c] + gate[:, c] * (lbp_map[:, c] - rgb_map[:, c])
    return gate, fused


def mixed_by(make_gate, rest=None):
    """A mixture with another gate, or another rest."""

    def answer(rgb_map, lbp_map, global_map, local_map):
        gate = make_gate(global_map, local_map)
        share = 1 - gate if rest is None else rest(global_map, local_map)
        return gate, lbp_map * gate + rgb_map * share

    return answer


def right_gate(g, local):
    return torch.sigmoid(g + local)


def mix_the_other_way(rgb_map, lbp_map, global_map, local_map):
    gate = torch.sigmoid(global_map + local_map)
    return gate, rgb_map * gate + lbp_map * (1 - gate)


def mix_all_by_the_gate(rgb_map, lbp_map, global_map, local_map):
    gate = torch.sigmoid(global_map + local_map)
    return gate, (rgb_map + lbp_map) * gate


def mix_only(rgb_map, lbp_map, global_map, local_map):
    return mix(rgb_map, lbp_map, global_map, local_map)[1]


def branches(mixed, gate_of):
    """A forward pass from its two parts: what is mixed, and what the gate has seen."""

    def answer(fusion, rgb_map, lbp_map, gated_branch):
        return mixed(fusion, rgb_map, lbp_map, gated_branch, gate_of(fusion, rgb_map, lbp_map))

    return answer


def scores(fusion, u):
    return fusion.global_attention(u) + fusion.local_attention(u)


def u_of(fusion, rgb_map, lbp_map):
    return fusion.lbp_weight(lbp_map) + fusion.rgb_weight(rgb_map)


def gate_of(fusion, rgb_map, lbp_map):
    return torch.sigmoid(scores(fusion, u_of(fusion, rgb_map, lbp_map)))


def right_mixture(fusion, rgb_map, lbp_map, gated_branch, gate):
    if gated_branch == "rgb":
        return rgb_map * gate + lbp_map * (1 - gate)
    return lbp_map * gate + rgb_map * (1 - gate)


def fuse_with_a_share(fusion, rgb_map, lbp_map, gated_branch):
    gate = gate_of(fusion, rgb_map, lbp_map)
    share = gate if gated_branch == "lbp" else 1 - gate
    return torch.lerp(rgb_map, lbp_map, share)


def fuse_with_a_copy(fusion, rgb_map, lbp_map, gated_branch):
    fusion = copy.deepcopy(fusion)
    fusion.gated_branch = gated_branch
    return fusion(rgb_map, lbp_map)


def fuse_lbp_always(fusion, rgb_map, lbp_map, gated_branch):
    return fusion(rgb_map, lbp_map)


def fuse_reversed(fusion, rgb_map, lbp_map, gated_branch):
    return fuse_with_a_share(fusion, rgb_map, lbp_map, "rgb" if gated_branch == "lbp" else "lbp")


def fuse_swapped_inputs(fusion, rgb_map, lbp_map, gated_branch):
    if gated_branch == "rgb":
        rgb_map, lbp_map = lbp_map, rgb_map
    return fusion(rgb_map, lbp_map)


def mix_of_weighted_maps(fusion, rgb_map, lbp_map, gated_branch, gate):
    rgb_map, lbp_map = fusion.rgb_weight(rgb_map), fusion.lbp_weight(lbp_map)
    return right_mixture(fusion, rgb_map, lbp_map, gated_branch, gate)


def mix_only_gated(fusion, rgb_map, lbp_map, gated_branch, gate):
    return (lbp_map if gated_branch == "lbp" else rgb_map) * gate


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
            (shapes(a=(65, 8, 8)), "sizes are not added"),
            (shapes(a="error"), "a: 64 and 1 do fit"),
            (shapes(a=(64, 1, 1)), "a: (64, 1, 1) does not come out of"),
            (shapes(b="error"), "b: four sizes and three do fit"),
            (shapes(b=(64, 7, 7)), "the batch is lost"),
            (shapes(c=(8, 64, 7, 7)), "that is what was meant"),
            (shapes(c=(8, 64, 7, 64)), "repeats nothing but a 1"),
            (shapes(d=(8,)), "(8,) becomes (1, 8)"),
            (shapes(d=(8, 1)), "meets an 8"),
            (shapes(e="error"), "becomes (1, 4, 1)"),
            (shapes(e=(5, 4, 1)), "the last column has 7 and 1"),
            (shapes()[:4], "five entries"),
        ],
    ),
    "stretched_channels": Answers(
        right=[stretch_with_none, stretch_with_strides, stretch_step_by_step],
        wrong=[
            (stretch_by_repeating, "it is a copy"),
            (stretch_the_last, "The channels ended up last"),
            (stretch_turned, "Height and width have changed places"),
            (stretch_all_as_channels, "became six channels"),
            (stretch_nothing, "not stretched yet"),
            (stretch_without_batch, "The batch is lost"),
            (stretch_with_fixed_strides, "wrong for a transposed tensor"),
            (stretch_without_new_axes, "it raised RuntimeError"),
        ],
    ),
    "is_a_sum": Answers(
        right=[sum_by_means, sum_by_differences, sum_by_corners],
        wrong=[
            (sum_by_rank, "You accept the checkerboard"),
            (sum_by_rank_one, "whose rank is 2"),
            (sum_exactly, "floats are rounded"),
            (sum_by_order_unless_flat, "keep their order in all channels"),
            (sum_that_wants_a_pattern, "the same at all places"),
            (sum_with_fixed_tolerance, "in the ten thousands"),
            (sum_with_loose_tolerance, "whose scores are small"),
            (sum_of_two_channels, "in its last channel alone"),
            (sum_along_width, "prefers other rows"),
            (sum_down_height, "prefers other columns"),
            (sum_of_all_but_the_last_place, "at its last place alone"),
            (sum_cell_by_cell, "not one for each cell"),
        ],
    ),
    "gated_mixture": Answers(
        right=[mix, mix_with_lerp, mix_in_a_loop],
        wrong=[
            (mixed_by(lambda g, local: g + local), "There is no sigmoid"),
            (mixed_by(lambda g, local: g.sigmoid() + local.sigmoid()), "from 0 to 2"),
            (mixed_by(lambda g, local: torch.sigmoid(g * local)), "of the product"),
            (mixed_by(lambda g, local: g.sigmoid() * local.sigmoid()), "add the scores first"),
            (mixed_by(lambda g, local: (g + local).softmax(dim=1)), "softmax over the channels"),
            (mixed_by(lambda g, local: (-g - local).sigmoid()), "the weight of the RGB map"),
            (mixed_by(lambda g, local: (g - local).sigmoid()), "Your gate is not σ(G ⊕ L)"),
            (mix_the_other_way, "it multiplies the RGB map"),
            (mix_all_by_the_gate, "it multiplies both maps"),
            (mixed_by(right_gate, lambda g, local: 1), "the RGB map is added whole"),
            (mixed_by(right_gate, lambda g, local: torch.sigmoid(1 - g - local)), "σ(1 - G ⊕ L)"),
            (mixed_by(right_gate, lambda g, local: 0.5), "the mixture of the two maps is not"),
            (mix_only, "Return two tensors"),
        ],
    ),
    "selective_fusion": Answers(
        right=[branches(right_mixture, gate_of), fuse_with_a_share, fuse_with_a_copy],
        wrong=[
            (fuse_lbp_always, "the argument is not used yet"),
            (fuse_reversed, "the wrong way round"),
            (fuse_swapped_inputs, "swapped the maps before U was made"),
            (branches(right_mixture, lambda f, rgb, lbp: gate_of(f, lbp, rgb)), "U is wrong"),
            (
                branches(right_mixture, lambda f, rgb, lbp: scores(f, rgb + lbp).sigmoid()),
                "U is the plain sum",
            ),
            (
                branches(right_mixture, lambda f, rgb, lbp: scores(f, f.rgb_weight(rgb)).sigmoid()),
                "seen the RGB map alone",
            ),
            (
                branches(right_mixture, lambda f, rgb, lbp: scores(f, u_of(f, rgb, lbp))),
                "no sigmoid around",
            ),
            (branches(mix_of_weighted_maps, gate_of), "what is mixed are the maps themselves"),
            (branches(mix_only_gated, gate_of), "is not X ⊗ gate"),
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
            (lambda gate, shift: gate ** (1 / (1 + shift)), "should give the gate"),
            (lambda gate, shift: push(gate, abs(shift)), "not for -1.5"),
        ],
    ),
}
EQUAL = {}
