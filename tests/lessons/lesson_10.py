"""Lesson 10: answers to its exercises, right ones and wrong ones."""

import copy
import math
from collections import Counter

import numpy as np
import torch
from PIL import Image
from torch import nn

from figures.experiments.by_person import means
from tests.lessons import Answers
from vtff_lib.photos.finding import FaceBox, crop_face

# 1: a square crop


def resized(part, size):
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC))


def cropped(
    photo, row, column, height, width, margin, size, *, pick=max, sides=2, centre=0.5, pad="edge"
):
    """Return the right crop by padding first, or one with the mistakes that are asked for."""
    side = round((1 + sides * margin) * pick(height, width))
    room = side
    if pad == "edge":
        padded = np.pad(photo, ((room, room), (room, room), (0, 0)), mode="edge")
    else:
        padded = np.pad(photo, ((room, room), (room, room), (0, 0)))
    top = room + round(row + centre * height - side / 2)
    left = room + round(column + centre * width - side / 2)
    return resized(padded[top : top + side, left : left + side], size)


def side_of(photo, row, column, height, width, size, side):
    """Return the right crop but for its side."""
    middle = row + height / 2, column + width / 2
    rows, columns = (
        np.clip(round(centre - side / 2) + np.arange(round(side)), 0, length - 1)
        for centre, length in zip(middle, photo.shape[:2], strict=True)
    )
    return resized(photo[rows[:, None], columns], size)


def mean_side(photo, row, column, height, width, margin, size):
    side = (1 + 2 * margin) * (height + width) / 2
    return side_of(photo, row, column, height, width, size, side)


def geometric_side(photo, row, column, height, width, margin, size):
    side = (1 + 2 * margin) * math.sqrt(height * width)
    return side_of(photo, row, column, height, width, size, side)


def margin_of_the_height(photo, row, column, height, width, margin, size):
    side = max(height, width) + 2 * margin * height
    return side_of(photo, row, column, height, width, size, side)


def margin_of_the_shorter(photo, row, column, height, width, margin, size):
    side = max(height, width) + 2 * margin * min(height, width)
    return side_of(photo, row, column, height, width, size, side)


def side_of_the_height(photo, row, column, height, width, margin, size):
    return side_of(photo, row, column, height, width, size, (1 + 2 * margin) * height)


def diagonal(photo, row, column, height, width, margin, size):
    side = (1 + 2 * margin) * math.hypot(height, width)
    return side_of(photo, row, column, height, width, size, side)


def by_the_library(photo, row, column, height, width, margin, size):
    return crop_face(photo, FaceBox(row, column, height, width), margin, size)


def stretched(photo, row, column, height, width, margin, size):
    tall, wide = (1 + 2 * margin) * height, (1 + 2 * margin) * width
    rows = np.clip(round(row - margin * height) + np.arange(round(tall)), 0, len(photo) - 1)
    columns = np.clip(round(column - margin * width) + np.arange(round(wide)), 0, 129)
    return resized(photo[rows[:, None], columns], size)


def cut_off(photo, row, column, height, width, margin, size):
    side = (1 + 2 * margin) * max(height, width)
    top, left = row + height / 2 - side / 2, column + width / 2 - side / 2
    part = photo[max(0, round(top)) : round(top + side), max(0, round(left)) : round(left + side)]
    return resized(part, size)


def pushed_in(photo, row, column, height, width, margin, size):
    side = round((1 + 2 * margin) * max(height, width))
    top = min(max(0, round(row + height / 2 - side / 2)), photo.shape[0] - side)
    left = min(max(0, round(column + width / 2 - side / 2)), photo.shape[1] - side)
    return resized(photo[top : top + side, left : left + side], size)


def swapped(photo, row, column, height, width, margin, size):
    return cropped(photo, column, row, width, height, margin, size)


def painted_black(photo, *rest):
    photo[:] = 0
    return by_the_library(photo, *rest)


def channels_first(*given):
    return by_the_library(*given).transpose(2, 0, 1)


# 2: a threshold


def least(confidence, right, wanted):
    levels = [t for t in confidence.tolist() if right[confidence >= t].float().mean() >= wanted]
    return min(levels, default=math.inf)


def least_by_sorting(confidence, right, wanted):
    order = confidence.argsort(descending=True)
    rate = right[order].double().cumsum(0) / torch.arange(1, len(order) + 1)
    ordered = confidence[order]
    last_of_equals = torch.cat([ordered[1:] != ordered[:-1], torch.tensor([True])])
    good = (last_of_equals & (rate >= wanted)).nonzero().flatten()
    return ordered[good[-1]] if len(good) else torch.tensor(math.inf)


def highest(confidence, right, wanted):
    levels = [t for t in confidence.tolist() if right[confidence >= t].float().mean() >= wanted]
    return max(levels, default=math.inf)


def until_the_first_failure(confidence, right, wanted):
    found = math.inf
    for t in confidence.unique().flip(0).tolist():
        if right[confidence >= t].float().mean() < wanted:
            break
        found = t
    return found


def one_by_one(confidence, right, wanted):
    order = confidence.argsort(descending=True, stable=True)
    rate = right[order].double().cumsum(0) / torch.arange(1, len(order) + 1)
    good = (rate >= wanted).nonzero().flatten()
    return confidence[order[good[-1]]] if len(good) else math.inf


def quantile(confidence, right, wanted):
    return confidence.quantile(1 - wanted)


def zero_if_hopeless(confidence, right, wanted):
    found = least(confidence, right, wanted)
    return 0.0 if found == math.inf else found


def each_level_alone(confidence, right, wanted):
    good = [t for t in confidence.tolist() if right[confidence == t].float().mean() >= wanted]
    return min(good, default=math.inf)


def strictly_above(confidence, right, wanted):
    good = [
        t
        for t in confidence.tolist()
        if (confidence > t).any() and right[confidence > t].float().mean() >= wanted
    ]
    return min(good, default=math.inf)


def below(confidence, right, wanted):
    good = [t for t in confidence.tolist() if right[confidence <= t].float().mean() >= wanted]
    return max(good, default=math.inf)


def at_or_above(share):
    """Return the answer that takes the least confidence at which `share` of it is enough."""

    def answer(confidence, right, wanted):
        good = [t for t in confidence.tolist() if share(confidence, right, t) >= wanted]
        return min(good, default=math.inf)

    return answer


def highest_that_keeps(confidence, right, wanted):
    kept = [t for t in confidence.tolist() if right[confidence >= t].sum() >= wanted * right.sum()]
    return max(kept, default=math.inf)


def highest_of_all_pictures(confidence, right, wanted):
    good = [t for t in confidence.tolist() if right[confidence >= t].sum() >= wanted * len(right)]
    return max(good, default=math.inf)


def on_a_grid(confidence, right, wanted):
    grid = torch.arange(0, 1.005, 0.01).tolist()
    return min(
        (t for t in grid if right[confidence >= t].float().mean() >= wanted), default=math.inf
    )


def nan_if_hopeless(confidence, right, wanted):
    found = least(confidence, right, wanted)
    return math.nan if found == math.inf else found


def two_if_hopeless(confidence, right, wanted):
    return min(least(confidence, right, wanted), 2.0)


# 3: a gap


def gap(before, after, persons, draws, *, points=(0.025, 0.975), sign=1, how="faces"):
    """Return the right gap and interval, or those with the mistakes that are asked for."""
    gain = sign * (after.double() - before.double())
    people = int(persons.max()) + 1
    sums = torch.stack([gain[persons == person].sum() for person in range(people)])
    counts = torch.stack([(persons == person).sum() for person in range(people)])
    if how == "means":
        sums, counts = sums / counts, torch.ones(people)
    drawn = sums[draws].sum(dim=1) / counts[draws].sum(dim=1)
    low, high = drawn.quantile(torch.tensor(points, dtype=torch.float64))
    return sums.sum() / counts.sum(), low, high


def gap_by_loop(before, after, persons, draws):
    gain = after.double() - before.double()
    faces_of = {p: gain[persons == p] for p in persons.unique().tolist()}
    found = [torch.cat([faces_of[p] for p in draw.tolist()]).mean().item() for draw in draws]
    low, high = np.percentile(found, (2.5, 97.5))
    return gain.mean().item(), low, high


def standard_errors(before, after, persons, draws):
    gain = after.double() - before.double()
    reach = 1.96 * gain.std().item() / math.sqrt(len(gain))
    return gain.mean().item(), gain.mean().item() - reach, gain.mean().item() + reach


def swapped_ends(*given):
    value, low, high = gap(*given)
    return value, high, low


def turned_round(*given):
    value, low, high = gap(*given)
    return -value, -low, -high


def drawn_faces(before, after, persons, draws):
    gain = after.double() - before.double()
    drawn = gain[draws % len(gain)].mean(dim=1)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return gain.mean(), low, high


def own_draws(before, after, persons, draws):
    told = means({"gap": after.double() - before.double()}, persons)["gap"]
    return told["value"] + 0.05, told["low"], told["high"]


def all_faces_below(before, after, persons, draws):
    gain = after.double() - before.double()
    sums = torch.zeros(int(persons.max()) + 1, dtype=torch.float64).index_add(0, persons, gain)
    drawn = sums[draws].sum(dim=1) / len(gain)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return gain.mean(), low, high


# 4: a test for splits

PEOPLE = ("Ada", "Bo", "Ada", "Cy", "Di", "Bo", "Ada", "Eve", "Cy", "Flo")
RUNS = tuple(sorted(PEOPLE))


def split_test(
    split,
    *,
    people=PEOPLE,
    shares=(0.2, 0.35, 0.6),
    all_there=True,
    spare=True,
    shuffled=True,
    moves=True,
):
    """Ask for all that is promised, or for less."""
    people, backwards = list(people), list(people)[::-1]
    for share in shares:
        found = set()
        for seed in range(12):
            learn, test = split(people, share, seed)
            tested = {people[n] for n in test}
            found.add(frozenset(tested))
            if all_there:
                assert sorted([*learn, *test]) == [*range(len(people))]
            assert not tested & {people[n] for n in learn}
            assert len(test) >= share * len(people)
            if spare:
                assert len(test) - max(map(people.count, tested)) < share * len(people)
            assert sorted(split(people, share, seed)[1]) == sorted(test)
            if shuffled:
                assert {backwards[n] for n in split(backwards, share, seed)[1]} == tested
        if moves:
            assert len(found) > 1


def split_test_by_counting(split):
    """Count, for people of all sizes."""
    people = [name for size, name in enumerate("zyxwvut", start=1) for _ in range(size)]
    people = people[::2] + people[1::2]
    found = set()
    for seed in range(15):
        for share in (0.1, 0.25, 0.37):
            learn, test = split(people, share, seed)
            sizes = Counter(people[n] for n in test)
            needed = share * len(people)
            again = split(people[::-1], share, seed)[1]
            if (
                any(people.count(name) != size for name, size in sizes.items())
                or sorted(learn + test) != [*range(len(people))]
                or not sizes.total() >= needed > sizes.total() - max(sizes.values())
                or Counter(people[::-1][n] for n in again) != sizes
                or {*split(people, share, seed)[1]} != {*test}
            ):
                return False
            found.add((share, *sorted(sizes)))
    return len(found) > 3


def split_is_sorted(split):
    """Demands an order that nobody promised."""
    learn, test = split(list(PEOPLE), 0.5, 1)
    assert learn == sorted(learn)
    assert test == sorted(test)


# 5: a frozen trunk


def frozen(model):
    model.eval()
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    return list(model.head.parameters())


def frozen_norms_alone(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("head")
    return [each for each in model.parameters() if each.requires_grad]


def still_training(model):
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    return list(model.head.parameters())


def optimiser_only(model):
    model.eval()
    return list(model.head.parameters())


def trunks_only(model):
    model.eval()
    model.backbones.requires_grad_(False)
    return list(model.head.parameters())


def norms_forgotten(model):
    model.eval()
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(True)
    model.head.requires_grad_(True)
    return list(model.head.parameters())


def head_frozen_too(model):
    model.eval().requires_grad_(False)
    return list(model.head.parameters())


def returns_all(model):
    frozen(model)
    return list(model.parameters())


def returns_model(model):
    frozen(model)
    return model


def new_head(model):
    model.eval().requires_grad_(False)
    model.head = nn.Linear(model.head.in_features, model.head.out_features)
    return list(model.head.parameters())


def weight_alone(model):
    frozen(model)
    return [model.head.weight]


def of_a_copy(model):
    return frozen(copy.deepcopy(model))


def all_frozen(model):
    model.eval().requires_grad_(False)
    return list(model.backbones.parameters())


ANSWERS = {
    "square_crop": Answers(
        right=[cropped, by_the_library],
        wrong=[
            (stretched, "the face is stretched"),
            (lambda *g: cropped(*g, sides=0), "The margin is missing"),
            (lambda *g: cropped(*g, sides=1), "twice along each axis"),
            (lambda *g: cropped(*g, pick=min), "the shorter side"),
            (lambda *g: cropped(*g, pad="black"), "filled up with black"),
            (cut_off, "resizing then stretched"),
            (pushed_in, "pushed the square back"),
            (lambda *g: cropped(*g, centre=0), "centred on the box's corner"),
            (swapped, "Rows and columns have changed places"),
            (mean_side, "the mean of height and width"),
            (geometric_side, "the root of height times width"),
            (margin_of_the_height, "a share of the height"),
            (margin_of_the_shorter, "a share of the shorter side"),
            (side_of_the_height, "You took the height of the box"),
            (diagonal, "your square is about"),
            (painted_black, "changed the photo itself"),
            (channels_first, "yours is (3, 36, 36)"),
        ],
    ),
    "least_confidence": Answers(
        right=[least, least_by_sorting],
        wrong=[
            (highest, "You took the highest threshold"),
            (until_the_first_failure, "the first threshold that fails"),
            (one_by_one, "answered together, or not at all"),
            (lambda c, r, wanted: wanted, "not the wanted rate itself"),
            (quantile, "share of the pictures*"),
            (zero_if_hopeless, 'return `float("inf")`'),
            (each_level_alone, "each level of confidence alone"),
            (strictly_above, "`>=`"),
            (below, "those above it are answered"),
            (lambda c, r, w: c[r].min() if r.any() else math.inf, "the least confident right"),
            (highest_that_keeps, "a share of all right answers"),
            (highest_of_all_pictures, "You divided by all pictures"),
            (at_or_above(lambda c, r, t: r[c >= t].sum() / r.sum()), "answers every picture"),
            (at_or_above(lambda c, r, t: c[c >= t].mean()), "You averaged the confidences"),
            (on_a_grid, "nearer together than your steps"),
            (nan_if_hopeless, "you return nan"),
            (two_if_hopeless, "you return 2;"),
        ],
    ),
    "paired_gap": Answers(
        right=[gap, gap_by_loop],
        wrong=[
            (lambda *g: gap(*g, sign=-1), "The sign is turned round: after minus before"),
            (turned_round, "and low and high have changed places"),
            (swapped_ends, "Low and high have changed places."),
            (lambda *g: gap(*g, how="means"), "a person with one face weighs as much"),
            (lambda *g: (gap(*g)[0], *gap(*g, how="means")[1:]), "in the draws you averaged"),
            (lambda *g: gap(*g, points=(0.05, 0.95)), "lie 90 %"),
            (lambda *g: gap(*g, points=(0.0, 1.0)), "the smallest and the largest draw"),
            (standard_errors, "You took faces for independent"),
            (drawn_faces, "You drew faces"),
            (all_faces_below, "a draw has its own number"),
            (own_draws, "The gap should be"),
            (lambda *g: gap(*g)[0:2], "Return three numbers"),
        ],
    ),
    "fault_in_split": Answers(
        right=[split_test, split_test_by_counting],
        wrong=[
            (
                lambda s: split_test(s, people=RUNS, shuffled=False),
                "that follow each other for a person",
            ),
            (lambda s: split_test(s, shares=(0.2, 0.6)), "rounds the share"),
            (lambda s: split_test(s, spare=False), "goes on though"),
            (lambda s: split_test(s, shuffled=False), "the order in which the pictures are"),
            (lambda s: split_test(s, moves=False), "never changes with the seed"),
            (lambda s: split_test(s, all_there=False), "loses pictures"),
            (split_is_sorted, "rejects a version that is right"),
            (lambda s: False, "it returned False"),
        ],
    ),
    "frozen_trunk": Answers(
        right=[frozen, frozen_norms_alone],
        wrong=[
            (still_training, "Put the model in eval mode"),
            (optimiser_only, "not enough to call"),
            (trunks_only, "The trunks are frozen, but"),
            (norms_forgotten, "Batch norm has weights and biases too"),
            (head_frozen_too, "they would get no gradient"),
            (returns_all, "other parameters than the head's"),
            (new_head, "You put a new head"),
            (weight_alone, "your list holds one of them"),
            (of_a_copy, "parameters of another model"),
            (returns_model, "Return the parameters that are to learn"),
            (all_frozen, "Nothing of the head learns"),
        ],
    ),
}


EQUAL = {}
