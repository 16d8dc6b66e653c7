"""What all kinds of data become: named splits of rows, each row with a stable id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from jaxtyping import Int64
from torch import Tensor

__all__ = ["UNLABELLED", "Columns", "Data", "Modality", "Origin", "Rows", "Split", "SplitNames"]

Modality = Literal["image", "text"]
UNLABELLED = -100
"""The label of a row without one: ``torch.nn.CrossEntropyLoss`` leaves such rows out."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table mean what; None where they are to be found by themselves."""

    image: str | None = None
    text: tuple[str, ...] | None = None
    label: str = "label"
    id: str | None = None


@dataclass(frozen=True)
class SplitNames:
    """How the data calls its splits."""

    train: str = "train"
    test: str = "test"
    validation: str = "validation"


class Rows(Protocol):
    """The inputs of a split, decoded one at a time."""

    @property
    def modality(self) -> Modality:
        """What every row is."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An RGB ``PIL.Image.Image`` (image), or a tuple of strings, one a column (text)."""

    def content(self, index: int) -> bytes:
        """What a row is made of, undecoded: the cache's key covers a digest of it."""

    def select(self, indices: Sequence[int]) -> "Rows":
        """The rows with these numbers, in this order."""


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
        labels: Class numbers, or ``UNLABELLED``.
        selected_from: Where the rows stood in the data; None for a whole split.
    """

    name: str
    rows: Rows
    ids: Sequence[str]
    labels: Int64[Tensor, " rows"]
    selected_from: Origin | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def origin(self) -> Origin:
        """Where the rows stand in the data as it was read."""
        return self.selected_from or Origin(self.name, len(self), range(len(self)))

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


@dataclass(frozen=True)
class Data:
    """Everything that a source of data holds.

    Attributes:
        splits: ``train``, and ``test`` and ``validation`` where the data has them.
        classes: Their names; a label is a place in this.
        modality: What every row is.
    """

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality: Modality
