"""Data returned by a user's function."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from tutelage.data.base import Columns, Data, SplitNames
from tutelage.data.tables import Place, Table, from_tables
from tutelage.errors import DataError, first_line
from tutelage.registry import call_user_factory

__all__ = ["read_python"]


def read_python(source: str, *, columns: Columns, names: SplitNames, **params: Any) -> Data:
    """Call ``module:function`` with ``data.params`` and convert what it returns.

    The function returns a ``Data``, or a mapping from split names to ``datasets.Dataset`` or lists
    of dicts with a ``label`` and texts or images. Paths of images may lead anywhere.

    Args:
        source: ``module:function``; the module is installed, or in the current folder.
        columns: Columns to use.
        names: Names of the splits.
        **params: Arguments of the function.

    Raises:
        ConfigError: If there is no such function, or it does not take the params.
        DataError: If it raises, or returns something else.
    """
    returned = call_user_factory(source, {}, params, where="data.params", kind=DataError)
    if isinstance(returned, Data):
        return returned
    if not isinstance(returned, Mapping):
        raise DataError(
            f"python:{source} returned {type(returned).__name__}; it must return a mapping from split "
            "names to datasets.Dataset or lists of dicts"
        )
    tables = {
        str(name): partial(_table, rows, source, str(name)) for name, rows in returned.items()
    }
    place = Place(Path.cwd(), None)  # the paths are by the user's own code
    return from_tables(tables, columns=columns, names=names, where=f"python:{source}", place=place)


def _table(rows: Any, source: str, name: str) -> Table:
    where = f"the split {name!r} of python:{source}"
    if isinstance(rows, Dataset):
        return Table(rows, where)
    if isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        try:
            # Not from_list, which knows the columns of the first row alone.
            columns = dict.fromkeys(name for row in rows for name in row)
            return Table(
                Dataset.from_dict({name: [row.get(name) for row in rows] for name in columns}),
                where,
            )
        except (TypeError, ValueError) as error:  # from Arrow, for a column of several types
            raise DataError(
                f"the {name} rows of python:{source} are no table: {first_line(error)}"
            ) from error
    raise DataError(
        f"the {name} rows of python:{source} are {type(rows).__name__}; give a "
        "datasets.Dataset, or a list of dicts with at least one row"
    )
