"""Table files: csv, tsv, jsonl, json, parquet, arrow; and folders that ``datasets`` saved."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import datasets
from datasets import Dataset, concatenate_datasets

from tutelage.data.base import Columns, Data, SplitNames
from tutelage.data.roles import find_roles
from tutelage.data.tables.columns import Table, from_tables
from tutelage.data.tables.delimited import read_delimited
from tutelage.data.tables.dialects import Dialect
from tutelage.data.tables.encodings import as_utf8
from tutelage.data.tables.files import BINARY, TableFiles, find_files, table_kind
from tutelage.data.tables.json_files import as_rows, as_written
from tutelage.data.tables.places import Place
from tutelage.data.tables.plain_text import is_text_file, read_text_lines
from tutelage.data.tables.saved import is_saved, saved_tables
from tutelage.errors import ConfigError, DataError, TutelageError, first_line
from tutelage.files import missing_content

__all__ = ["quiet", "read_table"]

IN_MEMORY = 2**28
"""Bytes up to which a file is read into memory; of a larger one a temporary copy is mapped."""
INDEX = "__index_level_0__"
"""Column of a parquet file in which pandas keeps its index."""


def read_table(
    source: str,
    *,
    columns: Columns,
    names: SplitNames,
    delimiter: str | None = None,
    quoting: bool | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: list[str] | None = None,
    outside_paths: bool = False,
) -> Data:
    """Read one file as training rows, or a folder of files named after their splits.

    The id of a row is its ``id`` column, else its number. Image paths are relative to the file's
    folder. Values of csv files are read as text: ``007`` stays ``007``, and ``NA`` is a text.

    Args:
        source: A file, or a folder with files such as ``train.csv``; shards such as
            ``train-00000-of-00002.parquet`` are one split. Or a folder of ``save_to_disk``.
        columns: Columns to use.
        names: Names of the splits' files.
        delimiter: Separator of values in a csv file; by default a comma, in tsv files a tab; where
            the first line has none, a semicolon, tab, bar or comma.
        quoting: Whether a value of a csv file that begins with a quotation mark extends to the
            closing one; by default yes, but not in files with tabs in which some value begins
            with a mark and does not end with one.
        escape: Character before quotation marks inside of values in a csv file, such as a
            backslash; by default marks are doubled.
        encoding: Encoding of csv and json files, such as ``"cp1252"``; by default UTF-8, or UTF-16
            if the file begins with its mark.
        header: Names of the columns of a csv file whose first line is already a row.
        outside_paths: Whether image paths may lead out of the file's folder: absolute ones, by
            ``..``, or through a link.

    Raises:
        ConfigError: If an option cannot be used.
        DataError: If files or columns are missing, or cannot be read or used.
    """
    path = Path(source).expanduser()
    dialect = Dialect(delimiter, quoting, escape, None if header is None else tuple(header))
    if columns.like is not None and is_text_file(path):
        return _lines_of(path, columns, names, encoding=encoding)
    with quiet():
        files = TableFiles({}) if is_saved(path) else find_files(path)
        _refuse_unused(files, dialect, encoding, path)
        if columns.like is not None and names.train == "train":
            files = _as_one(files, where=str(path))
        tables = {
            name: partial(_read_split, shards, dialect=dialect, encoding=encoding)
            for name, shards in files.splits.items()
        } or saved_tables(path)
        root = (path if path.is_dir() else path.parent).absolute()
        return from_tables(
            tables,
            columns=columns,
            names=names,
            where=str(path),
            place=Place(root, None if outside_paths else (root,)),
            notes=files.notes,
        )


def _lines_of(path: Path, columns: Columns, names: SplitNames, *, encoding: str | None) -> Data:
    """Read a text file as rows without a label, one a line."""
    like = columns.like or Columns()
    texts = columns.text or like.text or ("text",)
    if len(texts) > 1:
        raise DataError(
            f"{path} has one text a line, but a row is made of {', '.join(texts)}; give a table with "
            "these columns"
        )
    return from_tables(
        {path.stem: partial(read_text_lines, path, column=texts[0], encoding=encoding)},
        columns=replace(columns, text=texts, id=False),
        names=names,
        where=str(path),
        place=Place(path.parent.absolute(), None),
    )


def _as_one(files: TableFiles, *, where: str) -> TableFiles:
    """Return several tables of unlabelled rows, of which none is named like a split, as one."""
    splits = files.splits
    if len(splits) < 2 or find_roles(splits, names=SplitNames(), where=where, required=False):
        return files
    every = tuple(file for shards in splits.values() for file in shards)
    note = f"the tables {', '.join(splits)} are read as one"
    return TableFiles({"train": every}, (*files.notes, note))


def _refuse_unused(files: TableFiles, dialect: Dialect, encoding: str | None, path: Path) -> None:
    """Refuse settings of csv or text files where there are none."""
    known = [table_kind(file) for shards in files.splits.values() for file in shards]
    kinds = {kind[0] for kind in known if kind is not None}
    given = [name for name, value in vars(dialect).items() if value is not None]
    if given and not kinds & {"csv", "tsv"}:
        raise ConfigError(
            f"data.params.{given[0]} is of csv files, and {path} has none; leave it out"
        )
    if encoding is not None and kinds <= BINARY:
        raise ConfigError(
            f"data.params.encoding is of csv and json files, and {path} has none; leave it out"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the progress bars of ``datasets``, and its lines about errors that it raises as well."""
    hidden = datasets.are_progress_bars_disabled()
    level = datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not hidden:
            datasets.enable_progress_bars()


def _read_split(files: Sequence[Path], *, dialect: Dialect, encoding: str | None) -> Table:
    """Read the shards of a split as one table."""
    small = sum(file.stat().st_size for file in files) <= IN_MEMORY
    tables, notes = [], []
    for file in files:
        table, remarks = _read(file, dialect=dialect, encoding=encoding, in_memory=small)
        tables.append(table)
        notes += [f"{file.name}: {remark}" for remark in remarks]
    name = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more shards"
    for file, table in zip(files[1:], tables[1:], strict=True):
        if set(table.column_names) != set(tables[0].column_names):
            raise DataError(
                f"{files[0]} has the columns {', '.join(tables[0].column_names)}, but {file} has "
                f"{', '.join(table.column_names)}; shards of a split must have the same"
            )
    if len(tables) == 1:
        return Table(tables[0], name, tuple(notes))
    try:
        joined = concatenate_datasets([t.select_columns(tables[0].column_names) for t in tables])
    except ValueError as error:
        raise DataError(f"{name} cannot be one table: {first_line(error)}") from error
    return Table(joined, name, tuple(notes))


def _read(
    file: Path, *, dialect: Dialect, encoding: str | None, in_memory: bool
) -> tuple[Dataset, list[str]]:
    if absent := missing_content(file):
        raise DataError(f"{file} cannot be read: {absent}")
    known_table = table_kind(file)
    assert known_table is not None
    kind = known_table[0]
    try:
        if kind in BINARY:
            table = _load(kind, file, in_memory=in_memory)
            if INDEX not in table.column_names:
                return table, []
            return table.remove_columns(INDEX), [f"column {INDEX} (pandas' index) is not read"]
        with as_utf8(file, encoding=encoding) as (path, known), _folder() as folder:
            if path.stat().st_size == 0:
                raise DataError(f"{file} is empty")
            notes = [] if known == "utf-8" else [f"its encoding is {known}"]
            if kind == "json":
                path, more = as_rows(path, folder, name=str(file))
                table = as_written(_load(kind, path, in_memory=in_memory), path)
            else:
                spill = None if in_memory else Path(tempfile.mkdtemp(dir=_scratch().name)) / "rows"
                tabs = kind == "tsv"
                table, more = read_delimited(path, dialect, name=str(file), tabs=tabs, spill=spill)
            return table, notes + more
    except TutelageError:
        raise
    except (OSError, ValueError, TypeError, datasets.exceptions.DatasetsError) as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        raise DataError(f"{file} cannot be read as {kind}: {first_line(reason)}") from error


def _load(kind: str, file: Path, *, in_memory: bool) -> Dataset:
    """Read a file by ``datasets``, through a copy in a temporary folder."""
    with _folder() if in_memory else _kept_folder() as folder:
        loaded = datasets.load_dataset(
            kind,
            data_files={"train": str(file)},
            split="train",
            cache_dir=str(folder),
            keep_in_memory=in_memory,
        )
        assert isinstance(loaded, Dataset)
        return loaded


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tutelage-") as folder:
        yield Path(folder)


@contextmanager
def _kept_folder() -> Iterator[Path]:
    yield Path(_scratch().name)


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="tutelage-")
