"""Folders that ``datasets`` saved by ``save_to_disk``."""

from functools import partial
from pathlib import Path

import datasets
from datasets import Dataset

from tutelage.data.tables.columns import Table
from tutelage.errors import DataError, first_line

__all__ = ["is_saved", "saved_tables"]

SPLITS = "dataset_dict.json"
ONE_SPLIT = "state.json"


def is_saved(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote a folder."""
    return (folder / SPLITS).is_file() or (folder / ONE_SPLIT).is_file()


def saved_tables(folder: Path) -> dict[str, partial[Table]]:
    """Return functions that give each split; a folder of one split is the training rows.

    Raises:
        DataError: If the folder is damaged.
    """
    try:
        saved = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder} cannot be read as a folder of datasets' save_to_disk: {first_line(error)}"
        ) from error
    splits = {"train": saved} if isinstance(saved, Dataset) else dict(saved)
    return {
        str(name): partial(Table, rows.with_format(None), f"the split {name!r} of {folder}")
        for name, rows in splits.items()
    }
