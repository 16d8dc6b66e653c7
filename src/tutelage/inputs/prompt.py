"""Prompts: the texts of a row within the literal texts of a template."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import SupportsIndex, overload

__all__ = ["Prompt"]


@dataclass(frozen=True)
class Prompt(Sequence[str]):
    """Literal texts with fields between them; a prompt that is too long is cut in its fields.

    As a sequence, it is a row of one text, the whole prompt.

    Attributes:
        literals: Texts of the template before each field, and after the last.
        fields: Texts of the row; one fewer than the literals.

    Example:
        >>> prompt = Prompt(("Review: ", "\\nSentiment:"), ("fine, if long",))
        >>> list(prompt)
        ['Review: fine, if long\\nSentiment:']
    """

    literals: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole prompt."""
        return "".join(self.pieces)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Literals and fields in the order of the text."""
        pairs = zip(self.literals, self.fields, strict=False)
        return (*chain.from_iterable(pairs), self.literals[-1])

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> str | tuple[str, ...]:
        return (self.text,)[index]
