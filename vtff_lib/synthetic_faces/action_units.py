"""The action units of the Facial Action Coding System that the renderer knows.

Source: P. Ekman, W. V. Friesen, J. C. Hager, *Facial Action Coding System*, 2002: names and what
each does. How far each moves what is ours, set by eye.
"""

import torch
from torch import Tensor

# number: (name, the regions in which it is to be seen)
ACTION_UNIT_NAMES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("inner brow raiser", ("brows", "forehead")),
    2: ("outer brow raiser", ("brows", "forehead")),
    4: ("brow lowerer", ("brows", "forehead", "eyes")),
    5: ("upper lid raiser", ("eyes", "brows")),
    6: ("cheek raiser", ("eyes", "cheeks")),
    7: ("lid tightener", ("eyes",)),
    9: ("nose wrinkler", ("nose", "brows", "eyes", "cheeks")),
    10: ("upper lip raiser", ("mouth", "nose", "cheeks")),
    12: ("lip corner puller", ("mouth", "cheeks")),
    14: ("dimpler", ("mouth", "cheeks")),
    15: ("lip corner depressor", ("mouth",)),
    17: ("chin raiser", ("mouth",)),
    20: ("lip stretcher", ("mouth", "cheeks")),
    23: ("lip tightener", ("mouth",)),
    24: ("lip pressor", ("mouth",)),
    25: ("lips part", ("mouth",)),
    26: ("jaw drop", ("mouth", "cheeks")),
    27: ("mouth stretch", ("mouth", "cheeks")),
    43: ("eyes closed", ("eyes",)),
}
ACTION_UNITS = tuple(ACTION_UNIT_NAMES)
POSITION = {unit: position for position, unit in enumerate(ACTION_UNITS)}


class Units:
    """The intensities of a batch of faces, 0 to 1, `(N, 19, 2)`: left and right in the picture."""

    def __init__(self, intensities: Tensor):
        self._intensities = intensities

    def both(self, unit: int) -> Tensor:
        """Return the mean of both sides, `(N, 1, 1)`: for what has no sides, such as the jaw."""
        return self._intensities[:, POSITION[unit]].mean(dim=-1)[:, None, None]

    def across(self, unit: int, x: Tensor) -> Tensor:
        """Return the intensity at each x, `(N, 1, w)`: left, then smoothly over to right."""
        left, right = self._intensities[:, POSITION[unit], :, None, None].unbind(1)
        return left + (right - left) * torch.sigmoid(x / 0.045)
