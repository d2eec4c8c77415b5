"""The model of one batch of faces as layers on the map: height, colour and gloss of every cell."""

from dataclasses import dataclass

from torch import Tensor

from vtff_lib.synthetic_faces.canvas import Window


@dataclass
class Layers:
    """What covers each cell of the map. Parts of the picture are laid on one after the other."""

    height: Tensor  # (N, H, W); negative where there is nothing
    colour: Tensor  # (N, 3, H, W), linear light, before any lamp
    gloss: Tensor  # (N, H, W)
    region: Tensor  # (N, H, W): 0 where no region of the face is to be seen

    def cover(
        self, window: Window, height: Tensor, colour: Tensor, mask: Tensor, gloss: float
    ) -> None:
        """Lay a part over all that is there, where `mask` `(N, h, w)` is 1."""
        window.of(self.height).lerp_(height, mask)
        window.of(self.colour).lerp_(colour.expand_as(window.of(self.colour)), mask[:, None])
        window.of(self.gloss).lerp_(mask.new_full((), gloss), mask)
        window.of(self.region).mul_(mask < 0.5)

    def put_behind(self, window: Window, height: Tensor, colour: Tensor, gloss: float) -> None:
        """Show a part wherever it is in front of what is there."""
        nearer = (height > window.of(self.height)) & (height > 0)
        self.cover(window, height, colour, nearer.to(height), gloss)
