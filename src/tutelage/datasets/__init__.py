"""Kinds of data: one file each, all giving the same thing, splits of rows with stable ids."""

from collections.abc import Mapping
from typing import Any

from tutelage.datasets.base import (
    UNLABELLED,
    Columns,
    Data,
    Modality,
    Origin,
    Rows,
    Split,
    SplitNames,
)
from tutelage.datasets.splits import Splits, choose_splits
from tutelage.errors import DataError
from tutelage.registry import bind, import_object, split_scheme

__all__ = [
    "SCHEMES",
    "UNLABELLED",
    "Columns",
    "Data",
    "Modality",
    "Origin",
    "Rows",
    "Split",
    "SplitNames",
    "Splits",
    "choose_splits",
    "read_data",
]

SCHEMES = {
    "folder": "tutelage.datasets.folder:read_folder",
    "table": "tutelage.datasets.table:read_table",
    "hub": "tutelage.datasets.hub:read_hub",
    "python": "tutelage.datasets.python:read_python",
}


def read_data(
    source: str,
    *,
    image: str | None = None,
    text: str | tuple[str, ...] | list[str] | None = None,
    label: str = "label",
    id: str | None = None,
    train: str = "train",
    test: str = "test",
    validation: str = "validation",
    params: Mapping[str, Any] | None = None,
) -> Data:
    """Read what a source of data holds; images stay undecoded until they are asked for.

    Args:
        source: ``hub:NAME[/CONFIG]``, ``folder:DIR``, ``table:FILE_OR_DIR`` or
            ``python:module:function``.
        image: Column with an image or an image's path; by default found.
        text: Column or columns with text; by default found.
        label: Column with the class.
        id: Column with the row's id; by default ``id`` if there is one, else the row's number.
        train: Name of the training split.
        test: Name of the test split.
        validation: Name of the validation split.
        params: Options of this kind of data.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids or labels cannot be used.
    """
    scheme, rest = split_scheme(source, SCHEMES, kind="data")
    given = {
        "source": rest,
        "columns": Columns(
            image=image,
            text=(text,) if isinstance(text, str) else None if text is None else tuple(text),
            label=label,
            id=id,
        ),
        "names": SplitNames(train=train, test=test, validation=validation),
    }
    data: Data = bind(import_object(SCHEMES[scheme]), given, params or {}, where="data.params")
    if len(data.classes) < 2:
        raise DataError(
            f"{source} has {len(data.classes)} class ({', '.join(data.classes) or 'none'}); "
            "at least two are needed to tell apart"
        )
    return data
