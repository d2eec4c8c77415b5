"""Tables of numbers that describe faces, one row a face, and where the random ones come from."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vtff_lib.refusals import check_choice, is_dense, shown


@dataclass(frozen=True)
class Rows:
    """Columns that are tensors with one row for each face: `(N,)` or `(N, …)`."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, rows: slice | Tensor) -> Self:
        if isinstance(rows, int):
            raise ValueError(
                f"[{rows}] would lose the rows; write [{rows}:{rows + 1}] for one face."
            )
        return self._each(lambda column: column[rows])

    def to(self, device: torch.device | str) -> Self:
        """Return the same table on another device."""
        return self._each(lambda column: column.to(device))

    def with_(self, **columns: Any) -> Self:
        """Return the same table with some columns set, to one value for all rows or to a tensor.

        Raises:
            ValueError: if a column is unknown, or a value does not fit its shape or is not finite.
        """
        for name in columns:
            check_choice("column", name, [f.name for f in fields(self)])
        return replace(self, **{name: self._like(name, value) for name, value in columns.items()})

    def followed_by(self, *others: Self) -> Self:
        """Return one table with the rows of this one and then of the others."""
        tables = (self, *others)
        return replace(self, **{f.name: _joined([getattr(t, f.name) for t in tables])
                                for f in fields(self)})  # fmt: skip

    def single(self) -> Self:
        """Return the same table with all fractions rounded to float32."""
        return self._each(
            lambda column: column.single() if isinstance(column, Rows) else _single(column)
        )

    def spread(self) -> Self:
        """Return the columns shaped to meet maps: `(N,)` as `(N, 1, 1)`, `(N, 3)` as colours."""
        return self._each(lambda column: column[(...,) + (None,) * 2])

    def _like(self, name: str, value: Any) -> Tensor:
        old = getattr(self, name)
        try:
            new = torch.as_tensor(value, device=old.device)
            if new.isfinite().all() and not new.is_complex():
                return new.to(old.dtype).expand_as(old).clone()
            shape = "that are no finite numbers"
        except (RuntimeError, TypeError, ValueError):
            shape = f"of shape {tuple(value.shape)}" if is_dense(value) else shown(value)
        raise ValueError(
            f"{name} {shape} does not fit {tuple(old.shape)}; give one finite number for all rows, "
            "or one for each."
        )

    def _each(self, change: Any) -> Self:
        return replace(self, **{f.name: change(getattr(self, f.name)) for f in fields(self)})


def _joined(columns: list[Any]) -> Any:
    first, *rest = columns
    return first.followed_by(*rest) if isinstance(first, Rows) else torch.cat(columns)


def _single(column: Tensor) -> Tensor:
    return column.float() if column.is_floating_point() else column


class Draws:
    """Random numbers for many faces at once, where each face has a generator of its own.

    A face's numbers depend on `(seed, stream, its index)` alone, so it is the same face in any
    batch and in any order. They are float64: rounded to float32 in the end, they hide the last bits
    in which processors differ.

    Args:
        seed: of the whole set, from 0.
        stream: what the numbers are for, so that two uses of one index share nothing.
        indices: of the faces, from 0.
        count: how many numbers one face may use.
    """

    def __init__(self, seed: int, stream: int, indices: Iterable[int], count: int = 200):
        generators = [np.random.default_rng([seed, stream, index]) for index in indices]
        drawn = [generator.random(count) for generator in generators]
        self._numbers = torch.from_numpy(np.stack(drawn))
        self._used = 0

    def uniform(self, low: float | Tensor = 0.0, high: float | Tensor = 1.0) -> Tensor:
        """Return `(N,)` numbers spread evenly from `low` to `high`."""
        number = self._numbers[:, self._used]
        self._used += 1
        return low + (high - low) * number

    def normal(self, mean: float | Tensor = 0.0, deviation: float | Tensor = 1.0) -> Tensor:
        """Return `(N,)` normally distributed numbers, none beyond 2.4 deviations."""
        standard = math.sqrt(2) * torch.erfinv(self.uniform(-1, 1).clamp(-0.9836, 0.9836))
        return mean + deviation * standard

    def chance(self, probability: float | Tensor) -> Tensor:
        """Return `(N,)` zeros and ones, one with this probability."""
        return (self.uniform() < probability).double()

    def choice(self, weights: Tensor) -> Tensor:
        """Return `(N,)` indices into `weights`, `(K,)` or `(N, K)`, drawn in proportion to them."""
        shares = weights.double().cumsum(-1)
        return (self.uniform()[:, None] * shares[..., -1:] >= shares).sum(-1)
