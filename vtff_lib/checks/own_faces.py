"""The exercises of lesson 10: a crop, a refusal, a gap, a split by person, and a frozen trunk."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vtff_lib.checks.judging import call, close, exercise, require, require_tensor
from vtff_lib.checks.vtff import number
from vtff_lib.config import VTFFConfig
from vtff_lib.photos.finding import FaceBox, crop_face
from vtff_lib.vtff import VTFF

LIKE = 4.0  # grey levels: as far apart as two ways to resize a smooth photo

# Boxes as (row, column, height, width) in a photo of 90 × 130: inside, at a corner, at an edge.
BOXES = ((30, 40, 28, 20), (4, 2, 20, 34), (60, 96, 24, 30))
MARGINS = (0.25, 0.5, 0.4)

MASK = "Return a mask, one True or False for each picture"


def _smooth_photo() -> np.ndarray:
    rows, columns = np.mgrid[:90, :130] / 20
    waves = [np.sin(rows + k) + np.cos(columns * (1 + k / 3)) + rows / 3 for k in range(3)]
    photo = np.stack(waves, axis=-1)
    photo = (photo - photo.min()) / (photo.max() - photo.min())
    return (40 + 215 * photo).astype(np.uint8)


def _resized(part: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC))


@exercise("10", "A square around a face, also at the photo's edge")
def square_crop(answer: Callable[..., np.ndarray]) -> str:
    """Check Exercise 1 of lesson 10: a square with a margin, nothing stretched, no black border."""
    photo, size = _smooth_photo(), 36
    for box, margin in zip(BOXES, MARGINS, strict=True):
        given = photo.copy()
        found = np.asarray(call(answer, given, *box, margin, size))
        require(np.array_equal(given, photo), "You changed the photo itself; work on a copy.")
        where = f"For the box {box} in a photo of 90 × 130 pixels"
        require(
            found.shape == (size, size, 3),
            f"{where} the crop should be ({size}, {size}, 3); yours is {found.shape}.",
        )
        found = found.astype(float)
        right = crop_face(photo, FaceBox(*box), margin, size)
        if _unlike(found, right) > LIKE:
            _judge_crop(found, photo, box, margin, size)
        require(
            _unlike(found, right) <= LIKE,
            f"{where}, margin {margin}, your crop differs from the right one by "
            f"{_unlike(found, right):.0f} of 255 in the mean.",
        )
    return "Square, centred, and at the edge the photo's own last pixels go on."


def _unlike(found: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(found - other).mean())


def _window(
    photo: np.ndarray, middle: tuple[float, float], sides: tuple[float, float], size: int, how: str
) -> np.ndarray:
    """Cut a rectangle; what lies outside is `"edge"`, `"black"`, `"cut"` off or `"pushed"` in."""
    places = []
    for centre, side, length in zip(middle, sides, photo.shape[:2], strict=True):
        start = round(centre - side / 2)
        if how == "pushed":
            start = min(max(start, 0), length - round(side))
        places.append(start + np.arange(max(1, round(side))))
    inside = [(p >= 0) & (p < n) for p, n in zip(places, photo.shape[:2], strict=True)]
    if how == "cut":
        places = [p[within] for p, within in zip(places, inside, strict=True)]
    held = [np.clip(p, 0, n - 1) for p, n in zip(places, photo.shape[:2], strict=True)]
    part = photo[held[0][:, None], held[1]]
    if how == "black":
        part = part * (inside[0][:, None] & inside[1])[..., None].astype(np.uint8)
    return _resized(part, size)


def _judge_crop(
    found: np.ndarray, photo: np.ndarray, box: tuple[int, ...], margin: float, size: int
) -> None:
    """Say which mistake a wrong crop comes from: the nearest of those known, if it is near."""
    row, column, height, width = box
    middle = (row + height / 2, column + width / 2)
    whole, longer = 1 + 2 * margin, max(height, width)

    def square(side: float, how: str = "edge", centre: tuple[float, float] = middle) -> np.ndarray:
        return _window(photo, centre, (side, side), size, how)

    mistakes = {
        "You resized a rectangle to a square, so the face is stretched: take a square of the "
        "longer side, plus margins.": _window(
            photo, middle, (whole * height, whole * width), size, "edge"
        ),
        "The margin is missing.": square(longer),
        "The margin belongs on *every* side: twice along each axis.": square((1 + margin) * longer),
        "You took the shorter side of the box; a face that is taller than wide loses brows or "
        "chin.": square(whole * min(height, width)),
        "You filled up with black. A black border is an edge that LBP sees and no face "
        "has.": square(whole * longer, "black"),
        "You cut the square off at the photo's edge, and resizing then stretched what was "
        "left.": square(whole * longer, "cut"),
        "You pushed the square back into the photo, so the face is no longer in its "
        "middle.": square(whole * longer, "pushed"),
        "You centred on the box's corner; the middle is half a box further on.": square(
            whole * longer, centre=(row, column)
        ),
        "Your square begins at the box's corner; the margin goes before it too.": square(
            whole * longer, centre=(row + whole * longer / 2, column + whole * longer / 2)
        ),
        "Rows and columns have changed places: images are indexed [row, column].": square(
            whole * longer, centre=(column + width / 2, row + height / 2)
        ),
    }
    words, other = min(mistakes.items(), key=lambda each: _unlike(found, each[1]))
    require(_unlike(found, other) > LIKE, words)


@exercise("10", "When not to answer")
def least_confidence(answer: Callable[[Tensor, Tensor, float], float]) -> str:
    """Check Exercise 2 of lesson 10: the least threshold at which enough of the answers are right.

    What is compared is what the threshold does: any that answers the same pictures will do.
    """
    # Of each picture (confidence in tenths, whether it is right): in these two every mistake below
    # gives another set of answers than the right threshold, and than the other mistakes.
    ties = ((9, 0), (4, 0), (2, 0), (3, 1), (2, 0), (9.5, 1), (7, 1), (4, 0), (4, 1), (9.5, 1),
            (6, 0), (8, 0), (7, 0), (2, 1))  # fmt: skip
    dip = ((7, 1), (2, 1), (3, 1), (9.5, 1), (9, 1), (9.5, 1), (8, 1), (3, 0), (9.5, 0), (3, 0),
           (6, 1), (4, 0))  # fmt: skip
    confidence = torch.rand(97)
    random = confidence, torch.rand(97) < confidence
    hopeless = torch.tensor([0.7, 1.0]), torch.tensor([False, False])
    cases = (
        (*_columns(ties), 0.55),
        (*_columns(dip), 0.75),
        (*random, 0.8),
        (*random, 0.1),
        (*hopeless, 0.5),
    )
    for case in cases:
        found = number(call(answer, *case), "The threshold")
        _judge_threshold(found, *case)
    return (
        "On pictures like these the rate will hold, about. On other pictures nothing holds it: "
        "confidence is a habit of the model, not a measurement of the picture."
    )


def _columns(pictures: Sequence[tuple[float, int]]) -> tuple[Tensor, Tensor]:
    tenths, right = zip(*pictures, strict=True)
    return torch.tensor(tenths) / 10, torch.tensor(right).bool()


def _rates(confidence: Tensor, right: Tensor) -> dict[float, float]:
    """Return for each confidence, from the highest, what share is right of those not below it."""
    levels = confidence.unique().flip(0).tolist()
    return {t: right[confidence >= t].double().mean().item() for t in levels}


def _judge_threshold(found: float, confidence: Tensor, right: Tensor, wanted: float) -> None:
    rates = _rates(confidence, right)
    good = [t for t, rate in rates.items() if rate >= wanted]
    best = min(good) if good else math.inf
    chosen = confidence >= found
    if torch.equal(chosen, confidence >= best):
        return
    require(
        good,
        "No threshold reaches the wanted rate here, so nothing may be answered: return "
        '`float("inf")`.',
    )
    up_to_fail = math.inf
    for level, rate in rates.items():
        if rate < wanted:
            break
        up_to_fail = level
    correct = [t for t, r in zip(confidence.tolist(), right.tolist(), strict=True) if r]
    alone = [t for t in rates if right[confidence == t].double().mean() >= wanted]
    order = confidence.argsort(descending=True, stable=True)
    running = right[order].double().cumsum(0) / torch.arange(1, len(order) + 1)
    reached = (running >= wanted).nonzero().flatten()
    one_by_one = confidence[order[reached[-1]]].item() if len(reached) else math.inf
    below = [t for t in rates if right[confidence <= t].double().mean() >= wanted]
    above = [t for t in rates if (confidence > t).any()
             and right[confidence > t].double().mean() >= wanted]  # fmt: skip
    mistakes: list[tuple[float, str]] = [
        (max(good), "You took the highest threshold that will do; the least one answers more."),
        (up_to_fail, "You stopped at the first threshold that fails. Lower down the rate can be "
         "high enough again."),
        (one_by_one, "Pictures of the same confidence are answered together, or not at all: you "
         "counted some of them only."),
        (wanted, "The threshold is not the wanted rate itself: confidence need not be honest."),
        (float(confidence.quantile(1 - wanted)), "You answer a wanted *share of the pictures*; "
         "wanted is the share of the *answers* that are right."),
        (min(below, default=math.nan), "You judged the pictures below the threshold; those above "
         "it are answered."),
        (max(below, default=math.nan), "You judged the pictures below the threshold; those above "
         "it are answered."),
        (min(above, default=math.nan), "A picture with exactly the threshold's confidence is "
         "answered too: `>=`."),
        (min(alone, default=math.nan), "You judged each level of confidence alone; all that lie "
         "at it *or above* are answered."),
        (min(correct, default=math.nan), "You took the least confident right answer, and did not "
         "count the wrong ones above it."),
    ]  # fmt: skip
    for value, words in mistakes:
        require(not torch.equal(chosen, confidence >= value), words)
    rate = right[chosen].double().mean().item() if chosen.any() else math.nan
    require(
        False,
        f"For {len(confidence)} pictures and a wanted rate of {wanted} the threshold should be "
        f"{best:.3f}; yours, {found:.3f}, answers {int(chosen.sum())} with a rate of {rate:.2f}.",
    )


@exercise("10", "A gap between groups, with its interval")
def paired_gap(answer: Callable[[Tensor, Tensor, Tensor, Tensor], Any]) -> str:
    """Check Exercise 3 of lesson 10: gap, low and high, paired and by persons."""
    for people, sizes in ((9, (1, 2, 5)), (14, (4, 1, 3))):
        counts = [sizes[person % 3] for person in range(people)]
        persons = torch.arange(people).repeat_interleave(torch.tensor(counts))
        before = torch.rand(len(persons)) < 0.8
        skill = torch.rand(people)[persons]
        after = torch.rand(len(persons)) < 0.2 + 0.7 * skill
        draws = torch.randint(0, people, (400, people))
        found = call(answer, before, after, persons, draws)
        require(
            isinstance(found, tuple | list | Tensor) and len(found) == 3,
            "Return three numbers: the gap, and the low and the high end of its interval.",
        )
        told = tuple(number(each, "The gap and each end") for each in found)
        right = _gap(before, after, persons, draws)
        if not close(torch.tensor(told), torch.tensor(right), 1e-4):
            _judge_gap(told, before, after, persons, draws, right)
    return "One person's faces stand or fall together, so persons are drawn, not faces."


def _sums(values: Tensor, persons: Tensor) -> tuple[Tensor, Tensor]:
    people = int(persons.max()) + 1
    sums = torch.zeros(people, dtype=torch.float64).index_add(0, persons, values.double())
    return sums, persons.bincount(minlength=people).double()


def _ends(drawn: Tensor, low: float = 0.025, high: float = 0.975) -> tuple[float, float]:
    points = torch.tensor([low, high], dtype=torch.float64)
    low, high = drawn.double().quantile(points).tolist()
    return low, high


def _gap(before: Tensor, after: Tensor, persons: Tensor, draws: Tensor) -> tuple[float, ...]:
    sums, counts = _sums(after.double() - before.double(), persons)
    return ((sums.sum() / counts.sum()).item(), *_ends(sums[draws].sum(1) / counts[draws].sum(1)))


def _judge_gap(
    told: tuple[float, ...],
    before: Tensor,
    after: Tensor,
    persons: Tensor,
    draws: Tensor,
    right: tuple[float, ...],
) -> None:
    """Say which mistake wrong numbers come from."""
    gain = after.double() - before.double()
    sums, counts = _sums(gain, persons)
    each = sums / counts
    by_draw = sums[draws].sum(1) / counts[draws].sum(1)
    spread = gain.std().item() / math.sqrt(len(gain))
    faces = gain[draws[:, : len(gain)] % len(gain)].mean(1)
    wider = by_draw.std().item()
    mistakes = [
        (tuple(-x for x in (right[0], right[2], right[1])), "The sign is turned round: after minus "
         "before, so that a loss is below 0."),
        ((-right[0], -right[1], -right[2]), "The sign is turned round, and low and high have "
         "changed places."),
        ((right[0], right[2], right[1]), "Low and high have changed places."),
        ((each.mean().item(), *_ends(each[draws].mean(1))), "You averaged the persons' means, so a "
         "person with one face weighs as much as one with five; add up faces, then divide."),
        ((right[0], *_ends(each[draws].mean(1))), "The gap is right, but in the draws you averaged "
         "the persons' means; add up their faces, then divide by how many there are."),
        ((right[0], *_ends(sums[draws].sum(1) / counts.sum())), "You divided each draw by the "
         "number of all faces; a draw has its own number."),
        ((right[0], *_ends(by_draw, 0.05, 0.95)), "From 5 to 95 % lie 90 %; for 95 % leave out 2.5 "
         "% at either end."),
        ((right[0], *_ends(by_draw, 0.0, 1.0)), "You took the smallest and the largest draw; leave "
         "out 2.5 % at either end."),
        ((right[0], right[0] - 1.96 * spread, right[0] + 1.96 * spread), "You took faces for "
         "independent (1.96 standard errors); faces of one person are not. Use the draws of "
         "persons."),
        ((right[0], right[0] - 1.96 * wider, right[0] + 1.96 * wider), "You put 1.96 standard "
         "deviations around the gap; here the ends are asked for as quantiles of the draws."),
        ((right[0], *_ends(faces)), "You drew faces; `draws` are numbers of persons, and who is "
         "drawn brings all of his or her faces."),
    ]  # fmt: skip
    for value, words in mistakes:
        require(not close(torch.tensor(told), torch.tensor(value), 1e-4), words)
    require(
        close(told[0], right[0], 1e-4),
        f"The gap should be {right[0]:+.4f}, the share right after minus the share right before; "
        f"yours is {told[0]:+.4f}.",
    )
    require(
        False,
        f"The gap is right. Its interval should be [{right[1]:+.4f}, {right[2]:+.4f}], the 2.5 % "
        f"and 97.5 % quantiles over `draws`; yours is [{told[1]:+.4f}, {told[2]:+.4f}].",
    )


@exercise("10", "Own pictures, split so that nobody is on both sides")
def people_apart(answer: Callable[[Sequence[str], float, Sequence[str]], Tensor]) -> str:
    """Check Exercise 4 of lesson 10: a mask of the pictures to test on, whole people at a time."""
    cases = (
        ("Flo Ada Cy Cy Bo Bo Bo Di Cy Eve Bo Bo", 0.5, "Bo Cy Ada Di Eve Flo"),
        ("Eve Di Di Di Di Di Eve Ada Di Ada Ada Cy", 0.5, "Eve Ada Cy Di"),
        ("x y z z y x w v u w v u u u", 0.25, "u z w v y x"),
    )
    for pictures, share, names in cases:
        people, order = pictures.split(), names.split()
        found = call(answer, list(people), share, list(order))
        what = f"The mask of {len(people)} pictures"
        if not isinstance(found, Tensor):
            listed = np.asarray(found)
            require(listed.dtype.kind in "bif", f"{MASK}, no names.")
            found = torch.as_tensor(listed)
        require(
            found.dtype == torch.bool or found.shape == (len(people),),
            f"{MASK}, not the numbers of the pictures.",
        )
        found = require_tensor(found, (len(people),), what).bool()
        right = _apart(people, share, order)
        if not torch.equal(found, right):
            _judge_split(found, people, share, order)
    return (
        "A model that knows a face can name its expression by the person. Only strangers tell "
        "whether it reads expressions."
    )


def _apart(people: Sequence[str], share: float, order: Sequence[str], stop: str = "") -> Tensor:
    """Take people in order until there are enough pictures; with `stop`, by another rule."""
    taken: set[str] = set()
    for person in order:
        mask = [each in taken for each in people]
        more = sum(mask) + people.count(person)
        enough = {
            "": sum(mask) >= share * len(people),
            "people": len(taken) >= share * len(order),
            "never over": more > share * len(people),
            "above": sum(mask) > share * len(people),
        }[stop]
        if enough:
            break
        taken.add(person)
    return torch.tensor([each in taken for each in people])


def _judge_split(found: Tensor, people: Sequence[str], share: float, order: Sequence[str]) -> None:
    """Say which mistake a wrong mask comes from."""
    sides = [{p for p, test in zip(people, found.tolist(), strict=True) if test is side}
             for side in (True, False)]  # fmt: skip
    both = sorted(sides[0] & sides[1])
    require(
        not both,
        f"{both[0] if both else ''} is on both sides; a person goes with all of his or her "
        "pictures.",
    )
    right = _apart(people, share, order)
    mistakes = [
        (~right, "Your mask marks the pictures to learn from; mark those to test on."),
        (_apart(people, share, order, "people"), "You counted people; the share is of the "
         "pictures."),
        (_apart(people, share, order, "never over"), "You stopped before the share was reached; "
         "go on until there are *at least* so many."),
        (_apart(people, share, order, "above"), "With exactly the share there are enough: you took "
         "one person more."),
        (_apart(people, share, order[::-1]), "You took people from the end of `order`; begin at "
         "its start."),
        (_apart(people, share, sorted(order)), "You sorted the people; take them as `order` has "
         "them."),
        (_apart(people, share, list(dict.fromkeys(people))), "You took people as they come in the "
         "pictures; take them as `order` has them."),
    ]  # fmt: skip
    for value, words in mistakes:
        require(not torch.equal(found, value), words)
    require(not found.all(), "All pictures are marked: none is left to learn from.")
    marked = ", ".join(sorted({p for p, test in zip(people, right, strict=True) if test}))
    require(False, f"For {list(people)}, share {share}, order {list(order)}, mark all of {marked}.")


@exercise("10", "Freeze all but the head, batch norm's memory too")
def frozen_trunk(answer: Callable[[VTFF], Any]) -> str:
    """Check Exercise 5 of lesson 10: after a step the head has moved, and nothing else at all."""
    torch.manual_seed(0)
    model = VTFF(VTFFConfig.tiny(5)).train()  # as a training loop leaves it
    found = call(answer, model)
    try:
        learned = list(found)
    except TypeError:
        learned = []
    require(
        learned and all(isinstance(each, torch.nn.Parameter) for each in learned),
        "Return the parameters that are to learn, as a list, for the optimiser.",
    )
    head = {id(each) for each in model.head.parameters()}
    asked = {name for name, each in model.named_parameters() if each.requires_grad}
    require(
        asked & {"head.weight", "head.bias"} or any(id(each) in head for each in learned),
        "Nothing of the head learns; freeze the rest, and leave the head.",
    )
    require(
        {id(each) for each in learned} == head,
        "The list holds other parameters than the head's weight and bias, which alone are to "
        "learn.",
    )
    require(
        {"head.weight", "head.bias"} <= asked,
        "The head's own parameters have `requires_grad=False`: they would get no gradient.",
    )
    free = sorted(asked - {"head.weight", "head.bias"})
    norms = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for part in ("weight", "bias")
    }
    if free:
        _judge_unfrozen(free, norms)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    images = torch.randint(0, 256, (6, 3, 112, 112), dtype=torch.uint8)
    loss = model(images).logits.logsumexp(dim=1).sum()
    require(loss.requires_grad, "No gradient reaches the head.")
    loss.backward()
    moved = [
        name for name, each in model.state_dict().items() if not torch.equal(each, before[name])
    ]
    require(
        not any(name.endswith(("running_mean", "running_var")) for name in moved),
        "`requires_grad` stops gradients, and batch norm's running mean and variance need none: "
        "in train mode they moved with the first picture. Put the model in eval mode.",
    )
    counting = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d) and m.training]
    require(
        not counting,
        "Batch norm is still in train mode, and normalises by the twenty pictures themselves.",
    )
    require(not moved, f"{moved[0] if moved else ''} changed in a mere forward pass.")
    return "What the trunks know stays as it is, and the head learns to read it anew."


def _judge_unfrozen(free: list[str], norms: set[str]) -> None:
    """Say what else learns, by the part it belongs to."""
    more = f"{free[0]} and {len(free) - 1} more" if len(free) > 1 else free[0]
    require(
        not set(free) <= norms,
        f"Batch norm has weights and biases too, such as {free[0]}: freeze them like the rest.",
    )
    require(
        any(name.startswith("backbones.") for name in free),
        f"The trunks are frozen, but outside them {more} can still get gradients; only the head's "
        "should.",
    )
    require(
        False,
        f"{more} can still get gradients. An optimiser that leaves them out is not enough to call "
        "them frozen: set `requires_grad` to False.",
    )
