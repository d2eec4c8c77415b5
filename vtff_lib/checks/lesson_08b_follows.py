"""The checks of lesson 08b, third part: what follows."""

from typing import Any

from vtff_lib.checks.judging import exercise, require, require_answer

# Of each claim: whether the finding bears it out, and a thought that leads there.
CLAIMS: tuple[tuple[bool, str], ...] = (
    (False, "other people's maps do better, and they have not seen the face. What has the map "
     "shown that they have not?"),
    (True, "the answer is made in the head, after this map. Could a map that does not move with "
     "the head tell one class from another?"),
    (False, "the map marks where the mouth is, and so would a drawing of a face. Was the mouth "
     "taken away from the model to see what happens?"),
    (True, "the mouth was taken away, and other places of the same size were taken away for "
     "comparison. What is left to doubt is the filling, and the claim names it."),
    (False, "it is one draw of dice. What would the next new head have given?"),
    (False, "other weights that give the same answer show that these are not the only ones. Do "
     "they show that no weights, in no model, say anything?"),
    (False, "a map can mark what is there. What would it have to mark if a thing is hidden?"),
)  # fmt: skip


@exercise("08b", "What follows from what was found?")
def what_follows(answer: Any) -> str:
    """Check Exercise 3 of lesson 08b: of seven claims, which are borne out by their finding."""
    require_answer(answer)
    require(
        isinstance(answer, list | tuple) and len(answer) == len(CLAIMS),
        f"Give a list of {len(CLAIMS)} values, True or False, one for each claim, in order.",
    )
    for place, (given, (right, thought)) in enumerate(zip(answer, CLAIMS, strict=True), start=1):
        require(given is not None and given is not ..., f"Claim {place} is still open: fill it in.")
        require(
            isinstance(given, bool | int) and given in (0, 1),
            f"Claim {place}: {given!r:.20} is neither True nor False.",
        )
        words = "does not follow" if given else "does follow"
        require(bool(given) == right, f"Claim {place} {words}: {thought}")
    return "A map is a hypothesis. What bears it out is a change that was made, and a control."
