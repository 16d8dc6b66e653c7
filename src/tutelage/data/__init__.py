"""Data sources, one file a kind; all return splits of rows with stable ids."""

from tutelage.data.base import (
    Columns,
    Data,
    Modality,
    Origin,
    Rows,
    Side,
    Split,
    SplitNames,
    chained,
)
from tutelage.data.naming import Naming
from tutelage.data.open import open_data
from tutelage.data.read import READERS, read_data, read_unlabelled
from tutelage.data.splits import Splits, choose_splits
from tutelage.data.summary import summarize
from tutelage.data.views import view_of

__all__ = [
    "READERS",
    "Columns",
    "Data",
    "Modality",
    "Naming",
    "Origin",
    "Rows",
    "Side",
    "Split",
    "SplitNames",
    "Splits",
    "chained",
    "choose_splits",
    "open_data",
    "read_data",
    "read_unlabelled",
    "summarize",
    "view_of",
]
