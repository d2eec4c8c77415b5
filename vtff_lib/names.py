"""The names that everybody shares: the expressions, in order, and the splits of a data set."""

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
        ValueError: if there are fewer than two classes.

    Taught in 06.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes={num_classes} leaves nothing to tell apart; use 2 or more.")
    if num_classes <= len(EXPRESSIONS):
        return EXPRESSIONS[:num_classes]
    return tuple(f"class {index}" for index in range(num_classes))
