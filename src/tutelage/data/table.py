"""Table files: csv, tsv, jsonl, json, parquet."""

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, Features, Value

from tutelage.data.base import Columns, Data, SplitNames
from tutelage.data.columns import from_tables
from tutelage.errors import DataError, did_you_mean, first_line

__all__ = ["quiet", "read_table"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
IN_MEMORY = 2**28
"""Bytes up to which a file is read into memory; of a larger one a temporary copy is mapped."""


def read_table(
    source: str, *, columns: Columns, names: SplitNames, delimiter: str | None = None
) -> Data:
    """Read one file as training rows, or a folder of files named after their splits.

    The id of a row is its ``id`` column, else its number. Image paths are relative to the file's
    folder. Values of csv files are read as text: ``007`` stays ``007``, and ``NA`` is a text.

    Args:
        source: A file, or a folder with files such as ``train.csv``.
        columns: Columns to use.
        names: Names of the splits' files.
        delimiter: Separator of values in a csv file; by default a comma, in tsv files a tab.

    Raises:
        DataError: If files or columns are missing, or cannot be read or used.
    """
    path = Path(source).expanduser()
    files = _files(path)
    with quiet():
        tables = {n: partial(_read, file, delimiter=delimiter) for n, file in files.items()}
        root = path if path.is_dir() else path.parent
        return from_tables(
            tables, columns=columns, names=names, where=str(path), root=root.absolute()
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the progress bars of ``datasets``."""
    hidden = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not hidden:
            datasets.enable_progress_bars()


def _files(path: Path) -> dict[str, Path]:
    known = ", ".join(FORMATS)
    if path.is_file():
        if path.suffix.lower() not in FORMATS:
            raise DataError(f"{path} is not a table; known endings are {known}")
        return {path.stem: path}
    if not path.is_dir():
        siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        raise DataError(f"there is no table {path}{did_you_mean(path.name, siblings)}")
    files: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in FORMATS and not file.name.startswith("."):
            if file.is_dir():
                raise DataError(
                    f"{file} is a folder, not a table; name a folder whose files are tables, or "
                    "give this one another name"
                )
            if file.stem in files:
                raise DataError(
                    f"{files[file.stem]} and {file} are both a table of the split {file.stem!r}; "
                    "remove one"
                )
            files[file.stem] = file
    if not files:
        raise DataError(f"the folder {path} has no tables; known endings are {known}")
    return files


def _read(file: Path, *, delimiter: str | None) -> Dataset:
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty")
    kind = FORMATS[file.suffix.lower()]
    options: dict[str, Any] = {}
    if kind == "csv":
        options["sep"] = delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")
        options["features"] = Features(
            dict.fromkeys(_header(file, options["sep"]), Value("string"))
        )
        options["keep_default_na"] = False
        options["na_filter"] = False
    small = file.stat().st_size <= IN_MEMORY
    try:
        if small:
            with tempfile.TemporaryDirectory(prefix="tutelage-") as folder:
                return _load(kind, file, folder, options, in_memory=True)
        return _load(kind, file, _scratch().name, options, in_memory=False)
    except DataError:
        raise
    except (OSError, ValueError, TypeError, datasets.exceptions.DatasetsError) as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        raise DataError(f"{file} cannot be read as {kind}: {first_line(reason)}") from error


def _load(
    kind: str, file: Path, folder: str, options: dict[str, Any], *, in_memory: bool
) -> Dataset:
    loaded = datasets.load_dataset(
        kind,
        data_files={"train": str(file)},
        split="train",
        cache_dir=folder,
        keep_in_memory=in_memory,
        **options,
    )
    assert isinstance(loaded, Dataset)
    return loaded


def _header(file: Path, delimiter: str) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines, delimiter=delimiter), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 ({error.reason}); save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"the first line of {file} cannot be read as csv: {error}") from None
    if not header or len(set(header)) < len(header) or not all(header):
        raise DataError(
            f"the first line of {file} must name each column once, but is: {', '.join(header)}"
        )
    return header


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="tutelage-")
