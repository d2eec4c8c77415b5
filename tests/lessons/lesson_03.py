"""What lesson 03, on local and global attention, is held to."""

import torch
import torch.nn.functional as F

from tests.lessons import Answers

# mixed_map: U = W_c · X_RGB + W_l · X_LBP


def mixed_by_einsum(rgb_map, lbp_map, rgb_weight, lbp_weight):
    mix = "kc,nchw->nkhw"
    return torch.einsum(mix, rgb_weight, rgb_map) + torch.einsum(mix, lbp_weight, lbp_map)


def mixed_by_convolution(rgb_map, lbp_map, rgb_weight, lbp_weight):
    return F.conv2d(
        torch.cat([rgb_map, lbp_map], 1), torch.cat([rgb_weight, lbp_weight], 1)[..., None, None]
    )


def mixed_in_a_loop(rgb_map, lbp_map, rgb_weight, lbp_weight):
    u = torch.zeros_like(rgb_map)
    for row in range(u.shape[2]):
        for column in range(u.shape[3]):
            for n in range(u.shape[0]):
                rgb, lbp = rgb_map[n, :, row, column], lbp_map[n, :, row, column]
                u[n, :, row, column] = rgb_weight @ rgb + lbp_weight @ lbp
    return u


def mixed_in_double(*given):
    return mixed_by_einsum(*(each.double() for each in given))


def on_rows(rgb_map, lbp_map, rgb_weight, lbp_weight):
    return rgb_weight @ rgb_map + lbp_weight @ lbp_map


def on_the_diagonal(rgb_map, lbp_map, rgb_weight, lbp_weight):
    rgb_scale, lbp_scale = (w.diagonal()[:, None, None] for w in (rgb_weight, lbp_weight))
    return rgb_scale * rgb_map + lbp_scale * lbp_map


# scores_of_channels: G


def g_as_written(u, squeeze, norm1, excite, norm2):
    pooled = u.mean(dim=(2, 3), keepdim=True)
    return norm2(excite(torch.relu(norm1(squeeze(pooled)))))


def g_by_hand(u, squeeze, norm1, excite, norm2):
    def normalised(x, norm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return (x - norm.running_mean) * scale + norm.bias

    pooled = u.flatten(2).sum(-1) / (u.shape[2] * u.shape[3])
    hidden = normalised(pooled @ squeeze.weight[:, :, 0, 0].T, norm1).clamp(min=0)
    return normalised(hidden @ excite.weight[:, :, 0, 0].T, norm2)[:, :, None, None]


def g_pooled_after_the_squeeze(u, squeeze, norm1, excite, norm2):
    hidden = F.adaptive_avg_pool2d(norm1(squeeze(u)), 1)  # all linear so far: the same
    return norm2(excite(hidden.relu()))


def pooled_late(u, squeeze, norm1, excite, norm2):
    return norm2(excite(norm1(squeeze(u)).relu())).mean((2, 3), keepdim=True)


def not_pooled(u, squeeze, norm1, excite, norm2):
    return norm2(excite(norm1(squeeze(u)).relu()))


def largest(u, *layers):
    return not_pooled(u.amax((2, 3), keepdim=True), *layers)


def summed(u, *layers):
    return not_pooled(u.sum((2, 3), keepdim=True), *layers)


def over_the_batch(u, *layers):
    return not_pooled(u.mean((0, 2, 3), keepdim=True).expand(len(u), -1, -1, -1), *layers)


def over_the_channels(u, *layers):
    return not_pooled(u.mean(1, keepdim=True).expand_as(u), *layers).mean(3, keepdim=True)


def g_without_relu(u, squeeze, norm1, excite, norm2):
    return norm2(excite(norm1(squeeze(u.mean((2, 3), keepdim=True)))))


def g_relu_last(u, *layers):
    return g_without_relu(u, *layers).relu()


def g_relu_twice(u, *layers):
    return g_as_written(u, *layers).relu()


def g_sigmoid(u, *layers):
    return g_as_written(u, *layers).sigmoid()


def without_norm1(u, squeeze, norm1, excite, norm2):
    return norm2(excite(squeeze(u.mean((2, 3), keepdim=True)).relu()))


def norm_after_relu(u, squeeze, norm1, excite, norm2):
    return norm2(excite(norm1(squeeze(u.mean((2, 3), keepdim=True)).relu())))


def without_norm2(u, squeeze, norm1, excite, norm2):
    return excite(norm1(squeeze(u.mean((2, 3), keepdim=True))).relu())


def g_flat(u, *layers):
    return g_as_written(u, *layers).flatten(1)


def pooled_flat(u, squeeze, norm1, excite, norm2):
    return norm2(excite(norm1(squeeze(u.mean((2, 3)))).relu()))


# scores_of_places: L


def l_by_einsum(u, squeeze, excite):
    hidden = torch.einsum("sc,nchw->nshw", squeeze, u).relu()
    return torch.einsum("s,nshw->nhw", excite, hidden)[:, None]


def l_by_matrices(u, squeeze, excite):
    n, _, h, w = u.shape
    places = u.flatten(2).transpose(1, 2)  # (N, H·W, C)
    return ((places @ squeeze.T).relu() @ excite).reshape(n, 1, h, w)


def l_by_convolution(u, squeeze, excite):
    hidden = F.relu(F.conv2d(u, squeeze[:, :, None, None]))
    return F.conv2d(hidden, excite[None, :, None, None])


def l_in_a_loop(u, squeeze, excite):
    scores = u.new_zeros(u.shape[0], 1, *u.shape[2:])
    for n in range(u.shape[0]):
        for row in range(u.shape[2]):
            for column in range(u.shape[3]):
                hidden = (squeeze @ u[n, :, row, column]).clamp(min=0)
                scores[n, 0, row, column] = excite @ hidden
    return scores


def hidden_of(u, squeeze):
    return torch.einsum("sc,nchw->nshw", squeeze, u)


def l_without_relu(u, squeeze, excite):
    return torch.einsum("s,nshw->nhw", excite, hidden_of(u, squeeze))[:, None]


def reshaped(u, squeeze, excite):
    n, c, h, w = u.shape
    return ((u.reshape(n, h * w, c) @ squeeze.T).relu() @ excite).reshape(n, 1, h, w)


def pooled_first(u, squeeze, excite):
    return l_by_einsum(u.mean((2, 3), keepdim=True).expand_as(u), squeeze, excite)


def one_score_for_all(u, squeeze, excite):
    return l_by_einsum(u.mean((2, 3), keepdim=True), squeeze, excite)


def softmax_over_places(u, squeeze, excite):
    scores = l_by_einsum(u, squeeze, excite)
    return scores.flatten(1).softmax(1).reshape(scores.shape)


# twin_for_global


def mirrored_at_the_mean(u):
    return 2 * u.mean((2, 3), keepdim=True) - u


def flat(u):
    return u.mean((2, 3), keepdim=True).expand_as(u)


def balanced_noise(u):
    noise = torch.randn_like(u)
    return u + noise - noise.mean((2, 3), keepdim=True)


def stretched(u):
    v = u.clone()
    for n in range(u.shape[0]):
        for c in range(u.shape[1]):
            v[n, c] = u[n, c].mean() + 3 * (u[n, c] - u[n, c].mean())
    return v


def shuffled(u):
    order = torch.randperm(u.shape[2] * u.shape[3], generator=torch.Generator().manual_seed(1))
    return u.flatten(2)[:, :, order].reshape_as(u)


def moved_from_corner_to_corner(u):
    v = u.clone()
    v[:, 0, 0, 0] += 1
    v[:, 0, -1, -1] -= 1
    return v


def noise_centred_over_all(u):
    noise = torch.randn_like(u)
    return u + noise - noise.mean((1, 2, 3), keepdim=True)


def noise_centred_over_the_batch(u):
    noise = torch.randn_like(u)
    return u + noise - noise.mean((0, 2, 3), keepdim=True)


# parameters_of_both: 3C²/r + 5C/r + 2C + 2


def counted_by_parts(channels, reduction):
    squeezed = channels // reduction
    g = channels * squeezed + 2 * squeezed + squeezed * channels + 2 * channels
    local = channels * squeezed + 2 * squeezed + squeezed + 2
    return g + local


def counted_in_one(channels, reduction):
    return (3 * channels**2 + 5 * channels) / reduction + 2 * channels + 2


def counted_by_torch(channels, reduction):
    from vtff_lib.attention import GlobalAttention, LocalAttention

    both = GlobalAttention(channels, reduction), LocalAttention(channels, reduction)
    return torch.tensor(sum(p.numel() for module in both for p in module.parameters()))


RIGHT = ["L", "both", "L", "both", "neither", "both"]


def but(number, who):
    """The right words, but for one change."""
    return [who if n == number else word for n, word in enumerate(RIGHT, start=1)]


ANSWERS = {
    "mixed_map": Answers(
        right=[mixed_by_einsum, mixed_by_convolution, mixed_in_a_loop, mixed_in_double],
        wrong=[
            (lambda x, y, w, v: x + y, "added the maps as they are"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, v, w), "Each map got the other's weight"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w.T, v.T), "transposed weights"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, w), "Both maps got rgb_weight"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, v, v), "Both maps got lbp_weight"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v) / 2, "took the mean"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, 0 * v), "the LBP map is missing"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, 0 * w, v), "the RGB map is missing"),
            (on_the_diagonal, "only the diagonal"),
            (on_rows, "mixed the rows of the map"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v) + 0.5, "is off by up to 0.5"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v)[0], "should have shape (2, 4, 4, 5)"),
            (lambda x, y, w, v: None, "is the `return` missing?"),
        ],
    ),
    "scores_of_channels": Answers(
        right=[g_as_written, g_by_hand, g_pooled_after_the_squeeze],
        wrong=[
            (pooled_late, "pooled after the ReLU"),
            (not_pooled, "still has H and W"),
            (largest, "took the largest value"),
            (summed, "summed over the places"),
            (over_the_batch, "averaged over the batch too"),
            (over_the_channels, "should have shape (2, 6, 1, 1)"),
            (g_without_relu, "no ReLU between squeeze and excite"),
            (g_relu_last, "The ReLU stands at the end"),
            (g_relu_twice, "a second ReLU at the end"),
            (g_sigmoid, "a sigmoid at the end"),
            (without_norm1, "norm1 is missing"),
            (norm_after_relu, "The ReLU came before norm1"),
            (without_norm2, "norm2 is missing"),
            (g_flat, "Keep the two empty dimensions"),
            (pooled_flat, "it raised RuntimeError"),
            (lambda *given: 2 * g_as_written(*given), "your G is off by"),
        ],
    ),
    "scores_of_places": Answers(
        right=[l_by_einsum, l_by_matrices, l_by_convolution, l_in_a_loop],
        wrong=[
            (l_without_relu, "no ReLU between squeeze and excite"),
            (lambda *given: l_without_relu(*given).relu(), "The ReLU stands at the end"),
            (lambda *given: l_by_einsum(*given).relu(), "a second ReLU at the end"),
            (lambda u, s, e: hidden_of(u, s).relu().sum(1, keepdim=True), "You added up"),
            (lambda u, s, e: hidden_of(u, s).relu().mean(1, keepdim=True), "the mean of the squ"),
            (lambda u, s, e: hidden_of(u, s).relu(), "still has the 4 squeezed channels"),
            (lambda u, s, e: l_by_einsum(u, s, e).expand_as(u), "a score for each of 6 channels"),
            (reshaped, "`reshape` cut the numbers"),
            (pooled_first, "All places have one score"),
            (one_score_for_all, "The places are gone"),
            (lambda *given: l_by_einsum(*given)[:, 0], "The channel dimension is gone"),
            (lambda *given: l_by_einsum(*given).mT, "Height and width have changed places"),
            (softmax_over_places, "a softmax over the places"),
            (lambda *given: l_by_einsum(*given).sigmoid(), "a sigmoid at the end"),
            (lambda *given: -l_by_einsum(*given), "your L is off by"),
        ],
    ),
    "twin_for_global": Answers(
        right=[mirrored_at_the_mean, flat, balanced_noise, stretched],
        wrong=[
            (lambda u: u, "is u itself"),
            (shuffled, "shuffled places do leave G as it is"),
            (moved_from_corner_to_corner, "places hold a vector that u has too"),
            (lambda u: u.flip(1), "the mean over the channels at every place"),
            (noise_centred_over_all, "The mean over each whole face is kept"),
            (noise_centred_over_the_batch, "kept over the batch, but not for each face"),
            (lambda u: u + 1, "the mean of a channel differs by 1"),
            (lambda u: u.mean((2, 3), keepdim=True), "should have shape (2, 5, 3, 4)"),
            (lambda u: u * torch.inf, "no finite numbers"),
        ],
    ),
    "who_notices": Answers(
        right=[RIGHT, tuple(RIGHT), "L both l BOTH neither both"],
        wrong=[
            (but(1, "both"), "Not both at change 1: what does mirroring do"),
            (but(1, "neither"), "Not neither at change 1"),
            (but(2, "L"), "Not L at change 2"),
            (but(3, "both"), "Not both at change 3"),
            (but(4, "L"), "Not L at change 4"),
            (but(5, "both"), "Not both at change 5"),
            (but(6, "G"), "Not G at change 6"),
            (but(6, "neither"), "Not neither at change 6"),
            (but(4, None), "Change 4 is still open"),
            (but(2, "everybody"), "Change 2: 'everybody' is none of"),
            (RIGHT[:5], "Give a list of 6 words"),
        ],
    ),
    "parameters_of_both": Answers(
        right=[counted_by_parts, counted_in_one, counted_by_torch],
        wrong=[
            (lambda c, r: (3 * c * c + c) // r, "left out the batch norms"),
            (lambda c, r: (3 * c * c + 3 * c) // r + c + 1, "one number for each channel"),
            (lambda c, r: (3 * c * c + 9 * c) // r + 4 * c + 4, "running mean and variance"),
            (lambda c, r: counted_by_parts(c, r) + 2 * c // r + c + 1, "gave the convolutions b"),
            (lambda c, r: (4 * c * c + 4 * c) // r + 4 * c, "an excite for every channel"),
            (lambda c, r: 2 * c * c // r + 2 * c // r + 2 * c, "G alone"),
            (lambda c, r: c * c // r + 3 * c // r + 2, "L alone"),
            (lambda c, r: 3 * c * r + 5 * r + 2 * c + 2, "squeezed to r channels"),
            (lambda c, r: counted_by_parts(c, r) * 49, "have 83 together; yours is 4,067"),
            (lambda c, r: (c, r), "Return one number"),
        ],
    ),
}

EQUAL: dict = {}
