"""Cached features of one teacher and split: rows and blocks, read from disk."""

import os
import weakref
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from safetensors import safe_open
from torch import Tensor

from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import DTYPES, Layout
from tutelage.cache.precision import JITTER
from tutelage.cache.statistics import RowCounts
from tutelage.errors import CacheError

__all__ = ["MAP_UP_TO", "Features"]

MAP_UP_TO = 2**30
"""Features of at most this many bytes in all are mapped per process; others are read by ``preadv``."""


class Features:
    """Features of one split by one teacher, on disk.

    Features are memory-mapped as long as all mapped features of the process stay within
    ``map_up_to``; a gather then takes as long as from a tensor in memory. Mapped pages count as
    resident memory, although the kernel may drop them at any time. Larger features are read row by
    row into the result: about four times slower (0.3 to 0.4 ms for 128 rows of 1,536 columns), but
    nothing stays resident. ``blocks`` never reads through the map.

    Safe to read from several threads, and from forked or spawned processes.

    Attributes:
        key: What the features are a function of.
        ids: The rows' ids, in order.
        width: Columns.
        dtype: Dtype of the stored and returned numbers.
        mean: Mean of each column.
        std: Standard deviation of each column over all rows (divided by the number of rows).
        row_counts: How many rows are zero or repeated; None where version 0.1 wrote them.
        bytes: Size on disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        key: FeatureKey,
        ids: Sequence[str],
        layout: Layout,
        mean: Float64[Tensor, " width"],
        std: Float64[Tensor, " width"],
        row_counts: RowCounts | None = None,
        bytes: int,
        map_up_to: int | None = MAP_UP_TO,
    ) -> None:
        self.folder = folder
        self.key = key
        self.ids = ids
        self.width = layout.width
        self.dtype = DTYPES[layout.dtype]
        self.mean = mean
        self.std = std
        self.row_counts = row_counts
        self.bytes = bytes
        self._layout = layout
        self._map_up_to = map_up_to

    def __len__(self) -> int:
        return self._layout.rows

    @property
    def constant(self) -> Bool[Tensor, " width"]:
        """Which columns are the same in every row, up to the teacher's own rounding."""
        return self.std <= JITTER * torch.finfo(torch.float32).eps * self.mean.abs()

    def __repr__(self) -> str:
        return (
            f"Features({len(self)} rows x {self.width} columns, "
            f"{self._layout.dtype}, split {self.key.split!r}, {self.folder.name})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # Maps and descriptors belong to one process; a copy opens new ones.
        hidden = ("_mapped", "_opened")
        return {name: value for name, value in self.__dict__.items() if name not in hidden}

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Return these rows, in this order, as a new tensor in ``dtype`` on the CPU.

        Raises:
            IndexError: If a row number is negative or too large.
            CacheError: If the file became shorter since it was opened.
        """
        if self._mapped is not None:
            return self._mapped.index_select(0, indices)
        numbers = indices.numpy()
        if not len(numbers):
            return torch.empty(0, self.width, dtype=self.dtype)
        first, last = int(numbers[0]), int(numbers[-1])
        if last - first == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
            return self.read(first, last + 1)
        if int(numbers.min()) < 0 or int(numbers.max()) >= len(self):
            raise IndexError(f"rows are numbered 0 to {len(self) - 1}")
        out = torch.empty(len(numbers), self.width, dtype=self.dtype)
        opened, row_bytes = self._opened, self._layout.row_bytes
        if len(opened.files) == 1:
            files = repeat(opened.files[0])
            offsets = numbers * row_bytes + opened.starts[0]
        else:
            shards, rows = np.divmod(numbers, self._layout.shard_rows)
            files = iter(opened.descriptors[shards].tolist())
            offsets = rows * row_bytes + opened.starts[shards]
        # One system call per row; map runs the loop in C.
        done = sum(map(os.preadv, files, zip(out.numpy(), strict=False), offsets.tolist()))
        self._refuse_short(done, len(numbers) * row_bytes)
        return out

    def read(self, start: int, stop: int) -> Float[Tensor, "rows width"]:
        """Return the rows from ``start`` to before ``stop`` as a new tensor."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows are numbered 0 to {len(self) - 1}")
        out = torch.empty(stop - start, self.width, dtype=self.dtype)
        view = out.numpy().data.cast("B") if len(out) else memoryview(b"")
        row_bytes, row = self._layout.row_bytes, start
        while row < stop:
            shard, inside = divmod(row, self._layout.shard_rows)
            end = min(stop, row + self._layout.shard_rows - inside)
            target = view[(row - start) * row_bytes : (end - start) * row_bytes]
            offset = int(self._opened.starts[shard]) + inside * row_bytes
            while target:
                done = os.preadv(self._opened.files[shard], [target], offset)
                self._refuse_short(done, min(1, len(target)))
                target, offset = target[done:], offset + done
            row = end
        return out

    def blocks(self, rows: int = 4096) -> Iterator[Float[Tensor, "rows width"]]:
        """Yield all rows in order, ``rows`` at a time; only one block is in memory."""
        for start in range(0, len(self), rows):
            yield self.read(start, min(start + rows, len(self)))

    def close(self) -> None:
        """Close files and maps; a later read opens them again."""
        opened = self.__dict__.pop("_opened", None)
        if opened is not None:
            opened.close()
        self.__dict__.pop("_mapped", None)
        _MAPPED.pop(self, None)

    @cached_property
    def _mapped(self) -> Tensor | None:
        size = len(self) * self._layout.row_bytes
        others = sum(_MAPPED.values())
        if self._layout.shards > 1 or (
            self._map_up_to is not None and others + size > self._map_up_to
        ):
            return None
        _MAPPED[self] = size
        with safe_open(self.folder / self._layout.name(0), framework="pt") as file:
            features: Tensor = file.get_tensor("features")
        return features

    @cached_property
    def _opened(self) -> "_Opened":
        return _Opened(self.folder, layout=self._layout, key=self.key.digest)

    def _refuse_short(self, done: int, expected: int) -> None:
        if done < expected:
            raise CacheError(f"a features file in {self.folder} became shorter while it was read")


_MAPPED: "weakref.WeakKeyDictionary[Features, int]" = weakref.WeakKeyDictionary()
"""Bytes that each object maps, of the whole process.

A module global on purpose: resident memory belongs to the process, so the limit must count the features
of all stores. If each store counted for itself, a run with two stores could map twice the limit. The
consequence is that features opened later are not mapped once the limit is reached; that changes their
speed, never their numbers. Entries disappear with their object or with ``close``.
"""


class _Opened:
    """Open file descriptors, closed when the object is deleted."""

    def __init__(self, folder: Path, *, layout: Layout, key: str) -> None:
        self.files: list[int] = []
        self.close = weakref.finalize(self, _close_all, self.files)
        for shard in range(layout.shards):
            self.files.append(os.open(folder / layout.name(shard), os.O_RDONLY))
        self.descriptors = np.array(self.files)
        self.starts = np.array([len(layout.header(s, key=key)) for s in range(layout.shards)])


def _close_all(files: list[int]) -> None:
    for descriptor in files:
        os.close(descriptor)
