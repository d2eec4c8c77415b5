"""A file of weights takes no more memory than it is long, whatever it says of itself."""

import zipfile
from pathlib import Path

import pytest
import torch

from vtff_lib.weights import read_weights


def test_a_state_dict_that_was_compressed_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2**20)}, tmp_path / "plain.pth")
    assert read_weights(tmp_path / "plain.pth")["weight"].shape == (2**20,)
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in plain.namelist():
            bomb.writestr(name, plain.read(name))
    assert (tmp_path / "bomb.pth").stat().st_size < 10_000
    with pytest.raises(ValueError, match=r"compressed, and torch.save compresses nothing.*again"):
        read_weights(tmp_path / "bomb.pth")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**6, 10**6),
        torch.zeros(10**6, 10**6, device="meta"),
        torch.sparse_coo_tensor(torch.zeros(2, 0), torch.zeros(0), (10**6, 10**6)),
    ],
    ids=["expanded", "meta", "sparse"],
)
def test_a_tensor_whose_values_are_not_in_the_file_is_refused(tmp_path: Path, tensor) -> None:
    torch.save({"weight": tensor}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="holds no tensors by name"):
        read_weights(tmp_path / "odd.pth")
