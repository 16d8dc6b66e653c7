"""Teachers whose features are in files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from tutelage.data.base import Split
from tutelage.data.orders import ListingOrder
from tutelage.errors import SourceError
from tutelage.teachers.arrays import (
    FeatureColumns,
    FeatureFile,
    RowNames,
    open_file,
    path_mistakes,
    read_row_names,
)
from tutelage.teachers.digests import files_digest
from tutelage.teachers.matching import (
    IdIndex,
    places_in_order,
    refuse_renumbered,
    refuse_shared_ids,
)

__all__ = ["FeaturesSource", "mistakes"]

PLACE = "{split}"
SPLITS = ("validation", "test", "unlabelled")
"""Splits besides ``train`` whose files, if they exist, are part of the identity."""


def mistakes(name: str) -> list[str]:
    """Return what is known to be wrong with a teacher before its files are opened."""
    return path_mistakes(Path(name.replace(PLACE, "train")).expanduser())


class FeaturesSource:
    """Features in npy, safetensors or parquet files, one row per example.

    Rows are matched by id where the file has ids: columns ``id`` and ``split`` of a parquet file, or of
    a csv file ``rows`` with a line for each row of the array. Without ``split``, the ids must tell apart
    all rows of the data. Other files have one row for each row of the split, in the same order, and one
    file per split: ``features:emb_{split}.npy``.

    Args:
        name: Path of the file, with ``{split}`` for train, test, validation or unlabelled.
        column: Name of the features in parquet and safetensors files.
        id: Name of the column of ids.
        split: Name of the column of splits; empty if ids alone identify a row.
        rows: A csv file that names each row of the array, such as ``tutelage rows`` writes.
        order: Order of an array without ids, for folders of images: ``"rows"`` (that of
            ``tutelage rows``: by path), ``"imagefolder"`` (torchvision) or ``"timm"``.

    Raises:
        SourceError: If there is no such file, or it contains no matrix of numbers.
    """

    def __init__(
        self,
        name: str,
        *,
        column: str = "features",
        id: str = "id",
        split: str = "split",
        rows: str | None = None,
        order: ListingOrder | None = None,
    ) -> None:
        self.parameters: int | None = None
        self._name = name
        self._columns = FeatureColumns(column, id, split)
        self._rows = rows
        self._order = order
        self._open: dict[str, FeatureFile] = {}
        self._indices: dict[Path, IdIndex | None] = {}
        self._placed: dict[str, tuple[Sequence[str], Sequence[int]]] = {}
        self.width = self._file("train").shape[1]

    def identity(self) -> Mapping[str, str]:
        """Return a digest of the files' content, and the columns that rows are matched by."""
        usual = FeatureColumns()
        identity = {
            "scheme": "features",
            "column": self._columns.features,
            "content": self._content,
        }
        if self._columns.id != usual.id:
            identity["id"] = self._columns.id
        if self._columns.split != usual.split:
            identity["split"] = self._columns.split
        if self._rows is not None:
            identity["rows"] = files_digest(self._existing(self._rows))
        if self._order not in (None, "rows"):
            identity["order"] = str(self._order)
        return identity

    @cached_property
    def _content(self) -> str:
        return files_digest(self._existing(self._name))

    def _existing(self, name: str) -> list[Path]:
        """The training rows' file, and those of other splits that there are."""
        first = _path(name, "train")
        if PLACE not in name:
            return [first]
        beside = [_path(name, split) for split in SPLITS]
        return [first, *(path for path in beside if path.is_file())]

    def read(self, split: Split, rows: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return the features of some rows of a split.

        Raises:
            SourceError: If a row has no features, or the number of rows differs.
        """
        file = self._file(split.origin.split)
        return file.rows(self._places(file, split, rows))

    def check(self, splits: Sequence[Split], *, needed: Sequence[Split]) -> None:
        """Refuse files whose rows cannot be matched to the data's, before features are read.

        Args:
            splits: All rows of every split of the data, and of its unlabelled source.
            needed: Rows whose features are needed.

        Raises:
            SourceError: If a row has no features, or more than one row of the file may be meant.
        """
        for split in needed:
            file = self._file(split.origin.split)
            index = self._index(file, split)
            if index is not None and None in index.places and PLACE not in self._name:
                refuse_shared_ids(file.path, splits)
            if index is not None:
                for whole in splits:
                    if whole.origin.ids is split.origin.ids:
                        refuse_renumbered(index, whole)
            self._places(file, split, range(len(split)))

    def _places(self, file: FeatureFile, split: Split, rows: Sequence[int]) -> Sequence[int]:
        """The row numbers in the file of some rows of a split."""
        index = self._index(file, split)
        if index is not None:
            if self._order is not None:
                raise SourceError(
                    f"{file.path} has ids, by which its rows are matched; remove teachers.params.order"
                )
            return index.find(split, rows)
        if PLACE not in self._name:
            raise SourceError(
                f"{file.path} has no ids, so it cannot be told which split its rows are of; "
                "name one file a split, as in features:emb_{split}.npy, or give a parquet file "
                "with ids"
            )
        origin = split.origin
        ids, places = self._placed.get(origin.split, (None, ()))
        if ids is not origin.ids:
            places = places_in_order(file.path, split, rows=file.shape[0], order=self._order)
            self._placed[origin.split] = (origin.ids, places)
        return [places[origin.numbers[row]] for row in rows]

    def _index(self, file: FeatureFile, split: Split) -> IdIndex | None:
        if file.path not in self._indices:
            names = self._names(file, split.origin.split)
            self._indices[file.path] = None if names is None else IdIndex.of(file.path, names)
        return self._indices[file.path]

    def _names(self, file: FeatureFile, split: str) -> RowNames | None:
        names = file.read_names()
        if self._rows is None:
            if file.path.suffix != ".parquet":
                self._columns.refuse_unknown(file.path, ())
            return names
        if names is not None:
            raise SourceError(f"{file.path} has ids of its own; remove teachers.params.rows")
        path = _path(self._rows, split)
        names = read_row_names(path, self._columns)
        if len(names.ids) != file.shape[0]:
            raise SourceError(
                f"{path} names {len(names.ids)} rows, but {file.path} has {file.shape[0]}; there must "
                "be a line for each, in the same order"
            )
        return names

    def _file(self, split: str) -> FeatureFile:
        if split not in self._open:
            self._open[split] = open_file(_path(self._name, split), columns=self._columns)
            widths = {file.shape[1] for file in self._open.values()}
            if len(widths) > 1:
                raise SourceError(f"the files {self._name} have different widths: {sorted(widths)}")
        return self._open[split]


def _path(name: str, split: str) -> Path:
    return Path(name.replace(PLACE, split)).expanduser()
