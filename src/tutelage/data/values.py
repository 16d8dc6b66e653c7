"""Conversion of column values to text, and detection of blank rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import ClassLabel, Value

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

__all__ = ["as_text", "first_blank", "is_plain"]

_VISIBLE = r"[^\pZ\p{Cc}\p{Cf}]"
"""A character that is not white space, control or format (such as a zero-width space)."""


def is_plain(feature: Any) -> bool:
    """Whether the values of a column are numbers, booleans, dates or classes."""
    if isinstance(feature, ClassLabel):
        return True
    return isinstance(feature, Value) and "binary" not in feature.dtype


def as_text(column: "ChunkedArray", feature: Any) -> "ChunkedArray":
    """Return the values of a column as Python prints them, and classes by their names."""
    values = column.to_pylist()
    if isinstance(feature, ClassLabel):
        values = [feature.int2str(value) if value >= 0 else "" for value in values]
    return pa.chunked_array([pa.array([str(value) for value in values], pa.string())])


def first_blank(columns: "Sequence[ChunkedArray]") -> int | None:
    """Return the number of the first row that is blank in all columns, if there is one."""
    visible = None
    for column in columns:
        matches = pc.match_substring_regex(column.cast(pa.large_string()), _VISIBLE)
        visible = matches if visible is None else pc.or_(visible, matches)
    if visible is None:
        return None
    number = visible.index(False).as_py()
    return None if number < 0 else int(number)
