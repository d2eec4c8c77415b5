"""What a widget owes its reader: trouble told in sight, uploads forgotten, nothing left open."""

import html
from collections.abc import Iterator
from contextlib import contextmanager

import ipywidgets as widgets


@contextmanager
def told_in(
    place: widgets.HTML, sentences: tuple[type[Exception], ...] = (ValueError,)
) -> Iterator[None]:
    """Tell in `place` whatever is raised here: a callback's errors vanish in a log.

    Args:
        place: where; it loses what it held, which is not true any more.
        sentences: the kinds that say by themselves what is wrong.
    """
    try:
        yield
    except Exception as error:
        sentence = str(error)
        if not isinstance(error, sentences):
            sentence = f"This could not be drawn. {type(error).__name__}: {error}"
        place.value = f'<p role="alert">{html.escape(sentence)}</p>'


def taken(upload: widgets.FileUpload) -> bytes | None:
    """Return the file that was uploaded, if any, and forget it: no state of a widget holds it."""
    files, upload.value = upload.value, ()
    return bytes(files[0]["content"]) if files else None


class Whole(widgets.VBox):
    """A box that closes all that it is made of; by itself a box would leave its parts open."""

    def __del__(self) -> None:
        super().close()  # alone: its parts may be in other hands

    def close(self) -> None:
        """Close the parts, their layouts and styles, and the box."""
        parts: list[widgets.Widget] = [self]
        for part in parts:
            for value in part.trait_values().values():
                inside = value if isinstance(value, list | tuple) else [value]
                parts += [
                    one for one in inside if isinstance(one, widgets.Widget) and one not in parts
                ]
        for part in parts[1:]:
            part.close()
        super().close()
