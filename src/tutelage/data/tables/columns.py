"""Conversion of Hugging Face ``datasets`` tables to rows, ids and labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from datasets import Dataset

from tutelage.data.base import Columns, Data, Split, SplitNames
from tutelage.data.labels import doubtful_classes
from tutelage.data.naming import Naming, split_names
from tutelage.data.roles import find_roles
from tutelage.data.tables.detection import complete, label_columns, require, unread_columns
from tutelage.data.tables.places import Place
from tutelage.data.tables.rows import table_rows
from tutelage.data.targets import read_labels
from tutelage.errors import DataError

__all__ = ["Table", "from_tables"]


@dataclass(frozen=True)
class Table:
    """A split as it was read.

    Attributes:
        rows: The rows, each with all columns.
        name: Name of the split's file, for messages.
        notes: What was unusual in it, and how it was read.
    """

    rows: Dataset
    name: str
    notes: tuple[str, ...] = ()


def from_tables(
    tables: Mapping[str, Callable[[], Table]],
    *,
    columns: Columns,
    names: SplitNames,
    where: str,
    place: Place,
    notes: Sequence[str] = (),
) -> Data:
    """Choose splits and columns, and convert them to rows.

    Args:
        tables: Functions that read a split each, by the split's name in the data.
        columns: Columns named by the user; the others are detected.
        names: Names of the splits.
        where: Name of the source, for messages.
        place: Where image paths start, and what they may not leave.
        notes: What is known of the source beside its tables.

    Raises:
        DataError: If a split or column is missing, ids occur twice, texts or images are missing,
            or labels are not classes or do not occur in the training rows.
    """
    if not tables:
        raise DataError(f"{where} has no splits")
    roles = find_roles(tables, names=names, where=where)
    read = {
        role: tables[name]() for role, name in roles.items() if role != "test" or names.read_test
    }
    chosen = {role: table.rows for role, table in read.items()}
    named = columns.id
    columns = complete(columns, chosen["train"], where=read["train"].name)
    if isinstance(named, str) and columns.id is False:
        notes = (*notes, f"there is no column {named!r}; the rows are numbered")
    if columns.id is False:
        columns = replace(columns, id=None)
    for role, table in read.items():
        _require_labels(table, columns, role=role)
    classes, labels = read_labels(chosen, columns, where=where)
    splits = {}
    for role, table in chosen.items():
        label = f"the {roles[role] if names.alone else role} rows of {where}"
        faults: dict[int, str] = {}
        splits[role] = Split(
            role,
            table_rows(table, columns, place=place, where=label, faults=faults),
            _ids(table, columns.id, where=label),
            labels[role],
            naming=Naming(
                "number" if columns.id is None else "column",
                split_names(role, roles[role], present=tables),
            ),
            faults=faults,
        )
    modality = splits["train"].rows.modality
    return Data(
        splits,
        classes,
        modality,
        has_test="test" in roles,
        task=columns.task,
        notes=(
            *(_not_read(name) for name in tables if not (names.alone or name in roles.values())),
            *notes,
            *(note for table in read.values() for note in table.notes),
            *doubtful_classes(classes),
        ),
        columns=columns,
        unread=unread_columns(columns, chosen["train"].features),
    )


def _not_read(name: str) -> str:
    return f"{name} is no training, test or validation split and is not read"


def _require_labels(table: Table, columns: Columns, *, role: str) -> None:
    """Refuse rows without a label column, and say what can be done without one."""
    missing = [name for name in label_columns(columns) if name not in table.rows.features]
    if missing and role == "test":
        raise DataError(
            f"{table.name} has no column {missing[0]!r} for data.label, so the test rows cannot be scored; set "
            "data.evaluate = 'holdout' to score a part of the training rows instead, name another split by "
            f"data.test, or add the labels. It has: {', '.join(table.rows.features)}"
        )
    for name in missing:
        require(table.rows.features, name, option="label", where=table.name)


def _ids(table: Dataset, column: str | Literal[False] | None, *, where: str) -> list[str]:
    if not column:
        return [str(number) for number in range(len(table))]
    require(table.features, column, option="id", where=where)
    values = table[column][:]
    if (
        empty := next((n for n, value in enumerate(values) if value in (None, "")), None)
    ) is not None:
        raise DataError(
            f"row {empty} of {where} has no id in column {column!r}; fill it, name "
            "another column by data.id, or set data.id = false to number the rows"
        )
    large = next((v for v in values if isinstance(v, float) and abs(v) >= 2**53), None)
    if large is not None:
        raise DataError(
            f"column {column!r} of {where} holds ids as floating-point numbers ({large:g}), which are not exact "
            "beyond 2^53; save them as texts or whole numbers"
        )
    ids = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise DataError(
                f"the id {name!r} occurs twice in column {column!r} of {where}; ids must be unique: "
                "name another column by data.id, or set data.id = false to number the rows"
            )
        seen.add(name)
    return ids
