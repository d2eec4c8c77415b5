"""The parts of which VTFF is made, as lessons name them, and the library's that stand in for them.

A part has the interface of what stands in for it, and layers of the same names: so the shipped
weights fit it by name, and either can take the other's place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vtff_lib.attention import GlobalAttention, LocalAttention
from vtff_lib.backbone import BasicBlock, ResNetTrunk
from vtff_lib.encoder import EncoderBlock, MultiHeadSelfAttention, make_tokens
from vtff_lib.fusion import AttentionalSelectiveFusion
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.vtff import VTFF


@dataclass(frozen=True)
class StandIn:
    """A part of the learner's VTFF.

    Args:
        lesson: where it is written.
        what: it is, in a few words.
        library: what stands in for it.
    """

    lesson: str
    what: str
    library: Callable[..., Any]

    @property
    def line(self) -> str:
        """Where the library's is imported from, as code."""
        return f"from {self.library.__module__} import {self.library.__name__}"


WHOLE = "MyVTFF"
PARTS: dict[str, StandIn] = {
    "my_lbp": StandIn("01", "the LBP view", local_binary_pattern),
    "MyBlock": StandIn("02", "the residual block", BasicBlock),
    "MyTrunk": StandIn("02", "the trunk", ResNetTrunk),
    "MyGlobalAttention": StandIn("03", "G", GlobalAttention),
    "MyLocalAttention": StandIn("03", "L", LocalAttention),
    "MyFusion": StandIn("04", "the selective fusion", AttentionalSelectiveFusion),
    "my_tokens": StandIn("05", "the tokens", make_tokens),
    "MyAttention": StandIn("05", "attention in heads", MultiHeadSelfAttention),
    "MyEncoderBlock": StandIn("05", "the encoder block", EncoderBlock),
    WHOLE: StandIn("06", "the whole model", VTFF),
}
