"""A row's texts inside the words around them, told apart so that a long prompt is cut well."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import SupportsIndex, overload

__all__ = ["Prompt"]


@dataclass(frozen=True)
class Prompt(Sequence[str]):
    """A prompt: literals with fields between them.

    Whoever takes a row of texts may take it as a row of one text, the whole prompt.

    Attributes:
        literals: What the template says in front of each field, and behind the last.
        fields: What the row puts between them; one fewer than the literals.

    Example:
        >>> prompt = Prompt(("Review: ", "\\nSentiment:"), ("fine, if long",))
        >>> list(prompt)
        ['Review: fine, if long\\nSentiment:']
    """

    literals: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def text(self) -> str:
        """Everything together."""
        return "".join(self.pieces)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Literals and fields by turns, as they stand in the text."""
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
