"""The types of data: splits of rows, each row with a stable id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from jaxtyping import Shaped
from torch import Tensor

from tutelage.config.data import DataConfig
from tutelage.data.naming import Naming
from tutelage.data.templates import Template
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED, Kind

__all__ = [
    "UNLABELLED",
    "Columns",
    "Data",
    "Modality",
    "Origin",
    "Rows",
    "Side",
    "Split",
    "SplitNames",
    "TwoSided",
    "chained",
]

Modality = Literal["image", "text", "image+text"]
Side = Literal["image", "text"]
"""The part of a row that a teacher reads."""


@dataclass(frozen=True)
class Columns:
    """Roles of a table's columns; a None among ``image``, ``text`` and ``id`` is found automatically.

    Attributes:
        image: Column of images or image paths.
        text: Columns of texts; with a template, those that it names.
        template: The words around the columns of texts.
        label: Label column or columns; None leaves all labels unread.
        id: Column of row ids; False numbers the rows.
        separator: Separator of the names in a multi-label column of texts.
        task: Kind of task that the labels are for.
        like: Columns of the labelled rows, where these are rows without a label: they are taken where
            they are there, and the others are detected.
    """

    image: str | None = None
    text: tuple[str, ...] | None = None
    template: Template | None = None
    label: str | tuple[str, ...] | None = "label"
    id: str | Literal[False] | None = None
    separator: str | None = None
    task: Kind = "single-label"
    like: "Columns | None" = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, config: DataConfig) -> Self:
        """Return the columns that a config names.

        Raises:
            ConfigError: If its template cannot be parsed.
        """
        template = None if config.template is None else Template.parse(config.template)
        if template is not None:
            text: tuple[str, ...] | None = template.columns
        else:
            text = (config.text,) if isinstance(config.text, str) else config.text
        return cls(
            image=config.image,
            text=text,
            template=template,
            label=config.label,
            id=config.id,
            separator=config.label_separator,
            task=config.task,
        )

    def without_labels(self, *, like: "Columns | None" = None) -> Self:
        """Return the same columns of inputs, with labels unread."""
        return type(self)(
            image=self.image,
            text=self.text,
            template=self.template,
            label=None,
            id=self.id,
            like=like or Columns(),
        )


@dataclass(frozen=True)
class SplitNames:
    """Names of the splits in the data.

    Attributes:
        train: Name of the training split.
        test: Name of the test split.
        validation: Name of the validation split.
        read_test: Whether test rows are read; if not, their files are not opened.
        alone: Whether one split is asked for by its name, ``train``; no other is opened or told of.
    """

    train: str = "train"
    test: str = "test"
    validation: str = "validation"
    read_test: bool = True
    alone: bool = False

    @classmethod
    def of(cls, config: DataConfig) -> Self:
        """Return the names that a config gives; test rows are read if they are evaluated."""
        return cls(config.train, config.test, config.validation, config.evaluate == "test")

    @classmethod
    def one(cls, name: str) -> Self:
        """Return the names for reading one split, as if it were the training split."""
        return cls(train=name, read_test=False, alone=True)


@runtime_checkable
class Rows(Protocol):
    """The inputs of a split, decoded one at a time."""

    @property
    def modality(self) -> Modality:
        """Modality of every row."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An RGB ``PIL.Image.Image`` (image); a tuple of strings, one a column, or a ``Prompt`` (text);
        an ``ImageText`` of both."""

    def content(self, index: int) -> bytes:
        """The undecoded content of a row, whose digest is part of the cache key."""

    def select(self, indices: Sequence[int]) -> "Rows":
        """Return the rows with these numbers, in this order."""


@runtime_checkable
class TwoSided(Protocol):
    """Rows of an image and a text each."""

    def side(self, side: Side) -> Rows:
        """Return the images or the texts."""


@dataclass(frozen=True)
class Origin:
    """Position of selected rows in the split that was read.

    Attributes:
        split: Role of the split in the data: train, test, validation or unlabelled.
        ids: Ids of all rows of that split, in the data's order.
        numbers: The selected row numbers.
    """

    split: str
    ids: Sequence[str]
    numbers: Sequence[int]

    @property
    def rows(self) -> int:
        """Number of rows of that split."""
        return len(self.ids)


@dataclass(frozen=True)
class Split:
    """Rows with their ids and labels.

    Attributes:
        name: Name of the split.
        rows: The inputs.
        ids: Unique, stable id of each row.
        labels: Class numbers, ``UNLABELLED`` where unknown; or one column per label (0 and 1) or
            target, NaN where unknown.
        naming: What the ids are.
        selected_from: Position of the rows in the data; None for a whole split.
        faults: What is missing in rows that no run can use, by the row's number: a text, or the
            file of an image. ``read_data`` refuses them.
        notes: How rows from a source of their own, the unlabelled ones, were read; see ``Data``.
    """

    name: str
    rows: Rows
    ids: Sequence[str]
    labels: Shaped[Tensor, "rows ..."]
    naming: Naming = field(default=Naming(), kw_only=True)
    selected_from: Origin | None = field(default=None, kw_only=True)
    faults: Mapping[int, str] = field(default_factory=dict, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def origin(self) -> Origin:
        """Position of the rows in the split that was read."""
        return self.selected_from or Origin(self.name, self.ids, range(len(self)))

    @property
    def split_names(self) -> tuple[str, ...]:
        """What files made elsewhere may call the split that the rows were read from."""
        return self.naming.split_names or (self.origin.split,)

    def side(self, side: Side) -> "Split":
        """Return the same rows reduced to their images or texts.

        Raises:
            DataError: If the rows have only the other modality.
        """
        if self.rows.modality == side:
            return self
        if not isinstance(self.rows, TwoSided):
            raise DataError(f"the {self.name} rows are {self.rows.modality}s, not {side}s")
        return replace(self, rows=self.rows.side(side))

    def select(self, indices: Sequence[int], *, name: str | None = None) -> "Split":
        """Return the rows with these numbers, in this order."""
        before = self.origin
        return Split(
            name=name or self.name,
            rows=self.rows.select(indices),
            ids=[self.ids[i] for i in indices],
            labels=self.labels[list(indices)],
            naming=self.naming,
            selected_from=Origin(before.split, before.ids, [before.numbers[i] for i in indices]),
            faults=self.faults
            and {n: self.faults[i] for n, i in enumerate(indices) if i in self.faults},
        )


def chained(splits: Sequence[Split]) -> Split:
    """Concatenate splits of one modality.

    Ids may repeat in the result; look cached features up by the ids of the single splits.

    Args:
        splits: At least one split.
    """
    if len(splits) == 1:
        return splits[0]
    return Split(
        splits[0].name,
        _ChainedRows(tuple(split.rows for split in splits)),
        [name for split in splits for name in split.ids],
        torch.cat([split.labels for split in splits]),
    )


@dataclass(frozen=True)
class _ChainedRows:
    parts: tuple[Rows, ...]

    @property
    def modality(self) -> Modality:
        return self.parts[0].modality

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Any:
        rows, number = self._locate(index)
        return rows[number]

    def content(self, index: int) -> bytes:
        rows, number = self._locate(index)
        return rows.content(number)

    def select(self, indices: Sequence[int]) -> Rows:
        # One part per row: only a few rows are ever selected from a chain.
        located = (self._locate(index) for index in indices)
        return _ChainedRows(tuple(rows.select([number]) for rows, number in located))

    def side(self, side: Side) -> Rows:
        return _ChainedRows(
            tuple(rows.side(side) for rows in self.parts if isinstance(rows, TwoSided))
        )

    def _locate(self, index: int) -> tuple[Rows, int]:
        for rows in self.parts:
            if index < len(rows):
                return rows, index
            index -= len(rows)
        raise IndexError(f"there are {len(self)} rows")


@dataclass(frozen=True)
class Data:
    """All that was read of a data source.

    Attributes:
        splits: ``train``, and ``test`` and ``validation`` where the data has them.
        classes: Names of the classes, indexed by label; names of the columns if there are several
            labels or regression targets.
        modality: Modality of every row.
        has_test: Whether the source has test rows, even if they were not read.
        task: Kind of task that the labels are for.
        notes: How the source was read, where that is not plain: what was left out, and why.
        columns: The columns that were read, named or detected; None if it is no table.
        unread: Columns of texts or images that are not read.
    """

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality: Modality
    has_test: bool = False
    task: Kind = "single-label"
    notes: tuple[str, ...] = ()
    columns: Columns | None = None
    unread: tuple[str, ...] = ()
