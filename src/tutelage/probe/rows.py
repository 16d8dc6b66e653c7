"""Rows of features that a probe reads: a tensor, cached features, or several teachers' together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.cache import ChainedRows, TeacherRows
from tutelage.errors import ConfigError, DataError, did_you_mean

__all__ = ["FeatureRows", "Selected", "SideBySide", "blocks", "feature_rows"]

BLOCK_ROWS = 1024


class FeatureRows(Protocol):
    """Rows that are read by their numbers; ``tutelage.cache.Features`` are such rows."""

    @property
    def width(self) -> int:
        """Columns."""

    def __len__(self) -> int: ...

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """The rows with these numbers, in this order."""


class SideBySide:
    """The columns of several teachers side by side, as one set of features.

    Args:
        rows: Gives each row's features by the teacher's name.
        names: The teachers whose columns are taken, in this order; all of them where None.

    Raises:
        ConfigError: If a name is no teacher's, or there is none.

    Attributes:
        width: Columns of all these teachers.

    Example:
        >>> rows = SideBySide(TeacherRows(features, ids=split.ids))  # doctest: +SKIP
        >>> rows.gather(torch.tensor([3, 0])).shape  # doctest: +SKIP
        torch.Size([2, 1536])
    """

    def __init__(
        self, rows: TeacherRows | ChainedRows, *, names: Sequence[str] | None = None
    ) -> None:
        self.names = tuple(rows.widths if names is None else names)
        for name in self.names:
            if name not in rows.widths:
                raise ConfigError(
                    f"there is no teacher {name!r}; the rows have features of "
                    f"{', '.join(map(repr, rows.widths))}{did_you_mean(name, rows.widths)}"
                )
        if not self.names:
            raise ConfigError("a probe needs the features of at least one teacher")
        self.width = sum(rows.widths[name] for name in self.names)
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Return the features of these rows, on the CPU, in the widest of the teachers' dtypes."""
        found = self._rows.gather(indices)
        return torch.cat([found[name] for name in self.names], dim=1)


@dataclass(frozen=True)
class Selected:
    """Some rows of others, numbered anew."""

    rows: FeatureRows
    numbers: Int64[Tensor, " chosen"]

    @property
    def width(self) -> int:
        """Columns."""
        return self.rows.width

    def __len__(self) -> int:
        return len(self.numbers)

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Return the rows with these numbers among the chosen ones."""
        return self.rows.gather(self.numbers[indices])


@dataclass(frozen=True)
class _InMemory:
    features: Float[Tensor, "rows width"]

    @property
    def width(self) -> int:
        return self.features.shape[1]

    def __len__(self) -> int:
        return len(self.features)

    def gather(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        return self.features.index_select(0, indices.to(self.features.device))


def feature_rows(features: Float[Tensor, "rows width"] | FeatureRows) -> FeatureRows:
    """Return rows that can be gathered; a tensor's are.

    Raises:
        DataError: If a tensor is not of floating point, or has not two dimensions.
    """
    if not isinstance(features, Tensor):
        return features
    if features.ndim != 2 or not features.is_floating_point():
        raise DataError(
            "features of a probe are floating-point numbers [rows, width], "
            f"got {features.dtype} {list(features.shape)}"
        )
    return _InMemory(features)


def blocks(rows: FeatureRows) -> Iterator[tuple[slice, Float[Tensor, "block width"]]]:
    """Go through all rows in order, block by block, each with its place."""
    for start in range(0, len(rows), BLOCK_ROWS):
        place = slice(start, min(start + BLOCK_ROWS, len(rows)))
        yield place, rows.gather(torch.arange(place.start, place.stop))
