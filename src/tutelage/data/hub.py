"""Data sets of the Hugging Face hub, or of a folder with the same layout."""

import os
from functools import partial
from pathlib import Path

import datasets
from datasets import Dataset, DatasetDict
from datasets.exceptions import DatasetNotFoundError, DatasetsError
from huggingface_hub import constants

from tutelage.data.base import Columns, Data, SplitNames
from tutelage.data.tables import Place, Table, from_tables, quiet
from tutelage.errors import DataError, first_line

__all__ = ["read_hub"]


def read_hub(
    source: str,
    *,
    columns: Columns,
    names: SplitNames,
    revision: str | None = None,
    outside_paths: bool = False,
) -> Data:
    """Load a data set by its name, without running code that comes with it.

    Args:
        source: ``NAME`` or ``NAME/CONFIG``, where ``NAME`` may have an owner in front.
        columns: Columns to use.
        names: Names of the splits.
        revision: Branch, tag or commit.
        outside_paths: Whether image paths may lead out of the data set's folder, or, for one of
            the hub, of the current folder and the hub's local cache.

    Raises:
        DataError: If there is no such data set, or it is not in the local cache while offline.
    """
    with quiet():
        loaded = _load(source, revision)
        tables = {
            str(name): partial(Table, rows, f"the split {name!r} of hub:{source}")
            for name, rows in loaded.items()
        }
        place = Place(Path.cwd(), None if outside_paths else _homes(source))
        return from_tables(tables, columns=columns, names=names, where=source, place=place)


def _homes(source: str) -> tuple[Path, ...]:
    """Return the folders in which a data set's images may be."""
    if Path(source).is_dir():
        return (Path(source).absolute(),)
    caches = (constants.HF_HUB_CACHE, datasets.config.HF_DATASETS_CACHE)
    return (Path.cwd(), *(Path(cache).absolute() for cache in caches))


def _load(source: str, revision: str | None) -> dict[str, Dataset]:
    parts = source.split("/")
    tries: list[tuple[str, str | None]]
    if Path(source).is_dir():
        tries = [(source, None)]
    elif len(parts) == 2:
        tries = [(source, None), (parts[0], parts[1])]
    elif len(parts) == 3:
        tries = [("/".join(parts[:2]), parts[2])]
    else:
        tries = [(source, None)]
    failures: list[str] = []
    for name, config in tries:
        try:
            loaded = datasets.load_dataset(name, config, revision=revision)
        except (DatasetNotFoundError, ConnectionError, FileNotFoundError) as error:
            failures.append(first_line(error))
        except (DatasetsError, ValueError, RuntimeError, OSError) as error:
            raise DataError(f"hub:{source} cannot be loaded: {first_line(error)}") from error
        else:
            if not isinstance(loaded, DatasetDict):
                raise DataError(f"hub:{source} has no splits")
            return dict(loaded)
    offline = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("HF_DATASETS_OFFLINE")
    raise DataError(
        f"there is no data set {source!r} on the hub or in its local cache: {failures[0]}. "
        + (
            "The hub is switched off (HF_HUB_OFFLINE); unset that to download it once, or use "
            "table: or folder: with local files"
            if offline
            else "Check the name (NAME or NAME/CONFIG) and the network"
        )
    )
