"""VTFF, a facial-expression model, in parts that can be read one by one.

In the order in which the lessons build them: `lbp`, `backbone`, `attention`, `fusion`, `encoder`
and `vtff`, with its `config` and `views`. For training: `augmentation`, `recipe`, `optimisation`,
`training`, `checkpoints`, `history`, `progress` and the command `train`; `evaluation`, `report` and
`intervals` measure. Data: `synthetic_faces`, `datasets`, `packs`, `photos`, `faces_in_photos`.
Trained weights: `pretrained`. Maps that explain: `explain`, `attribution`, `heat_maps`; if they
tell the truth: `faithfulness`, `pointing`, `surgery`; to play with: `explorer` and, with a kernel,
`playground`. For the lessons: `checks` of the exercises, `plots`, `live` and the
views that it moves. Beside them: `weights`, `refusals` and `doctor`.

Importing the package imports none of them, so that `python -m vtff_lib.doctor` can speak even where
PyTorch is missing or broken.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vtff_lib.vtff import VTFF


def load_pretrained(name: str = "tiny") -> "VTFF":
    """Return a trained model that comes with the package, see `pretrained.load_pretrained`."""
    from vtff_lib.pretrained import load_pretrained as load

    return load(name)
