"""Kinds of data: one file each, all giving the same thing, splits of rows with stable ids."""

from tutelage.datasets.base import Data, Modality, Rows, Split

__all__ = ["SCHEMES", "Data", "Modality", "Rows", "Split"]

SCHEMES = {
    "folder": "tutelage.datasets.folder:read_folder",
    "table": "tutelage.datasets.table:read_table",
    "hub": "tutelage.datasets.hub:read_hub",
    "python": "tutelage.datasets.python:read_python",
}
