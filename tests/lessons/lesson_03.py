"""What lesson 03, on local and global attention, is held to."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.lessons import Answers
from vtff_lib.attention import GlobalAttention, LocalAttention

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


# global_attention and local_attention: classes with five layers


class Layers(nn.Module):
    """Five layers as the task names them; what becomes of a map is written below."""

    of_all = False  # L has one score for all channels

    def __init__(self, channels, reduction=8):
        super().__init__()
        squeezed = channels // reduction
        scores = 1 if self.of_all else channels
        self.layers = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1, bias=False),
            nn.BatchNorm2d(squeezed),
            nn.ReLU(),
            nn.Conv2d(squeezed, scores, 1, bias=False),
            nn.BatchNorm2d(scores),
        )


class OfAll(Layers):
    of_all = True


def mean_of(u):
    return u.mean((2, 3), keepdim=True)


def made(forward, base=Layers):
    """A class with these layers and another `forward`."""
    return type("Mine", (base,), {"forward": forward})


def with_layers(*layers, base=Layers, pooled=True):
    """A class with other layers: functions of the widths C, C/r, the last, and r."""

    def made_of(self, channels, reduction=8):
        base.__init__(self, channels, reduction)
        widths = (channels, channels // reduction, 1 if base.of_all else channels, reduction)
        self.layers = nn.Sequential(*(layer(*widths) for layer in layers))

    def forward(self, u):
        return self.layers(mean_of(u) if pooled else u)

    return type("Mine", (base,), {"__init__": made_of, "forward": forward})


def squeeze(c, s, k, r):
    return nn.Conv2d(c, s, 1, bias=False)


def norm1(c, s, k, r):
    return nn.BatchNorm2d(s)


def relu(c, s, k, r):
    return nn.ReLU()


def excite(c, s, k, r):
    return nn.Conv2d(s, k, 1, bias=False)


def norm2(c, s, k, r):
    return nn.BatchNorm2d(k)


FIVE = (squeeze, norm1, relu, excite, norm2)


def but_with(index, layer, **chosen):
    """A class with five layers, of which one is another."""
    return with_layers(*FIVE[:index], layer, *FIVE[index + 1 :], **chosen)


class OneByOne(Layers):
    """G with its layers called by hand."""

    def forward(self, u):
        pooled = F.adaptive_avg_pool2d(u, 1)
        hidden = torch.relu(self.layers[1](self.layers[0](pooled)))
        return self.layers[4](self.layers[3](hidden))


class ByMatrices(Layers):
    """G with matrices in place of convolutions."""

    def forward(self, u):
        squeeze, norm1, _, excite, norm2 = self.layers
        pooled = u.flatten(2).mean(2)  # (N, C)
        hidden = norm1((pooled @ squeeze.weight.flatten(1).T)[:, :, None, None]).clamp(min=0)
        return norm2(torch.einsum("cs,nsij->ncij", excite.weight.flatten(1), hidden))


class PooledLater(Layers):
    """The squeeze is linear, so pooling behind it is the same."""

    def forward(self, u):
        return self.layers[1:](mean_of(self.layers[0](u)))


def all_layers(self, u):
    return self.layers(u)


def by_rows(self, u):
    n, c, h, w = u.shape
    rows = u.permute(0, 2, 3, 1).reshape(n * h * w, c, 1, 1)
    return self.layers(rows).reshape(n, 1, h, w)


def by_einsum(self, u):
    squeeze, norm1, _, excite, norm2 = self.layers
    hidden = norm1(torch.einsum("sc,nchw->nshw", squeeze.weight[:, :, 0, 0], u)).relu()
    return norm2((excite.weight[0, :, 0, 0, None, None] * hidden).sum(1, keepdim=True))


def pooled_late(self, u):
    return mean_of(self.layers(u))


def pooled_after_norm(self, u):
    return self.layers[2:](mean_of(self.layers[:2](u)))


def of(pool):
    return lambda self, u: self.layers(pool(u))


def then(end, pool=mean_of):
    return lambda self, u: end(self.layers(pool(u)))


def itself(u):
    return u


def skipping(*left_out, pool=mean_of):
    def forward(self, u):
        u = pool(u)
        for index, layer in enumerate(self.layers):
            u = u if index in left_out else layer(u)
        return u

    return forward


def relu_first(self, u, pool=mean_of):
    squeeze, norm1, relu, excite, norm2 = self.layers
    return norm2(excite(norm1(relu(squeeze(pool(u))))))


def in_place(self, u):
    u -= 1
    return self.layers(mean_of(u) + 1)


def zero_of_one_face(self, u):
    return self.layers(mean_of(u)) * (len(u) > 1)


def cut_anew(self, u):
    n, c, h, w = u.shape
    rows = u.reshape(n, h * w, c).transpose(1, 2).reshape(n, c, h, w)
    return self.layers(rows)


def softmax_over_places(scores):
    return scores.flatten(2).softmax(2).reshape(scores.shape)


def cut_gradient(u):
    return u.detach()


# fault_in_attention: tests of L


def scored(local_attention, *maps):
    torch.manual_seed(0)
    module = local_attention(6, 3).eval()
    return [module(u) for u in maps]


def by_one_place(local_attention):
    """Only the place that is changed may change, and nothing may depend on where it is."""
    u = torch.randn(3, 6, 4, 3, generator=torch.Generator().manual_seed(0))
    for place in range(12):
        after = u.clone()
        after[1, :, place // 3, place % 3] += 5
        before, moved = scored(local_attention, u, after)
        assert before.shape == (3, 1, 4, 3)
        still = (before - moved).abs() < 1e-5
        still[1, 0, place // 3, place % 3] = True
        assert still.all()
    same, twice = scored(local_attention, u[..., :1, :1].expand(-1, -1, 4, 3), u)
    assert torch.allclose(same, twice[..., :1, :1].expand_as(same), atol=1e-5)


def by_single_places(local_attention):
    """The score of a place is the score of a map that is this place alone; returns a verdict."""
    u = torch.randn(2, 6, 4, 3)
    (whole,) = scored(local_attention, u)
    alone = [
        scored(local_attention, u[n : n + 1, :, i : i + 1, j : j + 1])[0].flatten()
        for n in range(2)
        for i in range(4)
        for j in range(3)
    ]
    return whole.shape == (2, 1, 4, 3) and torch.allclose(
        whole.flatten(), torch.cat(alone), atol=1e-5
    )


def by_library(local_attention):
    """What has the library's layers is the library's."""
    module = local_attention(6, 3).eval()
    library = LocalAttention(6, 3).eval()
    library.load_state_dict(module.state_dict())
    u = torch.randn(2, 6, 4, 3)
    torch.testing.assert_close(module(u), library(u))


def by_shuffling(local_attention):
    u, order = torch.randn(2, 6, 4, 4), torch.randperm(16)
    shuffled = u.flatten(2)[..., order].reshape(u.shape)
    before, after = scored(local_attention, u, shuffled)
    assert torch.allclose(before.flatten(2)[..., order], after.flatten(2), atol=1e-5)


def by_changing(u, rows, columns, face=0):
    """A test that changes some places of a face, one at a time."""

    def test(local_attention):
        for row in rows:
            for column in columns:
                after = u.clone()
                after[face, :, row, column] += 5
                before, moved = scored(local_attention, u, after)
                still = (before - moved).abs() < 1e-5
                still[face, :, row, column] = True
                assert still.all()

    return test


def noise(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(1))


def in_training_mode(local_attention):
    module, u = local_attention(6, 3), noise(2, 6, 4, 4)
    assert torch.allclose(module(u)[:1], module(u[:1]), atol=1e-5), "in training mode"


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
            (lambda x, y, w, v: mixed_by_einsum(x, y, w.T, v), "You transposed rgb_weight"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v) + x, "the RGB map itself once more"),
            (
                lambda x, y, w, v: mixed_by_einsum(x, y, w, v).movedim(1, 3).reshape(x.shape),
                "`reshape` cut the numbers anew",
            ),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v)[:1].expand_as(x), "U of the first"),
            (on_rows, "You mixed the rows of the map"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v) + 0.5, "in face 0, row 0, column 0"),
            (lambda x, y, w, v: mixed_by_einsum(x, y, w, v)[0], "should have shape (2, 4, 4, 5)"),
            (lambda x, y, w, v: None, "is the `return` missing?"),
        ],
    ),
    "global_attention": Answers(
        right=[
            GlobalAttention,
            with_layers(*FIVE),
            OneByOne,
            ByMatrices,
            PooledLater,
            made(of(nn.AdaptiveAvgPool2d(1))),
        ],
        wrong=[
            (made(pooled_late), "You pooled after the ReLU"),
            (made(pooled_after_norm), "You pooled after the first batch norm"),
            (made(all_layers), "Yours still has H and W"),
            (made(of(lambda u: u.amax((2, 3), keepdim=True))), "took the largest value"),
            (made(of(lambda u: u.amin((2, 3), keepdim=True))), "took the smallest value"),
            (made(of(lambda u: u.sum((2, 3), keepdim=True))), "summed over the places"),
            (made(of(lambda u: u.sum((2, 3), keepdim=True) / 49)), "divided the sum over the"),
            (made(of(lambda u: mean_of(u.abs()))), "the mean of the absolute values"),
            (made(of(lambda u: mean_of(u * u).sqrt())), "the root of the mean square"),
            (made(of(lambda u: mean_of(u.relu()))), "You set what is below 0 in U to 0 first"),
            (made(zero_of_one_face), "G of a map (1, 6, 2, 1) has the right shape"),
            (made(of(lambda u: mean_of(u).mean(0).expand(len(u), -1, 1, 1))), "over the batch too"),
            (made(of(lambda u: mean_of(u).mean(0, keepdim=True))), "Yours has one face left"),
            (made(of(lambda u: u[:, :, :1, :1])), "one place, not the mean: the first"),
            (made(skipping(2)), "no ReLU between squeeze and excite"),
            (made(lambda self, u: skipping(2)(self, u).relu()), "The ReLU stands at the end"),
            (made(then(torch.relu)), "a second ReLU at the end"),
            (made(then(torch.sigmoid)), "a sigmoid at the end"),
            (made(then(torch.tanh)), "a tanh at the end"),
            (made(then(lambda scores: scores.softmax(1))), "a softmax over the channels"),
            (but_with(2, lambda *w: nn.GELU()), "stands a GELU"),
            (but_with(2, lambda *w: nn.ReLU6()), "stands a ReLU6"),
            (made(of(lambda u: u.std((2, 3), keepdim=True))), "the spread of each channel"),
            (made(then(lambda scores: scores.flip(1))), "in the reverse order"),
            (but_with(1, lambda c, s, k, r: nn.GroupNorm(1, s)), "stand Conv2d, GroupNorm, ReLU"),
            (but_with(2, lambda *w: nn.Sequential(nn.ReLU(), nn.Dropout(0.1))), "has a dropout"),
            (
                with_layers(*FIVE[:3], lambda c, s, k, r: nn.Linear(s, k, bias=False), norm2),
                "have a `Linear`",
            ),
            (
                made(lambda self, u: self.layers(mean_of(u)) + self.layers(u.amax((2, 3), True))),
                "as CBAM does",
            ),
            (but_with(2, lambda *w: nn.LeakyReLU()), "stands a leaky ReLU"),
            (made(skipping(1)), "`layers[1]`, is left out"),
            (made(skipping(4)), "`layers[4]`, is left out"),
            (made(skipping(1, 4)), "Both batch norms are left out"),
            (made(relu_first), "The ReLU came before the first batch norm"),
            (made(then(lambda scores: scores.flatten(1))), "Keep the two empty dimensions".lower()),
            (made(lambda self, u: (self.layers(mean_of(u)), u)), "yours is a tuple"),
            (made(in_place), "The map itself was changed"),
            (made(lambda self, u: self.eval().layers(mean_of(u))), "still uses its running"),
            (made(of(lambda u: mean_of(u).squeeze())), "it raised"),
            (made(lambda self, u: mean_of(u) * self.layers(mean_of(u))), "as SE does"),
            (made(then(lambda scores: 3 * scores)), "The first that differs is at [0, 0, 0, 0]"),
            (made(then(cut_gradient)), "No gradient comes out"),
            (made(of(lambda u: mean_of(u.detach()))), "that comes back to what went in"),
            (with_layers(squeeze, relu, norm1, excite, norm2), "In your `layers` stand Conv2d, R"),
            (with_layers(squeeze, norm1, excite, norm2), "In your `layers` stand Conv2d, BatchN"),
            (but_with(0, lambda c, s, k, r: nn.Conv2d(c, s, 1)), "`layers.0` has a bias"),
            (but_with(3, lambda c, s, k, r: nn.Conv2d(s, k, 1)), "`layers.3` has a bias"),
            (
                with_layers(
                    lambda c, s, k, r: nn.Conv2d(c, r, 1, bias=False),
                    lambda c, s, k, r: nn.BatchNorm2d(r),
                    relu,
                    lambda c, s, k, r: nn.Conv2d(r, c, 1, bias=False),
                    norm2,
                ),
                "yours gives 4. That is r.",
            ),
            (
                but_with(0, lambda c, s, k, r: nn.Conv2d(c, s, 3, padding=1, bias=False)),
                "make it a convolution with kernel 1",
            ),
            (
                but_with(1, lambda c, s, k, r: nn.BatchNorm2d(s, affine=False)),
                "no scale and shift",
            ),
            (but_with(1, lambda c, s, k, r: nn.BatchNorm2d(s, momentum=0.5)), "has momentum=0.5"),
            (LocalAttention, "excite should give 12; yours gives 1: G has"),
            (GlobalAttention(6, 3), "Pass the class itself"),
            (nn.Identity, "has no place for"),
        ],
    ),
    "local_attention": Answers(
        right=[
            LocalAttention,
            with_layers(*FIVE, base=OfAll, pooled=False),
            made(by_rows, OfAll),
            made(by_einsum, OfAll),
        ],
        wrong=[
            (made(skipping(2, pool=itself), OfAll), "no ReLU between squeeze and excite"),
            (
                made(lambda self, u: skipping(2, pool=itself)(self, u).relu(), OfAll),
                "The ReLU stands at the end",
            ),
            (made(then(torch.relu, itself), OfAll), "a second ReLU at the end"),
            (made(then(torch.sigmoid, itself), OfAll), "a sigmoid at the end"),
            (made(then(softmax_over_places, itself), OfAll), "a softmax over the places"),
            (made(skipping(1, pool=itself), OfAll), "`layers[1]`, is left out"),
            (made(skipping(4, pool=itself), OfAll), "`layers[4]`, is left out"),
            (made(lambda self, u: relu_first(self, u, itself), OfAll), "The ReLU came before"),
            (made(of(mean_of), OfAll), "The places are gone: L does not pool"),
            (made(of(lambda u: mean_of(u).expand_as(u)), OfAll), "one score: you pooled first"),
            (
                made(lambda self, u: mean_of(self.layers(u)) + 0 * u[:, :1], OfAll),
                "one score: you pooled the scores",
            ),
            (made(of(lambda u: u - mean_of(u)), OfAll), "the mean of each channel away first"),
            (made(cut_anew, OfAll), "`reshape` cut the numbers"),
            (made(then(lambda scores: scores[:, 0], itself), OfAll), "The channel dimension is g"),
            (made(then(lambda scores: scores.mT, itself), OfAll), "Height and width have changed"),
            (made(then(lambda s: s.mT.reshape(s.shape), itself), OfAll), "and cut anew"),
            (made(then(lambda s: s.flatten(2), itself), OfAll), "The places stand in one row"),
            (made(lambda self, u: self.layers(u) * u, OfAll), "a score for each of 6 channels"),
            (made(then(lambda s: s - mean_of(s), itself), OfAll), "each face's scores away"),
            (made(then(lambda s: -s, itself), OfAll), "with the other sign"),
            (made(of(lambda u: u.amax(1, keepdim=True).expand_as(u)), OfAll), "the largest chann"),
            (made(then(lambda s: F.avg_pool2d(s, 3, 1, 1), itself), OfAll), "with its neighbours"),
            (
                made(then(lambda s: s + 1, itself), OfAll),
                "The first that differs is at [0, 0, 0, 0]",
            ),
            (made(of(cut_gradient), OfAll), "that comes back to what went in"),
            (GlobalAttention, "excite should give 1; yours gives 12: L has"),
            (
                with_layers(squeeze, relu, excite, base=OfAll, pooled=False),
                "In your `layers` stand Conv2d, ReLU, Conv2d.",
            ),
            (
                but_with(
                    0,
                    lambda c, s, k, r: nn.Conv2d(c, s, 3, padding=1, bias=False),
                    base=OfAll,
                    pooled=False,
                ),
                "which looks at no neighbour",
            ),
        ],
    ),
    "fault_in_attention": Answers(
        right=[by_one_place, by_single_places],
        wrong=[
            (by_shuffling, "takes mean and spread over all places"),
            (by_changing(noise(2, 6, 4, 4), [3], [3]), "all places before, in reading order"),
            (by_changing(noise(1, 6, 4, 4), range(4), range(4)), "takes from each score the mean"),
            (by_changing(noise(2, 6, 4, 5), range(4), range(5)), "depends on the row"),
            (in_training_mode, "it raised AssertionError: in training mode"),
            (lambda local_attention: False, "it returned False"),
            (noise(2, 6, 4, 4), "Pass the test itself"),
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
            (lambda u: u + 1, "G can tell them apart: in face 0"),
            (lambda u: u.mean((2, 3), keepdim=True), "should have shape (2, 5, 3, 4)"),
            (lambda u: u * torch.inf, "no finite numbers"),
        ],
    ),
}

EQUAL: dict = {}
