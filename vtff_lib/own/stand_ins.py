"""The parts of which VTFF is made, as lessons name them, and the library's that stand in for them.

A part has the interface of what stands in for it, and layers of the same names: so the shipped
weights fit it by name, and either can take the other's place.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class StandIn:
    """A part of the learner's VTFF.

    Args:
        lesson: where it is written.
        what: it is, in a few words.
        module: of the library, in which stands what stands in for it.
        name: of that.
    """

    lesson: str
    what: str
    module: str
    name: str

    @property
    def library(self) -> Any:
        """What stands in for it; imported when it is asked for."""
        return getattr(import_module(f"vtff_lib.{self.module}"), self.name)

    @property
    def line(self) -> str:
        """Where the library's is imported from, as code."""
        return f"from vtff_lib.{self.module} import {self.name}"


WHOLE = "MyVTFF"
PARTS: dict[str, StandIn] = {
    "my_lbp": StandIn("01", "the LBP view", "lbp", "local_binary_pattern"),
    "MyBlock": StandIn("02", "the residual block", "backbone", "BasicBlock"),
    "MyTrunk": StandIn("02", "the trunk", "backbone", "ResNetTrunk"),
    "MyGlobalAttention": StandIn("03", "G", "attention", "GlobalAttention"),
    "MyLocalAttention": StandIn("03", "L", "attention", "LocalAttention"),
    "MyFusion": StandIn("04", "the selective fusion", "fusion", "AttentionalSelectiveFusion"),
    "my_tokens": StandIn("05", "the tokens", "encoder", "make_tokens"),
    "MyAttention": StandIn("05", "attention in heads", "encoder", "MultiHeadSelfAttention"),
    "MyEncoderBlock": StandIn("05", "the encoder block", "encoder", "EncoderBlock"),
    WHOLE: StandIn("06", "the whole model", "vtff", "VTFF"),
}
