"""What lesson 05 is held to: answers to its exercises, right and wrong."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.lessons import Answers
from vtff_lib.encoder import MLP, MultiHeadSelfAttention

# Exercise 1: attention. A right answer returns the new tokens and the weights.


def attention(scale=lambda q: q.shape[-1] ** 0.5, axis=-1, before=True):
    """Attention with a mistake in its scale or its softmax."""

    def answer(q, k, v):
        scores = q @ k.transpose(-2, -1)
        weights = (scores / scale(q)).softmax(axis) if before else scores.softmax(axis) / scale(q)
        return weights @ v, weights

    return answer


def weighted(make):
    """Attention whose weights a function of q and k makes."""
    return lambda q, k, v: (make(q, k) @ v, make(q, k))


def right_attention_by_loop(q, k, v):
    rows, shares = [], []
    for i in range(q.shape[-2]):
        scores = (q[..., i : i + 1, :].double() * k.double()).sum(-1) / math.sqrt(q.shape[-1])
        share = (scores - scores.amax(-1, keepdim=True)).exp()
        shares.append(share / share.sum(-1, keepdim=True))
        rows.append((shares[-1][..., None] * v.double()).sum(-2))
    return torch.stack(rows, dim=-2), torch.stack(shares, dim=-2)


def overflowing(q, k):
    shares = (q @ k.mT / q.shape[-1] ** 0.5).exp()
    return shares / shares.sum(-1, keepdim=True)


def shifted_by_the_largest_of_all(q, k):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    shares = (scores - scores.max()).exp()
    return shares / shares.sum(-1, keepdim=True)


def scaled(q, k):
    return q @ k.mT / q.shape[-1] ** 0.5


def in_place(q, k, v):
    q /= q.shape[-1] ** 0.5
    weights = (q @ k.mT).softmax(-1)
    return weights @ v, weights


def four_dimensions(q, k, v):
    _n, _h, _t, d = q.shape
    return attention(scale=lambda q: d**0.5)(q, k, v)


# Exercise 2: attention in heads, as a class.


def cut(x, n, t, h):
    """(N, T, 3 · C_p) to q, k and v, each (N, heads, T, d)."""
    return x.reshape(n, t, 3, h, -1).permute(2, 0, 3, 1, 4)


def merge(out, n, t):
    """(N, heads, T, d) to (N, T, C_p)."""
    return out.transpose(1, 2).reshape(n, t, -1)


def heads(
    cut=cut,
    weigh=lambda q, k, c: scaled(q, k).softmax(-1),
    mix=lambda weights, k, v: weights @ v,
    merge=merge,
    last=lambda proj, tokens, out: proj(out),
    given=lambda weights: weights,
):
    """A class of attention in heads, with one of its steps replaced."""

    class MyAttention(nn.Module):
        def __init__(self, embed_dim, num_heads):
            super().__init__()
            self.num_heads = num_heads
            self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
            self.proj = nn.Linear(embed_dim, embed_dim)

        def forward(self, tokens):
            n, t, c = tokens.shape
            q, k, v = cut(self.qkv(tokens), n, t, self.num_heads)
            weights = weigh(q, k, c)
            out = merge(mix(weights, k, v), n, t)
            return last(self.proj, tokens, out), given(weights)

    return MyAttention


class HeadsByLoop(heads()):
    """Right: slice by slice."""

    def forward(self, tokens):
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        parts = zip(*(x.chunk(self.num_heads, dim=-1) for x in (q, k, v)), strict=True)
        attended = [attention()(*part) for part in parts]
        weights = torch.stack([weights for _, weights in attended], dim=1)
        return self.proj(torch.cat([mixed for mixed, _ in attended], dim=-1)), weights


class HeadsByEinsum(heads()):
    """Right, and no dimension is moved."""

    def forward(self, tokens):
        thirds = self.qkv(tokens).chunk(3, dim=-1)
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)) for x in thirds)
        weights = torch.einsum("nihd,njhd->nhij", q, k).div(q.shape[-1] ** 0.5).softmax(-1)
        return self.proj(torch.einsum("nhij,njhd->nihd", weights, v).flatten(2)), weights


class TokensAlone(heads()):
    def forward(self, tokens):
        return super().forward(tokens)[0]


class WeightsFirst(heads()):
    def forward(self, tokens):
        return super().forward(tokens)[::-1]


class WithoutBias(heads()):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)


class OtherNames(heads()):
    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads)
        self.out = self.proj
        del self.proj


class Detached(heads()):
    def forward(self, tokens):
        mixed, weights = super().forward(tokens)
        return mixed.detach(), weights


# Exercise 3: the tests that find the fault.


def reference(q, k, v, num_heads):
    parts = zip(*(x.chunk(num_heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part) for part in parts], dim=-1)


def testing(sizes, large, untouched):
    """A test that compares with a loop: on sizes (N, T, C_p, heads), and with large queries."""

    def test(attend_in_heads):
        for n, t, c, h in sizes:
            for factor in (1, *large):
                q, k, v = torch.randn(3, n, t, c, generator=torch.Generator().manual_seed(t))
                q[0, :, : c // h] *= factor
                before = [x.clone() for x in (q, k, v)]
                given = attend_in_heads(q, k, v, h)
                expected = reference(*before, h)
                assert given.shape == expected.shape
                assert (given - expected).abs().max() < (1e-4 if factor == 1 else 0.02)
                if untouched:
                    assert all(map(torch.equal, before, (q, k, v)))

    return test


SIZES = ((1, 3, 8, 2), (2, 5, 12, 3), (3, 4, 30, 5))


def by_properties(attend_in_heads):
    """Without a second implementation of heads: slices, images and tokens are for themselves."""
    n, t, c, h, d = 3, 7, 15, 3, 5
    q, k, v = torch.randn(3, n, t, c, generator=torch.Generator().manual_seed(0))
    kept = q.clone()
    before = attend_in_heads(q, k, v, h)
    assert torch.equal(q, kept)
    alone = F.scaled_dot_product_attention(q[:1, :, :d], k[:1, :, :d], v[:1, :, :d])
    torch.testing.assert_close(before[:1, :, :d], alone)
    q[0, :, :d] *= 500
    torch.testing.assert_close(attend_in_heads(q, k, v, h)[..., d:], before[..., d:])
    for image in range(n):
        for head in range(h):
            one = (slice(image, image + 1), slice(None), slice(head * d, head * d + d))
            parts = [x[one] for x in (q, k, v)]
            given = attend_in_heads(q, k, v, h)[one]
            torch.testing.assert_close(given, attend_in_heads(*parts, 1), rtol=0, atol=0.01)
            # One head, and by hand: the token with the best score gets nearly all.
            q_one, k_one, v_one = (x.double() for x in parts)
            scores = q_one @ k_one.mT / math.sqrt(d)
            shares = (scores - scores.amax(-1, keepdim=True)).exp()
            shares /= shares.sum(-1, keepdim=True)
            assert (given - shares @ v_one).abs().max() < 0.01


def too_strict(attend_in_heads):
    q, k, v = torch.randn(3, 2, 5, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(attend_in_heads(q, k, v, 3), reference(q, k, v, 3))


# Exercise 4: tokens.


def joined(cells, cls_token):
    return torch.cat([cls_token.expand(len(cells), -1, -1), cells], dim=1)


def tokens(cells=lambda fused, p: p(fused.flatten(2).mT), end=lambda t, place: t + place):
    """Tokens with a mistake in the cells, or in what comes after them."""
    return lambda fused, p, cls_token, place: end(joined(cells(fused, p), cls_token), place)


def read(*order):
    """A wrong way to read the cells, then the right linear layer."""

    def cells(fused, projection):
        n, c, h, w = fused.shape
        return projection(fused.permute(*order).reshape(n, h * w, c))

    return cells


def right_tokens_by_loop(fused, projection, cls_token, positions):
    images = []
    for image in fused:
        rows = [cls_token[0, 0]]
        for i in range(image.shape[1]):
            rows += [projection(image[:, i, j]) for j in range(image.shape[2])]
        images.append(torch.stack(rows))
    return torch.stack(images) + positions


def right_tokens_by_convolution(fused, projection, cls_token, positions):
    weight = projection.weight[..., None, None]
    cells = F.conv2d(fused, weight, projection.bias).flatten(2).mT
    first = (cls_token + positions[:, :1]).repeat(len(cells), 1, 1)
    return torch.cat((first, cells + positions[:, 1:]), 1)


def right_tokens_by_filling(fused, projection, cls_token, positions):
    filled = torch.zeros(len(fused), positions.shape[1], positions.shape[2])
    filled[:, 0] = cls_token[0, 0]
    filled[:, 1:] = projection(fused.permute(0, 2, 3, 1).flatten(1, 2))
    filled += positions
    return filled


def cls_last(order):
    def answer(fused, projection, cls_token, place):
        cells = projection(fused.flatten(2).mT)
        cls = cls_token.expand(len(cells), -1, -1)
        if order:
            return torch.cat([cells + place[:, 1:], cls + place[:, :1]], dim=1)
        return torch.cat([cells, cls], dim=1) + place

    return answer


def cells_in_place(fused, projection, cls_token, positions):
    positions.data += 1
    return tokens()(fused, projection, cls_token, positions - 1)


# Exercise 5: the block.


def block(forward):
    """A class of a block with this forward pass, of `self` and tokens."""

    class MyEncoderBlock(nn.Module):
        def __init__(self, embed_dim, num_heads, mlp_dim):
            super().__init__()
            self.norm1 = nn.LayerNorm(embed_dim)
            self.attn = MultiHeadSelfAttention(embed_dim, num_heads)
            self.norm2 = nn.LayerNorm(embed_dim)
            self.mlp = MLP(embed_dim, mlp_dim)

    MyEncoderBlock.forward = forward
    return MyEncoderBlock


def stream(first, second):
    """A block whose two lines are given: functions of it, of attention and of the tokens."""

    def forward(self, tokens):
        seen = []

        def attend(x):
            attended, weights = self.attn(x)
            seen.append(weights)
            return attended

        tokens = second(self, attend, first(self, attend, tokens), tokens)
        return tokens, seen[0]

    return block(forward)


def first(self, attend, x):
    return x + attend(self.norm1(x))


def second(self, attend, x, before):
    return x + self.mlp(self.norm2(x))


def in_place_stream(self, tokens):
    attended, weights = self.attn(self.norm1(tokens))
    tokens += attended
    tokens += self.mlp(self.norm2(tokens))
    return tokens, weights


class OwnAttention(block(lambda self, x: OwnAttention.run(self, x))):
    """Right, with attention that gives its weights."""

    def __init__(self, embed_dim, num_heads, mlp_dim):
        super().__init__(embed_dim, num_heads, mlp_dim)
        self.attn = HeadsByLoop(embed_dim, num_heads)

    def run(self, x):
        y, weights = self.attn(self.norm1(x))
        x = x + y
        return x + self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x)))), weights


class OtherWeights(OwnAttention):
    def forward(self, x):
        return self.run(x)[0], torch.zeros(1)


ANSWERS = {
    "dot_product_attention": Answers(
        right=[
            attention(),
            right_attention_by_loop,
            weighted(
                lambda q, k: torch.einsum("...id,...jd->...ij", q / q.shape[-1] ** 0.5, k).softmax(
                    -1
                )
            ),
            lambda q, k, v: [F.scaled_dot_product_attention(q, k, v), attention()(q, k, v)[1]],
        ],
        wrong=[
            (attention(scale=lambda q: 1), "The scores are not scaled"),
            (attention(scale=lambda q: q.shape[-1]), "You divided by d;"),
            (attention(scale=lambda q: q.shape[-2] ** 0.5), "divided by √T"),
            (attention(scale=lambda q: q.shape[-2]), "You divided by T,"),
            (attention(scale=lambda q: q.shape[-1] ** -0.5), "You multiplied the scores"),
            (attention(scale=lambda q: 2), "three tokens of the lesson"),
            (
                attention(scale=lambda q: (q.shape[0] if q.ndim > 2 else 6) ** 0.5),
                "root of the first size",
            ),
            (attention(scale=lambda q: 1 // q.shape[-1] ** 0.5), "nan in it: a division by zero"),
            (attention(axis=-2), "columns sum to 1"),
            (lambda q, k, v: attention(axis=1 if q.ndim == 4 else -1)(q, k, v), "over the heads"),
            (lambda q, k, v: attention(axis=0 if q.ndim == 3 else -1)(q, k, v), "first dimension"),
            (attention(before=False), "after the softmax"),
            (attention(scale=lambda q: 1 + q.shape[-1] ** 0.5), "divided by 3.449"),
            (weighted(lambda q, k: scaled(q, k).relu() + 0.1), "do not all sum to 1"),
            (weighted(scaled), "There is no softmax"),
            (weighted(lambda q, k: q @ k.mT), "neither a softmax nor a scale"),
            (weighted(lambda q, k: scaled(k, q).softmax(-1)), "have changed places"),
            (weighted(lambda q, k: scaled(q, k).softmax(-1).mT), "are transposed"),
            (weighted(lambda q, k: scaled(q, q).softmax(-1)), "queries with queries"),
            (weighted(lambda q, k: scaled(k, k).softmax(-1)), "keys with keys"),
            (weighted(lambda q, k: scaled(q, k).sigmoid()), "sigmoid"),
            (weighted(lambda q, k: scaled(q, k).log_softmax(-1)), "These are logarithms"),
            (weighted(lambda q, k: scaled(-q, k).softmax(-1)), "The minus is too much"),
            (weighted(overflowing), "exp overflows"),
            (
                weighted(lambda q, k: scaled(q, k).clamp(-20, 20).softmax(-1)),
                "large scores cut off",
            ),
            (
                lambda q, k, v: (attention()(q, k, v)[1].mT @ v, attention()(q, k, v)[1]),
                "with the transposed weights",
            ),
            (lambda q, k, v: (v, attention()(q, k, v)[1]), "values themselves"),
            (
                lambda q, k, v: (
                    attention()(q, k, k if k.shape == v.shape else v)[0],
                    attention()(q, k, v)[1],
                ),
                "averaged the keys",
            ),
            (lambda q, k, v: attention()(q, k, v)[0], "Return both"),
            (lambda q, k, v: attention()(q, k, v)[1], "Only the weights come back"),
            (lambda q, k, v: attention()(q, k, v)[::-1], "The new tokens come first"),
            (lambda q, k, v: [x.detach() for x in attention()(q, k, v)], "the queries"),
            (lambda q, k, v: attention()(q, k.detach(), v), "gradient that reaches the keys"),
            (lambda q, k, v: attention()(q, k, v.detach()), "gradient that reaches the values"),
            (in_place, "change in place"),
            (four_dimensions, "not enough values to unpack"),
            (
                weighted(lambda q, k: (q @ k.permute(0, 1, 3, 2) / q.shape[-1] ** 0.5).softmax(-1)),
                "permute",
            ),
            (weighted(lambda q, k: (q @ k).softmax(-1)), "cannot be multiplied"),
            (lambda q, k, v: (attention()(q, k, v)[0] + 1, attention()(q, k, v)[1]), "at (0, 0)"),
        ],
    ),
    "heads_side_by_side": Answers(
        right=[heads(), HeadsByLoop, HeadsByEinsum],
        wrong=[
            (
                heads(
                    cut=lambda x, n, t, h: [y.reshape(n, h, t, -1) for y in x.chunk(3, -1)],
                    merge=lambda out, n, t: out.reshape(n, t, -1),
                ),
                "split the last dimension first, then swap",
            ),
            (
                heads(cut=lambda x, n, t, h: [y.reshape(n, h, t, -1) for y in x.chunk(3, -1)]),
                "split the last dimension, and swap",
            ),
            (heads(merge=lambda out, n, t: out.reshape(n, t, -1)), "without swapping"),
            (
                heads(merge=lambda out, n, t: out.permute(0, 2, 3, 1).reshape(n, t, -1)),
                "your heads are interleaved",
            ),
            (
                heads(
                    cut=lambda x, n, t, h: x.reshape(n, t, 3, -1, h).permute(2, 0, 4, 1, 3),
                    merge=lambda out, n, t: out.permute(0, 2, 3, 1).reshape(n, t, -1),
                ),
                "You gave a head every num_heads-th",
            ),
            (
                heads(cut=lambda x, n, t, h: x.reshape(n, t, 3, -1, h).permute(2, 0, 4, 1, 3)),
                "A head got every num_heads-th",
            ),
            (
                heads(
                    cut=lambda x, n, t, h: x.reshape(n, t, 3, h, -1).permute(2, 0, 1, 3, 4),
                    merge=lambda out, n, t: out.reshape(n, t, -1),
                    given=lambda weights: weights.new_zeros(2, 5, 7, 7),
                ),
                "Heads asked heads: swap",
            ),
            (
                heads(cut=lambda x, n, t, h: x.reshape(n, t, h, 3, -1).permute(3, 0, 2, 1, 4)),
                "You cut `qkv` head by head",
            ),
            (
                heads(cut=lambda x, n, t, h: x.reshape(n, t, h, -1, 3).permute(4, 0, 2, 1, 3)),
                "You cut `qkv` as (N, T, heads, d, 3)",
            ),
            (
                heads(cut=lambda x, n, t, h: x.reshape(3, n, h, t, -1)),
                "A reshape that puts the 3 first",
            ),
            (
                heads(cut=lambda x, n, t, h: cut(x, n, t, h)[[2, 1, 0]]),
                "you took them as v, k, q",
            ),
            (heads(cut=lambda x, n, t, h: cut(x, n, t, h)[[1, 0, 2]]), "you took them as k, q, v"),
            (heads(cut=lambda x, n, t, h: cut(x, n, t, h)[[0, 2, 1]]), "you took them as q, v, k"),
            (heads(cut=lambda x, n, t, h: cut(x, n, t, 1)), "num_heads changed nothing"),
            (heads(weigh=lambda q, k, c: (q @ k.mT).softmax(-1)), "The scores are not scaled"),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT / q.shape[-1]).softmax(-1)),
                "You divided by d;",
            ),
            (heads(weigh=lambda q, k, c: (q @ k.mT / c**0.5).softmax(-1)), "scaled by √C_p"),
            (heads(weigh=lambda q, k, c: (q @ k.mT / c).softmax(-1)), "You divided by C_p"),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT / q.shape[-2] ** 0.5).softmax(-1)),
                "divided by √T",
            ),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT / q.shape[1] ** 0.5).softmax(-1)),
                "root of num_heads",
            ),
            (heads(weigh=lambda q, k, c: scaled(q, k).softmax(-2)), "columns sum to 1"),
            (heads(weigh=lambda q, k, c: scaled(q, k).softmax(1)), "runs over the heads"),
            (heads(weigh=lambda q, k, c: scaled(q, k)), "There is no softmax"),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5),
                "after the softmax",
            ),
            (heads(mix=lambda weights, k, v: weights.mT @ v), "with the transposed weights"),
            (heads(mix=lambda weights, k, v: weights @ k), "averaged the keys"),
            (
                heads(mix=lambda weights, k, v: weights.mean(1, keepdim=True) @ v),
                "where their average does",
            ),
            (heads(last=lambda proj, tokens, out: out), "`proj`, is missing"),
            (heads(last=lambda proj, tokens, out: tokens + proj(out)), "that sum is the block's"),
            (
                heads(mix=lambda weights, k, v: weights @ v + v),
                "right, so look at what comes after",
            ),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT / q.shape[-2]).softmax(-1)),
                "scores divided by 7.000",
            ),
            (
                heads(weigh=lambda q, k, c: (q @ k.mT / 6**0.5).softmax(-1)),
                "divided by 2.449; here √d is 2.828",
            ),
            (
                heads(
                    cut=lambda x, n, t, h: cut(x, n, t, x.shape[-1] // 3 // h),
                    merge=lambda out, n, t: out.transpose(1, 2).reshape(n, t, -1),
                ),
                "have shape (2, 6, 7, 7)",
            ),
            (heads(given=lambda weights: weights.log()), "weights that you return are not those"),
            (heads(given=lambda weights: weights.mT), "your weights are transposed"),
            (heads(given=lambda weights: weights.mean(1)), "have no heads"),
            (heads(merge=lambda out, n, t: out), "cannot be multiplied"),
            (TokensAlone, "Return both"),
            (WeightsFirst, "The new tokens come first"),
            (WithoutBias, "`qkv.bias` first"),
            (OtherNames, "`proj.weight` first"),
            (Detached, "No gradient comes out"),
            (heads()(12, 3), "Pass the class itself"),
        ],
    ),
    "fault_in_heads": Answers(
        right=[testing(SIZES, (300,), True), by_properties],
        wrong=[
            (testing(SIZES, (), True), "leaves nothing of the others"),
            (testing(SIZES, (300,), False), "changes the queries"),
            (testing(((2, 5, 12, 1),), (300,), True), "divides by √C_p"),
            (testing(((1, 6, 12, 3),), (300,), True), "tokens of all images"),
            (testing(((2, 4, 12, 3), (2, 4, 8, 2)), (300,), True), "divides by √T"),
            (too_strict, "rejects a version that is right"),
            (lambda attend_in_heads: False, "it returned False"),
        ],
    ),
    "tokens_from_map": Answers(
        right=[
            tokens(),
            right_tokens_by_loop,
            right_tokens_by_convolution,
            right_tokens_by_filling,
        ],
        wrong=[
            (tokens(read(0, 1, 2, 3)), "in reading order"),
            (tokens(read(0, 3, 2, 1)), "run down the columns"),
            (tokens(read(2, 3, 0, 1)), "mix the images"),
            (
                tokens(
                    lambda fused, p: F.conv2d(fused, p.weight[..., None, None], p.bias).reshape(
                        len(fused), -1, len(p.weight)
                    )
                ),
                "After the convolution",
            ),
            (tokens(lambda fused, p: fused.flatten(2).mT @ p.weight.T), "Only the bias"),
            (
                lambda fused, p, cls_token, place: p(fused.flatten(2).mT) + place[:, 1:],
                "[cls] is missing",
            ),
            (lambda fused, p, cls_token, place: fused.flatten(2).mT, "layer and [cls] are missing"),
            (tokens(end=lambda t, place: (t + place).mT), "lie in the columns"),
            (tokens(end=lambda t, place: (t + place)[0]), "are gone"),
            (tokens(end=lambda t, place: (t + place)[:1]), "Only one image is left"),
            (tokens(end=lambda t, place: (t[:1] + place).expand_as(t)), "are the first one"),
            (cls_last(order=False), "[cls] is last; it"),
            (cls_last(order=True), "[cls] is last, and"),
            (tokens(end=lambda t, place: t), "The positions are missing"),
            (
                tokens(end=lambda t, place: torch.cat([t[:, :1], t[:, 1:] + place[:, 1:]], dim=1)),
                "no position of its own",
            ),
            (
                tokens(end=lambda t, place: torch.cat([t[:, :1], t[:, 1:] + place[:, :-1]], dim=1)),
                "shifted by one",
            ),
            (
                tokens(end=lambda t, place: torch.cat([t[:, :1] + place[:, :1], t[:, 1:]], dim=1)),
                "the cells have none",
            ),
            (tokens(end=lambda t, place: t * place), "multiplied by the positions"),
            (
                tokens(end=lambda t, place: torch.cat([t, place.expand_as(t)], dim=2)),
                "side by side",
            ),
            (
                lambda fused, p, cls_token, place: (
                    torch.cat([cls_token, p(fused.flatten(2).mT)], dim=1) + place
                ),
                "RuntimeError: Sizes of tensors must match",
            ),
            (
                lambda fused, p, cls_token, place: tokens()(fused, p, cls_token.detach(), place),
                "gradient that reaches [cls]",
            ),
            (
                lambda fused, p, cls_token, place: tokens()(fused, p, cls_token, place.data),
                "gradient that reaches the positions",
            ),
            (lambda *given: tokens()(*given).detach(), "no gradient comes out"),
            (cells_in_place, "change in place"),
            (lambda *given: torch.randn(1) + tokens()(*given), "begins to differ at number 0"),
            (tokens(lambda fused, p: p(fused.flatten(2))), "cannot be multiplied"),
        ],
    ),
    "pre_norm_block": Answers(
        right=[
            stream(first, second),
            OwnAttention,
            block(
                lambda self, x: (lambda y, w: (x + y + self.mlp(self.norm2(x + y)), w))(
                    *self.attn(self.norm1(x))
                )
            ),
        ],
        wrong=[
            (
                stream(
                    lambda self, attend, x: self.norm1(x + attend(x)),
                    lambda self, attend, x, before: self.norm2(x + self.mlp(x)),
                ),
                "This is post-LN",
            ),
            (
                stream(
                    lambda self, attend, x: attend(self.norm1(x)),
                    lambda self, attend, x, before: self.mlp(self.norm2(x)),
                ),
                "both sums",
            ),
            (
                stream(lambda self, attend, x: attend(self.norm1(x)), second),
                "around the attention is missing",
            ),
            (
                stream(first, lambda self, attend, x, before: self.mlp(self.norm2(x))),
                "around the MLP is missing",
            ),
            (
                stream(
                    lambda self, attend, x: self.norm1(x) + attend(self.norm1(x)),
                    lambda self, attend, x, before: self.norm2(x) + self.mlp(self.norm2(x)),
                ),
                "You overwrote the stream",
            ),
            (
                stream(lambda self, attend, x: self.norm1(x) + attend(self.norm1(x)), second),
                "The first branch overwrote",
            ),
            (
                stream(
                    first, lambda self, attend, x, before: self.norm2(x) + self.mlp(self.norm2(x))
                ),
                "The second branch overwrote",
            ),
            (
                stream(
                    lambda self, attend, x: x + self.norm1(attend(x)),
                    lambda self, attend, x, before: x + self.norm2(self.mlp(x)),
                ),
                "normed what attention and MLP return",
            ),
            (
                stream(first, lambda self, attend, x, before: x + self.mlp(self.norm1(x))),
                "norm1 twice",
            ),
            (
                stream(
                    lambda self, attend, x: x + attend(self.norm2(x)),
                    lambda self, attend, x, before: x + self.mlp(self.norm1(x)),
                ),
                "norms have changed places",
            ),
            (
                stream(first, lambda self, attend, x, before: x + self.mlp(self.norm2(before))),
                "given the old tokens; it",
            ),
            (
                stream(first, lambda self, attend, x, before: before + self.mlp(self.norm2(x))),
                "tokens of the beginning",
            ),
            (
                stream(
                    lambda self, attend, x: x + attend(x),
                    lambda self, attend, x, before: x + self.mlp(x),
                ),
                "no norms",
            ),
            (stream(lambda self, attend, x: x + attend(x), second), "norm1 is missing"),
            (
                stream(first, lambda self, attend, x, before: x + self.mlp(x)),
                "norm2 is missing",
            ),
            (stream(first, lambda self, attend, x, before: x), "The MLP is missing"),
            (
                stream(
                    lambda self, attend, x: x + self.mlp(self.norm2(x)),
                    lambda self, attend, x, before: x + attend(self.norm1(x)),
                ),
                "MLP came first",
            ),
            (
                stream(first, lambda self, attend, x, before: self.norm2(second(self, 0, x, 0))),
                "One norm too many",
            ),
            (
                stream(
                    first,
                    lambda self, attend, x, before: (
                        x + self.mlp.fc2(self.mlp.fc1(self.norm2(x)).relu())
                    ),
                ),
                "not a ReLU",
            ),
            (
                stream(
                    first,
                    lambda self, attend, x, before: x + self.mlp.fc2(self.mlp.fc1(self.norm2(x))),
                ),
                "There is no GELU",
            ),
            (
                stream(
                    first,
                    lambda self, attend, x, before: (
                        x + self.mlp.fc2(F.silu(self.mlp.fc1(self.norm2(x))))
                    ),
                ),
                "What enters `mlp.fc2` should be GELU",
            ),
            (
                stream(first, lambda self, attend, x, before: x + 2 * self.mlp(self.norm2(x))),
                "look at the last sum",
            ),
            (block(in_place_stream), "change in place"),
            (
                stream(first, lambda self, attend, x, before: second(self, 0, x.detach(), 0)),
                "No gradient reaches",
            ),
            (block(lambda self, x: OwnAttention.run(self, x)[0]), "Return both"),
            (block(lambda self, x: OwnAttention.run(self, x)[::-1]), "the first that comes back"),
            (
                block(lambda self, x: (x + self.attn(self.norm1(x)), None)),
                "TypeError",
            ),
            (lambda *sizes: sizes, "inherits from"),
        ],
    ),
}


EQUAL: dict = {}
