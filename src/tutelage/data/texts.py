"""Rows of texts, from one or several columns or a prompt template."""

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
    """Texts in Arrow columns, which all selections of their rows share.

    Attributes:
        columns: Columns of equal length without nulls; with a template, those that it names.
        numbers: Row numbers in the columns.
        template: The words around the columns; without one, a row is a tuple of strings.
    """

    columns: "tuple[ChunkedArray, ...]"
    numbers: Sequence[int]
    template: Template | None = None
    modality: Modality = field(default="text", init=False)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> tuple[str, ...] | Prompt:
        number = int(self.numbers[index])
        texts = tuple(column[number].as_py() for column in self.columns)
        return texts if self.template is None else self.template.filled(texts)

    def content(self, index: int) -> bytes:
        """Return the texts, each preceded by its length; a prompt's literals are included."""
        row = self[index]
        texts = row.pieces if isinstance(row, Prompt) else row
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        parts = (len(text).to_bytes(8, "little") + text for text in encoded)
        return b"".join([b"template" if isinstance(row, Prompt) else b"", *parts])

    def select(self, indices: Sequence[int]) -> "TextColumns":
        """Return the rows with these numbers."""
        return TextColumns(self.columns, [self.numbers[i] for i in indices], self.template)
