"""What the page's story tells beside the maps: names of squares, a face that moves, agreement.

A step of the story for which something is missing is left out, and so a page of any model and any
faces has a story. Taught in 08b.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vtff_lib.explain.surgery import Surgery
from vtff_lib.explorer.content import Stored, examine, picture_address
from vtff_lib.explorer.places import squares_in_words
from vtff_lib.refusals import check_tensor, check_whole, shown
from vtff_lib.vtff import VTFF

PAD_MAPS = ("probabilities", "gate", "rollout")


@dataclass(frozen=True)
class Pad:
    """One person's face between two action units.

    Args:
        across, down: what grows from left to right and from top to bottom, in words: "lip corners
            up".
        images: `(rows · columns, 3, H, W)` uint8, row by row: a square number of them.

    Raises:
        ValueError: if the images are no square number of faces.
    """

    across: str
    down: str
    images: Tensor

    def __post_init__(self) -> None:
        check_tensor("images", self.images, "(N, 3, H, W)", "uint8")
        if self.steps**2 != len(self.images) or self.steps < 2:
            raise ValueError(
                f"A pad got {len(self.images)} faces; give as many rows as columns of them, 2 at "
                "least."
            )

    @property
    def steps(self) -> int:
        """Faces in a row, and in a column."""
        return round(len(self.images) ** 0.5)


@dataclass(frozen=True)
class Story:
    """What the steps of the story need beside the maps of the explorer.

    Args:
        regions: for each face `(H, W)` uint8 as the renderer gives them, None for a photograph.
        pad: a face to move.
        need: what `figures.experiments.need` found over many faces of the same kind.
        first: number of the face that the story begins with, from 0.
    """

    regions: Sequence[Tensor | None] = ()
    pad: Pad | None = None
    need: Mapping[str, Any] | None = None
    first: int = 0

    def content(self, model: VTFF, faces: int) -> dict[str, Any]:
        """Return it ready for JSON.

        Raises:
            ValueError: if there are regions, but not for each face, or no face to begin with.
        """
        check_whole("first", self.first, 0, faces - 1)
        if self.regions and len(self.regions) != faces:
            raise ValueError(
                f"There are {faces} faces and regions of {len(self.regions)}; give one each, None "
                "for a photograph."
            )
        told: dict[str, Any] = {"first": self.first}
        if self.regions:
            grid = model.config.grid
            told["squares"] = [
                one if one is None else squares_in_words(one, grid) for one in self.regions
            ]
        if self.pad is not None:
            told["pad"] = _pad(self.pad, model)
        if self.need is not None:
            told["need"] = _need(self.need)
        return told


def _pad(pad: Pad, model: VTFF) -> dict[str, Any]:
    runs: list[dict[str, Stored]] = []
    for face in pad.images:
        found = examine(model, face, [Surgery()])
        runs.append({name: found[name] for name in PAD_MAPS if name in found})
    faces = [{"rgb": picture_address(face)} for face in pad.images]
    return {
        "across": pad.across,
        "down": pad.down,
        "steps": pad.steps,
        "faces": faces,
        "runs": runs,
    }


def _need(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return of 100 faces, in whole numbers, how many are right and how often maps agree."""
    try:
        maps = {name: hits["first"]["value"] for name, hits in found["agreement"].items()}
        maps["chance"] = found["chance"]["first"]
        right, faces = found["right"]["value"], found["faces"]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"need={shown(found)} will not do; give what figures/need.json holds."
        ) from error
    return {
        "faces": faces,
        "right": int(100 * right + 0.5),
        "agreement": {name: int(100 * value + 0.5) for name, value in maps.items()},
    }
