"""Names: the expressions, in order, the splits of a data set, and what holds for any class name."""

import unicodedata
from collections.abc import Sequence

from vtff_lib.refusals import check_whole, shown

# The class order everywhere in this project: FER+'s. The first seven leave out contempt.
EXPRESSIONS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
SPLITS = ("train", "valid", "test")


def first_expressions(num_classes: int) -> tuple[str, ...]:
    """Return the first `num_classes` expressions, or plain numbered names beyond eight.

    Raises:
        ValueError: if there are fewer than two classes, or more than any model has.

    Taught in 06.
    """
    check_whole("num_classes", num_classes, low=2)
    if num_classes <= len(EXPRESSIONS):
        return EXPRESSIONS[:num_classes]
    return tuple(f"class {index}" for index in range(num_classes))


def as_text(name: str) -> str:
    """Return a name as text that any file and terminal takes.

    What is no letter or sign, such as the bytes of a file name that is no UTF-8, a line break or
    the beginning of a terminal's command, is written as a Python string has it: `\\n`, `\\x1b`.
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in name
    )


def check_class_names(names: Sequence[str]) -> None:
    """Raise a `ValueError` unless `names` are two different texts or more, in a tuple or list."""
    what = f"class_names={shown(names)} will not do"
    if not isinstance(names, (tuple, list)):
        raise ValueError(f"{what}; give a tuple.")
    texts = all(isinstance(name, str) and name.strip() and as_text(name) == name for name in names)
    if len(names) < 2 or not texts:
        raise ValueError(f"{what}; give at least two names, each a text of one line.")
    if len(set(names)) < len(names):
        raise ValueError(f"class_names={shown(names)} names a class twice; drop one.")


def check_same_classes(
    what: str, names: Sequence[str], other: str, expected: Sequence[str]
) -> None:
    """Raise a `ValueError` unless two sets of class names are the same, in the same order.

        check_same_classes("The faces", faces.class_names, "the model", model.config.class_names)

    Labels and logits are numbers: where the names differ, "anger" is counted as "sadness".
    """
    check_class_names(names)
    check_class_names(expected)
    if list(names) != list(expected):
        alike = sorted(names) == sorted(expected)
        how = "their classes in another order" if alike else "other classes"
        raise ValueError(
            f"{what} and {other} have {how}: {', '.join(names)} and {', '.join(expected)}; use "
            "one list of names, in one order, for both."
        )
