"""Rows that are texts: one or several columns of strings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tutelage.datasets.base import Modality

if TYPE_CHECKING:
    from pyarrow import ChunkedArray  # type: ignore[import-untyped]

__all__ = ["TextColumns"]


@dataclass(frozen=True)
class TextColumns:
    """Texts in Arrow columns, which are shared by all selections of their rows.

    Attributes:
        columns: One or several, of equal length and without gaps.
        places: Which rows of the columns these are.
    """

    columns: "tuple[ChunkedArray, ...]"
    places: Sequence[int]
    modality: Modality = field(default="text", init=False)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        place = int(self.places[index])
        return tuple(column[place].as_py() for column in self.columns)

    def content(self, index: int) -> bytes:
        """The texts, each with its length in front."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in self[index]]
        return b"".join(len(text).to_bytes(8, "little") + text for text in encoded)

    def select(self, indices: Sequence[int]) -> "TextColumns":
        """Some of the rows."""
        return TextColumns(self.columns, [self.places[i] for i in indices])
