"""The engine of the live page without a page: wasmtime runs what a browser would."""

import functools
import json
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import wasmtime
from torch import Tensor

from vtff_lib.live import build

RUNTIME = wasmtime.Engine()


@functools.cache
def compiled(module: Path) -> wasmtime.Module:
    """Return the compiled module of a file, once for all engines."""
    return wasmtime.Module.from_file(RUNTIME, str(module))


def unpacked(packed: bytes) -> tuple[dict, bytes]:
    """Return the header and the weights of a packed model."""
    (length,) = struct.unpack("<I", packed[4:8])
    return json.loads(packed[8 : 8 + length]), packed[8 + length :]


class WasmEngine:
    """An engine with a model in it, or with settings alone to try its layers.

    Args:
        packed: what `pack` returns.
        module: the compiled engine; the one that is shipped if not given.
    """

    def __init__(self, packed: bytes, module: Path | None = None):
        code = compiled(module or build.MODULE)
        self.store = wasmtime.Store(RUNTIME)
        self.exports = wasmtime.Instance(self.store, code, []).exports(self.store)
        self.memory = self.exports["memory"]
        self.header, weights = unpacked(packed)
        self.config = self.header["config"]
        self.write(self.address("settings"), np.array(self.header["settings"], "<i4"))
        self.write(self.address("normalisation"), np.array(self.header["normalisation"], "<f4"))
        count = self.header["count"]
        room = self.call("make_room", count)
        self.memory.write(self.store, weights, room + (2 * count if self.header["half"] else 0))
        if self.header["half"]:
            self.call("unpack_halves", count)

    def call(self, name: str, *arguments: float) -> int:
        """Call a function of the engine."""
        return self.exports[name](self.store, *arguments)

    def address(self, name: str) -> int:
        """Return where a variable of the engine stands."""
        return self.exports[name].value(self.store)

    def write(self, at: int, values: np.ndarray) -> None:
        """Write numbers into its memory."""
        self.memory.write(self.store, np.ascontiguousarray(values).tobytes(), at)

    def read(self, at: int, *shape: int, dtype: str = "<f4") -> Tensor | None:
        """Read numbers from its memory; `None` from no address."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        found = np.frombuffer(bytes(self.memory.read(self.store, at, at + size)), dtype)
        return torch.from_numpy(found.reshape(shape).copy()) if at else None

    def shown(self, name: str, *shape: int, dtype: str = "<f4") -> Tensor | None:
        """Read what a pointer of the engine points to."""
        pointer = int(self.read(self.address(name), 1, dtype="<u4")[0])
        return self.read(pointer, *shape, dtype=dtype)

    def put_map(self, values: Tensor) -> int:
        """Write a map `(1, C, H, W)` and return the address of its `Map`."""
        at = self.call("take", 4 * values.numel())
        self.write(at, values.detach().float().numpy())
        described = self.call("take", 16)
        self.write(described, np.array([at, *values.shape[1:]], "<u4"))
        return described

    def layer(self, name: str, weights: Iterable[np.ndarray], *given: object) -> Tensor:
        """Let a layer of the engine turn maps into a map `(1, C, H, W)`, with weights as packed.

        Args:
            name: of the function in `engine.c`.
            weights: in the order of their use.
            given: its arguments; a tensor is a map.
        """
        flat = np.concatenate([np.zeros(0, "f4"), *weights])
        at = self.call("take", 4 * len(flat))
        self.write(at, flat)
        self.write(self.address("weights"), np.array([at], "<u4"))
        out = self.call("take", 16)
        given = [self.put_map(each) if isinstance(each, Tensor) else each for each in given]
        self.call(name, out, *given)
        values, *shape = self.read(out, 4, dtype="<i4").tolist()
        read = int(self.read(self.address("weights"), 1, dtype="<u4")[0])
        assert read == at + 4 * len(flat), f"{name} took {(read - at) // 4} of {len(flat)} weights"
        return self.read(values, 1, *shape)

    def run(self, rgb: Tensor, *changes: tuple) -> dict[str, Tensor | None]:
        """Return the answer to a picture, uint8 `(1, 3, H, W)`, and all maps, as `VTFFOutput`.

        Args:
            rgb: the picture.
            changes: name and arguments of each function of `engine.c` that changes something.
        """
        self.call("change_nothing")
        for name, *arguments in changes:
            self.call(name, *arguments)
        image = int(self.read(self.address("image"), 1, dtype="<u4")[0])
        self.write(image, rgb.numpy())
        self.call("run")
        c = self.config
        (rows, columns), channels = self.header["grid"], self.header["channels"]
        grid, tokens = (1, channels, rows, columns), 1 + rows * columns
        per_place = channels if c["fusion"] == "aff" else 1
        answers = self.shown("answers", 1 + c["depth"], 1, len(c["class_names"]))
        heads = (c["depth"], 1, c["num_heads"], tokens, tokens)
        asked = (c["depth"], 3, c["embed_dim"], tokens)
        return {
            "logits": answers[-1],
            "answers": answers,
            "lbp": self.shown("lbp", *rgb.shape, dtype="u1"),
            "gate": self.shown("gate", *grid),
            "local_attention": self.shown("local_attention", 1, per_place, rows, columns),
            "global_attention": self.shown("global_attention", 1, channels, 1, 1),
            **{name: self.shown(name, *grid) for name in ("rgb_map", "lbp_map", "fused")},
            "attentions": self.shown("attentions", *heads),
            "questions": self.shown("questions", *asked),
        }
