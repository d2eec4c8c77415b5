"""Names are text everywhere, and class names travel with what they name."""

import pytest

from vtff_lib.names import as_text, check_class_names, check_same_classes


@pytest.mark.parametrize("name", ["Gesicht ü", "顔.jpg", "$\\frac{$", "<b>", "👩‍🔬 a", "", "a b"])
def test_a_name_that_can_be_written_stays(name: str) -> None:
    assert as_text(name) == name


def test_what_cannot_be_written_or_would_command_a_terminal_is_spelled_out() -> None:
    name = b"n\xff\xfe\x1b[2J\r\n\x07.jpg".decode("utf-8", "surrogateescape") + "\u2028"
    assert as_text(name) == "n\\udcff\\udcfe\\x1b[2J\\r\\n\\x07.jpg\\u2028"
    as_text(name).encode("ascii")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a",), "at least two names"),
        ((1, 2), "at least two names"),
        (("a", "b\n"), "a text of one line"),
        (("a", "\ud800"), "a text of one line"),
        ("ab", "give a tuple"),
        (None, "give a tuple"),
        (("a", "b", "a"), "names a class twice"),
    ],
)
def test_class_names_that_will_not_do_are_refused(names: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_class_names(names)


def test_classes_that_differ_or_stand_in_another_order_are_refused() -> None:
    check_same_classes("The faces", ["sad", "glad"], "the model", ("sad", "glad"))
    with pytest.raises(ValueError, match=r"^The faces and the model .* another order: a, b and b"):
        check_same_classes("The faces", ("a", "b"), "the model", ("b", "a"))
    for others in (("a", "c"), ("a", "b", "c"), ("A", "b")):
        with pytest.raises(ValueError, match="have other classes: a, b and "):
            check_same_classes("The faces", ("a", "b"), "the model", others)
    with pytest.raises(ValueError, match="give a tuple"):
        check_same_classes("The faces", ("a", "b"), "the model", "ab")
