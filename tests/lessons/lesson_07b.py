"""Lesson 07b: answers to its exercises, right ones and wrong ones."""

from itertools import pairwise

import torch
import torch.nn.functional as F

from tests.lessons import Answers
from vtff_lib.evaluation.measure import calibration_error

# 1: the calibration error


def error_of(confidence, right, bins, *, below=True, size=None, gap=None, total=None, middle=False):
    """Return the right error, or one with the mistakes that are asked for."""
    place = (confidence * bins).ceil() - 1 if below else (confidence * bins).floor()
    errors = []
    for number in range(bins + 1):
        inside = place == number
        if inside.any():
            told = (number + 0.5) / bins if middle else confidence[inside].mean()
            off = right[inside].float().mean() - told
            off = gap(off) if gap else off.abs()
            errors.append(off * (size(inside) if size else inside.float().mean()))
    return total(errors) if total else sum(errors)


def error_by_buckets(confidence, right, bins):
    edges = torch.linspace(0, 1, bins + 1)[1:-1]
    place = torch.bucketize(confidence, edges)
    sums = torch.zeros(bins).index_add(0, place, right.float() - confidence)
    return sums.abs().sum() / len(confidence)


def error_by_library(confidence, right, bins):
    return calibration_error(confidence.numpy(), right.double().numpy(), bins)


def error_with_empty_bins(confidence, right, bins):
    total = 0.0
    for number in range(bins):
        inside = (confidence > number / bins) & (confidence <= (number + 1) / bins)
        total += inside.float().mean() * (right[inside].float() - confidence[inside]).mean().abs()
    return total


def error_in_place(confidence, right, bins):
    error = error_of(confidence, right, bins)
    confidence.zero_()
    return error


# 2: a batch in parts


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


def with_all_graphs(model, rgb, targets, parts):
    """What each part needs for `backward` is kept by the sum of the losses."""
    model.zero_grad()
    total = 0.0
    for images, wanted in zip(rgb.chunk(parts), targets.chunk(parts), strict=True):
        loss = F.cross_entropy(model(images), wanted) / parts
        loss.backward(retain_graph=True)
        total = total + loss
    return total.item()


def in_eval_mode(model, rgb, targets, parts):
    model.eval()
    return in_parts(model, rgb, targets, parts)


# 3: does a stopped run go on?


def goes_on(make, *, stops=range(12), later=1, end=12, times=2):
    """Return whether stopped runs end as an unbroken one does, or try that with a mistake."""
    unbroken = after(make(), end)
    for stop in stops:
        first = after(make(), stop)
        state = first.state()
        after(first, later)
        for _ in range(times):
            second = make()
            second.load(state)
            after(second, end - stop)
            if not torch.equal(second.weight, unbroken.weight):
                return False
    return True


def resume_is_asserted(make):
    assert goes_on(make, end=15)


def after(run, steps):
    for _ in range(steps):
        run.step()
    return run


def goes_on_step_by_step(make):
    """Compare after each step, with the state taken anew from a run that goes on."""
    unbroken, weights, states = make(), [], []
    for _ in range(20):
        states.append(unbroken.state())
        unbroken.step()
        weights.append(unbroken.weight.tolist())
    for stop in (9, 4, 6, 1, 9):
        second = make()
        second.load(states[stop])
        for wanted in weights[stop:]:
            second.step()
            if second.weight.tolist() != wanted:
                return False
    return True


def looks_for_momentum(make):
    return "momentum" in make().state() and "drawn" not in make().state() and goes_on(make)


ANSWERS = {
    "expected_calibration_error": Answers(
        right=[error_of, error_by_buckets, error_by_library],
        wrong=[
            (lambda *g: error_of(*g, size=lambda s: 1 / g[2]), "Your bins count alike"),
            (lambda *g: error_of(*g, size=lambda s: 1.0), "You added the gaps up"),
            (lambda *g: error_of(*g, gap=lambda off: off), "Gaps of different signs cancelled"),
            (lambda c, r, n: (r.float() - c).abs().mean(), "each image with itself"),
            (lambda *g: error_of(*g, size=lambda s: 1.0, total=max), "You took the widest gap"),
            (lambda *g: error_of(*g, gap=lambda off: off**2), "You squared the gaps"),
            (lambda *g: error_of(*g, below=False), "went to the bin above"),
            (lambda *g: error_of(*g, middle=True), "the middle of a bin"),
            (lambda *g: error_of(*g, total=sum) / g[2], "divided by the number of bins"),
            (error_with_empty_bins, "an empty bin has no mean"),
            (error_in_place, "You changed a tensor"),
            (lambda *g: error_of(*g) + 0.1, "Of 11 images in 4 bins the error should be"),
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
            (with_all_graphs, "what `backward()` needs of earlier parts was still in memory"),
            (in_eval_mode, "left in eval mode"),
            (lambda *g: in_parts(*g, scale=lambda p, n: p + 0.5), "of it should be"),
        ],
    ),
    "fault_in_resume": Answers(
        right=[goes_on, goes_on_step_by_step, resume_is_asserted],
        wrong=[
            (lambda make: goes_on(make, stops=(4, 8)), "begins its epoch anew"),
            (lambda make: goes_on(make, stops=(1, 2), end=4), "forgets its random state"),
            (lambda make: goes_on(make, stops=(5,)), "just when an epoch has ended"),
            (lambda make: goes_on(make, later=0), "hands out a state that is no copy"),
            (lambda make: goes_on(make, times=1), "whoever loads it a second time"),
            (lambda make: False, "it returned False"),
            (looks_for_momentum, "it draws its orders, and keeps its random state"),
        ],
    ),
}

EQUAL = {}
