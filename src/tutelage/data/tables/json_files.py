"""JSON files: rows in lines or in a list, tables of columns, and values as they are written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import Dataset, Value

from tutelage.data.tables.encodings import mapped
from tutelage.errors import DataError

__all__ = ["as_rows", "as_written"]

EXACT = 2**53
"""Whole numbers up to this one are exact as floating-point numbers."""
_HUGE = re.compile(rb"\d{19}")


def as_rows(path: Path, folder: Path, *, name: str) -> tuple[Path, list[str]]:
    """Return a file of rows: the file itself, or where it is one object of columns, a copy.

    Args:
        path: A JSON file in UTF-8.
        folder: Where a copy is written.
        name: Name of the file in messages.

    Returns:
        The file to read, and what it is if that is unusual.

    Raises:
        DataError: If the file is one object that is no table.
    """
    with path.open(encoding="utf-8") as lines:
        first = next((line for line in lines if line.strip()), "").strip()
        if first.startswith("["):
            return _list(path, folder), []
        if not first.startswith("{") or (_is_object(first) and any(line.strip() for line in lines)):
            return path, []
    try:
        table = json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)
    except ValueError:
        return path, []  # the reader of rows says what is wrong
    form, rows = _columns(table)
    if rows is None:
        lists = [key for key, value in table.items() if _is_records(value)]
        if len(lists) > 1:
            raise DataError(
                f"{name} has rows in several entries ({', '.join(map(repr, lists))}); save each as a file of its "
                "own in a folder, such as train.json and test.json, and name the folder"
            )
        if _is_object(first):
            return path, []  # lines, of which there is one
        raise DataError(
            f"{name} is one object with {', '.join(map(repr, list(table)[:5]))}, not rows; write a list of "
            "objects, or an object a line"
        )
    return _in_lines(rows, folder), [form]


def _list(path: Path, folder: Path) -> Path:
    """A list of rows; in lines if it has whole numbers that its reader does not take."""
    with mapped(path) as content:
        if _HUGE.search(content) is None:
            return path
    try:
        rows = json.loads(path.read_text("utf-8"))
    except ValueError:
        return path
    return _in_lines(rows, folder) if _is_records(rows) else path


def _in_lines(rows: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    copy = folder / "rows.jsonl"
    with copy.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return copy


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _columns(table: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]] | None]:
    """Return the rows of a table in one of the forms that pandas and others write."""
    values = list(table.values())
    if values and all(isinstance(v, dict) and v.keys() == values[0].keys() for v in values):
        rows = [{column: table[column][key] for column in table} for key in values[0]]
        return "it is an object of columns, as pandas writes it", rows
    if {"columns", "data"} <= table.keys() <= {"columns", "data", "index"}:
        return "it is an object of columns and data", [
            dict(zip(table["columns"], row, strict=True)) for row in table["data"]
        ]
    lists = {key: value for key, value in table.items() if _is_records(value)}
    if len(lists) == 1:
        key, rows = next(iter(lists.items()))
        return f"the rows are its entry {key!r}", rows
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(lengths) == 1 and all(isinstance(value, list) for value in values) and len(values) > 1:
        rows = [dict(zip(table, row, strict=True)) for row in zip(*values, strict=True)]
        return "it is an object of columns", rows
    return "", None


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def as_written(table: Dataset, path: Path) -> Dataset:
    """Replace values that Arrow read otherwise than they are written by what is written, as texts.

    These are whole numbers that became inexact floating-point numbers, and texts that became times, as
    ``"2020-01-31"`` does.

    Args:
        table: The rows of a JSON file as they were read.
        path: The file.
    """
    for column, kind in _changed(table).items():
        values = [row.get(column) for row in _records(path)]
        if len(values) == len(table) and all(v is None or type(v) is kind for v in values):
            texts = pa.array([None if v is None else str(v) for v in values], pa.string())
            place = list(table.features).index(column)
            table = table.remove_columns(column).add_column(column, texts)
            order = [name for name in table.column_names if name != column]
            table = table.select_columns([*order[:place], column, *order[place:]])
    return table


def _changed(table: Dataset) -> dict[str, type]:
    """Columns that were read otherwise than they are written, and the type that JSON has for them."""
    kinds: dict[str, type] = {}
    for column, feature in table.features.items():
        dtype = feature.dtype if isinstance(feature, Value) else ""
        if dtype.startswith("timestamp"):
            kinds[str(column)] = str
        elif dtype in ("float64", "double") and _has_large(table.data.column(column)):
            kinds[str(column)] = int
    return kinds


def _has_large(column: "pa.ChunkedArray") -> bool:
    largest = pc.max(pc.abs(column)).as_py()
    return largest is not None and largest >= EXACT


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        start = lines.read(1)
        while start.isspace():
            start = lines.read(1)
        lines.seek(0)
        if start == "[":
            records: Sequence[Mapping[str, Any]] = json.load(lines)
            yield from records
        else:
            yield from (json.loads(line) for line in lines if line.strip())
