"""VTFF, a facial-expression model, in parts that can be read one by one.

The lessons are its table of contents. What 01 to 06 build lies flat, one file a lesson, to be read
in class: `lbp`, `backbone`, `attention`, `fusion`, `encoder`, then `config`, `inputs` and `vtff`.
Every other trade is a package: `training` (07), `evaluation` (07 and 09), `explain` and `explorer`
(08), `photos` and `datasets` (10), `synthetic_faces` (appendix); `plots`, `widgets` and `checks`
serve the lessons. All stand on `names`, `refusals`, `endings`, `files` and `weights`; `pretrained`
holds the trained models, and `train` and `doctor` are commands.

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
