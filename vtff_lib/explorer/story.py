"""What the page's story tells beside the maps: names of squares, a face that moves, agreement.

A step of the story for which something is missing is left out, and so a page of any model and any
faces has a story. Taught in 08b.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vtff_lib.refusals import check_tensor, check_whole, shown


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
        squares: for each face the names of its squares, row by row, as
            `synthetic_faces.squares` gives them; None for a photograph.
        pad: a face to move.
        need: what `figures.experiments.need` found over many faces of the same kind.
        first: number of the face that the story begins with, from 0.
    """

    squares: Sequence[Sequence[str] | None] = ()
    pad: Pad | None = None
    need: Mapping[str, Any] | None = None
    first: int = 0

    def check(self, faces: int, squares: int) -> None:
        """Check that it fits a page.

        Raises:
            ValueError: if there are names, but not for each face and square, or no such face to
                begin with.
        """
        check_whole("first", self.first, 0, faces - 1)
        if self.squares and len(self.squares) != faces:
            raise ValueError(
                f"There are {faces} faces and names of squares for {len(self.squares)}; give them "
                "for each face, None for a photograph."
            )
        for names in self.squares:
            if names is not None and len(names) != squares:
                raise ValueError(f"A face has {len(names)} names; {squares} squares need one each.")

    def agreement(self) -> dict[str, Any] | None:
        """Return of 100 faces, in whole numbers, how many are right and how often maps agree.

        Raises:
            ValueError: if `need` is something else than what was found.
        """
        if self.need is None:
            return None
        try:
            maps = {name: hits["first"]["value"] for name, hits in self.need["agreement"].items()}
            maps["chance"] = self.need["chance"]["first"]
            right, faces = self.need["right"]["value"], self.need["faces"]
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"need={shown(self.need)} will not do; give what figures/need.json holds."
            ) from error
        return {
            "faces": faces,
            "right": int(100 * right + 0.5),
            "agreement": {name: int(100 * value + 0.5) for name, value in maps.items()},
        }
