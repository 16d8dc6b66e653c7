"""Feature matrices in files, memory-mapped."""

import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tutelage.errors import SourceError, did_you_mean, first_line

__all__ = ["FeatureFile", "open_file", "path_mistakes"]

ENDINGS = (".npy", ".safetensors", ".parquet")


@runtime_checkable
class FeatureFile(Protocol):
    """A matrix in a file.

    Attributes:
        path: Path of the file.
    """

    path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows and columns."""

    @property
    def ids(self) -> Sequence[str] | None:
        """Id of each row; None if the file has none."""

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return a float32 copy of the rows with these numbers."""


class _Mapped:
    """A matrix stored as such."""

    ids: Sequence[str] | None = None

    def __init__(self, path: Path, matrix: Any) -> None:
        self.path = path
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        self._matrix = matrix

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        rows = self._matrix[list(numbers)]
        return rows.float() if isinstance(rows, Tensor) else torch.from_numpy(np.float32(rows))


def open_file(path: Path, *, column: str, id_column: str) -> FeatureFile:
    """Open a feature file, in the format of its ending.

    Raises:
        SourceError: If there is no such file, it cannot be read, or contains no matrix of numbers.
    """
    for mistake in path_mistakes(path):
        raise SourceError(mistake)
    readers: dict[str, Callable[[Path, str, str], FeatureFile]] = {
        ".npy": _npy,
        ".safetensors": _safetensors,
        ".parquet": _Parquet,
    }
    try:
        file = readers[path.suffix](path, column, id_column)
    except (OSError, ValueError, EOFError, SafetensorError) as error:
        raise SourceError(f"{path} cannot be read: {first_line(error)}") from error
    if len(file.shape) != 2 or 0 in file.shape:
        raise SourceError(f"{path} holds an array of shape {file.shape}; expected [rows, columns]")
    return file


def path_mistakes(path: Path) -> list[str]:
    """Return what is wrong with a path: no file, or an unknown ending."""
    if not path.is_file():
        alike = did_you_mean(path.name, [p.name for p in path.parent.glob(f"*{path.suffix}")])
        return [f"there is no file of features {path}{alike}"]
    if path.suffix not in ENDINGS:
        return [f"{path} is not a file of features; known endings: {', '.join(ENDINGS)}"]
    return []


def _npy(path: Path, column: str, id_column: str) -> FeatureFile:
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    if matrix.dtype.kind not in "fiu":
        raise SourceError(f"{path} holds {matrix.dtype}, not numbers")
    return _Mapped(path, matrix)


def _safetensors(path: Path, column: str, id_column: str) -> FeatureFile:
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        if column not in names and len(names) != 1:
            raise SourceError(
                f"{path} has no tensor {column!r}{did_you_mean(column, names)}; it has: "
                f"{', '.join(names)}. Name one by column"
            )
        matrix = file.get_tensor(column if column in names else names[0])
    if matrix.dtype == torch.bool or matrix.is_complex():
        raise SourceError(f"{path} holds {matrix.dtype}, not numbers")
    return _Mapped(path, matrix)


class _Parquet:
    """A column of lists, copied to a mapped matrix when rows are first read."""

    def __init__(self, path: Path, column: str, id_column: str) -> None:
        from pyarrow import parquet  # type: ignore[import-untyped]

        self.path = path
        self._file: Any = parquet.ParquetFile(path)
        self._column = column
        names = self._file.schema_arrow.names
        if column not in names:
            raise SourceError(
                f"{path} has no column {column!r}{did_you_mean(column, names)}; it has: "
                f"{', '.join(names)}. Name one by column"
            )
        self._id = id_column if id_column in names else None
        first = next(self._file.iter_batches(1, columns=[column]), None)
        if first is None:
            raise SourceError(f"{path} has no rows")
        width = self._block(first.column(column)).shape[1]
        self.shape: tuple[int, ...] = (int(self._file.metadata.num_rows), int(width))

    @cached_property
    def ids(self) -> Sequence[str] | None:
        if self._id is None:
            return None
        column = self._file.read([self._id]).column(self._id)
        return [str(name) for name in column.to_pylist()]

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        return torch.from_numpy(self._matrix[list(numbers)])

    @cached_property
    def _matrix(self) -> Float32[np.ndarray, "rows width"]:
        with tempfile.TemporaryFile(prefix="tutelage-") as scratch:  # the mapping outlives the name
            matrix = np.memmap(scratch, dtype=np.float32, mode="w+", shape=self.shape)
        done = 0
        for batch in self._file.iter_batches(8192, columns=[self._column]):
            block = self._block(batch.column(self._column))
            if block.shape[1] != self.shape[1]:
                raise SourceError(
                    f"{self.path} has {block.shape[1]} numbers in row {done}, and {self.shape[1]} "
                    "in the first; all rows must have as many"
                )
            matrix[done : done + len(block)] = block
            done += len(block)
        return matrix

    def _block(self, lists: Any) -> Float32[np.ndarray, "rows width"]:
        where = f"column {self._column!r} of {self.path}"
        if not hasattr(lists, "value_lengths") and not hasattr(lists.type, "list_size"):
            raise SourceError(f"{where} holds {lists.type}, not lists of numbers")
        if lists.null_count:
            raise SourceError(f"{where} has rows without features")
        values = lists.flatten().to_numpy(zero_copy_only=False)
        width, rest = divmod(len(values), len(lists))
        lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
        if rest or (lengths != width).any():
            raise SourceError(f"{where} has lists of different lengths")
        if values.dtype.kind not in "fiu":
            raise SourceError(f"{where} holds {values.dtype}, not numbers")
        return np.asarray(values, dtype=np.float32).reshape(len(lists), width)
