"""Cached features of one teacher and split: rows and blocks, read from disk."""

import mmap
import os
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import DTYPES, Layout
from tutelage.cache.readahead import ReadAhead
from tutelage.cache.statistics import RowCounts
from tutelage.errors import CacheError
from tutelage.rounding import varies_by_rounding

__all__ = ["Features"]


class Features:
    """Features of one split by one teacher, on disk.

    Their files are memory-mapped, so a gather copies rows as from a tensor in memory, and several
    processes share one copy of them. Mapped pages count as resident, but the kernel drops them
    whenever memory is wanted for something else: features of any size fit. Rows that are not in memory
    are asked for together, so that a gather waits for the disk once, not once a row. A gather takes about four
    times as long from several files, and five times where a file cannot be mapped (a limit on
    address space, a file system without maps) and rows are read one by one: 0.2 ms for 128 rows of
    1,536 columns. ``blocks`` never reads through the map.

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
        mapped: bool = True,
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
        self._may_map = mapped
        self._ahead = ReadAhead()

    def __len__(self) -> int:
        return self._layout.rows

    @property
    def constant(self) -> Bool[Tensor, " width"]:
        """Which columns are the same in every row, up to the teacher's own rounding."""
        return varies_by_rounding(self.mean, self.std)

    def __repr__(self) -> str:
        return (
            f"Features({len(self)} rows x {self.width} columns, "
            f"{self._layout.dtype}, split {self.key.split!r}, {self.folder.name})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # Maps and descriptors belong to one process; a copy opens new ones.
        hidden = ("_maps", "_opened")
        return {name: value for name, value in self.__dict__.items() if name not in hidden}

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Return these rows, in this order, as a new tensor in ``dtype`` on the CPU.

        Raises:
            IndexError: If a row number is negative or too large.
            CacheError: If the file became shorter since it was opened.
        """
        if self._maps is None:
            return self._read_rows(indices)
        if self._ahead.wanted:
            self._refuse_unknown(indices.numpy())
            self._ahead.ask(*self._places(indices.numpy()), size=self._layout.row_bytes)
            return self._gather(self._maps, indices)
        self._ahead.begin()
        found = self._gather(self._maps, indices)
        self._ahead.end()
        return found

    def _gather(self, maps: list[Tensor], indices: Tensor) -> Tensor:
        if len(maps) == 1:
            return maps[0].index_select(0, indices)
        self._refuse_unknown(indices.numpy())
        shards = indices.div(self._layout.shard_rows, rounding_mode="floor")
        rows = indices - shards * self._layout.shard_rows
        out = torch.empty(len(indices), self.width, dtype=self.dtype)
        for shard in sorted(set(shards.tolist())):
            places = (shards == shard).nonzero().squeeze(1)
            out[places] = maps[shard].index_select(0, rows[places])
        return out

    def _read_rows(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        numbers = indices.numpy()
        if not len(numbers):
            return torch.empty(0, self.width, dtype=self.dtype)
        first, last = int(numbers[0]), int(numbers[-1])
        if last - first == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
            return self.read(first, last + 1)
        self._refuse_unknown(numbers)
        out = torch.empty(len(numbers), self.width, dtype=self.dtype)
        row_bytes = self._layout.row_bytes
        files, offsets = self._places(numbers)
        # One system call per row; map runs the loop in C.
        done = sum(map(os.preadv, files, zip(out.numpy(), strict=False), offsets))
        self._refuse_short(done, len(numbers) * row_bytes)
        return out

    def _places(
        self, numbers: "np.ndarray[Any, np.dtype[np.int64]]"
    ) -> tuple[Iterable[int], list[int]]:
        """Descriptor and offset of each row."""
        opened, row_bytes = self._opened, self._layout.row_bytes
        if len(opened.files) == 1:
            return repeat(opened.files[0]), (numbers * row_bytes + opened.starts[0]).tolist()
        shards, rows = np.divmod(numbers, self._layout.shard_rows)
        offsets = rows * row_bytes + opened.starts[shards]
        return opened.descriptors[shards].tolist(), offsets.tolist()

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
        self.__dict__.pop("_maps", None)

    @cached_property
    def _maps(self) -> "list[Tensor] | None":
        """A view of each file's numbers, or None where they cannot be mapped."""
        if not self._may_map or not len(self):
            return None
        try:
            return [self._map(shard) for shard in range(self._layout.shards)]
        except OSError:
            return None

    def _map(self, shard: int) -> Float[Tensor, "rows width"]:
        rows = len(self._layout.shard(shard))
        start = int(self._opened.starts[shard])
        # Not copy-on-write: the kernel would have to promise memory for all of it.
        pages = mmap.mmap(self._opened.files[shard], 0, access=mmap.ACCESS_READ)
        self._refuse_short(len(pages) - start, rows * self._layout.row_bytes)
        if hasattr(mmap, "MADV_RANDOM"):  # else a touched page brings megabytes of its neighbours
            pages.madvise(mmap.MADV_RANDOM)
        with warnings.catch_warnings():  # that it is read-only; every gather copies from it
            warnings.simplefilter("ignore", UserWarning)
            numbers = torch.frombuffer(
                pages, dtype=self.dtype, count=rows * self.width, offset=start
            )
        return numbers.view(rows, self.width)

    @cached_property
    def _opened(self) -> "_Opened":
        return _Opened(self.folder, layout=self._layout, key=self.key.digest)

    def _refuse_unknown(self, numbers: "np.ndarray[Any, np.dtype[np.int64]]") -> None:
        if len(numbers) and (int(numbers.min()) < 0 or int(numbers.max()) >= len(self)):
            raise IndexError(f"rows are numbered 0 to {len(self) - 1}")

    def _refuse_short(self, done: int, expected: int) -> None:
        if done < expected:
            raise CacheError(f"a features file in {self.folder} became shorter while it was read")


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
