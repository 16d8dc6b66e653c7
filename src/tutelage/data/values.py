"""What stands in columns of texts: values as text, and rows in which nothing stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import ClassLabel, Value

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

__all__ = ["as_text", "first_blank", "is_plain"]

_SAYS_SOMETHING = r"[^\pZ\p{Cc}\p{Cf}]"
"""A character that is neither white space nor control nor format (as a zero-width space is)."""


def is_plain(feature: Any) -> bool:
    """Whether a column's values are numbers, truth values, dates or classes."""
    if isinstance(feature, ClassLabel):
        return True
    return isinstance(feature, Value) and "binary" not in feature.dtype


def as_text(column: "ChunkedArray", feature: Any) -> "ChunkedArray":
    """Return a column's values as Python prints them, those of classes as their names."""
    values = column.to_pylist()
    if isinstance(feature, ClassLabel):
        values = [feature.int2str(value) if value >= 0 else "" for value in values]
    return pa.chunked_array([pa.array([str(value) for value in values], pa.string())])


def first_blank(columns: "Sequence[ChunkedArray]") -> int | None:
    """Return the number of the first row that has nothing to read in any column, if there is one."""
    says = None
    for column in columns:
        here = pc.match_substring_regex(column.cast(pa.large_string()), _SAYS_SOMETHING)
        says = here if says is None else pc.or_(says, here)
    if says is None:
        return None
    number = says.index(False).as_py()
    return None if number < 0 else int(number)
