"""Reading of a data source, labelled or unlabelled, into splits of rows with stable ids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tutelage.config.data import DataConfig
from tutelage.data.base import Columns, Data, Rows, Split, SplitNames
from tutelage.data.decoding import Decoding
from tutelage.data.images import ImageColumn, ImageFiles
from tutelage.data.labels import refuse_decimals
from tutelage.data.pairs import ImageTexts
from tutelage.data.targets import refuse_useless
from tutelage.data.traits import picture_notes
from tutelage.errors import ConfigError, DataError
from tutelage.registry import bind, import_object, split_scheme
from tutelage.tasks import TASKS, has_label, without_label

__all__ = ["READERS", "read_data", "read_source", "read_unlabelled"]

READERS = {
    "folder": "tutelage.data.folder:read_folder",
    "table": "tutelage.data.tables.read:read_table",
    "hub": "tutelage.data.hub:read_hub",
    "python": "tutelage.data.python:read_python",
}


def read_data(config: DataConfig, *, allow_faults: bool = False) -> Data:
    """Read the rows, ids and labels of a data source; images are decoded only when accessed.

    Args:
        config: The settings under ``[data]``.
        allow_faults: Return rows without a text or the file of an image, too; ``Split.faults``
            names them.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids, labels or rows cannot be used.

    Example:
        >>> read_data(DataConfig(source="table:reviews.csv", text="review"))  # doctest: +SKIP
    """
    source, task = config.source, config.task
    data = read_source(
        source,
        columns=Columns.of(config),
        names=SplitNames.of(config),
        params=config.params,
        decoding=Decoding.of(config),
    )
    if not allow_faults:
        _refuse_faults(data)
    if data.task != task:
        raise DataError(f"{source} has labels for {data.task}; set data.task = {data.task!r}")
    if not TASKS[task].labels_are_classes:
        train_labels = data.splits["train"].labels
        known = train_labels[has_label(train_labels)]
        binary = TASKS[task].labels_are_binary
        refuse_useless(known, data.classes, binary=binary, where=source)
        if not data.classes:
            raise DataError(f"no training row of {source} has a label; check data.label")
    elif len(data.classes) < 2:
        raise DataError(
            f"{source} has {len(data.classes)} class ({', '.join(data.classes) or 'none'}); "
            "at least two are needed to tell apart"
        )
    elif not allow_faults:
        refuse_decimals(data.classes, data.splits["train"].labels, where=source)
    return data


def read_unlabelled(config: DataConfig, *, like: Data, allow_faults: bool = False) -> Split | None:
    """Read the rows of ``data.unlabelled``, ignoring any labels; None if the config names none.

    Args:
        config: Source, split and columns of the rows. All images of a folder are read, at any depth;
            of a text file (``.txt``), each line is a row.
        like: The labelled data; the rows must have its modality.
        allow_faults: Return rows without a text or the file of an image, too.

    Raises:
        ConfigError: If the source cannot be understood.
        DataError: If files or columns cannot be used, or the modality differs.
    """
    if config.unlabelled is None:
        return None
    name = config.unlabelled_split
    names = SplitNames(read_test=False) if name == "train" else SplitNames.one(name)
    with _naming_settings_of_unlabelled():
        data = read_source(
            config.unlabelled,
            columns=Columns.of(config).without_labels(like=like.columns),
            names=names,
            params=config.unlabelled_params,
            params_at="data.unlabelled_params",
            decoding=Decoding.of(config),
        )
    if data.modality != like.modality:
        raise DataError(
            f"data.unlabelled = {config.unlabelled!r} holds {data.modality}s, but the labelled rows are "
            f"{like.modality}s; give rows of the same kind"
        )
    if not allow_faults:
        _refuse_faults(data)
    split = data.splits["train"]
    labels = without_label(len(split), like=like.splits["train"].labels)
    return replace(
        split,
        name="unlabelled",
        labels=labels,
        naming=replace(split.naming, split_names=()),
        notes=data.notes,
    )


def read_source(
    source: str,
    *,
    columns: Columns,
    names: SplitNames,
    params: Mapping[str, Any],
    decoding: Decoding,
    params_at: str = "data.params",
) -> Data:
    """Read a data string as it is, without a check of its labels.

    Args:
        source: The data string.
        columns: Columns of inputs and labels; labels may be left unread.
        names: Names of the splits.
        params: Options of the scheme.
        decoding: How pictures become RGB.
        params_at: Path of the options in the settings, for messages.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids or labels cannot be used.
    """
    if ":" not in source and Path(source).exists():
        raise ConfigError(
            f"data {source!r} has no scheme; write folder:{source} for pictures, or table:{source} for "
            "tables"
        )
    scheme, rest = split_scheme(source, READERS, kind="data")
    given = {"source": rest, "columns": columns, "names": names}
    data: Data = bind(import_object(READERS[scheme]), given, params, where=params_at)
    splits = {role: _decoded(split, decoding) for role, split in data.splits.items()}
    return replace(data, splits=splits, notes=data.notes + _picture_notes(splits["train"].rows))


@contextmanager
def _naming_settings_of_unlabelled() -> Iterator[None]:
    """Name the settings of unlabelled rows in messages of readers, which know those of all rows."""
    try:
        yield
    except (ConfigError, DataError) as error:
        text = str(error)
        for name in ("train", "params"):
            text = text.replace(f"data.{name}", f"data.unlabelled_{name.replace('train', 'split')}")
        raise type(error)(f"data.unlabelled: {text}") from error


def _picture_notes(rows: Rows) -> tuple[str, ...]:
    if isinstance(rows, ImageTexts):
        rows = rows.images
    return picture_notes(rows) if isinstance(rows, ImageFiles | ImageColumn) else ()


def _decoded(split: Split, decoding: Decoding) -> Split:
    rows = split.rows
    if isinstance(rows, ImageFiles | ImageColumn | ImageTexts):
        return replace(split, rows=rows.with_decoding(decoding))
    return split


def _refuse_faults(data: Data) -> None:
    faults = [split.faults[number] for split in data.splits.values() for number in split.faults]
    if faults:
        more = len(faults) - 1
        also = f" (and {more} more such; 'tutelage check' lists them all)" if more else ""
        raise DataError(f"{faults[0]}{also}")
