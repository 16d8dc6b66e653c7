"""Teachers whose features are in files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from tutelage.data.base import Split
from tutelage.errors import SourceError
from tutelage.teachers.arrays import FeatureFile, open_file, path_mistakes
from tutelage.teachers.digests import files_digest

__all__ = ["FeaturesSource", "mistakes"]

PLACE = "{split}"
SPLITS = ("validation", "test", "unlabelled")
"""Splits besides ``train`` whose files, if they exist, are part of the identity."""


def mistakes(name: str) -> list[str]:
    """Return what is known to be wrong with a teacher before its files are opened."""
    return path_mistakes(Path(name.replace(PLACE, "train")).expanduser())


class FeaturesSource:
    """Features in npy, safetensors or parquet files, one row per example.

    A parquet file with a column ``id`` is matched by ids. Other files have one row for each row of
    the split, in the same order, and one file per split: ``features:emb_{split}.npy``.

    Args:
        name: Path of the file, with ``{split}`` for the name of the split.
        column: Name of the features in parquet and safetensors files.
        id: Name of the id column in parquet files.

    Raises:
        SourceError: If there is no such file, or it contains no matrix of numbers.
    """

    def __init__(self, name: str, *, column: str = "features", id: str = "id") -> None:
        self.parameters: int | None = None
        self._name = name
        self._column = column
        self._id = id
        self._open: dict[str, FeatureFile] = {}
        self._places: dict[str, Mapping[str, int]] = {}
        self.width = self._file("train").shape[1]

    def identity(self) -> Mapping[str, str]:
        """Return a digest of the files' content."""
        return {"scheme": "features", "column": self._column, "content": self._content}

    @cached_property
    def _content(self) -> str:
        if PLACE not in self._name:
            return files_digest([Path(self._name).expanduser()])
        first = self._file("train").path
        beside = [Path(self._name.replace(PLACE, split)).expanduser() for split in SPLITS]
        return files_digest([first, *(path for path in beside if path.is_file())])

    def read(self, split: Split, rows: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return the features of some rows of a split.

        Raises:
            SourceError: If a row has no features, or the number of rows differs.
        """
        origin = split.origin
        file = self._file(origin.split)
        if file.ids is None:
            if PLACE not in self._name:
                raise SourceError(
                    f"{file.path} has no ids, so it cannot be told which split its rows are of; "
                    "name one file a split, as in features:emb_{split}.npy, or give a parquet file "
                    "with ids"
                )
            if file.shape[0] != origin.rows:
                raise SourceError(
                    f"{file.path} has {file.shape[0]} rows, but the {origin.split} split has "
                    f"{origin.rows}; without ids there must be one row for each, in the same order"
                )
            return file.rows([origin.numbers[row] for row in rows])
        places = self._places_of(file)
        wanted = [split.ids[row] for row in rows]
        missing = [name for name in wanted if name not in places]
        if missing:
            absent = sum(name not in places for name in split.ids)
            raise SourceError(
                f"{file.path} has no features for the row {missing[0]!r} of the {split.name} split "
                f"({absent} of {len(split)} rows have none); its ids look like "
                f"{next(iter(places), 'nothing')!r}"
            )
        return file.rows([places[name] for name in wanted])

    def _file(self, split: str) -> FeatureFile:
        path = Path(self._name.replace(PLACE, split)).expanduser()
        if split not in self._open:
            self._open[split] = open_file(path, column=self._column, id_column=self._id)
            widths = {file.shape[1] for file in self._open.values()}
            if len(widths) > 1:
                raise SourceError(f"the files {self._name} have different widths: {sorted(widths)}")
        return self._open[split]

    def _places_of(self, file: FeatureFile) -> Mapping[str, int]:
        key = str(file.path)
        if key not in self._places:
            places: dict[str, int] = {}
            for place, name in enumerate(file.ids or ()):
                if places.setdefault(name, place) != place:
                    raise SourceError(f"{file.path} has the id {name!r} twice; ids must be unique")
            self._places[key] = places
        return self._places[key]
