"""The names that everybody shares: the expressions, in order, and the splits of a data set."""

from collections.abc import Sequence

from vtff_lib.refusals import shown

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


def check_class_names(names: object, known: Sequence[str] | None = None) -> None:
    """Raise a `ValueError` unless `names` are those of classes: different, each a line of text.

    With `known`, those of a model say, they have to be the same in the same order.
    """
    given = list(names) if isinstance(names, Sequence) and not isinstance(names, str) else [None]
    if not given or not all(isinstance(name, str) and name.isprintable() for name in given):
        raise ValueError(f"class_names={shown(names)} will not do; give a list of words.")
    if len(set(given)) < len(given):
        raise ValueError(f"class_names={shown(given)} name a class twice; drop one.")
    if known is not None and given != list(known):
        raise ValueError(f"The classes are {list(known)}, not {given}; give those, in that order.")


def first_expressions(num_classes: int) -> tuple[str, ...]:
    """Return the first `num_classes` expressions, or plain numbered names beyond eight.

    Raises:
        ValueError: if there are fewer than two classes.

    Taught in 06.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes={num_classes} leaves nothing to tell apart; use 2 or more.")
    if num_classes <= len(EXPRESSIONS):
        return EXPRESSIONS[:num_classes]
    return tuple(f"class {index}" for index in range(num_classes))
