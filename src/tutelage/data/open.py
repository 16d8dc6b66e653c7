"""From the settings of the data to the rows of a run: read the source, draw the splits."""

from dataclasses import replace

from tutelage.config.data import DataConfig
from tutelage.data.base import Data
from tutelage.data.read import read_data, read_unlabelled
from tutelage.data.splits import Splits, choose_splits

__all__ = ["open_data"]


def open_data(config: DataConfig) -> tuple[Data, Splits]:
    """Read the data, and choose the rows to train and to evaluate on.

    Args:
        config: The settings under ``[data]``.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids or labels cannot be used, or a split cannot be drawn.
    """
    data = read_data(config)
    unlabelled = read_unlabelled(config, like=data)
    if unlabelled is not None:
        more = tuple(f"unlabelled rows: {note}" for note in unlabelled.notes)
        data = replace(data, notes=data.notes + more)
    return data, choose_splits(data, config, unlabelled=unlabelled)
