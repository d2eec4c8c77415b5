"""The checks of lesson 08b, third part: what follows."""

from dataclasses import dataclass
from typing import Any

from vtff_lib.checks.judging import exercise, require, require_answer
from vtff_lib.checks.versions import Dice, Told, asks, dealt


@dataclass(frozen=True)
class Finding:
    """A finding, a claim that it bears out and one that goes too far; a thought about each.

    Which of the two stands in a list is dealt, so that no answer stands here.
    """

    found: str
    borne_out: str
    too_far: str
    why: str
    why_not: str


FINDINGS = (
    Finding(
        "A map's highest cell lies in the mask in 71 % of the faces, a random map's in 20 %, the "
        "mean map of other people with the same answer in 86 %.",
        "To point as well as this, a map need not have seen the face.",
        "The map finds the expression of the face.",
        "other people's maps do better. Have they seen the face?",
        "other people's maps do better, and they have not seen the face. What has the map shown "
        "that they have not?",
    ),
    Finding(
        "A map stays exactly as it was when the head forgets.",
        "It cannot say why it is this class and not another.",
        "It shows why the model chose its answer.",
        "the answer is made in the head, after this map. Could a map that does not move with the "
        "head tell one class from another?",
        "the answer is made in the head, after this map. Would another answer have another map?",
    ),
    Finding(
        "In 95 % of all smiles, a map's highest cell is at the mouth.",
        "Whether the model uses the mouth is still to be asked.",
        "The model uses the mouth.",
        "the map marks where the mouth is. Was the model, or the picture, changed to see what "
        "happens?",
        "the map marks where the mouth is, and so would a drawing of a face. Was the mouth taken "
        "away from the model to see what happens?",
    ),
    Finding(
        "With the mouth filled, in either of two ways, 30 % of the smiles are still named right; "
        "with patches of that size elsewhere on the face, 90 %.",
        "Filled in these ways, the mouth matters more to these answers than those other patches "
        "do.",
        "The model names smiles by the mouth alone.",
        "the mouth was taken away, and other places of the same size were taken away for "
        "comparison. What is left to doubt is the filling, and the claim names it.",
        "without the mouth, three smiles in ten are still named right. By what?",
    ),
    Finding(
        "With one new head, a map's order stays at 0.75.",
        "What another new head would give is not known yet.",
        "The map owes little to what the head has learned.",
        "it is one draw of dice. Has a second been drawn?",
        "it is one draw of dice. What would the next new head have given?",
    ),
    Finding(
        "With shuffled attention in the last layer, most answers stay.",
        "Most of these answers do not need the last layer's attention to be as it was.",
        "Attention weights explain nothing, in any model.",
        "the attention was changed, and most answers were not. What more is claimed than that?",
        "other weights that give the same answer show that these are not the only ones. Do they "
        "show that no weights, in no model, say anything?",
    ),
    Finding(
        "No map marks the sunglasses.",
        "The sunglasses may still have to do with the wrong answer.",
        "They have nothing to do with the wrong answer.",
        "a map can mark what is there. What would it have to mark if a thing is hidden?",
        "a map can mark what is there. What would it have to mark if a thing is hidden?",
    ),
)


def claims() -> list[tuple[Finding, bool]]:
    """Return the findings of the version in force, and whether the claim after each follows."""
    dice = Dice("what_follows")
    follows = dealt("map lesson", [True] * 2 + [False] * 5)
    return dice.shuffled(
        (finding, dice.one_of(stands, not stands))
        for finding, stands in zip(FINDINGS, follows, strict=True)
    )


@asks("what_follows")
def claims_to_judge() -> Told:
    """Return the seven findings of your version, each with its claim."""
    return Told(
        "\n".join(
            f"{place}. {finding.found} *{finding.borne_out if follows else finding.too_far}*"
            for place, (finding, follows) in enumerate(claims(), start=1)
        )
    )


@exercise("08b", "What follows from what was found?")
def what_follows(answer: Any) -> str:
    """Check Exercise 3 of lesson 08b: of seven claims, which are borne out by their finding."""
    require_answer(answer)
    asked = claims()
    require(
        isinstance(answer, list | tuple) and len(answer) == len(asked),
        f"Give a list of {len(asked)} values, True or False, one for each claim, in order.",
    )
    for place, (given, (finding, follows)) in enumerate(zip(answer, asked, strict=True), start=1):
        require(given is not None and given is not ..., f"Claim {place} is still open: fill it in.")
        require(
            isinstance(given, bool | int) and given in (0, 1),
            f"Claim {place}: {given!r:.20} is neither True nor False.",
        )
        words = "does not follow" if given else "does follow"
        thought = finding.why_not if given else finding.why
        require(bool(given) == follows, f"Claim {place} {words}: {thought}")
    return "A map is a hypothesis. What bears it out is a change that was made, and a control."
