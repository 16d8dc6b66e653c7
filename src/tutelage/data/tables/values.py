"""Conversion of column values to text, and detection of blank rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import ClassLabel, Value

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

__all__ = ["as_text", "blank_rows", "is_plain", "null_rows", "where_true"]

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
        values = [feature.int2str(v) if v is not None and v >= 0 else "" for v in values]
    texts = [None if value is None else str(value) for value in values]
    return pa.chunked_array([pa.array(texts, pa.string())])


def blank_rows(columns: "Sequence[ChunkedArray]") -> list[int]:
    """Return the numbers of the rows that are blank in all columns."""
    visible = None
    for column in columns:
        matches = pc.match_substring_regex(column.cast(pa.large_string()), _VISIBLE)
        visible = matches if visible is None else pc.or_(visible, matches)
    return [] if visible is None else where_true(pc.invert(visible))


def null_rows(column: "ChunkedArray") -> list[int]:
    """Return the numbers of the rows without a value."""
    return where_true(column.is_null()) if column.null_count else []


def where_true(chosen: "ChunkedArray") -> list[int]:
    """Return the numbers of the rows that are true."""
    return [int(number) for number in pc.indices_nonzero(chosen).to_pylist()]
