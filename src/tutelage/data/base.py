"""What all kinds of data become: named splits of rows, each row with a stable id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Shaped
from torch import Tensor

from tutelage.data.templates import Template
from tutelage.errors import DataError
from tutelage.tasks.base import UNLABELLED, Kind

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
"""What a teacher sees of a row."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table mean what; None where they are to be found by themselves.

    Attributes:
        text: With a template, its columns.
        template: What is said around the columns with text; see ``Template``.
        label: One, or several; None where labels are not to be read, whether there are some or not.
        separator: What stands between the names in a multi-label column of texts.
        task: What labels are.
    """

    image: str | None = None
    text: tuple[str, ...] | None = None
    template: Template | None = None
    label: str | tuple[str, ...] | None = "label"
    id: str | None = None
    separator: str | None = None
    task: Kind = "single-label"


@dataclass(frozen=True)
class SplitNames:
    """How the data calls its splits.

    Attributes:
        read_test: Whether test rows are to be read; if not, nothing of them is looked at.
    """

    train: str = "train"
    test: str = "test"
    validation: str = "validation"
    read_test: bool = True


class Rows(Protocol):
    """The inputs of a split, decoded one at a time."""

    @property
    def modality(self) -> Modality:
        """What every row is."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An RGB ``PIL.Image.Image`` (image); a tuple of strings, one a column, or a ``Prompt`` (text);
        an ``ImageText`` of both."""

    def content(self, index: int) -> bytes:
        """What a row is made of, undecoded: the cache's key covers a digest of it."""

    def select(self, indices: Sequence[int]) -> "Rows":
        """The rows with these numbers, in this order."""


@runtime_checkable
class TwoSided(Protocol):
    """Rows that are an image and a text each."""

    def side(self, side: Side) -> Rows:
        """The images, or the texts, alone."""


@dataclass(frozen=True)
class Origin:
    """Where rows stood before some were selected.

    Attributes:
        split: The split as the data has it.
        rows: How many rows that has.
        numbers: The rows' places in it.
    """

    split: str
    rows: int
    numbers: Sequence[int]


@dataclass(frozen=True)
class Split:
    """Rows with their ids and labels.

    Attributes:
        rows: The inputs.
        ids: One unique, stable id a row.
        labels: Class numbers, or ``UNLABELLED``; or a column each label (0 and 1) or target, and NaN
            where it is not known.
        selected_from: Where the rows stood in the data; None for a whole split.
    """

    name: str
    rows: Rows
    ids: Sequence[str]
    labels: Shaped[Tensor, "rows ..."]
    selected_from: Origin | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def origin(self) -> Origin:
        """Where the rows stand in the data as it was read."""
        return self.selected_from or Origin(self.name, len(self), range(len(self)))

    def side(self, side: Side) -> "Split":
        """The same rows with their images or their texts alone; as they are, if that is all they are.

        Raises:
            DataError: If they are of the other kind.
        """
        if self.rows.modality == side:
            return self
        if not isinstance(self.rows, TwoSided):
            raise DataError(f"the {self.name} rows are {self.rows.modality}s, not {side}s")
        return replace(self, rows=self.rows.side(side))

    def select(self, indices: Sequence[int], *, name: str | None = None) -> "Split":
        """The rows with these numbers, in this order."""
        before = self.origin
        return Split(
            name=name or self.name,
            rows=self.rows.select(indices),
            ids=[self.ids[i] for i in indices],
            labels=self.labels[list(indices)],
            selected_from=Origin(before.split, before.rows, [before.numbers[i] for i in indices]),
        )


def chained(splits: Sequence[Split]) -> Split:
    """Return several splits' rows one after another, as one split.

    Ids may stand twice in it: to find cached features by, use those of the single splits.

    Args:
        splits: At least one; of one modality.
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
        rows, place = self._find(index)
        return rows[place]

    def content(self, index: int) -> bytes:
        rows, place = self._find(index)
        return rows.content(place)

    def select(self, indices: Sequence[int]) -> Rows:
        # Each row as a part of one: only a few rows are ever selected from a chain.
        found = (self._find(index) for index in indices)
        return _ChainedRows(tuple(rows.select([place]) for rows, place in found))

    def side(self, side: Side) -> Rows:
        return _ChainedRows(
            tuple(rows.side(side) for rows in self.parts if isinstance(rows, TwoSided))
        )

    def _find(self, index: int) -> tuple[Rows, int]:
        for rows in self.parts:
            if index < len(rows):
                return rows, index
            index -= len(rows)
        raise IndexError(f"there are {len(self)} rows")


@dataclass(frozen=True)
class Data:
    """Everything that a source of data holds.

    Attributes:
        splits: ``train``, and ``test`` and ``validation`` where the data has them.
        classes: Their names: a label is a place in this. Of several labels or regression targets,
            the name of each column.
        modality: What every row is.
        has_test: Whether there are test rows, read or not.
        task: What labels are.
    """

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality: Modality
    has_test: bool = False
    task: Kind = "single-label"
