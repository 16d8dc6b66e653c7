"""Rows that are texts: one or several columns of strings, or a prompt made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tutelage.data.base import Modality
from tutelage.data.templates import Template
from tutelage.inputs import Prompt

if TYPE_CHECKING:
    from pyarrow import ChunkedArray  # type: ignore[import-untyped]

__all__ = ["TextColumns"]


@dataclass(frozen=True)
class TextColumns:
    """Texts in Arrow columns, which are shared by all selections of their rows.

    Attributes:
        columns: One or several, of equal length and without gaps; with a template, its columns.
        places: Which rows of the columns these are.
        template: What is said around the columns; without it a row is a tuple of strings.
    """

    columns: "tuple[ChunkedArray, ...]"
    places: Sequence[int]
    template: Template | None = None
    modality: Modality = field(default="text", init=False)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[str, ...] | Prompt:
        place = int(self.places[index])
        texts = tuple(column[place].as_py() for column in self.columns)
        return texts if self.template is None else self.template.filled(texts)

    def content(self, index: int) -> bytes:
        """The texts, each with its length in front; of a prompt its literals too."""
        row = self[index]
        texts = row.pieces if isinstance(row, Prompt) else row
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        parts = (len(text).to_bytes(8, "little") + text for text in encoded)
        return b"".join([b"template" if isinstance(row, Prompt) else b"", *parts])

    def select(self, indices: Sequence[int]) -> "TextColumns":
        """Some of the rows."""
        return TextColumns(self.columns, [self.places[i] for i in indices], self.template)
