"""Conversion of table columns to the labels of a task: classes, several labels, or targets."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Value
from jaxtyping import Float32, Shaped
from torch import Tensor

from tutelage.data.base import UNLABELLED, Columns
from tutelage.data.labels import (
    class_name,
    class_names,
    class_numbers,
    list_in_text,
    whole_numbers,
)
from tutelage.errors import DataError
from tutelage.tasks import TASKS

__all__ = ["read_labels", "refuse_useless"]

Labels = Mapping[str, Shaped[Tensor, "rows ..."]]

_DECLARED = "classes of the column"
_LARGEST = 1e30  # float32 ends at 3e38; squared errors and sums of weights must fit too


def read_labels(
    tables: Mapping[str, Dataset], columns: Columns, *, where: str
) -> tuple[tuple[str, ...], Labels]:
    """Return the names of classes, labels or targets, and the labels of each split.

    Args:
        tables: Tables of the splits, ``train`` among them; all have the label columns.
        columns: The label columns and the task.
        where: Name of the source, for messages.

    Raises:
        DataError: If a value is not a label of the task, or a name does not occur in the training
            rows.
    """
    if columns.label is None:
        return (), {role: torch.full((len(t),), UNLABELLED) for role, t in tables.items()}
    task = TASKS[columns.task]
    if task.labels_are_classes:
        assert isinstance(columns.label, str)  # read_data refuses several
        return _classes(tables, columns.label, where=where)
    if task.labels_are_binary and isinstance(columns.label, str):
        return _lists(tables, columns.label, separator=columns.separator, where=where)
    names = (columns.label,) if isinstance(columns.label, str) else columns.label
    read = _binary if task.labels_are_binary else _number
    labels = {
        role: torch.tensor(
            np.array(
                [
                    [read(value, where=cell) for value, cell in _cells(table, name, role, where)]
                    for name in names
                ],
                dtype=np.float32 if task.labels_are_binary else np.float64,
            )
        ).T.contiguous()
        for role, table in tables.items()
    }
    return names, labels


def refuse_useless(
    labels: Shaped[Tensor, "rows ..."], names: Sequence[str], *, binary: bool, where: str
) -> None:
    """Refuse training rows in which a label or target is constant.

    Args:
        labels: Labels of all training rows, one column per label or target.
        names: Names of the columns.
        binary: Whether the columns are labels of 0 and 1, not targets.
        where: Name of the source, for messages.

    Raises:
        DataError: Naming the first such column.
    """
    for name, column in zip(names, labels.T, strict=True):
        known = column[~column.isnan()]
        if len(known) and known.min() < known.max():
            if not binary:
                _refuse_beyond_float32(name, known, where=where)
            continue
        if not len(known):
            raise DataError(
                f"no training row of {where} has a value of {name!r}; add some, or remove the column"
            )
        if not binary:
            raise DataError(
                f"the target {name!r} is {known[0]:g} in all training rows of {where}: there is nothing to "
                "learn; remove it, or name another by data.label"
            )
        which = "every" if known[0] else "no"
        raise DataError(
            f"{which} training row of {where} has the label {name!r}: there is nothing to tell apart; "
            "remove that label, or use other rows"
        )


def _refuse_beyond_float32(name: str, known: Shaped[Tensor, " rows"], *, where: str) -> None:
    """Refuse a target whose unit a float32 model cannot predict in, nor float64 square."""
    low, high = float(known.min()), float(known.max())
    if max(-low, high) > _LARGEST or high - low < 1 / _LARGEST:
        raise DataError(
            f"the target {name!r} lies between {low:.10g} and {high:.10g} in the training rows of {where}, "
            "which the predictions of a float32 model cannot; write it in another unit, such as a "
            "power of ten of this one"
        )


def _classes(
    tables: Mapping[str, Dataset], column: str, *, where: str
) -> tuple[tuple[str, ...], Labels]:
    names: dict[str, list[str | None]] = {}
    for role, table in tables.items():
        feature, values = table.features[column], table[column][:]
        label = f"column {column!r} of {where}"
        if isinstance(feature, ClassLabel):
            names[role] = [
                None if v is None or v < 0 else _numbered(v, feature, where=label) for v in values
            ]
        else:
            names[role] = [class_name(value, where=label) for value in values]
    _refuse_lists_in_texts(names["train"], f"column {column!r} of {where}")
    feature = tables["train"].features[column]
    declared = feature.names if isinstance(feature, ClassLabel) else ()
    written = whole_numbers({**names, _DECLARED: declared})
    named = [name for name in written.pop(_DECLARED) if name is not None]
    if len(set(named)) == len(named):  # else "1" and "1.0" are two classes
        names, declared = written, named
    classes = tuple(declared) or class_names(names["train"])
    return classes, {role: class_numbers(n, classes, split=role) for role, n in names.items()}


def _refuse_lists_in_texts(names: Sequence[str | None], where: str) -> None:
    """Refuse classes that are all lists of names, written as texts."""
    present = {name for name in names if name is not None}
    if present and all(list_in_text(name) is not None for name in present):
        raise DataError(
            f"{where} holds lists ({min(present)}); labels are classes, one a row. For several labels a row "
            "set data.task = 'multi-label'"
        )


def _lists(
    tables: Mapping[str, Dataset], column: str, *, separator: str | None, where: str
) -> tuple[tuple[str, ...], Labels]:
    """Read lists of names, or texts split at a separator, as one column of 0 and 1 per name."""
    inner = getattr(tables["train"].features[column], "feature", None)
    if separator is not None and inner is not None:
        raise DataError(
            f"column {column!r} of {where} holds lists, of which data.label_separator = {separator!r} separates "
            "nothing; leave it out"
        )
    known = inner if isinstance(inner, ClassLabel) else None
    names = {
        role: [
            _names(value, known, separator=separator, where=cell)
            for value, cell in _cells(table, column, role, where)
        ]
        for role, table in tables.items()
    }
    boolean = isinstance(inner, Value) and inner.dtype == "bool"
    if (places := None if known else _places(names, boolean=boolean)) is not None:
        classes = tuple(map(str, range(places)))
        names = {
            role: [
                row and [c for c, value in zip(classes, row, strict=True) if value == "1"]
                for row in rows
            ]
            for role, rows in names.items()
        }
    else:
        occurring = [name for row in names["train"] for name in row or ()]
        classes = tuple(known.names) if known else class_names(occurring)
    by_role: dict[str, Float32[Tensor, "rows labels"]] = {}
    for role, rows in names.items():
        by_role[role] = labels = torch.zeros(len(rows), len(classes))
        for number, row in enumerate(rows):
            if row is None:
                labels[number] = math.nan
            else:
                labels[number, class_numbers(row, classes, split=role)] = 1
    return classes, by_role


def _numbered(number: int | None, classes: ClassLabel, *, where: str) -> str:
    """Return the name of a class by its number in a column that declares its classes."""
    if number is None or not 0 <= number < len(classes.names):
        raise DataError(
            f"{where} holds the class number {number}, but the column declares {len(classes.names)} classes, "
            "numbered from 0; leave out what is no class"
        )
    return str(classes.names[number])


def _places(names: Mapping[str, Sequence[list[str] | None]], *, boolean: bool) -> int | None:
    """Return the length of lists that hold 0 or 1 for every label, as ``[1, 0, 1]``; else None."""
    rows = [row for split in names.values() for row in split if row is not None]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or not all({*row} <= {"0", "1"} for row in rows):
        return None
    repeated = any(len({*row}) < len(row) for row in rows)  # else names that are 0 and 1
    return lengths.pop() if repeated or boolean else None


def _names(
    value: Any, known: ClassLabel | None, *, separator: str | None, where: str
) -> list[str] | None:
    """Return the names in one cell: None for an empty cell, an empty list for no label."""
    if value is None:
        return None
    if isinstance(value, str):
        entries = list_in_text(value)
        if separator is None and (entries is not None or not value.strip()):
            return None if entries is None else _entries(entries, where=where)
        if separator is None and value.strip().startswith("["):
            raise DataError(
                f"{where} holds {value!r}, which looks like an array that was written as a text; write lists such as "
                "['a', 'b'], or names with a data.label_separator"
            )
        if separator is None:
            raise DataError(
                f"{where} holds the text {value!r}; set data.label_separator to the separator of the "
                "names, for example ';', or use lists, or columns of 0 and 1"
            )
        if entries is not None:
            raise DataError(
                f"{where} holds a list ({value}), and data.label_separator = {separator!r} would split it into "
                "pieces; leave data.label_separator out"
            )
        return [name.strip() for name in value.split(separator) if name.strip()]
    if not isinstance(value, Sequence):
        raise DataError(
            f"{where} holds {value!r}; a multi-label column holds lists of names, or texts with a "
            "data.label_separator; several columns of 0 and 1 are data.label = [...]"
        )
    if known is not None:
        return [_numbered(number, known, where=where) for number in value]
    return _entries(value, where=where)


def _entries(values: Sequence[Any], *, where: str) -> list[str]:
    numbers = [int(value) if isinstance(value, bool) else value for value in values]
    return [name for value in numbers if (name := class_name(value, where=where)) is not None]


def _binary(value: Any, *, where: str) -> float:
    """Return 0 or 1, or NaN for an empty cell."""
    if _is_empty(value) or value != value:
        return math.nan
    if isinstance(value, str) and value.strip().casefold() in ("true", "false"):
        return float(value.strip().casefold() == "true")
    try:
        number = _float(value)
    except (TypeError, ValueError):
        number = math.nan
    if number not in (0.0, 1.0):
        raise DataError(
            f"{where} holds {value!r}; labels in columns are 0 or 1, False or True, or nothing"
        )
    return number


def _number(value: Any, *, where: str) -> float:
    """Return a finite number, or NaN for an empty cell."""
    if _is_empty(value) or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    try:
        number = _float(value)
    except (TypeError, ValueError):
        comma = isinstance(value, str) and "," in value
        hint = " with a decimal point and without separators of thousands" if comma else ""
        raise DataError(
            f"{where} holds {value!r}, which is no number; targets of regression are numbers{hint}, or "
            "empty"
        ) from None
    if not math.isfinite(number):
        raise DataError(
            f"{where} holds {value!r}; targets are finite numbers: leave it empty if it is unknown"
        )
    return number


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _float(value: Any) -> float:
    """Return a number as tables write it: not ``1_000``, which is one in Python."""
    if isinstance(value, str) and "_" in value:
        raise ValueError(value)
    return float(value)


def _cells(table: Dataset, column: str, role: str, where: str) -> Iterator[tuple[Any, str]]:
    """Yield each value of a column with the position of its cell, in words."""
    for number, value in enumerate(table[column][:]):
        yield value, f"column {column!r}, row {number} of the {role} rows of {where},"
