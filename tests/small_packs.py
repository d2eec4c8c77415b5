"""A few faces with everything that a pack can hold."""

import torch

from vtff_lib.datasets import FaceSet

NAMES = ("calm", "glad", "cross")


def some_faces(count: int = 11, height: int = 10, width: int = 7) -> FaceSet:
    """Random pixels of a non-square size; every row of every tensor is different."""
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator}
    extras = {
        "action_units": torch.rand(count, 19, 2, **draw),
        "identities": torch.arange(count) * 1000,
        "pose": torch.randn(count, 3, **draw),
        "regions": torch.randint(0, 7, (count, height // 2, width // 2), **draw).byte(),
        "votes": torch.randint(0, 10, (count, 10), **draw),
    }
    images = torch.randint(0, 256, (count, 3, height, width), **draw).byte()
    labels, splits = torch.randint(0, 3, (count,), **draw), torch.arange(count) % 3
    return FaceSet(images, labels, splits, NAMES, extras, {"seed": 7, "licence": "none – “ours”"})
