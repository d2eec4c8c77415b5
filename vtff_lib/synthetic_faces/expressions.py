"""Eight expressions as combinations of action units, and how they are drawn at random.

Source of the combinations: Ekman, Friesen, Hager, *FACS Investigator's Guide*, 2002, its table of
prototypes and their major variants; for contempt also Lucey et al., *The Extended Cohn-Kanade
Dataset (CK+)*, CVPR workshops 2010. That contempt is always one-sided here is ours, so are the
crying face and closed eyes, and how often each variant is drawn and how strong its units are. A
face is labelled with the expression it was drawn from.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from vtff_lib.names import EXPRESSIONS
from vtff_lib.synthetic_faces.action_units import ACTION_UNITS, POSITION
from vtff_lib.synthetic_faces.parameters import Draws


class Variant(NamedTuple):
    """One way to show an expression: how often, and its units as (how often, from, to).

    54 and 64, the head and the eyes turned down, are FACS codes too, and no muscles of the face.
    """

    weight: float
    units: Mapping[int, tuple[float, float, float]]


_AT_REST = dict.fromkeys((1, 2, 4, 5, 7, 12, 15, 17, 24, 43), (0.25, 0.05, 0.25)) | {
    10: (0.15, 0.05, 0.2),
    64: (0.12, 0.2, 0.8),
}
_RAISED = {1: (1, 0.55, 1), 2: (1, 0.5, 1), 5: (0.95, 0.35, 1)}
_AFRAID = {1: (1, 0.55, 1), 2: (0.85, 0.3, 0.8), 4: (1, 0.35, 0.9), 5: (1, 0.5, 1)}
_ANGRY = {4: (1, 0.6, 1), 5: (0.6, 0.3, 0.8), 7: (1, 0.4, 1)}
_GRIEVED = {1: (1, 0.5, 1), 4: (0.85, 0.3, 0.8), 7: (0.3, 0.1, 0.4)}
_BOWED = {54: (0.5, 0.2, 1), 64: (0.5, 0.2, 1)}
_WRINKLED = {9: (1, 0.5, 1), 10: (0.7, 0.3, 0.9), 4: (0.6, 0.2, 0.6), 7: (0.7, 0.3, 0.7)}
_SMILE = {12: (1, 0.5, 1), 6: (0.9, 0.3, 1), 7: (0.2, 0.1, 0.4), 2: (0.15, 0.1, 0.3)}

VARIANTS: dict[str, tuple[Variant, ...]] = {
    "neutral": (
        Variant(0.35, {}),
        Variant(0.2, _AT_REST | {25: (1, 0.1, 0.5), 26: (0.4, 0.05, 0.3)}),  # about to speak
        Variant(0.45, _AT_REST),
    ),
    "happiness": (
        Variant(0.58, _SMILE | {25: (1, 0.5, 1), 26: (0.4, 0.1, 0.6)}),
        Variant(
            0.2,
            _SMILE | {25: (1, 0.8, 1), 26: (1, 0.5, 1), 27: (0.5, 0.2, 0.6), 43: (0.25, 0.3, 1)},
        ),  # laughing
        Variant(0.22, _SMILE),
    ),
    "surprise": (
        Variant(0.4, _RAISED | {25: (1, 0.5, 1), 26: (1, 0.5, 1)}),
        Variant(0.45, _RAISED | {25: (1, 0.6, 1), 26: (1, 0.3, 1), 27: (1, 0.4, 1)}),
        Variant(0.15, _RAISED | {25: (0.6, 0.2, 0.6)}),
    ),
    "sadness": (
        Variant(0.4, _GRIEVED | _BOWED | {15: (1, 0.5, 1), 17: (0.7, 0.2, 0.9)}),
        Variant(0.15, _GRIEVED | {15: (1, 0.4, 0.9), 25: (1, 0.2, 0.5), 20: (0.3, 0.1, 0.4)}),
        Variant(
            0.2,
            _BOWED | {4: (1, 0.3, 0.7), 15: (1, 0.5, 1), 17: (1, 0.4, 1), 6: (0.4, 0.2, 0.5)},
        ),
        Variant(
            0.25,  # crying
            {1: (1, 0.4, 1), 4: (1, 0.4, 0.9), 6: (1, 0.4, 1), 7: (0.5, 0.2, 0.6)}
            | {10: (0.4, 0.2, 0.5), 15: (0.7, 0.3, 0.8), 20: (0.7, 0.3, 0.8)}
            | {25: (1, 0.5, 1), 26: (0.8, 0.2, 0.9), 43: (0.6, 0.5, 1), 54: (0.3, 0.2, 0.8)},
        ),
    ),
    "anger": (
        Variant(0.3, _ANGRY | {23: (1, 0.5, 1), 17: (0.4, 0.2, 0.8)}),
        Variant(0.25, _ANGRY | {24: (1, 0.5, 1), 17: (0.5, 0.2, 0.8), 23: (0.4, 0.3, 0.8)}),
        Variant(0.2, _ANGRY | {10: (0.9, 0.3, 0.8), 25: (1, 0.5, 1), 26: (0.5, 0.1, 0.5)}),
        Variant(
            0.25,
            _ANGRY | {10: (0.8, 0.3, 0.8), 25: (1, 0.7, 1), 27: (1, 0.3, 0.9), 9: (0.4, 0.2, 0.6)},
        ),
    ),
    "disgust": (
        Variant(0.4, _WRINKLED | {17: (0.8, 0.3, 0.9), 15: (0.6, 0.3, 0.8)}),
        Variant(
            0.4,
            _WRINKLED
            | {25: (1, 0.4, 0.9), 26: (0.6, 0.1, 0.6), 6: (0.4, 0.2, 0.5)}
            | {43: (0.25, 0.4, 1)},
        ),
        Variant(
            0.2, {10: (1, 0.6, 1), 17: (0.8, 0.3, 0.9), 15: (0.5, 0.2, 0.7), 4: (0.4, 0.2, 0.6)}
        ),
    ),
    "fear": (
        Variant(0.6, _AFRAID | {20: (1, 0.5, 1), 25: (1, 0.6, 1), 26: (0.7, 0.2, 0.9)}),
        Variant(0.2, _AFRAID | {25: (1, 0.7, 1), 26: (1, 0.4, 1), 27: (0.7, 0.2, 0.7)}),
        Variant(0.2, _AFRAID | {20: (1, 0.5, 1), 7: (0.6, 0.2, 0.6)}),
    ),
    "contempt": (
        Variant(0.7, {12: (1, 0.5, 1), 14: (1, 0.5, 1), 2: (0.25, 0.2, 0.6)}),
        Variant(0.3, {14: (1, 0.75, 1), 12: (1, 0.2, 0.5), 7: (0.3, 0.1, 0.3)}),
    ),
}
ONE_SIDED = ("contempt",)
TURNED_DOWN = {54: "head down", 64: "eyes down"}
CODES = (*ACTION_UNITS, *TURNED_DOWN)
LIDS_FOLLOW = 0.5  # how far the lids close over eyes that look down

# Where each expression is to be read, for questions to an attention map.
EXPRESSION_REGIONS: dict[str, tuple[str, ...]] = {
    "neutral": (),
    "happiness": ("mouth", "cheeks", "eyes"),
    "surprise": ("brows", "eyes", "mouth", "forehead"),
    "sadness": ("brows", "mouth", "forehead"),
    "anger": ("brows", "eyes", "mouth"),
    "disgust": ("nose", "mouth", "cheeks"),
    "fear": ("brows", "eyes", "mouth", "forehead"),
    "contempt": ("mouth", "cheeks"),
}


def _table(number: int) -> Tensor:
    """Return one number of each code in each variant, `(8, variants, 21)`, 0 where not in it."""
    most = max(map(len, VARIANTS.values()))
    table = torch.zeros(len(EXPRESSIONS), most, len(CODES))
    for row, name in enumerate(EXPRESSIONS):
        for column, variant in enumerate(VARIANTS[name]):
            for unit, numbers in variant.units.items():
                table[row, column, CODES.index(unit)] = numbers[number]
    return table


def _weights() -> Tensor:
    most = max(map(len, VARIANTS.values()))
    rows = [[variant.weight for variant in VARIANTS[name]] for name in EXPRESSIONS]
    return torch.tensor([row + [0.0] * (most - len(row)) for row in rows])


class Shown(NamedTuple):
    """What is drawn of an expression: intensities, 0 to 1."""

    action_units: Tensor  # (N, 19, 2)
    head_down: Tensor  # (N,)
    eyes_down: Tensor  # (N,)


def sample_shown(labels: Tensor, draws: Draws) -> Shown:
    """Draw how the expressions `labels` `(N,)` are shown.

    Some are faint. Each unit is a little stronger on one side. Units that do not belong to the
    expression appear now and then, weakly. The lids follow eyes that look down.

    Taught in the appendix on rendered faces.
    """
    variant = draws.choice(_weights()[labels])
    numbers = (_table(number)[labels, variant].double() for number in range(3))
    often, low, high = numbers  # each (N, 21)
    faint = draws.chance(0.06)
    strength = torch.where(faint > 0, draws.uniform(0.45, 0.7), draws.uniform(0.8, 1.15))
    side = draws.chance(0.5).long()
    one_sided = torch.isin(labels, torch.tensor([EXPRESSIONS.index(n) for n in ONE_SIDED]))

    columns = []
    for position, unit in enumerate(ACTION_UNITS):
        meant = draws.chance(often[:, position])
        level = meant * draws.uniform(low[:, position], high[:, position]) * strength
        astray = draws.chance(0.12) * draws.uniform(0.05, 0.22)
        allowed = (meant == 0) & ~one_sided & torch.tensor(unit not in (25, 26, 27))
        level = level + astray * allowed
        weaker = 1 - draws.normal(0, 0.1).abs()
        sides = torch.stack([level, level * weaker], dim=1)  # the first side is the stronger
        sides = torch.where(one_sided[:, None], sides * torch.tensor([1.0, 0.08]), sides)
        columns.append(torch.where(side[:, None] == 1, sides.flip(1), sides))
    units = torch.stack(columns, dim=1).clamp(0, 1)
    head_down, eyes_down = (
        draws.chance(often[:, position]) * draws.uniform(low[:, position], high[:, position])
        for position in map(CODES.index, TURNED_DOWN)
    )
    lids = units[:, POSITION[43]]
    units[:, POSITION[43]] = torch.maximum(lids, LIDS_FOLLOW * eyes_down[:, None])
    return Shown(units, head_down, eyes_down)
