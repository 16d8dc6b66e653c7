"""Tables of teachers' features: joined to rows by id, concatenated, selected, in memory.

A ``FeatureTable`` has numbered rows and, for each teacher, a matrix of features. All tables here are
views: they hold row numbers, and read features only when rows are gathered.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.cache.features import Features
from tutelage.errors import CacheError, ConfigError, DataError, did_you_mean
from tutelage.regularizers.preparation import FeatureTable

__all__ = [
    "FeatureTable",
    "JoinedTable",
    "SelectedTable",
    "as_table",
    "block_count",
    "blocks",
    "columns",
    "concat",
    "matrix",
    "select",
    "total_width",
]

BLOCK_ROWS = 1024


class JoinedTable:
    """Cached features of several teachers, joined to rows by the rows' ids.

    Ids are matched once; a gather is then one indexed read per teacher. The rows may be a subset of
    the cached ones, in any order.

    Args:
        features: Cached features by the teacher's name.
        ids: Ids of the table's rows, in order.

    Raises:
        CacheError: If a row has no features; the message names it.

    Attributes:
        features: As given.
        widths: Columns of each teacher.

    Example:
        >>> table = JoinedTable({"dino": features}, ids=split.ids)  # doctest: +SKIP
        >>> table.gather(torch.tensor([3, 0]))["dino"].shape  # doctest: +SKIP
        torch.Size([2, 1536])
    """

    def __init__(self, features: Mapping[str, Features], ids: Sequence[str]) -> None:
        self.features = dict(features)
        self.widths = {name: matrix.width for name, matrix in self.features.items()}
        self._rows = {name: _matched(name, matrix, ids) for name, matrix in self.features.items()}
        self._count = len(ids)

    def __len__(self) -> int:
        return self._count

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        """Return every teacher's features of these rows, as stored, on the CPU.

        Raises:
            IndexError: If a row number is negative or too large.
        """
        batch = {}
        for name, features in self.features.items():
            rows = self._rows[name]
            batch[name] = features.gather(
                indices if rows is None else rows.index_select(0, indices)
            )
        return batch


def concat(tables: Sequence[FeatureTable]) -> FeatureTable:
    """Return one table of the rows of several: all rows of the first, then those of the next.

    Raises:
        CacheError: If the tables have different teachers or widths.
    """
    return tables[0] if len(tables) == 1 else _ConcatenatedTable(tables)


def select(table: FeatureTable, rows: Int64[Tensor, " selected"]) -> "SelectedTable":
    """Return a table of the rows with these numbers, in this order."""
    return SelectedTable(table, rows)


def columns(table: FeatureTable, names: Sequence[str] | None = None) -> FeatureTable:
    """Return a table of some teachers' features.

    Args:
        table: The table to choose from.
        names: The teachers, in the order of the new table; all of them by default.

    Raises:
        ConfigError: If a name is not a teacher's, or there is none.
    """
    chosen = tuple(table.widths if names is None else names)
    for name in chosen:
        if name not in table.widths:
            raise ConfigError(
                f"there is no teacher {name!r}; the rows have features of "
                f"{', '.join(map(repr, table.widths))}{did_you_mean(name, table.widths)}"
            )
    if not chosen:
        raise ConfigError("a probe needs the features of at least one teacher")
    return table if chosen == tuple(table.widths) else _ColumnsTable(table, chosen)


def as_table(features: Float[Tensor, "rows width"] | FeatureTable) -> FeatureTable:
    """Return a matrix in memory as a table; a table is returned as it is.

    Raises:
        DataError: If a tensor has no floating-point dtype, or not two dimensions.
    """
    if not isinstance(features, Tensor):
        return features
    if features.ndim != 2 or not features.is_floating_point():
        raise DataError(
            "features of a probe are floating-point numbers [rows, width], "
            f"got {features.dtype} {list(features.shape)}"
        )
    return _InMemoryTable(features)


def total_width(table: FeatureTable) -> int:
    """Return the number of columns of all teachers together."""
    return sum(table.widths.values())


def matrix(
    table: FeatureTable, indices: Int64[Tensor, " batch"]
) -> Float[Tensor, "batch total_width"]:
    """Return these rows as one matrix: the teachers' columns side by side, in the widest dtype."""
    batch = table.gather(indices)
    if len(batch) == 1:
        return next(iter(batch.values()))
    return torch.cat([batch[name] for name in table.widths], dim=1)


def blocks(table: FeatureTable) -> Iterator[tuple[slice, Float[Tensor, "block total_width"]]]:
    """Yield all rows in order as matrices of a block of rows, each with its slice of row numbers."""
    for start in range(0, len(table), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(table)))
        yield rows, matrix(table, torch.arange(rows.start, rows.stop))


def block_count(rows: Sized) -> int:
    """Return in how many blocks ``blocks`` yields the rows."""
    return -(-len(rows) // BLOCK_ROWS)


@dataclass(frozen=True)
class SelectedTable:
    """Some rows of a table, numbered from 0.

    Attributes:
        table: The table selected from.
        rows: The rows' numbers in it.
    """

    table: FeatureTable
    rows: Int64[Tensor, " selected"]

    @property
    def widths(self) -> Mapping[str, int]:
        """Columns of each teacher."""
        return self.table.widths

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        """Return the features of the selected rows with these numbers."""
        return self.table.gather(self.rows[indices])


class _ConcatenatedTable:
    def __init__(self, tables: Sequence[FeatureTable]) -> None:
        self._tables = tuple(tables)
        self.widths = dict(self._tables[0].widths)
        if any(dict(table.widths) != self.widths for table in self._tables):
            raise CacheError("tables of different teachers cannot be concatenated")
        self._ends = torch.tensor([len(table) for table in self._tables]).cumsum(0)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        owner = torch.bucketize(indices, self._ends, right=True)
        order = owner.argsort(stable=True)
        back = order.argsort()
        batches = []
        for number, table in enumerate(self._tables):
            rows = indices[order][owner[order] == number]
            batches.append(table.gather(rows - (int(self._ends[number]) - len(table))))
        return {
            name: torch.cat([batch[name] for batch in batches]).index_select(0, back)
            for name in self.widths
        }


@dataclass(frozen=True)
class _ColumnsTable:
    table: FeatureTable
    names: tuple[str, ...]

    @property
    def widths(self) -> dict[str, int]:
        return {name: self.table.widths[name] for name in self.names}

    def __len__(self) -> int:
        return len(self.table)

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        batch = self.table.gather(indices)
        return {name: batch[name] for name in self.names}


@dataclass(frozen=True)
class _InMemoryTable:
    features: Float[Tensor, "rows width"]

    @property
    def widths(self) -> dict[str, int]:
        return {"features": self.features.shape[1]}

    def __len__(self) -> int:
        return len(self.features)

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        return {"features": self.features.index_select(0, indices.to(self.features.device))}


def _matched(name: str, features: Features, ids: Sequence[str]) -> Int64[Tensor, " rows"] | None:
    """The cached row of each id; None where both are in the same order."""
    if features.ids is ids or (len(features) == len(ids) and list(features.ids) == list(ids)):
        return None
    numbers = {row_id: number for number, row_id in enumerate(features.ids)}
    try:
        return torch.tensor([numbers[row_id] for row_id in ids], dtype=torch.int64)
    except KeyError:
        missing = [row_id for row_id in ids if row_id not in numbers]
        raise CacheError(
            f"teacher {name!r} has no cached features for the row {missing[0]!r}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + f"; its {len(features)} cached rows are of split {features.key.split!r}, and begin "
            f"with {features.ids[0]!r}: extract the features of the rows you train on"
        ) from None
