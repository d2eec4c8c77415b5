"""The checks of lesson 07, third part: codes of a mirror image, and four sick runs."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, exercise, judge, require, require_answer, require_tensor
from vtff_lib.checks.versions import Dice, asks, dealt
from vtff_lib.lbp import local_binary_pattern

CAUSES = (
    "rate too high",
    "rate too low",
    "too few images",
    "labels shuffled",
    "frozen statistics",
    "validation images also trained on",
    "classes in another order",
)
RUNS = ("frozen statistics", "labels shuffled", "rate too high", "too few images")  # dealt, below
LETTERS = "ABCD"
NOT_ANYWHERE = {
    "rate too low": "{}: with a rate too low the training loss falls evenly and slowly, and "
    "training and validation stay together.",
    "validation images also trained on": "{}: validation that was trained on looks too good; here "
    "it is worse than the healthy run's.",
}
WHY_NOT = {  # what ails a run: what is said of it, and what speaks against that
    "frozen statistics": {
        "too few images": (
            "{0}: too few images are learned faster than the healthy run's; {0}'s training "
            "curve is the healthy one's."
        ),
        "labels shuffled": (
            "{0}: shuffled labels take longer to learn than true ones; {0}'s training curve "
            "is the healthy one's."
        ),
        "rate too high": "{0}: training goes as well as the healthy run's, so the steps are fine.",
        "classes in another order": (
            "{0}: with classes in another order, a model that learns would still name many "
            "classes; {0} is exactly at chance again and again, so it names one."
        ),
    },
    "too few images": {
        "frozen statistics": (
            "{0}: validation is well above chance, and training is far faster than the "
            "healthy run's: it is not eval mode that fails."
        ),
        "labels shuffled": "{0}: validation gets above chance, so the labels say something.",
        "rate too high": "{0}: the training loss falls to 0; a rate too high would not let it.",
        "classes in another order": (
            "{0}: validation is above chance, and training is faster than the healthy run's, "
            "which an order of classes could not bring about."
        ),
    },
    "rate too high": {
        "rate too low": (
            "{0}: with a rate too low the training loss falls evenly and slowly; {0}'s is "
            "above guessing for half of the run, and falls when the schedule has lowered the "
            "rate."
        ),
        "labels shuffled": "{0}: validation rises together with training, so the labels are true.",
        "too few images": (
            "{0}: few images would be learned by heart at once; {0} hardly learns them."
        ),
        "frozen statistics": (
            "{0}: training itself goes badly, and in training mode the running statistics are"
            " not used."
        ),
        "classes in another order": (
            "{0}: training itself goes badly, and it does not see the validation labels."
        ),
    },
    "labels shuffled": {
        "frozen statistics": (
            "{0}: training starts slower than the healthy run's; running statistics are not "
            "used in training."
        ),
        "too few images": (
            "{0}: being learned by heart, but slowly, and nothing true with it: validation "
            "never leaves chance."
        ),
        "rate too high": (
            "{0}: the training loss goes down smoothly in the end, and validation does not "
            "follow; look for the reason in what is learned."
        ),
        "classes in another order": (
            "{0}: training starts slower than the healthy run's, and it does not see the "
            "validation labels."
        ),
    },
}


@exercise("07", "The codes of a mirrored image")
def mirrored_codes(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 5 of lesson 07: LBP codes of the mirror image, from the codes alone."""
    dice = torch.Generator().manual_seed(0)
    image = torch.randint(256, (2, 3, 5, 8), generator=dice, dtype=torch.uint8)
    codes, wanted = local_binary_pattern(image), local_binary_pattern(image.flip(-1))
    what = "The codes of a (2, 3, 5, 8) image"
    mirrored = require_tensor(call(answer, codes), (2, 3, 5, 8), what, dtype=torch.uint8)
    require(
        not mirrored.is_floating_point(),
        f"Codes are names, whole numbers from 0 to 255; yours are {mirrored.dtype}.",
    )
    mirrored = mirrored.long()

    def renamed(table: Mapping[int, int], move: Callable[[Tensor], Tensor]) -> Tensor:
        moved = move(codes.long())
        return sum((((moved >> old) & 1) << new for old, new in table.items()), moved * 0)

    mirror = {7: 5, 6: 6, 5: 7, 4: 3, 3: 4, 2: 0, 1: 1, 0: 2}
    over = {7: 2, 6: 1, 5: 0, 4: 4, 3: 3, 2: 7, 1: 6, 0: 5}
    turn = {bit: 7 - bit for bit in range(8)}
    stay = {bit: bit for bit in range(8)}
    ends = {**mirror, 4: 4, 3: 3}
    sideways, upright = (lambda x: x.flip(-1)), (lambda x: x.flip(-2))
    mistakes = {
        "The bits are right, but no pixel has moved: mirror the image too.": (
            renamed(mirror, lambda x: x)
        ),
        "The pixels moved, but their codes still name the old directions.": renamed(stay, sideways),
        "You returned the codes as they were.": codes,
        "You reversed all eight bits; that turns a window by 180°.": renamed(turn, sideways),
        "You swapped top and bottom in the codes; a mirror swaps left and right.": (
            renamed(over, sideways)
        ),
        "The pixels went upside down; a mirror flips the columns, dim −1.": renamed(
            mirror, upright
        ),
        "You mirrored top to bottom, correctly; left to right was asked for.": (
            renamed(over, upright)
        ),
        "The corners are swapped, but left (16) and right (8) are not.": renamed(ends, sideways),
        "Left and right are swapped, but the corners are not.": (
            renamed({**stay, 4: 3, 3: 4}, sideways)
        ),
        "Every bit is the opposite of what it should be.": 255 - wanted.long(),
    }
    share = (mirrored == wanted.long()).double().mean().item()

    def first_off() -> str:
        place = tuple((mirrored != wanted).nonzero()[0].tolist())
        row, column = place[-2:]
        was = int(codes[(*place[:-1], 7 - column)])
        return (
            f"{share:.0%} of your codes are those of the mirrored image. The first that is not, in "
            f"row {row} and column {column}: it should be {int(wanted[place])} ({was} in column "
            f"{7 - column} before); yours is {int(mirrored[place])}."
        )

    judge(mirrored, wanted, mistakes, first_off, tolerance=0)
    line = torch.arange(256, dtype=torch.uint8).reshape(1, 256)
    twice = call(answer, call(answer, line))
    require(
        torch.equal(twice.long(), line.long()), "Mirrored twice, every code has to be what it was."
    )
    return (
        "Pixels moved, and directions renamed. For a turn by 10° there is no such table: that is "
        "why the model makes its codes last."
    )


def ailments() -> dict[str, str]:
    """Return what is wrong with the run of each letter, in the version in force."""
    stored = dict(zip(LETTERS, dealt("runs cause", RUNS), strict=True))
    return {letter: stored[old] for letter, old in _letters().items()}


def _letters() -> dict[str, str]:
    """Return, for each letter of the version in force, the letter of the stored run."""
    return dict(zip(LETTERS, Dice("diagnosis").shuffled(LETTERS), strict=True))


@asks("diagnosis")
def sick_runs(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored runs under the letters of your version."""
    return {"healthy": stored["healthy"]} | {new: stored[old] for new, old in _letters().items()}


@exercise("07", "Four sick runs")
def diagnosis(answer: Any) -> str:
    """Check Exercise 6 of lesson 07: what is wrong with runs A to D."""
    require_answer(answer)
    require(
        isinstance(answer, Mapping),
        f"Give a dict, {{'A': '…', …}}; yours is {type(answer).__name__}.",
    )
    missing = [letter for letter in LETTERS if letter not in answer]
    require(not missing, f"Without a diagnosis: {', '.join(missing)}.")
    for letter, ails in ailments().items():
        cause = str(answer[letter]).strip().lower()
        require(cause in CAUSES, f"{letter}: {answer[letter]!r} is not on the list.")
        words = WHY_NOT[ails].get(cause) or NOT_ANYWHERE.get(cause, "")
        require(cause == ails, words.format(letter))
    return (
        "All four. The training curve told three of them apart, and whether validation is poor or "
        "at chance told the two that learn by heart."
    )
