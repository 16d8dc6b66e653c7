"""From columns of tables to labels, whatever the task: class numbers, several labels, or targets."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset
from jaxtyping import Float32, Shaped
from torch import Tensor

from tutelage.data.base import UNLABELLED, Columns
from tutelage.data.labels import class_name, class_names, class_numbers
from tutelage.errors import DataError
from tutelage.tasks import TASKS

__all__ = ["read_labels", "refuse_useless"]

Labels = Mapping[str, Shaped[Tensor, "rows ..."]]


def read_labels(
    tables: Mapping[str, Dataset], columns: Columns, *, where: str
) -> tuple[tuple[str, ...], Labels]:
    """Return the names of classes, labels or targets, and each split's labels.

    Args:
        tables: The splits' tables, ``train`` among them; all have the label's columns.
        columns: Which they are, and what labels are.
        where: What has the tables, for messages.

    Raises:
        DataError: If a value is no such label, or a name does not occur in the training rows.
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
    found = {
        role: torch.tensor(
            np.array(
                [
                    [read(value, where=place) for value, place in _cells(table, name, role, where)]
                    for name in names
                ],
                dtype=np.float32,
            )
        ).T.contiguous()
        for role, table in tables.items()
    }
    return names, found


def refuse_useless(
    labels: Shaped[Tensor, "rows ..."], names: Sequence[str], *, binary: bool, where: str
) -> None:
    """Refuse training rows from which a label or target cannot be learned: all have the same.

    Args:
        labels: Of all training rows, a column a label or target.
        names: Of the columns.
        binary: Whether they are labels of 0 and 1, not targets.
        where: What has the rows, for messages.

    Raises:
        DataError: Naming the first such column.
    """
    for name, column in zip(names, labels.T, strict=True):
        known = column[~column.isnan()]
        if len(known) and known.min() < known.max():
            continue
        if not len(known):
            raise DataError(
                f"no training row of {where} has a value of {name!r}; give some, or leave it out"
            )
        if not binary:
            raise DataError(
                f"the target {name!r} is {known[0]:g} in all training rows of {where}: there is nothing to "
                "learn; leave it out, or name another by data.label"
            )
        which = "every" if known[0] else "no"
        raise DataError(
            f"{which} training row of {where} has the label {name!r}: there is nothing to tell apart; "
            "leave that label out, or give other rows"
        )


def _classes(
    tables: Mapping[str, Dataset], column: str, *, where: str
) -> tuple[tuple[str, ...], Labels]:
    names: dict[str, list[str | None]] = {}
    for role, table in tables.items():
        feature, values = table.features[column], table[column][:]
        if isinstance(feature, ClassLabel):
            names[role] = [None if v is None or v < 0 else feature.int2str(v) for v in values]
        else:
            place = f"column {column!r} of {where}"
            names[role] = [class_name(value, where=place) for value in values]
    feature = tables["train"].features[column]
    classes = (
        tuple(feature.names) if isinstance(feature, ClassLabel) else class_names(names["train"])
    )
    return classes, {role: class_numbers(n, classes, split=role) for role, n in names.items()}


def _lists(
    tables: Mapping[str, Dataset], column: str, *, separator: str | None, where: str
) -> tuple[tuple[str, ...], Labels]:
    """Lists of names, or texts that a separator takes apart, as a column of 0 and 1 for each name."""
    inner = getattr(tables["train"].features[column], "feature", None)
    known = inner if isinstance(inner, ClassLabel) else None
    names = {
        role: [
            _names(value, known, separator=separator, where=place)
            for value, place in _cells(table, column, role, where)
        ]
        for role, table in tables.items()
    }
    given = [name for row in names["train"] for name in row or ()]
    classes = tuple(known.names) if known else class_names(given)
    found: dict[str, Float32[Tensor, "rows labels"]] = {}
    for role, rows in names.items():
        found[role] = labels = torch.zeros(len(rows), len(classes))
        for number, row in enumerate(rows):
            if row is None:
                labels[number] = math.nan
            else:
                labels[number, class_numbers(row, classes, split=role)] = 1
    return classes, found


def _names(
    value: Any, known: ClassLabel | None, *, separator: str | None, where: str
) -> list[str] | None:
    """The names in one cell; None where it says nothing. An empty list is a row without any label."""
    if value is None:
        return None
    if isinstance(value, str):
        if separator is None:
            raise DataError(
                f"{where} holds the text {value!r}; set data.label_separator to what stands between "
                "the names, for example ';', or give lists, or columns of 0 and 1"
            )
        return [name.strip() for name in value.split(separator) if name.strip()]
    if not isinstance(value, Sequence):
        raise DataError(
            f"{where} holds {value!r}; a multi-label column holds lists of names, or texts with a "
            "data.label_separator; several columns of 0 and 1 are data.label = [...]"
        )
    if known is not None:
        return [str(known.int2str(number)) for number in value]
    return [name for one in value if (name := class_name(one, where=where)) is not None]


def _binary(value: Any, *, where: str) -> float:
    """One of 0 and 1; NaN where there is none."""
    if value is None or value == "" or value != value:
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if number not in (0.0, 1.0):
        raise DataError(f"{where} holds {value!r}; labels in columns are 0 or 1, or nothing")
    return number


def _number(value: Any, *, where: str) -> float:
    """A finite number; NaN where there is none."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"{where} holds {value!r}, which is no number; targets of regression are numbers, or "
            "nothing where there is none"
        ) from None
    if not math.isfinite(number):
        raise DataError(
            f"{where} holds {value!r}; targets are finite numbers: leave it empty where there is none"
        )
    return number


def _cells(table: Dataset, column: str, role: str, where: str) -> Iterator[tuple[Any, str]]:
    """Each value of a column, and where it stands, in words."""
    for number, value in enumerate(table[column][:]):
        yield value, f"column {column!r}, row {number} of the {role} rows of {where},"
