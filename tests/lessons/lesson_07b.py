"""Lesson 07b: answers to its exercise, right ones and wrong ones."""

from itertools import pairwise

import torch
import torch.nn.functional as F

from tests.lessons import Answers


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


ANSWERS = {
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
}

EQUAL = {}
