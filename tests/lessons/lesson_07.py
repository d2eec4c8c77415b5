"""Lesson 07: answers to its exercises, right ones and wrong ones."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from figures.experiments import sick_runs
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


def loss_by_two_terms(logits, targets, smoothing):
    logs = F.log_softmax(logits, dim=-1)
    evenly = -logs.mean(dim=-1)
    return ((1 - smoothing) * -(targets * logs).sum(dim=-1) + smoothing * evenly).mean()


def loss_by_loop(logits, targets, smoothing):
    total = 0.0
    for row, target in zip(logits.double(), targets.double(), strict=True):
        norm = torch.logsumexp(row, 0)
        for score, share in zip(row, target, strict=True):
            wanted = (1 - smoothing) * share + smoothing / len(row)
            total = total + wanted * (norm - score)
    return total / len(logits)


def loss_in_place(logits, targets, smoothing):
    targets *= 1 - smoothing
    targets += smoothing / targets.shape[1]
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


def loss_of_shares(logits, targets, smoothing, *, change):
    wanted = (1 - smoothing) * targets + smoothing / targets.shape[1]
    return -(wanted * change(logits.softmax(dim=1)).log()).sum(dim=1).mean()


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


def share_up_to(step, total, warmup):
    """The rise goes on at step W."""
    return (step + 1) / warmup if 0 < warmup >= step else share_of_rate(step, total, warmup)


def falls(step, total, warmup, level, depth):
    """The right rise, then a cosine of this depth around this level."""
    if step < warmup:
        return (step + 1) / warmup
    return level + depth * math.cos(math.pi * (step - warmup) / (total - warmup))


def share_of_quarter(step, total, warmup):
    rising = step < warmup
    return (
        (step + 1) / warmup
        if rising
        else math.cos(math.pi / 2 * (step - warmup) / (total - warmup))
    )


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


def averaged_without_brackets(average, weight, step, decay):
    d = min(decay, (1 + step) / 10 + step)
    return d * average + (1 - d) * weight


def averaged_in_two_stages(average, weight, step, decay):
    """The ramp for ten steps, then `decay` at once: right in the first cases."""
    return averaged(average, weight, step, decay, choose=min if step < 10 else lambda d, r: d)


# 4: a test for an epoch


def net(seed=0):
    """Return a model that minds its mode, from 3 numbers to 4 logits."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 4))


def some_batches(sizes=(3, 2), hard=False):
    dice = torch.Generator().manual_seed(2)
    images = torch.randn(sum(sizes), 3, generator=dice)
    targets = torch.rand(sum(sizes), 4, generator=dice).softmax(dim=1)
    if hard:
        targets = F.one_hot(targets.argmax(dim=1), 4).float()
    return [*zip(images.split(sizes), targets.split(sizes), strict=True)]


def epoch_test(
    epoch, *, sizes=(3, 2), hard=False, stale=True, mode=False, rate=0.1, told=True, kept=True
):
    """Compare with a right epoch, or do so with less."""
    batches = some_batches(sizes, hard)
    given, model = copy.deepcopy(batches), net().train(mode)
    if stale:
        for weight in model.parameters():
            weight.grad = torch.ones_like(weight)
    twin = copy.deepcopy(model).train()
    value = epoch(model, torch.optim.SGD(model.parameters(), lr=rate), batches)

    optimiser, costs = torch.optim.SGD(twin.parameters(), lr=rate), []
    for images, targets in given:
        optimiser.zero_grad()
        loss = F.cross_entropy(twin(images), targets)
        loss.backward()
        optimiser.step()
        costs += [loss.item()] * len(images)
    if told:
        assert math.isclose(value, sum(costs) / len(costs), rel_tol=1e-4)
    for name, wanted in twin.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], wanted, rtol=1e-3, atol=1e-5)
    if kept:
        for pair, before in zip(batches, given, strict=True):
            assert all(map(torch.equal, pair, before))


def epoch_test_by_hand(epoch):
    """A single weight for each class, whose steps are known in closed form."""
    batches = some_batches((2, 4, 1))
    given = copy.deepcopy(batches)
    modes = []

    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = nn.Parameter(torch.zeros(4))
            self.scores.grad = torch.arange(4.0)

        def forward(self, images):
            modes.append(self.training)
            return self.scores.expand(len(images), 4) + images.sum(dim=1, keepdim=True)

    model, scores, costs = Scores().eval(), torch.zeros(4), []
    told = epoch(model, torch.optim.SGD(model.parameters(), lr=2.0), batches)
    for _, targets in given:
        costs += (-(targets * scores.log_softmax(dim=0)).sum(dim=1)).tolist()
        scores = scores - 2.0 * (scores.softmax(dim=0) - targets.mean(dim=0))
    return (
        modes == [True] * 3
        and abs(told - sum(costs) / 7) < 1e-4
        and (model.scores - scores).abs().max().item() < 1e-4
        and all(torch.equal(*pair) for pair in zip(batches[0], given[0], strict=True))
    )


def exact_epoch_test(epoch):
    """Right, but for sums that round differently."""
    model = net().double()
    batches = [(a.double(), b.double()) for a, b in some_batches((50, 30))]
    twin = copy.deepcopy(model)
    value = epoch(model, torch.optim.SGD(model.parameters(), lr=0.1), batches)
    (first, targets), costs = batches[0], []
    costs = F.cross_entropy(twin(first), targets).item()
    assert value == costs, "not equal"


# 5: codes of a mirror image

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


# 6: the diagnosis

CAUSES = {name: run.cause for name, run in sick_runs.RUNS.items() if name != "healthy"}


def swapped(**changes):
    """Return the right diagnosis with some changes."""
    return CAUSES | changes


ANSWERS = {
    "smoothed_loss": Answers(
        right=[loss, loss_by_two_terms, loss_by_loop],
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
            (lambda x, t, s: loss_of_shares(x, t, s, change=lambda p: p), "yours is nan. Take"),
            (lambda x, t, s: loss_of_shares(x, t, s, change=lambda p: p + 1e-9), "stops at 20.7"),
            (
                lambda x, t, s: loss_of_shares(x, t, s, change=lambda p: p.clamp_min(1e-12)),
                "yours stops at 27.6",
            ),
            (lambda x, t, s: loss(x, t, s, spread=s / 3), "over another number of classes"),
            (lambda x, t, s: loss(x.detach(), t, s), "a model cannot learn from it"),
            (loss_in_place, "you changed the logits or targets"),
            (
                lambda x, t, s: F.cross_entropy(x, t, label_smoothing=s),
                "by `F.cross_entropy`, which was to be left out",
            ),
        ],
    ),
    "rate_share": Answers(
        right=[share_of_rate, share_by_torch, learning_rate_share],
        wrong=[
            (lambda *g: share_of_rate(*g, first=0), "Your first step has the rate 0"),
            (lambda *g: share_of_rate(*g, start=0), "Your cosine starts at step 0"),
            (lambda *g: share_of_rate(*g, end=1), "divide by S − W"),
            (lambda *g: share_of_rate(*g, half=False), "from 1 to −1"),
            (lambda s, t, w: share_up_to(s, t, w), "the rise is for s < W, not for s ≤ W"),
            (lambda s, t, w: share_of_rate(s, t, w, end=-w), "You divide by S;"),
            (share_of_quarter, "a quarter of a cosine"),
            (lambda s, t, w: (s + 1) / (w + 1) if s < w else share_of_rate(s, t, w), "below 1"),
            (lambda *g: falls(*g, 0.5, 1.0), "The ½ before the cosine is missing"),
            (lambda *g: falls(*g, 0.0, 0.5), "The ½ that is added is missing"),
            (lambda s, t, w: share_of_rate(s, t, w) ** 2, "step 0 should have the share 0.333"),
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
            (averaged_without_brackets, "the divisor is (10 + step)"),
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
    "fault_in_epoch": Answers(
        right=[epoch_test, epoch_test_by_hand],
        wrong=[
            (lambda e: epoch_test(e, sizes=(3, 3)), "counts a small batch as much as a large one"),
            (lambda e: epoch_test(e, stale=False), "what stood in `.grad` when it was called"),
            (lambda e: epoch_test(e, mode=True), "in whatever mode the model comes"),
            (lambda e: epoch_test(e, hard=True), "the largest share of each row alone"),
            (lambda e: epoch_test(e, kept=False), "changes the targets that it is given"),
            (lambda e: epoch_test(e, rate=0.0), "never clears the gradients"),
            (exact_epoch_test, "rejects a version that is right"),
            (lambda e: False, "it returned False"),
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
            (
                lambda c: renamed(c, MIRROR).where(c.flip(-1) != 255, 0),
                "it should be 255 (255 in column",
            ),
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
}


EQUAL = {}
