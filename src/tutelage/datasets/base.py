"""What all kinds of data become: named splits of rows, each row with a stable id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from jaxtyping import Int64
from torch import Tensor

__all__ = ["UNLABELLED", "Data", "Modality", "Rows", "Split"]

Modality = Literal["image", "text"]
UNLABELLED = -100
"""The label of a row without one: ``torch.nn.CrossEntropyLoss`` leaves such rows out."""


class Rows(Protocol):
    """The inputs of a split, decoded one at a time."""

    modality: Modality

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any:
        """An RGB ``PIL.Image.Image`` (image), or a tuple of strings, one a column (text)."""

    def content(self, index: int) -> bytes:
        """What a row is made of, undecoded: the cache's key covers a digest of it."""

    def select(self, indices: Sequence[int]) -> "Rows": ...


@dataclass(frozen=True)
class Split:
    """Rows with their ids and labels.

    Attributes:
        rows: The inputs.
        ids: One unique, stable id a row.
        labels: Class numbers, or ``UNLABELLED``.
    """

    name: str
    rows: Rows
    ids: Sequence[str]
    labels: Int64[Tensor, " rows"]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, indices: Sequence[int], *, name: str | None = None) -> "Split":
        """The rows with these numbers, in this order."""
        return Split(
            name=name or self.name,
            rows=self.rows.select(indices),
            ids=[self.ids[i] for i in indices],
            labels=self.labels[list(indices)],
        )


@dataclass(frozen=True)
class Data:
    """Everything that a source of data holds."""

    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    modality: Modality
