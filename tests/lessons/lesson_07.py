"""Lesson 07: answers to its exercises, right ones and wrong ones."""

import json
import math
from itertools import pairwise

import torch
import torch.nn.functional as F

from figures.experiments.harness import FIGURES
from tests.lessons import Answers
from vtff_lib.lbp import order_table
from vtff_lib.training.optimisation import learning_rate_share

# 1: the loss


def loss(logits, targets, smoothing, *, keep=None, spread=None, axis=1, mean=True, sign=-1):
    """Return the right loss, or one with the mistakes that are asked for."""
    keep = 1 - smoothing if keep is None else keep
    spread = smoothing / targets.shape[1] if spread is None else spread
    each = sign * ((keep * targets + spread) * logits.log_softmax(dim=axis)).sum(dim=1)
    return each.mean() if mean else each.sum()


def loss_by_pytorch(logits, targets, smoothing):
    return F.cross_entropy(logits, targets, label_smoothing=smoothing).item()


def loss_by_loop(logits, targets, smoothing):
    total = 0.0
    for row, target in zip(logits.double(), targets.double(), strict=True):
        norm = torch.logsumexp(row, 0)
        for score, share in zip(row, target, strict=True):
            wanted = (1 - smoothing) * share + smoothing / len(row)
            total += float(wanted * (norm - score))
    return total / len(logits)


def loss_of_rounded(logits, targets, smoothing):
    wanted = (1 - smoothing) * targets + smoothing / targets.shape[1]
    return -(wanted * logits.softmax(dim=1).log()).nan_to_num(0).sum(dim=1).mean()


def loss_of_winner(logits, targets, smoothing):
    return F.cross_entropy(logits, targets.argmax(dim=1), label_smoothing=smoothing)


def loss_of_logits(logits, targets, smoothing):
    wanted = (1 - smoothing) * targets + smoothing / targets.shape[1]
    return -(wanted * logits).sum(dim=1).mean()


def loss_of_each(logits, targets, smoothing):
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1)


# 2: the schedule


def share_of_rate(step, total, warmup, *, first=1, start=None, end=0, turn=1.0, half=True):
    """Return the right share, or one with the mistakes that are asked for."""
    if step < warmup:
        return (step + first) / warmup
    start = warmup if start is None else start
    done = (step - start) / (total - start - end)
    wave = math.cos(turn * math.pi * done)
    return 0.5 + 0.5 * wave if half else wave


def share_by_torch(step, total, warmup):
    rising = (torch.tensor(step) + 1) / max(warmup, 1)
    falling = torch.cos(torch.tensor((step - warmup) / (total - warmup) * math.pi / 2)) ** 2
    return rising if step < warmup else falling


def share_in_a_line(step, total, warmup):
    return (step + 1) / warmup if step < warmup else 1 - (step - warmup) / (total - warmup)


def share_without_fall(step, total, warmup):
    return min(1.0, (step + 1) / max(warmup, 1))


# 3: the moving average


def averaged(average, weight, step, decay, *, choose=min, above=1, below=10, swap=False):
    """Return the right average, or one with the mistakes that are asked for."""
    d = choose(decay, (above + step) / (below + step))
    d = 1 - d if swap else d
    return d * average + (1 - d) * weight


def averaged_by_lerp(average, weight, step, decay):
    return average.double().lerp(weight.double(), 1 - min(decay, (1 + step) / (10 + step)))


def averaged_in_place(average, weight, step, decay):
    d = min(decay, (1 + step) / (10 + step))
    return average.mul_(d).add_(weight, alpha=1 - d)


def added(average, weight, step, decay):
    return min(decay, (1 + step) / (10 + step)) * average + weight


def averaged_in_two_stages(average, weight, step, decay):
    """The ramp for ten steps, then `decay` at once: right in the first cases."""
    return averaged(average, weight, step, decay, choose=min if step < 10 else lambda d, r: d)


# 4: codes of a mirror image

MIRROR = {7: 5, 6: 6, 5: 7, 4: 3, 3: 4, 2: 0, 1: 1, 0: 2}
STAY = {bit: bit for bit in range(8)}


def renamed(codes, table, axis=-1):
    """Return codes whose bits change places, of an image that is mirrored along `axis`."""
    moved = codes if axis is None else codes.flip(axis)
    found = torch.zeros_like(moved)
    for old, new in table.items():
        found |= ((moved >> old) & 1) << new
    return found


def mirrored_by_table(codes):
    names = [f"{code:08b}" for code in range(256)]
    swapped = [n[2] + n[1] + n[0] + n[4] + n[3] + n[7] + n[6] + n[5] for n in names]
    table = torch.tensor([int(n, 2) for n in swapped])
    return table[codes.long()].flip(-1)


def mirrored_on_the_circle(codes):
    """Around the centre a mirror is a reversal of the ring's bits and a turn."""
    ring = order_table("reading", "circular")[codes.long()].flip(-1).long()
    # ring, from the highest bit: SE, S, SW, W, NW, N, NE, E; mirrored: SW, S, SE, E, NE, N, NW, W
    goes_to = {7: 5, 6: 6, 5: 7, 4: 0, 3: 1, 2: 2, 1: 3, 0: 4}
    found = sum(((ring >> old) & 1) << new for old, new in goes_to.items())
    return order_table("circular", "reading")[found]


# 5: the diagnosis

SICK = json.loads((FIGURES / "sick_runs.json").read_text(encoding="utf-8"))["cases"]
CAUSES = {name: run["cause"] for name, run in SICK.items() if name != "healthy"}


def swapped(**changes):
    """Return the right diagnosis with some changes."""
    return CAUSES | changes


# 6: a batch in parts


def in_parts(model, rgb, targets, parts, *, clear="first", scale=None, told="mean", take=None):
    """Leave the right gradients, or some with the mistakes that are asked for."""
    if clear == "first":
        model.zero_grad()
    total = 0.0
    size = len(rgb) // parts
    for start in range(0, len(rgb), size)[:take]:
        if clear == "each":
            model.zero_grad()
        some = slice(start, start + size)
        part = F.cross_entropy(model(rgb[some]), targets[some])
        (part / (parts if scale is None else scale(parts, size))).backward()
        total += part.item()
    return total / parts if told == "mean" else total


def in_parts_by_sums(model, rgb, targets, parts):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    edges = [len(rgb) * part // parts for part in range(parts + 1)]
    losses = []
    for start, end in pairwise(edges):
        logs = model(rgb[start:end]).log_softmax(dim=1)
        losses.append(-(targets[start:end] * logs).sum() / len(rgb))
        losses[-1].backward()
    return sum(losses)


def in_one(model, rgb, targets, parts):
    model.zero_grad()
    whole = F.cross_entropy(model(rgb), targets)
    whole.backward()
    return whole.item()


def with_one_backward(model, rgb, targets, parts):
    model.zero_grad()
    chunks = zip(rgb.chunk(parts), targets.chunk(parts), strict=True)
    whole = sum(F.cross_entropy(model(a), b) for a, b in chunks) / parts
    whole.backward()
    return whole.item()


def with_a_step(model, rgb, targets, parts):
    value = in_parts(model, rgb, targets, parts)
    torch.optim.SGD(model.parameters(), 0.1).step()
    return value


def without_backward(model, rgb, targets, parts):
    model.zero_grad()
    chunks = zip(rgb.chunk(parts), targets.chunk(parts), strict=True)
    return sum(F.cross_entropy(model(a), b).item() for a, b in chunks) / parts


ANSWERS = {
    "smoothed_loss": Answers(
        right=[loss, loss_by_pytorch, loss_by_loop],
        wrong=[
            (lambda x, t, s: loss(x, t, 0.0), "You left out the smoothing"),
            (lambda x, t, s: loss(x, t, s, keep=1.0), "without taking it from the target"),
            (lambda x, t, s: loss(x, t, s, spread=s), "the whole ε"),
            (lambda x, t, s: loss(x, t, s, mean=False), "You summed over the images"),
            (lambda x, t, s: loss(x, t, s) / x.shape[1], "over the classes as well"),
            (lambda x, t, s: loss(x, t, s, sign=1), "The sign is missing"),
            (lambda x, t, s: loss(x, t, s, axis=0), "softmax over the images"),
            (lambda x, t, s: loss(x, t, 1 - s), "as the share that is kept"),
            (loss_of_winner, "the largest target only"),
            (loss_of_logits, "forgot the logarithm of the softmax"),
            (loss_of_each, "The loss of a batch is one number"),
            (loss_of_rounded, "Take log_softmax at once"),
        ],
    ),
    "rate_share": Answers(
        right=[share_of_rate, share_by_torch, learning_rate_share],
        wrong=[
            (lambda *g: share_of_rate(*g, first=0), "Your first step has the rate 0"),
            (lambda *g: share_of_rate(*g, start=0), "Your cosine starts at step 0"),
            (lambda *g: share_of_rate(*g, end=1), "divide by S − W"),
            (lambda *g: share_of_rate(*g, half=False), "from 1 to −1"),
            (lambda *g: share_of_rate(*g, turn=2.0), "Your angle goes to 2π"),
            (lambda s, total, w: share_of_rate(s, total, 0), "You forgot the warm-up"),
            (share_in_a_line, "You fall in a straight line"),
            (share_without_fall, "the fall is missing"),
            (lambda s, t, w: share_of_rate(s, t, w) if w else 1.0, "Without warm-up"),
        ],
    ),
    "moved_average": Answers(
        right=[averaged, averaged_by_lerp],
        wrong=[
            (lambda *g: averaged(*g, swap=True), "You mixed up the two shares"),
            (lambda *g: averaged(*g, choose=lambda d, r: d), "from the first step on"),
            (lambda *g: averaged(*g, choose=max), "the larger of the two"),
            (lambda *g: averaged(*g, choose=lambda d, r: r), "You left out `decay`"),
            (lambda *g: averaged(*g, above=0), "d is 1/10, not 0"),
            (lambda *g: averaged(*g, above=2, below=11), "yours is 2/11"),
            (lambda *g: averaged(*g, below=9), "yours is 1/9"),
            (averaged_in_place, "You changed a tensor"),
            (added, "You added the whole new weight"),
            (averaged_in_two_stages, "At step 40 with decay 0.999, d is 0.8200 and the average"),
        ],
    ),
    "mirrored_codes": Answers(
        right=[lambda c: renamed(c, MIRROR), mirrored_by_table, mirrored_on_the_circle],
        wrong=[
            (lambda c: renamed(c, MIRROR, None), "no pixel has moved"),
            (lambda c: c.flip(-1), "still name the old directions"),
            (lambda c: c, "You returned the codes as they were"),
            (lambda c: renamed(c, {b: 7 - b for b in range(8)}), "You reversed all eight bits"),
            (
                lambda c: renamed(c, {7: 2, 6: 1, 5: 0, 4: 4, 3: 3, 2: 7, 1: 6, 0: 5}),
                "You swapped top and bottom",
            ),
            (lambda c: renamed(c, MIRROR, -2), "upside down"),
            (lambda c: renamed(c, MIRROR | {4: 4, 3: 3}), "left (16) and right (8) are not"),
            (lambda c: renamed(c, STAY | {4: 3, 3: 4}), "but the corners are not"),
            (lambda c: 255 - renamed(c, MIRROR), "Every bit is the opposite"),
            (lambda c: renamed(c, MIRROR).float() / 255, "Codes are names"),
            (lambda c: renamed(c, MIRROR).roll(1, -1), "of your codes are those"),
        ],
    ),
    "diagnosis": Answers(
        right=[CAUSES, {name: cause.upper() for name, cause in CAUSES.items()}],
        wrong=[
            (swapped(A="too few images"), "A's training curve is the healthy one's"),
            (swapped(B="labels shuffled"), "B: validation gets above chance"),
            (swapped(C="labels shuffled"), "C: validation rises together"),
            (swapped(D="too few images"), "D: being learned by heart, but slowly"),
            (swapped(A="classes in another order"), "A: with classes in another order"),
            (swapped(C="rate too low"), "C's is above guessing"),
            (swapped(D="rate too low"), "D: with a rate too low"),
            (swapped(D="validation images also trained on"), "D: validation that was trained on"),
            (swapped(B="bad luck"), "is not on the list"),
            ({"A": "frozen statistics"}, "Without a diagnosis: B, C, D"),
            ("frozen statistics", "Give a dict"),
        ],
    ),
    "learn_in_parts": Answers(
        right=[in_parts, in_parts_by_sums],
        wrong=[
            (
                lambda *g: in_parts(*g, clear="never"),
                "What stood in `.grad` before is still in it:",
            ),
            (lambda *g: in_parts(*g, scale=lambda p, n: 1), "too large by the number of parts"),
            (
                lambda *g: in_parts(*g, clear="each", scale=lambda p, n: 1),
                "Only the last part is left:",
            ),
            (lambda *g: in_parts(*g, clear="each"), "and divided by `parts`"),
            (lambda *g: in_parts(*g, scale=lambda p, n: p * p), "You divided by `parts` twice"),
            (lambda *g: in_parts(*g, scale=lambda p, n: n), "the number of images in a part"),
            (lambda *g: in_parts(*g, told="sum"), "is the sum of the parts' losses"),
            (lambda *g: in_parts(*g, scale=lambda p, n: 1, take=1), "Only the first part"),
            (in_one, "may see 4 of 12 images at a time"),
            (with_one_backward, "3 parts were in memory at once"),
            (with_a_step, "The weights have changed"),
            (without_backward, "A parameter has no gradient"),
        ],
    ),
}


EQUAL = {}
