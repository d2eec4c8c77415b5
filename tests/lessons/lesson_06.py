"""Lesson 06: answers to its exercises, right ones and wrong ones."""

import math

import torch
import torch.nn.functional as F

from tests.lessons import Answers
from vtff_lib.checks.lesson_06 import PARTS
from vtff_lib.encoder import EncoderBlock, resize_position_embedding
from vtff_lib.fusion import AttentionalSelectiveFusion
from vtff_lib.vtff import count_parameters

# 1: tokens


def tokens_of_a_blank_image(height, width, stages):
    x = torch.zeros(1, 1, height, width)
    for _ in range(stages + 1):
        x = F.max_pool2d(x, 2)
    return 1 + x.numel()


# 2: from the fused map to the logits


def logits_of(model, fused, order=(0, 2, 3, 1)):
    rows, columns = fused.shape[2:]
    cells = fused.permute(*order).reshape(len(fused), rows * columns, -1)
    tokens = torch.cat([model.cls_token.repeat(len(fused), 1, 1), model.token_projection(cells)], 1)
    positions = resize_position_embedding(
        model.position_embedding, model.config.grid, (rows, columns)
    )
    return model.head(model.encoder(tokens + positions)[0][:, 0])


def logits_one_by_one(model, fused):
    all_logits = []
    for one in fused:
        cells = [model.cls_token[0, 0]]
        for row in range(one.shape[1]):
            for column in range(one.shape[2]):
                cells.append(model.token_projection(one[:, row, column]))
        positions = resize_position_embedding(
            model.position_embedding, model.config.grid, tuple(one.shape[1:])
        )
        tokens = torch.stack(cells)[None] + positions
        for block in model.encoder.blocks:
            tokens, _ = block(tokens, return_weights=True)
        all_logits.append(model.head(model.encoder.norm(tokens))[0, 0])
    return torch.stack(all_logits)


def variant(
    *,
    reshaped=False,
    behind=False,
    positions="all",
    read=0,
    expand=True,
    stretch=True,
    swap=False,
    encode=True,
    norm=True,
    softmax=False,
    unpack=True,
):
    """Return the right answer with the mistakes that are asked for."""

    def answer(model, fused):
        n, channels, rows, columns = fused.shape
        cells = fused.flatten(2).transpose(1, 2)
        if reshaped:
            cells = fused.reshape(n, rows * columns, channels)
        cls_token = model.cls_token.expand(n, -1, -1) if expand else model.cls_token
        pieces = [cls_token, model.token_projection(cells)]
        tokens = torch.cat(pieces[::-1] if behind else pieces, dim=1)
        grid = (columns, rows) if swap else (rows, columns)
        added = model.position_embedding
        if stretch:
            added = resize_position_embedding(added, model.config.grid, grid)
        if positions == "cells":
            added = torch.cat([torch.zeros_like(added[:, :1]), added[:, 1:]], dim=1)
        if positions != "none":
            tokens = tokens + added
        if not unpack:
            tokens = model.encoder(tokens)
        elif not norm:
            for block in model.encoder.blocks:
                tokens, _ = block(tokens)
        elif encode:
            tokens, _ = model.encoder(tokens)
        chosen = tokens.mean(dim=1) if read == "mean" else tokens[:, read]
        logits = model.head(chosen)
        return logits.softmax(dim=-1) if softmax else logits

    return answer


# 3: parameters of the fusion


def counted_fusion(channels, reduction):
    return count_parameters(AttentionalSelectiveFusion(channels, reduction))


def fusion_by_hand(c, r, norms=2, biases=0, convolutions=2, local_out=1, window=1):
    s = c // r
    weights = convolutions * c * c + 2 * c * s + c * s + s * local_out
    return weights * window + norms * (s + c + s + local_out) + biases * (s + c + s + local_out)


# 4: multiply-adds of a block


def counted_block(tokens, embed_dim, mlp_dim):
    from torch.utils.flop_counter import FlopCounterMode

    block = EncoderBlock(embed_dim, 1, mlp_dim)
    with FlopCounterMode(display=False) as counter:
        block(torch.zeros(1, tokens, embed_dim), return_weights=True)
    return counter.get_total_flops() / 2


def block_by_hand(t, c, m, square=4, attention=2, layers=2, times=1):
    return times * (square * t * c * c + attention * t * t * c + layers * t * c * m)


# 5: the loss without looking


def entropy_by_cross_entropy(counts):
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    logits = (counts / counts.sum()).log().expand(len(labels), -1)
    return F.cross_entropy(logits, labels)


def entropy(counts):
    total = sum(counts.tolist())
    return -sum(n / total * math.log(n / total) for n in counts.tolist() if n)


def shares(counts):
    return (counts / counts.sum()).clamp_min(1e-12)


# 6: idle parts


def gradients(model, rgb, labels, clear=True, backward=True):
    """Return the gradients of each part, after a step on one batch."""
    if clear:
        model.zero_grad()
    if backward:
        F.cross_entropy(model(rgb).logits, labels).backward()
    return {part: [p.grad for p in model.get_submodule(part).parameters()] for part in PARTS}


def idle(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part
        for part, each in found.items()
        if all(g is None or not g.abs().sum() > 0 for g in each)
    ]


def idle_by_autograd(model, rgb, labels):
    loss = F.cross_entropy(model(rgb).logits, labels)
    found = set()
    for part in PARTS:
        parameters = [p for p in model.get_submodule(part).parameters() if p.requires_grad]
        each = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        if not any(g is not None and bool((g != 0).any()) for g in each):
            found.add(part)
    return found


def only_none(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [part for part, each in found.items() if all(g is None for g in each)]


def only_zero(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part
        for part, each in found.items()
        if each and all(g is not None and not g.any() for g in each)
    ]


def any_layer(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part for part, each in found.items() if any(g is None or not (g != 0).any() for g in each)
    ]


def with_threshold(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part for part, each in found.items() if all(g is None or g.abs().max() < 1e-6 for g in each)
    ]


def stale(model, rgb, labels):
    found = gradients(model, rgb, labels, clear=False)
    return [
        part for part, each in found.items() if all(g is None or not (g != 0).any() for g in each)
    ]


def no_backward(model, rgb, labels):
    found = gradients(model, rgb, labels, backward=False)
    return [part for part, each in found.items() if all(g is None for g in each)]


def learning(model, rgb, labels):
    return set(PARTS) - set(idle(model, rgb, labels))


def parameter_names(model, rgb, labels):
    gradients(model, rgb, labels)
    return [name for name, p in model.named_parameters() if p.grad is None]


def any_idle(model, rgb, labels):
    return bool(idle(model, rgb, labels))


ANSWERS = {
    "count_tokens": Answers(
        right=[
            lambda h, w, s: 1 + (h // (4 * 2 ** (s - 1))) * (w // (4 * 2 ** (s - 1))),
            lambda h, w, s: h * w // 4 ** (s + 1) + 1,
            tokens_of_a_blank_image,
        ],
        wrong=[
            (lambda h, w, s: (h >> (s + 1)) * (w >> (s + 1)), "[cls] is a token too"),
            (lambda h, w, s: 1 + (h // 32) * (w // 32), "R = 32 whatever the stages"),
            (lambda h, w, s: 1 + (h >> s) * (w >> s), "R is 4 · 2^(stages-1)"),
            (lambda h, w, s: 1 + (h >> (s + 1)) ** 2, "square; height and width"),
            (lambda h, w, s: 1 + (w >> (s + 1)) ** 2, "as wide as it is"),
            (lambda h, w, s: 1 + (h >> (s + 1)) + (w >> (s + 1)), "You added rows and columns"),
            (lambda h, w, s: 1 + h * w // 2 ** (s + 1), "You divided the number of pixels by R"),
            (lambda h, w, s: 2 + (h >> (s + 1)) * (w >> (s + 1)), "Yours gives 17"),
            (lambda h, w, s: f"{h}", "should be one number; yours is '160'"),
        ],
    ),
    "logits_from_map": Answers(
        right=[logits_of, logits_one_by_one, variant()],
        wrong=[
            (variant(reshaped=True), "mixes the channels of different cells"),
            (lambda m, f: logits_of(m, f, (0, 3, 2, 1)), "column by column"),
            (variant(positions="none"), "The positions are missing"),
            (variant(positions="cells"), "a position of its own, the first"),
            (variant(behind=True, read=-1), "so it goes in front"),
            (variant(behind=True), "read the first token, which is a cell"),
            (variant(read="mean"), "You averaged all tokens"),
            (variant(read=-1), "You read the last token"),
            (variant(encode=False), "The encoder is missing"),
            (variant(norm=False), "The layer norm behind the last block"),
            (variant(softmax=True), "You returned probabilities"),
            (variant(expand=False), "is [cls] there for each"),
            (variant(stretch=False), "see `resize_position_embedding`"),
            (variant(swap=True), "rows and columns swapped"),
            (variant(unpack=False), "The map of one image. Called with"),
            (lambda m, f: 2 * logits_of(m, f), "your logits differ from the model's by up to"),
            (lambda m, f: logits_of(m, f)[0], "should have shape (1, 5)"),
        ],
    ),
    "fusion_parameters": Answers(
        right=[
            fusion_by_hand,
            counted_fusion,
            lambda c, r: 2 * c * c + 3 * c * (c // r) + 5 * (c // r) + 2 * c + 2,
        ],
        wrong=[
            (lambda c, r: fusion_by_hand(c, r, norms=0), "You left out the batch norms"),
            (lambda c, r: fusion_by_hand(c, r, norms=1), "Half of a batch norm is missing"),
            (lambda c, r: fusion_by_hand(c, r, norms=4), "buffers, not parameters"),
            (lambda c, r: fusion_by_hand(c, r, biases=1) + 2 * c, "You gave every convolution a"),
            (lambda c, r: fusion_by_hand(c, r, biases=1), "You gave every convolution of G and L"),
            (lambda c, r: fusion_by_hand(c, r, convolutions=1), "you counted one"),
            (lambda c, r: fusion_by_hand(c, r, convolutions=0), "U is missing"),
            (lambda c, r: fusion_by_hand(c, r, local_out=c), "Your L ends in C channels"),
            (lambda c, r: fusion_by_hand(c, 1), "Your squeeze is by nothing"),
            (
                lambda c, r: fusion_by_hand(c, r, window=9),
                "You gave the convolutions 3×3 windows",
            ),
            (lambda c, r: fusion_by_hand(c, r) + 1, "should be 1,664"),
        ],
    ),
    "block_multiply_adds": Answers(
        right=[block_by_hand, counted_block, lambda t, c, m: 2 * t * c * (2 * c + t + m)],
        wrong=[
            (lambda t, c, m: block_by_hand(t, c, m, times=2), "You counted FLOPs"),
            (lambda t, c, m: block_by_hand(t, c, m, attention=0), "The attention itself is miss"),
            (lambda t, c, m: block_by_hand(t, c, m, attention=1), "You counted Q Kᵀ"),
            (lambda t, c, m: block_by_hand(t, c, m, square=2), "take three C×C matrices"),
            (lambda t, c, m: block_by_hand(t, c, m, square=3), "The projection behind the heads"),
            (lambda t, c, m: block_by_hand(t, c, m, layers=1), "The MLP has two layers"),
            (lambda t, c, m: block_by_hand(t, c, m, layers=0), "The MLP is missing"),
            (lambda t, c, m: block_by_hand(t, c, 4 * c), "its width is `mlp_dim`"),
            (lambda t, c, m: 4 * c * c + 2 * c * m, "You counted weights. Each"),
            (
                lambda t, c, m: count_parameters(EncoderBlock(c, 1, m)),
                "You counted weights, with biases",
            ),
            (lambda t, c, m: block_by_hand(t, c, m) + 7, "should be 11,928"),
        ],
    ),
    "loss_without_looking": Answers(
        right=[
            entropy,
            entropy_by_cross_entropy,
            lambda counts: torch.distributions.Categorical(probs=counts / counts.sum()).entropy(),
        ],
        wrong=[
            (lambda n: entropy(n) / math.log(2), "to the base 2"),
            (lambda n: entropy(n) / math.log(10), "to the base 10"),
            (lambda n: -entropy(n), "The sign is turned round"),
            (lambda n: math.log(len(n)), "the loss of an even guess"),
            (lambda n: -shares(n).log().mean(), "You averaged over the classes"),
            (lambda n: entropy(n) * n.sum(), "cross-entropy is their mean"),
            (lambda n: -(n * n.log()).nansum(), "divide them by their sum first"),
            (lambda n: -shares(n).max().log(), "the largest share"),
            (lambda n: 1 - shares(n).max(), "the share of wrong answers"),
            (lambda n: -(n / n.sum() * (n / n.sum()).log()).sum(), "came out as nan"),
            (lambda n: 0.5 * entropy(n), "should be 1.2130; yours is 0.6065"),
        ],
    ),
    "idle_parts": Answers(
        right=[idle, idle_by_autograd, lambda *given: (part for part in idle(*given))],
        wrong=[
            (only_none, "With the LBP map multiplied by 0"),
            (only_zero, "A gradient that was never made is None"),
            (any_layer, "One layer without a gradient makes no idle part"),
            (with_threshold, "A gradient may be small and still be one"),
            (stale, "gradients of an earlier step"),
            (no_backward, "is `backward()` called"),
            (learning, "you returned the parts that learn"),
            (parameter_names, "are no names of PARTS"),
            (any_idle, "Return a list of the names"),
        ],
    ),
}
EQUAL = {}
