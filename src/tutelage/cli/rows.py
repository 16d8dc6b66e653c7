"""``tutelage rows``: write the id, label, split and path of every row of the data."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tutelage.config import DataConfig
from tutelage.data import read_data, read_unlabelled
from tutelage.data.row_table import row_table
from tutelage.errors import ConfigError
from tutelage.files import write_atomically, writing_to

__all__ = ["write_rows"]

IDS = {
    "column": "those of the data's column",
    "path": "paths in the data's folder",
    "number": "row numbers, which start at 0 in each split: keep the column split, too",
}


def write_rows(config: DataConfig, path: Path) -> str:
    """Write a csv file with a line for each row of all splits; return a summary.

    Cells are written as they are, also those that a spreadsheet program takes for a formula: ids must
    be read back unchanged.

    Args:
        config: The data. Test rows are listed whatever ``evaluate`` says.
        path: The file to write. An existing file is an error.

    Raises:
        ConfigError: If the file exists already, or is no csv file.
        OutputError: If it cannot be written.
        DataError: If the data cannot be read.
    """
    if path.suffix.lower() != ".csv":
        raise ConfigError(f"{path} is no csv file; choose a name with the ending .csv (--out)")
    if path.exists():
        raise ConfigError(f"{path} exists already; choose another name with --out")
    if not path.parent.is_dir():
        raise ConfigError(
            f"there is no folder {path.parent} for {path.name}; make it, or choose another"
        )
    config = config.model_copy(update={"evaluate": "test"})
    data = read_data(config)
    unlabelled = read_unlabelled(config, like=data)
    with writing_to(path, advice="choose another file with --out"):
        write_atomically(path, _csv(row_table(data, unlabelled)))
    splits = [*data.splits.values(), *([] if unlabelled is None else [unlabelled])]
    counts = ", ".join(f"{len(split)} {split.split_names[0]}" for split in splits)
    kinds = dict.fromkeys(split.naming.kind for split in splits)
    return f"wrote {path}: {counts} rows; ids are {' and '.join(IDS[kind] for kind in kinds)}"


def _csv(lines: Iterable[Sequence[str]]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for line in lines:
        writer.writerow(line)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
