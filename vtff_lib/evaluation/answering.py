"""Whether a model had better be silent, and what is said of a face if not. Taught in 10."""

import math
from collections.abc import Sequence

from torch import Tensor

from vtff_lib.names import check_class_names
from vtff_lib.refusals import check_number, check_tensor


def least_confidence(confidence: Tensor, right: Tensor, wanted: float) -> float:
    """Return from which confidence on a model may answer, if enough answers are to be right.

    The least t such that of the pictures with confidence >= t at least the share `wanted` is named
    rightly; infinity if there is none. It holds for pictures of the same kind, and no others.

    Args:
        confidence: of each picture's first choice, `(N,)`.
        right: whether it is right, `(N,)` bool.
        wanted: the share, 0 to 1.

    Raises:
        ValueError: if an argument is something else.
    """
    check_tensor("confidence", confidence, "(N,)", finite=True)
    check_tensor("right", right, f"({len(confidence)},)", "bool")
    check_number("wanted", wanted, 0, 1)
    right = right.to(confidence.device)
    levels, level_of = confidence.unique(return_inverse=True)  # rising
    answered = level_of.bincount(minlength=len(levels)).flip(0).cumsum(0)
    correct = level_of.bincount(right.double(), minlength=len(levels)).flip(0).cumsum(0)
    good = levels.flip(0)[correct / answered >= wanted]
    return float(good[-1]) if len(good) else math.inf


def verdict(probabilities: Tensor, names: Sequence[str], least: float) -> str:
    """Return what is said of a face: the first choice, or that the model had better be silent.

    Args:
        probabilities: of the classes, `(K,)`.
        names: of the classes.
        least: confidence below which no word is given: 0 to 1, and more than 1 never gives one.

    Raises:
        ValueError: if the three do not fit, or hold what is no number.
    """
    check_class_names(names)
    check_tensor("probabilities", probabilities, f"({len(names)},)", finite=True)
    never = isinstance(least, float) and least == math.inf  # as `least_confidence` may say
    check_number("least", 0 if never else least, 0)
    share, choice = (number.item() for number in probabilities.max(dim=0))
    if share < least:
        return (
            f"Not sure enough to answer: the first choice has {share:.2f}, less than {least:.2f}."
        )
    return f"Most annotators would choose: {names[int(choice)]} ({share:.2f})."
