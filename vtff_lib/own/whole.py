"""The learner's whole model, with the settings and weights of a VTFF."""

import warnings

from torch import nn

from vtff_lib.own.kept import part
from vtff_lib.own.stand_ins import WHOLE
from vtff_lib.vtff import VTFF


def like(model: VTFF) -> nn.Module:
    """Return the learner's `MyVTFF` with the settings and weights of `model`, in its mode.

    Until there is one, it is `model` itself. If the learner's cannot be made, or has no place for
    the weights, a warning says why, and it is `model`, too.

    Taught in 06.
    """
    whole = part(WHOLE)
    if whole is VTFF:
        return model
    try:
        mine = whole(model.config)
        mine.load_state_dict(model.state_dict())
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"{WHOLE} cannot be used ({reason:.200}), so the library's model stands in for it.",
            stacklevel=2,
        )
        return model
    return mine.train(model.training)
