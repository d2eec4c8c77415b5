"""Lesson 08b: answers to its exercises, right ones and wrong ones."""

import torch
import torch.nn.functional as F

from tests.lessons import Answers
from vtff_lib.explain.pointing import pointing_game

# 1: the pointing game


def share_of_peak(maps, masks, pick=torch.argmax):
    height, width = masks.shape[1] // maps.shape[1], masks.shape[2] // maps.shape[2]
    found = []
    for heat, mask in zip(maps, masks, strict=True):
        row, column = divmod(int(pick(heat)), heat.shape[1])
        cell = mask[row * height : (row + 1) * height, column * width : (column + 1) * width]
        found.append(cell.float().mean())
    return torch.stack(found)


def hits(maps, masks):
    return share_of_peak(maps, masks) >= 0.5


def hits_by_pooling(maps, masks):
    shares = F.adaptive_avg_pool2d(masks.float(), tuple(maps.shape[1:])).flatten(1)
    best = maps.flatten(1).argmax(dim=1)
    return (shares[torch.arange(len(maps)), best] > 0.499).int()


def hits_of_batch(maps, masks):
    best = torch.full((len(maps),), int(maps.argmax()) % maps[0].numel())
    shares = F.adaptive_avg_pool2d(masks.float(), tuple(maps.shape[1:])).flatten(1)
    return shares[torch.arange(len(maps)), best] >= 0.5


def hits_transposed(maps, masks):
    return share_of_peak(maps, masks, lambda heat: heat.T.argmax()) >= 0.5


def mass(maps, masks):
    inside = F.adaptive_avg_pool2d(masks.float(), tuple(maps.shape[1:]))
    positive = maps.clamp_min(0)
    return (positive * inside).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))


def one_pixel(maps, masks, middle):
    height, width = masks.shape[1] // maps.shape[1], masks.shape[2] // maps.shape[2]
    start = (height // 2, width // 2) if middle else (0, 0)
    looked_up = masks[:, start[0] :: height, start[1] :: width].flatten(1)
    return looked_up.gather(1, maps.flatten(1).argmax(dim=1, keepdim=True))[:, 0]


# 2: beyond control places


def control_test(
    beyond, *, labels=(1, 1, 0, 0, 1), spots=((0, 2), (3, 3)), place=(0, 3), kept=True, channel=2,
):  # fmt: skip
    """A model that reads one pixel: of five faces three are right, and two of them read it."""
    images = torch.full((5, 3, 6, 8), 0.1)
    images[:3, channel, 1, 4] = 1.0
    given = images.clone()

    def name(some):
        return (some[:, channel, 1, 4] > 0.7).long()

    truth = torch.tensor(labels)
    value = beyond(name, images, truth, 3, place, list(spots))
    rightly = name(given) == truth

    def share(spot):
        top, left = spot
        read = top <= 1 < top + 3 and left <= 4 < left + 3
        return (rightly & (name(given) == 1)).sum() / rightly.sum() if read else 0.0

    wanted = share(place) - sum(map(share, spots)) / len(spots)
    assert abs(value - float(wanted)) < 1e-5
    if kept:
        assert torch.equal(images, given)


def control_test_by_corners(beyond):
    """Two models that read two corners."""
    images = torch.rand(6, 3, 5, 7, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.55
    images[2:4] -= 0.5
    before = images.clone()
    labels = torch.tensor([1, 0, 0, 0, 1, 1])

    def upper_left(some):
        return (some[:, :, 0, 0].amin(dim=1) > 0.52).long()

    def lower_right(some):
        return (some[:, :, 4, 6].amin(dim=1) > 0.52).long()

    top, bottom = (0, 0), (3, 5)
    told = [
        beyond(upper_left, images, labels, 2, top, [bottom, (2, 1), bottom]),
        beyond(upper_left, images, labels, 2, bottom, [(1, 3), top]),
        beyond(lower_right, images, labels, 2, bottom, [(3, 1), bottom, (0, 3)]),
    ]
    wanted = [3 / 5, -3 / 10, 3 / 5 - 1 / 5]
    return all(abs(a - b) < 1e-5 for a, b in zip(told, wanted, strict=True)) and torch.equal(
        images, before
    )


def control_of_none(beyond):
    """Asks for no control at all."""
    images, labels = torch.rand(3, 3, 4, 4), torch.zeros(3, dtype=torch.long)
    beyond(lambda some: torch.zeros(len(some)).long(), images, labels, 2, (0, 0), [])


# 3: what follows

RIGHT = [False, True, False, True, False, False, False]


def but(place, given):
    return [given if index == place - 1 else right for index, right in enumerate(RIGHT)]


ANSWERS = {
    "points_inside": Answers(
        right=[hits, hits_by_pooling, pointing_game],
        wrong=[
            (share_of_peak, "how much of the cell is inside"),
            (lambda maps, masks: share_of_peak(maps, masks) > 0.5, "by exactly half counts"),
            (lambda maps, masks: share_of_peak(maps, masks) > 0, "only touches"),
            (lambda maps, masks: share_of_peak(maps, masks) == 1, "inside wholly"),
            (lambda maps, masks: ~hits(maps, masks), "Your hits are the misses"),
            (lambda maps, masks: hits(maps.abs(), masks), "without its sign"),
            (lambda maps, masks: hits(-maps, masks), "You took the lowest cell"),
            (hits_transposed, "Rows and columns have changed places"),
            (hits_of_batch, "one peak for the whole batch"),
            (mass, "That is the mass inside"),
            (lambda maps, masks: mass(maps, masks) >= 0.5, "half of the map's mass"),
            (lambda maps, masks: one_pixel(maps, masks, True), "in the middle of the cell"),
            (lambda maps, masks: one_pixel(maps, masks, False), "upper left pixel"),
            (lambda maps, masks: hits(maps, masks).float().mean(), "one number for all faces"),
            (lambda maps, masks: hits(maps, masks).flip(0), "Your list of hits is off"),
        ],
    ),
    "fault_in_control": Answers(
        right=[control_test, control_test_by_corners],
        wrong=[
            (lambda b: control_test(b, labels=(1, 1, 1, 0, 0)), "takes one accuracy from another"),
            (lambda b: control_test(b, place=(3, 4)), "leaves the first square in place"),
            (lambda b: control_test(b, spots=((3, 3),)), "takes the worst of the controls"),
            (lambda b: control_test(b, spots=((0, 3), (3, 0))), "a pixel smaller"),
            (lambda b: control_test(b, spots=((0, 2), (2, 0))), "mixes up row and column"),
            (lambda b: control_test(b, kept=False), "leaves a square on the images"),
            (control_of_none, "rejects a version that is right"),
            (lambda b: False, "it returned False"),
        ],
    ),
    "what_follows": Answers(
        right=[RIGHT, tuple(RIGHT), [int(right) for right in RIGHT]],
        wrong=[
            *(
                (but(place, not right), f"Claim {place} does {'' if right else 'not '}follow")
                for place, right in enumerate(RIGHT, start=1)
            ),
            (but(2, None), "Claim 2 is still open"),
            (but(3, "perhaps"), "'perhaps' is neither True nor False"),
            (RIGHT[:6], "Give a list of 7 values"),
        ],
    ),
}

EQUAL: dict = {}
