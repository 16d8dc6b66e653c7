"""Feature matrices in files, memory-mapped."""

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tutelage.errors import SourceError, did_you_mean, first_line
from tutelage.files import missing_content

__all__ = [
    "FeatureColumns",
    "FeatureFile",
    "RowNames",
    "open_file",
    "path_mistakes",
    "read_row_names",
]

ENDINGS = (".npy", ".safetensors", ".parquet")


@dataclass(frozen=True)
class FeatureColumns:
    """Names of the columns of a file of features.

    Attributes:
        features: Features; in a safetensors file the tensor's name.
        id: Ids of the rows.
        split: Split of each row.
    """

    features: str = "features"
    id: str = "id"
    split: str = "split"

    def refuse_unknown(self, path: Path, present: Sequence[str]) -> None:
        """Refuse a column of ids or splits that the user named and a file lacks.

        Raises:
            SourceError: Naming the column and those that there are.
        """
        for option, name, default in (("id", self.id, "id"), ("split", self.split, "split")):
            if name not in (default, "", *present):
                raise SourceError(
                    f"{path} has no column {name!r} for teachers.params.{option}"
                    f"{did_you_mean(name, present)}; it has: {', '.join(present) or 'none'}"
                )


@dataclass(frozen=True)
class RowNames:
    """What identifies the rows of a file.

    Attributes:
        ids: Id of each row.
        splits: Split of each row; None if the file does not say.
    """

    ids: Sequence[str]
    splits: Sequence[str] | None = None


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

    def read_names(self) -> RowNames | None:
        """Read what identifies the rows; None if the file does not say."""

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return a copy of the rows with these numbers: float64 if stored so or as integers."""


class _Mapped:
    """A matrix stored as such."""

    def __init__(self, path: Path, matrix: Any) -> None:
        self.path = path
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        self._matrix = matrix

    def read_names(self) -> RowNames | None:
        return None

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        rows = self._matrix[list(numbers)]
        if isinstance(rows, Tensor):
            narrow = rows.dtype in (torch.float16, torch.bfloat16, torch.float32)
            return rows.float() if narrow else rows.double()
        return torch.from_numpy(rows.astype(_numpy_wide(rows.dtype)))


def open_file(path: Path, *, columns: FeatureColumns) -> FeatureFile:
    """Open a feature file, in the format of its ending.

    Args:
        path: The file.
        columns: Names of its columns; an npy file has none.

    Raises:
        SourceError: If there is no such file, it cannot be read, or contains no matrix of numbers.
    """
    for mistake in path_mistakes(path):
        raise SourceError(mistake)
    readers: dict[str, Callable[[Path, FeatureColumns], FeatureFile]] = {
        ".npy": _npy,
        ".safetensors": _safetensors,
        ".parquet": _Parquet,
    }
    with _reading(path):
        file = readers[path.suffix](path, columns)
    if len(file.shape) != 2 or 0 in file.shape:
        raise SourceError(f"{path} holds an array of shape {file.shape}; expected [rows, columns]")
    return file


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what libraries raise for a damaged file into one message.

    Raises:
        SourceError: Naming the file. Arrow decodes, and so finds damage, only when rows are read.
    """
    try:
        yield
    except (OSError, ValueError, EOFError, SafetensorError, TokenError) as error:
        reason = missing_content(path) or first_line(error)
        if "allow_pickle" in reason:  # NumPy's word for anything but an array
            reason = "it is no npy file of plain numbers"
        raise SourceError(f"{path} cannot be read: {reason}") from error


def path_mistakes(path: Path) -> list[str]:
    """Return what is wrong with a path: no file, or an unknown ending."""
    if not path.is_file():
        alike = did_you_mean(path.name, [p.name for p in path.parent.glob(f"*{path.suffix}")])
        return [f"there is no file of features {path}{alike}"]
    if path.suffix not in ENDINGS:
        return [f"{path} is not a file of features; known endings: {', '.join(ENDINGS)}"]
    return []


def _npy(path: Path, columns: FeatureColumns) -> FeatureFile:
    matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    if matrix.dtype.kind not in "fiu":
        raise SourceError(f"{path} holds {matrix.dtype}, not numbers")
    return _Mapped(path, matrix)


def _safetensors(path: Path, columns: FeatureColumns) -> FeatureFile:
    column = columns.features
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


def read_row_names(path: Path, columns: FeatureColumns) -> RowNames:
    """Read what identifies the rows of an array from a csv file with a line for each.

    Raises:
        SourceError: If there is no such file, or it has no column of ids.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, restval="", strict=True)
            table = list(reader)
            present = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read as csv: {first_line(error)}") from error
    columns.refuse_unknown(path, present)
    if columns.id not in present:
        raise SourceError(f"{path} has no column {columns.id!r}; it has: {', '.join(present)}")
    ids = [line[columns.id] for line in table]
    if "" in ids:
        raise SourceError(f"row {ids.index('')} of {path} has no id; fill it, or remove the row")
    splits = [line[columns.split] for line in table] if columns.split in present else None
    return RowNames(ids, splits)


class _Parquet:
    """A column of lists, copied to a mapped matrix when rows are first read."""

    def __init__(self, path: Path, columns: FeatureColumns) -> None:
        from pyarrow import parquet  # type: ignore[import-untyped]

        self.path = path
        self._file: Any = parquet.ParquetFile(path)
        self._column = column = columns.features
        self._columns = columns
        names = self._file.schema_arrow.names
        if column not in names:
            raise SourceError(
                f"{path} has no column {column!r}{did_you_mean(column, names)}; it has: "
                f"{', '.join(names)}. Name one by column"
            )
        first = next(self._file.iter_batches(1, columns=[column]), None)
        if first is None:
            raise SourceError(f"{path} has no rows")
        block = self._block(first.column(column))
        self._dtype = block.dtype
        self.shape: tuple[int, ...] = (int(self._file.metadata.num_rows), int(block.shape[1]))

    def read_names(self) -> RowNames | None:
        present = self._file.schema_arrow.names
        id_column, split_column = self._columns.id, self._columns.split
        self._columns.refuse_unknown(self.path, present)
        if id_column not in present:
            return None
        splits = self._texts(split_column) if split_column in present else None
        return RowNames(self._texts(id_column), splits)

    def _texts(self, name: str) -> list[str]:
        """A column of texts or whole numbers, as texts."""
        from pyarrow import types

        with _reading(self.path):
            column = self._file.read([name]).column(name)
        kind = column.type.value_type if types.is_dictionary(column.type) else column.type
        where = f"column {name!r} of {self.path}"
        if column.null_count:
            number = column.is_null().index(True).as_py()
            raise SourceError(f"row {number} has no value in {where}; fill it, or remove the row")
        if not (types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind)):
            raise SourceError(
                f"{where} holds {kind}; ids and splits are texts or whole numbers, written as in "
                "the data"
                + (
                    ": pandas makes numbers with a point of whole ones if any is missing; remove "
                    "such rows, then .astype('int64')"
                    if types.is_floating(kind)
                    else ""
                )
            )
        return [str(value) for value in column.to_pylist()]

    def rows(self, numbers: Sequence[int]) -> Float[Tensor, "rows width"]:
        return torch.from_numpy(self._matrix[list(numbers)])

    @cached_property
    def _matrix(self) -> Float[np.ndarray, "rows width"]:
        with tempfile.TemporaryFile(prefix="tutelage-") as scratch:  # the mapping outlives the name
            matrix = np.memmap(scratch, dtype=self._dtype, mode="w+", shape=self.shape)
        done = 0
        batches = self._file.iter_batches(8192, columns=[self._column])
        while True:
            with _reading(self.path):
                batch = next(batches, None)
            if batch is None:
                return matrix
            block = self._block(batch.column(self._column))
            if block.shape[1] != self.shape[1]:
                raise SourceError(
                    f"{self.path} has {block.shape[1]} numbers in row {done}, and {self.shape[1]} "
                    "in the first; all rows must have as many"
                )
            matrix[done : done + len(block)] = block
            done += len(block)

    def _block(self, lists: Any) -> Float[np.ndarray, "rows width"]:
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
        return np.asarray(values, dtype=_numpy_wide(values.dtype)).reshape(len(lists), width)


def _numpy_wide(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Float32, or float64 for numbers that float32 would round before anyone looks at them."""
    return np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64
