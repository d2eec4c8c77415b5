"""The names that everybody shares: the expressions, in order, and the splits of a data set."""

from collections.abc import Sequence

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


def require_same_names(wanted: Sequence[str], given: Sequence[str] | None, of: str) -> None:
    """Refuse class names that differ, or are in another order: the labels mean other things then.

    Args:
        wanted: what the outputs of a model, or the labels of other faces, stand for, in order.
        given: the same of what is to go with them, or None where nothing is known of it.
        of: what that is.

    Raises:
        ValueError: if they are not the same.
    """
    if given is not None and list(given) != list(wanted):
        raise ValueError(
            f"The classes of {of} are {', '.join(given)}; expected are {', '.join(wanted)}, in "
            "this order. Give class_names of the faces to the model, or faces of its classes."
        )


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
