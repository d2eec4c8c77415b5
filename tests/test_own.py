"""The learner's own VTFF: parts are kept, found again, put together, and a wrong one is named."""

import linecache
import os
import warnings
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.own_vtff import SOURCES
from vtff_lib import checks, load_pretrained, own
from vtff_lib.own import PARTS, first_difference, part, parts, parts_file
from vtff_lib.vtff import VTFF

NUMBERS = count()
HEADER = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
CHECKS = {  # the part that each check keeps
    "my_lbp": checks.lbp_view,
    "MyBlock": checks.residual_block,
    "MyTrunk": checks.trunk,
    "MyGlobalAttention": checks.global_attention,
    "MyLocalAttention": checks.local_attention,
    "MyFusion": checks.selective_fusion,
    "my_tokens": checks.tokens_from_map,
    "MyAttention": checks.heads_side_by_side,
    "MyEncoderBlock": checks.pre_norm_block,
    "MyVTFF": checks.whole_model,
}


@pytest.fixture(autouse=True)
def a_learner_who_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("VTFF_OWN", str(tmp_path / "my_vtff.py"))
    monkeypatch.setenv("VTFF_PROGRESS", os.devnull)


class Notebook:
    """Cells that are run one after another, as in a kernel."""

    def __init__(self):
        self.names = {"__name__": "__main__"}
        self.run(HEADER)

    def run(self, cell: str) -> None:
        name = f"<cell {next(NUMBERS)}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), self.names)

    def solve(self, name: str, source: str = ""):
        """Write a part and have it checked."""
        self.run(source or SOURCES[name])
        return CHECKS[name](self.names[name])
