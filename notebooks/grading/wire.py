"""What a student's process may say to the grader: plain values, never objects that run code.

`dumps` turns a value into bytes, `loads` turns bytes into a value. There are numbers, text, lists,
tuples, sets and dicts, tensors and arrays by their bytes, `VTFFConfig` and `VTFFOutput`; what is
none of these arrives as `Odd`. Whatever the bytes are, `loads` builds nothing else.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFFOutput

HEAD = struct.Struct(">Q")  # the length of the JSON text; the bytes of tensors follow it
MOST = 200  # characters of what something odd is called
MOST_TEXT = 4 * 2**20  # bytes of all that is no tensor
MOST_ITEMS = 10_000  # of an iterator, which may never end
DTYPES = {str(each): each for each in vars(torch).values() if isinstance(each, torch.dtype)}


class BadMessageError(ValueError):
    """Bytes that no honest process sends."""


@dataclass(frozen=True)
class Odd:
    """Something that is no plain value, as it describes itself."""

    words: str

    def __repr__(self) -> str:
        return self.words


def dumps(value: Any, special: Callable[[Any], Any] = lambda value: None) -> bytes:
    """Return a value as bytes.

    Args:
        value: what is to be said.
        special: returns a plain value that stands for something (a function, say), or None.
    """
    blobs: list[bytes] = []
    tree = _packed(value, blobs, special)
    text = json.dumps(tree).encode()
    return b"".join([HEAD.pack(len(text)), text, *blobs])


def _packed(value: Any, blobs: list[bytes], special: Callable[[Any], Any]) -> Any:
    def each(values: Any) -> list[Any]:
        return [_packed(one, blobs, special) for one in values]

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else ["float", repr(value)]
    if isinstance(value, Iterator):
        value = list(islice(value, MOST_ITEMS))
    if (stands_for := special(value)) is not None:
        return ["special", _packed(stands_for, blobs, lambda value: None)]
    if isinstance(value, Tensor):
        return _tensor(value.detach().as_subclass(Tensor), blobs)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return ["array", isinstance(value, np.generic), *_tensor(torch.tensor(value), blobs)]
    if isinstance(value, VTFFOutput):
        return ["VTFFOutput", each(value)]
    if isinstance(value, VTFFConfig):
        return ["VTFFConfig", _packed(asdict(value), blobs, special)]
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return [kind.__name__, each(value)]
    if isinstance(value, Mapping):
        return ["dict", each(value.keys()), each(value.values())]
    return ["odd", f"{value!r:.{MOST}}"]


def _tensor(value: Tensor, blobs: list[bytes]) -> list[Any]:
    if value.layout != torch.strided or value.device.type != "cpu":
        return ["odd", f"a tensor, {value.layout}, on {value.device}"]
    flat = value.contiguous().reshape(-1)
    blob = flat.resolve_conj().resolve_neg().view(torch.uint8).numpy().tobytes()
    blobs.append(blob)
    return ["tensor", str(value.dtype), list(value.shape), len(blob)]


def loads(data: bytes, special: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return the value that `dumps` was given.

    Raises:
        BadMessageError: if `dumps` has not made these bytes.
    """
    try:
        (length,) = HEAD.unpack_from(data)
        if length > MOST_TEXT:
            raise BadMessageError("too long")
        tree = json.loads(data[HEAD.size : HEAD.size + length])
        rest = memoryview(data)[HEAD.size + length :]
        value = _Reader(rest, special).value(tree)
    except Exception as error:
        raise BadMessageError(f"no message: {type(error).__name__}") from error
    return value


class _Reader:
    def __init__(self, rest: memoryview, special: Callable[[Any], Any]):
        self.rest, self.special = rest, special

    def value(self, tree: Any) -> Any:
        if not isinstance(tree, list):
            return tree
        kind, *parts = tree
        return getattr(self, f"read_{kind}")(*parts)

    def each(self, trees: list[Any]) -> list[Any]:
        return [self.value(tree) for tree in trees]

    def read_float(self, text: str) -> float:
        return float(text)

    def read_special(self, tree: Any) -> Any:
        return self.special(self.value(tree))

    def read_tensor(self, dtype: str, shape: list[int], length: int) -> Tensor:
        blob, self.rest = self.rest[:length], self.rest[length:]
        if not length and 0 in shape:
            return torch.zeros(shape, dtype=DTYPES[dtype])
        raw = torch.tensor(np.frombuffer(blob, np.uint8))
        return raw.view(DTYPES[dtype]).reshape(shape)

    def read_array(self, single: bool, kind: str, *parts: Any) -> Any:
        array = self.read_tensor(*parts).numpy()
        return array[()] if single else array

    def read_VTFFOutput(self, trees: list[Any]) -> VTFFOutput:  # noqa: N802
        return VTFFOutput(*self.each(trees))

    def read_VTFFConfig(self, tree: Any) -> VTFFConfig:  # noqa: N802
        return VTFFConfig(**self.value(tree))

    def read_list(self, trees: list[Any]) -> list[Any]:
        return self.each(trees)

    def read_tuple(self, trees: list[Any]) -> tuple[Any, ...]:
        return tuple(self.each(trees))

    def read_set(self, trees: list[Any]) -> set[Any]:
        return set(self.each(trees))

    def read_frozenset(self, trees: list[Any]) -> frozenset[Any]:
        return frozenset(self.each(trees))

    def read_dict(self, keys: list[Any], values: list[Any]) -> dict[Any, Any]:
        return dict(zip(self.each(keys), self.each(values), strict=True))

    def read_odd(self, words: str) -> Odd:
        return Odd(str(words)[:MOST])
